"""Table functions: which photos belong together, which part of the data set each belongs to, and one of each group."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from pipeline.look_alikes import find_pairs
from pipeline.rows import OK, REJECTED, SPLITS, Row
from pipeline.rules import ONE_A_GROUP
from pipeline.splits import DEFAULT, Splits

BURST_SECONDS = 2.0
"""Two photos that one camera took within so many seconds show the same scene."""
MOST_AT_ONCE = 60
"""No camera takes more photos in a second: a clock that says so of them stood still, and says nothing."""


class Groups:
    """Which photos belong together: at first each is alone."""

    def __init__(self, photos: int) -> None:
        self.number = np.arange(photos)
        """(N,) int64: photos of one group have the same number, which is the place of one of them."""
        self.members = {place: [place] for place in range(photos)}
        """Number -> places."""

    def join(self, pairs: np.ndarray) -> None:
        """Makes the groups of the two photos of each pair one.    pairs: (K, 2) int64, places."""
        numbers = self.number[pairs]
        numbers = numbers[numbers[:, 0] != numbers[:, 1]]
        for pair in np.unique(numbers, axis=0):
            small, large = sorted(self.number[pair].tolist(), key=lambda number: len(self.members[number]))
            if small == large:
                continue  # an earlier pair has joined them
            moved = self.members.pop(small)
            self.number[moved] = large
            self.members[large] += moved


def settle(rows: Iterable[Row], *, seed: int, splits: Splits = DEFAULT) -> list[Row]:
    """The rows that change when every photo without a group gets one, and with it a split.

    Near-duplicates share a group, and so do photos of a burst. A photo that joins a group takes its split. When it
    joins two, they become one: the older one's name and split win, so rows may move. Adding photos moves nobody else.
    At least one row is for training and, given two groups, one for validation.

    splits: how many photos in a hundred are drawn for each.
    """
    photos = sorted((row for row in rows if row.file_name), key=_age)
    settled = {row.id: row for row in photos}
    if any(not row.group for row in photos):
        for members in _clusters(photos):
            oldest = members[0]
            split = oldest.split or splits.draw(seed, oldest.id)
            for row in members:
                settled[row.id] = replace(row, group=oldest.id, split=split)
        fresh = {row.id for row in photos if not row.group}
        _fill_empty_splits(settled, fresh)
    return [settled[row.id] for row in photos if settled[row.id] != row]


def thin(rows: Iterable[Row], *, one_a_group: bool) -> list[Row]:
    """The rows that change when of every group one photo alone is kept, or all of them are again.

    The largest is kept, the sharpest of these, the oldest of these. What the user keeps is kept beside it or in its
    place, and what the user turned down, what failed and what another rule rejected is left as it is.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if belongs(row):
            groups.setdefault(row.group, []).append(row)
    changed = []
    for members in groups.values():
        best = min(members, key=rank)
        for row in members:
            cells = {"status": OK, "stage": "", "rule": "", "rule_value": None}
            if one_a_group and row is not best and row.keep != "yes":
                found = float(len(members))
                cells = {"status": REJECTED, "stage": "ingest", "rule": ONE_A_GROUP, "rule_value": found}
            if (after := replace(row, **cells)) != row:
                changed.append(after)
    return changed


def look_alikes(photos: Sequence[Row], groups: Groups | None = None) -> Iterator[np.ndarray]:
    """Places of photos that look alike: enough pairs, (K, 2), to join each photo without a group to all its like.

    A photo is like its own mirror image. A pair of photos that have groups is not looked at.
    groups: those that the caller joins by the pairs as they come. What is in one of them is not compared any more.
    """
    # Photos that have a group first. Those of a group, and those of none, that have the same hashes are compared once.
    hashed = sorted((index for index, row in enumerate(photos) if row.dhash), key=lambda index: not photos[index].group)
    first_of: dict[tuple[str, str, str], int] = {}
    same = []
    for index in hashed:
        row = photos[index]
        first = first_of.setdefault((row.dhash, row.dhash_mirror, row.group), index)
        if index != first and not row.group:
            same.append((index, first))
    yield _as_pairs(same)
    groups = groups or Groups(len(photos))
    different = np.array(list(first_of.values()), np.int64)
    hashes = _as_bytes([photos[index].dhash for index in different])
    mirrors = _as_bytes([photos[index].dhash_mirror for index in different])
    known = sum(bool(photos[index].group) for index in different)
    for pairs in find_pairs(hashes, mirrors, known=known, group_of=lambda places: groups.number[different[places]]):
        yield different[pairs]


