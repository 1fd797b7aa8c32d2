"""How far apart two sets of pictures are in their small patches, at several scales; no trained network is asked."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from gaugan.randomness import generator

PATCH_PX = 7
PATCHES_A_PICTURE = 128
DIRECTIONS = 512
DIRECTIONS_AT_ONCE = 64
"""So many numbers of every patch are sorted together; more need more memory, and are no quicker."""
LEAST_SIDE = 16
"""The coarsest scale has no shorter side than this."""


def describe(pictures: Iterable[Tensor], *, seed: int) -> list[Tensor]:
    """Patches of each scale, the finest first: what is lost by halving a picture, and the coarsest as it is.

    pictures: batches (B, 3, H, W) float in [-1, 1] of one size.    seed: of where the patches lie, alike in all sets.
    Returns for every scale (N * PATCHES_A_PICTURE, 3 * 7 * 7) float32, on the CPU.
    Source: Karras et al. 2018, Progressive Growing of GANs, section 5.
    """
    of_scales: list[list[Tensor]] = []
    number = 0
    for batch in pictures:
        for level, detail in enumerate(pyramid(batch.float().cpu())):
            if level == len(of_scales):
                of_scales.append([])
            for index, picture in enumerate(detail):
                of_scales[level].append(cut(picture, generator(seed, "patches", level, number + index)))
        number += len(batch)
    return [torch.cat(patches) for patches in of_scales]


class Slices:
    """A set of vectors as it lies in random directions, for others to be compared with.

    vectors: (N, D) float32.    Every entry is brought to their mean 0 and deviation 1 first, those of others too.
    Source: Rabin et al. 2011; Karras et al. 2018, section 5.
    """

    def __init__(self, vectors: Tensor, *, seed: int) -> None:
        self.shape = vectors.shape
        self.mean, self.deviation = vectors.mean(0), vectors.std(0).clamp(min=1e-6)
        drawn = torch.randn(vectors.shape[1], DIRECTIONS, generator=generator(seed, "directions"))
        self.directions = F.normalize(drawn, dim=0).T.split(DIRECTIONS_AT_ONCE)
        self.placed = list(self.place(vectors))

    def distance(self, others: Tensor) -> float:
        """How far apart the sets lie, as a mean over the directions.

        others: (N, D), alike many. Raises: ValueError when they are not.    Source: the sliced Wasserstein distance.
        """
        if others.shape != self.shape:
            raise ValueError(f"the sets are {tuple(self.shape)} and {tuple(others.shape)}, expected one shape")
        pairs = zip(self.placed, self.place(others), strict=True)
        return sum((x - y).abs().double().sum().item() for x, y in pairs) / (len(others) * DIRECTIONS)

    def place(self, vectors: Tensor) -> Iterator[Tensor]:
        """How far along each direction they lie, in order: (DIRECTIONS_AT_ONCE, N), until all directions are done."""
        like_all = ((vectors - self.mean) / self.deviation).T
        for few in self.directions:
            yield (few @ like_all).sort(dim=1).values


def pyramid(pictures: Tensor) -> Iterable[Tensor]:
    """(B, 3, H, W) at each scale: what its half does not show; last the smallest picture whole."""
    while min(pictures.shape[2:]) >= 2 * LEAST_SIDE:
        half = F.interpolate(pictures, scale_factor=0.5, mode="bilinear", antialias=True)
        yield pictures - F.interpolate(half, size=pictures.shape[2:], mode="bilinear", align_corners=False)
        pictures = half
    yield pictures


def cut(picture: Tensor, random: torch.Generator) -> Tensor:
    """Patches from anywhere in a picture (3, H, W): (PATCHES_A_PICTURE, 3 * 7 * 7)."""
    patches = F.unfold(picture[None], PATCH_PX)[0].T  # ((H-6)*(W-6), 3*7*7)
    return patches[torch.randint(len(patches), (PATCHES_A_PICTURE,), generator=random)]
