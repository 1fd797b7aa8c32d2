"""A CSV file as a strict table: every line whole, every cell checked, every fault named by line and column."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import ManifestError
from pipeline.faults import examine, find_doubles
from pipeline.rows import DATASET_COLUMNS, PROVENANCE_COLUMNS, Column

if TYPE_CHECKING:
    import numpy as np
    import pandera.pandas
    import pyarrow

BLOCK_BYTES, LARGEST_BLOCK_BYTES = 2**20, 2**31 - 1
"""So much of a file is looked at in one go, as it fits the cache; and at most."""
NEEDS_QUOTES = re.compile('["\r\n]').search
"""Whether a line without commas but those between cells must be quoted all the same."""
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")
"""What a cell begins with that spreadsheets take for a formula."""
FORMULA = re.compile(f"'*[{re.escape(''.join(FORMULA_BEGINNINGS))}]")
LOOKED_AT = 1000
"""Lines that tell whether many cells of a column say the same."""
PROVENANCE = (Column(name="id", kind="id", text="the row's id"), *PROVENANCE_COLUMNS)
CLASSES = (
    Column(name="id", kind="id", text="the row's id"),
    Column(name="class", kind="text", text="name of a class"),
    Column(name="share", kind="share", text="share of the photo's pixels, 0 to 1"),
)


class Table:
    """The cells of a CSV file, column by column, all of them text.    is_ours: the file is as we last wrote it."""

    def __init__(self, columns: "Mapping[str, list[str]] | pyarrow.Table", *, is_ours: bool = False) -> None:
        self.is_ours = is_ours
        self.names: tuple[str, ...] = tuple(columns if isinstance(columns, Mapping) else columns.column_names)
        self._arrow = None if isinstance(columns, Mapping) else columns
        self._lists = dict(columns) if isinstance(columns, Mapping) else {}

    @property
    def arrow(self) -> "pyarrow.Table":
        """The same as Arrow keeps it."""
        if self._arrow is None:
            import pyarrow

            kinds = pyarrow.schema([(name, pyarrow.string()) for name in self.names])
            self._arrow = pyarrow.table(self._lists, schema=kinds)
        return self._arrow

    def __len__(self) -> int:
        return self._arrow.num_rows if self._arrow is not None else len(next(iter(self._lists.values()), ()))

    def column(self, name: str) -> list[str]:
        """The cells from top to bottom; not to be changed."""
        if name not in self._lists:
            cells = self.arrow[name]
            first = cells.slice(0, LOOKED_AT).to_pylist()
            if 2 * len({*first}) < len(first):
                # Cells that say the same are one object: hundreds of megabytes less in a long table.
                different, places = self.coded(name)
                self._lists[name] = [different[place] for place in places.tolist()]
            else:
                self._lists[name] = cells.to_pylist()
        return self._lists[name]

    def coded(self, name: str) -> "tuple[list[str], np.ndarray]":
        """The different cells of a column, and for each line the place of its cell among them."""
        import numpy as np

        if self._arrow is None:
            known: dict[str, int] = {}
            places = [known.setdefault(cell, len(known)) for cell in self._lists[name]]
            return list(known), np.array(places, np.int32)
        coded = self._arrow[name].combine_chunks().dictionary_encode()
        return coded.dictionary.to_pylist(), _as_numpy(coded.indices, np.int32)

    def filled(self, name: str) -> "np.ndarray":
        """Of each line whether the cell says anything: (N,) bool."""
        import numpy as np

        if self._arrow is None:
            return np.array([bool(cell) for cell in self._lists[name]], bool)
        # Arrow says of each cell where its text ends, and so where that of the next begins.
        ends = [_as_numpy(chunk, np.int32, more=1) for chunk in self._arrow[name].chunks]
        return np.concatenate([np.diff(end) > 0 for end in ends]) if ends else np.empty(0, bool)

    def numbers(self, name: str) -> "np.ndarray":
        """A column of numbers as float64; a cell that is empty is 0."""
        import numpy as np

        if self._arrow is not None and self.filled(name).all():
            import pyarrow

            return _as_numpy(self._arrow[name].combine_chunks().cast(pyarrow.float64()), np.float64)
        return np.array([float(cell or 0) for cell in self.column(name)], np.float64)


def read_table(
    path: Path, columns: Sequence[Column], digests: Mapping[str, str], *, for_us: bool = False, has_ids: bool = False
) -> Table:
    """The cells of a CSV file, every one checked against its column.

    digests: file name -> SHA-256 of what was last written; a file that still has it was checked then.
    for_us: as `examine` explains it.    has_ids: every line has an id of its own.

    Raises: ManifestError naming file, line, column, what stands there and what was expected.
    """
    data = path.read_bytes()
    ours = parse_ours(path, data, digests)
    if ours is not None and (for_us or {column.name for column in columns} <= {*ours.names}):
        return ours
    found = examine(path, data, columns, for_us=for_us)
    faults = found.faults
    if has_ids and not faults:
        place = found.header.index("id")
        faults = find_doubles(path, [cells[place] for cells in found.lines], found.numbers)
    if faults:
        raise ManifestError(str(faults[0]))
    by_column = zip(*found.lines, strict=True) if found.lines else [()] * len(found.header)
    return Table({name: list(cells) for name, cells in zip(found.header, by_column, strict=True)})


def parse_ours(path: Path, data: bytes, digests: Mapping[str, str]) -> Table | None:
    """The cells of a file that is as we last wrote it; None of any other.

    data: what stands in the file.    digests: file name -> SHA-256 of what was last written.
    """
    if hashlib.sha256(data).hexdigest() != digests.get(path.name):
        return None
    return Table(_parsed(data), is_ours=True)


def table_line(cells: Iterable[str]) -> str:
    """One line of a CSV file, quoted where it must be, ended by LF."""
    return table_lines([tuple(cells)])[0]


def table_lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """Each row as a line of a CSV file, quoted where it must be, ended by LF."""
    lines = _Lines()
    quoting = csv.writer(lines, lineterminator="\n")
    for cells in rows:
        line = ",".join(cells)
        if len(cells) < 2 or line.count(",") >= len(cells) or NEEDS_QUOTES(line):
            quoting.writerow(cells)
        else:
            lines.write(f"{line}\n")
    return lines.written


def guard(cell: str, risk: re.Pattern[str] = FORMULA) -> str:
    """The cell with an apostrophe before it where spreadsheets would take it for something else.

    risk: matches at the beginning of such a cell, whether there are apostrophes before that or not.
    """
    return f"'{cell}" if risk.match(cell) else cell


def unguard(cell: str, risk: re.Pattern[str] = FORMULA) -> str:
    """What `guard` was given."""
    return cell[1:] if cell.startswith("'") and risk.match(cell, 1) else cell


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


def frame_schema(columns: Sequence[Column] = DATASET_COLUMNS) -> "pandera.pandas.DataFrameSchema":
    """The same for a table in pandas, all of it text: `frame_schema().validate(table, lazy=True)` names every fault."""
    import pandera.pandas as pandera

    return pandera.DataFrameSchema(
        {one.name: pandera.Column(str, pandera.Check.str_matches(f"^(?:{one.pattern})?\\Z")) for one in columns}
    )


class _Lines:
    """What csv.writer writes to; each call is a line."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.write = self.written.append


