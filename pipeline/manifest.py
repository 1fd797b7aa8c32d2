"""CSV <-> rows: strict when it reads, atomic when it writes, and a journal between, so that a crash loses nothing."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import IO, Any

from pipeline.classes import Taxonomy, entries_of, load_taxonomy, taxonomy_of
from pipeline.errors import ManifestError
from pipeline.rows import DATASET_COLUMNS, PROVENANCE_COLUMNS, Column, Row, from_cells, to_cells
from pipeline.tables import read_table, table_line
from pipeline.workspace import Workspace, explained_disk_errors, hold, write_atomically

SCHEMA_VERSION = 1
SECONDS_BETWEEN_FOLDS = 60
READS_AT_MOST = 5


@dataclass(frozen=True, kw_only=True)
class About:
    """What manifests/dataset.json says beside the rows: the choices of a workspace, made once and kept.

    classes: the taxonomy's, as `entries_of` writes them down; none means those that ship under its name.
    models: name of a segmenter -> its digest and licence. parameters: stage -> what its results depend on.
    """

    taxonomy: str = "landscape"
    classes: Sequence[Mapping[str, Any]] = ()
    seed: int = 0
    segmenter: str = ""
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def as_taxonomy(self) -> Taxonomy:
        """The classes that the label maps of the workspace speak."""
        return taxonomy_of(self.classes, name=self.taxonomy) if self.classes else load_taxonomy(self.taxonomy)


class Manifest:
    """The rows of a workspace by id. `record` is how they change; `fold` brings the CSV files up to date."""

    def __init__(self, workspace: Workspace) -> None:
        """Reads what is there, the journal of a crashed command included; writes nothing.

        Raises: ManifestError naming file, line, column, what stands there and what was expected.
        """
        self.workspace = workspace
        self.rows: dict[str, Row] = {}
        self.about = About()
        self._columns: tuple[str, ...] = ()
        self._lines: dict[str, tuple[str, str, str]] = {}
        # Cells of a row before and after the user wrote into its line while this command was running.
        self._edits: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        self._journal: IO[bytes] | None = None
        self._folded_at = time.monotonic()
        self._load()

    @property
    def taxonomy(self) -> Taxonomy:
        return self.about.as_taxonomy()

    def record(self, row: Row) -> None:
        """Makes a row new or changed, and keeps that even if the next moment is a power cut of the process."""
        row = self._with_edits(row)
        old = self.rows.get(row.id)
        cells, before = to_cells(row), to_cells(old) if old else {}
        entry = {"id": row.id, "new": old is None, "cells": {k: v for k, v in cells.items() if v != before.get(k, "")}}
        if old is None or row.shares != old.shares:
            entry["shares"] = dict(row.shares)
        self.rows[row.id] = row
        self._lines.pop(row.id, None)
        self._append(entry)
        if time.monotonic() - self._folded_at > SECONDS_BETWEEN_FOLDS:
            self.fold()

    def drop(self, id: str) -> None:
        """Forgets a row whose photo turned out to be another row's; files stay."""
        self.rows.pop(id)
        self._lines.pop(id, None)
        self._append({"id": id, "gone": True})

    def choose(self, **choices: object) -> None:
        """Changes what dataset.json says of the workspace."""
        chosen = replace(self.about, **choices)
        if chosen != self.about:
            self.about = chosen
            self._append({"about": choices})

    def fold(self) -> None:
        """Writes the CSV files and dataset.json, each beside its place and renamed, then ends the journal.

        A CSV that was edited meanwhile is read again first: the edit stays, and the journal is laid over it.
        """
        if self._disk_state() != self._seen and self.workspace.dataset_csv.exists():
            before = {id: _all_cells(row) for id, row in self.rows.items()}
            self._load()
            for id, row in self.rows.items():
                if id in before and before[id] != (after := _all_cells(row)):
                    first = self._edits[id][0] if id in self._edits else before[id]
                    self._edits[id] = first, after
        files = self._files()
        with explained_disk_errors():
            changed = [(path, data) for path, data in files if not path.exists() or path.read_bytes() != data]
            # What the rows speak of reaches the disk before the rows do.
            if changed and hasattr(os, "sync"):
                os.sync()
            for path, data in changed:
                write_atomically(path, data, durable=True)
            if self._journal is not None:
                self._journal.close()
                self._journal = None
            self.workspace.journal.unlink(missing_ok=True)
        self._seen = self._disk_state()
        self._folded_at = time.monotonic()

    def write_copy(self, to: Workspace) -> None:
        """Writes the rows as they stand now into another folder."""
        for path, data in self._files():
            write_atomically(to.manifests / path.name, data)

    def close(self) -> None:
        """Lets go of the journal without folding it; the next command will."""
        if self._journal is not None:
            # What a full disk did not take is tried once more here, and was complained of when it was recorded.
            with contextlib.suppress(OSError):
                self._journal.close()
            self._journal = None

    def _append(self, entry: dict) -> None:
        with explained_disk_errors():
            if self._journal is None:
                self._journal = self.workspace.journal.open("ab")
            self._journal.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            self._journal.flush()

    def _with_edits(self, row: Row) -> Row:
        """The row with what the user has written into its line since the stage was given it."""
        if row.id not in self._edits:
            return row
        before, after = self._edits[row.id]
        cells = _all_cells(row)
        kept = {name: cell for name, cell in after.items() if cells.get(name) == before.get(name)}
        return replace(from_cells({**cells, **kept}), shares=row.shares)

    def _load(self) -> None:
        """Reads all files; once more where another command folded its journal into them meanwhile."""
        for _ in range(READS_AT_MOST):
            self._seen = self._disk_state()
            with contextlib.suppress(FileNotFoundError):
                self._read_files()
                if self._disk_state() == self._seen:
                    return
        raise ManifestError(f"{self.workspace.manifests} changes too fast to be read. Run the same command again")

    def _read_files(self) -> None:
        self._lines.clear()
        self.about, digests = _read_about(self.workspace.dataset_json)
        self.rows, self._columns = {}, ()
        if self.workspace.dataset_csv.exists():
            self.rows, self._columns = _read_rows(self.workspace, digests)
        for number, line in enumerate(_whole_lines(self.workspace.journal), start=1):
            try:
                self._apply(json.loads(line))
            except (ValueError, KeyError, TypeError):
                where = f"{self.workspace.journal}, line {number},"
                raise ManifestError(f"{where} is damaged. Move the file away and run the same command again") from None

    def _apply(self, entry: dict) -> None:
        if "about" in entry:
            self.about = replace(self.about, **entry["about"])
            return
        id = entry["id"]
        if entry.get("gone"):
            self.rows.pop(id, None)
        elif id in self.rows or entry["new"]:
            old = self.rows.get(id, Row(id=id))
            row = from_cells({**_all_cells(old), **entry["cells"]})
            self.rows[id] = replace(row, shares=entry.get("shares", old.shares))

    def _disk_state(self) -> tuple[int, int] | None:
        """Changes whenever the CSV is written."""
        with contextlib.suppress(FileNotFoundError):
            stat = self.workspace.dataset_csv.stat()
            return stat.st_mtime_ns, stat.st_size
        return None

    def _files(self) -> list[tuple[Path, bytes]]:
        extras = tuple(name for name in self._columns if name not in {column.name for column in DATASET_COLUMNS})
        dataset_header = [column.name for column in DATASET_COLUMNS] + list(extras)
        provenance_header = ["id"] + [column.name for column in PROVENANCE_COLUMNS]
        order = sorted(self.rows)
        for id in order:
            if id not in self._lines:
                self._lines[id] = _lines_of(self.rows[id], dataset_header, provenance_header)
        columns = zip(*(self._lines[id] for id in order), strict=True) if order else ((), (), ())
        headers = (dataset_header, provenance_header, ["id", "class", "share"])
        dataset, provenance, classes = (
            (table_line(header) + "".join(lines)).encode() for header, lines in zip(headers, columns, strict=True)
        )
        paths = (self.workspace.classes_csv, self.workspace.provenance_csv, self.workspace.dataset_csv)
        files = list(zip(paths, (classes, provenance, dataset), strict=True))
        about = _about_json(replace(self.about, classes=entries_of(self.taxonomy)), rows=len(order), files=files)
        return [*files, (self.workspace.dataset_json, about)]


