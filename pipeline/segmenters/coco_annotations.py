"""The things in a COCO annotation file: polygons and run lengths, painted into one instance map a photo."""

import json
from array import array
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import PhotoError, SegmenterError
from pipeline.rows import digest
from pipeline.segmenters.given_instances import MOST_PIXELS, MOST_THINGS, Names, fit, without_suffix

FORM = '{"images": [{"id", "file_name", "width", "height"}, ...], "annotations": [{"image_id", "segmentation"}, ...]}'
USED = ("id", "image_id", "category_id", "iscrowd", "segmentation", "file_name", "width", "height", "isthing")
"""What is kept of each entry; the rest of a large file is forgotten while it is read."""

OUTSIDE_PX = 16
"""A polygon may lie this far outside its photo, as tools round; one that goes farther is not of this photo."""
SUBPIXEL_BITS = 4
MOST_DIGITS = 8
"""A run length of 5 bits a letter has at most this many letters."""


@dataclass(frozen=True, kw_only=True)
class Annotations:
    """The things of a COCO annotation file by photo: matched by file_name, or else by the image's id.

    Of things that overlap the smaller lies above. A crowd is one thing, below all others.
    """

    path: Path
    names: Names[dict]
    by_id: dict[str, dict]
    things: dict[Any, list[dict]]
    """Id of an image -> its annotations."""

    def find(self, original_name: str, size: tuple[int, int]) -> np.ndarray | None:
        image = self._image_of(original_name)
        return None if image is None else fit(self._paint(image), size=size, where=str(self.path))

    def digest_of(self, original_name: str) -> str:
        images = self._images_of(original_name)
        said = [(sorted(image.items()), [sorted(one.items()) for one in self.things[image["id"]]]) for image in images]
        return digest(repr(said).encode(errors="surrogatepass")) if images else ""

    def _images_of(self, original_name: str) -> list[dict]:
        found = self.names.find(original_name)
        stem = without_suffix(original_name).rpartition("/")[2]
        number = stem.lstrip("0") or "0"
        return found or [self.by_id[key] for key in dict.fromkeys((stem, number)) if key in self.by_id][:1]

    def _image_of(self, original_name: str) -> dict | None:
        found = self._images_of(original_name)
        if len(found) > 1:
            shown = " and ".join(str(image["file_name"]) for image in found[:2])
            raise PhotoError(f"has {len(found)} entries in {self.path}: {shown}. Give each photo a name of its own")
        return found[0] if found else None

    def _paint(self, image: dict) -> np.ndarray:
        """(H, W) uint16 at the size that the file gives the image."""
        size = image.get("height"), image.get("width")
        if not all(isinstance(side, int) and side > 0 for side in size) or size[0] * size[1] > MOST_PIXELS:
            raise PhotoError(
                f"cannot be told apart: {self.path} says that it is {size[1]} wide and {size[0]} high. Write its pixels"
            )
        masks = []
        for one in self.things[image["id"]]:
            try:
                mask = _mask(one.get("segmentation"), size)
            except ValueError as error:
                name = f"annotation {one.get('id', '')}".strip()
                raise PhotoError(f"cannot be told apart: {self.path}, {name}: {error}") from None
            left, top, right, bottom = _box(mask)
            if right > left:
                cut = mask[top:bottom, left:right].astype(bool)
                masks.append((not one.get("iscrowd"), -int(cut.sum()), (top, left), cut))
        if len(masks) > MOST_THINGS:
            raise PhotoError(f"cannot be told apart: it has {len(masks):,} things, more than {MOST_THINGS:,}")
        ids = np.zeros(size, np.uint16)
        masks.sort(key=lambda one: one[:2])
        for number, (*_, (top, left), cut) in enumerate(masks, start=1):
            ids[top : top + cut.shape[0], left : left + cut.shape[1]][cut] = number
        return ids


def open_annotations(path: Path) -> Annotations:
    """The file, read once and indexed by image.

    Raises: SegmenterError when it is no such file.
    """
    try:
        said = json.loads(path.read_bytes(), object_hook=_slim)
    except OSError as error:
        raise SegmenterError(f"{path} cannot be read: {error.strerror}. Name a COCO annotation file") from error
    except (ValueError, RecursionError) as error:
        raise SegmenterError(f"{path} is no JSON that can be read: {error}. Fetch it again") from error
    images, annotations = (_list_of(said, key) for key in ("images", "annotations"))
    if images is None or annotations is None:
        raise SegmenterError(f"{path} is no COCO annotation file. It should look like {FORM}")
    stuff = {str(one.get("id")) for one in _list_of(said, "categories") or [] if one.get("isthing") == 0}
    by_id: dict[Any, dict] = {}
    for number, image in enumerate(images, start=1):
        id, name = image.get("id"), image.get("file_name")
        if not isinstance(id, int | str) or not isinstance(name, str):
            raise SegmenterError(f"{path}: image {number} has no id or no file_name. It should look like {FORM}")
        if id in by_id:
            raise SegmenterError(f"{path}: two images have the id {id}. Give each one of its own")
        by_id[id] = image
    things: dict[Any, list[dict]] = defaultdict(list)
    for number, one in enumerate(annotations, start=1):
        id = one.get("image_id")
        if not isinstance(id, int | str) or id not in by_id:
            raise SegmenterError(f"{path}: annotation {number} is of image {id}, which the file does not list")
        if str(one.get("category_id")) not in stuff:
            things[id].append(one)
    return Annotations(
        path=path,
        names=Names.of((image["file_name"], image) for image in images),
        by_id={str(id): image for id, image in by_id.items()},
        things={id: things[id] for id in by_id},
    )


