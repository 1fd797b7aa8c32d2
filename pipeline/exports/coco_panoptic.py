"""The panoptic format of COCO: a JSON a split, and a PNG a photo whose colours are the numbers of its segments."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.classes import UNKNOWN, Taxonomy
from pipeline.exports.dataset import Dataset, Maps, read_maps
from pipeline.exports.ids import encode_packed
from pipeline.exports.layout import Content, Piece, made_from
from pipeline.rows import Row, digest

NAME = "coco-panoptic"
TEXT = "annotations/panoptic_train.json, annotations/panoptic_train, train, ...: COCO's panoptic format"
NEEDS = ("file_name", "label_file_name", "instance_file_name")
CONFIGS: dict[str, str] = {}
READING = """\
`train` holds the photos, `annotations/panoptic_train.json` names the segments of each, and
`annotations/panoptic_train` has a PNG for each: the number of a pixel's segment is red + 256 green + 65536 blue, and 0
is unknown. The same for `val` and `test`. The id of a category is the class id plus 1, as COCO's begin at 1."""

VERSION = 1
MADE_FROM = ("image", "label", "instance")
A_CLASS = 1 << 16
"""Instance ids that there may be in one class."""
EVERY_COLOUR = 1 << 24
NEXT_COLOUR = 0x07050B
"""Between the numbers of two things of one class: seven levels of blue, five of green, eleven of red."""


def places(row: Row) -> dict[str, str]:
    return {
        "file_name": f"{row.split}/{row.id}.jpg",
        "label_file_name": f"annotations/panoptic_{row.split}/{row.id}.png",
        "instance_file_name": f"annotations/panoptic_{row.split}/{row.id}.png",
    }


def pieces(dataset: Dataset) -> Iterator[Piece]:
    known: dict[str, list[dict[str, Any]]] = {}
    categories = _categories(dataset.taxonomy)
    for row in dataset.rows:
        files = (places(row)["file_name"], places(row)["label_file_name"])
        key = made_from(NAME, VERSION, [row], MADE_FROM, categories)
        yield Piece(files=files, made_from=key, make=partial(_make, dataset, row, known), photos=1)
    for split in dataset.splits:
        rows, name = dataset.of(split), f"annotations/panoptic_{split}.json"
        said = [(row.id, row.width, row.height, row.license, row.license_url, row.source_url) for row in rows]
        key = made_from(NAME, VERSION, rows, MADE_FROM, said, categories)
        make = partial(_annotations, dataset, rows, categories, known, dataset.earlier(name))
        yield Piece(files=(name,), made_from=key, make=lambda name=name, make=make: {name: make()})


def advice(dataset: Dataset, folder: Path) -> list[str]:
    return [f"{split}: {folder / 'annotations' / f'panoptic_{split}.json'}" for split in dataset.splits]


def _make(dataset: Dataset, row: Row, known: dict[str, list[dict[str, Any]]]) -> dict[str, Content]:
    """known: gets the segments of the photo, so that nobody has to find them twice."""
    numbers, known[row.id] = _find_segments(read_maps(dataset, row), dataset.taxonomy)
    return {places(row)["file_name"]: dataset.photo(row), places(row)["label_file_name"]: encode_packed(numbers)}


def _find_segments(maps: Maps, taxonomy: Taxonomy) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """(H, W) int32, of each pixel the number of its segment, 0 unknown; and what the format says of each segment.

    Stuff is one segment a class, as the format asks for. A thing is what the instance map says, of one class.
    """
    is_thing = np.isin(np.arange(256), taxonomy.things)[maps.labels]
    codes = maps.labels.astype(np.int32) * A_CLASS + np.where(is_thing, maps.instances, 0)
    found, places_in, areas = np.unique(codes, return_inverse=True, return_counts=True)
    numbers = _numbers([code // A_CLASS for code in found.tolist()], taxonomy)
    segments = []
    for place, (code, area, number) in enumerate(zip(found.tolist(), areas.tolist(), numbers, strict=True)):
        if number:
            there = places_in.reshape(codes.shape) == place
            rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
            box = [columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1]
            segment = {"id": number, "category_id": code // A_CLASS + 1, "area": area}
            segments.append({**segment, "bbox": [int(side) for side in box], "iscrowd": 0})
    return np.array(numbers, dtype=np.int32)[places_in].reshape(codes.shape), segments


def _numbers(classes: list[int], taxonomy: Taxonomy) -> list[int]:
    """A number for each segment of a photo, none twice: shown, about the colour of its class.    classes: of each."""
    numbers: list[int] = []
    taken = {0}
    for id in classes:
        if id == UNKNOWN:
            numbers.append(0)
            continue
        red, green, blue = taxonomy.categories[id].colour
        number = red | green << 8 | blue << 16
        while number in taken:
            number = (number + NEXT_COLOUR) % EVERY_COLOUR
        taken.add(number)
        numbers.append(number)
    return numbers


def _annotations(
    dataset: Dataset,
    rows: list[Row],
    categories: list[dict[str, Any]],
    known: dict[str, list[dict[str, Any]]],
    earlier: Path | None,
) -> bytes:
    """known: segments of the photos that were written just now.    earlier: what said those of the others."""
    found = {**_read_segments(earlier), **known}
    licenses = sorted({(row.license or "unknown", row.license_url) for row in rows})
    ids = _photo_ids(rows)
    shown, annotations = [], []
    for row in rows:
        if row.id not in found:
            _, found[row.id] = _find_segments(read_maps(dataset, row), dataset.taxonomy)
        photo = {"id": ids[row.id], "file_name": f"{row.id}.jpg", "width": row.width, "height": row.height}
        license = 1 + licenses.index((row.license or "unknown", row.license_url))
        shown.append({**photo, "license": license, "coco_url": row.source_url})
        annotations.append({"image_id": ids[row.id], "file_name": f"{row.id}.png", "segments_info": found[row.id]})
    said = {
        "info": {"description": "landscapes with label maps"},
        "licenses": [{"id": id, "name": name, "url": url} for id, (name, url) in enumerate(licenses, start=1)],
        "images": shown,
        "annotations": annotations,
        "categories": categories,
    }
    return (json.dumps(said, ensure_ascii=False) + "\n").encode()


def _read_segments(path: Path | None) -> dict[str, list[dict[str, Any]]]:
    """Id of a photo -> its segments, as such a file says them; nothing where it cannot be read."""
    if path is None:
        return {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))["annotations"]
        return {one["file_name"].removesuffix(".png"): one["segments_info"] for one in said}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _categories(taxonomy: Taxonomy) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id + 1,
            "name": one.name,
            "supercategory": one.name,
            "isthing": int(one.thing),
            "color": list(one.colour),
        }
        for one in taxonomy.categories
    ]


def _photo_ids(rows: list[Row]) -> dict[str, int]:
    """Whole numbers, as the format asks for them, that stay the same when photos are added; below 2**52."""
    ids: dict[str, int] = {}
    taken: set[int] = set()
    for row in rows:
        number = int(digest(row.id.encode())[:13], 16)
        while number in taken:
            number += 1
        taken.add(number)
        ids[row.id] = number
    return ids
