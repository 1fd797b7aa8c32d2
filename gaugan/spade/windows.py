"""The distinct windows of a map of numbers: what a convolution sees of a label map, each different sight once.

A convolution over a one-hot map only ever adds up columns of its weights, and two pixels whose windows hold the same
labels get the same sum. So it is enough to find the distinct windows once, on integers, and to add up for those.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

SEED = 0x5ADE


@dataclass(frozen=True)
class Windows:
    """The distinct windows of a map.

    rows: (U, k*k) int64, what stands in each, row by row; numbers that lie outside the map are `outside`.
    index: (B, H, W) int64, 0..U-1, the window around each pixel.
    """

    rows: Tensor
    index: Tensor

    @property
    def count(self) -> int:
        """U."""
        return len(self.rows)

    @property
    def share(self) -> float:
        """Distinct windows a pixel, in (0, 1]."""
        return self.count / self.index.numel()


def find_windows(numbers: Tensor, *, kernel_size: int, outside: int) -> Windows:
    """Find the distinct windows of maps; one table serves the whole batch.

    numbers: (B, H, W) int64 in 0..outside-1.    kernel_size: side of the windows, odd.
    outside: what stands in a window where the map ends.
    """
    views = shifted(numbers, kernel_size=kernel_size, outside=outside)

    # Windows are told apart by their digits where 63 bits have room for them, else by a random sum of 64 bits.
    base = outside + 1
    is_exact = base ** len(views) < 2**63
    multipliers = [base**j for j in range(len(views))] if is_exact else odd_numbers(len(views))
    keys = sum(view * multiplier for view, multiplier in zip(views, multipliers, strict=True))
    keys, index = torch.unique(keys, return_inverse=True)  # (U,), (B, H, W)
    places = torch.empty_like(keys).scatter_(0, index.flatten(), torch.arange(index.numel(), device=index.device))
    rows = torch.stack([view.flatten()[places] for view in views], dim=1)  # (U, k*k)

    # Two windows of one sum are about as likely as a meteorite, and looking is cheap.
    if not is_exact and not all(torch.equal(rows[:, j][index], view) for j, view in enumerate(views)):
        rows, index = torch.unique(torch.stack(views, dim=-1).flatten(0, 2), dim=0, return_inverse=True)
    return Windows(rows, index.view_as(numbers))


def shifted(
    numbers: Tensor, *, kernel_size: int, outside: int, stride: int = 1, padding: int | None = None
) -> list[Tensor]:
    """What each place of a sliding window holds, for all windows at once.

    numbers: (B, H, W).    padding: `outside` numbers around the map; None keeps its size.
    Returns k*k tensors (B, H', W'), row by row.
    """
    padding = kernel_size // 2 if padding is None else padding
    padded = F.pad(numbers, (padding,) * 4, value=outside)
    height, width = ((side - kernel_size) // stride * stride + 1 for side in padded.shape[1:])
    return [
        padded[:, y : y + height : stride, x : x + width : stride]
        for y in range(kernel_size)
        for x in range(kernel_size)
    ]


def odd_numbers(count: int) -> list[int]:
    """Fixed random multipliers: odd, so that none loses a bit."""
    drawn = torch.randint(-(2**62), 2**62, (count,), generator=torch.Generator().manual_seed(SEED))
    return (2 * drawn + 1).tolist()
