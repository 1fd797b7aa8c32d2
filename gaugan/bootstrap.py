"""Bootstrap: within which interval a measured number would lie, had other label maps been drawn.

Maps of one group are no independent ones: those of a burst of photos, say. Whole groups are drawn, so that many maps of
few groups are not taken for knowledge of many. In every function groups is (N,), a number for the group of each map;
None is a group of its own for each.
"""

import math
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from gaugan.metrics import ROWS_AT_ONCE, frechet_distance, kernel
from gaugan.randomness import generator

SHARE = 0.95
"""Of the rounds, so many fall into an interval."""
LEAST_GROUPS = 10
"""Fewer groups of maps say nothing of others that could have been drawn."""
ROUNDS, ROUNDS_OF_FRECHET = 1000, 100


def interval(
    measure: Callable[[Tensor], float],
    number: int,
    *,
    seed: int,
    rounds: int = ROUNDS,
    groups: Sequence[int] | None = None,
) -> tuple[float, float]:
    """Between which two numbers 95 of 100 measurements lie, when the groups of maps are drawn anew with replacement.

    measure: (n,) int64 indices of maps, some twice and some never -> a number. How much better one run is than
    another on the same maps is such a number, too.    number: of maps.    rounds: so often the groups are drawn.
    Returns (low, high), both nan where a measurement is, and where there are fewer than 10 groups.
    Source: Efron 1979, Bootstrap methods; the percentile interval. Davison and Hinkley 1997, section 3.8, for groups.
    """
    drawn = Drawn(number, groups, seed, rounds)
    if drawn.says_nothing:
        return math.nan, math.nan
    maps = torch.arange(number)
    measured = [measure(maps.repeat_interleave(counts.long())) for counts in drawn.of_maps]
    return _ends(torch.tensor(measured, dtype=torch.float64))


def interval_of_mean(
    values: Tensor, *, seed: int, rounds: int = ROUNDS, groups: Sequence[int] | None = None
) -> tuple[float, float]:
    """As `interval`, of the mean of one value a map.

    values: (N,). The differences of the values that two runs have on the same maps give how far their means differ.
    """
    values = values.cpu().double()
    return interval(lambda maps: values[maps].mean().item(), len(values), seed=seed, rounds=rounds, groups=groups)


def interval_of_kernel_distance(
    photos: Tensor, pictures: Tensor, *, seed: int, rounds: int = ROUNDS, groups: Sequence[int] | None = None
) -> tuple[float, float]:
    """As `interval`, of `gaugan.metrics.kernel_distance`. A group drawn twice is never compared with itself.

    photos, pictures: (N, D), row by row of the same maps.    Raises: ValueError when they are of different shapes.
    """
    photos, pictures = _of_the_same_maps(photos, pictures)
    drawn = Drawn(len(photos), groups, seed, rounds)
    if drawn.says_nothing:
        return math.nan, math.nan
    return _ends(_mean_within(photos, drawn) + _farness(photos, pictures, drawn))


def interval_of_kernel_difference(
    photos: Tensor, one: Tensor, other: Tensor, *, seed: int, rounds: int = ROUNDS, groups: Sequence[int] | None = None
) -> tuple[float, float]:
    """As `interval`, of how much larger the kernel distance of one run's pictures is than that of the other's.

    photos, one, other: (N, D), row by row of the same maps.    Raises: as `interval_of_kernel_distance`.
    """
    photos, one, other = _of_the_same_maps(photos, one, other)
    drawn = Drawn(len(photos), groups, seed, rounds)
    if drawn.says_nothing:
        return math.nan, math.nan
    return _ends(_farness(photos, one, drawn) - _farness(photos, other, drawn))


def interval_of_frechet_distance(
    photos: Tensor, pictures: Tensor, *, seed: int, rounds: int = ROUNDS_OF_FRECHET, groups: Sequence[int] | None = None
) -> tuple[float, float]:
    """As `interval`, of `gaugan.metrics.frechet_distance`, but laid about the measured distance.

    Drawn with replacement there are fewer different pictures, which alone makes the distance larger; so what counts
    is how far the rounds lie from their mean. Every round takes as long as a distance of 0.63 N pictures.

    photos, pictures: (N, D), row by row of the same maps.    Raises: as `interval_of_kernel_distance`.
    """
    photos, pictures = _of_the_same_maps(photos, pictures)
    drawn = Drawn(len(photos), groups, seed, rounds)
    if drawn.says_nothing:
        return math.nan, math.nan
    distances = [frechet_distance(photos, pictures, counts=counts) for counts in drawn.of_maps.long()]
    low, high = _ends(torch.tensor(distances, dtype=torch.float64))
    shift = frechet_distance(photos, pictures) - sum(distances) / rounds
    return max(low + shift, 0.0), high + shift


