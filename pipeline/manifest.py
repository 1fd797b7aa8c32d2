"""CSV <-> rows: strict when it reads, atomic when it writes, and a journal between, so that a crash loses nothing."""

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.about import About, as_json, read_about
from pipeline.classes import Taxonomy
from pipeline.errors import ManifestError
from pipeline.garbage import uncollected
from pipeline.journal import Journal, replay
from pipeline.ledger import Ledger
from pipeline.rows import COLUMNS, OK, Row, cells_of, from_cells, to_cells
from pipeline.shares import Shares
from pipeline.workspace import Workspace, explained_disk_errors, hold, write_atomically

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

SECONDS_BETWEEN_FOLDS = 60
READS_AT_MOST = 10


class Manifest:
    """The rows of a workspace by id. `record` is how they change; `fold` brings the CSV files up to date."""

    def __init__(self, workspace: Workspace, *, folds: bool = True) -> None:
        """Reads what is there, the journal of a crashed command included; writes nothing.

        What is read later is as it was at this moment, whoever writes meanwhile; a writer takes in edits when it folds.
        folds: whether `record` folds once a minute, as a long command wants it, and somebody who waits does not.

        Raises: ManifestError naming file, line, column, what stands there and what was expected.
        """
        self.workspace, self._folds = workspace, folds
        self.about = About()
        # Cells of a row before and after the user wrote into its line while this command was running.
        self._edits: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        self._journal = Journal(workspace.journal)
        self._folded_at = time.monotonic()
        self._load()

    @property
    def taxonomy(self) -> Taxonomy:
        return self.about.as_taxonomy()

    @property
    def rows(self) -> dict[str, Row]:
        """Every row by its id; they are made when they are first asked for. Not to be changed but by `record`."""
        return self._ledger.rows()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of dataset.csv: the fixed ones, then the user's own."""
        return self._ledger.names

    def __len__(self) -> int:
        return len(self._ledger)

    def column(self, name: str) -> list[str]:
        """The cells of one column of dataset.csv or provenance.csv: of all rows, in one order; not to be changed.

        It makes no rows, so it is what to ask where there are many rows and few columns of them are needed.
        """
        return self._ledger.column(name)

    def coded(self, name: str) -> "tuple[list[str], np.ndarray]":
        """The different cells of a column, and for each row the place of its cell among them: (N,) int."""
        return self._ledger.coded(name)

    def filled(self, name: str) -> "np.ndarray":
        """Of each row whether the cell of a column says anything: (N,) bool, in the order of `column`."""
        return self._ledger.filled(name)

    def says(self, name: str, word: str) -> "np.ndarray":
        """Of each row whether it says a word in a column: (N,) bool, in the order of `column`."""
        different, places = self.coded(name)
        return places == (different.index(word) if word in different else -1)

    def usable(self) -> "np.ndarray":
        """Of each row whether its photo can be used: done so far, and not turned down by the user; (N,) bool."""
        return self.says("status", OK) & ~self.says("keep", "no")

    def shares(self) -> Shares:
        """A line for every class of every row."""
        return self._ledger.shares()

    def arrow(self, kind: str) -> "pyarrow.Table":
        """All the cells of dataset, provenance or classes, text, as Arrow keeps them."""
        return self._ledger.arrow(kind)

    def record(self, row: Row) -> None:
        """Makes a row new or changed, and keeps that even if the next moment is a power cut of the process."""
        row = self._with_edits(row)
        old = self.rows.get(row.id)
        entry: dict[str, Any] = {"id": row.id, "new": old is None, "cells": _changed_cells(old, row)}
        if old is None or row.shares != old.shares:
            entry["shares"] = dict(row.shares)
        self._ledger.apply(entry, row)
        self._journal.append(entry)
        if self._folds and time.monotonic() - self._folded_at > SECONDS_BETWEEN_FOLDS:
            self.fold()

    def amend(self, changes: Mapping[str, Mapping[str, str]], **choices: object) -> None:
        """Writes cells into many rows at once; after a power cut all of it holds, or nothing.

        changes: id of a row that is there -> column -> what it says then.    choices: as `choose` takes them.
        """
        entries: list[dict[str, Any]] = [{"id": id, "new": False, "cells": dict(said)} for id, said in changes.items()]
        if replace(self.about, **choices) != self.about:
            entries.append({"about": choices})
        if not entries:
            return
        with contextlib.ExitStack() as interrupted:
            # An interrupted command folds what it has, which must be all of this or nothing.
            interrupted.callback(self._load)
            self._journal.append(entries)
            for entry in entries:
                self._apply(entry)
            interrupted.pop_all()

    def drop(self, id: str) -> None:
        """Forgets a row whose photo turned out to be another row's; files stay."""
        entry = {"id": id, "gone": True}
        self._ledger.apply(entry)
        self._journal.append(entry)

    def choose(self, **choices: object) -> None:
        """Changes what dataset.json says of the workspace."""
        chosen = replace(self.about, **choices)
        if chosen != self.about:
            self.about = chosen
            self._journal.append({"about": choices})

    def fold(self) -> None:
        """Writes the CSV files and dataset.json, each beside its place and renamed, then ends the journal.

        A CSV that was edited meanwhile is read again first: the edit stays, and the journal is laid over it.
        """
        if self._disk_state() != self._seen and self.workspace.dataset_csv.exists():
            self._take_in_edits()
        is_synced = False
        with explained_disk_errors(), uncollected():
            digests = dict(self._ledger.digests)
            for path, data in self._files(digests):
                if path.exists() and path.read_bytes() == data:
                    continue
                # What the rows speak of reaches the disk before the rows do.
                if not is_synced and hasattr(os, "sync"):
                    os.sync()
                is_synced = True
                write_atomically(path, data, durable=True)
            self._journal.end()
        self._ledger.written(digests)
        self._seen = self._disk_state()
        self._folded_at = time.monotonic()

    def write_anew(self) -> None:
        """Makes the next fold write every line anew, so that what belongs to no row goes."""
        self._ledger.distrust()

    def write_copy(self, to: Workspace) -> None:
        """Writes the rows as they stand now into another folder."""
        digests = dict(self._ledger.digests)
        changed = {path.name: data for path, data in self._files(digests)}
        for name in (*digests, self.workspace.dataset_json.name):
            data = changed.get(name) or (self.workspace.manifests / name).read_bytes()
            write_atomically(to.manifests / name, data)

    def close(self) -> None:
        """Lets go of the journal without folding it; the next command will."""
        self._journal.close()

    def _take_in_edits(self) -> None:
        """Reads the files again, and keeps in mind which cells the user has changed in them."""
        # As long as no rows were made, no stage was given one.
        before = {id: _all_cells(row) for id, row in self.rows.items()} if self._ledger.has_rows else {}
        self._load()
        for id, row in self.rows.items() if before else ():
            if id in before and before[id] != (after := _all_cells(row)):
                first = self._edits[id][0] if id in self._edits else before[id]
                self._edits[id] = first, after

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
            self._seen, before = self._disk_state(), self._moment()
            with contextlib.suppress(FileNotFoundError):
                self.about, digests = read_about(self.workspace.dataset_json)
                self._ledger = Ledger(self.workspace, digests)
                for number in replay(self.workspace.journal, self._apply):
                    where = f"{self.workspace.journal}, line {number},"
                    raise ManifestError(f"{where} is damaged. Move the file away and run the same command again")
                if self._moment() == before:
                    return
        raise ManifestError(f"{self.workspace.manifests} changes too fast to be read. Run the same command again")

    def _apply(self, entry: Mapping[str, Any]) -> None:
        if "about" in entry:
            self.about = replace(self.about, **entry["about"])
        else:
            self._ledger.apply(entry)

    def _disk_state(self) -> tuple[int, int] | None:
        """Changes whenever the CSV is written."""
        return _state_of(self.workspace.dataset_csv)

    def _moment(self) -> list[tuple[int, int] | None]:
        """Changes whenever one of the files is written."""
        place = self.workspace
        return [
            _state_of(path) for path in (place.classes_csv, place.provenance_csv, place.dataset_csv, place.dataset_json)
        ]

    def _files(self, digests: dict[str, str]) -> Iterator[tuple[Path, bytes]]:
        """The files that say something else than they should, as they should; dataset.json last.

        digests: of the CSV files as they stand there; brought up to date.
        """
        for path, data in self._ledger.changed_files():
            digests[path.name] = hashlib.sha256(data).hexdigest()
            yield path, data
        yield self.workspace.dataset_json, as_json(self.about, rows=len(self), digests=digests)


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
    return [row for row in manifest.rows.values() if row.split == split and row.is_usable]


def _state_of(path: Path) -> tuple[int, int] | None:
    with contextlib.suppress(FileNotFoundError):
        stat = path.stat()
        return stat.st_mtime_ns, stat.st_size
    return None


def _all_cells(row: Row) -> dict[str, str]:
    return {**to_cells(row), **row.extras}


def _changed_cells(old: Row | None, row: Row) -> dict[str, str]:
    """What a row says in columns in which it said something else.    old: None for a row that was not there."""
    if old is None:
        return {name: cell for name, cell in _all_cells(row).items() if cell}
    cells = {}
    for column in COLUMNS:
        if getattr(old, column.name) != getattr(row, column.name):
            before, after = cells_of((old, row), column.name)
            if before != after:
                cells[column.name] = after
    cells.update((name, cell) for name, cell in row.extras.items() if old.extras.get(name, "") != cell)
    return cells