def bursts(photos: Sequence[Row]) -> Iterator[tuple[int, int]]:
    """Places of photos that one camera took within BURST_SECONDS: enough pairs to join each that has no group to them.

    A burst is as long as one photo follows another: a scene that was taken every second for an hour is one. Times with
    a zone and times without one are not compared. A pair of photos that have groups is not looked at.
    """
    shots: dict[tuple[str, bool], list[tuple[datetime, int]]] = {}
    for index, row in enumerate(photos):
        moment = _moment(row)
        if row.camera and moment is not None:
            shots.setdefault((row.camera, moment.tzinfo is not None), []).append((moment, index))
    for taken in shots.values():
        at_once = Counter(moment for moment, _ in taken)
        believed = sorted(shot for shot in taken if at_once[shot[0]] <= MOST_AT_ONCE)
        first = 0
        for place, (moment, index) in enumerate(believed):
            while (moment - believed[first][0]).total_seconds() > BURST_SECONDS:
                first += 1
            for _, other in reversed(believed[first:place]):
                if not (photos[index].group and photos[other].group):
                    yield index, other
                if not photos[other].group:
                    break  # what comes before it in this burst has been joined to it


def belongs(row: Row) -> bool:
    """Whether a photo counts in its group: it can be used, or could be if another one of the group were not kept."""
    is_ours = row.status == OK or (row.status == REJECTED and row.rule == ONE_A_GROUP)
    return is_ours and bool(row.file_name and row.group) and row.keep != "no"


def rank(row: Row) -> tuple:
    """Of the rows of a group the one with the least is kept."""
    return row.keep != "yes", -(row.width or 0) * (row.height or 0), -(row.sharpness or 0.0), *_age(row)


def _age(row: Row) -> tuple[int, str]:
    return row.added or 0, row.id


def _clusters(photos: list[Row]) -> list[list[Row]]:
    """Groups of photos, each oldest first: those that were one before, joined where a new photo belongs to two."""
    first_of: dict[str, int] = {}
    groups = Groups(len(photos))
    groups.join(
        _as_pairs([(index, first_of.setdefault(row.group or row.id, index)) for index, row in enumerate(photos)])
    )
    groups.join(_as_pairs(list(bursts(photos))))
    for pairs in look_alikes(photos, groups):
        groups.join(pairs)
    return [[photos[index] for index in sorted(places)] for places in groups.members.values()]


def _as_pairs(pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """(K, 2) int64."""
    return np.array(pairs, np.int64).reshape(-1, 2)


def _as_bytes(hashes: Sequence[str]) -> np.ndarray:
    """(N, 32) uint8."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, 32)


def _moment(row: Row) -> datetime | None:
    """When the photo was taken; None where no time of day is known."""
    if "T" not in row.captured_at:
        return None
    try:
        return datetime.fromisoformat(row.captured_at)
    except ValueError:
        return None


def _fill_empty_splits(settled: dict[str, Row], fresh: set[str]) -> None:
    """Moves one new group to train, and one to val, where a split that a training run needs has no row.

    fresh: ids of the oldest rows of groups that nobody has seen the split of yet.
    """
    for wanted in ("train", "val"):
        usable = [row for row in settled.values() if row.status == OK and row.keep != "no"]
        groups = {split: {row.group for row in usable if row.split == split} for split in SPLITS}
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
