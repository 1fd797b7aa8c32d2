"""A label map, and where there are any its photo and its segments -> instance ids -> the edges between them."""

from collections.abc import Sequence

import numpy as np

from pipeline.classes import UNKNOWN
from pipeline.errors import PhotoError

MOST = np.iinfo(np.uint16).max
"""Segments that an instance map can tell apart."""

PIECE_SHARE = 1 / 1000
"""A thing is not split into parts smaller than this share of the photo,"""
PIECE_OF_THING = 1 / 5
"""or smaller than this share of what is split,"""
PIECE_PX = 64
"""or smaller than this many pixels."""

LOOK_PX = 320
"""A thing of this longest side is looked at pixel by pixel; on a larger one everything is as many times coarser."""
BORDER_CONTRAST = 8
"""Where the photo's levels differ by less than this within two pixels to the left and right, no border is seen,"""
BORDER_FACTOR = 2.0
"""nor where they differ by less than this many times what is usual inside the thing."""
BORDER_LENGTH = 0.9
"""The share of a cut along which a border has to be seen."""
NECK = 0.97
"""A cut is at most this share of the height of the taller part: where two things meet, their outline has a notch."""
SEEN, ASIDE = np.float32(0.02), np.float32(0.01)
"""What a cut pays at most for a pixel of a border that is seen, and for a step aside; where none is seen it pays 1."""
TALL = 0.9
"""The height of a part is what this share of its columns do not exceed."""


def find_instances(
    labels: np.ndarray, photo: np.ndarray | None, things: Sequence[int], segments: np.ndarray | None = None
) -> np.ndarray:
    """Instance ids (H, W) uint16: 0 unknown; then the stuff classes, one segment each; then things, class by class.

    Where the things were told apart already, `segments` says how: the pixels of a class in one segment are one thing,
    however many parts of it are seen. What no segment covers is a thing a 4-connected piece, cut where the photo shows
    that two stand side by side; a sliver beside a segment joins it.
    Segments count where the labels say a thing or unknown, so that a person of no class has an outline too; of stuff
    the label map has the last word. Every border between labels is one between instances, as no id has two labels.
    Within a class ids follow the order in which a reader meets the things.

    labels: (H, W) uint8, 255 unknown.    photo: (H, W, 3) uint8 RGB.    things: ids of the classes to be counted.
    segments: (H, W) uint16, 0 where there is none.

    Raises: PhotoError when there are more than 65,535 segments.
    """
    import cv2

    present = [id for id in np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).tolist() if id != UNKNOWN]
    stuff = [id for id in present if id not in things]
    numbers = np.zeros(256, dtype=np.uint8)
    numbers[stuff] = np.arange(1, len(stuff) + 1)
    instances = cv2.LUT(labels, numbers).astype(np.int32)  # (H, W)
    count = len(stuff)
    smallest_px = max(PIECE_PX, labels.size * PIECE_SHARE)
    for id in [id for id in present if id in things]:
        mask = (labels == id).view(np.uint8)
        left, top, width, height = cv2.boundingRect(mask)
        place = np.s_[top : top + height, left : left + width]
        mask = mask[place]
        told = None if segments is None else np.where(mask, segments[place], 0)
        free = mask if told is None else mask & (told == 0)
        pieces = _components(free, None if photo is None else photo[place], smallest_px)
        if told is not None:
            pieces = _with_segments(pieces, told, smallest_px)
        pieces, found = _in_reading_order(pieces)
        np.copyto(instances[place], pieces + count, where=mask.view(bool))
        count += found
    if segments is not None:
        pieces, found = _in_reading_order(np.where(labels == UNKNOWN, segments, 0).astype(np.int32))
        instances = np.where(pieces > 0, pieces + count, instances)
        count += found
    if count > MOST:
        raise PhotoError(f"has {count:,} segments, more than the {MOST:,} that an instance map can tell apart")
    return instances.astype(np.uint16)


def find_edges(instances: np.ndarray) -> np.ndarray:
    """Where two instances meet: (H, W) bool, both pixels of every pair of 4-neighbours with different ids.

    instances: (H, W) whole numbers.    Source: `get_edges` of SPADE, https://arxiv.org/abs/1903.07291
    """
    across = instances[:, 1:] != instances[:, :-1]
    down = instances[1:] != instances[:-1]
    edges = np.zeros(instances.shape, dtype=bool)
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges


def _components(mask: np.ndarray, photo: np.ndarray | None, smallest_px: float) -> np.ndarray:
    """The things of one class that the photo tells apart: (h, w) int32, 0 outside, numbers in no order."""
    import cv2

    found, components, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=4, ltype=cv2.CV_32S)
    if photo is None:
        return components
    numbered = found
    for number in np.flatnonzero(boxes[1:, cv2.CC_STAT_AREA] >= 2 * smallest_px) + 1:
        left, top, width, height, _ = boxes[number]
        place = np.s_[top : top + height, left : left + width]
        _, *others = _split(components[place] == number, photo[place], smallest_px)
        for part in others:
            components[place][part] = numbered
            numbered += 1
    return components


def _split(thing: np.ndarray, photo: np.ndarray, smallest_px: float) -> list[np.ndarray]:
    """A thing cut where two stand side by side: its parts, (h, w) bool each, 4-connected.

    thing: (h, w) bool, 4-connected.    photo: (h, w, 3) uint8 RGB.
    """
    import cv2

    # Borders that stand upright: a level one is a roof on its wall
    step = -(-max(thing.shape) // LOOK_PX)
    height, width = thing[::step, ::step].shape
    small = photo if step == 1 else cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (5, 5), 1)
    contrast = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((1, 5), np.uint8)).max(axis=2)

    waiting, parts = [thing], []
    while waiting:
        part = waiting.pop()
        columns = _cut(part[::step, ::step], contrast)
        sides = None if columns is None else _sides(part, columns.repeat(step)[: len(part)] * step)
        if sides is None or min(side.sum() for side in sides) < smallest_px:
            parts.append(part)
        else:
            waiting += sides
    return parts


