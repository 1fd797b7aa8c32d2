"""`gauganpipe manifest repair --undo LIST`: the rows that a repair has taken out, back into the manifest."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.console import count
from pipeline.csv_files import FILES, cells_in
from pipeline.errors import ManifestError
from pipeline.faults import examine, find_wrong, own_column
from pipeline.inspection.repairing import COLUMNS, THE_COLUMNS
from pipeline.manifest import Manifest, demand, read, writing
from pipeline.rows import Row, from_cells
from pipeline.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Undone:
    """rows: put back, or to be put back.    known: rows of the list that are there already, and stay as they are."""

    is_dry_run: bool
    rows: list[str]
    known: int

    def lines(self) -> list[str]:
        """One fact a line."""
        word = "would put back" if self.is_dry_run else "put back"
        return [f"{word} {count(len(self.rows), 'row')}" + f", {self.known:,} unchanged" * bool(self.known)]


def undo(workspace: Workspace, dropped: Path) -> Undone:
    """Puts the rows of a list back, with all that its lines say of them; the list stays.

    Raises: ManifestError when it is no such list, naming its first line that says what cannot be.
    """
    demand(workspace)
    with writing(workspace) as manifest:
        fresh, known = _rows_of(manifest, dropped)
        for row in fresh:
            manifest.record(row)
        return Undone(is_dry_run=False, rows=[row.id for row in fresh], known=known)


def plan(workspace: Workspace, dropped: Path) -> Undone:
    """What `undo` would do; writes nothing."""
    fresh, known = _rows_of(read(workspace), dropped)
    return Undone(is_dry_run=True, rows=[row.id for row in fresh], known=known)


def _rows_of(manifest: Manifest, dropped: Path) -> tuple[list[Row], int]:
    """The rows of a list that are not in the manifest, and how many others it has."""
    rows: dict[str, dict[str, str]] = {}
    more: dict[str, dict[str, str]] = defaultdict(dict)
    shares: dict[str, dict[str, float]] = defaultdict(dict)
    for kind, id, cells in _lines_in(manifest, dropped):
        if kind == "dataset":
            rows[id] = cells
        elif kind == "classes":
            shares[id][cells["class"]] = float(cells["share"] or 0)
        else:
            more[id] = cells
    here = {*manifest.column("id")}
    fresh = [id for id in rows if id not in here]
    made = [replace(from_cells({**more[id], **rows[id]}), shares=shares[id]) for id in fresh]
    return made, len(rows) - len(fresh)


def _lines_in(manifest: Manifest, dropped: Path) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Of each line of a CSV file that a list has: which of FILES it stood in, its id and its cells."""
    if not dropped.is_file():
        raise ManifestError(f"there is no list at {dropped}. Name one of manifests/dropped-*.csv")
    found = examine(dropped, dropped.read_bytes(), COLUMNS, for_us=True)
    if found.faults or not {one.name for one in COLUMNS} <= {*found.header}:
        what = found.faults[0] if found.faults else f"{dropped} is no list that gauganpipe manifest repair has written"
        raise ManifestError(str(what))
    kinds = {path.name: kind for kind, path in manifest.workspace.csv_files.items()}
    headers = {kind: [column.name for column in columns] for kind, columns in FILES.items()}
    headers["dataset"] = list(manifest.names)
    places = {name: place for place, name in enumerate(found.header)}
    for number, said in zip(found.numbers, found.lines, strict=True):
        kind, line = kinds.get(said[places["file"]]), said[places["line"]]
        if kind is None:
            continue
        cells = cells_in(line) if line else []
        if said[places["why"]] == THE_COLUMNS:
            headers[kind] = cells
            continue
        if len(cells) != len(headers[kind]):
            what = f"{len(cells)} cells of {said[places['file']]}, expected {len(headers[kind])}"
            raise ManifestError(f"{dropped}, line {number}: {what}")
        named = dict(zip(headers[kind], cells, strict=True))
        _demand_sound(named, kind, f"{dropped}, line {number}")
        yield kind, named["id"], named


def _demand_sound(cells: dict[str, str], kind: str, where: str) -> None:
    """Raises: ManifestError when a cell cannot stand in its column."""
    rules = {column.name: column for column in FILES[kind]}
    for name, cell in cells.items():
        for wrong in find_wrong([cell], rules.get(name) or own_column(name), longest=len(cell)).values():
            raise ManifestError(f"{where}: {wrong}")
    if not cells.get("id"):
        raise ManifestError(f"{where}: the id is empty")
