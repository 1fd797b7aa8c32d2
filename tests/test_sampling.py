"""The order of an epoch: each photo once, or as often as its rarest class asks for."""

from collections import Counter

import pytest
import torch

from gaugan.randomness import generator
from gaugan.sampling import epoch_order, repeat_factors, repeats

FACTORS = [1.0, 2.5, 1.0, 1.3, 4.0, 1.0, 1.0]


def shares(*rows):
    """Of two classes and of unknown."""
    return torch.tensor(rows)


def test_a_class_in_a_quarter_of_the_photos_doubles_its_photo():
    of_photos = shares([0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0])

    assert repeat_factors(of_photos, balance=1.0) == [2, 1, 1, 1]


def test_a_class_as_frequent_as_the_balance_is_not_rare():
    of_photos = shares([0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0])

    assert repeat_factors(of_photos, balance=0.25) == [1, 1, 1, 1]


def test_without_balance_all_photos_are_alike():
    assert repeat_factors(shares([0.5, 0.5, 0.0], [1.0, 0.0, 0.0]), balance=0.0) == [1, 1]


def test_the_rarest_class_of_a_photo_says_how_often_it_is_shown():
    of_photos = torch.zeros(16, 4)
    of_photos[0, :3] = of_photos[1:4, 1] = of_photos[1:16, 0] = 0.3  # 16, 4 and 1 photos have classes 0, 1 and 2

    assert repeat_factors(of_photos, balance=1.0) == [4, 2, 2, 2] + 12 * [1]


@pytest.mark.parametrize(("share", "factor"), [(0.01, 2), (0.0099, 1)])
def test_a_photo_has_the_classes_that_cover_a_hundredth_of_it(share, factor):
    of_photos = shares([1 - share, share, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0])

    assert repeat_factors(of_photos, balance=1.0)[0] == factor


def test_unknown_is_no_rare_class():
    of_photos = shares([0.5, 0.0, 0.5], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0])

    assert repeat_factors(of_photos, balance=1.0) == [1, 1, 1, 1]


def test_a_photo_without_any_class_is_shown_like_others():
    assert repeat_factors(shares([0.0, 0.0, 1.0], [1.0, 0.0, 0.0]), balance=0.5) == [1, 1]


def test_an_order_is_a_permutation_of_its_own_generator():
    expected = torch.randperm(9, generator=generator(5, "order", 2)).tolist()

    assert epoch_order(9, seed=5, epoch=2) == expected


@pytest.mark.parametrize("factor", [1.0, 0.1, 1.7, 3.0])
def test_factors_all_alike_change_nothing(factor):
    for epoch in range(50):
        assert epoch_order(7, seed=0, epoch=epoch, factors=7 * [factor]) == epoch_order(7, seed=0, epoch=epoch)


def test_three_times_the_factor_is_three_times_the_share():
    for epoch in range(50):
        shown = Counter(epoch_order(4, seed=0, epoch=epoch, factors=[3.0, 1.0, 1.0, 1.0]))

        assert shown[0] == 2
        assert max(shown[1], shown[2], shown[3]) == 1


def test_an_epoch_shows_as_many_photos_as_there_are():
    assert {len(epoch_order(7, seed=0, epoch=epoch, factors=FACTORS)) for epoch in range(50)} == {7}


def test_every_photo_is_shown_its_number_of_times_rounded_up_or_down():
    expected = [7 * factor / sum(FACTORS) for factor in FACTORS]

    for epoch in range(50):
        shown = Counter(epoch_order(7, seed=1, epoch=epoch, factors=FACTORS))
        assert all(abs(shown[index] - expected[index]) < 1 for index in range(7))


def test_over_many_epochs_photos_are_shown_in_proportion():
    shown = Counter(index for epoch in range(2000) for index in epoch_order(7, seed=0, epoch=epoch, factors=FACTORS))

    for index, factor in enumerate(FACTORS):
        assert shown[index] / 14_000 == pytest.approx(factor / sum(FACTORS), abs=0.01)


def test_a_photo_shown_twice_is_shown_anywhere_in_the_epoch():
    orders = [epoch_order(4, seed=0, epoch=epoch, factors=[3.0, 1.0, 1.0, 1.0]) for epoch in range(40)]
    gaps = {max(i for i in range(4) if order[i] == 0) - order.index(0) for order in orders}

    assert gaps == {1, 2, 3}


def test_epochs_differ_in_what_they_leave_out():
    left_out = {
        min({0, 1, 2, 3} - set(epoch_order(4, seed=0, epoch=k, factors=[3.0, 1.0, 1.0, 1.0]))) for k in range(40)
    }

    assert left_out == {1, 2, 3}


def test_an_order_is_a_function_of_seed_and_epoch():
    order = epoch_order(7, seed=3, epoch=4, factors=FACTORS)

    assert order == epoch_order(7, seed=3, epoch=4, factors=FACTORS)


def test_repeats_count_what_was_shown_before():
    assert repeats([2, 0, 2, 2, 0]) == [0, 0, 1, 2, 1]
