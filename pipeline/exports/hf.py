"""An imagefolder of the library `datasets`: a folder a split, and a metadata.jsonl that names the files of a photo."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipeline import images
from pipeline.exports.dataset import Dataset, read_maps
from pipeline.exports.layout import Content, Piece, made_from, text_piece
from pipeline.exports.photos import facts
from pipeline.rows import Row

NAME = "hf"
TEXT = 'train/metadata.jsonl, train/images, ...: what datasets.load_dataset("imagefolder") and the hub read'
NEEDS = ("file_name", "label_file_name", "instance_file_name")
FOLDERS = {"train": "train", "val": "validation", "test": "test"}
"""Split -> what `datasets` calls it."""
CONFIGS = {folder: f"{folder}/**" for folder in FOLDERS.values()}
READING = """\
    import datasets, numpy
    data = datasets.load_dataset("imagefolder", data_dir="this folder")
    photo = data["train"][0]
    photo["image"], numpy.array(photo["label"]), numpy.array(photo["instance"])

`label` is an indexed picture: shown, it has the colours of the classes; as an array, a pixel is its class id, and 255
is unknown. `instance` is a 16-bit picture: a pixel is the number of its segment, and 0 is unknown."""

VERSION = 1
MADE_FROM = ("image", "label", "instance")
COLUMNS = (
    *("id", "original_name", "width", "height", "group", "label_model", "label_confidence", "title", "creator"),
    *("creator_url", "license", "license_url", "source", "source_page", "source_url"),
)
"""What metadata.jsonl says of a photo besides its files. Dates of capture stand in photos.csv alone: the library would
take a split in which all are known for moments, and one in which some are not for text, and refuse the two together."""
MOMENT = r"\d{4}-\d\d-\d\d([ T]\d\d(:?\d\d(:?\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?)?"
"""A text that the library takes for a moment."""
LARGEST_FOLDER = 10_000
"""Files that the hub takes in one folder."""


def places(row: Row) -> dict[str, str]:
    folder = FOLDERS[row.split]
    return {
        "file_name": f"{folder}/images/{row.id}.jpg",
        "label_file_name": f"{folder}/labels/{row.id}.png",
        "instance_file_name": f"{folder}/instances/{row.id}.png",
    }


def pieces(dataset: Dataset) -> Iterator[Piece]:
    for row in dataset.rows:
        files = tuple(places(row).values())
        key = made_from(NAME, VERSION, [row], MADE_FROM)
        yield Piece(files=files, made_from=key, make=lambda row=row: _make(dataset, row), photos=1)
    columns = _columns(dataset)
    for split in dataset.splits:
        yield text_piece(f"{FOLDERS[split]}/metadata.jsonl", _metadata(dataset.of(split), columns))


def advice(dataset: Dataset, folder: Path) -> list[str]:
    lines = [f'datasets.load_dataset("imagefolder", data_dir={json.dumps(str(folder))})']
    if max(dataset.splits.values(), default=0) > LARGEST_FOLDER:
        lines.append(f"the hub takes {LARGEST_FOLDER:,} files a folder at most: for it, export as webdataset")
    return lines


def read_instances(path: Path) -> np.ndarray:
    """An instance map as it stands there: (H, W) uint16.

    Raises: PhotoError when the file is gone, or no such map.
    """
    return images.read_instances(path)


def _make(dataset: Dataset, row: Row) -> dict[str, Content]:
    read_maps(dataset, row)
    resolve = dataset.workspace.resolve
    return {place: resolve(getattr(row, column)) for column, place in places(row).items()}


def _columns(dataset: Dataset) -> tuple[str, ...]:
    """Those of COLUMNS that have the same type in every split, as the library guesses it."""
    return tuple(name for name in COLUMNS if not any(_is_misread(name, dataset.of(split)) for split in dataset.splits))


def _is_misread(name: str, rows: list[Row]) -> bool:
    values = [getattr(row, name) for row in rows]
    are_moments = all(isinstance(value, str) and re.fullmatch(MOMENT, value) for value in values)
    return None in values or are_moments


def _metadata(rows: list[Row], columns: tuple[str, ...]) -> bytes:
    """A line a photo; paths lead from the folder of the split."""
    lines = []
    for row in rows:
        files = {column: place.partition("/")[2] for column, place in places(row).items()}
        said = facts(row)
        lines.append(json.dumps({**files, **{name: said[name] for name in columns}}, ensure_ascii=False) + "\n")
    return "".join(lines).encode()
