"""The ledger: what stands in the CSV files of a workspace, and over it what was recorded since."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, repeat
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.csv_files import FILES, IN_DATASET, IN_PROVENANCE, CsvFiles, cells_in
from pipeline.garbage import uncollected
from pipeline.rows import DATASET_COLUMNS, PROVENANCE_COLUMNS, Row, cells_of, from_cells, from_columns, to_cells
from pipeline.shares import Shares, from_lines, from_rows, from_table
from pipeline.tables import Table, table_line, table_lines
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

FIXED = tuple(column.name for column in (*DATASET_COLUMNS, *PROVENANCE_COLUMNS))


class Ledger:
    """Two layers that are seen as one table. Rows are made of it when they are first asked for."""

    def __init__(self, workspace: Workspace, digests: Mapping[str, str]) -> None:
        """digests: name of a file -> SHA-256 of what we wrote.    Raises: ManifestError as `CsvFiles` does."""
        self._files = CsvFiles(workspace, digests)
        self._rows: dict[str, Row] | None = None
        # What was recorded: cells of rows that stand in the files, all cells of others, shares, and rows that went.
        self._changes: dict[str, dict[str, str]] = {}
        self._new: dict[str, list[str]] = {}
        self._shares: dict[str, Mapping[str, float]] = {}
        self._gone: set[str] = set()
        # The columns, and where the cells of new rows stand.
        self._own = self._files.own
        self._at = {name: place for place, name in enumerate((*FIXED, *self._own))}
        self._order: dict[str, int] | None = None

    @property
    def has_rows(self) -> bool:
        """Whether the rows were made, after which no cell of a file is looked at any more."""
        return self._rows is not None

    @property
    def digests(self) -> Mapping[str, str]:
        """Name of each file that we wrote -> its SHA-256."""
        return self._files.digests

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of dataset.csv: the fixed ones, then the user's own."""
        return (*(column.name for column in DATASET_COLUMNS), *self._own)

    def __contains__(self, id: str) -> bool:
        return id in self._new or (id in self._files.places and id not in self._gone)

    def __len__(self) -> int:
        return len(self._files.places) - len(self._gone) + len(self._new)

    def ids(self) -> list[str]:
        """The ids of the rows, in the order of the file, new ones at the end."""
        return list(self._ordered())

    def column(self, name: str) -> list[str]:
        """The cells of a column, those of every row, in the order of `ids`; not to be changed.

        Raises: KeyError when there is no such column.
        """
        if self._rows is not None:
            return cells_of(self._rows.values(), name)
        if name == "id":
            return self.ids()
        place = self._at[name]
        cells = self._files.column(name) if name in FIXED or name in self._files.own else [""] * len(self._files.places)
        changed = {id: said[name] for id, said in self._changes.items() if name in said}
        if not (changed or self._new or self._gone):
            return cells
        if self._gone:
            cells = [cell for id, cell in zip(self._files.places, cells, strict=True) if id not in self._gone]
        cells = [*cells, *(new[place] for new in self._new.values())]
        order = self._ordered()
        for id, cell in changed.items():
            cells[order[id]] = cell
        return cells

    def coded(self, name: str) -> "tuple[list[str], np.ndarray]":
        """The different cells of a column, and for each row the place of its cell among them: (N,) int."""
        if self._is_on_disk() and (table := self._files.table_of(name)) is not None:
            return table.coded(name)
        return Table({name: self.column(name)}).coded(name)

    def filled(self, name: str) -> "np.ndarray":
        """Of each row, in the order of `ids`, whether the cell of a column says anything: (N,) bool."""
        if self._is_on_disk() and (table := self._files.table_of(name)) is not None:
            return table.filled(name)
        return Table({name: self.column(name)}).filled(name)

    def shares(self) -> Shares:
        """A line for every class of every row."""
        if self._rows is not None:
            return from_rows({id: row.shares for id, row in self._rows.items()})
        table = self._files.table("classes")
        if table is None:
            return from_rows(self._shares)
        lines = from_table(table)
        if self._shares or self._gone or not self._files.places.keys() >= {*lines.ids}:
            lines = lines.of(self._files.places.keys() - self._gone - self._shares.keys())
        return lines if not self._shares else from_lines(chain(lines, from_rows(self._shares)))

    def arrow(self, kind: str) -> "pyarrow.Table":
        """All the cells of one of `FILES`, text, as Arrow keeps them."""
        import pyarrow

        names = self._header(kind)
        if self._is_on_disk() and (table := self._files.table(kind)) is not None and {*table.names} >= {*names}:
            return table.arrow
        if kind == "classes":
            lines = [(id, name, f"{share:.6f}") for id, name, share in self.shares()]
            cells = list(zip(*lines, strict=True)) if lines else [()] * len(names)
        else:
            cells = [self.column(name) for name in names]
        return pyarrow.table([pyarrow.array(one, pyarrow.string()) for one in cells], names=names)

    def rows(self) -> dict[str, Row]:
        """Every row by its id. From the first call on the rows are what is known, and `apply` keeps them up to date."""
        if self._rows is None:
            ids = self.ids()
            with uncollected():
                shares: dict[str, dict[str, float]] = {id: {} for id in ids}
                for id, name, share in self.shares():
                    shares[id][name] = share
            columns = {name: self.column(name) for name in (*FIXED, *self._own)}
            self._files.forget()
            self._rows = dict(zip(ids, from_columns(columns, list(shares.values())), strict=True))
        return self._rows

    def apply(self, entry: Mapping[str, Any], row: Row | None = None) -> None:
        """Takes in an entry of the journal.    row: the row as it is then, where it is known.

        Raises: KeyError where the entry lacks something.
        """
        id = entry["id"]
        if entry.get("gone"):
            self._forget(id)
        elif id in self or entry["new"]:
            self._write(id, entry["cells"])
            if "shares" in entry:
                self._shares[id] = entry["shares"]
            if self._rows is not None:
                self._rows[id] = row or self._changed(id, entry)

    def changed_files(self) -> Iterator[tuple[Path, bytes]]:
        """What must be written so that the files say all that was recorded, in this order.

        Lines of rows that did not change are taken over from the file, where we wrote it.
        """
        order = sorted(self.ids())
        for kind, path in self._files.paths.items():
            header, stale = self._header(kind), self._stale(kind)
            is_ours = self._files.is_ours(kind, header)
            if is_ours and not stale and not self._gone:
                continue
            lines = self._files.lines(kind) if is_ours else {}
            # In the order in which they were recorded, they lie side by side in memory.
            fresh = [id for id in self._ordered() if not is_ours or id in stale]
            lines.update(self._lines_of_classes(fresh) if kind == "classes" else self._lines(header, fresh, lines))
            text = "".join([table_line(header), *(lines[id] for id in order if id in lines)])
            lines.clear()
            yield path, text.encode()

    def distrust(self) -> None:
        """Takes over no line from the files the next time that they are written."""
        self._files.distrust()

    def written(self, digests: Mapping[str, str]) -> None:
        """From now on the files say all that was recorded.    digests: of the files."""
        self._files.written(digests, sorted(self.ids()), self._own)
        self._changes, self._new, self._shares, self._gone, self._order = {}, {}, {}, set(), None

    def _is_on_disk(self) -> bool:
        """Whether the files say all that is known."""
        return self._rows is None and not (self._changes or self._new or self._shares or self._gone)

    def _ordered(self) -> dict[str, int]:
        """The ids of the rows, and where they stand."""
        if self._order is None:
            here = (id for id in self._files.places if id not in self._gone)
            self._order = {id: place for place, id in enumerate(chain(here, self._new))}
        return self._order

    def _write(self, id: str, cells: Mapping[str, str]) -> None:
        if not cells.keys() <= self._at.keys():
            self._add_columns(sorted(cells.keys() - self._at.keys()))
        if id in self._new:
            line = self._new[id]
            for name, cell in cells.items():
                line[self._at[name]] = cell
        elif id in self:
            self._changes.setdefault(id, {}).update(cells)
        else:
            self._new[id] = list(map(cells.get, self._at, repeat("")))
            self._new[id][self._at["id"]] = id
            self._order = None

    def _add_columns(self, names: Iterable[str]) -> None:
        for name in names:
            self._at[name] = len(self._at)
            self._own += (name,)
            for line in self._new.values():
                line.append("")

    def _forget(self, id: str) -> None:
        for layer in (self._changes, self._new, self._shares, self._rows or {}):
            layer.pop(id, None)
        if id in self._files.places:
            self._gone.add(id)
        self._order = None

    def _changed(self, id: str, entry: Mapping[str, Any]) -> Row:
        old = (self._rows or {}).get(id, Row(id=id))
        row = from_cells({**to_cells(old), **old.extras, **entry["cells"]})
        return replace(row, shares=entry.get("shares", old.shares))

    def _header(self, kind: str) -> list[str]:
        return list(self.names) if kind == "dataset" else [column.name for column in FILES[kind]]

    def _stale(self, kind: str) -> set[str]:
        """Rows whose lines in a file of ours are no longer right."""
        if kind == "classes":
            return self._shares.keys() | self._gone
        others = IN_DATASET if kind == "provenance" else IN_PROVENANCE
        if kind == "provenance":
            others = others | {*self._own}
        return self._new.keys() | {id for id, cells in self._changes.items() if not cells.keys() <= others}

    def _lines(self, header: list[str], ids: Iterable[str], before: Mapping[str, str]) -> dict[str, str]:
        """What stands of these rows in dataset.csv or provenance.csv.    before: what stood there, if we wrote it."""
        ids = list(ids)
        if self._rows is not None:
            rows = [self._rows[id] for id in ids]
            cells: Iterable[Sequence[str]] = zip(*(cells_of(rows, name) for name in header), strict=True)
        elif all(id in self._new or id in before for id in ids):
            of_new = itemgetter(*(self._at[name] for name in header))
            cells = (of_new(self._new[id]) if id in self._new else self._laid_over(header, id, before) for id in ids)
        else:
            order = self._ordered()
            columns = [self.column(name) for name in header]
            cells = ([column[order[id]] for column in columns] for id in ids)
        return dict(zip(ids, table_lines(cells), strict=True))

    def _laid_over(self, header: list[str], id: str, before: Mapping[str, str]) -> list[str]:
        changed = self._changes[id]
        return [changed.get(name, cell) for name, cell in zip(header, cells_in(before[id]), strict=True)]

    def _lines_of_classes(self, ids: Iterable[str]) -> dict[str, str]:
        shares = self._shares_of({*ids})
        names = {name for said in shares.values() for name in said}
        quoted = {name: table_line([name]).removesuffix("\n") for name in names}
        return {
            id: "".join([f"{id},{quoted[name]},{share:.6f}\n" for name, share in said.items()])
            for id, said in shares.items()
        }

    def _shares_of(self, ids: set[str]) -> dict[str, Mapping[str, float]]:
        if self._rows is not None:
            return {id: self._rows[id].shares for id in ids}
        if self._shares.keys() >= ids:
            return {id: self._shares[id] for id in ids}
        shares: dict[str, dict[str, float]] = {id: {} for id in ids}
        for id, name, share in self.shares():
            if id in shares:
                shares[id][name] = share
        return shares
