"""The picture while it is painted: photo, labels, things and distance of every pixel, always changed together."""

from dataclasses import dataclass, field

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

    def stamp(
        self,
        colour: np.ndarray,
        cover: np.ndarray,
        *,
        row: int,
        column: int,
        distance: float,
        name: str,
        thing: int = 0,
    ) -> None:
        """Lay a patch over the picture, behind whatever is nearer. What covers half of a pixel is its class.

        colour: (h, w, 3) float32, 0..255.  cover: (h, w) float32, 0..1.  row, column: of the patch's first pixel.
        """
        height, width = cover.shape
        top, left = max(row, 0), max(column, 0)
        bottom, right = min(row + height, self.size), min(column + width, self.size)
        if top >= bottom or left >= right:
            return
        here = (slice(top, bottom), slice(left, right))
        there = (slice(top - row, bottom - row), slice(left - column, right - column))
        cover = cover[there] * (self.distance[here] > distance * 0.96)
        photo = self.photo[here]
        photo[:] = photo + cover[:, :, None] * (colour[there] - photo) + 0.5
        is_covered = cover >= 0.5
        self.labels[here][is_covered] = id_of(name)
        self.things[here][is_covered] = thing
        self.distance[here][is_covered] = distance


def id_of(name: str) -> int:
    """The id of a class of `landscape`."""
    return load_taxonomy().id_of(name)
