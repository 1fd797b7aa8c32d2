"""`gauganpipe manifest repair`: what belongs to nothing goes out of the manifest into a list; no file is deleted."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.about import read_about
from pipeline.console import count
from pipeline.faults import examine
from pipeline.inspection import faulty_files, faulty_tables
from pipeline.inspection.faulty_files import KINDS
from pipeline.journal import replay
from pipeline.manifest import Manifest, demand, read, writing
from pipeline.presence import find_missing
from pipeline.rows import Column
from pipeline.tables import table_line
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

COLUMNS = tuple(
    Column(name=name, kind="text", text=text)
    for name, text in (
        ("file", "the CSV file that the line stood in, or a file that no row names"),
        ("why", "why it is here"),
        ("id", "of the row"),
        ("line", "the line as it stood there"),
    )
)
OTHERS = ("provenance.csv", "classes.csv")
LISTS = "dropped-*.csv"
SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A line of the list, as COLUMNS explain it."""

    file: str
    why: str
    id: str
    line: str = ""


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """What was taken out, or would be.    rows: whose photo is gone.    orphans: lines of other files, without a row.

    files: that no row names and no list knew yet; they stay where they are.    list_file: None when there was nothing.
    """

    is_dry_run: bool
    rows: list[str]
    orphans: dict[str, int]
    files: list[str]
    list_file: Path | None

    def lines(self) -> list[str]:
        """One fact a line."""
        if self.list_file is None:
            return ["nothing to repair"]
        dropped, listed = ("would drop", "would list") if self.is_dry_run else ("dropped", "listed")
        lines = [f"{dropped} {count(len(self.rows), 'row')} whose photo is gone"] if self.rows else []
        lines += _first(self.rows)
        for file, number in self.orphans.items():
            lines.append(f"{dropped} {count(number, 'line')} of {file} that belonged to no row")
        if self.files:
            lines.append(f"{listed} {count(len(self.files), 'file')} that no row names; they stay where they are")
        return [*lines, *_first(self.files), f"list {self.list_file}"]


def repair(workspace: Workspace) -> Repaired:
    """Takes rows whose photo is gone, and lines that belong to no row, out of the manifest and into a list.

    Files that no row names are listed too. No file is deleted; a line that is put back where it stood is back.

    Raises: ManifestError where the manifest cannot be read; WorkspaceError.
    """
    demand(workspace)
    with writing(workspace) as manifest:
        dropped = [*_find(manifest)]
        place = _list_of_today(workspace)
        if dropped:
            with explained_disk_errors():
                write_atomically(place, _with_more(place, dropped), durable=True)
            for one in dropped:
                if one.file == workspace.dataset_csv.name:
                    manifest.drop(one.id)
            manifest.write_anew()
        return _told(dropped, place, is_dry_run=False)


def plan(workspace: Workspace) -> Repaired:
    """What `repair` would do; writes nothing."""
    return _told([*_find(read(workspace))], _list_of_today(workspace), is_dry_run=True)


def listed_files(workspace: Workspace) -> set[str]:
    """The files that a list names already."""
    known: set[str] = set()
    for path in sorted(workspace.manifests.glob(LISTS)):
        found = examine(path, path.read_bytes(), COLUMNS, for_us=True)
        if "file" in found.header:
            known |= {cells[found.header.index("file")] for cells in found.lines}
    return known


def _told(dropped: list[Dropped], place: Path, *, is_dry_run: bool) -> Repaired:
    rows = [one.id for one in dropped if one.file == "dataset.csv"]
    orphans = Counter(one.file for one in dropped if one.file in OTHERS and one.id not in {*rows})
    files = [one.file for one in dropped if not one.id]
    return Repaired(
        is_dry_run=is_dry_run, rows=rows, orphans=dict(orphans), files=files, list_file=place if dropped else None
    )


def _first(names: Sequence[str]) -> list[str]:
    more = [f"    and {len(names) - SHOWN:,} more"] * (len(names) > SHOWN)
    return [*(f"    {name}" for name in names[:SHOWN]), *more]


def _find(manifest: Manifest) -> Iterable[Dropped]:
    """All that goes into the list."""
    workspace, ids = manifest.workspace, manifest.column("id")
    names = manifest.column("file_name")
    missing = {*find_missing(workspace, (name for name in names if name))}
    lost = {id for id, name in zip(ids, names, strict=True) if name in missing}
    _, digests = read_about(workspace.dataset_json)
    paths = {"dataset": workspace.dataset_csv, "provenance": workspace.provenance_csv, "classes": workspace.classes_csv}
    known = {*ids}
    for kind, path in paths.items():
        if path.exists():
            seen, _ = faulty_tables.look_into(path, kind, digests)
            for id, *line in zip(seen.column("id"), *map(seen.column, seen.table.names), strict=True):
                if id in lost or id not in known:
                    why = "the photo is gone" if id in lost else "there is no row of this id"
                    yield Dropped(file=path.name, why=why, id=id, line=table_line(line).removesuffix("\n"))
    yield from _find_unnamed(manifest, lost)


def _find_unnamed(manifest: Manifest, lost: Collection[str]) -> Iterable[Dropped]:
    """The files that no row names.    lost: ids of rows that go, so that they name nothing."""
    workspace, listed, ids = manifest.workspace, listed_files(manifest.workspace), manifest.column("id")
    in_journal: set[str] = set()
    for _ in replay(workspace.journal, lambda entry: in_journal.add(entry.get("id", ""))):
        continue
    for column in KINDS:
        named = {name for id, name in zip(ids, manifest.column(column), strict=True) if id not in lost}
        for fault in faulty_files.find_unnamed(workspace, column, named, in_journal - {*lost}):
            if fault.file.as_posix() not in listed:
                yield Dropped(file=fault.file.as_posix(), why="no row names it", id="")


def _list_of_today(workspace: Workspace) -> Path:
    return workspace.manifests / LISTS.replace("*", date.today().isoformat())


def _with_more(place: Path, dropped: Iterable[Dropped]) -> bytes:
    """The list with these at its end."""
    before = place.read_bytes() if place.is_file() else table_line(one.name for one in COLUMNS).encode()
    lines = [table_line(getattr(one, column.name) for column in COLUMNS) for one in dropped]
    return before + "".join(lines).encode()
