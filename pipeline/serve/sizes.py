"""Sizes of maps: which are painted, what is cut from the middle of a picture, and ids at another size."""

import numpy as np

from pipeline.errors import PhotoError

MOST_SIDE = 4096
"""Pixels of the longer side of a map."""
MOST_ASPECT = 16
"""So many times as long as the other a side may be: a run paints the shorter one at the size that it was trained at."""


def demand_size(*, width: int, height: int) -> None:
    """Raises: PhotoError when no map of this size is painted."""
    if not (1 <= width <= MOST_SIDE and 1 <= height <= MOST_SIDE):
        raise PhotoError(f"a map of {width}x{height} is not painted: a side has 1 to {MOST_SIDE} pixels")
    if max(width, height) > MOST_ASPECT * min(width, height):
        raise PhotoError(
            f"a map of {width}x{height} is not painted: a side is at most {MOST_ASPECT} times as long as the other"
        )


def middle(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The largest part of the middle that has the proportions of a size (height, width)."""
    height, width = pixels.shape[:2]
    kept = min(height, max(1, round(width * size[0] / size[1]))), min(width, max(1, round(height * size[1] / size[0])))
    top, left = ((whole - part) // 2 for whole, part in zip((height, width), kept, strict=True))
    return pixels[top : top + kept[0], left : left + kept[1]]


def nearest(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Ids at another size (height, width)."""
    rows, columns = ((2 * np.arange(new) + 1) * old // (2 * new) for old, new in zip(ids.shape, size, strict=True))
    return ids[rows[:, None], columns]
