"""The label maps that are to be painted: rows of a split, single rows, PNG files and folders of them."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import images
from pipeline.about import read_about
from pipeline.classes import Taxonomy, load_taxonomy
from pipeline.drawings import Meaning
from pipeline.errors import GauganpipeError, PhotoError, RunError
from pipeline.inspection.finding import find_row
from pipeline.manifest import Manifest, read, rows_of_splits
from pipeline.rows import SPLITS, Row
from pipeline.run_folders import is_imported
from pipeline.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Map:
    """A label map to paint: the stem of its pictures' names, and its files.

    is_row: whether it is one of the workspace's own, of ids; others may be drawn in the colours of classes.
    """

    stem: str
    labels: Path
    instances: Path | None
    is_row: bool


def find_maps(
    workspace: Workspace, *, said: Sequence[Path], split: str, instances: Path | None, run: Path
) -> list[Map]:
    """The maps that are meant.

    said: files, folders, and rows by what `manifest show` takes; none means the rows of `split`.
    instances: a folder of instance maps named like the files.    run: that paints them.
    Raises: RunError when there is none, or two of one name, or those of the rows have other classes than the run.
    """
    if not said:
        return _maps_of_split(workspace, split, run)
    if instances and not instances.is_dir():
        raise RunError(f"there is no folder {instances} of instance maps. Name one that is there")
    maps: list[Map] = []
    manifest: Manifest | None = None
    for path in said:
        if path.is_dir():
            maps += [_map_of(file, instances) for file in sorted(path.iterdir()) if _is_map(file)]
        elif path.exists():
            maps.append(_map_of(path, instances))
        else:
            manifest = manifest or _manifest_for(workspace, path)
            maps.append(_map_of_row(manifest, path, run))
    if not maps:
        raise RunError(f"no PNG file in {', '.join(map(str, said))}. Name label maps: PNG of class ids or colours")
    stems = [one.stem for one in maps]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice:
        raise RunError(f"two label maps are called {twice}.png, and so would be their pictures. Rename one")
    return maps


def classes_of(run: Path, workspace: Workspace) -> Taxonomy:
    """The classes that a run paints, as its own copy of dataset.json says; the workspace's where it has none."""
    own = Workspace(root=run).dataset_json
    return read_about(own if own.exists() else workspace.dataset_json)[0].as_taxonomy()


def read_map(one: Map, taxonomy: Taxonomy) -> tuple[np.ndarray, np.ndarray | None]:
    """Labels, (H, W) uint8 ids of the taxonomy, and instances, (H, W) uint8 or uint16, or None.

    Raises: RunError when a file is not there; PhotoError when it is no map, or says what is no class.
    """
    ids = None if one.instances is None else _explained(one.instances, images.read_ids)
    if one.is_row:
        return _explained(one.labels, images.read_labels), ids
    palettes = tuple(dict.fromkeys((taxonomy, load_taxonomy("cocostuff"))))
    meaning = Meaning(target=taxonomy, source=taxonomy, palettes=palettes)
    return _explained(one.labels, lambda path: meaning.read(images.read_drawing(path))), ids


def _explained(path: Path, read_file: Callable[[Path], np.ndarray]) -> np.ndarray:
    """A file's array; the name stands before what is wrong with it."""
    if not path.exists():
        raise RunError(f"there is no file {path}. Name one that is there")
    try:
        return read_file(path)
    except PhotoError as error:
        raise PhotoError(f"{path} {str(error).removeprefix(f'cannot be used: {path.name} ')}") from None


def _maps_of_split(workspace: Workspace, split: str, run: Path) -> list[Map]:
    if split not in SPLITS:
        raise RunError(f"there is no split '{split}'. Take one of {', '.join(SPLITS)}")
    if is_imported(run) and not workspace.dataset_csv.exists():
        how = workspace.from_here(f"gauganpipe generate MAP.png --run {shlex.quote(str(run))}")
        raise RunError(f"{workspace.root.absolute()} has no label maps of its own. Name some: {how}")
    manifest = read(workspace)
    _demand_classes(manifest, run)
    rows = sorted(rows_of_splits(manifest, split), key=lambda row: row.id)
    maps = [_map_of_labelled(workspace, row) for row in rows if row.label_file_name]
    if not maps:
        raise RunError(f"no labelled photo in the split {split}. Take another: --split train")
    return maps


def _manifest_for(workspace: Workspace, path: Path) -> Manifest:
    """The manifest in which a row is looked for. Raises: RunError when there is none."""
    if not workspace.dataset_csv.exists() and not workspace.journal.exists():
        raise RunError(f"there is no file or folder {path}. Name one that is there")
    return read(workspace)


def _map_of_row(manifest: Manifest, path: Path, run: Path) -> Map:
    """Raises: RunError when no row or several are meant, or the row has no label map, or one of other classes."""
    try:
        row = manifest.rows[manifest.column("id")[find_row(manifest, str(path))]]
    except GauganpipeError as error:
        raise RunError(f"there is no file or folder {path}, and {error}") from None
    _demand_classes(manifest, run)
    if not row.label_file_name:
        how = manifest.workspace.from_here("gauganpipe label")
        raise RunError(f"{row.id} ({row.original_name}) has no label map. Make it: {how}")
    return _map_of_labelled(manifest.workspace, row)


def _map_of_labelled(workspace: Workspace, row: Row) -> Map:
    return Map(
        stem=row.id,
        labels=workspace.resolve(row.label_file_name),
        instances=workspace.resolve(row.instance_file_name) if row.instance_file_name else None,
        is_row=True,
    )


def _demand_classes(manifest: Manifest, run: Path) -> None:
    """Raises: RunError when a run paints other classes than the label maps of the workspace speak."""
    theirs = classes_of(run, manifest.workspace)
    if theirs.names != manifest.taxonomy.names:
        raise RunError(
            f"{run} paints the classes {theirs.name}, and the label maps of this workspace are of "
            f"{manifest.taxonomy.name}. Name maps of its own classes, or another run with --run"
        )


def _is_map(path: Path) -> bool:
    return path.suffix.lower() == ".png" and not path.name.startswith(".") and path.is_file()


def _map_of(path: Path, instances: Path | None) -> Map:
    """A file, with the instance map of the same name if there is one."""
    beside = instances / path.name if instances else None
    is_there = beside is not None and beside.is_file()
    return Map(stem=path.stem, labels=path, instances=beside if is_there else None, is_row=False)
