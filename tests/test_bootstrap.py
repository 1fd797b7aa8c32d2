"""Intervals hold what they should, and are those of sets that were drawn by hand."""

import math

import pytest
import torch

from gaugan import bootstrap
from gaugan.bootstrap import (
    interval,
    interval_of_frechet_distance,
    interval_of_kernel_difference,
    interval_of_kernel_distance,
    interval_of_mean,
)
from gaugan.metrics import frechet_distance, kernel_distance

PAIRS = [(interval_of_kernel_distance, kernel_distance), (interval_of_frechet_distance, frechet_distance)]
OF_DISTANCES = [of for of, _ in PAIRS]


def vectors(number: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(number, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def drawn(monkeypatch):
    """Sets the maps that are drawn, a row a round."""

    def draw(*rounds: list[int]) -> None:
        monkeypatch.setattr(bootstrap, "_drawn", lambda *_: torch.tensor(rounds))
        monkeypatch.setattr(bootstrap, "LEAST_GROUPS", 2)

    return draw


def test_an_interval_leaves_out_the_lowest_and_the_highest_fortieth(monkeypatch):
    monkeypatch.setattr(bootstrap, "_drawn", lambda *_: torch.arange(1001)[:, None])
    assert interval(lambda maps: maps.item() / 1000, 1001, seed=0) == pytest.approx((0.025, 0.975))


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution_where_there_are_many():
    values = vectors(400, 1)[:, 0]
    low, high = interval_of_mean(values, seed=0, rounds=4000)
    error = values.std().item() / 400**0.5
    assert low == pytest.approx(values.mean().item() - 1.96 * error, abs=0.1 * error)
    assert high == pytest.approx(values.mean().item() + 1.96 * error, abs=0.1 * error)


def test_what_is_the_same_on_every_map_has_an_interval_without_width():
    assert interval_of_mean(torch.full((20,), 0.25), seed=0) == (0.25, 0.25)


def test_paired_differences_are_known_better_than_the_means_they_are_of():
    one = vectors(50, 1)[:, 0]
    other = one + 0.2 + 0.01 * vectors(50, 1, seed=1)[:, 0]
    low, high = interval_of_mean(other - one, seed=0)
    assert 0.19 < low < high < 0.21
    assert interval_of_mean(one, seed=0)[1] > interval_of_mean(other, seed=0)[0]


@pytest.mark.parametrize("of", OF_DISTANCES)
def test_the_same_seed_gives_the_same_interval_and_another_one_a_near_one(of):
    x, y = vectors(60, 5), vectors(60, 5, seed=1) + 0.5
    first = of(x, y, seed=0)
    assert of(x, y, seed=0) == first
    other = of(x, y, seed=1)
    assert other != first
    assert other == pytest.approx(first, rel=0.3)


@pytest.mark.parametrize(("of", "distance"), PAIRS)
def test_the_interval_of_a_distance_lies_about_what_is_measured(of, distance):
    x, y = vectors(80, 5), vectors(80, 5, seed=1) + 0.5
    low, high = of(x, y, seed=0)
    assert 0 < low < distance(x, y) < high


@pytest.mark.parametrize(("of", "distance"), PAIRS)
def test_every_map_drawn_once_gives_the_distance_itself(of, distance, drawn):
    drawn([2, 0, 1, 3])
    x, y = vectors(4, 3), vectors(4, 3, seed=1)
    assert of(x, y, seed=0, rounds=1) == pytest.approx((distance(x, y),) * 2)


def test_a_map_that_is_drawn_twice_is_not_compared_with_itself(drawn):
    drawn([0, 0, 1])
    photos, pictures = torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([[1.0], [2.0], [9.0]])
    # Pairs of photos: 0 x 1 alone, so 1; of pictures: 1 x 2 alone, so 27.
    # Across: 0 x 1 twice and 1 x 2 once for the maps themselves; 0 x 2 twice and 1 x 1 twice.
    across = (2 * 1 + 27 + 2 * 1 + 2 * 8) / 7
    expected = 1 + 27 - 2 * across
    assert interval_of_kernel_distance(photos, pictures, seed=0) == pytest.approx((expected, expected))


def test_the_kernel_distance_of_drawn_maps_is_in_the_mean_the_measured_one():
    x, y = vectors(12, 3), vectors(12, 3, seed=1) + 0.5
    maps = bootstrap.Drawn(12, None, 0, 20_000)
    rounds = bootstrap._mean_within(x, maps) + bootstrap._farness(x, y, maps)
    assert rounds.mean().item() == pytest.approx(kernel_distance(x, y), abs=4 * rounds.std().item() / 20_000**0.5)


def test_the_frechet_distance_of_drawn_maps_is_that_of_their_vectors_repeated():
    x, y, maps = vectors(30, 5), vectors(30, 5, seed=1), torch.randint(30, (30,), generator=torch.Generator())
    counts = maps.bincount(minlength=30)
    assert frechet_distance(x, y, counts=counts) == pytest.approx(frechet_distance(x[maps], y[maps]))


def test_the_frechet_distance_of_drawn_maps_is_that_where_there_are_fewer_maps_than_numbers():
    x, y, maps = vectors(8, 20), vectors(8, 20, seed=1), torch.tensor([0, 0, 0, 3, 4, 4, 6, 7])
    counts = maps.bincount(minlength=8)
    assert frechet_distance(x, y, counts=counts) == pytest.approx(frechet_distance(x[maps], y[maps]))


def test_a_run_that_is_clearly_better_is_so_in_every_round():
    photos = vectors(60, 5)
    good, bad = vectors(60, 5, seed=1) + 0.2, vectors(60, 5, seed=2) + 1
    low, high = interval_of_kernel_difference(photos, bad, good, seed=0)
    assert 0 < low < high
    assert interval_of_kernel_difference(photos, good, bad, seed=0) == pytest.approx((-high, -low))


def test_a_run_is_no_better_than_itself():
    photos, pictures = vectors(60, 5), vectors(60, 5, seed=1)
    assert interval_of_kernel_difference(photos, pictures, pictures, seed=0) == (0, 0)


def test_the_difference_of_two_runs_lies_about_what_is_measured():
    photos, one, other = vectors(60, 5), vectors(60, 5, seed=1) + 0.5, vectors(60, 5, seed=2) + 0.4
    low, high = interval_of_kernel_difference(photos, one, other, seed=0)
    assert low < kernel_distance(photos, one) - kernel_distance(photos, other) < high


def test_an_interval_does_not_depend_on_how_many_rows_are_taken_at_once(monkeypatch):
    x, y = vectors(25, 3), vectors(25, 3, seed=1)
    whole = interval_of_kernel_distance(x, y, seed=0)
    monkeypatch.setattr(bootstrap, "ROWS_AT_ONCE", 7)
    assert interval_of_kernel_distance(x, y, seed=0) == pytest.approx(whole)


@pytest.mark.parametrize("number", [0, 1, 9])
def test_of_few_maps_nothing_is_said(number):
    x = vectors(number, 3)
    said = [
        interval_of_mean(x[:, 0], seed=0),
        interval_of_kernel_distance(x, x, seed=0),
        interval_of_kernel_difference(x, x, x, seed=0),
        interval_of_frechet_distance(x, x, seed=0),
    ]
    assert all(math.isnan(end) for ends in said for end in ends)


def test_a_number_that_is_none_leaves_no_interval():
    x = vectors(20, 3)
    broken = x.index_fill(0, torch.tensor([3]), math.nan)
    said = [
        interval_of_mean(broken[:, 0], seed=0),
        interval_of_kernel_distance(x, broken, seed=0),
        interval_of_kernel_difference(x, x, broken, seed=0),
        interval_of_frechet_distance(x, broken, seed=0),
    ]
    assert all(math.isnan(end) for ends in said for end in ends)


@pytest.mark.parametrize("of", OF_DISTANCES)
def test_sets_that_are_not_of_the_same_maps_are_refused(of):
    with pytest.raises(ValueError, match=r"are \(20, 3\) and \(19, 3\), expected \(N, D\), row by row of one map"):
        of(vectors(20, 3), vectors(19, 3), seed=0)


# Groups: maps that are alike, as those of a burst are

GROUPS = [number // 6 for number in range(120)]


def test_a_group_is_drawn_as_a_whole(drawn):
    drawn([1, 1])
    seen = []
    interval(lambda maps: seen.append(maps.tolist()) or 0.0, 3, seed=0, groups=[7, 2, 7])
    assert seen == [[0, 0, 2, 2]]


def test_the_interval_of_groups_of_equal_maps_is_that_of_one_map_of_each():
    values = vectors(20, 1)[:, 0]
    assert interval_of_mean(values.repeat_interleave(6), seed=0, groups=GROUPS) == pytest.approx(
        interval_of_mean(values, seed=0)
    )


def test_the_interval_holds_what_it_should_of_maps_that_come_in_groups():
    held = 0
    for seed in range(200):
        values = vectors(20, 1, seed)[:, 0].repeat_interleave(6) + 0.2 * vectors(120, 1, seed + 1000)[:, 0]
        low, high = interval_of_mean(values, seed=0, rounds=300, groups=GROUPS)
        held += low < 0 < high
    assert 0.88 < held / 200 < 0.98


@pytest.mark.parametrize(("of", "distance"), PAIRS)
def test_every_group_drawn_once_gives_the_distance_itself(of, distance, drawn):
    drawn([2, 0, 1])
    x, y = vectors(5, 3), vectors(5, 3, seed=1)
    assert of(x, y, seed=0, rounds=1, groups=[0, 1, 1, 2, 2]) == pytest.approx((distance(x, y),) * 2)


def test_a_group_that_is_drawn_twice_is_not_compared_with_itself(drawn):
    drawn([0, 0])
    photos, pictures = torch.tensor([[0.0], [1.0], [9.0]]), torch.tensor([[1.0], [2.0], [9.0]])
    # Of the maps 0 and 1, which are the group, one pair: photos 1; pictures 27; across 0 x 1 and 0 x 2 and 1 x 1
    # and 1 x 2, so 1, 1, 8, 27.
    expected = 1 + 27 - 2 * (1 + 1 + 8 + 27) / 4
    found = interval_of_kernel_distance(photos, pictures, seed=0, groups=[0, 0, 1])
    assert found == pytest.approx((expected, expected))


@pytest.mark.parametrize("of", OF_DISTANCES)
def test_a_distance_of_maps_in_groups_is_known_less_well_than_that_of_as_many_others(of):
    x, y = (vectors(20, 5, seed).repeat_interleave(6, 0) + 0.1 * vectors(120, 5, seed + 9) for seed in (0, 1))
    low, high = of(x, y + 0.5, seed=0, groups=GROUPS)
    taken_singly = of(x, y + 0.5, seed=0)
    assert high - low > 1.5 * (taken_singly[1] - taken_singly[0])


def test_of_few_groups_nothing_is_said_however_many_maps_they_have():
    assert math.isnan(interval_of_mean(vectors(90, 1)[:, 0], seed=0, groups=[number // 10 for number in range(90)])[0])


def test_maps_without_a_group_are_refused():
    with pytest.raises(ValueError, match="there are 20 maps, and the groups of 19"):
        interval_of_mean(vectors(20, 1)[:, 0], seed=0, groups=list(range(19)))
