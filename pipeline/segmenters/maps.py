"""Label maps that the user already has, one PNG a photo, as a segmenter."""

import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.classes import UNKNOWN, Taxonomy
from pipeline.errors import PhotoError, SegmenterError
from pipeline.images import read_labels
from pipeline.segmenters.segmenter import Labelling
from pipeline.segmenters.weights import sha256_of


@dataclass(frozen=True, kw_only=True)
class Maps:
    """A folder of label maps; a photo's map has the photo's relative path, or else its name, with .png."""

    name: str
    license: str
    reached: tuple[str, ...]
    digest: str = ""
    folder: Path
    taxonomy: Taxonomy
    by_path: dict[str, list[Path]]
    """Relative path without suffix -> the maps there."""
    by_stem: dict[str, list[Path]]
    """Name without suffix -> the maps of that name, anywhere in the folder."""

    def input_digest(self, original_name: str) -> str:
        found = self._find(original_name)
        return sha256_of(found[0])[:16] if len(found) == 1 and found[0].is_file() else ""

    def prepare(self, pixels: np.ndarray, original_name: str) -> np.ndarray:
        """Returns (H, W) uint8 ids at the size of the photo."""
        found = self._find(original_name)
        stem = _without_suffix(original_name)
        if not found:
            raise PhotoError(f"has no label map in {self.folder}. Put one at {stem}.png in it")
        if len(found) > 1:
            shown = " and ".join(path.relative_to(self.folder).as_posix() for path in found[:2])
            raise PhotoError(
                f"has {len(found)} label maps in {self.folder}: {shown}. Put the right one at {stem}.png in it"
            )
        ids = read_labels(found[0])
        self._check_ids(found[0], ids)
        return _fit(found[0], ids, size=pixels.shape[:2])

    def run(self, prepared: np.ndarray) -> np.ndarray:
        return prepared

    def finish(self, result: np.ndarray) -> Labelling:
        return Labelling(ids=result, confidence=1.0)

    def _find(self, original_name: str) -> list[Path]:
        """The maps that may be the photo's; its name is only compared, so it cannot lead out of the folder."""
        key = _without_suffix(original_name)
        return self.by_path.get(key) or self.by_stem.get(key.rpartition("/")[2], [])

    def _check_ids(self, path: Path, ids: np.ndarray) -> None:
        wrong = (ids >= len(self.taxonomy)) & (ids != UNKNOWN)
        if wrong.any():
            y, x = np.argwhere(wrong)[0]
            raise PhotoError(
                f"cannot be labelled: {path} has the id {ids[y, x]} at x={x}, y={y}. "
                f"The classes of {self.taxonomy.name} are 0..{len(self.taxonomy) - 1}, and {UNKNOWN} is unknown; "
                "gauganpipe classes lists them"
            )


def open_maps(folder: Path, *, taxonomy: Taxonomy) -> Maps:
    """The maps in a folder and the folders below it, as they are now.

    Raises: SegmenterError when there is no such folder or no PNG in it.
    """
    if not folder.is_dir():
        raise SegmenterError(f"there is no folder of maps at {folder}. Check the path after maps:")
    by_path: dict[str, list[Path]] = defaultdict(list)
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ".png" and path.is_file():
            key = _without_suffix(path.relative_to(folder).as_posix())
            by_path[key].append(path)
            by_stem[key.rpartition("/")[2]].append(path)
    if not by_path:
        raise SegmenterError(f"{folder} holds no PNG. A map is an 8-bit PNG of class ids, named like its photo")
    return Maps(
        name=f"maps:{folder.resolve().name}",
        license="unknown",
        reached=taxonomy.names,
        folder=folder,
        taxonomy=taxonomy,
        by_path=dict(by_path),
        by_stem=dict(by_stem),
    )


def _fit(path: Path, ids: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """The map at the photo's size: as it is, or shrunk as the photo was when it came in."""
    if ids.shape == size:
        return ids
    shrink = max(size) / max(ids.shape)
    is_same_shape = all(abs(side * shrink - wanted) <= 0.5 for side, wanted in zip(ids.shape, size, strict=True))
    if shrink >= 1 or not is_same_shape:
        raise PhotoError(
            f"cannot be labelled: {path} is {ids.shape[1]}x{ids.shape[0]}, the photo is {size[1]}x{size[0]}, upright. "
            "Make the map at that size, or at the photo's own size before it was shrunk"
        )
    rows, columns = (
        ((np.arange(wanted) + 0.5) * (side / wanted)).astype(np.int64)
        for side, wanted in zip(ids.shape, size, strict=True)
    )
    return ids[rows[:, None], columns]


def _without_suffix(name: str) -> str:
    """A relative path less its suffix; an accented letter may be written as one character or as two."""
    folder, slash, last = unicodedata.normalize("NFC", name).rpartition("/")
    stem, dot, _ = last.rpartition(".")
    return f"{folder}{slash}{stem if dot and stem else last}"
