"""A folder that was exported to, read for its way back: its classes, its rows, what was known of them."""

import math
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import preferences
from pipeline.about import About
from pipeline.classes import entries_of, taxonomy_of
from pipeline.errors import GauganpipeError, WorkspaceError
from pipeline.exports.catalogue import READ_BACK, open_layout
from pipeline.exports.choosing import travelling
from pipeline.exports.folder import ABOUT, read_about
from pipeline.exports.photos import read_photos
from pipeline.rows import Row, plain

OF_MODELS = ("digest", "license")
"""What is said of a segmenter."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What a folder that was exported to says.

    about: classes, models and parameters of the workspace that it came from.
    removed: what had taken photos out on the way, in words -> how many.
    rows: their files are relative to the folder.    read_instances: gives an instance map in it, (H, W) uint16.
    """

    layout: str
    about: About
    removed: Mapping[str, str]
    rows: list[Row]
    read_instances: Callable[[Path], np.ndarray]


def open_export(folder: Path) -> Export:
    """Raises: GauganpipeError when there is no export that is read back; ManifestError when its table is wrong."""
    if not folder.is_dir():
        raise GauganpipeError(f"there is no folder at {folder}. Name one that was exported to")
    said = read_about(folder)
    if not said:
        raise GauganpipeError(
            f"{folder} has no {ABOUT}, so nobody says what its ids mean. Take photos and maps of others in with "
            "gauganpipe label PHOTOS --segmenter 'maps:LABELS?taxonomy=NAME' --instances INSTANCES"
        )
    layout = said["layout"]
    if layout not in READ_BACK:
        raise GauganpipeError(f"{folder} is an export as {layout}; what is read back is {' and '.join(READ_BACK)}")
    if not said.get("complete"):
        how = shlex.join(["gauganpipe", "manifest", "export", str(folder), "--to", layout])
        raise GauganpipeError(f"{folder} holds an export that was not finished. Finish it, or take another: {how}")
    try:
        about, removed = _about(said), _removed(said["removed"])
    except (GauganpipeError, KeyError, TypeError, ValueError, AttributeError):
        raise WorkspaceError(f"{folder / ABOUT} is damaged. Take it from the export again") from None
    module: Any = open_layout(layout)
    rows = read_photos(folder)
    return Export(layout=layout, about=about, removed=removed, rows=rows, read_instances=module.read_instances)


def _about(said: Mapping[str, Any]) -> About:
    """What a stranger says becomes what the workspace keeps: nothing that would stop its next command."""
    taxonomy = taxonomy_of(said["classes"], name=plain(str(said["taxonomy"])))
    about = About(
        taxonomy=taxonomy.name,
        classes=entries_of(taxonomy),
        models={name: {word: one[word] for word in OF_MODELS} for name, one in _texts(said["models"]).items()},
        parameters=travelling(_texts(said["parameters"])),
    )
    preferences.rules_of(about)
    numbers = [one for one in vars(preferences.kept(about)).values() if isinstance(one, float | int)]
    if not all(0 <= number < math.inf for number in numbers):
        raise ValueError
    return about


def _removed(said: Mapping[str, object]) -> dict[str, str]:
    removed = {plain(reason): int(str(number)) for reason, number in said.items()}
    if min(removed.values(), default=0) < 0:
        raise ValueError
    return {reason: str(number) for reason, number in removed.items()}


def _texts(said: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, str]]:
    return {plain(name): {word: plain(str(value)) for word, value in words.items()} for name, words in said.items()}
