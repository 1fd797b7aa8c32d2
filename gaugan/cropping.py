"""Which part of a scaled photo a crop shows: where it lies, how large it is, and that the horizon is in it."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from gaugan.reading import Scaled, resized

TOP_PART = 0.25
"""Sky begins in this part of a photo's height; what looks like sky below may be a lake."""
LEAST_COLUMNS = 0.1
"""A photo has a horizon when the sky ends in at least this share of its columns."""
HORIZON_FROM, HORIZON_TO = 0.15, 0.85
"""Between these shares of a crop's height, from its top, a horizon is kept."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of a photo, in pixels."""

    top: int
    left: int
    height: int
    width: int


def largest_scale(size: tuple[int, int], *, crop: tuple[int, int]) -> float:
    """How many times as large as the crop, in its proportions, a window can be.    size, crop: (height, width)."""
    return min(side / wanted for side, wanted in zip(size, crop, strict=True))


def place_window(
    size: tuple[int, int],
    *,
    crop: tuple[int, int],
    down: float,
    right: float,
    scale: float = 1.0,
    horizon: int | None = None,
) -> Window:
    """The window at a place given as shares of the room, 0 <= down, right <= 1.

    size, crop: (height, width).    scale: of the window to the crop, 1 up to the largest.
    horizon: a row that narrows the room downwards to where the window keeps it, or comes nearest to it.
    """
    height, width = (round(scale * side) for side in crop)
    highest, lowest = 0, size[0] - height
    if horizon is not None:
        room = lowest
        highest = min(max(math.ceil(horizon - HORIZON_TO * height), 0), room)
        lowest = min(max(math.floor(horizon - HORIZON_FROM * height), 0), room)
    top = int(highest + down * (lowest - highest) + 0.5)
    left = int(right * (size[1] - width) + 0.5)
    return Window(top=top, left=left, height=height, width=width)


def cut(scaled: Scaled, window: Window, *, crop: tuple[int, int]) -> Scaled:
    """The photo and its maps in a window, shrunk to the crop (height, width) where the window is larger."""
    rows = slice(window.top, window.top + window.height)
    columns = slice(window.left, window.left + window.width)
    part = Scaled(
        image=scaled.image[:, rows, columns],
        labels=scaled.labels[rows, columns],
        instances=None if scaled.instances is None else scaled.instances[rows, columns],
    )
    return part if (window.height, window.width) == crop else resized(part, crop)


def find_horizon(labels: Tensor, *, sky: frozenset[int]) -> int | None:
    """The last row of sky, the median over the columns in which sky begins in the top part and ends; None without.

    labels: (H, W) uint8.    sky: ids of the classes that are sky.
    """
    is_sky = np.zeros(256, dtype=bool)
    is_sky[list(sky)] = True
    columns = is_sky[np.ascontiguousarray(labels.numpy().T)]  # (W, H)
    width, height = columns.shape
    begins = columns.argmax(1)  # 0 also where a column has no sky
    ended = ~columns & (np.arange(height) > begins[:, None])
    ends = ended.argmax(1)  # 0 where the sky reaches the bottom
    counts = columns[np.arange(width), begins] & (begins < TOP_PART * height) & (ends > 0)
    found = np.sort(ends[counts])
    return int(found[(len(found) - 1) // 2]) - 1 if len(found) and len(found) >= LEAST_COLUMNS * width else None
