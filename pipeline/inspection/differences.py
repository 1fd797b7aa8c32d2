"""`gauganpipe manifest diff`: which rows one manifest has and another has not, and in which columns others differ."""

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.about import read_about
from pipeline.console import count
from pipeline.errors import ManifestError
from pipeline.faults import shown
from pipeline.manifest import read
from pipeline.rows import DATASET_COLUMNS
from pipeline.tables import read_table
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow

SHOWN = 10
"""So many rows of a kind are shown."""
AT_A_TIME = 10_000
"""Of a million cells that changed so many are ever looked at together."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a cell says in one manifest, and in the other."""

    id: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The cells of a column that differ, as Arrow keeps them.    ids: of their rows."""

    ids: "pyarrow.ChunkedArray"
    before: "pyarrow.ChunkedArray"
    after: "pyarrow.ChunkedArray"

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Change]:
        for start in range(0, len(self), AT_A_TIME):
            yield from self.some(start, AT_A_TIME)

    def some(self, start: int, number: int) -> list[Change]:
        """So many from a place on, or as many as there are."""
        columns = (cells.slice(start, number).to_pylist() for cells in (self.ids, self.before, self.after))
        return [Change(id=id, before=before, after=after) for id, before, after in zip(*columns, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Different:
    """added, removed: ids of rows that are only in the second manifest, only in the first.

    rows: how many of those that are in both say something else.    changed: column -> its cells that do.
    columns_added, columns_removed: those that only one of them has.
    """

    added: list[str]
    removed: list[str]
    rows: int
    columns_added: list[str]
    columns_removed: list[str]
    changed: dict[str, Changes]

    def lines(self) -> list[str]:
        """As a person reads it: counts, and the first rows of each kind."""
        if not (self.added or self.removed or self.changed or self.columns_added or self.columns_removed):
            return ["no difference"]
        lines = []
        for word, ids in (("added", self.added), ("removed", self.removed)):
            lines += [f"{word} {count(len(ids), 'row')}", *_first([f"    {id}" for id in ids])] if ids else []
        lines += [f"added the column {name}" for name in self.columns_added]
        lines += [f"removed the column {name}" for name in self.columns_removed]
        lines += [f"changed {count(self.rows, 'row')}"] if self.rows else []
        for name, changes in sorted(self.changed.items(), key=lambda pair: -len(pair[1])):
            lines.append(f"  {name}: {len(changes):,}")
            first = changes.some(0, SHOWN)
            lines += _first([f"    {one.id}  {shown(one.before)} -> {shown(one.after)}" for one in first], len(changes))
        return lines

    def json_pieces(self) -> Iterator[str]:
        """The same as one JSON object, piece by piece: all that differs, however much that is."""
        plain = {name: getattr(self, name) for name in ("added", "removed", "rows", "columns_added", "columns_removed")}
        yield json.dumps(plain, indent=2).removesuffix("\n}") + ',\n  "changed": {'
        for place, (name, changes) in enumerate(self.changed.items()):
            yield f"{',' * bool(place)}\n    {json.dumps(name)}: ["
            for start in range(0, len(changes), AT_A_TIME):
                some = (json.dumps(vars(one)) for one in changes.some(start, AT_A_TIME))
                yield "," * bool(start) + "\n      " + ",\n      ".join(some)
            yield "\n    ]"
        yield "\n  }" if self.changed else "}"
        yield "\n}"


def compare(one: Path, other: Path) -> Different:
    """What must be done to the first manifest to make the second of it.

    one, other: each a workspace, a run, or a CSV file with the columns of dataset.csv.

    Raises: ManifestError when one of them is none, or is damaged.
    """
    from pyarrow import compute

    before, after = _cells_of(one), _cells_of(other)
    first, second = before["id"].to_pylist(), after["id"].to_pylist()
    added, removed = sorted({*second} - {*first}), sorted({*first} - {*second})
    if first != second:
        places = {id: place for place, id in enumerate(second)}
        both = [(place, places[id]) for place, id in enumerate(first) if id in places]
        before, after = _lines(before, [one for one, _ in both]), _lines(after, [other for _, other in both])
    names = [name for name in before.column_names if name in after.column_names]
    differs = {name: compute.not_equal(before[name], after[name]) for name in names}
    changed = {
        name: Changes(ids=before["id"].filter(mask), before=before[name].filter(mask), after=after[name].filter(mask))
        for name, mask in differs.items()
        if compute.any(mask).as_py()
    }
    rows = functools.reduce(compute.or_, (differs[name] for name in changed)) if changed else None
    return Different(
        added=added,
        removed=removed,
        rows=compute.sum(rows).as_py() if changed else 0,
        columns_added=[name for name in after.column_names if name not in names],
        columns_removed=[name for name in before.column_names if name not in names],
        changed=changed,
    )


def _cells_of(path: Path) -> "pyarrow.Table":
    if path.is_dir():
        return read(Workspace(root=path)).arrow("dataset")
    if not path.is_file():
        raise ManifestError(f"there is no manifest at {path}. Name a workspace, a run, or a CSV file")
    digests: Mapping[str, str] = {}
    if (about := path.with_name("dataset.json")).is_file():
        _, digests = read_about(about)
    return read_table(path, DATASET_COLUMNS, digests, has_ids=True).arrow


def _lines(cells: "pyarrow.Table", places: list[int]) -> "pyarrow.Table":
    """The lines at these places, in this order."""
    import numpy as np
    import pyarrow

    numbers = np.array(places, np.int64)
    return cells.take(pyarrow.Array.from_buffers(pyarrow.int64(), len(numbers), [None, pyarrow.py_buffer(numbers)]))


def _first(lines: list[str], all_lines: int = 0) -> list[str]:
    """The first of them, and how many more there are.    all_lines: where these are not all of them."""
    more = max(all_lines, len(lines)) - SHOWN
    return lines[:SHOWN] + [f"    and {more:,} more"] * (more > 0)
