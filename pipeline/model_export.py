"""Door to gaugan: a run's generator -> a folder with a file that other programs run, and its card."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline import model_card
from pipeline.console import Console
from pipeline.errors import RunError
from pipeline.exports.folder import ExportFolder, read_about
from pipeline.exports.layout import Piece, text_piece
from pipeline.model_exports import checking
from pipeline.model_exports.facts import CLASSES, Facts, facts_of
from pipeline.model_exports.formats import Format, open_format
from pipeline.model_exports.history import History, read_history
from pipeline.rows import digest
from pipeline.run_folders import explained_runs, newest_run, run_folder
from pipeline.workspace import Workspace, explained_disk_errors

VERSION = 1
"""Another number when files come out otherwise that are made from the same."""


@dataclass(frozen=True, kw_only=True)
class Exporting:
    """What `model export` is asked for.

    run: a run folder; None means the newest.    to: one of formats.FORMATS.    out: None means a folder in the run.
    """

    run: Path | None = None
    to: str
    out: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What stands in the folder now.

    file: the model, of so many bytes.    largest_difference: from our own pictures, whose numbers are in [-1, 1].
    checked_on: the photo whose label map it was checked on; "" for a map that was drawn.
    written: the names of files; beside: of those written beside one that a person has changed.
    """

    run: Path
    images_shown: int
    folder: Path
    format: str
    file: Path
    bytes: int
    largest_difference: float
    checked_on: str
    written: list[str]
    beside: list[str]

    def lines(self) -> list[str]:
        """One fact a line."""
        checked = f"on the label map of {self.checked_on}" if self.checked_on else "on a drawn label map"
        lines = [
            f"model {self.file} ({self.bytes / 1e6:.1f} MB): {_named(self.run, self.images_shown)}",
            f"largest difference from our own pictures {self.largest_difference:.1e}, of -1 to 1, {checked}",
            f"card {self.folder / model_card.FILE_NAME}",
        ]
        if not self.written:
            lines.append("unchanged: the same command has made all of it before")
        return lines + [f"wrote {self.folder / name}, as its like was changed by hand" for name in self.beside]


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What an export comes to, before anything is written.

    checkpoint: the one that all of it speaks of; a run that is training may have a better one by now.
    key: another one whenever the model's file would come out otherwise.    texts: the files beside it.
    """

    run: Path
    checkpoint: Path
    form: Format
    facts: Facts
    history: History
    folder: ExportFolder
    key: str
    texts: list[Piece]

    def model(self, data: bytes = b"") -> Piece:
        return Piece(files=(self.form.FILE,), made_from=self.key, make=lambda: {self.form.FILE: data})

    @property
    def is_exported(self) -> bool:
        return self.folder.has(self.model())


@explained_runs()
def export_model(workspace: Workspace, asked: Exporting, *, console: Console) -> Exported:
    """Writes a run's generator with its averaged weights, its classes and its card, once it paints what we paint.

    Raises: RunError when there is nothing to export, or the file would paint otherwise, and then nothing is written;
    GauganpipeError when the folder holds other files; ManifestError.
    """
    job = _prepare(workspace, asked)
    pieces, said = list(job.texts), read_about(job.folder.path)
    if not job.is_exported:
        console.note(f"exporting {job.run} as {job.form.NAME}, and painting with it what we paint")
        data, difference, photo = _checked(workspace, job)
        pieces.insert(0, job.model(data))
        said = {"layout": job.form.NAME, "run": job.facts.run, "largest_difference": difference, "checked_on": photo}
    todo = [piece for piece in pieces if not job.folder.has(piece)]
    written, beside = [], []
    with explained_disk_errors():
        if todo:
            # First of all the folder is marked as ours, so that what a crash leaves can be gone on with.
            job.folder.begin(said, todo)
        for piece in todo:
            moved = job.folder.write(piece)
            written += moved or piece.files
            beside += moved
        job.folder.finish(said)
    file = job.folder.path / job.form.FILE
    return Exported(
        run=job.run,
        images_shown=job.facts.images_shown,
        folder=job.folder.path,
        format=job.form.NAME,
        file=file,
        bytes=file.stat().st_size,
        largest_difference=said["largest_difference"],
        checked_on=said["checked_on"],
        written=written,
        beside=beside,
    )


@explained_runs()
def plan(workspace: Workspace, asked: Exporting) -> list[str]:
    """What `export_model` would write, one file a line; writes nothing."""
    job = _prepare(workspace, asked)
    missing = [piece for piece in (job.model(), *job.texts) if not job.folder.has(piece)]
    what = _named(job.run, job.facts.images_shown)
    return [f"would write {job.folder.path / name}: {what}" for piece in missing for name in piece.files] or [
        f"would write nothing: {job.folder.path} holds {what} already"
    ]


def _prepare(workspace: Workspace, asked: Exporting) -> _Job:
    """All that can refuse without painting."""
    from gaugan import checkpoint

    form = open_format(asked.to)
    run = run_folder(workspace, asked.run) if asked.run else newest_run(workspace)
    best = checkpoint.best(run)
    if best is None:
        raise RunError(f"{run} has no checkpoint yet, so there is nothing to export. Train it on: gauganpipe train")
    facts = facts_of(run, best, checkpoint.read_about(best))
    history = read_history(run, facts, runs=workspace.runs)
    texts = [
        text_piece(CLASSES, facts.class_table()),
        text_piece(model_card.FILE_NAME, model_card.as_markdown(facts, history, form), is_finished_by_hand=True),
    ]
    folder = ExportFolder(_place(asked.out or run / form.NAME), form.NAME)
    key = digest(repr((VERSION, form.NAME, facts.as_json())).encode())
    job = _Job(run=run, checkpoint=best, form=form, facts=facts, history=history, folder=folder, key=key, texts=texts)
    folder.demand_own([job.model(), *texts])
    return job


def _named(run: Path, images_shown: int) -> str:
    """A run that was imported has shown no images here."""
    return run.name + f" at {images_shown:,} images" * (images_shown > 0)


def _place(out: Path) -> Path:
    """Raises: RunError when a file stands where a folder has to be."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise RunError(f"{there} is a file, and --out names a folder. Name one that is empty or not there yet")
    return out


