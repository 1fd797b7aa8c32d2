"""What goes wrong in a training, in plain words while it runs."""

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gaugan.settings import Settings

WINDOW_STEPS = 200
"""Steps that means are taken over: the verdicts of a single small batch swing by as much as their margin."""
JUDGED_EVERY_STEPS = 100
WARM_UP_STEPS = 300
"""Steps before the first judgement, which looks back on the last of them alone: networks begin with pictures that are
all alike and a discriminator that knows nothing, and the reader begins with nothing read ahead."""
SOON, LONG = 2, 5
"""Judgements in a row, 100 steps apart, in which a fault must be seen: soon where it cannot mend itself, long where the
game of the two networks may turn. Steps that were skipped are known for sure, at once."""

SURE = {"hinge": 2.0, "original": 4.0}
"""By adversarial loss: verdicts, up for photos and down for pictures, from which on the loss is about zero.
Hinge: the margin is 1, and verdicts spread by less than 1 around their mean. Original: odds of 50 to 1, a loss of 0.02.
A discriminator of segments is told by its log-odds, as `original`. Wasserstein has no end."""
SURE_LEAST_SQUARES = 0.95
"""Least squares wants 1 for photos and 0 for pictures: nearer together than this, and there is a loss."""
ALIKE = 0.05
"""Verdicts on photos and pictures that are this near, or the wrong way round; the preset tiny keeps them 0.5 apart."""
COLLAPSED_SPREAD = 0.1
"""Pictures of different maps that differ by less than this share of what their photos do; after 50 steps of the preset
tiny, blurry as they are, it is a half."""
SATURATED = 0.2
"""Share of values at the ends of their range, above that of the photos, whose skies may be white."""
WAITED = 0.3
"""Share of the time: below it, more reading would make the training less than half as quick again."""
SKIPPED = 0.1
"""Share of steps: with bf16 and rare batches a few are no loss."""


@dataclass(frozen=True, kw_only=True)
class Signs:
    """What a step tells of how the training goes.

    verdict_real, verdict_fake: means of the discriminator's verdicts on photos and on pictures.
    saturated, photos_saturated: shares of the values of pictures and of photos that lie beyond +-0.99.
    spread: deviation over the pictures of the batch, a mean over pixels, divided by that of the photos; None where
    the batch is one, or its photos are one.
    waited: share of the step's time, 0 to 1, in which the batch was waited for.
    skipped: whether nothing was learned, because a number was none; then only `waited` counts beside it.
    """

    images_shown: int
    verdict_real: float
    verdict_fake: float
    saturated: float
    photos_saturated: float = 0.0
    spread: float | None
    waited: float
    skipped: bool


