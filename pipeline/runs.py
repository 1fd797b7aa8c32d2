"""Door to gaugan: the photos of a manifest -> a run that is trained on them, or gone on with."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline.classes import fold
from pipeline.console import Console, count, duration
from pipeline.errors import RunError
from pipeline.manifest import Manifest, read
from pipeline.record import Record
from pipeline.run_choice import AUTO, Choice, Training, choose, find, words_of, write_words
from pipeline.run_folders import explained_runs, new_run_folder, run_folder, write_beginning
from pipeline.samples import Samples, read_samples, sky_classes
from pipeline.segmenters.choices import EMBEDDED_WEIGHTS
from pipeline.workspace import Workspace, explained_disk_errors, hold

if TYPE_CHECKING:
    from gaugan.measure import Cost
    from gaugan.train import Origin

FIXED_SAMPLES = 8
"""Photos on a sheet of samples."""
LONG_SECONDS, QUICK_PX = 12 * 3600, 64
"""Whoever has no GPU is told of the preset tiny, of this size, when another would take longer than this."""
NAMED_WEIGHTS: Mapping[str, Path] = MappingProxyType({"segmenter": EMBEDDED_WEIGHTS})


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run as `train` leaves it. sheet: the newest sheet of samples. images_shown: in all, over every sitting."""

    folder: Path
    sheet: Path | None
    images_shown: int
    was_finished: bool


@explained_runs()
def train(workspace: Workspace, asked: Training, *, console: Console) -> Trained:
    """Trains on the manifest's train split, or goes on with the run that was left; a finished run stays as it is.

    Launched in several processes it is one run: the first decides, writes and talks, all compute.

    Raises: ManifestError, WorkspaceError, RunError.
    """
    from gaugan import processes
    from gaugan import train as loop

    with processes.explained_processes():
        leads = processes.meet(cpu="device=cpu" in " ".join(asked.assignments)) == 0
        chosen = processes.shared(choose(workspace, asked, console=console) if leads else None)
        if chosen.is_finished:
            return _finished(workspace, chosen, console)

        # How long it takes, and whether it fits, before anything is written.
        chosen = _measured(chosen, asked, console)
        folder = processes.shared(_begun(workspace, asked, chosen, console) if leads else None)

    # A run's own copy of the manifest: rows that came later do not change a run that has begun.
    manifest = Manifest(Workspace(root=folder))
    samples = read_samples(workspace, manifest, edges=chosen.settings.data.edges, console=Console(quiet=True))
    with contextlib.ExitStack() as held:
        held.enter_context(explained_disk_errors())
        record = None
        if leads:
            held.enter_context(hold(folder, f"the run {folder.name}"))
            _look_through(folder, samples, chosen, console)
            bar = held.enter_context(console.bar(f"train {folder.name}", unit="image", total=chosen.images_in_all))
            record = Record(folder=folder, taxonomy=manifest.taxonomy, settings=chosen.settings, bar=bar)
            held.enter_context(record)
        images_shown = loop.train(
            chosen.settings,
            train_samples=samples.train,
            val_samples=samples.val,
            fixed_samples=(samples.val or samples.train)[:FIXED_SAMPLES],
            classes=len(manifest.taxonomy),
            run_folder=folder,
            sky=sky_classes(manifest.taxonomy),
            origin=_origin(workspace, folder, manifest),
            named_weights=NAMED_WEIGHTS,
            on_start=record.on_start if record else None,
            on_step=record.on_step if record else None,
            on_samples=record.on_samples if record else None,
            on_score=record.on_score if record else None,
        )
        if record:
            record.on_end(images_shown)
    return Trained(folder=folder, sheet=_newest_sheet(folder), images_shown=images_shown, was_finished=False)


@explained_runs()
def check(workspace: Workspace, asked: Training) -> None:
    """Raises: RunError when the preset or a setting is none, before anything long is begun."""
    find(workspace, asked)
    asked.words(workspace)


@explained_runs()
def plan(workspace: Workspace, asked: Training) -> list[str]:
    """What `train` would do, one fact a line; writes nothing."""
    from gaugan import config

    chosen = choose(workspace, asked, console=Console(quiet=True))
    what = f"would go on with {chosen.folder} at" if chosen.folder else "would begin a run at"
    lines = [f"{what} {chosen.images_shown:,} of {chosen.images_in_all:,} images, on {count(chosen.photos, 'photo')}"]
    if chosen.reason:
        lines.append(f"would choose the preset {chosen.name}: {chosen.reason}")
    if asked.batch == AUTO and not chosen.folder:
        lines.append("would choose the largest batch that fits")
    return lines + [f"{one.name} = {one.value!r}" for one in config.explain(chosen.settings)]


