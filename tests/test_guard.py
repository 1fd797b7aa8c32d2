"""Which gradients are sound, and the count of steps that were skipped."""

import json
import math

import pytest

from gaugan.guard import EXPLODES, MOST_IN_A_ROW, Guard


@pytest.mark.parametrize("norm", [math.nan, math.inf])
def test_gradients_that_are_not_finite_are_no_use(norm):
    assert not Guard().admits("generator", norm)


def test_gradients_thousands_of_times_longer_than_before_are_no_use():
    guard = Guard()
    guard.admits("generator", 1.0)

    assert guard.admits("generator", 0.9 * EXPLODES)
    assert not guard.admits("generator", 0.9 * EXPLODES**2 + 1e6)


def test_gradients_of_nothing_make_nothing_an_explosion():
    guard = Guard()
    guard.admits("discriminator", 0.0)

    assert guard.admits("discriminator", 5.0)


def test_each_optimizer_has_its_own_measure():
    guard = Guard()
    guard.admits("generator", 1e-6)

    assert guard.admits("discriminator", 1.0)


def test_an_explosion_does_not_become_the_measure():
    guard = Guard()
    guard.admits("generator", 1.0)
    guard.admits("generator", 1e6)

    assert not guard.admits("generator", 1e6)


def test_many_gradients_of_nothing_change_no_measure():
    guard = Guard()
    guard.admits("discriminator", 1.0)
    for _ in range(7000):
        guard.admits("discriminator", 0.0)

    assert guard.admits("discriminator", 1.0)


@pytest.mark.parametrize("first", [1e-5, 1e-12])
def test_a_measure_that_was_too_short_is_soon_right(first):
    guard = Guard()
    guard.admits("generator", first)

    refused = [guard.admits("generator", 0.5) for _ in range(MOST_IN_A_ROW)].count(False)

    assert refused < MOST_IN_A_ROW / 2


def test_gradients_that_stay_exploded_end_a_run():
    guard = Guard()
    guard.admits("generator", 1.0)

    assert not any(guard.admits("generator", 1e20) for _ in range(MOST_IN_A_ROW))


def test_skipped_steps_are_counted_in_all_and_in_a_row():
    guard = Guard()
    for skipped in (True, True, False, True):
        guard.count(skipped=skipped)

    assert (guard.skipped, guard.in_a_row) == (3, 1)


def test_ten_in_a_row_are_no_accident():
    guard = Guard()
    for _ in range(MOST_IN_A_ROW):
        assert not guard.gives_up
        guard.count(skipped=True)

    assert guard.gives_up


def test_what_it_knows_comes_back_exactly_from_json():
    guard, other = Guard(), Guard()
    guard.admits("generator", 0.1 + 0.2)
    guard.count(skipped=True)
    other.load(json.loads(json.dumps(guard.state())))

    assert other.state() == guard.state()


def test_a_checkpoint_that_knows_nothing_of_it_begins_anew():
    guard = Guard()
    guard.load({})

    assert guard.state() == Guard().state()
