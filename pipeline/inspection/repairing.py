"""`gauganpipe manifest repair`: what belongs to nothing goes out of the manifest into a list; no file is deleted."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.about import read_about
from pipeline.console import count
from pipeline.errors import WorkspaceError
from pipeline.faults import examine
from pipeline.inspection import faulty_files, faulty_tables
from pipeline.inspection.recounting import count_again, find_uncounted
from pipeline.manifest import Manifest, read, writing
from pipeline.presence import GONE, why_missing
from pipeline.rows import ROW_FILES, Column
from pipeline.tables import CLASSES, PROVENANCE, table_line
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
THE_COLUMNS = "these are its columns"
"""Why the first line of a CSV file is in a list: without it nobody knows what the others say."""
SHOWN = 10
FEW, FEW_IN_A_HUNDRED = 10, 5
"""So many photos, or so many of a hundred, may be gone one by one; of more it is likelier that a disk is missing."""


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

    files: that no row names and no list knew yet; they stay where they are.    counted: rows whose classes were counted
    anew in their label maps, as no line told of them.    list_file: None when nothing is put into a list.
    """

    is_dry_run: bool
    rows: list[str]
    orphans: dict[str, int]
    files: list[str]
    counted: list[str]
    list_file: Path | None

    def lines(self) -> list[str]:
        """One fact a line."""
        if self.list_file is None and not self.counted:
            return ["nothing to repair"]
        dropped, listed = ("would drop", "would list") if self.is_dry_run else ("dropped", "listed")
        counted = "would count" if self.is_dry_run else "counted"
        maps = f"{counted} the classes of {count(len(self.counted), 'label map')} anew"
        lines = [maps, *_first(self.counted)] if self.counted else []
        lines += [f"{dropped} {count(len(self.rows), 'row')} whose photo is gone"] if self.rows else []
        lines += _first(self.rows)
        for file, number in self.orphans.items():
            lines.append(f"{dropped} {count(number, 'line')} of {file} that belonged to no row")
        if self.files:
            lines.append(f"{listed} {count(len(self.files), 'file')} that no row names; they stay where they are")
        return [*lines, *_first(self.files), *([f"list {self.list_file}"] if self.list_file else [])]


def repair(workspace: Workspace, *, even_many: bool = False) -> Repaired:
    """Takes rows whose photo is gone, and lines that belong to no row, out of the manifest and into a list.

    Files that no row names are listed too, and classes of which no line tells are counted in their label maps. No file
    is deleted; `undoing.undo` puts the lines of a list back.
    even_many: also when so many photos are gone that a disk may be missing.

    Raises: ManifestError where the manifest cannot be read; WorkspaceError, also when so many photos are gone.
    """
    # Before the journal of a killed command is folded, which takes lines without a row away.
    orphans = [*_find_orphans(read(workspace))]
    with writing(workspace) as manifest:
        dropped = [*_find_lost(manifest, even_many=even_many), *orphans]
        dropped += _find_unnamed(manifest, {one.id for one in dropped})
        place = _list_of_today(workspace)
        if dropped:
            with explained_disk_errors():
                write_atomically(place, _with_more(place, dropped), durable=True)
            for one in dropped:
                if one.file == workspace.dataset_csv.name and one.why != THE_COLUMNS:
                    manifest.drop(one.id)
            manifest.write_anew()
        counted = find_uncounted(manifest)
        count_again(manifest, counted)
        return _told(dropped, counted, place, is_dry_run=False)


def plan(workspace: Workspace, *, even_many: bool = False) -> Repaired:
    """What `repair` would do; writes nothing."""
    manifest = read(workspace)
    dropped = [*_find_lost(manifest, even_many=even_many), *_find_orphans(manifest)]
    gone = {one.id for one in dropped}
    dropped += _find_unnamed(manifest, gone)
    counted = [id for id in find_uncounted(manifest) if id not in gone]
    return _told(dropped, counted, _list_of_today(workspace), is_dry_run=True)


def listed_files(workspace: Workspace) -> set[str]:
    """The files that a list names already."""
    known: set[str] = set()
    for path in sorted(workspace.manifests.glob(LISTS)):
        found = examine(path, path.read_bytes(), COLUMNS, for_us=True)
        if "file" in found.header:
            known |= {cells[found.header.index("file")] for cells in found.lines}
    return known


def _told(dropped: list[Dropped], counted: list[str], place: Path, *, is_dry_run: bool) -> Repaired:
    lines = [one for one in dropped if one.why != THE_COLUMNS]
    rows = [one.id for one in lines if one.file == "dataset.csv"]
    lost = {*rows}
    return Repaired(
        is_dry_run=is_dry_run,
        rows=rows,
        orphans=dict(Counter(one.file for one in lines if one.file in OTHERS and one.id not in lost)),
        files=[one.file for one in lines if not one.id],
        counted=counted,
        list_file=place if dropped else None,
    )


