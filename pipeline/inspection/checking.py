"""`gauganpipe manifest check`: all that is wrong with a manifest and its files, not only the first of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.about import About, read_about
from pipeline.classes import load_taxonomy
from pipeline.console import Console, count
from pipeline.errors import GauganpipeError, ManifestError
from pipeline.faults import Fault
from pipeline.inspection import faulty_files, faulty_tables
from pipeline.inspection.faulty_files import Named
from pipeline.inspection.faulty_tables import Seen
from pipeline.inspection.repairing import listed_files
from pipeline.journal import is_torn, replay
from pipeline.manifest import demand
from pipeline.rows import DATASET_COLUMNS, ROW_FILES
from pipeline.tables import read_table
from pipeline.workspace import Workspace

SHOWN = 10
"""So many faults of a kind are shown."""
ADVICE = {
    "manifest files": "put a copy back. Without one, gauganpipe label ./photos takes the photos in again; maps that "
    "a person has reviewed stay",
    "dataset.json": "put a copy of it back, or move it away: then defaults hold",
    "schema": "correct the cells. No other command reads the manifest before that",
    "double ids": "take one of the lines out. No other command reads the manifest before that",
    "spreadsheets": "put back what stood there, and edit what gauganpipe manifest spreadsheet writes",
    "formulas": "write these cells in another way; a spreadsheet would compute them",
    "journal": "gauganpipe label takes what it says into the CSV files; move a damaged one away",
    faulty_files.TAXONOMY: "empty label_file_name in these rows, then gauganpipe label makes the maps again; what a "
    "person has painted is corrected with gauganpipe serve --review",
    "orphan lines": "gauganpipe manifest repair puts them into a list",
    "missing lines": "put a copy of provenance.csv back. Without one, gauganpipe label ./photos takes the photos in "
    "again; maps that a person has reviewed stay",
    "uncounted maps": "gauganpipe manifest repair counts them",
    "splits": "give all photos of a group one split, or draw them anew: gauganpipe manifest split",
    "shared files": "empty the cells that name another row's file, and gauganpipe inspect names the command that makes "
    "it again",
    faulty_files.MISSING: "gauganpipe inspect names the command that makes them again; without the photos, "
    "gauganpipe manifest repair puts the rows into a list",
    faulty_files.STRAY: "put the file itself there instead of the link, under a short name",
    faulty_files.UNREADABLE: "move them away, and make them again: gauganpipe inspect names the command",
    faulty_files.SIZE: "write the size of the photo into width and height of its row; no map needs to be made again",
    faulty_files.MAP_SIZE: "empty the cells that name these maps, and gauganpipe inspect names the command that makes "
    "them again",
    faulty_files.DIGEST: "put them back, or make them again. Maps are corrected with gauganpipe serve --review",
    "orphan files": "gauganpipe manifest repair lists them; no command reads them",
}
"""Kinds of faults in the order in which they are shown -> what can be done about them."""


@dataclass(frozen=True, kw_only=True)
class Checking:
    """What `check` looks at beside the CSV files.

    files: whether the files are there, their sizes and ids.    digests: also every byte.    shows_all: not only the
    first of each kind.    workers: threads that read pictures.
    """

    files: bool = True
    digests: bool = False
    shows_all: bool = False
    workers: int = 0


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The faults of one kind: how many, the first of them, and what can be done."""

    kind: str
    faults: int
    first: list[Fault]
    advice: str


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found.    files: that were looked at.    notes: what is no fault, and may become one."""

    rows: int
    files: int
    faults: int
    kinds: list[Kind] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """As a person reads it: a kind of faults, its first lines, what to do."""
        files = f" and {count(self.files, 'file')}" if self.files else ""
        lines = [f"checked {count(self.rows, 'row')}{files}: {count(self.faults, 'fault')}"]
        for one in self.kinds:
            said = [str(fault) for fault in one.first]
            said += [f"and {one.faults - len(said):,} more"] * (one.faults > len(said)) + [f"-> {one.advice}"]
            heads = [f"{one.kind:<20}{one.faults:>8,}", *[""] * len(said)]
            lines += ["", *(f"{head:<30}{text}" for head, text in zip(heads, said, strict=False))]
        return lines + ["", *(f"note: {note}" for note in self.notes)] * bool(self.notes)


def check(workspace: Workspace, asked: Checking, *, console: Console) -> Checked:
    """Looks at every line of the CSV files and at every file that they name; writes nothing.

    Raises: ManifestError when there is no manifest.
    """
    demand(workspace)
    found: dict[str, list[Fault]] = {kind: [] for kind in ADVICE}
    about, digests = _read_about(workspace, found)
    seen = _read_tables(workspace, digests, found)
    dataset = seen["dataset"]
    in_journal = _read_journal(workspace, found)
    _compare_tables(workspace, about, seen, in_journal, found)
    notes = [*faulty_tables.count_formulas(dataset)]
    if dataset.path.name in digests and not dataset.table.is_ours:
        notes.append(f"{dataset.path} was edited since a command wrote it last")
    files = _check_files(workspace, about, seen, in_journal, asked, found, console) if asked.files else 0
    if known := _take_out_listed(workspace, found):
        notes.append(f"{count(known, 'file')} that no row names: manifests/dropped-*.csv lists them")
    shown = None if asked.shows_all else SHOWN
    return Checked(
        rows=len(dataset.numbers),
        files=files,
        faults=sum(map(len, found.values())),
        kinds=[
            Kind(kind=kind, faults=len(faults), first=faults[:shown], advice=ADVICE[kind])
            for kind, faults in found.items()
            if faults
        ],
        notes=notes,
    )


def _read_about(workspace: Workspace, found: Mapping[str, list[Fault]]) -> tuple[About, dict[str, str]]:
    try:
        about, digests = read_about(workspace.dataset_json)
        about.as_taxonomy()
    except (ManifestError, GauganpipeError) as error:
        what = str(error).removeprefix(f"{workspace.dataset_json} ")
        found["dataset.json"].append(Fault(file=workspace.dataset_json, text=what))
        return About(), {}
    return about, digests


def _read_tables(workspace: Workspace, digests: Mapping[str, str], found: Mapping[str, list[Fault]]) -> dict[str, Seen]:
    seen = {}
    is_written = workspace.dataset_csv.exists() and not workspace.journal.exists()
    if is_written and not workspace.dataset_json.exists():
        found["manifest files"].append(Fault(file=workspace.dataset_json, text="is not there"))
    for kind, path in workspace.csv_files.items():
        if not path.exists():
            seen[kind] = faulty_tables.nothing(path)
            found["manifest files"].extend([Fault(file=path, text="is not there")] if is_written else [])
            continue
        seen[kind], faults = faulty_tables.look_into(path, kind, digests)
        found["schema"].extend(faults)
        if kind != "classes" and "id" in seen[kind].table.names:
            found["double ids"].extend(faulty_tables.find_doubles_in(seen[kind]))
    return seen


def _read_journal(workspace: Workspace, found: Mapping[str, list[Fault]]) -> set[str]:
    """The ids of the rows that a journal speaks of."""
    path, ids = workspace.journal, Counter()
    if not path.exists():
        return set()

    def take(entry: dict) -> None:
        ids[entry.get("id", "")] += 1

    damaged = [*replay(path, take)]
    found["journal"].extend(Fault(file=path, line=number, text="is damaged") for number in damaged)
    torn = ", and a last line that was not written to its end" if is_torn(path) else ""
    what = f"holds {count(ids.total(), 'line')} that no CSV file has yet{torn}: a command is running, or was killed"
    found["journal"].append(Fault(file=path, text=what))
    return {*ids} - {""}


def _compare_tables(
    workspace: Workspace, about: About, seen: Mapping[str, Seen], in_journal: set[str], found: Mapping[str, list[Fault]]
) -> None:
    dataset, provenance, classes = seen["dataset"], seen["provenance"], seen["classes"]
    ids = {*dataset.column("id")} | in_journal
    found["spreadsheets"].extend(faulty_tables.find_mangled(dataset, lambda: _names_in_runs(workspace)))
    found["formulas"].extend(faulty_tables.find_formulas(dataset))
    found["orphan lines"].extend(faulty_tables.find_orphans([provenance, classes], ids))
    if provenance.path.exists():
        found["missing lines"].extend(faulty_tables.find_untold(dataset, provenance, in_journal))
    found["uncounted maps"].extend(faulty_tables.find_unshared(dataset, classes))
    found["shared files"].extend(faulty_tables.find_shared_files(dataset))
    names = (about.as_taxonomy() if about.classes else load_taxonomy(about.taxonomy)).names
    found[faulty_files.TAXONOMY].extend(faulty_tables.find_strangers(classes, names))
    found["splits"].extend(faulty_tables.find_leaks(dataset))


def _names_in_runs(workspace: Workspace) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Of each run, the newest first, its path, and what photos were called when it began."""
    for folder in reversed(workspace.run_folders()):
        try:
            copy = read_table(Workspace(root=folder).dataset_csv, DATASET_COLUMNS, {})
        except (ManifestError, OSError):
            continue
        yield workspace.relative(folder), dict(zip(copy.column("id"), copy.column("original_name"), strict=True))


