"""A label map, and where there is one its photo -> instance ids -> the edges between them."""

import heapq
from collections.abc import Sequence

import numpy as np

from pipeline.classes import UNKNOWN
from pipeline.errors import PhotoError

MOST = np.iinfo(np.uint16).max
"""Segments that an instance map can tell apart."""

PIECE_SHARE = 1 / 2000
"""A thing is not split into pieces smaller than this share of the photo,"""
PIECE_OF_THING = 1 / 20
"""or smaller than this share of the thing,"""
PIECE_PX = 64
"""or smaller than this many pixels."""

FINE_PX = 640
"""A photo of this longest side is looked at pixel by pixel; on a larger one everything is as many times coarser."""
BORDER_CONTRAST = 24
"""Where the photo's levels differ by less than this within two pixels all around, no border is seen,"""
BORDER_FACTOR = 2.0
"""nor where they differ by less than this many times what is usual inside the two pieces."""
BORDER_LENGTH = 0.75
"""The share of a split along which a border has to be seen."""


def find_instances(labels: np.ndarray, photo: np.ndarray | None, things: Sequence[int]) -> np.ndarray:
    """Instance ids (H, W) uint16: 0 unknown; then the stuff classes, one segment each; then things, class by class.

    A thing is a 4-connected piece of its class. With a photo it is split where the photo shows a border between two
    parts of it. Within a class ids follow the order in which a reader meets the things.

    labels: (H, W) uint8, 255 unknown.    photo: (H, W, 3) uint8 RGB.    things: ids of the classes to be counted.
    Raises: PhotoError when there are more than 65,535 segments.
    """
    import cv2

    present = [id for id in np.unique(labels).tolist() if id != UNKNOWN]
    stuff = [id for id in present if id not in things]
    numbers = np.zeros(256, dtype=np.int32)
    numbers[stuff] = np.arange(1, len(stuff) + 1)
    instances = numbers[labels]  # (H, W)
    count = len(stuff)
    if count == len(present):
        return instances.astype(np.uint16)

    smooth = contrast = None
    if photo is not None:
        step = max(1, round(max(labels.shape) / FINE_PX))
        reach = 4 * step + 1
        smooth = cv2.GaussianBlur(photo, (reach, reach), step)
        contrast = cv2.morphologyEx(smooth, cv2.MORPH_GRADIENT, np.ones((reach, reach), np.uint8)).max(axis=2)
    for id in present:
        if id in stuff:
            continue
        mask = (labels == id).astype(np.uint8)
        pieces = _components(mask, smooth, contrast)
        pieces, found = _in_reading_order(pieces)
        instances = np.where(mask, pieces + count, instances)
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


def _components(mask: np.ndarray, smooth: np.ndarray | None, contrast: np.ndarray | None) -> np.ndarray:
    """The things of one class: (H, W) int32, 0 outside, numbers in no order."""
    import cv2

    found, components, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=4, ltype=cv2.CV_32S)
    if smooth is None or contrast is None:
        return components
    smallest = max(PIECE_PX, mask.size * PIECE_SHARE)
    numbered = found
    large = np.flatnonzero(boxes[1:, cv2.CC_STAT_AREA] >= 2 * smallest) + 1
    for number in large:
        left, top, width, height, area = boxes[number]
        place = np.s_[top : top + height, left : left + width]
        inside = components[place] == number
        pieces = _split(inside, smooth[place], contrast[place], max(smallest, area * PIECE_OF_THING))
        if pieces.max() > 1:
            components[place][inside] = pieces[inside] + numbered
            numbered += pieces.max()
    return components