@contextlib.contextmanager
def writing(workspace: Workspace) -> Iterator[Manifest]:
    """The manifest, held for writing. A crashed command's journal is folded first, and this one's at the end.

    Raises: WorkspaceError when another process holds it; ManifestError as Manifest does.
    """
    with hold(workspace.manifests, f"the manifest of {workspace.root}"):
        manifest = Manifest(workspace)
        try:
            if workspace.journal.exists():
                manifest.fold()
            yield manifest
            manifest.fold()
        except KeyboardInterrupt:
            manifest.fold()
            raise
        finally:
            manifest.close()


def demand(workspace: Workspace) -> None:
    """Raises: ManifestError when the workspace has no manifest."""
    if not workspace.dataset_csv.exists() and not workspace.journal.exists():
        how = workspace.from_here("gauganpipe label ./photos")
        raise ManifestError(f"no manifest at {workspace.dataset_csv}. Make one: {how}")


def read(workspace: Workspace) -> Manifest:
    """The manifest as it stands, for reading only.

    Raises: ManifestError when there is none.
    """
    demand(workspace)
    return Manifest(workspace)


def rows_of_splits(manifest: Manifest, split: str) -> list[Row]:
    """The rows of a split that can be used: done so far, and not turned down by the user."""
    return [row for row in manifest.rows.values() if row.split == split and row.status == "ok" and row.keep != "no"]


