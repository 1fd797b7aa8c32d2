"""Door to gaugan: label maps -> pictures painted by a run."""

import contextlib
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline import images
from pipeline.console import Bar, Console, count
from pipeline.errors import RunError
from pipeline.painting.made import MadePictures
from pipeline.painting.maps import classes_of, find_maps
from pipeline.painting.painters import open_painter
from pipeline.painting.sizes import read_size
from pipeline.painting.styles import read_styles
from pipeline.painting.work import (
    Step,
    Wanted,
    Work,
    batches,
    look,
    read,
    refuse_places_of_maps,
    refuse_places_of_others,
)
from pipeline.run_folders import explained_runs, newest_run, run_folder
from pipeline.workspace import Workspace, explained_disk_errors, hold

CHECKED_MAPS = 1000
"""Maps that are read before the first of them is painted, so that a wrong one is known at once."""
FRAME_MS, END_MS = 120, 600
"""How long an animation shows a picture, and those at its two ends."""
MOST_IN_STRIP = 12
"""Pictures side by side; of more, so many are chosen evenly."""


@dataclass(frozen=True, kw_only=True)
class Painting:
    """What `generate` is asked for.

    run: a run folder; None means the newest. maps: label maps, folders of them, and rows; none means those of `split`.
    instances: a folder of instance maps named like the label maps. out: None means a folder in the run.
    styles: pictures a map, with the seeds from `seed` on. interpolate: two seeds or photos, `steps` pictures apart.
    size: 512 for the longer side, or 512x384; "" paints at the size of training, and scales to that of the map.
    batch: pictures at once at most, None for what is quick.
    """

    run: Path | None = None
    maps: tuple[Path, ...] = ()
    split: str = "val"
    instances: Path | None = None
    out: Path | None = None
    seed: int = 0
    styles: int = 1
    style_photo: Path | None = None
    interpolate: tuple[str, str] | None = None
    steps: int | None = None
    size: str = ""
    batch: int | None = None
    precision: Literal["float32", "bf16"] = "float32"


@dataclass(frozen=True, kw_only=True)
class Painted:
    """What is there now. pictures: the files, map for map. painted, unchanged: how many pictures are new, and not."""

    run: Path
    pictures: list[Path]
    painted: int
    unchanged: int
    seconds: float


@explained_runs()
def generate(workspace: Workspace, asked: Painting, *, console: Console) -> Painted:
    """Paints the maps. A picture that is there and would come out the same stays.

    Raises: RunError when run, styles and maps do not fit, a picture is too large, or would take the place of another's
    file; PhotoError when a file is no map; WorkspaceError while another process paints in the same folder.
    """
    run, work = _opened(workspace, asked)
    _say_what_makes_no_difference(work, asked, console)
    began, painted, files = time.monotonic(), 0, []
    with console.bar("generate", unit="picture", total=work.pictures) as bar, contextlib.ExitStack() as held:
        # What is wrong with the first maps is said before anything is written.
        first, rest = work.maps[:CHECKED_MAPS], range(CHECKED_MAPS, len(work.maps), CHECKED_MAPS)
        looked = look(work, first)
        if work.size:
            _say_what_a_size_does(work, looked, bar)
        held.enter_context(hold(work.folder, f"the folder {work.folder}"))
        held.enter_context(explained_disk_errors())
        made = held.enter_context(MadePictures(work.folder))
        refuse_places_of_others(work, made)

        later = (look(work, work.maps[start : start + CHECKED_MAPS]) for start in rest)
        for wanted in itertools.chain([looked], later):
            files += [file for one in wanted for file in one.files]
            missing = [one for one in wanted if not made.are_there(one.files, one.key)]
            if there := sum(len(one.vectors) for one in wanted) - sum(len(one.vectors) for one in missing):
                (bar.begin_at if wanted is looked else bar.step)(there)
            for batch in batches(missing, lambda size: asked.batch or work.painter.at_once(size)):
                _paint(work, batch, made)
                painted += len(batch)
                bar.step(len(batch))
    seconds, unchanged = round(time.monotonic() - began, 3), work.pictures - painted
    if unchanged:
        console.note(f"{unchanged:,} of {count(work.pictures, 'picture')} there already, as they would come out")
    return Painted(run=run, pictures=files, painted=painted, unchanged=unchanged, seconds=seconds)


@explained_runs()
def plan(workspace: Workspace, asked: Painting) -> list[str]:
    """What `generate` would paint, one file a line; reads every map, and writes nothing."""
    _, work = _opened(workspace, asked)
    made, wanted = MadePictures(work.folder), look(work, work.maps)
    refuse_places_of_others(work, made)
    missing = [file for one in wanted if not made.are_there(one.files, one.key) for file in one.files]
    lines, there = [f"would paint {file}" for file in missing], sum(len(one.files) for one in wanted) - len(missing)
    return lines + [f"would leave {count(there, 'file')} that would come out the same"] * bool(there)


