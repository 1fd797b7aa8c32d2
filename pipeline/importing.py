"""An export back into a workspace: photos, label maps, instance maps, splits and credits, as they were."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from pipeline import images, instances
from pipeline.bare_jpeg import is_bare
from pipeline.classes import UNKNOWN, Taxonomy
from pipeline.console import Console, count
from pipeline.engine import walk
from pipeline.errors import PhotoError, WorkspaceError
from pipeline.exports.choosing import IMPORTED
from pipeline.exports.opening import Export, open_export
from pipeline.ingest import Ingest
from pipeline.joining import settle_newcomers
from pipeline.manifest import Manifest, writing
from pipeline.measures import measure
from pipeline.report import next_command
from pipeline.rows import FAILED, GIVEN, ROW_FILES, Row, digest
from pipeline.segmenters.segmenter import Labelling
from pipeline.stages.edges import NAME as EDGES
from pipeline.stages.label import NAME as LABEL
from pipeline.stages.label import keep_labels
from pipeline.workspace import Workspace, write_atomically


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import did to the workspace. written: photos. unchanged: photos that the workspace has already.

    failed: the sentences of photos that could not be taken.    next: the command to go on with.
    moved: names of photos -> their split, where it is another than before, as they belong to a group that is here.
    """

    folder: Path
    layout: str
    written: int
    unchanged: int
    failed: list[str]
    moved: dict[str, str]
    next: str

    def lines(self) -> list[str]:
        """One fact a line."""
        unchanged = f", {self.unchanged:,} unchanged" if self.unchanged else ""
        lines = [f"imported {count(self.written, 'photo')}{unchanged}"]
        lines += [f"moved {name} to {split}" for name, split in self.moved.items()]
        return [*lines, *(f"failed: {sentence}" for sentence in self.failed)]

    def is_failure(self, *, strict: bool) -> bool:
        """Whether nobody may overlook what failed: every photo did, or any under `strict`."""
        return bool(self.failed) and (strict or not (self.written or self.unchanged))


def import_dataset(workspace: Workspace, folder: Path, *, workers: int, console: Console) -> Imported:
    """Takes in the photos of an export that the workspace does not have, with their maps as given ones.

    An empty workspace also takes over the classes, and what is known of models, rules and filters. A photo that is
    there already stays as it is, whatever the export says of it. Photos that look alike here and there become one
    group, and so does what was one group there, so that no split leaks.

    Raises: GauganpipeError when the folder holds no export that is read back, or speaks other classes than the
    workspace; ManifestError naming file and line of what is wrong in its table.
    """
    export = open_export(folder)
    with writing(workspace) as manifest:
        _settle_classes(manifest, export)
        todo = _todo(manifest, export)
        ordinal = 1 + max((row.added or 0 for row in manifest.rows.values()), default=0)
        stage = _TakeBack(
            workspace=workspace,
            taxonomy=manifest.taxonomy,
            folder=folder,
            read_instances=export.read_instances,
            ordinal=ordinal,
        )
        with console.bar("import", unit="photo", total=len(todo)) as bar:
            summary = walk(stage, todo, manifest, workers=workers, on_item=bar.step)
        moved = settle_newcomers(manifest, [(row.id, row.group) for row in export.rows])
        ids = {row.id for row in export.rows}
        failed = [row.error for row in manifest.rows.values() if row.id in ids and row.status == FAILED]
        return Imported(
            folder=folder,
            layout=export.layout,
            written=summary.done,
            unchanged=len(export.rows) - len(todo),
            failed=sorted(failed),
            moved=moved,
            next=next_command(manifest),
        )


def plan(workspace: Workspace, folder: Path) -> list[str]:
    """What `import_dataset` would do, one fact a line; writes nothing."""
    export, manifest = open_export(folder), Manifest(workspace)
    _refuse_other_classes(manifest, export)
    number = count(len(_todo(manifest, export)), "photo")
    return [f"would import {number} of {len(export.rows):,} from {folder}, an export as {export.layout}"]