def _split(inside: np.ndarray, smooth: np.ndarray, contrast: np.ndarray, smallest: float) -> np.ndarray:
    """A thing parted where the photo shows a border: (h, w) int32, pieces 1..n, 0 outside.

    inside: (h, w) bool.    smooth: (h, w, 3) uint8, the photo blurred.    contrast: (h, w) uint8, its local range.
    """
    import cv2

    # Seeds: what is farthest from the outline of the thing, and from what may be a border in it
    usual = np.median(contrast[inside])
    calm = inside & (contrast <= max(BORDER_CONTRAST, BORDER_FACTOR * usual))
    distance = cv2.distanceTransform(np.pad(calm, 1).astype(np.uint8), cv2.DIST_L2, 5)
    radius = max(2, int(np.sqrt(smallest) / 2))
    around = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    peaks = (distance >= radius / 2) & (distance == cv2.dilate(distance, around))
    found, seeds = cv2.connectedComponents(peaks.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    if found <= 2:
        return inside.astype(np.int32)

    # Each seed grows over the photo until it meets another
    framed = np.pad(inside, 1)
    seeds[~framed] = found
    grown = cv2.watershed(np.pad(smooth, ((1, 1), (1, 1), (0, 0)), mode="edge"), seeds)
    grown = np.where(grown < found, grown, 0).clip(min=0).astype(np.uint16)
    return _merge(_fill(grown, framed)[1:-1, 1:-1].astype(np.int32), contrast, smallest)


def _fill(pieces: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The pieces without the lines between them: what is 0 inside goes to a piece that it touches.

    pieces: (h, w) uint16.    inside: (h, w) bool, 4-connected.
    """
    import cv2

    # Lines are one pixel wide; what is left after three steps are thin parts that no seed has reached
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for _ in range(3):
        pieces = np.where(inside & (pieces == 0), cv2.dilate(pieces, cross), pieces)
    count, parts = cv2.connectedComponents((inside & (pieces == 0)).astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    owners = np.zeros(count, dtype=np.uint16)
    np.maximum.at(owners, parts[parts > 0], cv2.dilate(pieces, cross)[parts > 0])
    return np.where(parts > 0, owners[parts], pieces)


def _merge(pieces: np.ndarray, contrast: np.ndarray, smallest: float) -> np.ndarray:
    """The pieces again, those joined between which the photo shows no border, the faintest first; then the small ones.

    pieces: (h, w) int32, 0 outside.
    """
    count = int(pieces.max()) + 1
    inner = np.bincount((pieces * 256 + contrast).ravel(), minlength=count * 256).reshape(count, 256)
    borders: list[dict[int, np.ndarray]] = [{} for _ in range(count)]
    for one, other, levels in _borders(pieces, contrast, count):
        borders[one][other] = borders[other][one] = levels
    parent = np.arange(count)
    age = [0] * count

    def seen(one: int, other: int) -> float:
        """The share of the split between two pieces along which a border is seen; less than 0 when one is too small."""
        usual = max(_median(inner[one]), _median(inner[other]))
        least = min(255, int(max(BORDER_CONTRAST, BORDER_FACTOR * usual)))
        levels = borders[one][other]
        share = levels[least + 1 :].sum() / levels.sum()
        return share - 1 if min(inner[one].sum(), inner[other].sum()) < smallest else share

    queue = [(seen(one, other), one, other, 0, 0) for one in range(count) for other in borders[one] if one < other]
    heapq.heapify(queue)
    while queue:
        share, one, other, *ages = heapq.heappop(queue)
        if ages != [age[one], age[other]]:
            continue
        if share >= BORDER_LENGTH:
            break
        # The second becomes part of the first, and hands over its borders
        parent[other] = one
        inner[one] += inner[other]
        age[one] += 1
        age[other] = -1
        for third, levels in borders[other].items():
            del borders[third][other]
            if third != one:
                borders[one][third] = borders[third][one] = borders[one].get(third, 0) + levels
        for third in borders[one]:
            low, high = min(one, third), max(one, third)
            heapq.heappush(queue, (seen(low, high), low, high, age[low], age[high]))

    while (parent[parent] != parent).any():
        parent = parent[parent]
    names = np.unique(parent, return_inverse=True)[1]
    return names[pieces].astype(np.int32)


def _borders(pieces: np.ndarray, contrast: np.ndarray, count: int) -> list[tuple[int, int, np.ndarray]]:
    """Pairs of pieces that touch, and how often each contrast 0..255 occurs along their border."""
    codes = []
    for near, far in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        low, high = np.minimum(pieces[near], pieces[far]), np.maximum(pieces[near], pieces[far])
        touch = (low != high) & (low > 0)
        pairs = low[touch].astype(np.int64) * count + high[touch]
        codes += [pairs * 256 + contrast[near][touch], pairs * 256 + contrast[far][touch]]
    pairs, levels = np.divmod(np.concatenate(codes), 256)
    names, index = np.unique(pairs, return_inverse=True)
    counts = np.bincount(index * 256 + levels, minlength=len(names) * 256).reshape(-1, 256)
    return [(*divmod(int(name), count), levels) for name, levels in zip(names, counts, strict=True)]


def _median(counts: np.ndarray) -> int:
    return int(np.searchsorted(np.cumsum(counts), counts.sum() / 2))


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