class Drawn:
    """How often each map is drawn in each round: always as often as the others of its group.

    says_nothing: whether there are too few groups; then nothing is drawn.
    groups: (N,) int64, 0..G-1.    of_maps: (rounds, N) float64.
    """

    def __init__(self, number: int, groups: Sequence[int] | None, seed: int, rounds: int) -> None:
        """Raises: ValueError when there is not one group a map."""
        if groups is not None and len(groups) != number:
            raise ValueError(f"there are {number} maps, and the groups of {len(groups)}")
        named = torch.arange(number) if groups is None else torch.tensor(groups, dtype=torch.int64)
        _, self.groups, self._sizes = named.unique(return_inverse=True, return_counts=True)
        self.says_nothing = len(self._sizes) < LEAST_GROUPS
        if not self.says_nothing:
            drawn = _drawn(len(self._sizes), seed, rounds)
            nothing = torch.zeros(len(drawn), len(self._sizes), dtype=torch.float64)
            self._of_groups = nothing.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))

    @cached_property
    def of_maps(self) -> Tensor:
        return self._of_groups[:, self.groups]

    @property
    def pairs(self) -> Tensor:
        """(rounds,): the number of pairs of different maps. Those of one group come once each time it is drawn."""
        maps = self._of_groups * self._sizes  # (rounds, G)
        between = maps.sum(1).square() - maps.square().sum(1)
        return between + (maps * (self._sizes - 1)).sum(1)


def _farness(photos: Tensor, pictures: Tensor, drawn: Drawn) -> Tensor:
    """(rounds,): what of the kernel distance depends on the pictures."""
    return _mean_within(pictures, drawn) - 2 * _mean_across(photos, pictures, drawn)


def _mean_within(x: Tensor, drawn: Drawn) -> Tensor:
    """(rounds,): the mean of the kernel over all pairs of different maps, each as often as it was drawn."""
    pairs, _ = _kernel_sums(x, x, drawn)
    return pairs / drawn.pairs


def _mean_across(x: Tensor, y: Tensor, drawn: Drawn) -> Tensor:
    """(rounds,): as `_mean_within`, with the photo and the picture of a map once for each time it was drawn."""
    pairs, own = _kernel_sums(x, y, drawn)
    return (pairs + own) / (drawn.pairs + drawn.of_maps.sum(1))


def _kernel_sums(x: Tensor, y: Tensor, drawn: Drawn) -> tuple[Tensor, Tensor]:
    """(rounds,) each: the kernel summed over pairs of different maps, and of each map with itself."""
    pairs = torch.zeros(len(drawn.of_maps), dtype=torch.float64)
    own = torch.zeros_like(pairs)
    for first, rows in enumerate(x.split(ROWS_AT_ONCE)):
        here = slice(first * ROWS_AT_ONCE, first * ROWS_AT_ONCE + len(rows))
        few = drawn.of_maps[:, here]
        values = kernel(rows, y)  # (rows, N)
        of_itself = values.diagonal(here.start).clone()
        is_same = drawn.groups[here, None] == drawn.groups  # (rows, N)
        of_group = (values * is_same).sum(1) - of_itself
        own += few @ of_itself
        pairs += few @ of_group + (few.T * (values.masked_fill(is_same, 0) @ drawn.of_maps.T)).sum(0)
    return pairs, own


def _drawn(number: int, seed: int, rounds: int) -> Tensor:
    """(rounds, number) int64."""
    return torch.randint(number, (rounds, number), generator=generator(seed, "bootstrap"))


def _ends(measured: Tensor) -> tuple[float, float]:
    outside = (1 - SHARE) / 2
    low, high = measured.quantile(torch.tensor([outside, 1 - outside], dtype=torch.float64)).tolist()
    return low, high


def _of_the_same_maps(*sets: Tensor) -> list[Tensor]:
    """All in float64 on the CPU."""
    shapes = [tuple(vectors.shape) for vectors in sets]
    if len(set(shapes)) > 1 or len(shapes[0]) != 2:
        raise ValueError(f"the vectors are {' and '.join(map(str, shapes))}, expected (N, D), row by row of one map")
    return [vectors.cpu().double() for vectors in sets]