def _slim(entry: dict) -> dict:
    """An object of the file while it is read: what is used, with numbers packed, as the largest files have millions."""
    if "image_id" not in entry and "file_name" not in entry and "isthing" not in entry:
        return entry
    kept = {key: entry[key] for key in USED if key in entry}
    segmentation = kept.get("segmentation")
    if isinstance(segmentation, list):
        kept["segmentation"] = [_packed(polygon) for polygon in segmentation]
    elif isinstance(segmentation, dict):
        kept["segmentation"] = {key: _packed(value) for key, value in segmentation.items()}
    return kept


def _packed(values: Any) -> Any:
    """A list of numbers as an array of them; anything else as it is, to be complained of when it is needed."""
    try:
        return array("d", values) if isinstance(values, list) else values
    except (TypeError, OverflowError):
        return values


def _list_of(said: Any, key: str) -> list[dict] | None:
    entries = said.get(key) if isinstance(said, dict) else None
    return entries if isinstance(entries, list) and all(isinstance(one, dict) for one in entries) else None


def _mask(segmentation: Any, size: tuple[int, int]) -> np.ndarray:
    """Where a thing is: (H, W) uint8, 1 or 0.

    Raises: ValueError that says what is wrong with it.
    """
    if isinstance(segmentation, list):
        return _fill(segmentation, size)
    if not isinstance(segmentation, dict):
        raise ValueError("its segmentation is neither polygons nor run lengths")
    said, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(said, array) or tuple(said) != size:
        raise ValueError(f"its run lengths are not of the image's size, {size[1]}x{size[0]}")
    lengths = _decode(counts, size[0] * size[1]) if isinstance(counts, str) else counts
    return _unroll(lengths, size)


def _fill(polygons: list, size: tuple[int, int]) -> np.ndarray:
    """Polygons as pixels: [x, y, x, y, ...] each, from the corner of the top left pixel."""
    import cv2

    mask = np.zeros(size, np.uint8)
    for polygon in polygons:
        if not isinstance(polygon, array) or len(polygon) % 2 or len(polygon) < 6:
            raise ValueError("a polygon is no list of at least three x, y pairs")
        points = np.array(polygon).reshape(-1, 2)
        limits = np.array([size[1], size[0]]) + OUTSIDE_PX
        if not (np.isfinite(points).all() and (points >= -OUTSIDE_PX).all() and (points <= limits).all()):
            raise ValueError(f"a polygon leads out of the image, which is {size[1]}x{size[0]}")
        fixed = np.rint((points - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [fixed], 1, shift=SUBPIXEL_BITS)
    return mask


def _decode(text: str, pixels: int) -> array:
    """Run lengths from COCO's letters: 5 bits each, low ones first, and a sixth that says that more follow.

    From the third on a number is what a length is more than the last but one.
    """
    lengths = array("d")
    letters = iter(text)
    for letter in letters:
        value = 0
        for place in range(MOST_DIGITS):
            bits = ord(letter) - 48
            if not 0 <= bits < 64:
                raise ValueError(f"its run lengths have a letter {letter!r} that stands for no number")
            value |= (bits & 31) << 5 * place
            if not bits & 32:
                value -= (bits & 16) << 5 * place + 1
                break
            letter = next(letters, "")
            if not letter:
                raise ValueError("its run lengths are cut off")
        else:
            raise ValueError("its run lengths have a number that is too long")
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
        if len(lengths) > pixels + 1:
            raise ValueError("it has more run lengths than pixels")
    return lengths


def _unroll(lengths: Any, size: tuple[int, int]) -> np.ndarray:
    """Run lengths as pixels: column by column, first those outside."""
    if not isinstance(lengths, array):
        raise ValueError("its run lengths are no list of numbers")
    counts = np.array(lengths)
    if not (np.isfinite(counts) & (counts >= 0) & (counts % 1 == 0)).all() or counts.sum() != size[0] * size[1]:
        raise ValueError(f"its run lengths do not add up to {size[1]}x{size[0]} pixels")
    values = (np.arange(len(counts)) & 1).astype(np.uint8)
    return np.repeat(values, counts.astype(np.int64)).reshape(size[::-1]).T


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is 1; all 0 where nothing is."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
