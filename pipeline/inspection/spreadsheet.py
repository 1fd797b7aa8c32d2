"""The manifest as a file for spreadsheets, which rewrite what they read, and what was edited there back again."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.console import count
from pipeline.errors import ManifestError
from pipeline.faults import Fault, examine, find_doubles, find_wrong, own_column
from pipeline.inspection.faulty_tables import Seen, find_leaks
from pipeline.manifest import Manifest, demand, read, writing
from pipeline.rows import DATASET_COLUMNS, PROVENANCE_COLUMNS, Column
from pipeline.tables import FORMULA, Table, guard, table_line, unguard
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

YOURS = (
    *("split", "keep", "label_reviewed", "title", "creator", "creator_url"),
    *("license", "license_url", "redistributable", "source_page"),
)
"""Columns whose edits are taken back, beside those of the user's own; what stages have filled stays as it is."""
BEGINNING = b"\xef\xbb\xbf"
"""Without this mark Excel takes UTF-8 for something else."""
MONTHS = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    "nov(?:ember)?|dec(?:ember)?"
)
LETTER, CURRENCY = r"[^\W\d_]", "$¢-¥₠-₿"
REWRITTEN = re.compile(
    rf"{FORMULA.pattern}|'|\s*(?:[.(]?\d|[{CURRENCY}]|(?:{MONTHS})(?!{LETTER})|"
    rf"{LETTER}{{3,10}}\.?[ /-]*\d{{1,4}}\s*$|(?:true|false)\s*$)",
    re.IGNORECASE,
)
"""Text that spreadsheets take for a formula, a number, a date or a truth, and write another way: =1, 007, 1E5, 10%,
(5), 12:30, $5, March 5, MARCH1, TRUE, and in other languages Mai 2021; and apostrophes, which some of them hide."""


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
    taken for a formula, a number, a date or a truth.

    Raises: WorkspaceError when the file lies among the workspace's own, is another, or cannot be written.
    """
    manifest = read(workspace)
    workspace.writable_out(out, is_ours=_is_spreadsheet)
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


def _is_spreadsheet(head: bytes) -> bool:
    """Whether a file begins as one of ours does, or as a spreadsheet program has saved it again."""
    names = head.removeprefix(BEGINNING).split(b"\n")[0].decode(errors="replace")
    return {"id", "original_name"} <= {name.strip('"\r') for name in re.split("[,;\t]", names)}


def _guarded(cells: Iterable[str], kind: str) -> list[str]:
    return [guard(cell, REWRITTEN) for cell in cells] if kind in ("text", "moment") else list(cells)


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
    cells = {
        name: [unguard(cell, REWRITTEN) for cell in cells] for name, cells in zip(found.header, by_column, strict=True)
    }
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
