"""What is wrong with the CSV files of a manifest: cells, lines that belong to no row, splits that leak."""

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from pipeline.csv_files import FILES
from pipeline.faults import Fault, examine, find_doubles, find_wrong, own_column, shown
from pipeline.rows import DATASET_COLUMNS, LONGEST_CELL, ROW_FILES
from pipeline.tables import FORMULA_BEGINNINGS, Table, parse_ours

MANGLED = re.compile(r"[0-9](?:[.,][0-9]+)?E[+-]?[0-9]+|#(?:NAME|REF|VALUE|DIV/0|N/A|NUM|NULL)[?!]?")
"""What spreadsheets make of long numbers, and of text that they take for a formula."""
ALL_UNKNOWN = ("1", "1.0")
"""What label_unknown says of a label map of which classes.csv has no line to say."""
NUMBER = re.compile("[1-9][0-9]*")
TEXT = tuple(column.name for column in DATASET_COLUMNS if column.kind == "text")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A CSV file that was read whatever is in it.    numbers: where its lines stand in the file."""

    path: Path
    table: Table
    numbers: Sequence[int]

    def column(self, name: str) -> list[str]:
        """The cells of a column, empty ones where there is no such column."""
        return self.table.column(name) if name in self.table.names else [""] * len(self.numbers)

    def beginning_with(self, name: str, beginnings: Sequence[str]) -> list[str]:
        """The cells of a column that begin with one of these."""
        if name not in self.table.names:
            return []
        from pyarrow import compute

        cells = self.table.arrow[name]
        begin = functools.reduce(compute.or_, (compute.starts_with(cells, pattern) for pattern in beginnings))
        return cells.filter(begin).to_pylist()

    def find(self, column: str, cells: Mapping[str, str]) -> list[Fault]:
        """A fault for every line that says one of these cells in a column.    cells: what is wrong with each."""
        if not cells:
            return []
        lines = zip(self.numbers, self.column(column), strict=True)
        found = ((number, cells[cell]) for number, cell in lines if cell in cells)
        return [Fault(file=self.path, line=number, column=column, text=text) for number, text in found]


def nothing(path: Path) -> Seen:
    """What is seen where there is no file."""
    return Seen(path=path, table=Table({}), numbers=())


def look_into(path: Path, kind: str, digests: Mapping[str, str]) -> tuple[Seen, list[Fault]]:
    """A CSV file and every fault of its form and its cells.

    kind: which of `FILES` it is.    digests: name of a file -> SHA-256 of what we wrote last; such a file has its form.
    """
    data, columns, for_us = path.read_bytes(), FILES[kind], kind == "provenance"
    table = parse_ours(path, data, digests)
    if table is None or not (for_us or {column.name for column in columns} <= {*table.names}):
        found = examine(path, data, columns, for_us=for_us)
        by_column = zip(*found.lines, strict=True) if found.lines else [()] * len(found.header)
        cells = {name: list(cells) for name, cells in zip(found.header, by_column, strict=True)}
        return Seen(path=path, table=Table(cells), numbers=found.numbers), found.faults
    seen = Seen(path=path, table=table, numbers=range(2, len(table) + 2))
    by_name, faults = {column.name: column for column in columns}, []
    for name in table.names:
        rule, longest = by_name.get(name) or own_column(name), len(data) if for_us else LONGEST_CELL
        faults += seen.find(name, find_wrong(table.coded(name)[0], rule, longest=longest))
    return seen, sorted(faults, key=lambda fault: fault.line)


def find_doubles_in(seen: Seen) -> list[Fault]:
    """Lines whose id is empty, or that of a line before."""
    return find_doubles(seen.path, seen.column("id"), seen.numbers)


def find_mangled(dataset: Seen, copies: Callable[[], Iterable[tuple[str, Mapping[str, str]]]]) -> list[Fault]:
    """Cells that a spreadsheet has changed, as far as that can be told.

    copies: gives, for each run, the newest first, its path, and id -> original_name when it began.
    """
    faults = []
    for name in TEXT:
        mangled = {cell for cell in {*dataset.column(name)} if MANGLED.fullmatch(cell)}
        what = "which is what spreadsheets make of long numbers and of text that begins with '='. Put it back"
        faults += dataset.find(name, {cell: f"{name} is {shown(cell)}, {what}" for cell in mangled})
    lines = zip(dataset.numbers, dataset.column("id"), dataset.column("original_name"), strict=True)
    bare = {id: (number, name) for number, id, name in lines if NUMBER.fullmatch(name)}
    for run, names in copies() if bare else ():
        for id in sorted(bare.keys() & names.keys()):
            number, name = bare[id]
            if names[id] != name and names[id].lstrip("0") == name:
                del bare[id]
                text = f"original_name is '{name}', and was '{names[id]}' when {run} began. Put the zeros back"
                faults.append(Fault(file=dataset.path, line=number, column="original_name", text=text))
    return faults


def find_formulas(dataset: Seen) -> list[Fault]:
    """Cells that every spreadsheet computes: those that begin with '='."""
    faults = []
    for name in TEXT:
        formulas = {*dataset.beginning_with(name, FORMULA_BEGINNINGS[:1])}
        said = {cell: f"{name} is {shown(cell)}, which spreadsheets compute" for cell in formulas}
        faults += dataset.find(name, said)
    return sorted(faults, key=lambda fault: fault.line)


def count_formulas(dataset: Seen) -> Iterator[str]:
    """A sentence for each column in which cells begin as formulas may, and as ordinary text may too."""
    for name in TEXT:
        number = len(dataset.beginning_with(name, FORMULA_BEGINNINGS[1:]))
        if number:
            cells = "cell begins" if number == 1 else "cells begin"
            yield (
                f"{number:,} {cells} with '+', '-' or '@' in {name}, which spreadsheets take for a formula: open what "
                "gauganpipe manifest spreadsheet writes, not dataset.csv itself"
            )


def find_orphans(others: Sequence[Seen], ids: Collection[str]) -> list[Fault]:
    """Lines of the other files that belong to no row.    ids: of the rows."""
    faults = []
    for seen in others:
        told = set()
        for number, id in zip(seen.numbers, seen.column("id"), strict=True):
            if id not in ids and id not in told:
                told.add(id)
                text = f"there is no row '{id}' in dataset.csv"
                faults.append(Fault(file=seen.path, line=number, column="id", text=text))
    return faults


def find_untold(dataset: Seen, provenance: Seen, in_journal: Collection[str]) -> list[Fault]:
    """Rows of which provenance.csv says nothing.    in_journal: ids of those that a journal may tell of."""
    told = {*provenance.column("id"), *in_journal}
    text = f"has no line in {provenance.path.name}, so nobody knows how its files were made"
    lines = zip(dataset.numbers, dataset.column("id"), strict=True)
    return [
        Fault(file=dataset.path, line=number, column="id", text=f"'{id}' {text}")
        for number, id in lines
        if id not in told
    ]


def find_shared_files(dataset: Seen) -> list[Fault]:
    """Cells that name a file which another cell names too: all of them but the first."""
    cells = {one.column: dataset.column(one.column) for one in ROW_FILES}
    faults: list[Fault] = []
    if len({*chain(*cells.values())} - {""}) == sum(len(names) - names.count("") for names in cells.values()):
        return faults
    named = Counter(chain(*cells.values()))
    twice = {name for name, number in named.items() if name and number > 1}
    first: dict[str, tuple[str, str]] = {}
    for column, names in cells.items():
        for number, id, name in zip(dataset.numbers, dataset.column("id"), names, strict=True):
            if name in twice and first.setdefault(name, (id, column)) != (id, column):
                text = f"{column} is {shown(name)}, which the row {first[name][0]} names too"
                faults.append(Fault(file=dataset.path, line=number, column=column, text=text))
    return faults


def find_unshared(dataset: Seen, classes: Seen) -> list[Fault]:
    """Rows with a label map of which classes.csv says nothing."""
    said = {*classes.column("id")}
    columns = (dataset.column(name) for name in ("id", "label_file_name", "label_unknown"))
    faults = []
    for number, (id, name, unknown) in zip(dataset.numbers, zip(*columns, strict=True), strict=True):
        if name and id not in said and unknown not in ALL_UNKNOWN:
            text = f"'{id}' has a label map, and no line in {classes.path.name}"
            faults.append(Fault(file=dataset.path, line=number, column="id", text=text))
    return faults


def find_strangers(classes: Seen, names: Collection[str]) -> list[Fault]:
    """Lines of classes that the taxonomy does not have.    names: its classes."""
    different = {*classes.column("class")} - {*names}
    return classes.find(
        "class", {name: f"class is {shown(name)}, which the taxonomy does not have" for name in different}
    )


def find_leaks(dataset: Seen) -> list[Fault]:
    """The groups of which photos that are there lie in several splits: a line each, the first that differs."""
    columns = (dataset.column(name) for name in ("group", "split", "file_name"))
    members: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, (group, split, name) in zip(dataset.numbers, zip(*columns, strict=True), strict=True):
        if group and split and name:
            members[group].append((number, split))
    faults = []
    for group, lines in members.items():
        if len({split for _, split in lines}) > 1:
            most = Counter(split for _, split in lines).most_common(1)[0][0]
            number, split = next(line for line in lines if line[1] != most)
            text = f"split is {split}, and {most} in other lines of the group {group}"
            faults.append(Fault(file=dataset.path, line=number, column="split", text=text))
    return faults
