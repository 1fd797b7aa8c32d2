"""How often each class of the embedded segmenter is right, on photos that it has not learned from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.classes import UNKNOWN, Taxonomy, load_taxonomy, translate, vocabulary_names
from pipeline.images import read_labels, read_photo
from pipeline.segmenters.embedded import lessons
from pipeline.segmenters.embedded.score import EIGHT, label, read_lookup
from pipeline.segmenters.embedded.teacher import open_teacher
from pipeline.segmenters.embedded.train import PARENTS
from pipeline.segmenters.merge import merged_ids
from pipeline.segmenters.network import NetworkSegmenter

OPEN = 254
"""A pixel whose class is not known; 255 is of no class of landscape."""
STANFORD, TEACHER, COCO = "hands, Stanford val", "teacher, unlabelled", "hands, COCO sample"
INSTEAD = {**PARENTS, "clouds": "sky", "fog": "sky", "snow": "unknown", "gravel": "dirt"}
"""What the segmenter should say of classes that it does not offer."""
LEAST_SHARE = 0.0005
"""Of a class that is said of fewer of the pixels, nothing is said."""
DOUBTFUL = 0.65
"""Of a class whose precision is lower, it is said what its pixels are instead."""
LEAST_MISTAKE = 0.05
"""Mistakes that are rarer are left out."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Who says what is on a photo.    meaning: (256,) uint8, class id of landscape -> its id there.    names: by id."""

    name: str
    meaning: np.ndarray
    names: Mapping[int, str]


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A photo, and what is on it.

    pixels: (H, W, 3) uint8 RGB.    ids: (h, w) uint8, the source's, OPEN where it says nothing.
    """

    source: Source
    pixels: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Precision:
    """How often a class is right where it is said.

    value: share of the pixels said to be of it that are, 0 to 1.    share: of all pixels, 0 to 1.
    photos: on how many it is said.    instead: what else its pixels are, and how many of 1, the most first.
    """

    value: float
    share: float
    photos: int
    instead: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Judged:
    """photos: source -> how many.    classes: class -> source -> its precision there."""

    photos: Mapping[str, int]
    classes: Mapping[str, Mapping[str, Precision]]


@dataclass(kw_only=True)
class _Count:
    """Of one source: how many photos; pixels by what was said and what is so; photos on which each class was said."""

    source: Source
    photos: int = 0
    pixels: np.ndarray = field(default_factory=lambda: np.zeros((256, 256), np.int64))
    said_on: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))

    def add(self, seen: np.ndarray, ids: np.ndarray) -> None:
        known = ids != OPEN
        pairs = seen[known].astype(np.int64) * 256 + ids[known]
        found = np.bincount(pairs, minlength=256 * 256).reshape(256, 256)
        self.photos += 1
        self.pixels += found
        self.said_on += found.any(axis=1)

    def precision(self, id: int) -> Precision:
        shares = self.pixels[id] / max(self.pixels[id].sum(), 1)
        own = int(self.source.meaning[id])
        others = [(self.source.names[other], float(shares[other])) for other in np.argsort(-shares) if shares[other]]
        return Precision(
            value=float(shares[own]),
            share=float(self.pixels[id].sum() / max(self.pixels.sum(), 1)),
            photos=int(self.said_on[id]),
            instead=tuple(one for one in others if one[0] != self.source.names[own]),
        )


def judge(segmenter: NetworkSegmenter, truths: Iterable[Truth]) -> Judged:
    """The precision of each class that the segmenter offers, by source.

    segmenter: of the taxonomy `landscape`.
    """
    counts: dict[str, _Count] = {}
    for truth in truths:
        count = counts.setdefault(truth.source.name, _Count(source=truth.source))
        count.add(label(segmenter, truth.pixels, truth.ids.shape), truth.ids)
    offered = {**{name: load_taxonomy().id_of(name) for name in segmenter.reached}, "unknown": UNKNOWN}
    return Judged(
        photos={source: count.photos for source, count in counts.items()},
        classes={
            name: {source: count.precision(id) for source, count in counts.items()} for name, id in offered.items()
        },
    )


def as_table(judged: Judged) -> str:
    """In Markdown, a line a class: precision, and in brackets the share of the pixels and the number of photos."""
    heads = [f"{source}, {number} photos" for source, number in judged.photos.items()]
    lines = ["| class | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for name, entry in judged.classes.items():
        cells = [
            f"{one.value:.2f} ({one.share:.1%}, {one.photos})" if one.share > LEAST_SHARE else "-"
            for one in entry.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def list_mistakes(judged: Judged) -> list[str]:
    """One line for each class that is wrong about as often as right by one of the sources: what its pixels are."""
    lines = []
    for name, entry in judged.classes.items():
        for source, one in entry.items():
            if one.value < DOUBTFUL and one.share > LEAST_SHARE:
                instead = ", ".join(f"{other} {share:.2f}" for other, share in one.instead if share >= LEAST_MISTAKE)
                lines.append(f"{name} is right in {one.value:.2f} by {source}; else it is {instead}")
    return lines


def list_truths(segmenter: NetworkSegmenter, data: Path) -> Iterator[Truth]:
    """Photos that the segmenter has not learned from: of Stanford val by its eight classes, of the others by landscape.

    data: the folder that holds stanford_background, pixabay_landscapes, coco_stuff_sample, weights and classes.
    """
    taxonomy = load_taxonomy()
    eight = Source(name=STANFORD, meaning=read_lookup(data), names=dict(enumerate(EIGHT)))
    for photo in lessons.list_stanford(data, "val"):
        hands = lessons.read_hands(photo)
        ids = np.where(hands == lessons.OPEN, OPEN, hands)
        yield Truth(source=eight, pixels=read_photo(photo), ids=ids)

    own = {"meaning": np.arange(256, dtype=np.uint8), "names": {**dict(enumerate(taxonomy.names)), UNKNOWN: "unknown"}}
    to_offered = _read_offered(merged_ids(segmenter.targets), taxonomy)
    unlabelled, teacher = Source(name=TEACHER, **own), open_teacher(data / "weights")
    names = np.array([taxonomy.id_of(name) if name in taxonomy.names else UNKNOWN for name in teacher.names], np.uint8)
    corrections = lessons.read_corrections()
    for photo in lessons.list_unlabelled(data, judged=True):
        beliefs = lessons.correct(lessons.ask(photo, teacher).beliefs, photo, teacher, corrections).numpy()
        sure = beliefs.max(axis=0) >= lessons.CONFIDENT
        ids = np.where(sure, to_offered[names[beliefs.argmax(axis=0)]], OPEN).astype(np.uint8)
        yield Truth(source=unlabelled, pixels=read_photo(photo), ids=ids)

    coco, words = Source(name=COCO, **own), vocabulary_names("cocostuff")
    lookup = np.full(256, OPEN, np.uint8)
    lookup[: len(words)] = to_offered[translate(words, taxonomy)]
    for photo in sorted((data / "coco_stuff_sample").glob("*_img/*.jpg")):
        folder = photo.parent.with_name(photo.parent.name.replace("img", "label"))
        yield Truth(source=coco, pixels=read_photo(photo), ids=lookup[read_labels(folder / f"{photo.stem}.png")])


def _read_offered(ids: Sequence[int], taxonomy: Taxonomy) -> np.ndarray:
    """(256,) uint8: each id of landscape, or of what should be said where the segmenter does not offer that class."""
    lookup = np.arange(256, dtype=np.uint8)
    for word, instead in INSTEAD.items():
        if taxonomy.id_of(word) not in ids:
            lookup[taxonomy.id_of(word)] = taxonomy.id_of(instead) if instead in taxonomy.names else UNKNOWN
    return lookup
