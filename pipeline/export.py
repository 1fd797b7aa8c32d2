"""The dataset in other people's formats: an export from the first look into its folder to the last file."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.attribution import FILE_NAME as ATTRIBUTION
from pipeline.attribution import as_csv
from pipeline.classes import UNKNOWN, entries_of
from pipeline.console import Console, count
from pipeline.errors import GauganpipeError
from pipeline.exports import card, photos
from pipeline.exports.catalogue import LAYOUTS as LAYOUTS
from pipeline.exports.catalogue import open_layout
from pipeline.exports.choosing import Choice, choose, travelling
from pipeline.exports.dataset import Dataset
from pipeline.exports.folder import ExportFolder
from pipeline.exports.layout import Layout, Piece, text_piece
from pipeline.manifest import read
from pipeline.rows import SPLITS
from pipeline.workspace import Workspace, explained_disk_errors

UNSPLIT = "without a split. Give them one: gauganpipe manifest split"


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """What `export` is asked for: out, the folder; layout, one of LAYOUTS; split, one of SPLITS, or "" for all.

    with_restricted: photos that may not be handed on are exported too.
    """

    out: Path
    layout: str = "spade"
    split: str = ""
    with_restricted: bool = False


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What stands in the folder now. splits: photos a split. written, unchanged: photos.

    not_redistributable: photos left out because they may not be handed on; restricted: such photos that are there.
    unfinished: photos left out because they are `without` a map.    unsplit: because they are in no split.
    beside: files written beside those that a person has changed.    next: what may be typed now.
    """

    folder: Path
    layout: str
    splits: dict[str, int]
    written: int
    unchanged: int
    not_redistributable: int
    restricted: int
    unfinished: int
    without: str
    unsplit: int
    beside: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One fact a line."""
        counts = ", ".join(f"{name} {number}" for name, number in self.splits.items() if number)
        unchanged = f", {self.unchanged:,} unchanged" if self.unchanged else ""
        lines = [f"exported {count(self.written, 'photo')}{unchanged}", f"folder {self.folder}: {counts or 'nothing'}"]
        if self.restricted:
            lines.append(f"with {count(self.restricted, 'photo')} that may not be handed on: keep them to yourself")
        if self.not_redistributable:
            lines.append(f"left out {count(self.not_redistributable, 'photo')} that may not be handed on")
        if self.unfinished:
            lines.append(f"left out {count(self.unfinished, 'photo')} without {self.without}")
        if self.unsplit:
            lines.append(f"left out {count(self.unsplit, 'photo')} {UNSPLIT}")
        return lines + [f"wrote {name}, as its like was changed by hand" for name in self.beside]


def export(workspace: Workspace, asked: Exporting, *, console: Console) -> Exported:
    """Writes the photos of the table that can be used and handed on, with their maps, in a layout of somebody else's.

    Files are linked where they are those of the workspace and the disk allows it, and copied where not. What is there
    and would come out the same stays; nothing is deleted. Other splits that the folder holds are brought up to date
    too, so that all of it is of one moment.

    Raises: GauganpipeError when the folder holds other files, or a map is gone; ManifestError when there is no table.
    """
    job = _prepare(workspace, asked)
    dataset, folder = job.choice.dataset, job.folder
    todo = [piece for piece in job.pieces if not folder.has(piece)]
    written, beside = sum(piece.photos for piece in todo), []
    with explained_disk_errors(), console.bar("export", unit="photo", total=written) as bar:
        if todo:
            # First of all the folder is marked as ours, so that what a crash leaves can be gone on with.
            folder.begin(job.said, todo)
        try:
            for piece in todo:
                beside += folder.write(piece)
                folder.record(job.said, is_due=False)
                bar.step(piece.photos)
        finally:
            # However it ends, what is there is known to be ours.
            folder.record(job.said)
        folder.finish(job.said)
    advice = job.layout.advice(dataset, asked.out.resolve()) if dataset.rows else []
    for line in advice:
        console.note(f"next: {line}")
    return Exported(
        folder=asked.out,
        layout=asked.layout,
        splits={split: dataset.splits.get(split, 0) for split in SPLITS},
        written=written,
        unchanged=len(dataset.rows) - written,
        not_redistributable=job.choice.not_redistributable,
        restricted=dataset.restricted,
        unfinished=job.choice.unfinished,
        without=job.choice.without,
        unsplit=job.choice.unsplit,
        beside=beside,
        next=advice,
    )


def plan(workspace: Workspace, asked: Exporting) -> list[str]:
    """What `export` would write, one fact a line; writes nothing."""
    job = _prepare(workspace, asked)
    choice, dataset = job.choice, job.choice.dataset
    new = sum(piece.photos for piece in job.pieces if not job.folder.has(piece))
    lines = [f"would export {count(new, 'photo')} of {len(dataset.rows):,} to {asked.out}"]
    if dataset.restricted:
        lines.append(f"would hand on {count(dataset.restricted, 'photo')} that may not be handed on")
    if choice.not_redistributable:
        lines.append(f"would leave out {count(choice.not_redistributable, 'photo')} that may not be handed on")
    if choice.unfinished:
        lines.append(f"would leave out {count(choice.unfinished, 'photo')} without {choice.without}")
    if choice.unsplit:
        lines.append(f"would leave out {count(choice.unsplit, 'photo')} {UNSPLIT}")
    return lines


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What an export comes to, before anything is written. said: what export.json says besides the files."""

    layout: Layout
    choice: Choice
    folder: ExportFolder
    pieces: list[Piece]
    said: dict[str, Any]


def _prepare(workspace: Workspace, asked: Exporting) -> _Job:
    layout = open_layout(asked.layout)
    if asked.split and asked.split not in SPLITS:
        raise GauganpipeError(f"there is no split '{asked.split}'. Take one of {', '.join(SPLITS)}")
    manifest = read(workspace)
    folder = ExportFolder(asked.out, asked.layout)
    splits = [split for split in SPLITS if not asked.split or split in (asked.split, *folder.splits)]
    choice = choose(manifest, layout, splits, with_restricted=asked.with_restricted)
    choice = replace(choice, dataset=replace(choice.dataset, earlier=folder.left_by_an_earlier_export))
    pieces = [*layout.pieces(choice.dataset), *_of_every_export(choice.dataset, layout)]
    folder.demand_own(pieces)
    said = _about(choice.dataset, asked.layout)
    return _Job(layout=layout, choice=choice, folder=folder, pieces=pieces, said=said)


def _of_every_export(dataset: Dataset, layout: Layout) -> list[Piece]:
    """What stands beside the files of every layout."""
    return [
        text_piece(photos.FILE_NAME, photos.as_csv(dataset.rows, layout.places)),
        text_piece(ATTRIBUTION, as_csv(dataset.rows)),
        text_piece(card.FILE_NAME, card.as_markdown(dataset, layout), is_finished_by_hand=True),
    ]


def _about(dataset: Dataset, layout: str) -> dict[str, Any]:
    about = dataset.about
    used = sorted({row.label_model for row in dataset.rows})
    return {
        "layout": layout,
        "splits": list(dataset.splits),
        "taxonomy": about.taxonomy,
        "unknown": UNKNOWN,
        "classes": entries_of(dataset.taxonomy),
        "models": {name: dict(about.models[name]) for name in used if name in about.models},
        "parameters": travelling(about.parameters),
        "removed": dict(dataset.removed),
    }
