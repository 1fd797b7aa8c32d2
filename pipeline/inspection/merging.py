"""`gauganpipe manifest merge`: the photos of another workspace into this one, with their maps and all that is known."""

from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.classes import Taxonomy, entries_of
from pipeline.console import Console, count
from pipeline.corrections import MACHINE_LABELS
from pipeline.errors import WorkspaceError
from pipeline.joining import settle_newcomers
from pipeline.manifest import Manifest, read, writing
from pipeline.presence import find_missing
from pipeline.report import next_command
from pipeline.rows import FAILED, ROW_FILES, Row
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

BESIDE = ("segments", "confidences", "raw_labels", MACHINE_LABELS)
"""Folders of files that no column names."""


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What was done.    added: rows.    known: rows that the workspace had, which stay as they are there.

    gone: names of photos whose files the other workspace has lost.    next: the command to go on with.
    moved: names of photos -> their split, where it is another than before, as they belong to a group that is here.
    """

    added: int
    known: int
    gone: list[str]
    moved: dict[str, str]
    next: str

    def lines(self) -> list[str]:
        """One fact a line."""
        known = f", {self.known:,} unchanged" if self.known else ""
        lines = [f"merged {count(self.added, 'row')}{known}"]
        lines += [f"left out {name}: its file is not there" for name in self.gone]
        return [*lines, *(f"moved {name} to {split}" for name, split in self.moved.items())]


def merge(workspace: Workspace, other: Path, *, console: Console) -> Merged:
    """Takes in the rows of another workspace that this one does not have, and copies their files.

    The same bytes are one row, and the row that is here wins, unless its photo could not be used. Photos that look
    alike in both become one group, so that no split leaks. What was made of a photo there is not made again here. The
    other workspace is only read.

    Raises: WorkspaceError when the two speak other classes; ManifestError when there is no manifest there.
    """
    theirs = _open(workspace, other)
    with writing(workspace) as manifest:
        _settle_classes(manifest, theirs)
        todo, gone = _todo(manifest, theirs)
        newest = max((row.added or 0 for row in manifest.rows.values()), default=0)
        with explained_disk_errors(), console.bar("merge", unit="photo", total=len(todo)) as bar:
            for row in todo:
                manifest.record(replace(_copied(theirs.workspace, workspace, row), added=newest + (row.added or 1)))
                bar.step()
        manifest.choose(models={**theirs.about.models, **manifest.about.models})
        ids = {row.sha256: id for id, row in manifest.rows.items() if row.sha256}
        groups = [(ids.get(row.sha256, id), row.group) for id, row in theirs.rows.items()]
        moved = settle_newcomers(manifest, groups)
        return Merged(
            added=len(todo),
            known=len(theirs.rows) - len(todo) - len(gone),
            gone=gone,
            moved=moved,
            next=next_command(manifest),
        )


def plan(workspace: Workspace, other: Path) -> list[str]:
    """What `merge` would do, one fact a line; writes nothing."""
    theirs, manifest = _open(workspace, other), Manifest(workspace)
    _refuse_other_classes(manifest, theirs)
    todo, gone = _todo(manifest, theirs)
    lines = [f"would merge {count(len(todo), 'row')} of {len(theirs.rows):,} from {other}"]
    return [*lines, *(f"would leave out {name}: its file is not there" for name in gone)]


def _open(workspace: Workspace, other: Path) -> Manifest:
    if other.resolve() == workspace.root.resolve():
        raise WorkspaceError(f"{other} is this workspace. Name another one")
    return read(Workspace(root=other))


def _todo(manifest: Manifest, theirs: Manifest) -> tuple[list[Row], list[str]]:
    """The rows to take in, and the names of those that cannot be because their photo is gone."""
    failed = {row.id for row in manifest.rows.values() if row.status == FAILED and not row.file_name}
    known = {*manifest.rows, *(row.sha256 for row in manifest.rows.values() if row.sha256)}
    # Of a photo that could not be used here, one that could be there is the better row.
    wanted = {id for id in failed & theirs.rows.keys() if theirs.rows[id].file_name}
    fresh = [row for id, row in sorted(theirs.rows.items()) if id in wanted or not {id, row.sha256} & known]
    fresh = [_with_words(row, manifest.rows[row.id]) if row.id in wanted else row for row in fresh]
    lost = {*find_missing(theirs.workspace, (row.file_name for row in fresh if row.file_name))}
    gone = [row.original_name for row in fresh if row.file_name in lost]
    return [row for row in fresh if row.file_name not in lost], gone


def _with_words(row: Row, here: Row) -> Row:
    """The row, of which the user's own words from here stay said."""
    return replace(row, keep=here.keep or row.keep, extras={**row.extras, **here.extras})


def _settle_classes(manifest: Manifest, theirs: Manifest) -> None:
    if not manifest.rows and not manifest.workspace.dataset_json.exists():
        about = theirs.about
        classes = entries_of(theirs.taxonomy)
        manifest.choose(taxonomy=about.taxonomy, classes=classes, segmenter=about.segmenter, seed=about.seed)
    _refuse_other_classes(manifest, theirs)


def _refuse_other_classes(manifest: Manifest, theirs: Manifest) -> None:
    if not manifest.rows:
        return
    here, there = _ids_of(manifest.taxonomy), _ids_of(theirs.taxonomy)
    if here != there:
        id, mine, other = next((id, here.get(id), there.get(id)) for id in range(256) if here.get(id) != there.get(id))
        raise WorkspaceError(
            f"{theirs.workspace.root} speaks other classes: id {id} is {mine or 'none'} here and {other or 'none'} "
            f"there. Label one of the two again with the taxonomy of the other: gauganpipe label --taxonomy"
        )


def _ids_of(taxonomy: Taxonomy) -> dict[int, str]:
    return dict(enumerate(taxonomy.names))


def _copied(source: Workspace, target: Workspace, row: Row) -> Row:
    """The row as it stands in the target, its files copied; a map that is gone is made again there."""
    cells: dict[str, str] = {}
    keys = dict(row.keys)
    for file in ROW_FILES:
        name = getattr(row, file.column)
        if not name:
            continue
        path = source.resolve(name)
        if path.is_file():
            place = target.made(file.folder, row.id)
            _copy(path, place)
            cells[file.column] = target.relative(place)
        else:
            cells[file.column] = ""
            keys.pop(file.stage, None)
    for folder in BESIDE:
        if (path := source.made(folder, row.id)).is_file():
            _copy(path, target.made(folder, row.id))
    return replace(row, **cells, keys=keys, group="")


def _copy(path: Path, place: Path) -> None:
    data = path.read_bytes()
    if not place.is_file() or place.read_bytes() != data:
        write_atomically(place, data)
