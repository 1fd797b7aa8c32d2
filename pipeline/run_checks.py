"""What is looked at before a run begins or goes on: what a step costs, every label map, and the weights of others."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.classes import fold
from pipeline.console import Console, count, duration
from pipeline.errors import RunError
from pipeline.manifest import Manifest, read
from pipeline.run_choice import AUTO, Choice, Training
from pipeline.run_folders import run_folder
from pipeline.run_words import words_of
from pipeline.samples import Samples, read_samples
from pipeline.segmenters.choices import EMBEDDED_WEIGHTS
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.measure import Cost
    from gaugan.settings import Settings
    from gaugan.train import Origin

LONG_SECONDS, QUICK_PX = 12 * 3600, 64
"""Whoever has no GPU is told of the preset tiny, of this size, when another would take longer than this."""
NAMED_WEIGHTS: Mapping[str, Path] = MappingProxyType({"segmenter": EMBEDDED_WEIGHTS})


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What a run is to be made from, once nothing refuses it.

    shares: of the classes in the label maps of train and val, as gaugan.scan finds them.
    origin: what to begin from; None when it begins from nothing, or goes on.
    parent: the run that this is of.
    """

    manifest: Manifest
    samples: Samples
    shares: "Tensor"
    origin: "Origin | None"
    parent: Path | None


def measured(chosen: Choice, console: Console) -> "Cost":
    """What a training step costs here, after saying what is to be trained; all processes measure together.

    Raises: OutOfMemoryError and SettingsError of gaugan.
    """
    from gaugan.measure import measure

    if chosen.reason:
        console.note(f"preset {chosen.name}, for {chosen.reason}")
    losses = chosen.settings.losses
    if not losses.perceptual:
        console.note("no perceptual loss: losses.perceptual is 0")
    elif losses.perceptual_weights:
        console.note(f"perceptual loss in the features of {losses.perceptual_weights}")
    else:
        console.note("no perceptual loss: losses.perceptual_weights names no network")
    photos, images = count(chosen.photos, "photo"), chosen.images_in_all - chosen.images_shown
    size = chosen.settings.data.crop_size
    console.note(f"training on {photos} at {size} px, {images:,} images to show; measuring a step")
    return measure(chosen.settings, **_shape(chosen))


def with_largest_batch(chosen: Choice, cost: "Cost", console: Console) -> Choice:
    """The choice with a batch that fits, as all processes find it."""
    from gaugan.measure import find_batch

    batch_size = find_batch(chosen.settings, cost, photos=chosen.photos, **_shape(chosen))
    console.note(f"batches of {count(batch_size, 'image')}, the most that fit")
    return replace(chosen, settings=_with_training(chosen.settings, batch_size=batch_size, accumulate=1))


def fitted(workspace: Workspace, chosen: Choice, asked: Training, cost: "Cost", console: Console) -> Choice:
    """The choice, in more parts where it was ours and does not fit otherwise; says how long it takes.

    Raises: RunError when a step needs more memory than there is.
    """
    from gaugan.memory import remedies, what_needs_it

    training = chosen.settings.training
    if not cost.fits(training):
        parted = in_parts(chosen.settings, processes=cost.processes)
        smaller = next((one for one in parted if cost.fits(one.training)), None)
        if chosen.folder:
            way = less_memory(workspace, chosen.folder, chosen.settings, smaller)
        else:
            way = remedies(chosen.settings) + "; or the most that fits: --batch auto" * (asked.batch != AUTO)
        if chosen.folder or asked.preset != AUTO or smaller is None:
            raise RunError(
                f"{what_needs_it(chosen.settings)} needs about {cost.needed_bytes(training) / 1e9:.1f} GB of memory, "
                f"and {cost.free_bytes / 1e9:.1f} GB are free. {way}"
            )
        console.note(f"each batch is learned in {smaller.training.accumulate} parts, as the memory asks for")
        chosen = replace(chosen, settings=smaller)
    _say_how_long(chosen, cost, console)
    return chosen