def _check_files(
    workspace: Workspace,
    about: About,
    seen: Mapping[str, Seen],
    in_journal: set[str],
    asked: Checking,
    found: Mapping[str, list[Fault]],
    console: Console,
) -> int:
    """How many files were looked at."""
    dataset = seen["dataset"]
    ids, names = dataset.column("id"), {one.column: dataset.column(one.column) for one in ROW_FILES}
    lost = set()
    for column, cells in names.items():
        for name, (kind, fault) in faulty_files.find_missing_files(workspace, column, cells, ids).items():
            lost.add(name)
            found[kind].append(fault)
        found["orphan files"].extend(faulty_files.find_unnamed(workspace, column, {*cells}, in_journal))
    rows = [*_named(seen, names, lost)]
    with console.bar("check", unit="photo", total=len(rows)) as bar:
        faults = faulty_files.look_at_files(
            workspace,
            rows,
            classes=len(about.as_taxonomy()),
            with_digests=asked.digests,
            workers=asked.workers,
            on_row=bar.step,
        )
        for kind, fault in faults:
            found[kind].append(fault)
    return sum(len(row.files) for row in rows)


def _take_out_listed(workspace: Workspace, found: Mapping[str, list[Fault]]) -> int:
    """Files that repair has listed are faults no more.    Returns: how many there are."""
    orphans, listed = found["orphan files"], listed_files(workspace)
    others = [fault for fault in orphans if fault.file.as_posix() not in listed]
    known = len(orphans) - len(others)
    orphans[:] = others
    return known


def _named(seen: Mapping[str, Seen], names: Mapping[str, list[str]], lost: set[str]) -> Iterable[Named]:
    """The rows that have a file that is there."""
    dataset, provenance = seen["dataset"], seen["provenance"]
    digests = dict(zip(provenance.column("id"), provenance.column("digests"), strict=True))
    sizes = zip(dataset.column("id"), dataset.column("width"), dataset.column("height"), strict=True)
    for (id, width, height), *paths in zip(sizes, *names.values(), strict=True):
        files = {column: path for column, path in zip(names, paths, strict=True) if faulty_files.is_inside(path)}
        files = {column: path for column, path in files.items() if path not in lost}
        if files:
            yield Named(id=id, files=files, width=width, height=height, digests=digests.get(id, ""))
