"""Learning rates over a run, and when something is due."""

import pytest

from gaugan.schedule import is_due, learning_rate_factor
from gaugan.settings import Training


def factors(*shown, in_all=100, **training):
    return [learning_rate_factor(images, in_all, training=Training(**training)) for images in shown]


def test_learning_rates_are_constant_then_fall_to_zero():
    assert factors(0, 50, 75, 100, decay_from=0.5) == [1, 1, 0.5, 0]


def test_learning_rates_at_the_start_of_each_epoch_are_those_of_the_reference():
    # Two epochs that stay and four that fall, 50 photos each, as its --niter 2 --niter_decay 4.
    found = factors(*range(0, 300, 50), in_all=300, decay_from=2 / 6)

    assert [1e-4 * factor for factor in found] == pytest.approx([1e-4, 1e-4, 1e-4, 7.5e-5, 5e-5, 2.5e-5])


def test_learning_rates_stay_when_nothing_decays():
    assert factors(99, decay_from=1.0) == [1]


def test_a_cosine_falls_slowly_then_fast_then_slowly():
    assert factors(50, 75, 100, decay_from=0.5, decay="cosine") == pytest.approx([1, 0.5, 0])
    assert factors(60, decay_from=0.5, decay="cosine")[0] > factors(60, decay_from=0.5)[0]


def test_learning_rates_rise_while_warming_up():
    assert factors(0, 5, 10, 20, warmup_images=10) == [0, 0.5, 1, 1]


def test_an_interval_is_due_when_a_batch_passes_it():
    assert [is_due(shown, 10, 4) for shown in (4, 8, 12, 16, 20, 24)] == [False, False, True, False, True, False]


def test_an_interval_of_nothing_is_never_due():
    assert not is_due(4, 0, 4)
