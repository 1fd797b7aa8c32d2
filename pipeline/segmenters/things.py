"""Things that a network told apart, pasted over a label map."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from pipeline.segmenters.segmenter import Labelling

TAKEN = 0.5
"""A thing of which so much lies under things before it is left out."""
MOST_THINGS = 65535


@dataclass(frozen=True, kw_only=True)
class Thing:
    """One thing in a photo.

    mask: (H, W) bool, where it is.    id: its class in the taxonomy, UNKNOWN where that has none.
    """

    mask: np.ndarray
    id: int


def paste(labelling: Labelling, things: Iterable[Thing]) -> Labelling:
    """The label map with the things upon it: each is a segment, and its pixels are of its class.

    things: the surest first; of two that cover each other it has the pixels. They are looked at one by one, so that
    their masks need not be there all at once.
    The segments that were there stay where no thing is.
    """
    ids = labelling.ids.copy()
    segments = np.zeros(ids.shape, np.uint16)
    number = 0
    for thing in things:
        free = thing.mask & (segments == 0)
        here, left = np.count_nonzero(thing.mask), np.count_nonzero(free)
        if not here or here - left >= TAKEN * here or number == MOST_THINGS:
            continue
        number += 1
        segments[free] = number
        ids[free] = thing.id
    if labelling.segments is not None:
        segments = _under(segments, labelling.segments, first=number + 1)
    return replace(labelling, ids=ids, segments=segments)


def _under(segments: np.ndarray, before: np.ndarray, *, first: int) -> np.ndarray:
    """The earlier segments where no thing was pasted, numbered on from `first`."""
    seen = before * (segments == 0)
    found, places = np.unique(seen, return_inverse=True)
    numbers = np.arange(first, first + len(found)) - (found[0] == 0)
    numbers = np.where((found == 0) | (numbers > MOST_THINGS), 0, numbers)
    return np.where(segments > 0, segments, numbers[places.reshape(seen.shape)]).astype(np.uint16)
