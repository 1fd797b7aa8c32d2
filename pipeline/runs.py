"""Door to gaugan: rows -> samples, run folders, resume."""

import contextlib
import datetime
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import images
from pipeline.classes import Taxonomy
from pipeline.console import Bar, Console, count, duration
from pipeline.errors import RunError
from pipeline.manifest import Manifest, read
from pipeline.rows import OK
from pipeline.workspace import Workspace, explained_disk_errors, hold, write_atomically

if TYPE_CHECKING:
    from gaugan.config import Settings
    from gaugan.reading import Sample
    from gaugan.train import Samples, Start, Step

FIXED_SAMPLES = 8
"""Photos on a sheet of samples."""
LONG_SECONDS, QUICK_PX = 3600, 64
"""Whoever has no GPU is told of the preset tiny, of this size, when another would take longer than this."""
STATISTICS_A_RUN = 2000
"""Lines that stats.jsonl has at the end of a run, about."""
SHEET_TITLES = ("labels", "photo", "generated")
ORIGIN = "imported.json"
"""The file of a run that was not trained here: what it was made from."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What `train` is asked for. run: the folder of a run to go on with; None means the one of preset and settings."""

    preset: str = "spade"
    assignments: tuple[str, ...] = ()
    new: bool = False
    run: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run as `train` leaves it. sheet: the newest sheet of samples. images_shown: in all, over every sitting."""

    folder: Path
    sheet: Path | None
    images_shown: int
    was_finished: bool


@contextlib.contextmanager
def explained_runs() -> Iterator[None]:
    """Turns what gaugan explains into our own error, the sentence kept.

    Raises: RunError.
    """
    from gaugan.errors import GauganError

    try:
        yield
    except GauganError as error:
        raise RunError(str(error)) from error


@explained_runs()
def train(workspace: Workspace, asked: Training, *, console: Console) -> Trained:
    """Trains on the manifest's train split, or goes on with the run that was left; a finished run stays as it is.

    Raises: ManifestError, WorkspaceError, RunError.
    """
    known, settings = _known_run(workspace, asked)
    # A run's own copy of the manifest: rows that came later do not change a run that has begun.
    manifest = Manifest(Workspace(root=known)) if known else read(workspace)
    samples = _samples(workspace, manifest, settings, console)
    from gaugan import checkpoint
    from gaugan import train as loop

    images_in_all = settings.training.images_in_all(len(samples["train"]))
    newest = checkpoint.latest(known) if known else None
    images_shown = checkpoint.images_shown(newest) if newest else 0
    if known and images_shown >= images_in_all:
        paint = workspace.from_here("gauganpipe generate")
        console.note(f"{known} is finished. Train another with --new, or paint with it: {paint}")
        return Trained(folder=known, sheet=_newest_sheet(known), images_shown=images_shown, was_finished=True)

    _announce(settings, manifest, samples, images_in_all - images_shown, console)
    if known:
        folder = known
    else:
        folder = new_run_folder(
            workspace, Path(asked.preset).stem, lambda part: write_beginning(part, settings, manifest)
        )
    if not known:
        console.note(f"new run {folder}")
    with (
        hold(folder, f"the run {folder.name}"),
        explained_disk_errors(),
        console.bar(f"train {folder.name}", unit="image", total=images_in_all) as bar,
        _Record(folder=folder, taxonomy=manifest.taxonomy, bar=bar) as record,
    ):
        loop.train(
            settings,
            train_samples=samples["train"],
            fixed_samples=(samples["val"] or samples["train"])[:FIXED_SAMPLES],
            classes=len(manifest.taxonomy),
            run_folder=folder,
            on_start=record.on_start,
            on_step=record.on_step,
            on_samples=record.on_samples,
        )
        record.log(f"finished at {images_in_all:,} images")
    return Trained(folder=folder, sheet=_newest_sheet(folder), images_shown=images_in_all, was_finished=False)


@explained_runs()
def check(workspace: Workspace, asked: Training) -> None:
    """Raises: RunError when the preset or a setting is none, before anything long is begun."""
    _known_run(workspace, asked)


@explained_runs()
def plan(workspace: Workspace, asked: Training) -> list[str]:
    """What `train` would do, one fact a line; writes nothing."""
    known, settings = _known_run(workspace, asked)
    manifest = Manifest(Workspace(root=known)) if known else read(workspace)
    samples = _samples(workspace, manifest, settings, Console(quiet=True))
    from gaugan import checkpoint, config

    newest = checkpoint.latest(known) if known else None
    shown, in_all = (
        checkpoint.images_shown(newest) if newest else 0,
        settings.training.images_in_all(len(samples["train"])),
    )
    what = f"would go on with {known} at {shown:,}" if known else f"would begin a run at {shown:,}"
    lines = [f"{what} of {in_all:,} images, on {count(len(samples['train']), 'photo')}"]
    return lines + [f"{one.name} = {one.value!r}" for one in config.explain(settings)]


def newest_run(workspace: Workspace) -> Path:
    """The newest run that has a checkpoint to paint with.

    Raises: RunError when there is none.
    """
    for folder in reversed(workspace.run_folders()):
        if any((folder / "checkpoints").glob("[0-9]*")):
            return folder
    how = workspace.from_here("gauganpipe train --preset tiny")
    raise RunError(f"there is no run in {workspace.runs} to paint with. Train one: {how}")


def run_folder(workspace: Workspace, path: Path) -> Path:
    """A run that is named by its path, from here or from the workspace.

    Raises: RunError when it is none.
    """
    for folder in (path, workspace.root / path, workspace.runs / path):
        if (folder / "config.toml").is_file():
            return folder
    raise RunError(f"there is no run at {path}. The runs are in {workspace.runs}")


def is_imported(folder: Path) -> bool:
    """Whether a run was made from a model that was trained elsewhere."""
    return (folder / ORIGIN).is_file()


def new_run_folder(workspace: Workspace, name: str, write: Callable[[Path], None]) -> Path:
    """Makes the next run beside its place, whole, and then renames it, so that a run folder is never half a one.

    write: given a folder, writes the run there.
    """
    part = workspace.runs / f".new-{os.getpid()}"
    try:
        with explained_disk_errors():
            write(part)
            while True:
                numbers = [int(folder.name.partition("-")[0]) for folder in workspace.run_folders()]
                folder = workspace.runs / f"{max(numbers, default=0) + 1:04d}-{name}"
                try:
                    return part.rename(folder)
                except OSError:
                    if not folder.exists():
                        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_beginning(folder: Path, settings: "Settings", manifest: Manifest) -> None:
    """Writes what every run begins with: a copy of its manifest, and every setting."""
    from gaugan import config

    manifest.write_copy(Workspace(root=folder))
    write_atomically(folder / "config.toml", config.dumps(settings).encode())


def write_log(folder: Path, line: str) -> None:
    """Adds a line to the log of a run, with the time of day."""
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    with (folder / "log.txt").open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{now} {line}\n")


def _known_run(workspace: Workspace, asked: Training) -> tuple[Path | None, "Settings"]:
    """The run that is named, or the newest of the same settings; None when one is to be begun.

    Raises: RunError when the one that is named was not trained here.
    """
    from gaugan import config

    if asked.run is not None:
        folder = run_folder(workspace, asked.run)
        if is_imported(folder):
            how = workspace.from_here(f"gauganpipe generate MAP.png --run {shlex.quote(str(folder))}")
            raise RunError(f"{folder} was imported, so there is no training to go on with. Paint with it: {how}")
        return folder, config.loads((folder / "config.toml").read_text(encoding="utf-8"))
    settings = config.load_settings(asked.preset, asked.assignments)
    text = config.dumps(settings)
    for folder in reversed([] if asked.new else workspace.run_folders()):
        if not is_imported(folder) and (folder / "config.toml").read_text(encoding="utf-8") == text:
            return folder, settings
    return None, settings


def _samples(
    workspace: Workspace, manifest: Manifest, settings: "Settings", console: Console
) -> dict[str, list["Sample"]]:
    """The samples of train and val, in the order of their ids.

    Raises: RunError when there is nothing to train on, or when only some of the photos have instance maps.
    """
    from gaugan.reading import Sample

    rows = [row for row in manifest.rows.values() if row.split in ("train", "val") and row.label_file_name]
    rows = sorted((row for row in rows if row.status == OK and row.keep != "no"), key=lambda row: row.id)
    if not any(row.split == "train" for row in rows):
        how = workspace.from_here("gauganpipe label" if manifest.rows else "gauganpipe label ./photos")
        raise RunError(f"no labelled photo to train on. Make some: {how}")
    without = sum(not row.instance_file_name for row in rows)
    how = workspace.from_here("gauganpipe build-edges")
    if settings.data.edges and 0 < without < len(rows):
        raise RunError(
            f"{count(without, 'photo')} of {len(rows)} have no edges yet. Build them: {how}. "
            "Or train without: --set data.edges=false"
        )
    if without and settings.data.edges:
        console.note(f"training without edges, as no photo has any. To have them: {how}")
    samples: dict[str, list[Sample]] = {"train": [], "val": []}
    for row in rows:
        instances = workspace.resolve(row.instance_file_name) if not without else None
        image, labels = workspace.resolve(row.file_name), workspace.resolve(row.label_file_name)
        samples[row.split].append(Sample(image=image, labels=labels, instances=instances))
    return samples


def _announce(
    settings: "Settings", manifest: Manifest, samples: dict[str, list["Sample"]], images: int, console: Console
) -> None:
    """Says how much is to be done and about how long it takes, measured on a step.

    Raises: RunError when a step needs more memory than there is.
    """
    from gaugan.measure import measure

    photos, size = count(len(samples["train"]), "photo"), settings.data.crop_size
    console.note(f"training on {photos} at {size} px, {images:,} images to show; measuring a step")
    has_edges = settings.data.edges and all(sample.instances for split in samples.values() for sample in split)
    cost = measure(settings, classes=len(manifest.taxonomy), edges=has_edges)
    if cost.needed_bytes > cost.free_bytes:
        batch_size = settings.training.batch_size
        fewer = max(1, batch_size * cost.free_bytes // (2 * cost.needed_bytes))
        raise RunError(
            f"a batch of {batch_size} images at {size} px needs about {cost.needed_bytes / 1e9:.0f} GB of memory, "
            f"and {cost.free_bytes / 1e9:.0f} GB are free. Lower it: --set batch_size={fewer}"
        )
    seconds = images * cost.seconds_per_image
    console.note(f"about {duration(seconds)} on this {'computer without a GPU' if cost.device == 'cpu' else 'GPU'}")
    if cost.device == "cpu" and seconds > LONG_SECONDS and size > QUICK_PX:
        console.note("much quicker, at 64 px: --preset tiny")


def _newest_sheet(folder: Path) -> Path | None:
    return max((folder / "samples").glob("*.png"), default=None)


class _Record:
    """Writes down what a run tells: stats.jsonl, TensorBoard events, sheets of samples, log.txt, and the bar."""

    def __init__(self, *, folder: Path, taxonomy: Taxonomy, bar: Bar) -> None:
        self._folder, self._taxonomy, self._bar = folder, taxonomy, bar
        self._sums: dict[str, float] = {}
        self._steps = 0
        self._every_images = 1
        self._shown_before = 0
        self._events: Any = None
        self._stats: Any = None

    def __enter__(self) -> "_Record":
        (self._folder / "samples").mkdir(exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        for file in filter(None, (self._events, self._stats)):
            file.close()

    def on_start(self, start: "Start") -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._every_images = max(1, start.images_in_all // STATISTICS_A_RUN)
        self._shown_before = start.images_shown
        self._bar.begin_at(start.images_shown)
        stats = self._folder / "stats.jsonl"
        if stats.exists():
            # What was written after the checkpoint that the run goes on from will be written again.
            lines = stats.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if line.endswith(b"\n") and _images_of(line) <= start.images_shown]
            write_atomically(stats, b"".join(kept))
        self._stats = stats.open("ab")
        purge = start.images_shown + 1 if start.images_shown else None
        self._events = SummaryWriter(str(self._folder / "events"), purge_step=purge)
        sizes = ", ".join(f"{name} {number / 1e6:.1f} M" for name, number in start.parameters.items())
        begun = f"goes on at {start.images_shown:,}" if start.images_shown else "begins"
        facts = (
            f"{start.images_in_all:,} images in all, on {start.device}, {'with' if start.edges else 'without'} edges"
        )
        kept = f"{start.photos_kept:,} of {count(start.photos, 'photo')} kept decoded"
        self.log(f"{begun}: {facts}; weights: {sizes}; {kept}")

    def on_step(self, step: "Step") -> None:
        self._bar.step(step.images_shown - self._shown_before, **{k: f"{v:.2f}" for k, v in step.losses.items()})
        for name, value in step.losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._steps += 1
        is_due = step.images_shown // self._every_images > self._shown_before // self._every_images
        self._shown_before = step.images_shown
        if is_due or step.images_shown >= step.images_in_all:
            self._write_statistics(step)

    def on_samples(self, samples: "Samples") -> None:
        rows = [
            (images.colourise(labels, self._taxonomy.palette), photo, generated)
            for labels, photo, generated in zip(
                samples.labels.numpy(), samples.photos.numpy(), samples.generated.numpy(), strict=True
            )
        ]
        path = self._folder / "samples" / f"{samples.images_shown:09d}.png"
        images.write_picture(path, images.contact_sheet(rows, titles=SHEET_TITLES))

    def _write_statistics(self, step: "Step") -> None:
        losses = {name: total / self._steps for name, total in self._sums.items()}
        line = {
            "images_shown": step.images_shown,
            **{f"loss/{name}": round(value, 6) for name, value in losses.items()},
            "learning_rate": step.learning_rate,
            "images_per_second": round(step.images_per_second, 3),
            "peak_memory_bytes": step.peak_memory_bytes,
        }
        self._stats.write(json.dumps(line).encode() + b"\n")
        self._stats.flush()
        for name, value in line.items():
            self._events.add_scalar(name, value, step.images_shown)
        self._sums, self._steps = {}, 0

    def log(self, line: str) -> None:
        write_log(self._folder, line)


def _images_of(line: bytes) -> int:
    return json.loads(line)["images_shown"]
