"""Tar shards as the library `webdataset` reads them: the same photos always make the same bytes."""

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pipeline import images
from pipeline.exports.dataset import Dataset, read_maps
from pipeline.exports.ids import encode_packed
from pipeline.exports.layout import Piece, made_from
from pipeline.exports.photos import facts
from pipeline.rows import Row

NAME = "webdataset"
TEXT = "train-000000.tar, ...: shards of 500 photos, for training that streams"
NEEDS = ("file_name", "label_file_name", "instance_file_name")
SHARDS = {"train": "train", "val": "validation", "test": "test"}
"""Split -> how the names of its shards begin, as `datasets` looks for them."""
CONFIGS = {name: f"{name}-*.tar" for name in SHARDS.values()}
READING = """\
    import webdataset
    for photo in webdataset.WebDataset("train-000000.tar", shardshuffle=False).decode("pil"):
        photo["jpg"], photo["label.png"], photo["instance.png"], photo["json"]

Each channel of a label map is the class id of a pixel, and 255 is unknown. In an instance map the number of a pixel's
segment is red + 256 green + 65536 blue, and 0 is unknown. A shard holds 500 photos, sorted by id."""

VERSION = 1
MADE_FROM = ("image", "label", "instance")
PHOTOS_A_SHARD = 500


def places(row: Row) -> dict[str, str]:
    return {}


def pieces(dataset: Dataset) -> Iterator[Piece]:
    for split in dataset.splits:
        rows = dataset.of(split)
        for number, first in enumerate(range(0, len(rows), PHOTOS_A_SHARD)):
            shard = rows[first : first + PHOTOS_A_SHARD]
            name = f"{SHARDS[split]}-{number:06d}.tar"
            said = [facts(row) for row in shard]
            yield Piece(
                files=(name,),
                made_from=made_from(NAME, VERSION, shard, MADE_FROM, said),
                make=lambda name=name, shard=shard: {name: partial(_write, dataset, shard)},
                photos=len(shard),
            )


def advice(dataset: Dataset, folder: Path) -> list[str]:
    lines = []
    for split, photos in dataset.splits.items():
        last = (photos - 1) // PHOTOS_A_SHARD
        number = f"{{000000..{last:06d}}}" if last else "000000"
        lines.append(f"webdataset.WebDataset({json.dumps(f'{folder}/{SHARDS[split]}-{number}.tar')}, shardshuffle=100)")
    return lines


def _write(dataset: Dataset, rows: Sequence[Row], file: BinaryIO) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for row in rows:
            maps = read_maps(dataset, row)
            members = {
                "jpg": dataset.photo(row).read_bytes(),
                "label.png": images.encode_grey(maps.labels),
                "instance.png": encode_packed(maps.instances.astype(np.int32)),
                "json": json.dumps(facts(row), ensure_ascii=False).encode(),
            }
            for kind, data in members.items():
                # What a header does not say is the same for everyone: no time, no owner.
                header = tarfile.TarInfo(f"{row.id}.{kind}")
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))
