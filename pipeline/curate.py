"""Table functions: which photos are near-duplicates, and which part of the data set each belongs to."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from pipeline.rows import OK, Row

NEAR_BITS = 40
"""Two photos are near-duplicates when their 256-bit hashes differ in at most this many bits."""
SPLITS = (("train", 0.8), ("val", 0.9), ("test", 1.0))
"""Each split with the upper end of its range: 80, 10 and 10 photos in a hundred."""


def settle(rows: Iterable[Row], *, seed: int) -> list[Row]:
    """The rows that change when every photo without a group gets one, and with it a split.

    A photo that joins a group takes its split. When it joins two, they become one: the older one's name and split win,
    so rows may move. Adding photos moves nobody else. At least one row is for training and, given two groups, one for
    validation.
    """
    photos = sorted((row for row in rows if row.file_name), key=_age)
    settled = {row.id: row for row in photos}
    if any(not row.group for row in photos):
        for members in _clusters(photos):
            oldest = members[0]
            split = oldest.split or _drawn_split(seed, oldest.id)
            for row in members:
                settled[row.id] = replace(row, group=oldest.id, split=split)
        fresh = {row.id for row in photos if not row.group}
        _fill_empty_splits(settled, fresh)
    return [settled[row.id] for row in photos if settled[row.id] != row]


def _age(row: Row) -> tuple[int, str]:
    return row.added or 0, row.id


def _clusters(photos: Sequence[Row]) -> list[list[Row]]:
    """Groups of photos, each oldest first: those that were one before, joined where a new photo resembles two."""
    first_of: dict[str, int] = {}
    oldest = np.array([first_of.setdefault(row.group or row.id, index) for index, row in enumerate(photos)])
    for new, others in look_alikes(photos):
        joined = np.unique(oldest[np.append(others, new)])
        if len(joined) > 1:
            oldest[np.isin(oldest, joined)] = joined[0]
    members: dict[int, list[Row]] = {}
    for index, row in zip(oldest.tolist(), photos, strict=True):
        members.setdefault(index, []).append(row)
    return list(members.values())


def look_alikes(photos: Sequence[Row], *, block: int = 1024) -> Iterator[tuple[int, np.ndarray]]:
    """Each photo without a group that resembles others: its index and theirs, (K,) int64.

    A photo is like its own mirror image. A pair of photos that have groups is not looked at.
    """
    hashed = np.array([index for index, row in enumerate(photos) if row.dhash], dtype=np.int64)
    new = [index for index in hashed.tolist() if not photos[index].group]
    if not new:
        return
    known = _signs([photos[index].dhash for index in hashed]).T
    for start in range(0, len(new), block):
        part = new[start : start + block]
        # Of +1 and -1 vectors the product is 256 minus twice the number of bits that differ.
        upright, mirrored = (
            _signs(hashes) @ known >= 256 - 2 * NEAR_BITS
            for hashes in ([photos[i].dhash for i in part], [photos[i].dhash_mirror for i in part])
        )
        for index, near in zip(part, upright | mirrored, strict=True):
            others = hashed[near]
            if len(others) > 1 or (len(others) == 1 and others[0] != index):
                yield index, others[others != index]


def _signs(hashes: Sequence[str]) -> np.ndarray:
    """(N, 256) float32 of +1 and -1, one row a hash."""
    packed = np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, 32)
    return np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1


def _position(seed: int, group: str) -> float:
    """Where a group falls in [0, 1): a function of seed and group alone."""
    return int(hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()[:12], 16) / 16**12


def _drawn_split(seed: int, group: str) -> str:
    position = _position(seed, group)
    return next(name for name, end in SPLITS if position < end)


def _fill_empty_splits(settled: dict[str, Row], fresh: set[str]) -> None:
    """Moves one new group to train, and one to val, where a split that a training run needs has no row.

    fresh: ids of the oldest rows of groups that nobody has seen the split of yet.
    """
    for wanted in ("train", "val"):
        usable = [row for row in settled.values() if row.status == OK and row.keep != "no"]
        groups = {split: {row.group for row in usable if row.split == split} for split, _ in SPLITS}
        # A run can do without test rows, and rather without val rows than without train rows.
        givers = ("test", "val") if wanted == "train" else ("test", "train")
        spare = [groups[split] for split in givers if split != "train" or len(groups[split]) > 1]
        movable = [sorted(names & fresh) for names in spare if names & fresh]
        if groups[wanted] or not movable:
            continue
        chosen = movable[0][0]
        for row in list(settled.values()):
            if row.group == chosen:
                settled[row.id] = replace(row, split=wanted)
