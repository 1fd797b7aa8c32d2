"""How far apart two sets of vectors are: the distances that scores are made of."""

import math

import torch
from torch import Tensor

ROWS_AT_ONCE = 1024


def kernel_distance(x: Tensor, y: Tensor) -> float:
    """The squared maximum mean discrepancy with the kernel (x . y / D + 1) ** 3, over all pairs of the vectors.

    x: (N, D).    y: (M, D).    The estimate is unbiased at every N and M, so it is below 0 about as often as above
    where both are drawn alike, and below 0 where they are equal. It is nan where a number is not finite.
    Raises: ValueError when N or M is below 2, or when they are of different D.
    Source: Binkowski et al. 2018, Demystifying MMD GANs, equation 4. Others report the mean over random subsets, which
    is the same in the mean, but depends on a seed.
    """
    x, y = _comparable(x, y)
    if not _are_finite(x, y):
        return math.nan
    return _mean_of_pairs(x) + _mean_of_pairs(y) - 2 * _kernel_sum(x, y) / (len(x) * len(y))


def frechet_distance(x: Tensor, y: Tensor, *, counts: Tensor | None = None) -> float:
    """The squared Frechet distance of two normal distributions with the means and covariances of the vectors.

    x: (N, D).    y: (M, D).    Too large where N or M is small, so only those of the same N and M can be compared.
    counts: (N,) integers, N = M, how often the vectors of a row count in both; None is once.
    It is nan where a number is not finite.    Raises: as `kernel_distance`.
    Source: Dowson and Landau 1982; Heusel et al. 2017, equation 6.
    """
    x, y = _comparable(x, y)
    if not _are_finite(x, y):
        return math.nan
    (mean_x, a), (mean_y, b) = _mean_and_root(x, counts), _mean_and_root(y, counts)
    # With S = a'a and T = b'b, S T has the squared singular values of a b' as eigenvalues. No root of a D x D matrix
    # is needed, which may have no real one where N < D.
    overlap = torch.linalg.svdvals(a @ b.T).sum()
    apart = (mean_x - mean_y).square().sum() + a.square().sum() + b.square().sum() - 2 * overlap
    return max(apart.item(), 0.0)


def kernel(x: Tensor, y: Tensor) -> Tensor:
    """How alike each vector is to each other: (N, M) of x (N, D) and y (M, D)."""
    return (x @ y.T / x.shape[1] + 1).pow(3)


def _mean_of_pairs(x: Tensor) -> float:
    """The mean of the kernel over all pairs of different vectors of a set."""
    of_itself = (x.square().sum(1) / x.shape[1] + 1).pow(3).sum().item()
    return (_kernel_sum(x, x) - of_itself) / (len(x) * (len(x) - 1))


def _kernel_sum(x: Tensor, y: Tensor) -> float:
    """The sum of the kernel over all pairs, some rows at once: 5,000 by 5,000 pairs would take 200 MB."""
    return sum(kernel(rows, y).sum().item() for rows in x.split(ROWS_AT_ONCE))


def _mean_and_root(x: Tensor, counts: Tensor | None) -> tuple[Tensor, Tensor]:
    """(D,), and (n, D) with n <= N and n <= D: the mean of (N, D) vectors, and a matrix a with a'a their covariance."""
    if counts is None:
        mean = x.mean(0)
        a = (x - mean) / (len(x) - 1) ** 0.5
    else:
        number = counts.sum()
        x, counts = x[counts > 0], counts[counts > 0].double()
        mean = counts @ x / number
        # A vector that counts twice adds to the covariance what one that is longer by the root of 2 does.
        a = (x - mean) * (counts / (number - 1)).sqrt()[:, None]
    return mean, torch.linalg.qr(a, mode="r").R if len(a) > a.shape[1] else a


def _comparable(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float64."""
    if x.dim() != 2 or y.dim() != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"the vectors are {tuple(x.shape)} and {tuple(y.shape)}, expected (N, D) and (M, D)")
    if min(len(x), len(y)) < 2:
        raise ValueError(f"there are {len(x)} and {len(y)} vectors, expected 2 or more of each")
    return x.double(), y.double()


def _are_finite(x: Tensor, y: Tensor) -> bool:
    return bool(x.isfinite().all() and y.isfinite().all())
