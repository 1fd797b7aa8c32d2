"""Scores of the embedded segmenter on Stanford Background, whose photos hands have labelled in eight classes."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.classes import load_taxonomy
from pipeline.images import read_photo
from pipeline.segmenters.embedded import network
from pipeline.segmenters.embedded.lessons import list_stanford, read_hands
from pipeline.segmenters.network import NetworkSegmenter
from pipeline.segmenters.segmenter import QUALITIES, Options, Segmenter
from pipeline.segmenters.torch_file import open_file

EIGHT = ("sky", "tree", "road", "grass", "water", "building", "mountain", "foreground")


@dataclass(frozen=True, kw_only=True)
class Score:
    """photos: how many.    pixel_accuracy, mean_iou: 0 to 1.    iou: of each of the eight, in order."""

    photos: int
    pixel_accuracy: float
    mean_iou: float
    iou: tuple[float, ...]


def open_weights(path: Path, quality: str) -> NetworkSegmenter:
    """The segmenter in a weights file as it labels photos, computing in its exact way."""
    said = {"name": "embedded", "names": network.names(path), "taxonomy": load_taxonomy(), "device": "cpu"}
    return open_file(path, options=Options(quality=quality), **said)


def label(segmenter: Segmenter, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The label map of a photo: (height, width) uint8.    pixels: (H, W, 3) uint8 RGB.    size: (height, width)."""
    return segmenter.finish(segmenter.run(segmenter.prepare(pixels, "", size))).ids


def score(weights: Path, data: Path, split: str, most_photos: int | None = None) -> dict[str, Score]:
    """The score of a weights file at each quality.

    data: the folder that holds stanford_background and classes.    split: train or val.    most_photos: None for all.
    """
    to_eight = read_lookup(data)
    scores = {}
    for quality in QUALITIES:
        segmenter = open_weights(weights, quality)
        photos = list_stanford(data, split)[:most_photos]
        confusion = np.zeros((8, 8), np.int64)
        for photo in photos:
            hands = read_hands(photo)
            seen = hands < len(EIGHT)
            made = to_eight[label(segmenter, read_photo(photo), hands.shape)]
            confusion += np.bincount(hands[seen].astype(np.int64) * 8 + made[seen], minlength=64).reshape(8, 8)
        scores[quality] = _count(confusion, len(photos))
    return scores


def as_table(scores: Mapping[str, Score], split: str) -> str:
    """In Markdown, a line a quality."""
    photos = next(iter(scores.values())).photos
    lines = [f"Stanford Background, {split}, {photos} photos", ""]
    lines.append("| quality | pixel accuracy | mIoU | " + " | ".join(EIGHT) + " |")
    lines.append("|---" * (3 + len(EIGHT)) + "|")
    for quality, entry in scores.items():
        values = " | ".join(f"{value:.3f}" for value in entry.iou)
        lines.append(f"| {quality} | {entry.pixel_accuracy:.4f} | {entry.mean_iou:.4f} | {values} |")
    return "\n".join(lines)


def read_lookup(data: Path) -> np.ndarray:
    """(256,) uint8: class id of landscape -> Stanford's id; unknown is foreground."""
    taxonomy = load_taxonomy()
    lookup = np.full(256, EIGHT.index("foreground"), np.uint8)
    with (data / "classes/stanford8.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["landscape"] in taxonomy.names:
                lookup[taxonomy.id_of(line["landscape"])] = int(line["stanford8_id"])
    return lookup


def _count(confusion: np.ndarray, photos: int) -> Score:
    """confusion: (8, 8), rows are the hands'."""
    hits = np.diag(confusion)
    iou = hits / np.maximum(confusion.sum(0) + confusion.sum(1) - hits, 1)
    accuracy = hits.sum() / max(confusion.sum(), 1)
    return Score(
        photos=photos, pixel_accuracy=float(accuracy), mean_iou=float(iou.mean()), iou=tuple(float(v) for v in iou)
    )
