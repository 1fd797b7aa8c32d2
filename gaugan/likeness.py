"""Likeness: how far a picture is from one other picture, pixel by pixel and as a network sees both."""

from collections.abc import Iterator
from types import ModuleType

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gaugan.errors import SettingsError
from gaugan.features import Features

RANGE = (-1.0, 1.0)
WINDOW_PX = 11
"""Side of the window that ssim compares, which has to fit into a picture."""


def psnr(a: Tensor, b: Tensor) -> Tensor:
    """The peak signal-to-noise ratio of each pair of pictures, in decibels; inf where they are equal.

    a, b: (B, 3, H, W) float in [-1, 1].    Returns (B,) float64 on the CPU.
    Raises: ValueError when they are of different shapes; SettingsError without torchmetrics.
    """
    a, b = _comparable(a, b)
    return _metrics().peak_signal_noise_ratio(a, b, data_range=RANGE, reduction="none", dim=(1, 2, 3))


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """The structural similarity of each pair of pictures: 1 where they are equal.

    a, b: (B, 3, H, W) float in [-1, 1], H and W 11 or more.    Returns (B,) float64 on the CPU.
    Raises: as `psnr`, and ValueError for smaller pictures.    Source: Wang et al. 2004, Gaussian window.
    """
    a, b = _comparable(a, b)
    if min(a.shape[2:]) < WINDOW_PX:
        raise ValueError(f"the pictures are {a.shape[3]}x{a.shape[2]}, expected {WINDOW_PX} pixels or more a side")
    return _metrics().structural_similarity_index_measure(a, b, data_range=RANGE, reduction="none").reshape(-1)


def feature_distance(features: Features, a: Tensor, b: Tensor) -> Tensor:
    """How unlike each pair of pictures is to a network: 0 where they are equal, 1 where its maps share no channel.

    It is half the squared distance of the channels at each place, brought to length 1, as a mean over places and over
    the five maps. LPIPS weighs the channels as people were found to; this does not, and is never called so.

    a, b: (B, 3, H, W) float in [-1, 1], on the device of the features.    Returns (B,) float64 on the CPU.
    Raises: ValueError when they are of different shapes.
    Source: Zhang et al. 2018, The unreasonable effectiveness of deep features, equation 1 with all weights alike.
    """
    _refuse_unlike(a, b)
    pairs = zip(_directions(features, a), _directions(features, b), strict=True)
    of_maps = [(x - y).square().sum(1).mean((1, 2)).cpu().double() / 2 for x, y in pairs]
    return torch.stack(of_maps).mean(0)


def diversity(features: Features, pictures: Tensor) -> float:
    """The mean of `feature_distance` over all pairs of some pictures: how much those of one label map differ.

    pictures: (S, 3, H, W) float in [-1, 1], on the device of the features.    Raises: ValueError when S is below 2.
    """
    number = len(pictures)
    if number < 2:
        raise ValueError(f"there is {number} picture, expected 2 or more to differ")
    # The squared distances of all pairs add up to S times the squared lengths, less the squared length of the sum.
    of_maps = [
        (number * x.square().sum((0, 1)) - x.sum(0).square().sum(0)).mean().item()
        for x in _directions(features, pictures)
    ]
    return max(sum(of_maps) / len(of_maps), 0.0) / (number * (number - 1))


@torch.no_grad()
def _directions(features: Features, image: Tensor) -> Iterator[Tensor]:
    """The maps of a network, each (B, channels, h, w) with channels of length 1 at every place."""
    for x in features.look(image):
        yield normalize(x, dim=1, eps=1e-10)


def _comparable(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float64 on the CPU."""
    _refuse_unlike(a, b)
    return a.detach().cpu().double(), b.detach().cpu().double()


def _refuse_unlike(a: Tensor, b: Tensor) -> None:
    if a.dim() != 4 or a.shape != b.shape:
        raise ValueError(f"the pictures are {tuple(a.shape)} and {tuple(b.shape)}, expected (B, 3, H, W) of both")


def _metrics() -> ModuleType:
    try:
        import torchmetrics.functional.image as metrics
    except ImportError as error:
        raise SettingsError(
            "psnr and ssim need torchmetrics, which is not installed. Run pip install 'gauganpipe[evaluate]'"
        ) from error
    return metrics
