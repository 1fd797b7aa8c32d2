"""Things that the user has told apart already: a folder of instance maps, or a COCO annotation file."""

import io
import struct
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
from PIL import PngImagePlugin

from pipeline.errors import PhotoError, SegmenterError
from pipeline.images import read_instances, read_labels
from pipeline.rows import digest
from pipeline.segmenters.weights import sha256_of

MOST_THINGS = np.iinfo(np.uint16).max
MOST_PIXELS = 1 << 28
"""A map with more pixels is not opened: none of ours comes from a photo that large."""

GREY, RGB, INDEXED, RGB_AND_ALPHA = 0, 2, 3, 6
WANTED = "an instance map is an 8-bit or 16-bit grey PNG, or an RGB one whose ids are red + 256 green + 65536 blue"

Found = TypeVar("Found")


class GivenInstances(Protocol):
    """What tells the things of a photo apart."""

    def find(self, original_name: str, size: tuple[int, int]) -> np.ndarray | None:
        """(H, W) uint16, numbers from 1 of the things, 0 where there is none; None where nothing is given.

        original_name: what the user calls the photo.    size: (H, W), of the photo as it is trained on.

        Raises: PhotoError when what is given cannot be used; its message goes on after the photo's name.
        """
        ...

    def digest_of(self, original_name: str) -> str:
        """16 hex digits of what the answer depends on besides the size; "" where nothing is given."""
        ...