def _checked(workspace: Workspace, job: _Job) -> tuple[bytes, float, str]:
    """The model's file, how far it paints from what we paint, and the photo on whose label map that was seen.

    Raises: RunError when that is too far, or the file cannot hold so many weights.
    """
    import torch

    from gaugan.generate import load_painter
    from gaugan.spade.dense import DensePainter

    painter = load_painter(job.run, checkpoint=job.checkpoint)
    network = DensePainter(painter.network).eval().requires_grad_(False)
    network.to(memory_format=torch.contiguous_format)  # in any other, the exporter makes sizes a part of the graph
    weights_bytes = sum(x.numel() * x.element_size() for x in network.state_dict().values())
    if job.form.MOST_BYTES is not None and weights_bytes > job.form.MOST_BYTES:
        raise RunError(
            f"{job.run} has {weights_bytes / 1e9:.1f} GB of weights, and a file of {job.form.NAME} holds at most "
            f"{job.form.MOST_BYTES / 1e9:.1f} GB. Export it with --to safetensors"
        )
    labels, photo = checking.find_map(workspace, job.history.trained, classes=painter.classes, unknown=painter.unknown)
    tried = checking.examples(painter, labels)
    data = job.form.pack(network, tried[-1], job.facts.as_json())
    difference = checking.largest_difference(painter, partial(job.form.paint, data), tried)
    if difference > checking.MOST_DIFFERENCE:
        raise RunError(
            f"what {job.form.NAME} paints of {job.run} differs from our own picture by up to {difference:.1e}, more "
            f"than {checking.MOST_DIFFERENCE:.0e}, so nothing was written. Try another format with --to"
        )
    return data, difference, photo
