"""The dataset in other people's formats: the folders that the reference implementation of SPADE reads."""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline import images
from pipeline.classes import UNKNOWN, entries_of
from pipeline.console import Console, count
from pipeline.errors import GauganpipeError, PhotoError, WorkspaceError
from pipeline.manifest import Manifest, read, rows_of_splits
from pipeline.rows import Row, digest
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

LAYOUTS = ("spade",)
SPLITS = ("train", "val", "test")
KINDS = {"img": "file_name", "label": "label_file_name", "inst": "instance_file_name"}
"""Kind of a folder, as in train_img -> the column that names its file."""
DIGESTS = ("image", "label", "instance")
"""Of the files that those columns name."""
ABOUT = "export.json"
"""Says what the folder holds: classes, and for each photo what it was made from, by whom, and under which licence."""


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """What `export` is asked for: out, the folder; layout, one of LAYOUTS; split, one of SPLITS, or "" for all."""

    out: Path
    layout: str = "spade"
    split: str = ""


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What stands in the folder now. splits: photos a split. written, unchanged: photos.

    not_redistributable: photos left out because they may not be handed on. unfinished: without labels or instances.
    """

    folder: Path
    splits: dict[str, int]
    written: int
    unchanged: int
    not_redistributable: int
    unfinished: int

    def lines(self) -> list[str]:
        """One fact a line."""
        counts = ", ".join(f"{name} {number}" for name, number in self.splits.items() if number)
        unchanged = f", {self.unchanged:,} unchanged" if self.unchanged else ""
        lines = [f"exported {count(self.written, 'photo')}{unchanged}", f"folder {self.folder}: {counts or 'nothing'}"]
        if self.not_redistributable:
            lines.append(f"left out {count(self.not_redistributable, 'photo')} that may not be handed on")
        if self.unfinished:
            lines.append(f"left out {count(self.unfinished, 'photo')} without label map or instance map")
        return lines


def export(workspace: Workspace, asked: Exporting, *, console: Console) -> Exported:
    """Writes the photos of the table that can be used and handed on, with their label and instance maps.

    Photos and instance maps are linked where the disk allows it, and copied where not. Rejected and failed rows and
    those with keep = no stay out. What is there and would come out the same stays; nothing is deleted.

    Raises: GauganpipeError when the folder holds other files, or a map is gone; ManifestError when there is no table.
    """
    manifest, chosen = _chosen(workspace, asked)
    known = _read_about(asked.out)
    _demand_own(asked, chosen.rows, known)
    made = {id: entry for id, entry in known.items() if entry.get("split") not in _splits(asked)}
    written = 0
    with explained_disk_errors(), console.bar("export", unit="photo", total=len(chosen.rows)) as bar:
        try:
            for row in chosen.rows:
                places = _places(asked.out, row)
                if _is_new(row, known) or not all(place.is_file() for place in places.values()):
                    _write(workspace, row, places)
                    written += 1
                made[row.id] = _entry(row)
                bar.step()
        finally:
            if made != known or not (asked.out / ABOUT).is_file():
                write_atomically(asked.out / ABOUT, _about(manifest, asked, made))
    return Exported(
        folder=asked.out,
        splits=chosen.splits,
        written=written,
        unchanged=len(chosen.rows) - written,
        not_redistributable=chosen.not_redistributable,
        unfinished=chosen.unfinished,
    )


def plan(workspace: Workspace, asked: Exporting) -> list[str]:
    """What `export` would write, one fact a line; writes nothing."""
    _, chosen = _chosen(workspace, asked)
    known = _read_about(asked.out)
    _demand_own(asked, chosen.rows, known)
    new = sum(_is_new(row, known) for row in chosen.rows)
    lines = [f"would export {count(new, 'photo')} of {len(chosen.rows):,} to {asked.out}"]
    if chosen.not_redistributable:
        lines.append(f"would leave out {count(chosen.not_redistributable, 'photo')} that may not be handed on")
    if chosen.unfinished:
        lines.append(f"would leave out {count(chosen.unfinished, 'photo')} without label map or instance map")
    return lines


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    """The rows that are exported, by id, and how many were left out and why."""

    rows: list[Row]
    not_redistributable: int
    unfinished: int

    @property
    def splits(self) -> dict[str, int]:
        counts = Counter(row.split for row in self.rows)
        return {split: counts[split] for split in SPLITS}


def _chosen(workspace: Workspace, asked: Exporting) -> tuple[Manifest, _Chosen]:
    if asked.layout not in LAYOUTS:
        raise GauganpipeError(f"there is no layout '{asked.layout}'. Choose one of: {', '.join(LAYOUTS)}")
    if asked.split and asked.split not in SPLITS:
        raise GauganpipeError(f"there is no split '{asked.split}'. Take one of {', '.join(SPLITS)}")
    manifest = read(workspace)
    usable = [row for split in _splits(asked) for row in rows_of_splits(manifest, split)]
    allowed = [row for row in usable if row.redistributable != "no"]
    rows = [row for row in allowed if all(getattr(row, column) for column in KINDS.values())]
    return manifest, _Chosen(
        rows=sorted(rows, key=lambda row: row.id),
        not_redistributable=len(usable) - len(allowed),
        unfinished=len(allowed) - len(rows),
    )


def _splits(asked: Exporting) -> tuple[str, ...]:
    return (asked.split,) if asked.split else SPLITS


def _places(out: Path, row: Row) -> dict[str, Path]:
    """Where the files of a photo go, by kind of folder."""
    return {kind: out / f"{row.split}_{kind}" / f"{row.id}{'.jpg' if kind == 'img' else '.png'}" for kind in KINDS}


def _demand_own(asked: Exporting, rows: list[Row], known: Mapping[str, object]) -> None:
    """Raises: GauganpipeError when the folder holds anything that this export would not write."""
    if asked.out.exists() and not asked.out.is_dir():
        raise GauganpipeError(f"{asked.out} is a file. Name a folder that is empty or not there yet")
    folders = {f"{split}_{kind}" for split in SPLITS for kind in KINDS}
    wanted = {place for row in rows for place in _places(asked.out, row).values()}
    asked_for = {f"{split}_{kind}" for split in _splits(asked) for kind in KINDS}
    for path in _files(asked.out):
        inner = path.relative_to(asked.out).parts
        whole = path.with_name(path.name.removesuffix(".part"))
        if inner in ((ABOUT,), (f"{ABOUT}.part",)) or whole in wanted:
            continue
        is_ours = len(inner) == 2 and inner[0] in folders and path.stem in known
        if is_ours and inner[0] not in asked_for:
            continue
        if is_ours:
            raise GauganpipeError(
                f"{path} was exported once and is no longer part of the data set, or has moved to another split. "
                "Take it away, or export to an empty folder"
            )
        raise GauganpipeError(f"{asked.out} holds other files: {path}. Name a folder that is empty or not there yet")


def _files(folder: Path) -> Iterator[Path]:
    """Everything in a folder that is no folder, a linked folder included."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.is_dir() and not path.is_symlink():
                yield from _files(path)
            else:
                yield path


