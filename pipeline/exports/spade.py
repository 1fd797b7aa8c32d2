"""The folders that the reference implementation of SPADE reads, for its dataset mode `custom`."""

import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import images
from pipeline.exports.dataset import Dataset, read_maps
from pipeline.exports.ids import from_8_bit, to_8_bit
from pipeline.exports.layout import Content, Piece, made_from
from pipeline.rows import Row

NAME = "spade"
TEXT = "train_img, train_label, train_inst, ...: the folders of the reference implementation of SPADE"
NEEDS = ("file_name", "label_file_name", "instance_file_name")
CONFIGS: dict[str, str] = {}
READING = """\
`train_img` holds the photos, `train_label` the label maps (8-bit grey, a pixel is its class id, 255 is unknown),
`train_inst` the instance maps (8-bit grey); the same for `val` and `test`. In an instance map, 0 is unknown. Up to 255
segments have a number each; where there are more, numbers are shared by segments that do not touch, so the edges are
those of the 16-bit maps that they were made from. The reference implementation of SPADE is told

    --dataset_mode custom --label_dir train_label --image_dir train_img --instance_dir train_inst
    --label_nc {classes} --contain_dontcare_label"""

VERSION = 1
"""Part of what files are made from: another way of writing them is another version."""
PHASES = (("train", ("train",)), ("test", ("val", "test", "train")))
"""The reference's scripts, and the splits that each would be given, the first that there is."""


def places(row: Row) -> dict[str, str]:
    return {
        "file_name": f"{row.split}_img/{row.id}.jpg",
        "label_file_name": f"{row.split}_label/{row.id}.png",
        "instance_file_name": f"{row.split}_inst/{row.id}.png",
    }


def pieces(dataset: Dataset) -> Iterator[Piece]:
    for row in dataset.rows:
        files = tuple(places(row).values())
        # The reference sees nothing of instance ids but where they differ: what has the same edges is the same to it.
        kinds = ("image", "label", "edge" if "edge" in row.digests else "instance")
        key = made_from(NAME, VERSION, [row], kinds)
        yield Piece(files=files, made_from=key, make=partial(_make, dataset, row), photos=1)


def advice(dataset: Dataset, folder: Path) -> list[str]:
    lines = []
    for script, splits in PHASES:
        split = next((split for split in splits if split in dataset.splits), "")
        if split and (script != "train" or split == "train"):
            lines.append(shlex.join(["python", f"{script}.py", *_flags(dataset, folder, split)]))
    return lines


def read_instances(path: Path) -> np.ndarray:
    """An instance map as it stands there, in 16 bits.

    Raises: PhotoError when the file is gone, or no such map.
    """
    ids = images.read_ids(path)
    return from_8_bit(ids) if ids.dtype == np.uint8 else ids


def _make(dataset: Dataset, row: Row) -> dict[str, Content]:
    maps = read_maps(dataset, row)
    labels, instances = images.encode_grey(maps.labels), images.encode_grey(to_8_bit(maps.instances))
    return dict(zip(places(row).values(), (dataset.photo(row), labels, instances), strict=True))


def _flags(dataset: Dataset, folder: Path, split: str) -> list[str]:
    said = {"label_dir": "label", "image_dir": "img", "instance_dir": "inst"}
    folders = [word for flag, kind in said.items() for word in (f"--{flag}", str(folder / f"{split}_{kind}"))]
    classes = ["--label_nc", str(len(dataset.taxonomy)), "--contain_dontcare_label"]
    return ["--name", folder.name, "--dataset_mode", "custom", *folders, *classes]
