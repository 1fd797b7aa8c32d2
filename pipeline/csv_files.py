"""The CSV files of a workspace as they stood on the disk at one moment: their cells, and their lines."""

import csv
import hashlib
import os
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from pipeline.errors import ManifestError
from pipeline.rows import DATASET_COLUMNS, PROVENANCE_COLUMNS, Column
from pipeline.tables import CLASSES, PROVENANCE, Table, parse_ours, read_table, table_line
from pipeline.workspace import Workspace

FILES: dict[str, Sequence[Column]] = {"classes": CLASSES, "provenance": PROVENANCE, "dataset": DATASET_COLUMNS}
"""The files in the order in which they are written, and their columns."""
IN_PROVENANCE = frozenset(column.name for column in PROVENANCE_COLUMNS)
IN_DATASET = frozenset(column.name for column in DATASET_COLUMNS)


class CsvFiles:
    """Each file is parsed when it is first asked for; one that somebody else has written is looked through at once."""

    def __init__(self, workspace: Workspace, digests: Mapping[str, str]) -> None:
        """digests: name of a file -> SHA-256 of what we wrote.

        Raises: ManifestError naming file, line and column of the first fault.
        """
        paths = (workspace.classes_csv, workspace.provenance_csv, workspace.dataset_csv)
        self.paths: dict[str, Path] = dict(zip(FILES, paths, strict=True))
        self.digests = dict(digests)
        self.own: tuple[str, ...] = ()
        """The columns of the user's own in dataset.csv."""
        self.places: dict[str, int] = {}
        """Id of each row in dataset.csv -> where it stands there."""
        self._tables: dict[str, Table] = {}
        # Files that stand there as we wrote them, so that their lines can be taken over.
        self._ours: set[str] = set()
        # Those of them that were not parsed yet; each is held open, so that it stays at hand when another takes its
        # place. Windows lets nobody put one there as long as it is open: None.
        self._unread: dict[str, IO[bytes] | None] = {}
        if workspace.dataset_csv.exists():
            self._open()

    def is_ours(self, kind: str, header: Sequence[str]) -> bool:
        """Whether a file is as we wrote it, and has these columns now."""
        if kind not in self._ours:
            return False
        with self.paths[kind].open(encoding="utf-8", newline="") as file:
            return file.readline() == table_line(header)

    def table(self, kind: str) -> Table | None:
        """The cells of a file; None where there is none, or no row that they could belong to."""
        if kind not in self._tables and self.places and self.paths[kind].exists():
            self._tables[kind] = self._read(kind)
        return self._tables.get(kind)

    def column(self, name: str) -> list[str]:
        """The cells of the rows that stand in dataset.csv, in its order; not to be changed.

        Raises: KeyError when there is no such column.
        """
        if name not in IN_PROVENANCE and name not in IN_DATASET and name not in self.own:
            raise KeyError(name)
        if (table := self.table_of(name)) is not None:
            return table.column(name)
        table = self.table("provenance") if name in IN_PROVENANCE else None
        if table is None or name not in table.names:
            return [""] * len(self.places)
        by_id = dict(zip(table.column("id"), table.column(name), strict=True))
        return [by_id.get(id, "") for id in self.places]

    def table_of(self, name: str) -> Table | None:
        """The file that a column stands in; None where it stands in none, or its lines are not those of dataset.csv."""
        kind = "provenance" if name in IN_PROVENANCE else "dataset"
        table = self.table(kind)
        if table is None or name not in table.names:
            return None
        return table if kind == "dataset" or table.column("id") == list(self.places) else None

    def lines(self, kind: str) -> dict[str, str]:
        """Of each row what stands in a file of ours."""
        lines: dict[str, str] = {}
        # Only a line feed ends a line of ours; `splitlines` knows others.
        for line in self.paths[kind].read_bytes().decode().split("\n")[1:-1]:
            id = line[: line.index(",")]
            lines[id] = f"{lines[id]}{line}\n" if id in lines else f"{line}\n"
        return lines

    def forget(self) -> None:
        """Gives the memory of what was parsed back, and lets go of the files: they are not asked for any more."""
        self._tables.clear()
        for file in self._unread.values():
            if file:
                file.close()
        self._unread.clear()

    def distrust(self) -> None:
        """Takes no file for one of ours any more."""
        self._ours.clear()

    def written(self, digests: Mapping[str, str], ids: Sequence[str], own: Sequence[str]) -> None:
        """From now on the files are those that we wrote last.    ids: of the rows, as they stand there."""
        self.digests, self.own = dict(digests), tuple(own)
        self.places = {id: place for place, id in enumerate(ids)}
        self._ours = set(FILES)
        self.forget()

    def _open(self) -> None:
        for kind, path in self.paths.items():
            if not path.exists():
                continue
            if kind == "dataset" or not self._keep_unread(kind):
                self._tables[kind] = self._read(kind)
            if kind not in self._tables or self._tables[kind].is_ours:
                self._ours.add(kind)
        dataset = self._tables["dataset"]
        if clash := sorted(IN_PROVENANCE.intersection(dataset.names)):
            raise ManifestError(f"{self.paths['dataset']} has a column '{clash[0]}', which belongs to provenance.csv")
        self.own = tuple(name for name in dataset.names if name not in IN_DATASET)
        self.places = {id: place for place, id in enumerate(dataset.column("id"))}

    def _keep_unread(self, kind: str) -> bool:
        """Leaves a file for later if it is as we wrote it; whether it is."""
        file = self.paths[kind].open("rb", buffering=0)
        weakref.finalize(self, file.close)
        if hashlib.file_digest(file, "sha256").hexdigest() != self.digests.get(self.paths[kind].name):
            file.close()
            return False
        if os.name == "nt":
            file.close()
        self._unread[kind] = None if file.closed else file
        return True

    def _read(self, kind: str) -> Table:
        path = self.paths[kind]
        if kind in self._unread:
            return self._read_later(path, self._unread[kind])
        said = {"for_us": kind == "provenance", "has_ids": kind == "dataset"}
        return read_table(path, FILES[kind], self.digests, **said)

    def _read_later(self, path: Path, file: IO[bytes] | None) -> Table:
        """Raises: ManifestError when somebody has written into the very file meanwhile."""
        if file:
            file.seek(0)
        table = parse_ours(path, file.read() if file else path.read_bytes(), self.digests)
        if table is None:
            raise ManifestError(f"{path} was changed while it was read. Run the same command again")
        return table


def cells_in(line: str) -> list[str]:
    """The cells of one line of a file of ours."""
    csv.field_size_limit(max(csv.field_size_limit(), len(line)))
    return next(csv.reader([line]))
