"""Door to gaugan: label maps -> pictures painted by a run."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from pipeline import images
from pipeline.console import Console
from pipeline.errors import PhotoError, RunError
from pipeline.manifest import Manifest, read, rows_of_splits
from pipeline.rows import SPLITS, digest
from pipeline.run_folders import explained_runs, is_imported, newest_run, run_folder
from pipeline.segmenters.weights import sha256_of
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

CHECKED_MAPS = 1000
"""Maps that are read before the network is, so that a wrong one is known at once."""


@dataclass(frozen=True, kw_only=True)
class Painting:
    """What `generate` is asked for.

    run: a run folder; None means the newest. maps: label maps and folders of them; none means the rows of `split`.
    instances: a folder of instance maps named like the label maps. out: None means a folder in the run.
    styles: pictures a map, with the seeds from `seed` on.
    """

    run: Path | None = None
    maps: tuple[Path, ...] = ()
    split: str = "val"
    instances: Path | None = None
    out: Path | None = None
    seed: int = 0
    styles: int = 1
    style_photo: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Map:
    """A label map to paint: the stem of its pictures' names, and its files."""

    stem: str
    labels: Path
    instances: Path | None


@explained_runs()
def generate(workspace: Workspace, asked: Painting, *, console: Console) -> list[Path]:
    """Paints the maps and gives the pictures' paths. A picture that is there and would come out the same stays.

    Raises: RunError when run, style and maps do not fit; PhotoError when a file is no map.
    """
    run, maps = _asked(workspace, asked)
    style = _read(asked.style_photo, lambda path: images.decode_photo(path.read_bytes()).pixels)
    for one in maps[:CHECKED_MAPS]:
        _read(one.labels, images.read_labels)
    import torch

    from gaugan import checkpoint
    from gaugan.errors import DataError
    from gaugan.generate import load_painter

    painter = load_painter(run, device="cuda" if torch.cuda.is_available() else "cpu")
    weights = sha256_of(checkpoint.best(run) / checkpoint.AVERAGED)
    if asked.styles > 1 and not painter.has_style:
        raise RunError(f"{run.name} has no style encoder, so all styles would be the same. Leave out --styles")
    if asked.seed and not painter.has_style:
        console.note(f"{run.name} has no style encoder: every seed paints the same picture")
    if asked.instances and not painter.edges:
        console.note(f"{run.name} has no edges: instance maps make no difference")
    paths = []
    with (
        console.bar("generate", unit="picture", total=len(maps) * asked.styles) as bar,
        explained_disk_errors(),
        _Made(asked.out or run / "pictures") as made,
    ):
        for one in maps:
            labels, ids = _read(one.labels, images.read_labels), _read(one.instances, images.read_ids)
            for seed, path in _pictures(one, asked, run):
                drawn_seed = seed if painter.has_style else 0
                key = _key(weights, drawn_seed, labels, ids if painter.edges else None, style)
                if not made.is_there(path, key):
                    tensors = [None if array is None else torch.from_numpy(array) for array in (ids, style)]
                    try:
                        picture = painter.paint(
                            torch.from_numpy(labels), instances=tensors[0], seed=seed, style_photo=tensors[1]
                        )
                    except DataError as error:
                        raise RunError(f"{one.labels}: {error}") from error
                    images.write_picture(path, picture.numpy())
                    made.add(path, key)
                paths.append(path)
                bar.step()
    return paths


def plan(workspace: Workspace, asked: Painting) -> list[str]:
    """What `generate` would paint, one picture a line; writes nothing."""
    run, maps = _asked(workspace, asked)
    return [f"would paint {path}" for one in maps for _, path in _pictures(one, asked, run)]


def _asked(workspace: Workspace, asked: Painting) -> tuple[Path, list[Map]]:
    """The run and the maps that are meant.

    Raises: RunError when there is none, or a picture would take the place of a map.
    """
    run = run_folder(workspace, asked.run) if asked.run else newest_run(workspace)
    maps = _given_maps(asked) if asked.maps else _maps_of_split(workspace, asked.split, run)
    sources = {one.labels.resolve() for one in maps}
    for one in maps:
        for _, path in _pictures(one, asked, run):
            if path.resolve() in sources:
                raise RunError(
                    f"the picture {path} would take the place of a label map. Name another folder with --out"
                )
    return run, maps


