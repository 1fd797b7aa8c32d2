"""Door to gaugan: the photos of a manifest -> a run that is trained on them, or gone on with."""

import contextlib
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pipeline.console import Console, count
from pipeline.errors import GauganpipeError, RunError
from pipeline.manifest import Manifest
from pipeline.record import Record
from pipeline.run_ancestry import write_ancestry
from pipeline.run_checks import (
    NAMED_WEIGHTS,
    find_origin,
    find_parent,
    fitted,
    in_parts,
    less_memory,
    look,
    measured,
    with_largest_batch,
)
from pipeline.run_choice import AUTO, Choice, Training, choose, find, is_for_cpu, is_unfinished
from pipeline.run_folders import explained_runs, is_imported, new_run_folder, run_folder, write_beginning
from pipeline.run_words import write_words
from pipeline.samples import read_samples, sky_classes
from pipeline.workspace import Workspace, explained_disk_errors, hold

if TYPE_CHECKING:
    from gaugan.train import Origin

Decision = TypeVar("Decision")

FIXED_SAMPLES = 8
"""Photos on a sheet of samples."""


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

    Raises: ManifestError, WorkspaceError, RunError; SystemExit in the others when the first one refuses.
    """
    from gaugan import processes
    from gaugan import train as loop
    from gaugan.errors import OutOfMemoryError
    from gaugan.memory import what_needs_it

    with contextlib.ExitStack() as held:
        held.enter_context(processes.explained_processes())
        held.enter_context(explained_disk_errors())
        leads = processes.meet(cpu=is_for_cpu(workspace, asked)) == 0
        chosen = _agreed(lambda: choose(workspace, asked, console=console), leads=leads)
        if chosen.is_finished:
            return _finished(workspace, chosen, console, leads=leads)

        # How long it takes, whether it fits, and all else that may refuse it, before anything is written.
        cost = measured(chosen, console)
        if asked.batch == AUTO and not chosen.folder:
            chosen = with_largest_batch(chosen, cost, console)
        chosen = _agreed(lambda: fitted(workspace, chosen, asked, cost, console), leads=leads)
        folder, origin = _agreed(
            lambda: _begun(workspace, asked, chosen, held, processes=cost.processes, console=console), leads=leads
        )

        # A run's own copy of the manifest: rows that came later do not change a run that has begun.
        manifest = Manifest(Workspace(root=folder))
        samples = read_samples(workspace, manifest, edges=chosen.settings.data.edges, console=Console(quiet=True))
        record = None
        if leads:
            bar = held.enter_context(console.bar(f"train {folder.name}", unit="image", total=chosen.images_in_all))
            record = Record(folder=folder, taxonomy=manifest.taxonomy, settings=chosen.settings, bar=bar)
            held.enter_context(record)
            if asked.run and asked.assignments:
                record.log(f"set for this sitting: {', '.join(asked.assignments)}")
        try:
            images_shown = loop.train(
                chosen.settings,
                train_samples=samples.train,
                val_samples=samples.val,
                fixed_samples=(samples.val or samples.train)[:FIXED_SAMPLES],
                classes=len(manifest.taxonomy),
                run_folder=folder,
                sky=sky_classes(manifest.taxonomy),
                origin=origin,
                named_weights=NAMED_WEIGHTS,
                on_start=record.on_start if record else None,
                on_step=record.on_step if record else None,
                on_samples=record.on_samples if record else None,
                on_score=record.on_score if record else None,
            )
        except OutOfMemoryError as error:
            smaller = next(in_parts(chosen.settings, processes=cost.processes), None)
            way = less_memory(workspace, folder, chosen.settings, smaller)
            raise RunError(f"the memory does not suffice for {what_needs_it(chosen.settings)}. {way}") from error
        if record:
            record.on_end(images_shown)
    return Trained(folder=folder, sheet=_newest_sheet(folder), images_shown=images_shown, was_finished=False)


@explained_runs()
def check(workspace: Workspace, asked: Training) -> None:
    """Raises: RunError when the preset or a setting is none, before anything long is begun."""
    folder, _ = find(workspace, asked)
    if folder is None and asked.init_from:
        run_folder(workspace, asked.init_from)


@explained_runs()
def plan(workspace: Workspace, asked: Training) -> list[str]:
    """What `train` would do, one fact a line; writes nothing."""
    from gaugan import config

    chosen = choose(workspace, asked, console=Console(quiet=True))
    parent = find_parent(workspace, asked, chosen)
    origin = find_origin(workspace, asked, chosen, parent) if parent else None
    what = f"would go on with {chosen.folder} at" if chosen.folder else "would begin a run at"
    lines = [f"{what} {chosen.images_shown:,} of {chosen.images_in_all:,} images, on {count(chosen.photos, 'photo')}"]
    if origin:
        lines.append(f"would begin with the weights of {origin.checkpoint}")
    if chosen.reason:
        lines.append(f"would choose the preset {chosen.name}: {chosen.reason}")
    if asked.batch == AUTO and not chosen.folder:
        lines.append("would choose the largest batch that fits")
    return lines + [f"{one.name} = {one.value!r}" for one in config.explain(chosen.settings)]


def _agreed(decide: Callable[[], Decision], *, leads: bool) -> Decision:
    """What the first process decides, in all of them. Where it refuses it says why, and the others end without a word.

    Raises: what `decide` raises, in the first; SystemExit in the others.
    """
    from gaugan import processes
    from gaugan.errors import GauganError

    decision = refusal = None
    if leads:
        try:
            decision = decide()
        except (GauganError, GauganpipeError) as error:
            refusal = error
    decision, is_refused = processes.shared((decision, refusal is not None))
    if refusal is not None:
        raise refusal
    if is_refused:
        sys.exit(1)
    return decision


def _begun(
    workspace: Workspace,
    asked: Training,
    chosen: Choice,
    held: contextlib.ExitStack,
    *,
    processes: int,
    console: Console,
) -> "tuple[Path, Origin | None]":
    """The folder of the run, made if there is none and nothing refuses it, and held; and what it begins from."""
    from gaugan.scan import save_shares
    from gaugan.train import SHARES

    if chosen.folder:
        held.enter_context(hold(chosen.folder, f"the run {chosen.folder.name}"))
        looked = look(workspace, asked, chosen, processes=processes, console=console)
        console.note(f"going on with {chosen.folder} at {count(chosen.images_shown, 'image')}")
        return chosen.folder, looked.origin
    looked = look(workspace, asked, chosen, processes=processes, console=console)
    _name_unfinished(workspace, console)

    def write(part: Path) -> None:
        write_beginning(part, chosen.settings, looked.manifest)
        write_words(part, asked.words(workspace))
        if looked.parent:
            write_ancestry(part, looked.parent)
        save_shares(part / SHARES, looked.shares, [*looked.samples.train, *looked.samples.val])

    folder = new_run_folder(workspace, chosen.name, write)
    held.enter_context(hold(folder, f"the run {folder.name}"))
    console.note(f"new run {folder}")
    return folder, looked.origin


def _name_unfinished(workspace: Workspace, console: Console) -> None:
    """Says how the newest run goes on, if it is left for another before its end."""
    [*_, newest] = [None, *(folder for folder in workspace.run_folders() if not is_imported(folder))]
    if newest and is_unfinished(newest):
        how = workspace.from_here(f"gauganpipe train --run {shlex.quote(str(newest))}")
        console.note(f"{newest.name} is unfinished. To go on with it: {how}")


def _finished(workspace: Workspace, chosen: Choice, console: Console, *, leads: bool) -> Trained:
    from gaugan.train import remove_leftovers

    if leads:
        remove_leftovers(chosen.folder)
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