def _write(workspace: Workspace, row: Row, places: Mapping[str, Path]) -> None:
    sources = {kind: workspace.resolve(getattr(row, column)) for kind, column in KINDS.items()}
    try:
        labels, photo = images.read_labels(sources["label"]), images.read_photo(sources["img"])
        instances = images.read_instances(sources["inst"])
    except PhotoError as error:
        raise PhotoError(f"{row.original_name} {error}. See gauganpipe inspect") from None
    if not labels.shape == instances.shape == photo.shape[:2]:
        raise PhotoError(f"{row.original_name} and its maps differ in size. Make them again: gauganpipe label --redo")
    for place in places.values():
        place.parent.mkdir(parents=True, exist_ok=True)
    _link(sources["img"], places["img"])
    write_atomically(places["label"], images.encode_grey(labels))
    _link(sources["inst"], places["inst"])


def _link(source: Path, place: Path) -> None:
    """The same file under a second name, or a copy where the disk cannot do that; whole at any moment."""
    part = place.with_name(place.name + ".part")
    part.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), part)
    except OSError:
        write_atomically(place, source.read_bytes())
    else:
        part.replace(place)
        part.unlink(missing_ok=True)  # two names of one file: renaming one to the other leaves both


def _is_new(row: Row, known: Mapping[str, object]) -> bool:
    """Whether the folder's files of a photo are not those that it would get now."""
    return known.get(row.id) != _entry(row) or not all(row.digests.get(kind) for kind in DIGESTS)


def _entry(row: Row) -> dict[str, str]:
    """What ABOUT says of a photo."""
    digests = [row.digests.get(kind, "") for kind in DIGESTS]
    names = ("split", "original_name", "title", "creator", "creator_url", "license", "license_url", "source_page")
    return {"made_from": digest(repr(digests).encode()), **{name: getattr(row, name) for name in names}}


def _about(manifest: Manifest, asked: Exporting, made: Mapping[str, Mapping[str, str]]) -> bytes:
    said = {
        "layout": asked.layout,
        "unknown": UNKNOWN,
        "classes": entries_of(manifest.taxonomy),
        "photos": {id: made[id] for id in sorted(made)},
    }
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()


def _read_about(out: Path) -> dict[str, dict[str, str]]:
    """What an earlier export says of its photos, by id; nothing where there was none."""
    path = out / ABOUT
    try:
        photos = json.loads(path.read_text(encoding="utf-8"))["photos"]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise WorkspaceError(f"{path} cannot be read. Export to an empty folder, or move that file away") from None
    return {id: entry for id, entry in photos.items() if isinstance(entry, dict)} if isinstance(photos, dict) else {}
