"""Neighbours among vectors: the nearest of a set, and how two sets cover each other."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

ROWS_AT_ONCE = 1024
"""Of 10,000 by 10,000 distances, so many rows take 80 MB."""
ROUNDING = 1e-12
"""Squared distances below this share of the squared lengths are those of equal vectors."""


class PrecisionRecall(NamedTuple):
    """precision: share of the pictures that lie among photos.    recall: share of the photos that lie among pictures.

    Both from 0 to 1, and nan where a number of the vectors is not finite.
    """

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """density: among how many photos a picture lies, 1 in the mean where both sets are alike, and more where pictures
    crowd the densest places.    coverage: share of the photos with a picture beside them, 0 to 1.

    Both are nan where a number of the vectors is not finite.
    """

    density: float
    coverage: float


def nearest(x: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """For every vector the nearest of others, the first of those that are equally near.

    x: (N, D).    among: (M, D).    Returns distances (N,) float64 and indices into `among` (N,) int64, on the CPU.
    A distance is nan where a number is not finite; its index says nothing.
    Raises: ValueError when `among` is empty, or they are of different D.
    """
    x, among = _comparable(x, among)
    if not len(among):
        raise ValueError("there are no vectors to look for the nearest among")
    found = [squares.min(dim=1) for squares in _squared_distances(x, among)]
    squares = torch.cat([x.new_zeros(0), *(part.values for part in found)])
    indices = torch.cat([torch.zeros(0, dtype=torch.int64), *(part.indices for part in found)])
    return squares.sqrt(), indices


def precision_recall(photos: Tensor, pictures: Tensor, k: int = 3) -> PrecisionRecall:
    """How many pictures look like photos, and how many photos could be pictures.

    A vector lies among those of a set when it is at most as far from one of them as that one's k-th neighbour in its
    set.    photos: (N, D).    pictures: (M, D).    Both fall with N and M, so compare them at equal numbers.
    Raises: ValueError when N or M is not above k, or they are of different D.
    Source: Kynkaanniemi et al. 2019, Improved precision and recall metric, equations 1 and 2.
    """
    photos, pictures = _comparable(photos, pictures)
    _refuse_fewer(photos, "photos", least=k + 1)
    _refuse_fewer(pictures, "pictures", least=k + 1)
    if not _are_finite(photos, pictures):
        return PrecisionRecall(math.nan, math.nan)
    of_photos, of_pictures = _squared_radii(photos, k), _squared_radii(pictures, k)
    lie_among = torch.zeros(len(pictures), dtype=torch.bool)
    are_among = 0
    rows = of_photos.split(ROWS_AT_ONCE)
    for radii, squares in zip(rows, _squared_distances(photos, pictures), strict=True):
        lie_among |= (squares <= radii[:, None]).any(dim=0)
        are_among += (squares <= of_pictures).any(dim=1).sum().item()
    return PrecisionRecall(lie_among.sum().item() / len(pictures), are_among / len(photos))


def density_coverage(photos: Tensor, pictures: Tensor, k: int = 5) -> DensityCoverage:
    """As `precision_recall`, but one photo that is far from all others makes no strange picture a good one.

    photos: (N, D).    pictures: (M, D), M 1 or more.
    Raises: ValueError when N is not above k, or they are of different D.
    Source: Naeem et al. 2020, Reliable fidelity and diversity metrics for generative models, equations 3 and 4.
    """
    photos, pictures = _comparable(photos, pictures)
    _refuse_fewer(photos, "photos", least=k + 1)
    _refuse_fewer(pictures, "pictures", least=1)
    if not _are_finite(photos, pictures):
        return DensityCoverage(math.nan, math.nan)
    pairs = covered = 0
    rows = _squared_radii(photos, k).split(ROWS_AT_ONCE)
    for radii, squares in zip(rows, _squared_distances(photos, pictures), strict=True):
        is_inside = squares <= radii[:, None]
        pairs += is_inside.sum().item()
        covered += is_inside.any(dim=1).sum().item()
    return DensityCoverage(pairs / (k * len(pictures)), covered / len(photos))


def _squared_radii(x: Tensor, k: int) -> Tensor:
    """(N,): how far the k-th neighbour of each vector in its set is, squared. Each is its own nearest one."""
    return torch.cat([squares.kthvalue(k + 1, dim=1).values for squares in _squared_distances(x, x)])


def _squared_distances(x: Tensor, y: Tensor) -> Iterator[Tensor]:
    """(ROWS_AT_ONCE, M), until all of x have been compared with all of y."""
    lengths = y.square().sum(1)
    for rows in x.split(ROWS_AT_ONCE):
        both = rows.square().sum(1)[:, None] + lengths
        squares = both - 2 * rows @ y.T
        yield squares.masked_fill_(squares < ROUNDING * both, 0)


def _refuse_fewer(vectors: Tensor, what: str, *, least: int) -> None:
    if len(vectors) < least:
        raise ValueError(f"there are {len(vectors)} {what}, expected {least} or more")


def _comparable(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float64 on the CPU."""
    if x.dim() != 2 or y.dim() != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"the vectors are {tuple(x.shape)} and {tuple(y.shape)}, expected (N, D) and (M, D)")
    return x.cpu().double(), y.cpu().double()


def _are_finite(x: Tensor, y: Tensor) -> bool:
    return bool(x.isfinite().all() and y.isfinite().all())
