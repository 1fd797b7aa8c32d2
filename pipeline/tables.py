"""A CSV file as a strict table: every line whole, every cell checked, every fault named by line and column."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.errors import ManifestError
from pipeline.rows import Column

FORBIDDEN_NAMES = {"image", "label", "edge"}
"""Column names that other tools take for pictures."""


def read_table(
    path: Path, columns: tuple[Column, ...], digests: Mapping[str, str], *, is_ours: bool = False
) -> tuple[list[str], list[list[str]]]:
    """Header and lines of a CSV file, every cell checked against its column; columns of no known name hold any text.

    digests: file name -> SHA-256 of what was last written; a file that still has it was checked then.
    is_ours: nobody else writes the file, so columns may be missing that it did not have in an older version.

    Raises: ManifestError naming file, line, column, what stands there and what was expected.
    """
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ManifestError(f"{path}, line {line}: not UTF-8. Save the file as UTF-8") from None
    # A cell may be as long as the file: the names of a photo that was found a thousand times.
    csv.field_size_limit(max(csv.field_size_limit(), len(data)))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = list(reader)
    except csv.Error as error:
        raise ManifestError(f"{path}, line {reader.line_num}: this is not CSV: {error}") from None
    if not lines:
        raise ManifestError(f"{path} is empty. Put a copy of it back, or move it away and run gauganpipe label again")
    header, *rest = lines
    if len(header) == 1 and (other := next((mark for mark in ";\t|" if mark in header[0]), "")):
        raise ManifestError(f"{path} is separated by {other!r}, expected ','. Save it as comma-separated UTF-8")
    _check_header(path, header, columns[:1] if is_ours else columns)
    for number, cells in enumerate(rest, start=2):
        if len(cells) != len(header):
            raise ManifestError(f"{path}, line {number}: {len(cells)} cells, expected {len(header)}")
    if hashlib.sha256(data).hexdigest() != digests.get(path.name):
        _check_cells(path, header, rest, columns)
    return header, rest


def _check_header(path: Path, header: list[str], columns: tuple[Column, ...]) -> None:
    for column in columns:
        if column.name not in header:
            raise ManifestError(f"{path} has no column '{column.name}'. Put it back; its cells may be empty")
    for name in header:
        if name in FORBIDDEN_NAMES or not name:
            raise ManifestError(f"{path} has a column called '{name}', which other tools misread. Rename it")
        if header.count(name) > 1:
            raise ManifestError(f"{path} has two columns called '{name}'. Remove one of them")


def _check_cells(path: Path, header: list[str], lines: list[list[str]], columns: tuple[Column, ...]) -> None:
    import pandas
    import pandera.pandas as pandera

    own = Column(name="", kind="text", text="")
    by_name = {column.name: column for column in columns}
    rules = {name: by_name.get(name, own) for name in header}
    schema = pandera.DataFrameSchema(
        {
            name: pandera.Column(str, pandera.Check.str_matches(f"^(?:{rule.pattern})?\\Z"), required=True)
            for name, rule in rules.items()
        }
    )
    table = pandas.DataFrame(lines, columns=header, dtype=str)
    try:
        schema.validate(table, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        first = errors.failure_cases.sort_values("index", kind="stable").iloc[0]
        name, number = first["column"], int(first["index"]) + 2
        what = f"{name} is {first['failure_case']!r}, expected {rules[name].expected}"
        raise ManifestError(f"{path}, line {number}: {what}") from None


def table_line(cells: Iterable[str]) -> str:
    """One line of a CSV file, quoted where it must be, ended by LF."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
