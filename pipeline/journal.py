"""The journal: what was recorded since the CSV files were last written, a line of JSON each, kept at once.

A line is an entry, or a list of entries that hold together: a line that was not written to its end counts for nothing.
"""

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from pipeline.garbage import uncollected
from pipeline.rows import COLUMNS, KINDS
from pipeline.workspace import explained_disk_errors

OF_KINDS = {
    "integer": int,
    "number": float,
    "share": float,
    "list": json.loads,
    "pairs": re.compile(KINDS["pairs"][0]).fullmatch,
}
DEMANDS = tuple((column.name, OF_KINDS[column.kind]) for column in COLUMNS if column.kind in OF_KINDS)
"""Column that is no text -> what gives nothing, or raises, for a cell that it cannot hold."""

Entry = Mapping[str, Any]


class Journal:
    """A journal that is written; the file is there once something was."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] | None = None

    def append(self, *lines: Entry | Sequence[Entry]) -> None:
        """Keeps entries even if the next moment is a power cut of the process."""
        with explained_disk_errors():
            if self._file is None:
                self._file = self.path.open("ab")
            self._file.writelines(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
            self._file.flush()

    def end(self) -> None:
        """Takes the file away: all that it says stands elsewhere now."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Lets go of the file and leaves it where it is."""
        if self._file is not None:
            # What a full disk did not take is tried once more here, and was complained of when it was recorded.
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None


def replay(path: Path, apply: Callable[[dict[str, Any]], None]) -> Iterator[int]:
    """Hands over the entries of a journal, in order; a torn last line is left out.

    Yields the number of each line that is damaged, or that `apply` can do nothing with; it is passed over.
    """
    if not path.exists():
        return
    from pydantic_core import from_json  # a journal may be hundreds of megabytes long, and this takes half of the time

    with path.open("rb") as file, uncollected():
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                said = from_json(line)
                entries = said if isinstance(said, list) and said else [said]
                for entry in entries:
                    _demand_cells(entry)
                for entry in entries:
                    apply(entry)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                yield number


def is_torn(path: Path) -> bool:
    """Whether the last line of a file was not written to its end."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def _demand_cells(entry: Any) -> None:
    """Raises: ValueError, KeyError, TypeError or AttributeError where the cells are not what a row can be made of."""
    if "about" in entry or entry.get("gone"):
        return
    cells = entry["cells"]
    "".join(cells.values())  # all of them are text
    said = cells.get
    for name, demand in DEMANDS:
        if (cell := said(name)) and demand(cell) is None:
            raise ValueError
