"""The picture while it is painted: photo, labels, things and distance of every pixel, always changed together."""

from dataclasses import dataclass, field
from functools import cache

import cv2
import numpy as np

from pipeline.classes import load_taxonomy


@dataclass(kw_only=True)
class Canvas:
    """photo: (H, W, 3) uint8 RGB.  labels: (H, W) uint8.  things: (H, W) uint16.  distance: (H, W) float32."""

    photo: np.ndarray
    labels: np.ndarray
    distance: np.ndarray
    things: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.things = np.zeros(self.labels.shape, np.uint16)

    @property
    def size(self) -> int:
        return self.labels.shape[0]

    def shows(self, *names: str, rows: slice = slice(None)) -> np.ndarray:
        """(h, W) bool: where the labels of some rows are of one of these classes."""
        is_named = np.zeros(256, np.uint8)
        is_named[[id_of(name) for name in names]] = 1
        return cv2.LUT(self.labels[rows], is_named).view(bool)

    def window(self, *, row: int, column: int, height: int, width: int, distance: float) -> "Window | None":
        """The part of a patch that is in the picture, None where nothing of it can be seen."""
        top, left = max(row, 0), max(column, 0)
        bottom, right = min(row + height, self.size), min(column + width, self.size)
        if top >= bottom or left >= right:
            return None
        here = (slice(top, bottom), slice(left, right))
        is_free = self.distance[here] > distance * 0.96
        if not is_free.any():
            return None
        there = (slice(top - row, bottom - row), slice(left - column, right - column))
        return Window(here=here, there=there, is_free=is_free, distance=distance)

    def stamp(self, window: "Window", colour: np.ndarray, cover: np.ndarray, *, name: str, thing: int = 0) -> None:
        """Lay what a window shows of a patch over the picture. What covers half of a pixel is its class.

        colour: (h, w, 3) float32, 0..255, is used up.  cover: (h, w) float32, 0..1, is used up.
        """
        here = window.here
        cover *= window.is_free
        photo = self.photo[here]
        colour -= photo
        colour *= cv2.merge((cover, cover, cover))
        colour += photo
        colour += 0.5
        photo[:] = colour
        is_covered = cover >= 0.5
        np.copyto(self.labels[here], id_of(name), where=is_covered)
        np.copyto(self.things[here], thing, where=is_covered)
        np.copyto(self.distance[here], window.distance, where=is_covered)


@dataclass(frozen=True, kw_only=True)
class Window:
    """The pixels of the picture on which a patch lies, and the pixels of the patch that lie on them.

    is_free: (h, w) bool, where nothing nearer hides it.  distance: of the patch.
    """

    here: tuple[slice, slice]
    there: tuple[slice, slice]
    is_free: np.ndarray
    distance: float


@cache
def id_of(name: str) -> int:
    """The id of a class of `landscape`."""
    return load_taxonomy().id_of(name)
