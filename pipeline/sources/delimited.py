"""Files of lines that others wrote, CSV and TSV among them, read line by line with one line in memory."""

import csv
from collections.abc import Iterator
from itertools import chain, count
from typing import BinaryIO

from pipeline.errors import SourceError

SEPARATORS = ",\t;|"
MOST_LINE_BYTES = 1_000_000


def text_lines(file: BinaryIO, where: str) -> Iterator[str]:
    """The lines of a UTF-8 file, with their ends and without a byte order mark.

    where: what the file is called in errors.

    Raises: SourceError naming file and line.
    """
    for number in count(1):
        try:
            line = file.readline(MOST_LINE_BYTES + 1)
        except OSError as error:
            raise SourceError(f"cannot read {where}: {error.strerror}. Give yourself the right to read it") from None
        if not line:
            return
        if len(line) > MOST_LINE_BYTES:
            raise SourceError(
                f"{where}, line {number}: longer than {MOST_LINE_BYTES:,} bytes. Is this a file of lines?"
            )
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError:
            raise SourceError(f"{where}, line {number}: not UTF-8. Save the file as UTF-8") from None
        yield text


def table_lines(file: BinaryIO, where: str) -> Iterator[tuple[int, list[str]]]:
    """Header and lines of a table, as many cells in each, with the number of the line that each begins in.

    Cells are separated as the header is, by comma, tab, semicolon or bar. Blank lines are passed over.

    Raises: SourceError naming file and line.
    """
    lines = text_lines(file, where)
    header = next(lines, "")
    separator = max(SEPARATORS, key=header.count)
    reader = csv.reader(chain([header], lines), delimiter=separator, strict=True)
    expected = 0
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise SourceError(f"{where}, line {number}: this is not CSV: {error}") from None
        if cells is None:
            return
        if cells:
            expected = expected or len(cells)
            if len(cells) != expected:
                raise SourceError(f"{where}, line {number}: {len(cells)} cells, expected {expected}")
            yield number, cells
