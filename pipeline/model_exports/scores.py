"""The scores of a checkpoint as one evaluation has measured them, and what real photos have beside them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SPLITS = ("train", "val", "test")
"""Of these the last that was judged by is told of: no checkpoint was chosen by it, and nothing was learned from it."""
REAL = "real photos"
"""Whose lines say what the photos themselves have."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number of an evaluation.

    low, high: between which 95 of 100 measurements lie on other maps, or None.
    real: what real photos have in the place of pictures, or None where that was not measured.
    judge_digest: of the network that looked; "" for none.    learned_from: whether the run was taught by it.
    """

    metric: str
    value: float
    low: float | None
    high: float | None
    real: float | None
    style: str
    pictures: int
    judge_digest: str
    learned_from: bool


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What was found in one go.    photos: of the split, judged by.    seed: of the styles."""

    split: str
    photos: int
    width: int
    height: int
    seed: int
    scores: tuple[Score, ...]


def find_evaluation(
    lines: Iterable[Mapping[str, Any]], real: Iterable[Mapping[str, Any]], *, size: tuple[int, int]
) -> Evaluation | None:
    """The evaluation that says most of a checkpoint: by its split, then by most photos, then at the size of training.

    lines: of the checkpoint, from metrics.jsonl, the newest last.    real: lines of REAL, likewise.
    size: (width, height) in pixels of training.    Returns None when there is none.
    """
    known = [line for line in lines if _is_a_number(line)]
    # Only what compares as many pictures as photos says how many were judged by.
    whole = [(line, place) for place, line in enumerate(known) if line["pictures"] == line["photos"]]
    if not whole:
        return None

    def worth(one: tuple[Mapping[str, Any], int]) -> tuple[int, int, bool, int]:
        line, place = one
        return SPLITS.index(line["split"]), line["photos"], (line["width"], line["height"]) == size, place

    chosen, _ = max(whole, key=worth)
    newest = {}
    of_it = [line for line in known if _setup(line) == _setup(chosen) and line["pictures"] == chosen["photos"]]
    # How much pictures of one map differ is measured on some of the maps, and on no photos.
    of_it += sorted((line for line in known if _setup(line) == _setup(chosen) and not line["photos"]), key=_pictures)
    for line in of_it:
        newest[line["metric"], line["style"], line["judge_digest"]] = line
    beside = [line for line in real if _is_a_number(line) and _setup(line) == _setup(chosen)]
    scores = tuple(_score(line, beside) for line in newest.values())
    split, width, height, seed = _setup(chosen)
    return Evaluation(split=split, photos=chosen["photos"], width=width, height=height, seed=seed, scores=scores)


def _is_a_number(line: Mapping[str, Any]) -> bool:
    """Whether it is a line of all classes that says all that is asked for here."""
    counts = ("pictures", "photos", "width", "height", "seed")
    return (
        not line.get("class")
        and isinstance(line.get("value"), int | float)
        and line.get("split") in SPLITS
        and all(isinstance(line.get(name), int) for name in counts)
        and all(isinstance(line.get(name), str) for name in ("metric", "style", "judge_digest"))
    )


def _setup(line: Mapping[str, Any]) -> tuple[str, int, int, int]:
    return line["split"], line["width"], line["height"], line["seed"]


def _pictures(line: Mapping[str, Any]) -> int:
    return line["pictures"]


def _score(line: Mapping[str, Any], beside: Iterable[Mapping[str, Any]]) -> Score:
    real = None
    for one in beside:
        is_same = (one["metric"], one["judge_digest"]) == (line["metric"], line["judge_digest"])
        is_beside = (one["pictures"], one["photos"]) == (line["pictures"], line["photos"])
        are_halves = one["pictures"] + one["photos"] == line["pictures"] == line["photos"]
        if is_same and (is_beside or are_halves):
            real = one["value"]
    return Score(
        metric=line["metric"],
        value=line["value"],
        low=line.get("low"),
        high=line.get("high"),
        real=real,
        style=line["style"],
        pictures=line["pictures"],
        judge_digest=line["judge_digest"],
        learned_from=bool(line.get("learned_from")),
    )