@dataclass(frozen=True, kw_only=True)
class Means:
    """Signs over a window of steps, NaN where there are none; and the loss that the verdicts come from."""

    adversarial: str
    verdict_real: float
    verdict_fake: float
    saturated: float
    spread: float
    waited: float
    skipped: float


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A way to go wrong: how it is seen, in how many judgements in a row before it is said, and what is said."""

    is_seen: Callable[[Means], bool]
    judgements: int
    sentence: str


class Diagnosis:
    """Told the signs of every step, it answers now and then with what goes wrong; it knows the sitting only.

    adversarial: the loss that the verdicts come from.
    """

    def __init__(self, adversarial: str = "hinge") -> None:
        self.adversarial = adversarial
        self.window: deque[Signs] = deque(maxlen=WINDOW_STEPS)
        self.steps = 0
        self.seen = [0] * len(FAULTS)

    @classmethod
    def of(cls, settings: Settings) -> "Diagnosis":
        """As a run of these settings is judged."""
        is_odds = settings.model.discriminator == "segments"
        return cls("original" if is_odds else settings.losses.adversarial)

    def look(self, signs: Signs) -> list[str]:
        """Sentences that hold now, each with what to try; the same again as long as they hold, and mostly none."""
        self.window.append(signs)
        self.steps += 1
        if self.steps < WARM_UP_STEPS or self.steps % JUDGED_EVERY_STEPS:
            return []
        now = means(self.window, self.adversarial)
        self.seen = [count + 1 if fault.is_seen(now) else 0 for fault, count in zip(FAULTS, self.seen, strict=True)]
        return [fault.sentence for fault, count in zip(FAULTS, self.seen, strict=True) if count >= fault.judgements]


def means(window: Iterable[Signs], adversarial: str) -> Means:
    steps = list(window)
    taught = [signs for signs in steps if not signs.skipped]
    return Means(
        adversarial=adversarial,
        verdict_real=mean(signs.verdict_real for signs in taught),
        verdict_fake=mean(signs.verdict_fake for signs in taught),
        saturated=mean(signs.saturated - signs.photos_saturated for signs in taught),
        spread=mean(signs.spread for signs in taught if signs.spread is not None),
        waited=mean(signs.waited for signs in steps),
        skipped=mean(float(signs.skipped) for signs in steps),
    )


def mean(values: Iterable[float]) -> float:
    """NaN, which is neither above nor below anything, where there are no values."""
    numbers = list(values)
    return sum(numbers) / len(numbers) if numbers else math.nan


def is_sure(now: Means) -> bool:
    """Whether the discriminator's loss is about zero, for photos and for pictures."""
    if now.adversarial == "least_squares":
        return now.verdict_real - now.verdict_fake > SURE_LEAST_SQUARES
    sure = SURE.get(now.adversarial, math.inf)
    return now.verdict_real > sure and now.verdict_fake < -sure


FAULTS = (
    Fault(
        is_seen=is_sure,
        judgements=LONG,
        sentence="the discriminator is sure of every photo and every picture, so its loss is about zero and the "
        "generator hardly learns from it any more. Lower optimizer.discriminator_learning_rate, switch on "
        "augmentation.colour, augmentation.translation or augmentation.cutout, or train on more photos",
    ),
    Fault(
        is_seen=lambda now: now.verdict_real - now.verdict_fake < ALIKE,
        judgements=LONG,
        sentence="the discriminator cannot tell pictures from photos, so what it teaches the generator is chance. "
        "Raise optimizer.discriminator_learning_rate or model.discriminator_width, or, where pictures are changed for "
        "it, lower augmentation.translation and augmentation.cutout",
    ),
    Fault(
        is_seen=lambda now: now.spread < COLLAPSED_SPREAD,
        judgements=SOON,
        sentence="pictures of different label maps are nearly the same: they differ by less than "
        f"{COLLAPSED_SPREAD:.0%} of what their photos do, so the generator does not heed the labels. Lower "
        "optimizer.generator_learning_rate, or raise losses.features",
    ),
    Fault(
        is_seen=lambda now: now.saturated > SATURATED,
        judgements=SOON,
        sentence=f"more than {SATURATED:.0%} of the values of pictures, beyond what photos have, lie at an end of "
        "their range, black or full colour, where the generator no longer learns. Lower "
        "optimizer.generator_learning_rate, or let training.warmup_images raise it slowly",
    ),
    Fault(
        is_seen=lambda now: now.waited > WAITED,
        judgements=SOON,
        sentence=f"more than {WAITED:.0%} of the time goes by waiting for photos to be read. Raise data.workers, up "
        "to the cores there are; or, if it goes on when every photo was shown once, raise data.cache_mb, so that "
        "all of them are kept decoded",
    ),
    Fault(
        is_seen=lambda now: now.skipped > SKIPPED,
        judgements=1,
        sentence=f"more than {SKIPPED:.0%} of the steps taught nothing, because losses or gradients were no numbers. "
        "Lower optimizer.generator_learning_rate and optimizer.discriminator_learning_rate, raise "
        "training.warmup_images, or set training.precision=float32",
    ),
)
