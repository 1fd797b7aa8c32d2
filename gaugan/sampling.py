"""The order in which an epoch shows photos, those with rare classes more often where that is asked for."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from gaugan.randomness import generator

LEAST_SHARE = 0.01
"""A photo has the classes that cover at least this share of it."""


def repeat_factors(shares: Tensor, *, balance: float) -> list[float]:
    """How much more often each photo is to be shown than one without rare classes: at least 1.

    shares: (N, C+1), of each class in each photo; the last, of unknown, counts for nothing.
    balance: a class is rare that fewer than this share of the photos have; 0 finds none.
    Source: Gupta et al. 2019, LVIS: A Dataset for Large Vocabulary Instance Segmentation, repeat factor sampling.
    """
    has = shares[:, :-1] >= LEAST_SHARE  # (N, C)
    photos = has.sum(0).clamp(min=1).double()  # (C,)
    of_classes = (balance * len(has) / photos).sqrt().clamp(min=1)
    return of_classes.where(has, 1.0).amax(1).tolist()


def epoch_order(count: int, *, seed: int, epoch: int, factors: Sequence[float] | None = None) -> list[int]:
    """Indices of the photos that an epoch shows, as many as there are photos.

    factors: above 0; a photo is shown in proportion to its own, rounded up or down. None, or all alike: once each.
    """
    random = generator(seed, "order", epoch)
    places = torch.randperm(count, generator=random)
    if factors is None:
        return places.tolist()

    # A ruler with a length a photo, and a mark at every whole number past a random start: a photo is shown once a mark.
    lengths = torch.tensor(factors, dtype=torch.float64)
    ends = (lengths / lengths.max()).cumsum(0)
    ends *= count / ends[-1]
    ends[-1] = count
    # Of so few bits that a whole number and the start add up exactly.
    start = torch.rand((), generator=random, dtype=torch.float32).double()
    marks = (ends + start).floor().long()
    times = marks.diff(prepend=marks.new_zeros(1))
    return torch.arange(count).repeat_interleave(times)[places].tolist()


def repeats(order: Sequence[int]) -> list[int]:
    """How often each photo of an order was shown before."""
    shown: Counter[int] = Counter()
    before = []
    for index in order:
        before.append(shown[index])
        shown[index] += 1
    return before