def _measured(chosen: Choice, asked: Training, console: Console) -> Choice:
    """The choice, with a batch that fits where that was asked for; says how much is to be done, and how long it takes.

    Raises: RunError when a step needs more memory than there is.
    """
    from gaugan import config
    from gaugan.measure import find_batch, measure
    from gaugan.memory import remedies, what_needs_it

    if chosen.reason:
        console.note(f"preset {chosen.name}, for {chosen.reason}")
    photos, size = count(chosen.photos, "photo"), chosen.settings.data.crop_size
    images = chosen.images_in_all - chosen.images_shown
    losses = chosen.settings.losses
    named = losses.perceptual_weights if losses.perceptual else ""
    console.note(f"perceptual loss in the features of {named}" if named else "no perceptual loss: it has no weights")
    console.note(f"training on {photos} at {size} px, {images:,} images to show; measuring a step")
    shape = {"classes": chosen.classes, "edges": chosen.has_edges, "named_weights": NAMED_WEIGHTS}
    cost = measure(chosen.settings, **shape)
    if asked.batch == AUTO and not chosen.folder:
        batch_size = find_batch(chosen.settings, cost, photos=chosen.photos, **shape)
        training = chosen.settings.training.model_copy(update={"batch_size": batch_size, "accumulate": 1})
        settings = config.check(chosen.settings.model_copy(update={"training": training}).model_dump())
        chosen = replace(chosen, settings=settings)
        console.note(f"batches of {count(batch_size, 'image')}, the most that fit")
    if not cost.fits(chosen.settings.training):
        raise RunError(
            f"{what_needs_it(chosen.settings)} needs about {cost.needed_bytes(chosen.settings.training) / 1e9:.1f} GB "
            f"of memory, and {cost.free_bytes / 1e9:.1f} GB are free. {remedies(chosen.settings)}; or the most that "
            "fits: --batch auto"
        )
    _say_how_long(cost, images, size, console)
    return chosen


def _say_how_long(cost: "Cost", images: int, size: int, console: Console) -> None:
    seconds = images * cost.seconds_per_image
    where = "computer without a GPU" if cost.device == "cpu" else "GPU"
    where = f"{cost.processes} processes" if cost.processes > 1 else f"this {where}"
    console.note(f"about {duration(seconds)} on {where}")
    if cost.device == "cpu" and seconds > LONG_SECONDS and size > QUICK_PX:
        console.note("much quicker, at 64 px: --preset tiny")


def _begun(workspace: Workspace, asked: Training, chosen: Choice, console: Console) -> Path:
    """The folder of the run, made if there is none."""
    if chosen.folder:
        console.note(f"going on with {chosen.folder} at {count(chosen.images_shown, 'image')}")
        return chosen.folder
    manifest = read(workspace)

    def write(part: Path) -> None:
        write_beginning(part, chosen.settings, manifest)
        write_words(part, asked.words(workspace))

    folder = new_run_folder(workspace, chosen.name, write)
    console.note(f"new run {folder}")
    return folder


def _look_through(folder: Path, samples: Samples, chosen: Choice, console: Console) -> None:
    """Reads every label map once, so that a label that is none ends the run before it begins."""
    from gaugan.scan import known_shares
    from gaugan.train import SHARES

    maps = [*samples.train, *samples.val]
    with console.bar("look through label maps", unit="map", total=len(maps)) as bar:
        known_shares(folder / SHARES, maps, classes=chosen.classes, on_item=bar.step)


def _origin(workspace: Workspace, folder: Path, manifest: Manifest) -> "Origin | None":
    """What a run was asked to begin from: a checkpoint, and for each class the one there that it continues.

    Raises: RunError when there is no checkpoint, or a class is named that is none.
    """
    words = words_of(folder)
    if not words["init_from"]:
        return None
    from gaugan import checkpoint
    from gaugan.train import Origin

    other = run_folder(workspace, Path(words["init_from"]))
    best = checkpoint.best(other)
    if best is None:
        raise RunError(f"{other} has no checkpoint yet to begin from")
    old, new = Manifest(Workspace(root=other)).taxonomy, manifest.taxonomy
    renamed = dict(_pair(pair, new.names, old.names) for pair in words["continues"])
    sources = tuple(old.words.get(fold(renamed.get(name, name))) for name in new.names)
    return Origin(checkpoint=best, classes=sources)


def _pair(pair: str, new: tuple[str, ...], old: tuple[str, ...]) -> tuple[str, str]:
    """new=old, both of them names of classes. Raises: RunError."""
    name, _, before = pair.partition("=")
    for word, names, where in ((name, new, "this run"), (before, old, "the run to begin from")):
        if word not in names:
            raise RunError(f"--continues {pair}: {where} has no class {word!r}. It has {', '.join(names)}")
    return name, before


def _finished(workspace: Workspace, chosen: Choice, console: Console) -> Trained:
    paint = workspace.from_here("gauganpipe generate")
    console.note(f"{chosen.folder} is finished. Train another with --new, or paint with it: {paint}")
    return Trained(
        folder=chosen.folder,
        sheet=_newest_sheet(chosen.folder),
        images_shown=chosen.images_shown,
        was_finished=True,
    )


def _newest_sheet(folder: Path) -> Path | None:
    return max((folder / "samples").glob("*.png"), default=None)
