"""Ids of segments as other formats keep them: in 8 bits with neighbours that differ, or in the bytes of a colour."""

import heapq

import numpy as np

MOST = 255
"""Segments that 8 bits tell apart, besides 0 for unknown."""


def to_8_bit(ids: np.ndarray) -> np.ndarray:
    """Ids in 8 bits, with the same edges: (H, W) uint8, 0 where the ids are 0.

    Up to 255 ids stay apart: they are kept where they fit, and else numbered in their order. Of more, each 4-connected
    piece gets a number that none of its neighbours has; pieces near one another rarely share one, so that a photo made
    smaller keeps its edges too.

    ids: (H, W) uint16.
    """
    if ids.max(initial=0) <= MOST:
        return ids.astype(np.uint8)
    names, numbers = np.unique(ids, return_inverse=True)
    has_zero = names[0] == 0
    if len(names) - has_zero <= MOST:
        return (numbers.reshape(ids.shape) + (not has_zero)).astype(np.uint8)
    return _coloured(_pieces(ids))


def from_8_bit(ids: np.ndarray) -> np.ndarray:
    """Ids (H, W) uint16 of which `to_8_bit` makes these again: every piece is a segment where those shared numbers.

    ids: (H, W) uint8.
    """
    pieces = _pieces(ids)
    is_shared = MOST < pieces.max(initial=0) <= np.iinfo(np.uint16).max and np.array_equal(_coloured(pieces), ids)
    return (pieces if is_shared else ids).astype(np.uint16)


def encode_packed(ids: np.ndarray) -> bytes:
    """Ids as an 8-bit RGB PNG: red + 256 green + 65536 blue.    ids: (H, W) whole numbers below 2**24."""
    import cv2

    blue_green_red = np.stack([ids >> 16, ids >> 8 & 255, ids & 255], axis=-1).astype(np.uint8)
    _, encoded = cv2.imencode(".png", blue_green_red)
    return encoded.tobytes()


def _pieces(ids: np.ndarray) -> np.ndarray:
    """(H, W) int32: 4-connected pieces of one id, numbered from 1 as a reader meets them; 0 where the id is 0."""
    import cv2

    # A map twice as fine, in which a step between two pixels is open when they have the same id.
    height, width = ids.shape
    is_open = np.zeros((2 * height - 1, 2 * width - 1), dtype=np.uint8)
    is_open[::2, ::2] = ids > 0
    is_open[::2, 1::2] = (ids[:, 1:] == ids[:, :-1]) & (ids[:, 1:] > 0)
    is_open[1::2, ::2] = (ids[1:] == ids[:-1]) & (ids[1:] > 0)
    _, found = cv2.connectedComponents(is_open, connectivity=4, ltype=cv2.CV_32S)
    found = found[::2, ::2]
    names, first, numbers = np.unique(found, return_index=True, return_inverse=True)
    order = np.argsort(np.where(names == 0, -1, first))
    places = np.empty(len(names), dtype=np.int32)
    places[order] = np.arange(len(names)) + (names[0] != 0)
    return places[numbers].reshape(ids.shape)


def _coloured(pieces: np.ndarray) -> np.ndarray:
    """(H, W) uint8: a number for every piece, 1 to 255, that differs from those of the pieces beside it."""
    count = int(pieces.max(initial=0))
    beside: list[set[int]] = [set() for _ in range(count + 1)]
    for one, other in ((pieces[:, 1:], pieces[:, :-1]), (pieces[1:], pieces[:-1])):
        meet = (one != other) & (one > 0) & (other > 0)
        for a, b in np.unique(np.stack([one[meet], other[meet]]), axis=1).T.tolist():
            beside[a].add(b)
            beside[b].add(a)
    colours = np.zeros(count + 1, dtype=np.uint8)
    # In this order a piece has at most five neighbours that were coloured before it, as on any map in the plane.
    for piece in reversed(_fewest_first(beside)):
        taken = {int(colours[other]) for other in beside[piece]}
        wishes = ((piece - 1 + step) % MOST + 1 for step in range(MOST))
        colours[piece] = next(wish for wish in wishes if wish not in taken)
    return colours[pieces]


def _fewest_first(beside: list[set[int]]) -> list[int]:
    """The pieces in the order in which they fall when the one with the fewest neighbours left is taken away."""
    left = [len(others) for others in beside]
    heap = [(number, piece) for piece, number in enumerate(left) if piece]
    heapq.heapify(heap)
    is_gone = [False] * len(beside)
    order = []
    while heap:
        number, piece = heapq.heappop(heap)
        if is_gone[piece] or number != left[piece]:
            continue
        is_gone[piece] = True
        order.append(piece)
        for other in beside[piece]:
            if not is_gone[other]:
                left[other] -= 1
                heapq.heappush(heap, (left[other], other))
    return order