def open_instances(path: Path) -> GivenInstances:
    """The instance maps in a folder and the folders below it, or the things in a COCO annotation file.

    Raises: SegmenterError when there is neither, or the file is broken.
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise SegmenterError(f"there is nothing at {path}. Name a folder of instance maps, or a COCO annotation file")
    from pipeline.segmenters.coco_annotations import open_annotations

    return open_annotations(path)


@dataclass(frozen=True, kw_only=True)
class Names(Generic[Found]):
    """Things by the name of their photo: its relative path, or else its last part, both without suffix."""

    by_path: dict[str, list[Found]]
    by_stem: dict[str, list[Found]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Found]]) -> "Names[Found]":
        """pairs: of a relative path and what belongs to it."""
        by_path, by_stem = defaultdict(list), defaultdict(list)
        for name, found in pairs:
            key = without_suffix(name)
            by_path[key].append(found)
            by_stem[key.rpartition("/")[2]].append(found)
        return cls(by_path=dict(by_path), by_stem=dict(by_stem))

    def find(self, original_name: str) -> list[Found]:
        """What may belong to the photo; its name is only compared, so it cannot lead anywhere."""
        key = without_suffix(original_name)
        return self.by_path.get(key) or self.by_stem.get(key.rpartition("/")[2], [])


@dataclass(frozen=True, kw_only=True)
class InstanceMaps:
    """A folder of instance maps, one PNG a photo, named like it.

    0 is no thing, and every other number is one. In folders named as the reference implementation of SPADE names them,
    train_inst beside train_label, an 8-bit map is read as it was made: things were painted over the label map, numbered
    from 0. A number is a label there, and no thing, when all its pixels have that number in the label map too.
    """

    folder: Path
    names: Names[Path]

    def find(self, original_name: str, size: tuple[int, int]) -> np.ndarray | None:
        path = self._path_of(original_name)
        return None if path is None else _numbered(path, fit(_read(path), size=size, where=str(path)))

    def digest_of(self, original_name: str) -> str:
        paths = self.names.find(original_name)
        files = [file for path in paths for file in (path, _labels_of(path)) if file is not None and file.is_file()]
        return digest("".join(map(sha256_of, files)).encode()) if files else ""

    def _path_of(self, original_name: str) -> Path | None:
        found = self.names.find(original_name)
        if len(found) > 1:
            shown = " and ".join(path.relative_to(self.folder).as_posix() for path in found[:2])
            raise PhotoError(
                f"has {len(found)} instance maps in {self.folder}: {shown}. "
                f"Put the right one at {without_suffix(original_name)}.png in it"
            )
        return found[0] if found else None


def without_suffix(name: str) -> str:
    """A relative path less its suffix; an accented letter may be written as one character or as two."""
    folder, slash, last = unicodedata.normalize("NFC", name).rpartition("/")
    stem, dot, _ = last.rpartition(".")
    return f"{folder}{slash}{stem if dot and stem else last}"


def fit(ids: np.ndarray, *, size: tuple[int, int], where: str) -> np.ndarray:
    """The map at the photo's size: as it is, or shrunk as the photo was when it came in.

    where: the file that it comes from, for the message.

    Raises: PhotoError when it is smaller than the photo, or has other proportions.
    """
    if ids.shape == size:
        return ids
    shrink = max(size) / max(ids.shape)
    is_alike = all(abs(side * shrink - wanted) <= 0.5 for side, wanted in zip(ids.shape, size, strict=True))
    if shrink >= 1 or not is_alike:
        raise PhotoError(
            f"cannot be told apart: {where} is made for {ids.shape[1]}x{ids.shape[0]}, the photo is "
            f"{size[1]}x{size[0]}, upright. Make it at that size, or at the photo's own size before it was shrunk"
        )
    rows, columns = (
        ((np.arange(wanted) + 0.5) * (side / wanted)).astype(np.int64)
        for side, wanted in zip(ids.shape, size, strict=True)
    )
    return ids[rows[:, None], columns]


def _open_folder(folder: Path) -> InstanceMaps:
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".png" and path.is_file()]
    reference = [path for path in paths if path.parent.name.endswith("_inst")]
    if not paths:
        raise SegmenterError(f"{folder} holds no PNG. Name the folder with the instance maps: {WANTED}")
    chosen = reference or paths
    names = Names.of((path.relative_to(folder).as_posix(), path) for path in chosen)
    return InstanceMaps(folder=folder, names=names)


def _labels_of(path: Path) -> Path | None:
    """The label map over which the things of an instance map were painted, where there is one."""
    folder = path.parent
    if not folder.name.endswith("_inst"):
        return None
    labels = folder.with_name(folder.name.removesuffix("_inst") + "_label") / path.name
    return labels if labels.is_file() else None


def _read(path: Path) -> np.ndarray:
    """(H, W) whole numbers, the ids as they stand in the file."""
    try:
        with path.open("rb") as file:
            head = file.read(26)
    except OSError as error:
        raise PhotoError(f"cannot be told apart: {path} cannot be read ({error.strerror})") from error
    if not head.startswith(b"\x89PNG\r\n\x1a\n") or len(head) < 26:
        raise PhotoError(f"cannot be told apart: {path} is no PNG; {WANTED}")
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    if width * height > MOST_PIXELS:
        raise PhotoError(f"cannot be told apart: {path} says that it is {width}x{height}, more than any photo here is")
    if (bits, colour) == (16, GREY):
        return read_instances(path).astype(np.int32)
    if (bits, colour) in ((8, RGB), (8, RGB_AND_ALPHA)):
        return _read_packed(path)
    if bits != 8 or colour not in (GREY, INDEXED):
        raise PhotoError(f"cannot be told apart: {path} is a PNG of another kind; {WANTED}")
    ids = read_labels(path)
    return _without_labels(path, ids) if _labels_of(path) else ids.astype(np.int32)


def _read_packed(path: Path) -> np.ndarray:
    """Ids of a colour PNG: (H, W) int32, red + 256 green + 65536 blue; how opaque a pixel is does not matter."""
    try:
        pixels = np.array(PngImagePlugin.PngImageFile(io.BytesIO(path.read_bytes())))
    except Exception as error:
        raise PhotoError(f"cannot be told apart: {path} is cut off or damaged") from error
    red, green, blue = (pixels[:, :, channel].astype(np.int32) for channel in range(3))
    return red + (green << 8) + (blue << 16)


def _without_labels(path: Path, ids: np.ndarray) -> np.ndarray:
    """An instance map of the reference as ids from 1, 0 where only the label shows between the things."""
    labels = read_labels(_labels_of(path))
    if labels.shape != ids.shape:
        sizes = [f"{array.shape[1]}x{array.shape[0]}" for array in (ids, labels)]
        raise PhotoError(
            f"cannot be told apart: {path} is {sizes[0]}, its label map is {sizes[1]}. Make one of them again"
        )
    is_thing = np.bincount(ids[ids != labels], minlength=256) > 0
    return np.where(is_thing[ids], ids.astype(np.int32) + 1, 0)


def _numbered(path: Path, ids: np.ndarray) -> np.ndarray:
    """The same things as (H, W) uint16, numbered from 1 without gaps in the order of their ids; 0 stays 0."""
    names, numbers = np.unique(ids, return_inverse=True)
    first = 0 if names[0] == 0 else 1
    if len(names) - 1 + first > MOST_THINGS:
        raise PhotoError(
            f"cannot be told apart: {path} has {len(names):,} things, more than the {MOST_THINGS:,} of an instance map"
        )
    return (numbers.reshape(ids.shape) + first).astype(np.uint16)
