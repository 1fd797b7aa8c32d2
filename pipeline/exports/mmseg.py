"""The folders that mmsegmentation reads: img_dir and ann_dir, with the classes beside them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pipeline import images
from pipeline.classes import UNKNOWN, Taxonomy
from pipeline.exports.dataset import Dataset, read_maps
from pipeline.exports.layout import Content, Piece, made_from, text_piece
from pipeline.rows import Row

NAME = "mmseg"
TEXT = "img_dir/train, ann_dir/train, ...: what mmsegmentation reads, as it reads ADE20K"
NEEDS = ("file_name", "label_file_name")
CONFIGS: dict[str, str] = {}
READING = """\
`img_dir/train` holds the photos and `ann_dir/train` the label maps (8-bit grey, a pixel is its class id, 255 is left
out of loss and score); the same for `val` and `test`. `classes.txt` names the classes in the order of their ids. In a
config of mmsegmentation 1.x, `mmseg_dataset.py` stands among the `_base_` in the place of another data set, and the
model is told how many classes there are:

    model = dict(decode_head=dict(num_classes={classes}))

This keeps the rules of mmsegmentation's documentation; nobody has run it there."""

VERSION = 1
MADE_FROM = ("image", "label")
CONFIG = "mmseg_dataset.py"
PIPELINES = (
    "train_pipeline = [",
    "    dict(type='LoadImageFromFile'),",
    "    dict(type='LoadAnnotations', reduce_zero_label=False),",
    "    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),",
    "    dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),",
    "    dict(type='RandomFlip', prob=0.5),",
    "    dict(type='PackSegInputs'),",
    "]",
    "test_pipeline = [",
    "    dict(type='LoadImageFromFile'),",
    "    dict(type='Resize', scale=(2048, 512), keep_ratio=True),",
    "    dict(type='LoadAnnotations', reduce_zero_label=False),",
    "    dict(type='PackSegInputs'),",
    "]",
)
"""What is done to photos and maps on their way into a network; ids stay what they are."""


def places(row: Row) -> dict[str, str]:
    return {
        "file_name": f"img_dir/{row.split}/{row.id}.jpg",
        "label_file_name": f"ann_dir/{row.split}/{row.id}.png",
    }


def pieces(dataset: Dataset) -> Iterator[Piece]:
    for row in dataset.rows:
        files = tuple(places(row).values())
        key = made_from(NAME, VERSION, [row], MADE_FROM)
        yield Piece(files=files, made_from=key, make=partial(_make, dataset, row), photos=1)
    names = "".join(f"{name}\n" for name in dataset.taxonomy.names)
    yield text_piece("classes.txt", names.encode())
    yield text_piece(CONFIG, _config(dataset.taxonomy, list(dataset.splits)).encode())


def advice(dataset: Dataset, folder: Path) -> list[str]:
    return [f"_base_ = [{str(folder / CONFIG)!r}]"]


def _make(dataset: Dataset, row: Row) -> dict[str, Content]:
    labels = images.encode_grey(read_maps(dataset, row, instances=False).labels)
    return dict(zip(places(row).values(), (dataset.photo(row), labels), strict=True))


def _config(taxonomy: Taxonomy, splits: list[str]) -> str:
    """A file of settings as mmengine reads it, which puts the file's own folder in the place of {{ fileDirname }}."""
    lines = [*_classes(taxonomy), *PIPELINES]
    readers = {
        "train": ("train_pipeline", "dict(type='InfiniteSampler', shuffle=True)", 4),
        "val": ("test_pipeline", "dict(type='DefaultSampler', shuffle=False)", 1),
        "test": ("test_pipeline", "dict(type='DefaultSampler', shuffle=False)", 1),
    }
    for split in splits:
        pipeline, sampler, batch_size = readers[split]
        lines += [
            f"{split}_dataloader = dict(",
            f"    batch_size={batch_size},",
            "    num_workers=4,",
            f"    sampler={sampler},",
            "    dataset=dict(",
            "        type='BaseSegDataset',",
            "        data_root='{{ fileDirname }}',",
            f"        data_prefix=dict(img_path='img_dir/{split}', seg_map_path='ann_dir/{split}'),",
            "        metainfo=metainfo,",
            "        img_suffix='.jpg',",
            "        seg_map_suffix='.png',",
            f"        ignore_index={UNKNOWN},",
            "        reduce_zero_label=False,",
            f"        pipeline={pipeline},",
            "    ),",
            ")",
        ]
        if split != "train":
            lines.append(f"{split}_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])")
    return "\n".join(lines) + "\n"


def _classes(taxonomy: Taxonomy) -> list[str]:
    lines = ["metainfo = dict(", "    classes=("]
    lines += [f"        {one.name!r}," for one in taxonomy.categories]
    lines += ["    ),", "    palette=["]
    lines += [f"        {list(one.colour)}," for one in taxonomy.categories]
    return [*lines, "    ],", ")"]
