"""Bootstrap: within which interval a measured number would lie, had other label maps been drawn."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gaugan.metrics import ROWS_AT_ONCE, frechet_distance, kernel
from gaugan.randomness import generator

SHARE = 0.95
"""Of the rounds, so many fall into an interval."""
LEAST_MAPS = 10
"""Fewer maps say nothing of others that could have been drawn."""
ROUNDS, ROUNDS_OF_FRECHET = 1000, 100


def interval(
    measure: Callable[[Tensor], float], number: int, *, seed: int, rounds: int = ROUNDS
) -> tuple[float, float]:
    """Between which two numbers 95 of 100 measurements lie, when the maps are drawn anew with replacement.

    measure: (number,) int64 indices of maps, some twice and some never -> a number. How much better one run is than
    another on the same maps is such a number, too.    rounds: so often the maps are drawn.
    Returns (low, high), both nan where a measurement is, and where there are fewer than 10 maps.
    Source: Efron 1979, Bootstrap methods; the percentile interval.
    """
    if number < LEAST_MAPS:
        return math.nan, math.nan
    return _ends(torch.tensor([measure(maps) for maps in _drawn(number, seed, rounds)], dtype=torch.float64))


def interval_of_mean(values: Tensor, *, seed: int, rounds: int = ROUNDS) -> tuple[float, float]:
    """As `interval`, of the mean of one value a map.

    values: (N,). The differences of the values that two runs have on the same maps give how far their means differ.
    """
    values = values.cpu().double()
    return interval(lambda maps: values[maps].mean().item(), len(values), seed=seed, rounds=rounds)


def interval_of_kernel_distance(
    photos: Tensor, pictures: Tensor, *, seed: int, rounds: int = ROUNDS
) -> tuple[float, float]:
    """As `interval`, of `gaugan.metrics.kernel_distance`. A map that is drawn twice is never compared with itself.

    photos, pictures: (N, D), row by row of the same maps.    Raises: ValueError when they are of different shapes.
    """
    photos, pictures = _of_the_same_maps(photos, pictures)
    if len(photos) < LEAST_MAPS:
        return math.nan, math.nan
    counts = _counts(len(photos), seed, rounds)
    return _ends(_mean_within(photos, counts) + _farness(photos, pictures, counts))


def interval_of_kernel_difference(
    photos: Tensor, one: Tensor, other: Tensor, *, seed: int, rounds: int = ROUNDS
) -> tuple[float, float]:
    """As `interval`, of how much larger the kernel distance of one run's pictures is than that of the other's.

    photos, one, other: (N, D), row by row of the same maps.    Raises: as `interval_of_kernel_distance`.
    """
    photos, one, other = _of_the_same_maps(photos, one, other)
    if len(photos) < LEAST_MAPS:
        return math.nan, math.nan
    counts = _counts(len(photos), seed, rounds)
    return _ends(_farness(photos, one, counts) - _farness(photos, other, counts))


def interval_of_frechet_distance(
    photos: Tensor, pictures: Tensor, *, seed: int, rounds: int = ROUNDS_OF_FRECHET
) -> tuple[float, float]:
    """As `interval`, of `gaugan.metrics.frechet_distance`, but laid about the measured distance.

    Drawn with replacement there are fewer different pictures, which alone makes the distance larger; so what counts
    is how far the rounds lie from their mean. Every round takes as long as a distance of 0.63 N pictures.

    photos, pictures: (N, D), row by row of the same maps.    Raises: as `interval_of_kernel_distance`.
    """
    photos, pictures = _of_the_same_maps(photos, pictures)
    if len(photos) < LEAST_MAPS:
        return math.nan, math.nan
    distances = [
        frechet_distance(photos, pictures, counts=counts) for counts in _counts(len(photos), seed, rounds).long()
    ]
    low, high = _ends(torch.tensor(distances, dtype=torch.float64))
    shift = frechet_distance(photos, pictures) - sum(distances) / rounds
    return max(low + shift, 0.0), high + shift


def _farness(photos: Tensor, pictures: Tensor, counts: Tensor) -> Tensor:
    """(rounds,): what of the kernel distance depends on the pictures."""
    return _mean_within(pictures, counts) - 2 * _mean_across(photos, pictures, counts)


def _mean_within(x: Tensor, counts: Tensor) -> Tensor:
    """(rounds,): the mean of the kernel over all pairs of different maps, each as often as it was drawn."""
    pairs, _ = _kernel_sums(x, x, counts)
    return pairs / _pairs(counts)


def _mean_across(x: Tensor, y: Tensor, counts: Tensor) -> Tensor:
    """(rounds,): as `_mean_within`, with the photo and the picture of a map once for each time it was drawn."""
    pairs, own = _kernel_sums(x, y, counts)
    return (pairs + own) / (_pairs(counts) + counts.sum(1))


def _pairs(counts: Tensor) -> Tensor:
    """(rounds,): the number of pairs of different maps."""
    return counts.sum(1).square() - counts.square().sum(1)


def _kernel_sums(x: Tensor, y: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
    """(rounds,) each: the kernel summed over pairs of different maps, and of each map with itself."""
    pairs = torch.zeros(len(counts), dtype=torch.float64)
    own = torch.zeros_like(pairs)
    for first, rows in enumerate(x.split(ROWS_AT_ONCE)):
        few = counts[:, first * ROWS_AT_ONCE : first * ROWS_AT_ONCE + len(rows)]
        values = kernel(rows, y)  # (rows, N)
        of_itself = values.diagonal(first * ROWS_AT_ONCE)
        own += few @ of_itself
        of_itself.zero_()
        pairs += (few.T * (values @ counts.T)).sum(0)
    return pairs, own


def _counts(number: int, seed: int, rounds: int) -> Tensor:
    """(rounds, number) float64: how often each map is drawn in each round."""
    drawn = _drawn(number, seed, rounds)
    ones = torch.ones_like(drawn, dtype=torch.float64)
    return torch.zeros_like(ones).scatter_add_(1, drawn, ones)


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
