"""Small regions of a label map go to the class around them that is the most probable there."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

PASSES = 4
"""Two small neighbours may become one that is small still: it is looked at again, this often at most."""


def absorb_small_regions(
    ids: np.ndarray, probabilities: np.ndarray, classes: Sequence[int], share: float
) -> np.ndarray:
    """The label map without 4-connected regions of less than a share of its pixels.

    ids: (H, W) uint8.    probabilities: (K, h, w) float32 over the same photo, at any size.
    classes: K class ids, one a channel of `probabilities`.    share: 0 to 1; 0 leaves everything as it is.
    """
    smallest_px = share * ids.size
    cleaned = ids.copy()
    for _ in range(PASSES):
        regions = sorted(_small_regions(cleaned, smallest_px), key=lambda region: region[0]) if smallest_px > 1 else []
        changed = [_absorb(cleaned, box, inside, probabilities, classes) for _, box, inside in regions]
        if not any(changed):
            break
    return cleaned


def without_small_regions(probabilities: np.ndarray, classes: Sequence[int], share: float) -> np.ndarray:
    """Probabilities whose winners, at their own size, leave no small region: done before they are resized, it is cheap.

    Where a region goes to a neighbour, the two classes exchange their probabilities.
    probabilities: (K, h, w) float32.    classes: K class ids.    share: as above.
    """
    winners = probabilities.argmax(axis=0)  # (h, w)
    ids = np.asarray(classes, np.uint8)[winners]
    cleaned = absorb_small_regions(ids, probabilities, classes, share)
    y, x = np.nonzero(cleaned != ids)
    if not len(y):
        return probabilities
    channels = np.zeros(256, np.intp)
    channels[list(classes)] = np.arange(len(classes))
    before, after = winners[y, x], channels[cleaned[y, x]]
    exchanged = probabilities.copy()
    exchanged[after, y, x], exchanged[before, y, x] = probabilities[before, y, x], probabilities[after, y, x]
    return exchanged


def _small_regions(ids: np.ndarray, smallest_px: float) -> Iterator[tuple[int, tuple[slice, slice], np.ndarray]]:
    """Each region that is too small: its pixels, its box, and (h, w) bool, where in the box it is."""
    for id in np.flatnonzero(np.bincount(ids.ravel(), minlength=256)).tolist():
        mask = cv2.compare(ids, id, cv2.CMP_EQ)
        _, regions, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=4, ltype=cv2.CV_32S)
        areas = boxes[:, cv2.CC_STAT_AREA]
        for number in np.flatnonzero(areas[1:] < smallest_px) + 1:
            left, top, width, height, area = boxes[number].tolist()
            box = np.s_[top : top + height, left : left + width]
            yield area, box, regions[box] == number


def _absorb(
    ids: np.ndarray, box: tuple[slice, slice], inside: np.ndarray, probabilities: np.ndarray, classes: Sequence[int]
) -> bool:
    """Gives a region to a neighbour; False when it has none: it is the whole picture."""
    height, width = ids.shape
    rows, columns = box
    framed = np.s_[max(rows.start - 1, 0) : rows.stop + 1, max(columns.start - 1, 0) : columns.stop + 1]
    around = np.pad(
        inside,
        (
            (rows.start - framed[0].start, min(1, height - rows.stop)),
            (columns.start - framed[1].start, min(1, width - columns.stop)),
        ),
    ).astype(np.uint8)
    ring = cv2.dilate(around, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) > around
    neighbours = np.unique(ids[framed][ring]).tolist()
    if not neighbours:
        return False
    channels = [classes.index(id) for id in neighbours if id in classes]
    y, x = np.nonzero(inside)
    h, w = probabilities.shape[1:]
    cells = np.s_[(y + rows.start) * h // height, (x + columns.start) * w // width]
    likely = [float(probabilities[channel][cells].mean()) for channel in channels]
    ids[box][inside] = classes[channels[int(np.argmax(likely))]] if channels else neighbours[0]
    return True