@dataclass(frozen=True, kw_only=True)
class _Files:
    """photo: the bytes of a JPEG.    pixels: (H, W, 3) uint8 RGB.    labels, ids: (H, W) uint8 and uint16."""

    photo: bytes
    pixels: np.ndarray
    labels: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _TakeBack:
    """The stage in which the rows of an export become rows of the workspace."""

    name = "import"

    workspace: Workspace
    taxonomy: Taxonomy
    folder: Path
    read_instances: Callable[[Path], np.ndarray]
    ordinal: int

    def read(self, row: Row) -> _Files:
        data = _read(self._place(row.file_name))
        photo = images.decode_photo(data, max_side_px=max(row.width, row.height))
        if photo.changes or not is_bare(data):
            # Our own photos are none of that: this one came from elsewhere, with what its maker may not know of.
            data = images.encode_photo(photo.pixels)
        labels = images.read_labels(self._place(row.label_file_name))
        ids = self.read_instances(self._place(row.instance_file_name))
        self._check(row, photo.pixels, labels, ids)
        return _Files(photo=data, pixels=photo.pixels, labels=labels, ids=ids)

    def compute(self, work: list[_Files]) -> list[_Files]:
        return work

    def write(self, row: Row, files: _Files) -> Row:
        path = {file.folder: self.workspace.made(file.folder, row.id) for file in ROW_FILES}
        made = {
            "instances": images.encode_instances(files.ids),
            "edges": images.encode_edges(instances.find_edges(files.ids)),
        }
        for kind, data in {"images": files.photo, **made}.items():
            write_atomically(path[kind], data)
        name = {kind: self.workspace.relative(place) for kind, place in path.items()}
        hashes = dict(zip(("dhash", "dhash_mirror"), images.dhash(files.pixels), strict=True))
        cells = {**hashes, **asdict(measure(files.pixels)), "file_name": name["images"]}
        cells["added"] = row.added or self.ordinal
        photo = {"image": digest(files.photo)}
        kept = replace(row, label_file_name="", instance_file_name="", digests={}).done(
            Ingest.name, GIVEN, **cells, digests=photo
        )
        labelling = Labelling(ids=files.labels, confidence=1.0)
        labelled = keep_labels(self.workspace, self.taxonomy, kept, labelling, key=GIVEN, model=row.label_model)
        return replace(labelled, label_confidence=row.label_confidence, flags=row.flags).done(
            EDGES,
            GIVEN,
            instance_file_name=name["instances"],
            edge_file_name=name["edges"],
            digests={"instance": digest(made["instances"]), "edge": digest(made["edges"])},
        )

    def fail(self, row: Row, error: PhotoError) -> Row:
        names = {"file_name": "", "label_file_name": "", "instance_file_name": "", "digests": {}}
        return replace(row, **names).failed(Ingest.name, "", f"{row.original_name} {error}")

    def _place(self, name: str) -> Path:
        path = self.folder / name
        if not path.resolve().is_relative_to(self.folder.resolve()):
            raise PhotoError(f"cannot be used: {name} leads out of {self.folder}")
        return path

    def _check(self, row: Row, pixels: np.ndarray, labels: np.ndarray, ids: np.ndarray) -> None:
        wanted = (row.height, row.width)
        for what, array in (("photo", pixels), ("label map", labels), ("instance map", ids)):
            if array.shape[:2] != wanted:
                size = f"{array.shape[1]}x{array.shape[0]}"
                raise PhotoError(f"cannot be used: its {what} is {size}, expected {row.width}x{row.height}")
        wrong = (labels >= len(self.taxonomy)) & (labels != UNKNOWN)
        if wrong.any():
            y, x = divmod(int(wrong.argmax()), wrong.shape[1])
            raise PhotoError(
                f"cannot be used: {row.label_file_name} has the id {labels[y, x]} at x={x}, y={y}, "
                f"the classes are 0..{len(self.taxonomy) - 1}, and {UNKNOWN} is unknown"
            )


def _settle_classes(manifest: Manifest, export: Export) -> None:
    """An empty workspace speaks the classes of the export from now on, and knows what was removed on the way."""
    _refuse_other_classes(manifest, export)
    if manifest.rows:
        return
    about, now = export.about, manifest.about
    parameters = {**now.parameters, **about.parameters, **({IMPORTED: export.removed} if export.removed else {})}
    manifest.choose(
        taxonomy=about.taxonomy,
        classes=about.classes,
        models={**now.models, **about.models},
        parameters=parameters,
    )


def _refuse_other_classes(manifest: Manifest, export: Export) -> None:
    theirs, ours = export.about.as_taxonomy(), manifest.taxonomy
    if manifest.rows and theirs.names != ours.names:
        raise WorkspaceError(
            f"the export speaks {len(theirs)} classes of {theirs.name}, the workspace {len(ours)} of {ours.name}. "
            "Begin another workspace with -C"
        )


def _todo(manifest: Manifest, export: Export) -> list[Row]:
    """The rows that the workspace does not have, or has without a file that was given; with the groups of here."""
    rows = [row for row in export.rows if not _is_there(manifest, row.id)]
    return [_placed(row, manifest.rows.get(row.id)) for row in rows]


def _placed(row: Row, here: Row | None) -> Row:
    if here is None or not here.group:
        return replace(row, group="")
    return replace(row, group=here.group, split=here.split, added=here.added)


def _is_there(manifest: Manifest, id: str) -> bool:
    row = manifest.rows.get(id)
    if row is None or (row.status == FAILED and not row.file_name):
        return False
    was_imported = all(row.keys.get(stage) == GIVEN for stage in (Ingest.name, LABEL, EDGES))
    return not was_imported or all(manifest.workspace.holds(file.folder, id) for file in ROW_FILES)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(f"cannot be used: {path.name} cannot be read ({error.strerror})") from error