def _as_numpy(cells: "pyarrow.Array", kind: type, *, more: int = 0) -> "np.ndarray":
    """The numbers behind an array as they lie in memory; Arrow's own way to numpy imports pandas, which takes a second.

    more: so many numbers more than there are cells.
    """
    import numpy as np

    if not len(cells):
        return np.empty(0, kind)
    return np.frombuffer(cells.buffers()[1], kind)[cells.offset : cells.offset + len(cells) + more]


def _parsed(data: bytes) -> "pyarrow.Table":
    """The cells of a CSV file that we wrote."""
    import pyarrow
    from pyarrow import csv as arrow_csv

    header = next(csv.reader(io.StringIO(data[: data.index(b"\n") + 1].decode(), newline="")))
    text: dict[str, Any] = {name: pyarrow.string() for name in header}
    convert = arrow_csv.ConvertOptions(column_types=text, strings_can_be_null=False)

    def parse(block_bytes: int) -> "pyarrow.Table":
        read = arrow_csv.ReadOptions(use_threads=False, block_size=block_bytes)
        return arrow_csv.read_csv(pyarrow.BufferReader(data), read_options=read, convert_options=convert)

    try:
        return parse(BLOCK_BYTES)
    except pyarrow.ArrowInvalid:
        # A line is longer than a block: the names of a photo that was found a thousand times.
        return parse(min(len(data) + 1, LARGEST_BLOCK_BYTES))
