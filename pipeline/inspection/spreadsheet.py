"""The manifest as a file for spreadsheets, which rewrite what they read, and what was edited there back again."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.console import count
from pipeline.errors import ManifestError, WorkspaceError
from pipeline.faults import Fault, examine, find_doubles, find_wrong, own_column
from pipeline.inspection.faulty_tables import Seen, find_leaks
from pipeline.manifest import Manifest, demand, read, writing
from pipeline.rows import DATASET_COLUMNS, PROVENANCE_COLUMNS, Column
from pipeline.tables import Table, for_spreadsheets, table_line
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

YOURS = (
    *("split", "keep", "label_reviewed", "title", "creator", "creator_url"),
    *("license", "license_url", "redistributable", "source_page"),
)
"""Columns whose edits are taken back, beside those of the user's own; what stages have filled stays as it is."""
BEGINNING = b"\xef\xbb\xbf"
"""Without this mark Excel takes UTF-8 for something else."""
REWRITTEN = re.compile(
    r"0[0-9]+|[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+|[0-9]{12,}|[0-9]{1,4}[-/.][0-9]{1,2}(?:[-/.T].*)?"
)
"""Text that spreadsheets take for a number or a date, and write another way: 007, 1E5, 3-4, 2021-05-06T07:08:09."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A file for spreadsheets."""

    file: Path
    rows: int

    def lines(self) -> list[str]:
        """One fact a line."""
        return [f"wrote {count(self.rows, 'row')}", f"file {self.file}"]


@dataclass(frozen=True, kw_only=True)
class Edited:
    """What was taken back.    rows: that changed.    cells: column -> how many of its cells did.

    left: column -> cells that read otherwise in the file, and stay as they are, because stages fill the column.
    """

    is_dry_run: bool
    rows: int
    cells: dict[str, int]
    left: dict[str, int]

    def lines(self) -> list[str]:
        """One fact a line."""
        changed = "would change" if self.is_dry_run else "changed"
        lines = [
            f"{changed} {count(self.rows, 'row')}",
            *(f"    {name}: {number:,}" for name, number in self.cells.items()),
        ]
        if self.left:
            said = ", ".join(f"{name} {number:,}" for name, number in self.left.items())
            lines.append(f"left as they are, because stages fill them: {said}")
        return lines


def write_spreadsheet(workspace: Workspace, out: Path) -> Written:
    """Writes dataset.csv for spreadsheets: with a mark at its beginning, and an apostrophe before a cell that would be
    taken for a formula, a number or a date.

    Raises: WorkspaceError when the file is one of the workspace's own, or cannot be written.
    """
    manifest = read(workspace)
    own = (workspace.dataset_csv, workspace.provenance_csv, workspace.classes_csv)
    if out.resolve() in [path.resolve() for path in own]:
        raise WorkspaceError(f"{out} is the manifest itself. Name another file")
    kinds = {column.name: column.kind for column in DATASET_COLUMNS}
    columns = [_guarded(manifest.column(name), kinds.get(name, "text")) for name in manifest.names]
    lines = [table_line(manifest.names), *map(table_line, zip(*columns, strict=True))]
    with explained_disk_errors():
        write_atomically(out, BEGINNING + "".join(lines).replace("\n", "\r\n").encode())
    return Written(file=out, rows=len(lines) - 1)


def take_back(workspace: Workspace, file: Path) -> Edited:
    """Takes over what was edited in a file for spreadsheets, in the columns that are the user's.

    Columns may be missing, moved and new ones; lines may be missing. Any fault, and nothing changes.

    Raises: ManifestError naming file, line and column of the first fault; WorkspaceError.
    """
    demand(workspace)
    with writing(workspace) as manifest:
        changes, left = _changes(manifest, file)
        manifest.amend(changes)
        return _told(changes, left, is_dry_run=False)


def plan(workspace: Workspace, file: Path) -> Edited:
    """What `take_back` would change; writes nothing."""
    return _told(*_changes(read(workspace), file), is_dry_run=True)


def guard(cell: str) -> str:
    """A cell that a spreadsheet leaves as it is."""
    guarded = for_spreadsheets(cell)
    return f"'{cell}" if guarded == cell and (cell.startswith("'") or REWRITTEN.fullmatch(cell)) else guarded