def _first(names: Sequence[str]) -> list[str]:
    more = [f"    and {len(names) - SHOWN:,} more"] * (len(names) > SHOWN)
    return [*(f"    {name}" for name in names[:SHOWN]), *more]


def _find_lost(manifest: Manifest, *, even_many: bool) -> Iterable[Dropped]:
    """The rows whose photo is gone.

    Raises: WorkspaceError when so many photos are gone that a disk may be missing.
    """
    ids, names = manifest.column("id"), manifest.column("file_name")
    photos = [name for name in names if name]
    gone = {name for name, why in why_missing(manifest.workspace, photos).items() if why == GONE}
    lost = {id: place for place, (id, name) in enumerate(zip(ids, names, strict=True)) if name in gone}
    if not even_many and (len(lost) == len(photos) > 0 or len(lost) > max(FEW, len(photos) * FEW_IN_A_HUNDRED / 100)):
        raise WorkspaceError(
            f"{len(lost):,} of {count(len(photos), 'photo')} are gone, the first is {min(gone)}: is a disk missing? "
            "Nothing was changed. If they are gone for good: gauganpipe manifest repair --even-many"
        )
    yield from _lines_of(manifest, lost)


def _lines_of(manifest: Manifest, lost: Mapping[str, int]) -> Iterable[Dropped]:
    """What the manifest says of rows.    lost: their ids and places."""
    if not lost:
        return
    for file, header in (("dataset.csv", manifest.names), ("provenance.csv", [one.name for one in PROVENANCE])):
        columns = [manifest.column(name) for name in header]
        yield _columns_of(file, header)
        for id, place in lost.items():
            line = table_line(column[place] for column in columns)
            yield Dropped(file=file, why="the photo is gone", id=id, line=line.removesuffix("\n"))
    yield _columns_of("classes.csv", [one.name for one in CLASSES])
    for id, name, share in manifest.shares().of(lost.keys()):
        line = table_line((id, name, f"{share:.6f}"))
        yield Dropped(file="classes.csv", why="the photo is gone", id=id, line=line.removesuffix("\n"))


def _find_orphans(manifest: Manifest) -> Iterable[Dropped]:
    """Lines of the other files that belong to no row."""
    workspace = manifest.workspace
    _, digests = read_about(workspace.dataset_json)
    paths = workspace.csv_files
    seen = {kind: faulty_tables.look_into(path, kind, digests)[0] for kind, path in paths.items() if path.exists()}
    # A row that went by the journal takes its lines along.
    known = {*manifest.column("id"), *(seen["dataset"].column("id") if "dataset" in seen else ())}
    for kind in ("provenance", "classes"):
        if kind in seen:
            table = seen[kind].table
            places = [place for place, id in enumerate(seen[kind].column("id")) if id not in known]
            columns = [table.column(name) for name in table.names] if places else []
            yield from [_columns_of(paths[kind].name, table.names)] if places else []
            for place in places:
                line = [column[place] for column in columns]
                id, text = seen[kind].column("id")[place], table_line(line).removesuffix("\n")
                yield Dropped(file=paths[kind].name, why="there is no row of this id", id=id, line=text)


def _columns_of(file: str, names: Iterable[str]) -> Dropped:
    return Dropped(file=file, why=THE_COLUMNS, id="", line=table_line(names).removesuffix("\n"))


def _find_unnamed(manifest: Manifest, lost: Collection[str]) -> Iterable[Dropped]:
    """The files that no row names.    lost: ids of rows that go, so that they name nothing."""
    workspace, listed, ids = manifest.workspace, listed_files(manifest.workspace), manifest.column("id")
    for column in (one.column for one in ROW_FILES):
        named = {name for id, name in zip(ids, manifest.column(column), strict=True) if id not in lost}
        for fault in faulty_files.find_unnamed(workspace, column, named, ()):
            if fault.file.as_posix() not in listed:
                yield Dropped(file=fault.file.as_posix(), why="no row names it", id="")


def _list_of_today(workspace: Workspace) -> Path:
    return workspace.manifests / LISTS.replace("*", date.today().isoformat())


def _with_more(place: Path, dropped: Iterable[Dropped]) -> bytes:
    """The list with these at its end."""
    before = place.read_bytes() if place.is_file() else table_line(one.name for one in COLUMNS).encode()
    lines = [table_line(getattr(one, column.name) for column in COLUMNS) for one in dropped]
    return before + "".join(lines).encode()
