"""Which photos look alike: an exact search among all pairs of difference hashes, mirror images included.

A hash is 16 rows of 16 bits. Its fold says of each bit whether it differs from the one that lies across the middle: 128
bits. A mirror image turns every bit over and swaps the two, so it has the same fold, and where the folds of two photos
differ, so do the photos, upright and mirrored: never in fewer bits. Comparing the folds once therefore rules out nearly
every pair, and misses none; the few others are compared bit by bit.
"""

from collections.abc import Callable, Iterator

import numpy as np

NEAR_BITS = 40
"""Two photos look alike when their 256-bit hashes differ in at most this many bits."""
ROWS, COLUMNS = 8, 4096
"""Photos that are compared with so many others at once: what is worked on meanwhile stays in the processor's cache."""
CROWD, EARLY = 512, 64
"""Where more pairs than CROWD are near among those that are worked on at once, one in EARLY is looked at first."""

_MIRRORED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1])
"""Byte -> the same eight bits the other way round."""


def _alone(places: np.ndarray) -> np.ndarray:
    """Every photo is a group of its own."""
    return places


def find_pairs(
    hashes: np.ndarray, mirrors: np.ndarray, *, known: int = 0, group_of: Callable[[np.ndarray], np.ndarray] = _alone
) -> Iterator[np.ndarray]:
    """All pairs of photos that look alike: one like the other, or like the other's mirror image. A pair comes once.

    hashes, mirrors: (N, 32) uint8, of the photos and of their mirror images, as `images.dhash` makes them.
    known: the first so many photos are not compared with one another.
    group_of: places to the numbers of their groups, int64 of any shape both. Photos of one group are not compared. It
    is asked anew each time: a caller that joins the photos of the pairs as they come is spared what follows from them.
    Yields (K, 2) int64, each the two places of a pair, the larger first. Beside the hashes it takes a few megabytes.
    """
    places, folds = _folds(hashes, mirrors)
    ends = np.searchsorted(places, np.arange(len(hashes) + 1))
    words = hashes.view(np.uint64), mirrors.view(np.uint64)
    shape = (2 * ROWS, 2 * COLUMNS)  # a photo has up to two folds
    buffers = np.empty(shape, np.uint64), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    for first in range(known, len(hashes), ROWS):
        last = min(first + ROWS, len(hashes))
        rows = slice(ends[first], ends[last])
        found = []
        for start in range(0, last, COLUMNS):
            columns = slice(ends[start], ends[min(start + COLUMNS, last)])
            near = _are_near(folds[:, rows], folds[:, columns], buffers)
            one, other = places[rows, None], places[columns]
            if np.count_nonzero(near) > CROWD:
                # A few of the pairs join nearly all of a crowd, and the others need no look.
                is_early = (one + other) % EARLY == 0
                row, column = np.nonzero(near & is_early & (group_of(one) != group_of(other)))
                if len(pairs := _alike_pairs(one[row, 0], other[column], words)):
                    yield pairs
                near &= ~is_early & (group_of(one) != group_of(other))
            row, column = np.divmod(np.flatnonzero(near), near.shape[1])
            found.append((one[row, 0], other[column]))
        one, other = map(np.concatenate, zip(*found, strict=True))
        apart = group_of(one) != group_of(other)
        if len(pairs := _alike_pairs(one[apart], other[apart], words)):
            yield pairs


def _folds(hashes: np.ndarray, mirrors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The folds, in the order of their photos: whose each is, (F,) int64, and its two words, (2, F) uint64.

    Where neighbouring cells are equally bright, the bits of the mirror image are not those of the photo turned over. If
    its fold is another one, then the photo has two.
    """
    upright, mirrored = (one[:, 0::2] ^ _MIRRORED[one[:, 1::2]] for one in (hashes, mirrors))
    others = np.flatnonzero((upright != mirrored).any(axis=1))
    places = np.append(np.arange(len(hashes)), others)
    order = np.argsort(places, kind="stable")
    folds = np.concatenate([upright, mirrored[others]])[order]
    return places[order], np.ascontiguousarray(folds.view(np.uint64).T)


def _are_near(some: np.ndarray, others: np.ndarray, buffers: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """(R, C) bool: which of some folds, (2, R), and which of others, (2, C), differ in at most NEAR_BITS."""
    differing, bits, more_bits = (one[: some.shape[1], : others.shape[1]] for one in buffers)
    np.bitwise_count(np.bitwise_xor(some[0, :, None], others[0], out=differing), out=bits)
    np.bitwise_count(np.bitwise_xor(some[1, :, None], others[1], out=differing), out=more_bits)
    np.add(bits, more_bits, out=bits)
    return bits <= NEAR_BITS


def _alike_pairs(one: np.ndarray, other: np.ndarray, words: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(K, 2) int64, each once: those of the pairs that look alike and have the larger place first."""
    pairs = np.stack([one, other], axis=1)[one > other]
    return np.unique(pairs[_are_alike(*words, *pairs.T)], axis=0)


def _are_alike(hashes: np.ndarray, mirrors: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(K,) bool of pairs.    hashes, mirrors: (N, 4) uint64.    one, other: (K,) int64, the places of each pair."""
    alike = np.zeros(len(one), bool)
    for left, right in ((hashes, hashes), (mirrors, hashes), (hashes, mirrors)):
        alike |= np.bitwise_count(left[one] ^ right[other]).sum(axis=1) <= NEAR_BITS
    return alike