def unguard(cell: str) -> str:
    """What `guard` was given."""
    return cell[1:] if cell.startswith("'") and guard(cell[1:]) == cell else cell


def _guarded(cells: Iterable[str], kind: str) -> list[str]:
    return [guard(cell) for cell in cells] if kind in ("text", "moment") else list(cells)


def _told(changes: Mapping[str, Mapping[str, str]], left: dict[str, int], *, is_dry_run: bool) -> Edited:
    names = [name for cells in changes.values() for name in cells]
    cells = {name: names.count(name) for name in dict.fromkeys(names)}
    return Edited(is_dry_run=is_dry_run, rows=len(changes), cells=cells, left=left)


def _changes(manifest: Manifest, file: Path) -> tuple[dict[str, dict[str, str]], dict[str, int]]:
    """Id -> column -> what it says now; and column -> cells that stay though they read otherwise in the file."""
    seen = _read(file)
    rules = {column.name: column for column in DATASET_COLUMNS}
    places = {id: place for place, id in enumerate(manifest.column("id"))}
    faults = find_doubles(file, seen.column("id"), seen.numbers)
    strangers = {id: f"there is no row '{id}' in the manifest" for id in {*seen.column("id")} - places.keys() - {""}}
    faults += seen.find("id", strangers)
    for name in seen.table.names:
        if name in YOURS or name not in rules:
            rule = rules.get(name) or own_column(name)
            faults += seen.find(name, find_wrong({*seen.column(name)}, rule))
    if faults:
        raise ManifestError(str(min(faults, key=lambda fault: fault.line)))
    changes: dict[str, dict[str, str]] = {}
    left: dict[str, int] = {}
    for name in seen.table.names:
        known = manifest.column(name) if name in manifest.names else [""] * len(places)
        for id, cell in zip(seen.column("id"), seen.column(name), strict=True):
            if cell != known[places[id]] and (name in YOURS or name not in rules):
                changes.setdefault(id, {})[name] = cell
            elif cell != known[places[id]]:
                left[name] = left.get(name, 0) + 1
    _demand_whole_groups(manifest, seen, changes)
    return changes, left


def _read(file: Path) -> Seen:
    """The cells as they were before they were guarded, separated by whatever the spreadsheet has chosen."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ManifestError(f"{file} cannot be read: {error.strerror}. Check the path") from None
    first = data.split(b"\n", 1)[0]
    mark = max((",", ";", "\t"), key=lambda mark: first.count(mark.encode()))
    found = examine(file, data, [Column(name="id", kind="text", text="")], for_us=True, mark=mark)
    faults = [*found.faults, *_faults_of_names(file, found.header)]
    if faults:
        raise ManifestError(str(faults[0]))
    by_column = zip(*found.lines, strict=True) if found.lines else [()] * len(found.header)
    cells = {name: [unguard(cell) for cell in cells] for name, cells in zip(found.header, by_column, strict=True)}
    return Seen(path=file, table=Table(cells), numbers=found.numbers)


def _faults_of_names(file: Path, header: list[str]) -> list[Fault]:
    theirs = [name for name in header if name in {column.name for column in PROVENANCE_COLUMNS}]
    return [
        Fault(file=file, text=f"has a column '{name}', which belongs to provenance.csv. Remove it") for name in theirs
    ]


def _demand_whole_groups(manifest: Manifest, seen: Seen, changes: Mapping[str, Mapping[str, str]]) -> None:
    """Raises: ManifestError when a group would lie in several splits."""
    if not any("split" in cells for cells in changes.values()):
        return
    numbers = dict(zip(seen.column("id"), seen.numbers, strict=True))
    columns = {name: manifest.column(name) for name in ("id", "group", "file_name")}
    splits = zip(columns["id"], manifest.column("split"), strict=True)
    columns["split"] = [changes.get(id, {}).get("split", split) for id, split in splits]
    after = Seen(path=seen.path, table=Table(columns), numbers=[numbers.get(id, 0) for id in columns["id"]])
    if leaks := find_leaks(after):
        raise ManifestError(f"{leaks[0]}. A group is never split: give all its photos one split")
