"""Scores of the embedded segmenter on Stanford Background, as ../shared/tools/score_labels.py would count them.

python -m pipeline.segmenters.embedded.score --data ../shared/data
"""

import argparse
import csv
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from pipeline.classes import load_taxonomy, translate
from pipeline.images import read_labels, read_photo
from pipeline.segmenters.embedded import network
from pipeline.segmenters.merge import label, merge, merged_ids

EIGHT = ("sky", "tree", "road", "grass", "water", "building", "mountain", "foreground")
QUALITIES = {"fast": ((1.0,), False), "balanced": ((1.0,), True), "best": ((0.75, 1.0, 1.25), True)}
"""Name -> the scales, and whether the mirror image is looked at too."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """photos: how many.    pixel_accuracy, mean_iou: 0 to 1.    iou: of each of the eight, in order."""

    photos: int
    pixel_accuracy: float
    mean_iou: float
    iou: tuple[float, ...]


@torch.inference_mode()
def look(
    model: network.DeepLabV3Plus, targets: Sequence[int], pixels: np.ndarray, scale: float, *, mirrored: bool
) -> Tensor:
    """Probabilities of one view of a photo: (K, h, w) float32, in the order of `merged_ids`.

    targets: for each output of the model the class id that it stands for, UNKNOWN for none.
    """
    x = network.to_input(pixels, scale)
    x = x.flip(3) if mirrored else x
    probabilities = merge(model(x.contiguous(memory_format=torch.channels_last)), targets)
    return probabilities.flip(2) if mirrored else probabilities


def average(views: Sequence[Tensor]) -> Tensor:
    """The mean of several views, on the grid of the finest: (K, h, w) float32."""
    size = max((view.shape[1:] for view in views), key=lambda shape: shape[0] * shape[1])
    grown = [
        F.interpolate(view[None], size=size, mode="bilinear", align_corners=network.ALIGN_CORNERS)[0] for view in views
    ]
    return torch.stack(grown).mean(dim=0)


def score(
    model: network.DeepLabV3Plus, names: Sequence[str], data: Path, split: str, most_photos: int | None = None
) -> dict[str, Score]:
    """The score for each quality.

    names: what the model's outputs mean.    split: train or val.    most_photos: None for all.
    """
    targets = translate(names, load_taxonomy())
    to_eight = read_lookup(data)
    folder = data / "stanford_background"
    stems = (folder / f"{split}.txt").read_text(encoding="utf-8").split()[:most_photos]
    confusions = {quality: np.zeros((8, 8), np.int64) for quality in QUALITIES}
    for stem in stems:
        pixels = read_photo(folder / "images" / f"{stem}.jpg")
        hands = read_labels(folder / "labels" / f"{stem}.png")
        seen = hands < len(EIGHT)
        views = {
            (scale, mirrored): look(model, targets, pixels, scale, mirrored=mirrored)
            for scale in QUALITIES["best"][0]
            for mirrored in (False, True)
        }
        for quality, (scales, mirrors) in QUALITIES.items():
            chosen = [view for (scale, mirrored), view in views.items() if scale in scales and mirrored <= mirrors]
            made = label(average(chosen).numpy(), merged_ids(targets), hands.shape, align_corners=network.ALIGN_CORNERS)
            pairs = hands[seen].astype(np.int64) * 8 + to_eight[made.ids[seen]]
            confusions[quality] += np.bincount(pairs, minlength=64).reshape(8, 8)
    return {quality: _count(confusion, len(stems)) for quality, confusion in confusions.items()}


def show(scores: dict[str, Score], split: str) -> str:
    """A table in Markdown, a line a quality."""
    photos = next(iter(scores.values())).photos
    lines = [f"Stanford Background, {split}, {photos} photos", ""]
    lines.append("| quality | pixel accuracy | mIoU | " + " | ".join(EIGHT) + " |")
    lines.append("|---" * (3 + len(EIGHT)) + "|")
    for quality, entry in scores.items():
        values = " | ".join(f"{value:.3f}" for value in entry.iou)
        lines.append(f"| {quality} | {entry.pixel_accuracy:.4f} | {entry.mean_iou:.4f} | {values} |")
    return "\n".join(lines)


def _count(confusion: np.ndarray, photos: int) -> Score:
    """confusion: (8, 8), rows are the hands'."""
    hits = np.diag(confusion)
    iou = hits / np.maximum(confusion.sum(0) + confusion.sum(1) - hits, 1)
    accuracy = hits.sum() / max(confusion.sum(), 1)
    return Score(
        photos=photos, pixel_accuracy=float(accuracy), mean_iou=float(iou.mean()), iou=tuple(float(v) for v in iou)
    )


def read_lookup(data: Path) -> np.ndarray:
    """(256,) uint8: class id of landscape -> Stanford's id; unknown is foreground."""
    taxonomy = load_taxonomy()
    lookup = np.full(256, EIGHT.index("foreground"), np.uint8)
    with (data / "classes/stanford8.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["landscape"] in taxonomy.names:
                lookup[taxonomy.id_of(line["landscape"])] = int(line["stanford8_id"])
    return lookup


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds stanford_background")
    parser.add_argument("--weights", type=Path, default=network.WEIGHTS, help="default: those in the package")
    parser.add_argument("--split", choices=["train", "val"], default="val")
    options = parser.parse_args(arguments)

    started = time.perf_counter()
    model = network.build(load_file(options.weights)).to(memory_format=torch.channels_last)
    scores = score(model, network.names(options.weights), options.data, options.split)
    print(show(scores, options.split))
    print(f"\n{time.perf_counter() - started:.0f} s on {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
