"""The photos that runs are judged by, and those they were trained on: which they are, and how they are read."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.console import Console, count
from pipeline.errors import RunError
from pipeline.manifest import Manifest, rows_of_splits
from pipeline.rows import Row, digest
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.reading import Sample, Scaled

AT_ONCE = 16
"""Pictures that are in memory together."""
FEWEST = 2
"""A distance is one between sets, and one photo is none."""


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Pictures of one size, in an order that all sets of a measurement share; each is read when it is asked for.

    name: what people call the set.    key: the same for the same pixels.
    read: place in the set -> (3, H, W) uint8 RGB.
    """

    name: str
    key: str
    number: int
    read: "Callable[[int], Tensor]"

    def __len__(self) -> int:
        return self.number

    def batches(self) -> "Iterator[Tensor]":
        """(B, 3, H, W) float32 in [-1, 1], B at most AT_ONCE."""
        import torch

        for start in range(0, self.number, AT_ONCE):
            few = [self.read(place) for place in range(start, min(start + AT_ONCE, self.number))]
            yield torch.stack(few).float() / 127.5 - 1

    def some(self, places: Sequence[int], *, name: str) -> "Pictures":
        """Those at some places of the set."""
        return Pictures(
            name=name,
            key=digest(repr((self.key, tuple(places))).encode()),
            number=len(places),
            read=lambda place: self.read(places[place]),
        )


@dataclass(frozen=True, kw_only=True)
class Case:
    """A photo to judge by.

    key: the same for the same bytes of photo and maps.    group: of photos that look alike.
    labelled_by: as in the manifest.
    """

    id: str
    group: str
    name: str
    sample: "Sample"
    key: str
    labelled_by: str


@dataclass(frozen=True, kw_only=True)
class Photos:
    """Photos with their maps, scaled to cover one size and cut from the middle.

    size: (height, width) in pixels.    classes: how many there are.
    """

    cases: tuple[Case, ...]
    size: tuple[int, int]
    classes: int

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def key(self) -> str:
        return digest(repr((self.size, [case.key for case in self.cases])).encode())

    @cached_property
    def groups(self) -> list[int]:
        """Of each photo the number of its group: photos that look alike say no more than one of them."""
        numbers: dict[str, int] = {}
        return [numbers.setdefault(case.group, len(numbers)) for case in self.cases]

    @property
    def labelled_by(self) -> str:
        """What most of the label maps were made by."""
        return Counter(case.labelled_by for case in self.cases).most_common(1)[0][0]

    def read(self, place: int) -> "Scaled":
        """image (3, H, W) uint8 RGB, labels (H, W) uint8, 255 unknown, instances (H, W) int32 or None.

        Raises: DataError of gaugan where a file is gone or does not fit the others.
        """
        from gaugan.cropping import cut, place_window
        from gaugan.errors import DataError
        from gaugan.reading import Scaled, covering_size, read_instances, read_labels, read_photo, resized, size_text

        sample = self.cases[place].sample
        image, labels = read_photo(sample.image), read_labels(sample.labels, classes=self.classes)
        instances = read_instances(sample.instances) if sample.instances else None
        for path, plane in ((sample.labels, labels), (sample.instances, instances)):
            if plane is not None and plane.shape != image.shape[1:]:
                raise DataError(f"{path} is {size_text(plane)}, its photo {sample.image} is {size_text(image)}")
        covering = covering_size(image.shape[1:], crop=self.size, margin=0)
        scaled = resized(Scaled(image=image, labels=labels, instances=instances), covering)
        return cut(scaled, place_window(covering, crop=self.size, down=0.5, right=0.5), crop=self.size)

    def pictures(self, name: str) -> Pictures:
        """The photos alone."""
        return Pictures(name=name, key=self.key, number=len(self), read=lambda place: self.read(place).image)


def dealt(groups: Sequence[int]) -> tuple[list[int], list[int]]:
    """Two halves, as equal as whole groups can be: look-alikes in both would be found as near as copies.

    groups: of each photo the number of its group.    Returns the places of either half.
    """
    halves: tuple[set[int], set[int]] = set(), set()
    sizes = [0, 0]
    for group, size in Counter(groups).most_common():
        smaller = 0 if sizes[0] <= sizes[1] else 1
        halves[smaller].add(group)
        sizes[smaller] += size
    one, other = ([place for place, group in enumerate(groups) if group in half] for half in halves)
    return one, other


def judged_photos(
    workspace: Workspace,
    manifest: Manifest,
    *,
    split: str,
    limit: int | None,
    size: tuple[int, int],
    seen_by: Sequence[tuple[str, frozenset[str]]],
    console: Console,
) -> Photos:
    """The photos of a split that have a label map, without those that a run has learned from.

    limit: as in Asked; ids are drawn by lot, so the first of them are as good as any.
    seen_by: of each run its name, and the ids of the photos and groups that it learned from.
    Raises: RunError when fewer than two are left, or a file of one is not there.
    """
    rows = sorted((row for row in rows_of_splits(manifest, split) if row.label_file_name), key=lambda row: row.id)
    for name, seen in seen_by:
        fresh = [row for row in rows if row.id not in seen and row.group not in seen]
        if len(fresh) < len(rows):
            left_out = count(len(rows) - len(fresh), "photo")
            console.note(f"{left_out} of {split} left out: {name} has learned from them, or from their look-alikes")
        rows = fresh
    rows = rows[:limit] if limit else rows
    if len(rows) < FEWEST:
        number = "one labelled photo" if rows else "no labelled photo"
        others = {row.split for row in manifest.rows.values() if row.label_file_name} - {split, "train", ""}
        how = f"Take another split: --split {min(others)}" if others else "Add photos and label them"
        raise RunError(
            f"there is {number} to judge by in the split {split}, and scores compare sets of {FEWEST} or more. {how}"
        )
    cases = tuple(case_of(workspace, row, is_looked_at=True) for row in rows)
    return Photos(cases=cases, size=size, classes=len(manifest.taxonomy))


def training_photos(workspace: Workspace, rows: Sequence[Row], *, size: tuple[int, int], classes: int) -> Photos:
    """Photos that were trained on, as far as their files are still here."""
    cases = (case_of(workspace, row, is_looked_at=False) for row in rows)
    there = tuple(case for case in cases if case.sample.image.is_file() and case.sample.labels.is_file())
    return Photos(cases=there, size=size, classes=classes)


def case_of(workspace: Workspace, row: Row, *, is_looked_at: bool) -> Case:
    """is_looked_at: whether the files themselves are asked what they hold; of many photos the manifest says it.

    Raises: RunError when a file is not there.
    """
    from gaugan.reading import Sample

    names = (row.file_name, row.label_file_name, row.instance_file_name)
    paths = [workspace.resolve(name) if name else None for name in names]
    key = repr([row.digests.get(kind, "") for kind in ("image", "label", "instance")])
    if is_looked_at:
        key = repr([_digest_of(workspace, path) if path else "" for path in paths])
    return Case(
        id=row.id,
        group=row.group or row.id,
        name=row.original_name or row.id,
        sample=Sample(image=paths[0], labels=paths[1], instances=paths[2]),
        key=digest(key.encode()),
        labelled_by=row.label_model or "",
    )


def _digest_of(workspace: Workspace, path: Path) -> str:
    try:
        return digest(path.read_bytes())
    except OSError as error:
        how = workspace.from_here("gauganpipe manifest check")
        raise RunError(
            f"{path} cannot be read: {error.strerror}. Put it back, or see all that is missing: {how}"
        ) from None