def in_parts(settings: "Settings", *, processes: int) -> Iterator["Settings"]:
    """The same settings with batches that are learned in more and more parts, each shared by all processes."""
    from gaugan.errors import SettingsError

    training = settings.training
    for parts in range(training.accumulate + 1, training.batch_size // processes + 1):
        if training.batch_size % (parts * processes) == 0:
            try:
                yield _with_training(settings, accumulate=parts)
            except SettingsError:
                return  # so few at once cannot be normalised


def less_memory(workspace: Workspace, folder: Path, settings: "Settings", smaller: "Settings | None") -> str:
    """How to go on with a run that needs too much.    smaller: the same in more parts, if that is possible."""
    from gaugan.memory import remedies

    if smaller is None:
        return f"{remedies(settings)}. Each makes another run"
    parts = smaller.training.accumulate
    command = f"gauganpipe train --run {shlex.quote(str(folder))} --set accumulate={parts}"
    return f"Go on with it in {parts} parts a batch: {workspace.from_here(command)}"


def look(workspace: Workspace, asked: Training, chosen: Choice, *, processes: int, console: Console) -> Looked:
    """Looks at all that can still refuse a run, before anything is written of a new one.

    Raises: ManifestError, RunError; DataError, SettingsError and CheckpointError of gaugan.
    """
    from gaugan.train import refuse_uneven
    from gaugan.validation import refuse_scores

    refuse_uneven(chosen.settings, processes)
    manifest = _manifest(workspace, chosen)
    parent = find_parent(workspace, asked, chosen)
    origin = find_origin(workspace, asked, chosen, parent) if parent else None
    samples = read_samples(workspace, manifest, edges=chosen.settings.data.edges, console=Console(quiet=True))
    refuse_scores(chosen.settings, photos=len(samples.val), named_weights=NAMED_WEIGHTS)
    shares = _look_through(chosen.folder, samples, classes=len(manifest.taxonomy), console=console)
    return Looked(manifest=manifest, samples=samples, shares=shares, origin=origin, parent=parent)


def find_parent(workspace: Workspace, asked: Training, chosen: Choice) -> Path | None:
    """The run that a run begins from.

    None for a run that has a checkpoint of its own: it needs nothing of the other any more.
    Raises: RunError when it is no run.
    """
    from gaugan import checkpoint

    if chosen.folder and checkpoint.latest(chosen.folder):
        return None
    named = _words(workspace, asked, chosen)["init_from"]
    if not named:
        return None
    # The words of a run name the other from the workspace on; who asks now may name it from where they stand.
    return run_folder(workspace, workspace.root / named if chosen.folder else asked.init_from)


def find_origin(workspace: Workspace, asked: Training, chosen: Choice, parent: Path) -> "Origin":
    """What a run begins from: the best checkpoint of its parent, and for each class the one there that it continues.

    Raises: RunError when there is no checkpoint, or a class is named that is none; CheckpointError of gaugan.
    """
    from gaugan import checkpoint
    from gaugan.checkpoint import About, read_about
    from gaugan.spade.transfer import refuse_unlike
    from gaugan.train import Origin

    best = checkpoint.best(parent)
    if best is None:
        raise RunError(f"{parent} has no checkpoint yet to begin from")
    old, new = Manifest(Workspace(root=parent)).taxonomy, _manifest(workspace, chosen).taxonomy
    continued = _words(workspace, asked, chosen)["continues"]
    renamed = dict(_pair(pair, new.names, old.names) for pair in continued)
    about = About(settings=chosen.settings, classes=len(new), unknown=True, edges=chosen.has_edges, images_shown=0)
    refuse_unlike(read_about(best), about)
    return Origin(checkpoint=best, classes=tuple(old.words.get(fold(renamed.get(name, name))) for name in new.names))


def _words(workspace: Workspace, asked: Training, chosen: Choice) -> dict[str, Any]:
    """What the run was asked for with, where it was begun."""
    return words_of(chosen.folder) if chosen.folder else asked.words(workspace)


def _manifest(workspace: Workspace, chosen: Choice) -> Manifest:
    """The run's own copy, where it was begun."""
    return Manifest(Workspace(root=chosen.folder)) if chosen.folder else read(workspace)


def _pair(pair: str, new: tuple[str, ...], old: tuple[str, ...]) -> tuple[str, str]:
    """new=old, both of them names of classes. Raises: RunError."""
    name, _, before = pair.partition("=")
    for word, names, where in ((name, new, "this run"), (before, old, "the run to begin from")):
        if word not in names:
            raise RunError(f"--continues {pair}: {where} has no class {word!r}. It has {', '.join(names)}")
    return name, before


def _look_through(folder: Path | None, samples: Samples, *, classes: int, console: Console) -> "Tensor":
    """Reads every label map once, so that a label that is none ends the run before it begins."""
    from gaugan.scan import known_shares, scan
    from gaugan.train import SHARES

    maps = [*samples.train, *samples.val]
    with console.bar("look through label maps", unit="map", total=len(maps)) as bar:
        if folder is None:
            return scan(maps, classes=classes, on_item=bar.step)
        return known_shares(folder / SHARES, maps, classes=classes, on_item=bar.step)


def _say_how_long(chosen: Choice, cost: "Cost", console: Console) -> None:
    seconds = (chosen.images_in_all - chosen.images_shown) * cost.seconds_per_image
    where = "computer without a GPU" if cost.device == "cpu" else "GPU"
    where = f"{cost.processes} processes" if cost.processes > 1 else f"this {where}"
    console.note(f"about {duration(seconds)} on {where}")
    if cost.device == "cpu" and seconds > LONG_SECONDS and chosen.settings.data.crop_size > QUICK_PX:
        console.note(f"much quicker, at {QUICK_PX} px: --preset tiny")


def _shape(chosen: Choice) -> dict[str, object]:
    """What a measured step has to be like, beside the settings."""
    return {"classes": chosen.classes, "edges": chosen.has_edges, "named_weights": NAMED_WEIGHTS}


def _with_training(settings: "Settings", **changed: int) -> "Settings":
    """Settings with some of [training] changed. Raises: SettingsError of gaugan."""
    from gaugan import config

    values = settings.model_dump()
    return config.check({**values, "training": {**values["training"], **changed}})
