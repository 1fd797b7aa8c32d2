"""What is wrong with a CSV file: every fault in it, by line and column, and the cells of it that can be read."""

import contextlib
import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.garbage import uncollected
from pipeline.rows import LONGEST_CELL, Column

FORBIDDEN_NAMES = {"image", "label", "edge"}
"""Column names that other tools take for pictures."""
SHOWN_LETTERS = 80
"""So much of a wrong cell is shown."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong.    line: 1 is the header; 0 where the whole file is meant.    text: the sentence."""

    file: Path
    line: int = 0
    column: str = ""
    text: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.text}" if self.line else f"{self.file} {self.text}"


@dataclass(kw_only=True)
class Examined:
    """A CSV file that was read to its end, whatever is in it.

    lines: cells, of those lines only that have as many as the header.    numbers: of these lines in the file.
    """

    header: list[str] = field(default_factory=list)
    lines: list[list[str]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def examine(path: Path, data: bytes, columns: Sequence[Column], *, for_us: bool = False, mark: str = ",") -> Examined:
    """Reads a CSV file and holds every cell against its column; columns of no known name hold any text.

    A mark at the beginning, Windows line ends, empty lines and columns in another order are no faults.
    for_us: nobody else writes the file, so columns may be missing that it did not have in an older version, and
    cells may be of any length.    mark: what separates cells.
    """
    text, faults = _decoded(path, data)
    # A cell may be as long as the file: the names of a photo that was found a thousand times.
    csv.field_size_limit(max(csv.field_size_limit(), len(data)))
    numbered, not_csv = _lines_of(path, text, mark, is_strict=True)
    if not_csv:
        faults += not_csv
        numbered, _ = _lines_of(path, text, mark, is_strict=False)
    if not numbered:
        what = "is empty. Put a copy of it back, or move it away and run gauganpipe label again"
        return Examined(faults=faults or [Fault(file=path, text=what)])

    (_, header), *rest = numbered
    faults += _faults_of_header(path, header, columns[:1] if for_us else columns)
    for number, cells in rest:
        if len(cells) != len(header):
            faults.append(Fault(file=path, line=number, text=f"{len(cells)} cells, expected {len(header)}"))
    whole = [(number, cells) for number, cells in rest if len(cells) == len(header)]
    found = Examined(header=header, lines=[cells for _, cells in whole], numbers=[number for number, _ in whole])
    by_name, longest = {column.name: column for column in columns}, len(data) if for_us else LONGEST_CELL
    for name, cells in zip(header, zip(*found.lines, strict=True), strict=False):
        wrong = find_wrong({*cells}, by_name.get(name) or own_column(name), longest=longest)
        places = [place for place, cell in enumerate(cells) if cell in wrong] if wrong else []
        faults += [
            Fault(file=path, line=found.numbers[place], column=name, text=wrong[cells[place]]) for place in places
        ]
    places = {name: place for place, name in enumerate(header)}
    found.faults = sorted(faults, key=lambda fault: (fault.line, places.get(fault.column, -1)))
    return found


def find_doubles(path: Path, ids: Sequence[str], numbers: Sequence[int]) -> list[Fault]:
    """The lines whose id is missing, or stands in a line before.    numbers: of the lines."""
    seen: set[str] = set()
    faults = []
    for id, number in zip(ids, numbers, strict=True):
        if not id or id in seen:
            what = f"the id '{id}' stands there twice" if id else "the id is empty"
            faults.append(Fault(file=path, line=number, column="id", text=f"{what}. Every row has an id of its own"))
        seen.add(id)
    return faults


def shown(cell: str) -> str:
    """A cell in quotes, and of a long one the beginning."""
    return repr(cell) if len(cell) <= SHOWN_LETTERS else f"{cell[:SHOWN_LETTERS]!r}…"


def _decoded(path: Path, data: bytes) -> tuple[str, list[Fault]]:
    """The text, with marks in the place of what is none, and a fault for each line that has some."""
    with contextlib.suppress(UnicodeDecodeError):
        return data.decode("utf-8-sig"), []
    marked = data.decode("utf-8-sig", "surrogateescape")
    text = "not UTF-8. Save the file as UTF-8"
    faults = [
        Fault(file=path, line=number, text=text)
        for number, line in enumerate(marked.split("\n"), start=1)
        if any("\udc80" <= letter <= "\udcff" for letter in line)
    ]
    return data.decode("utf-8-sig", "replace"), faults


def _lines_of(path: Path, text: str, mark: str, *, is_strict: bool) -> tuple[list[tuple[int, list[str]]], list[Fault]]:
    """Every line that is not empty, with its number, up to where the text is no CSV; and what is wrong there."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=is_strict)
    lines, number = [], 1
    try:
        with uncollected():
            for cells in reader:
                if cells:
                    lines.append((number, cells))
                number = reader.line_num + 1
    except csv.Error as error:
        return lines, [Fault(file=path, line=number, text=f"this is not CSV: {error}")]
    return lines, []


def _faults_of_header(path: Path, header: list[str], columns: Sequence[Column]) -> list[Fault]:
    if len(header) == 1 and (other := next((mark for mark in ";\t|" if mark in header[0]), "")):
        return [Fault(file=path, text=f"is separated by {other!r}, expected ','. Save it as comma-separated UTF-8")]
    said = [
        f"has no column '{one.name}'. Put it back; its cells may be empty" for one in columns if one.name not in header
    ]
    for name in dict.fromkeys(header):
        if name in FORBIDDEN_NAMES or not name:
            said.append(f"has a column called '{name}', which other tools misread. Rename it")
        if header.count(name) > 1:
            said.append(f"has two columns called '{name}'. Remove one of them")
    return [Fault(file=path, text=text) for text in said]


def find_wrong(cells: Iterable[str], rule: Column, *, longest: int = LONGEST_CELL) -> dict[str, str]:
    """Of different cells of a column those that cannot stand there, each with what is wrong.

    longest: letters that a cell may have.
    """
    matches = re.compile(rule.pattern).fullmatch
    wrong = {}
    for cell in cells:
        if len(cell) > longest:
            wrong[cell] = f"{rule.name} has {len(cell):,} letters, and a cell keeps at most {longest:,}. Shorten it"
        elif cell and not matches(cell):
            wrong[cell] = f"{rule.name} is {shown(cell)}, expected {rule.expected}"
    return wrong


def own_column(name: str) -> Column:
    """A column of the user's own: any text."""
    return Column(name=name, kind="text", text="")
