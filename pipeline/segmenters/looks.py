"""How a network wants to see a photo: its size, the order of its channels, its scale of values."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of red, green and blue, 0..255."""
LEAST_STEPS = 2
"""A side has at least so many steps, however narrow the photo."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is done to a photo before a network sees it."""

    shorter_px: int
    """The shorter side, at scale 1."""
    longer_px: int
    """What the longer side may be at most, at scale 1; it beats `shorter_px`."""
    step_px: int = 32
    """Both sides are rounded to multiples of it."""
    is_square: bool = False
    """Whether the photo is squashed to `shorter_px` x `longer_px`, height first, at every scale."""
    is_fixed: bool = False
    """Whether the network takes no other size, so that a scale changes nothing."""
    channel_order: str = "RGB"
    divisor: float = 1.0
    """The values, 0..255, are divided by it first; then the mean is taken off, then they are divided by the std."""
    mean: tuple[float, float, float] = IMAGENET_MEAN
    """In the order of the channels; so is `std`."""
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def size_rule(self) -> str:
        if self.is_square:
            return f"{self.shorter_px} x {self.longer_px}"
        steps = "" if self.step_px == 1 else f", multiples of {self.step_px}"
        if self.shorter_px == self.longer_px:
            return f"longer side {self.longer_px}{steps}"
        return f"shorter side {self.shorter_px}, longer at most {self.longer_px}{steps}"

    @property
    def takes_one_size(self) -> bool:
        return self.is_square or self.is_fixed

    def size(self, height: int, width: int, scale: float) -> tuple[int, int]:
        """The size of a photo as the network sees it, height first."""
        if self.is_square:
            return self.shorter_px, self.longer_px
        scale = 1.0 if self.is_fixed else scale
        shrink = scale * min(self.shorter_px / min(height, width), self.longer_px / max(height, width))
        sides = (max(round(side * shrink / self.step_px), LEAST_STEPS) * self.step_px for side in (height, width))
        return tuple(sides)

    def to_input(self, pixels: np.ndarray, scale: float = 1.0) -> "Tensor":
        """pixels: (H, W, 3) uint8 RGB.    Returns (1, 3, h, w) float32, its sides times the scale where they may be."""
        import torch
        import torch.nn.functional as F

        ordered = pixels[:, :, ::-1] if self.channel_order == "BGR" else pixels
        x = torch.from_numpy(np.array(ordered, order="C")).permute(2, 0, 1)[None]  # (1, 3, H, W)
        size = self.size(*pixels.shape[:2], scale)
        x = F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False).float()
        mean, std = (torch.tensor(values)[:, None, None] for values in (self.mean, self.std))
        return (x / self.divisor - mean) / std
