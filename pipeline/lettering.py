"""How much of a photo is covered by text: rows of marks of one height, close together, as no landscape has them."""

import cv2
import numpy as np

SIDE_PX = 512
"""The longer side of the copy that is looked at."""
SCALES = ((1, 3, 20), (2, 9, 22), (4, 10, 24))
"""How many times the copy is made smaller still, and the least and the most height of a letter there, in pixels."""
LEAST_SIDE_PX = 64
"""Of the shorter side, on any scale: in less there is no row of letters."""
AROUND_PX = 25
"""Side of the window whose mean is the paper that a mark stands on."""
INK_LEVELS = 30
"""A pixel belongs to a mark when it is darker, or brighter, than its paper by more than this."""
WIDEST = 10
"""Letters that touch make a mark this many times as wide as high at most."""
LEAST_FILLED, MOST_FILLED = 0.15, 0.95
"""Share of its box that a mark fills; one that is narrow, like an l, may fill it all."""
REACH = 1.3
"""The next letter is this many heights away at most, so that words of a line are one row."""
LOOKS = 12
"""In so many steps it is looked for,"""
LEVELS = (0.3, 0.55, 0.8)
"""at these heights of the letter, from the top."""
TALLEST = 1.8
"""A letter is at most this many times as high as its neighbour,"""
SLANT = 0.12
"""and stands on its line, or ends at the same height, but for this share of its own, or a pixel."""
LEAST_LETTERS = 8
"""Shorter rows are windows, posts, or chance."""
GROUND_LEVELS = 40
"""The ground of a letter is as bright above as below, but for this: tree tops stand before sky and wood."""
GROUND_PX, GROUND_LOOKS = 2, 5
"""It is looked at so far from the letter, in so many places side by side."""


def find_lettering(grey: np.ndarray) -> float:
    """Share of the photo that lies under rows of letters, 0 to 1.

    It sees upright lines of at least LEAST_LETTERS dark or bright letters or words, 0.6 to 18 hundredths of the longer
    side high: nearly all pages and screens, and most captions and posters before a calm ground. It does not see single
    words, lines that run askew, small or faint watermarks, or what stands before leaves and waves. Rows of windows and
    posts may pass for text.

    grey: (h, w) uint8, the longer side at most SIDE_PX.
    """
    covered = np.zeros(grey.shape, np.uint8)
    for times, lowest, highest in SCALES:
        size = grey.shape[1] // times, grey.shape[0] // times
        if min(size) < LEAST_SIDE_PX:
            break
        small = grey if times == 1 else cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        paper = cv2.blur(small, (AROUND_PX, AROUND_PX))
        for ink in (cv2.subtract(paper, small), cv2.subtract(small, paper)):
            marks = cv2.compare(ink, INK_LEVELS, cv2.CMP_GT)
            for x, y, width, height in _rows_of_letters(small, marks, lowest, highest):
                right = x + width + height // 2  # the gap to the next letter is text too
                covered[y * times : (y + height) * times, x * times : right * times] = 1
    return cv2.countNonZero(covered) / covered.size


def _rows_of_letters(grey: np.ndarray, marks: np.ndarray, lowest: int, highest: int) -> list[list[int]]:
    """The boxes (x, y, width, height) of letters that stand in rows.

    grey: (h, w) uint8.    marks: (h, w) uint8, 0 for paper.    lowest, highest: of a letter, in pixels.
    """
    # Numbers of 16 bits take half the time, and are enough for fewer marks than these.
    kind = cv2.CV_16U if cv2.countNonZero(marks) < np.iinfo(np.uint16).max else cv2.CV_32S
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(marks, connectivity=8, ltype=kind)
    boxes[0] = 0  # the paper
    x, y, width, height, area = boxes.T
    box = width * height
    is_letter = (height >= lowest) & (height <= highest) & (width <= WIDEST * height) & (area >= LEAST_FILLED * box)
    is_letter &= (area <= MOST_FILLED * box) | (2 * width < height)
    is_letter &= (x > 0) & (y > 0) & (x + width < marks.shape[1]) & (y + height < marks.shape[0])
    letters = np.flatnonzero(is_letter)
    letters = letters[_have_one_ground(grey, boxes[letters])]
    if len(letters) < LEAST_LETTERS:
        return []
    numbers = np.full(len(boxes), -1)
    numbers[letters] = np.arange(len(letters))
    boxes = boxes[letters, :4].astype(np.int64)
    return boxes[_are_in_rows(_next_letters(labels, numbers, boxes))].tolist()


def _have_one_ground(grey: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) bool, whether it is about as bright above a mark as below.

    grey: (h, w) uint8.    boxes: (N, 4) or more columns, of marks that do not touch the margin.
    """
    x, y, width, height = boxes.T[:4, :, None]  # (N, 1) each
    across = x + width * np.arange(GROUND_LOOKS) // GROUND_LOOKS
    above = grey[np.maximum(y - GROUND_PX, 0), across].mean(axis=1)
    below = grey[np.minimum(y + height - 1 + GROUND_PX, len(grey) - 1), across].mean(axis=1)
    return abs(above - below) <= GROUND_LEVELS


def _next_letters(labels: np.ndarray, numbers: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) int64, the letter that follows each to the right, -1 for none.

    labels: (h, w) of the marks.    numbers: mark -> letter, -1 for none.    boxes: (N, 4) of the letters.
    """
    x, y, width, height = boxes.T[..., None]  # (N, 1) each
    reach = np.maximum(2, (REACH * height).astype(np.int64))
    across = np.minimum(x + width - 1 + np.maximum(1, reach * np.arange(1, LOOKS + 1) // LOOKS), labels.shape[1] - 1)
    down = y + (height * np.array(LEVELS)).astype(np.int64)
    places = down[:, :, None] * labels.shape[1] + across[:, None, :]  # (N, LEVELS, LOOKS)
    seen = numbers.take(labels.ravel().take(places))
    seen[seen == np.arange(len(boxes))[:, None, None]] = -1
    first = np.take_along_axis(seen, (seen >= 0).argmax(axis=2)[..., None], axis=2)[..., 0]  # (N, LEVELS)

    other_x, other_y, _, other_height = np.moveaxis(boxes[first], -1, 0)
    low, high = np.minimum(height, other_height), np.maximum(height, other_height)
    slant = np.maximum(1, SLANT * low)
    is_level = (abs(y + height - other_y - other_height) <= slant) | (abs(y - other_y) <= slant)
    is_next = (first >= 0) & (high <= TALLEST * low) & is_level & (other_x >= x + width - 1)
    nearest = np.where(is_next, other_x, labels.shape[1]).argmin(axis=1)[:, None]
    return np.take_along_axis(np.where(is_next, first, -1), nearest, axis=1)[:, 0]


def _are_in_rows(following: np.ndarray) -> np.ndarray:
    """(N,) bool, whether a letter belongs to a row of at least LEAST_LETTERS.    following: (N,), -1 for none."""
    lengths = np.ones(len(following), np.int64)  # of the row from each letter on, as far as it matters
    has_next = following >= 0
    followed = np.flatnonzero(has_next)
    for _ in range(LEAST_LETTERS - 1):
        lengths[followed] = 1 + lengths[following[followed]]
    are_in = lengths >= LEAST_LETTERS
    for _ in range(LEAST_LETTERS - 1):
        are_in[following[are_in & has_next]] = True
    return are_in