def _cut(part: np.ndarray, contrast: np.ndarray) -> np.ndarray | None:
    """The column at which each row is cut into left and right, (h,) whole numbers; None where nothing parts the two.

    Of all ways from the top to the bottom that go one column aside a row at most, and leave enough on both sides, it is
    the one that crosses the fewest pixels of the thing where no border is seen.
    part: (h, w) bool.    contrast: (h, w) uint8, how much the photo's levels differ near a pixel.
    """
    import cv2

    share = part.sum(axis=0).cumsum() / max(1, part.sum())
    first, end = np.searchsorted(share, [PIECE_OF_THING, 1 - PIECE_OF_THING])
    if end - first < 3:
        return None
    least = max(BORDER_CONTRAST, BORDER_FACTOR * np.median(contrast[part]))
    there, seen = part[:, first:end], contrast[:, first:end] > least
    is_blocked = (there & ~seen).all(axis=1)
    if is_blocked.sum() > (1 - BORDER_LENGTH) * len(part):
        return None
    middle = 1 - cv2.blur(contrast[:, first:end], (5, 1)) / np.float32(256)  # least where a border is, not beside it
    cost = np.where(there, np.where(seen, SEEN * middle, np.float32(1)), np.float32(0))

    # From row to row, what the cheapest way to each column costs; and from the cheapest end back to the top
    height, width = cost.shape
    totals = np.full((height + 1, width + 2), np.inf, np.float32)
    totals[0, 1:-1] = 0
    for y in range(height):
        before = totals[y]
        best = np.minimum(before[:-2], before[2:])
        best += ASIDE
        np.minimum(before[1:-1], best, out=best)
        np.add(best, cost[y], out=totals[y + 1, 1:-1])
    columns = np.empty(height, np.int64)
    column = int(totals[-1].argmin())
    for y in range(height - 1, -1, -1):
        columns[y] = column - 1
        left, ahead, right = totals[y, column - 1 : column + 2]
        if min(left, right) + ASIDE < ahead:
            column += -1 if left <= right else 1

    rows = np.arange(height)
    crossed = there[rows, columns]
    length = crossed.sum()
    if (crossed & seen[rows, columns]).sum() < BORDER_LENGTH * length:
        return None
    is_right = np.arange(part.shape[1]) >= first + columns[:, None]
    tallest = max(_height(part & is_right), _height(part & ~is_right))
    return first + columns if length <= NECK * tallest else None


def _height(part: np.ndarray) -> float:
    columns = part.sum(axis=0)
    columns = np.sort(columns[columns > 0])
    return float(columns[int(TALL * (len(columns) - 1))]) if len(columns) else 0.0


def _sides(part: np.ndarray, columns: np.ndarray) -> list[np.ndarray]:
    """What lies left and right of a cut, (h, w) bool each, 4-connected: what is cut off from its side joins the other.

    part: (h, w) bool, 4-connected.    columns: (h,), where the right side begins in each row.
    """
    left = _largest(part & (np.arange(part.shape[1]) < columns[:, None]))
    right = _largest(part & ~left)
    return [part & ~right, right]


def _largest(mask: np.ndarray) -> np.ndarray:
    """The largest 4-connected piece of a mask, (h, w) bool."""
    import cv2

    found, pieces, boxes, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    return pieces == 1 + boxes[1:, cv2.CC_STAT_AREA].argmax() if found > 1 else mask


def _with_segments(pieces: np.ndarray, told: np.ndarray, smallest_px: float) -> np.ndarray:
    """The things of one class, those told apart and those that were not: (h, w) int32, 0 outside, numbers in no order.

    pieces: (h, w) int32, what no segment covers; those smaller than a thing join the segment that they touch most.
    told: (h, w) uint16, the segments of this class.
    """
    count = int(pieces.max()) + 1
    owners = np.arange(count) + MOST + 1
    owners[0] = 0
    touching = []
    for near, far in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        for one, other in ((near, far), (far, near)):
            meet = (pieces[one] > 0) & (told[other] > 0)
            touching.append(pieces[one][meet].astype(np.int64) * (MOST + 1) + told[other][meet])
    pairs, lengths = np.unique(np.concatenate(touching), return_counts=True)
    is_sliver = np.bincount(pieces.ravel(), minlength=count) < smallest_px
    for pair in pairs[np.argsort(lengths, kind="stable")]:
        piece, segment = divmod(int(pair), MOST + 1)
        if is_sliver[piece]:
            owners[piece] = segment
    return np.where(told > 0, told, owners[pieces])


def _in_reading_order(pieces: np.ndarray) -> tuple[np.ndarray, int]:
    """The same pieces numbered 1..n by their first pixel, row by row; and n. Numbers may have gaps, 0 stays 0."""
    flat = pieces.ravel()
    first = np.full(int(flat.max()) + 1, flat.size)
    first[flat[::-1]] = np.arange(flat.size)[::-1]  # of several, the last written stays: the first pixel
    first[0] = -1
    used = np.flatnonzero(first < flat.size)
    used = used[np.argsort(first[used])]
    numbers = np.zeros(len(first), dtype=np.int32)
    numbers[used] = np.arange(len(used))
    return numbers[pieces], len(used) - 1
