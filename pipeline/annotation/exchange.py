"""What every tool shares: which photos go out, and what happens to the label maps that come back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import images
from pipeline.classes import UNKNOWN, Taxonomy, fold
from pipeline.console import Console, count
from pipeline.corrections import corrected, demand_fitting, is_same
from pipeline.errors import GauganpipeError, PhotoError
from pipeline.manifest import Manifest, read, writing
from pipeline.rows import FAILED, SPLITS, Row
from pipeline.workspace import Workspace, explained_disk_errors

UNKNOWN_WORDS = ("background", "unknown")
"""What tools call pixels of no class."""
NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What goes out. out: the file or folder. split: one of SPLITS, or "" for all.

    limit: so many photos at most, those that nobody has looked at first, the least certain first; None for all.
    """

    out: Path
    split: str = ""
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What was written for a tool. unchanged: it was there already.    not_redistributable: how many of the photos.

    how: what to do with it in the tool, a sentence each.
    """

    place: Path
    photos: int
    unchanged: bool
    not_redistributable: int
    how: list[str]

    def lines(self) -> list[str]:
        """One fact a line."""
        what = "unchanged" if self.unchanged else "written"
        lines = [f"{what} {self.place}: {count(self.photos, 'photo')} with label maps"]
        if self.not_redistributable:
            lines.append(
                f"{count(self.not_redistributable, 'photo')} of them may not be handed on: keep them to yourself"
            )
        return lines


@dataclass(frozen=True, kw_only=True)
class Returned:
    """A label map that came back: whose it is, where it stands, and what reads it, as (H, W) uint8 ids of ours."""

    id: str
    where: str
    read: Callable[[], np.ndarray]


Find = Callable[[Manifest], tuple[list[Returned], list[str]]]
"""Gives the maps that came back for photos of a manifest, and the names of those that belong to none."""


@dataclass(frozen=True, kw_only=True)
class TakenBack:
    """What came back. corrected: maps that a person has changed. unchanged: maps that are as they were.

    strangers: names of maps that belong to no photo of the workspace.    failed: rows whose edges could not be made.
    """

    corrected: int
    unchanged: int
    strangers: list[str]
    failed: list[str]
    is_dry_run: bool = False

    def lines(self) -> list[str]:
        """One fact a line."""
        verb = "would correct" if self.is_dry_run else "corrected"
        lines = [f"{verb} {count(self.corrected, 'label map')}, {self.unchanged:,} unchanged"]
        if self.strangers:
            shown = ", ".join(self.strangers[:NAMED]) + ", ..." * (len(self.strangers) > NAMED)
            lines.append(f"left out {count(len(self.strangers), 'map')} of no photo here: {shown}")
        return lines + [f"failed: {sentence}" for sentence in self.failed]


def chosen(manifest: Manifest, sending: Sending) -> list[Row]:
    """The rows that go out, by id: they have a label map, and nobody has turned them down.

    Raises: GauganpipeError when there is no such split, or no such row.
    """
    if sending.split and sending.split not in SPLITS:
        raise GauganpipeError(f"there is no split '{sending.split}'. Take one of {', '.join(SPLITS)}")
    rows = [row for row in manifest.rows.values() if row.is_usable and row.label_file_name]
    rows = [row for row in rows if not sending.split or row.split == sending.split]
    if not rows:
        how = manifest.workspace.from_here("gauganpipe label")
        raise GauganpipeError(
            f"no photo of {sending.split or manifest.workspace.root} has a label map. Make them: {how}"
        )
    rows.sort(key=lambda row: (row.label_reviewed == "yes", row.label_confidence or 0.0, row.id))
    return sorted(rows[: sending.limit], key=lambda row: row.id)


def planned(sending: Sending, rows: Sequence[Row]) -> list[str]:
    """What would be written, one fact a line."""
    return [f"would write {sending.out}: {count(len(rows), 'photo')} with label maps"]


def read_labels_of(workspace: Workspace, row: Row) -> np.ndarray:
    """The label map of a row that goes out, (H, W) uint8.

    Raises: PhotoError when it, or its photo, is gone or damaged.
    """
    try:
        if not workspace.resolve(row.file_name).is_file():
            raise PhotoError(f"has lost its file, {row.file_name}")
        return images.read_labels(workspace.resolve(row.label_file_name))
    except PhotoError as error:
        raise PhotoError(f"{row.original_name} {error}. See gauganpipe inspect") from None


def take_back(workspace: Workspace, find: Find, *, console: Console) -> TakenBack:
    """Takes the maps that were changed as corrected. All are read and checked before the first is taken.

    Raises: GauganpipeError naming the first map that cannot be used; then nothing has changed.
    """
    compared = _compare(read(workspace), find, console)
    failed = []
    if compared.changed:
        bar_of_maps = console.bar("correct", unit="map", total=len(compared.changed))
        with explained_disk_errors(), writing(workspace) as manifest, bar_of_maps as bar:
            for one in compared.changed:
                row = manifest.rows[one.id]
                row = corrected(workspace, row, one.read(), manifest.about, meanwhile=manifest.record)
                manifest.record(row)
                failed += [row.error] if row.status == FAILED else []
                bar.step()
    return compared.taken(failed=failed)


def plan_taking_back(workspace: Workspace, find: Find, *, console: Console) -> TakenBack:
    """What `take_back` would do; writes nothing.    Raises: as `take_back`."""
    return _compare(read(workspace), find, console).taken(is_dry_run=True)


def class_of(label: str, taxonomy: Taxonomy) -> int | None:
    """The id that a label of a tool means: a class, or UNKNOWN; None where nothing is called so."""
    if fold(label) in taxonomy.words:
        return taxonomy.words[fold(label)]
    return UNKNOWN if fold(label) in UNKNOWN_WORDS else None


def id_of(name: str, manifest: Manifest) -> str:
    """The row that a file of a tool is named after, whatever folder or upload mark stands before; "" for none."""
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
    marked = stem.partition("-")[2]
    return next((id for id in (stem, marked) if id in manifest.rows and manifest.rows[id].file_name), "")


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """The maps that differ from those of the workspace, how many do not, and those of no photo."""

    changed: list[Returned]
    unchanged: int
    strangers: list[str]

    def taken(self, *, failed: Sequence[str] = (), is_dry_run: bool = False) -> TakenBack:
        return TakenBack(
            corrected=len(self.changed),
            unchanged=self.unchanged,
            strangers=self.strangers,
            failed=list(failed),
            is_dry_run=is_dry_run,
        )


def _compare(manifest: Manifest, find: Find, console: Console) -> _Compared:
    maps, strangers = find(manifest)
    if not maps and strangers:
        raise GauganpipeError(
            f"none of the {count(len(strangers), 'map')} belongs to a photo of {manifest.workspace.root}: "
            f"{strangers[0]} is named after no id. Name another workspace with -C, or keep the names that went out"
        )
    changed, seen = [], set()
    with console.bar("compare", unit="map", total=len(maps)) as bar:
        for one in maps:
            row = manifest.rows[one.id]
            if one.id in seen:
                raise GauganpipeError(f"{one.where} is a second map of {row.original_name}. Keep one of them")
            seen.add(one.id)
            ids = one.read()
            try:
                demand_fitting(row, ids, manifest.taxonomy)
            except PhotoError as error:
                raise GauganpipeError(f"{one.where}: {error}") from None
            if not is_same(manifest.workspace, row, ids):
                changed.append(one)
            bar.step()
    return _Compared(changed=changed, unchanged=len(maps) - len(changed), strangers=strangers)