def _pictures(one: Map, asked: Painting, run: Path) -> list[tuple[int, Path]]:
    """The seeds and places of a map's pictures."""
    folder = asked.out or run / "pictures"
    if asked.styles == 1 and not asked.seed:
        return [(asked.seed, folder / f"{one.stem}.png")]
    return [(seed, folder / f"{one.stem}-{seed}.png") for seed in range(asked.seed, asked.seed + asked.styles)]


class _Made:
    """Which pictures of a folder were painted from what: pictures.jsonl, a line a picture, the last one counts."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "pictures.jsonl"
        self._keys: dict[str, str] = {}
        self._file: IO[bytes] | None = None
        if self._path.is_file():
            written = self._path.read_bytes()
            whole = written[: written.rfind(b"\n") + 1]
            if whole != written:
                # A line that was torn by a crash names no picture: that one is painted again.
                write_atomically(self._path, whole)
            self._keys = dict(json.loads(line) for line in whole.splitlines())

    def __enter__(self) -> "_Made":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, path: Path, key: str) -> None:
        if self._file is None:
            self._file = self._path.open("ab")
        self._keys[path.name] = key
        self._file.write(json.dumps([path.name, key]).encode() + b"\n")
        self._file.flush()

    def is_there(self, path: Path, key: str) -> bool:
        return self._keys.get(path.name) == key and path.is_file()


def _key(weights: str, seed: int, *arrays: np.ndarray | None) -> str:
    contents = [None if array is None else (array.shape, digest(array.tobytes())) for array in arrays]
    return digest(repr((weights, seed, contents)).encode())


def _read(path: Path | None, read_file: Callable[[Path], np.ndarray]) -> np.ndarray | None:
    """A file's array, None for no file; the name stands before what is wrong with it."""
    if path is None:
        return None
    try:
        return read_file(path)
    except FileNotFoundError:
        raise RunError(f"there is no file {path}. Name one that is there") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    except PhotoError as error:
        raise PhotoError(f"{path} {error}") from None


def _maps_of_split(workspace: Workspace, split: str, run: Path) -> list[Map]:
    if split not in SPLITS:
        raise RunError(f"there is no split '{split}'. Take one of {', '.join(SPLITS)}")
    if is_imported(run) and not workspace.dataset_csv.exists():
        how = workspace.from_here(f"gauganpipe generate MAP.png --run {shlex.quote(str(run))}")
        raise RunError(f"{workspace.root.absolute()} has no label maps of its own. Name some: {how}")
    manifest = read(workspace)
    if is_imported(run) and (theirs := Manifest(Workspace(root=run)).taxonomy).names != manifest.taxonomy.names:
        raise RunError(
            f"{run} paints the classes {theirs.name}, and the label maps of this workspace are of "
            f"{manifest.taxonomy.name}. Name maps of its own classes, or another run with --run"
        )
    rows = sorted(rows_of_splits(manifest, split), key=lambda row: row.id)
    maps = [
        Map(
            stem=row.id,
            labels=workspace.resolve(row.label_file_name),
            instances=workspace.resolve(row.instance_file_name) if row.instance_file_name else None,
        )
        for row in rows
        if row.label_file_name
    ]
    if not maps:
        raise RunError(f"no labelled photo in the split {split}. Take another: --split train")
    return maps


def _given_maps(asked: Painting) -> list[Map]:
    """The PNG files named, and those of folders named, each with the instance map of the same name if there is one.

    Raises: RunError when there is none, or two of one name, or no folder of instance maps.
    """
    if asked.instances and not asked.instances.is_dir():
        raise RunError(f"there is no folder {asked.instances} of instance maps. Name one that is there")
    paths = [found for path in asked.maps for found in (sorted(path.glob("*.png")) if path.is_dir() else [path])]
    if not paths:
        raise RunError(f"no PNG file in {', '.join(map(str, asked.maps))}. Name label maps: 8-bit PNG of class ids")
    stems = [path.stem for path in paths]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice:
        raise RunError(f"two label maps are called {twice}.png, and so would be their pictures. Rename one")
    return [Map(stem=path.stem, labels=path, instances=_instances_of(path, asked.instances)) for path in paths]


def _instances_of(labels: Path, folder: Path | None) -> Path | None:
    path = folder / labels.name if folder else None
    return path if path is not None and path.is_file() else None
