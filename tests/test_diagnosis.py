"""The diagnosis: silent while a training is well, and a sentence that names settings for each way to go wrong."""

import math
import random
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from gaugan.config import load_settings
from gaugan.diagnosis import FAULTS, WARM_UP_STEPS, Diagnosis, Signs
from gaugan.settings import Settings

WELL = Signs(
    images_shown=0,
    verdict_real=0.4,
    verdict_fake=-0.6,
    saturated=0.01,
    photos_saturated=0.01,
    spread=0.7,
    waited=0.05,
    skipped=False,
)
TINY = (
    *((0.00, -0.03, 0.54), (-0.01, -0.28, 0.79), (0.09, -0.44, 0.85), (0.18, -0.55, 0.88), (0.13, -0.47, 0.89)),
    *((0.15, -0.47, 0.93), (0.16, -0.45, 0.95), (0.18, -0.39, 0.97), (0.23, -0.42, 0.95), (0.14, -0.42, 0.99)),
)
"""Verdicts on photos, on pictures, and spread in a run of the preset tiny on drawn landscapes, means over 50 steps."""


def told(steps: int, signs: Signs | Callable[[int], Signs], adversarial: str = "hinge") -> list[tuple[int, str]]:
    """What is said of so many steps, with the step at which it is."""
    diagnosis, said = Diagnosis(adversarial), []
    for step in range(1, steps + 1):
        said += [(step, line) for line in diagnosis.look(signs(step) if callable(signs) else signs)]
    return said


def begins_with(said: list[tuple[int, str]]) -> set[str]:
    return {" ".join(line.split()[:3]) for _, line in said}


def test_nothing_is_said_of_a_training_that_is_well() -> None:
    assert told(3000, WELL) == []


def test_nothing_is_said_of_verdicts_that_swing() -> None:
    dice = random.Random(0)

    def swinging(step: int) -> Signs:
        turn = math.sin(step / 150)
        real, fake = dice.gauss(0.8 + 0.6 * turn, 1), dice.gauss(-0.8 + 0.6 * turn, 1)
        return replace(WELL, verdict_real=real, verdict_fake=fake, waited=dice.choice([0, 0, 0, 0.9]))

    assert told(3000, swinging) == []


def test_nothing_is_said_of_a_real_run() -> None:
    def recorded(step: int) -> Signs:
        real, fake, spread = TINY[min((step - 1) // 50, len(TINY) - 1)]
        return replace(WELL, verdict_real=real, verdict_fake=fake, spread=spread, saturated=0.0, photos_saturated=0.002)

    assert told(1000, recorded) == []


def test_nothing_is_said_of_the_first_steps_whatever_they_are() -> None:
    sick = replace(WELL, verdict_real=0.0, verdict_fake=0.0, saturated=1.0, spread=0.0, waited=1.0, skipped=True)

    assert told(WARM_UP_STEPS - 1, sick) == []
    assert told(4 * WARM_UP_STEPS, lambda step: sick if step <= 100 else WELL) == []


@pytest.mark.parametrize(
    ("adversarial", "sure"), [("hinge", (2.5, -2.5)), ("original", (5.0, -5.0)), ("least_squares", (0.99, 0.01))]
)
def test_a_discriminator_that_wins_for_long_is_told(adversarial: str, sure: tuple[float, float]) -> None:
    real, fake = sure

    said = told(2000, replace(WELL, verdict_real=real, verdict_fake=fake), adversarial)

    assert said[0][0] == 700
    assert begins_with(said) == {"the discriminator is"}
    assert "optimizer.discriminator_learning_rate" in said[0][1] and "augmentation.colour" in said[0][1]


@pytest.mark.parametrize(
    ("adversarial", "real", "fake"),
    [("hinge", 2.5, -1.5), ("hinge", 1.5, -2.5), ("original", 3.0, -3.0), ("wasserstein", 50.0, -50.0)],
)
def test_a_discriminator_that_still_has_a_loss_has_not_won(adversarial: str, real: float, fake: float) -> None:
    assert told(2000, replace(WELL, verdict_real=real, verdict_fake=fake), adversarial) == []


def test_a_discriminator_that_wins_for_a_while_is_left_alone() -> None:
    sure = replace(WELL, verdict_real=3.0, verdict_fake=-3.0)

    assert told(2000, lambda step: sure if 600 < step <= 1000 else WELL) == []


@pytest.mark.parametrize(("real", "fake"), [(0.01, 0.0), (-0.5, 0.5), (1.5, 1.48)])
def test_a_discriminator_that_loses_for_long_is_told(real: float, fake: float) -> None:
    said = told(1000, replace(WELL, verdict_real=real, verdict_fake=fake))

    assert said[0][0] == 700
    assert begins_with(said) == {"the discriminator cannot"}


def test_pictures_that_are_all_alike_are_told() -> None:
    said = told(1000, replace(WELL, spread=0.05))

    assert said[0][0] == 400
    assert begins_with(said) == {"pictures of different"}
    assert "less than 10% of what their photos do" in said[0][1]


def test_a_batch_of_one_has_no_spread_to_judge() -> None:
    assert told(1000, replace(WELL, spread=None)) == []


def test_saturated_pictures_are_told() -> None:
    assert begins_with(told(1000, replace(WELL, saturated=0.3))) == {"more than 20%"}


def test_pictures_as_saturated_as_their_photos_are_well() -> None:
    assert told(1000, replace(WELL, saturated=0.3, photos_saturated=0.25)) == []


def test_a_slow_reader_is_told() -> None:
    said = told(1000, replace(WELL, waited=0.4))

    assert begins_with(said) == {"more than 30%"}
    assert "data.workers" in said[0][1] and "data.cache_mb" in said[0][1]


def test_many_skipped_steps_are_told_though_they_tell_nothing_else() -> None:
    nothing = replace(WELL, verdict_real=math.nan, verdict_fake=math.nan, saturated=math.nan, skipped=True)

    said = told(1000, lambda step: nothing if step % 5 == 0 else WELL)

    assert said[0][0] == 300
    assert begins_with(said) == {"more than 10%"}
    assert begins_with(told(1000, nothing)) == {"more than 10%"}


def test_a_few_skipped_steps_are_well() -> None:
    assert told(1000, lambda step: replace(WELL, skipped=step % 50 == 0)) == []


def test_what_is_mended_is_no_longer_said() -> None:
    said = told(2000, lambda step: replace(WELL, waited=0.9 if step <= 600 else 0.0))

    assert said[-1][0] == 700


def test_several_things_can_go_wrong_at_once() -> None:
    said = told(400, replace(WELL, saturated=0.5, spread=0.0))

    assert begins_with(said) == {"pictures of different", "more than 20%"}


def test_every_setting_that_is_named_is_one() -> None:
    sections = Settings.model_fields
    named = set(re.findall(r"\b([a-z]+)\.([a-z_]+)", " ".join(fault.sentence for fault in FAULTS)))

    assert len(named) >= 10
    for section, name in named:
        assert name in sections[section].annotation.model_fields


@pytest.mark.parametrize(
    ("assignments", "adversarial"),
    [
        ((), "hinge"),
        (("losses.adversarial=wasserstein",), "wasserstein"),
        (("model.discriminator=segments",), "original"),
    ],
)
def test_verdicts_are_judged_as_the_settings_mean_them(assignments: tuple[str, ...], adversarial: str) -> None:
    assert Diagnosis.of(load_settings("tiny", assignments)).adversarial == adversarial