def _opened(workspace: Workspace, asked: Painting) -> tuple[Path, Work]:
    """The run, and all that is wanted of it.

    Raises: RunError when there is no such run, map or style, or they do not fit; PhotoError when a photo is broken.
    """
    # What can be refused without loading anything
    size = read_size(asked.size)
    styles = read_styles(
        seed=asked.seed, number=asked.styles, photo=asked.style_photo, ends=asked.interpolate, steps=asked.steps
    )
    run = run_folder(workspace, asked.run) if asked.run else newest_run(workspace)
    maps = find_maps(workspace, said=asked.maps, split=asked.split, instances=asked.instances, run=run)
    folder = asked.out or run / "pictures"
    refuse_places_of_maps(maps, styles, folder)

    # The run
    painter, weights = open_painter(run)
    taxonomy = classes_of(run, workspace)
    if len(taxonomy) != painter.classes:
        raise RunError(
            f"{run} paints {painter.classes} classes, and its manifests/dataset.json names {len(taxonomy)}: it is "
            "another run's. Put the right one back, or name another run with --run"
        )
    if not painter.has_style and (asked.styles > 1 or asked.interpolate):
        which = "--interpolate" if asked.interpolate else "--styles"
        raise RunError(f"{run.name} has no style encoder, so all styles would be the same. Leave out {which}")
    return run, Work(
        run=run.name,
        weights=weights,
        painter=painter,
        precision=asked.precision,
        taxonomy=taxonomy,
        maps=maps,
        styles=[(style, style.vectors(painter)) for style in styles],
        size=size,
        folder=folder,
    )


def _say_what_makes_no_difference(work: Work, asked: Painting, console: Console) -> None:
    painter = work.painter
    if asked.seed and not painter.has_style:
        console.note(f"{work.run} has no style encoder: every seed paints the same picture")
    if asked.instances and not painter.edges:
        console.note(f"{work.run} has no edges: instance maps make no difference")


def _say_what_a_size_does(work: Work, wanted: Sequence[Wanted], bar: Bar) -> None:
    """That a run was trained at another, and continues maps of some sizes."""
    height, width = work.painter.settings.data.crop
    largest, multiple = max(wanted, key=lambda one: max(one.at)).at, work.painter.multiple
    if max(largest) > max(height, width):
        bar.note(
            f"{work.run} was trained at {width}x{height} px: at {largest[1]}x{largest[0]} its details stay as small, "
            "and wide areas are flat"
        )
    odd = next((one.at for one in wanted if any(side % multiple for side in one.at)), None)
    if odd:
        whole = [-(-side // multiple) * multiple for side in odd]
        bar.note(
            f"{odd[1]}x{odd[0]} px is painted as {whole[1]}x{whole[0]} and cut: {work.run} takes multiples of "
            f"{multiple}, so the map is continued to the right and at the bottom"
        )


def _paint(work: Work, batch: Sequence[Step], made: MadePictures) -> None:
    """Paints pictures of one size together, and writes the files that are complete with them.

    Raises: RunError when the memory does not suffice for one of them.
    """
    from gaugan.errors import OutOfMemoryError
    from gaugan.reading import nearest

    at = batch[0][0].at
    maps = {one: read(work, one.map) for one in dict.fromkeys(one for one, _ in batch)}
    if work.size:
        # The picture is to be as large as what is painted, and so is the map.
        maps = {one: tuple(ids if ids is None else nearest(ids, at) for ids in pair) for one, pair in maps.items()}
    try:
        pictures = work.painter.paint_all(
            [maps[one] for one, _ in batch],
            [one.vectors[step] for one, step in batch],
            size=at,
            precision=work.precision,
        )
    except OutOfMemoryError as error:
        raise RunError(f"{error}. Paint a smaller one with --size, or where there is more memory") from error
    for (one, step), picture in zip(batch, pictures, strict=True):
        one.done[step] = picture.numpy()
        if len(one.done) == len(one.vectors):
            made.claim(one.files)
            _write(one)
            one.done.clear()
            made.add(one.files, one.key)


def _write(one: Wanted) -> None:
    """The picture; or all of them side by side, and as an animation that goes there and back."""
    pictures = [one.done[step] for step in range(len(one.vectors))]
    if len(one.files) == 1:
        images.write_picture(one.files[0], pictures[0])
        return
    strip, animation = one.files
    chosen = np.linspace(0, len(pictures) - 1, min(len(pictures), MOST_IN_STRIP)).round().astype(int)
    images.write_picture(strip, np.concatenate([pictures[step] for step in chosen], axis=1))
    shown_ms = [END_MS, *[FRAME_MS] * (len(pictures) - 2), END_MS, *[FRAME_MS] * (len(pictures) - 2)]
    images.write_gif(animation, [*pictures, *pictures[-2:0:-1]], shown_ms=shown_ms)