def json_schema() -> dict[str, object]:
    """The columns of dataset.csv as a JSON schema of one row, every cell being text."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One row of manifests/dataset.csv",
        "type": "object",
        "required": [column.name for column in DATASET_COLUMNS],
        "properties": {
            column.name: {"type": "string", "description": column.text, "pattern": f"^(?:{column.pattern})?$"}
            for column in DATASET_COLUMNS
        },
        "additionalProperties": {"type": "string"},
    }


def _read_rows(workspace: Workspace, digests: Mapping[str, str]) -> tuple[dict[str, Row], tuple[str, ...]]:
    header, lines = read_table(workspace.dataset_csv, DATASET_COLUMNS, digests)
    known = {"id"} | {column.name for column in PROVENANCE_COLUMNS}
    if clash := known.intersection(header) - {"id"}:
        raise ManifestError(f"{workspace.dataset_csv} has a column '{clash.pop()}', which belongs to provenance.csv")
    provenance: dict[str, dict[str, str]] = {}
    if workspace.provenance_csv.exists():
        columns = (Column(name="id", kind="id", text=""), *PROVENANCE_COLUMNS)
        names, others = read_table(workspace.provenance_csv, columns, digests, is_ours=True)
        provenance = {cells[names.index("id")]: dict(zip(names, cells, strict=True)) for cells in others}
    shares: dict[str, dict[str, float]] = {}
    if workspace.classes_csv.exists():
        kinds = {"id": "id", "class": "text", "share": "number"}
        columns = tuple(Column(name=name, kind=kind, text="") for name, kind in kinds.items())
        names, others = read_table(workspace.classes_csv, columns, digests)
        for cells in others:
            said = dict(zip(names, cells, strict=True))
            shares.setdefault(said["id"], {})[said["class"]] = float(said["share"] or 0)
    rows = {}
    for number, cells in enumerate(lines, start=2):
        row = from_cells({**dict(zip(header, cells, strict=True)), **provenance.get(cells[header.index("id")], {})})
        if not row.id or row.id in rows:
            what = f"the id '{row.id}' stands there twice" if row.id else "the id is empty"
            raise ManifestError(f"{workspace.dataset_csv}, line {number}: {what}. Every row has an id of its own")
        rows[row.id] = replace(row, shares=shares.get(row.id, {}))
    return rows, tuple(header)


def _whole_lines(path: Path) -> list[bytes]:
    """The lines of a journal; a torn last one is left out."""
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def _all_cells(row: Row) -> dict[str, str]:
    return {**to_cells(row), **row.extras}


def _lines_of(row: Row, dataset_header: list[str], provenance_header: list[str]) -> tuple[str, str, str]:
    cells = _all_cells(row)
    dataset = table_line([cells.get(name, "") for name in dataset_header])
    provenance = table_line([cells[name] for name in provenance_header])
    classes = "".join(table_line([row.id, name, f"{share:.6f}"]) for name, share in row.shares.items())
    return dataset, provenance, classes


def _read_about(path: Path) -> tuple[About, dict[str, str]]:
    if not path.exists():
        return About(), {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        about = About(**{one.name: said[one.name] for one in fields(About)})
        taxonomy_of(about.classes, name=str(path))
        return about, {name: file["sha256"] for name, file in said["files"].items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{path} cannot be read: {error!r}. Put a copy of it back, or move it away") from None


def _about_json(about: About, *, rows: int, files: list[tuple[Path, bytes]]) -> bytes:
    said = {
        "schema_version": SCHEMA_VERSION,
        **asdict(about),
        "rows": rows,
        "files": {path.name: {"sha256": hashlib.sha256(data).hexdigest()} for path, data in files},
    }
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()
