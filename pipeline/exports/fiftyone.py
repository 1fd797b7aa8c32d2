"""A folder that FiftyOne imports as ImageSegmentationDirectory: data, labels, and nothing to program."""

import json
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import images
from pipeline.classes import UNKNOWN
from pipeline.exports.dataset import Dataset, read_maps
from pipeline.exports.layout import Content, Piece, made_from, text_piece
from pipeline.rows import Row

NAME = "fiftyone"
TEXT = "data/train, labels/train, ...: a dataset to look at in FiftyOne"
NEEDS = ("file_name", "label_file_name")
CONFIGS: dict[str, str] = {}
READING = """\
    fiftyone app view --dataset-dir . --type fiftyone.types.ImageSegmentationDirectory

`data/train` holds the photos and `labels/train` the label maps; the same for `val` and `test`. FiftyOne shows nothing
where a map is 0. So 0 is unknown here, and every other pixel is its class id plus 1. `mask_targets.json` names them:

    dataset.default_mask_targets = {int(id): name for id, name in json.load(open("mask_targets.json")).items()}

This keeps the rules of FiftyOne's documentation; nobody has run it there."""

VERSION = 1
MADE_FROM = ("image", "label")
TYPE = "fiftyone.types.ImageSegmentationDirectory"


def places(row: Row) -> dict[str, str]:
    return {"file_name": f"data/{row.split}/{row.id}.jpg", "label_file_name": f"labels/{row.split}/{row.id}.png"}


def pieces(dataset: Dataset) -> Iterator[Piece]:
    for row in dataset.rows:
        files = tuple(places(row).values())
        key = made_from(NAME, VERSION, [row], MADE_FROM)
        yield Piece(files=files, made_from=key, make=partial(_make, dataset, row), photos=1)
    names = {str(one.id + 1): one.name for one in dataset.taxonomy.categories}
    yield text_piece("mask_targets.json", (json.dumps(names, indent=2, ensure_ascii=False) + "\n").encode())


def advice(dataset: Dataset, folder: Path) -> list[str]:
    return [shlex.join(["fiftyone", "app", "view", "--dataset-dir", str(folder), "--type", TYPE])]


def _make(dataset: Dataset, row: Row) -> dict[str, Content]:
    labels = read_maps(dataset, row, instances=False).labels
    shown = np.where(labels == UNKNOWN, 0, labels + np.uint8(1)).astype(np.uint8)
    return dict(zip(places(row).values(), (dataset.photo(row), images.encode_grey(shown)), strict=True))
