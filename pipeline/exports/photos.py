"""photos.csv, in every export: a line a photo with what the manifest says of it, and where its files are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.errors import ManifestError
from pipeline.rows import COLUMNS, Row, from_cells, to_cells
from pipeline.tables import guard, read_table, table_line, unguard

FILE_NAME = "photos.csv"
FILES = ("file_name", "label_file_name", "instance_file_name")
NEEDED = (*FILES, "width", "height", "split")
"""What every photo has that is read back."""
NAMES = (
    *("id", "original_name", *FILES, "width", "height", "split", "group", "keep"),
    *("label_model", "label_confidence", "label_unknown", "label_reviewed", "flags"),
    *("source", "source_url", "source_page", "title", "creator", "creator_url"),
    *("license", "license_url", "redistributable", "captured_at", "retrieved_at", "changes", "digests"),
)
PHOTO_COLUMNS = tuple(next(column for column in COLUMNS if column.name == name) for name in NAMES)
"""Columns of the manifest, checked as there. Of the digests, the photo's; columns of the user's stay out."""


def as_csv(rows: Iterable[Row], places: Callable[[Row], Mapping[str, str]]) -> bytes:
    """The file for these rows; no spreadsheet takes a cell for a formula.    places: as a layout gives them."""
    lines = [table_line(NAMES)]
    for row in rows:
        photo = {kind: value for kind, value in row.digests.items() if kind == "image"}
        cells = {**to_cells(replace(row, digests=photo)), **dict.fromkeys(FILES, ""), **places(row)}
        lines.append(table_line(guard(cells[name]) for name in NAMES))
    return "".join(lines).encode()


def read_photos(folder: Path) -> list[Row]:
    """The rows in the file of an export; their files are relative to its folder.

    Raises: ManifestError naming file and line where it does not say what it should.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise ManifestError(f"{path} is not there. Import the whole folder that was exported")
    table = read_table(path, PHOTO_COLUMNS, {}, has_ids=True)
    rows = []
    for number, cells in enumerate(zip(*map(table.column, NAMES), strict=True), start=2):
        said = dict(zip(NAMES, map(unguard, cells), strict=True))
        for name in NEEDED:
            if not said[name]:
                raise ManifestError(f"{path}, line {number}: {name} is empty, and no photo is without. Put it back")
        rows.append(from_cells(said))
    return rows


def facts(row: Row) -> dict[str, Any]:
    """What the manifest says of a photo, numbers as numbers, for tables of other formats."""
    return {name: getattr(row, name) for name in NAMES if name not in (*FILES, "digests")}
