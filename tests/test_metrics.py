"""Distances of sets of vectors are those that were worked out by hand."""

import math
from itertools import combinations

import pytest
import torch

from gaugan import metrics
from gaugan.metrics import frechet_distance, kernel_distance

DISTANCES = [kernel_distance, frechet_distance]


def vectors(*rows: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def random_vectors(number: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(number, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_kernel_distance_of_two_pairs_of_numbers():
    # Pairs of x: (0 + 1)**3; of y: (2 + 1)**3; across: 1, 1, 8 and 27, of which the mean is 9.25.
    assert kernel_distance(vectors((0,), (1,)), vectors((1,), (2,))) == pytest.approx(1 + 27 - 2 * 9.25)


def test_kernel_distance_of_sets_of_different_sizes():
    # Pairs of x: 1; of y: 1, 1 and 8; across: 1, 1, 1, and 1, 8, 8 for the 1.
    x, y = vectors((0,), (1,)), vectors((0,), (1,), (1,))
    assert kernel_distance(x, y) == pytest.approx(1 + 10 / 3 - 2 * 20 / 6)


def test_kernel_distance_does_not_grow_with_the_entries_of_a_vector():
    x, y = vectors((0, 0), (1, 1)), vectors((1, 1), (2, 2))
    assert kernel_distance(x, y) == pytest.approx(9.5)


def test_kernel_distance_of_equal_sets_is_below_zero():
    # A vector is compared with itself across the sets, and never within them.
    x = vectors((0,), (1,))
    assert kernel_distance(x, x) == pytest.approx(1 + 1 - 2 * (1 + 1 + 1 + 8) / 4)


def test_kernel_distance_is_zero_in_the_mean_over_all_ways_of_dividing_a_set():
    x = random_vectors(6, 3)
    halves = [(list(half), [i for i in range(6) if i not in half]) for half in combinations(range(6), 3)]
    distances = [kernel_distance(x[one], x[other]) for one, other in halves]
    assert sum(distances) / len(distances) == pytest.approx(0, abs=1e-12)
    assert min(distances) < 0 < max(distances)


def test_kernel_distance_does_not_depend_on_how_many_rows_are_taken_at_once(monkeypatch):
    x, y = random_vectors(7, 3), random_vectors(5, 3, seed=1)
    whole = kernel_distance(x, y)
    monkeypatch.setattr(metrics, "ROWS_AT_ONCE", 2)
    assert kernel_distance(x, y) == pytest.approx(whole)


def test_frechet_distance_of_two_pairs_of_numbers():
    # Means 1 and 2, variances 2 and 8.
    assert frechet_distance(vectors((0,), (2,)), vectors((0,), (4,))) == pytest.approx(1 + (8**0.5 - 2**0.5) ** 2)


@pytest.mark.parametrize(("number", "size"), [(50, 4), (4, 50)])
def test_frechet_distance_of_equal_sets_is_zero(number, size):
    x = random_vectors(number, size)
    assert frechet_distance(x, x.flip(0)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("number", "size"), [(50, 4), (4, 50)])
def test_frechet_distance_of_equal_covariances_is_that_of_the_means(number, size):
    x, shift = random_vectors(number, size), random_vectors(1, size, seed=1)
    assert frechet_distance(x, x + shift) == pytest.approx(shift.square().sum().item())


def test_frechet_distance_of_covariances_that_share_no_direction_is_all_of_them():
    # Both have variance 2 and mean 0.
    x, y = vectors((1, 0, 0), (-1, 0, 0)), vectors((0, 1, 0), (0, -1, 0))
    assert frechet_distance(x, y) == pytest.approx(4)


def test_frechet_distance_is_that_of_roots_of_matrices():
    x, y = random_vectors(40, 5), random_vectors(30, 5, seed=1) @ random_vectors(5, 5, seed=2)
    s, t = x.T.cov(), y.T.cov()
    values, directions = torch.linalg.eigh(s)
    root = directions @ values.sqrt().diag() @ directions.T
    overlap = torch.linalg.eigvalsh(root @ t @ root).sqrt().sum()
    by_hand = (x.mean(0) - y.mean(0)).square().sum() + s.trace() + t.trace() - 2 * overlap
    assert frechet_distance(x, y) == pytest.approx(by_hand.item())


@pytest.mark.parametrize("distance", DISTANCES)
def test_sets_can_change_places(distance):
    x, y = random_vectors(4, 3), random_vectors(6, 3, seed=1)
    assert distance(x, y) == pytest.approx(distance(y, x))


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_number_that_is_none_makes_the_distance_none(distance):
    x = random_vectors(4, 3)
    assert math.isnan(distance(x, x.index_fill(0, torch.tensor([1]), math.nan)))


@pytest.mark.parametrize("distance", DISTANCES)
def test_vectors_of_different_lengths_are_refused(distance):
    with pytest.raises(ValueError, match=r"are \(4, 3\) and \(4, 2\), expected \(N, D\) and \(M, D\)"):
        distance(random_vectors(4, 3), random_vectors(4, 2))


@pytest.mark.parametrize("distance", DISTANCES)
def test_a_single_vector_is_refused(distance):
    with pytest.raises(ValueError, match="there are 4 and 1 vectors, expected 2 or more of each"):
        distance(random_vectors(4, 3), random_vectors(1, 3))
