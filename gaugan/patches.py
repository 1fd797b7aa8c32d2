"""How far apart two sets of pictures are in their small patches, at several scales; no trained network is asked."""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional as F

from gaugan.randomness import generator

PATCH_PX = 7
PATCHES_A_PICTURE = 128
DIRECTIONS = 512
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


def sliced_wasserstein(x: Tensor, y: Tensor, *, seed: int) -> float:
    """The mean distance of two sets of vectors, as they lie in random directions.

    x, y: (N, D), alike many.    Every entry is brought to mean 0 and deviation 1 by those of x first.
    Raises: ValueError when they are not of one shape.    Source: Rabin et al. 2011; Karras et al. 2018, section 5.
    """
    if x.shape != y.shape:
        raise ValueError(f"the sets are {tuple(x.shape)} and {tuple(y.shape)}, expected one shape")
    directions = F.normalize(torch.randn(x.shape[1], DIRECTIONS, generator=generator(seed, "directions")), dim=0)
    mean, deviation = x.mean(0), x.std(0).clamp(min=1e-6)
    placed = [(((side - mean) / deviation) @ directions).sort(0).values for side in (x, y)]
    return (placed[0] - placed[1]).abs().double().mean().item()


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
