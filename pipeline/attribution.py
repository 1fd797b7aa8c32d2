"""ATTRIBUTION.csv: whose the photos are, under which licence, and what was changed, as most licences ask to be told."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.manifest import read
from pipeline.rows import Row
from pipeline.tables import guard, table_line
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

FILE_NAME = "ATTRIBUTION.csv"
COLUMNS = (
    *("id", "original_name", "title", "creator", "creator_url", "source", "source_page", "source_url"),
    *("license", "license_url", "redistributable", "changes"),
)
BEGINNING = 4
"""So many columns in this order tell that a file is one of these."""


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """What was written. licenses: id of a licence -> photos.

    unnamed: photos whose licence asks for a name that nobody has.
    refused: photos that may not be handed on, which the file names too.
    """

    file: Path
    photos: int
    licenses: dict[str, int]
    unnamed: int
    refused: int

    def lines(self) -> list[str]:
        """One fact a line."""
        lines = [f"attribution {self.file}", *(f"{number:>7,} {name}" for name, number in self.licenses.items())]
        if self.unnamed:
            lines.append(f"{self.unnamed:>7,} without the creator's name, though their licence asks for it")
        if self.refused:
            lines.append(f"{self.refused:>7,} that may not be handed on")
        return lines


def attribute(workspace: Workspace, out: Path | None = None) -> Attributed:
    """Writes the file for all photos that can be used, rejected by no rule and not turned down by the user.

    out: where to; None for the workspace's own folder.

    Raises: ManifestError when there is no manifest; WorkspaceError when the file cannot be written, or is another.
    """
    file, rows = _place(workspace, out), _usable(workspace)
    with explained_disk_errors():
        write_atomically(file, as_csv(rows))
    return _counted(file, rows)


def plan(workspace: Workspace, out: Path | None = None) -> list[str]:
    """What `attribute` would write, one fact a line; writes nothing."""
    return [f"would write {_place(workspace, out)}", *_counted(Path(), _usable(workspace)).lines()[1:]]


def as_csv(rows: Iterable[Row]) -> bytes:
    """The file for these rows, a line a photo, in the order of their ids; no spreadsheet takes a cell for a formula."""
    lines = [table_line(COLUMNS)]
    for row in sorted(rows, key=lambda row: row.id):
        lines.append(table_line(guard(getattr(row, name)) for name in COLUMNS))
    return "".join(lines).encode()


def asks_for_a_name(row: Row) -> bool:
    """Whether the photo's licence asks to name who made it."""
    return "CC-BY" in row.license


def _place(workspace: Workspace, out: Path | None) -> Path:
    beginning = ",".join(COLUMNS[:BEGINNING]).encode()
    return workspace.writable_out(out or workspace.root / FILE_NAME, is_ours=lambda head: head.startswith(beginning))


def _usable(workspace: Workspace) -> list[Row]:
    return [row for row in read(workspace).rows.values() if row.is_usable]


def _counted(file: Path, rows: list[Row]) -> Attributed:
    return Attributed(
        file=file,
        photos=len(rows),
        licenses=dict(Counter(row.license or "unknown" for row in rows).most_common()),
        unnamed=sum(asks_for_a_name(row) and not row.creator for row in rows),
        refused=sum(row.redistributable == "no" for row in rows),
    )
