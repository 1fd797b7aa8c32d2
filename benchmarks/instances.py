"""How well the photo tells touching things apart: edges that are no label border, against those that are known."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.classes import load_taxonomy
from pipeline.images import read_labels, read_photo
from pipeline.instances import find_edges, find_instances
from pipeline.segmenters.given_instances import open_instances
from pipeline.sources.landscapes import draw

COCO = Path(__file__).parents[2] / "shared" / "data" / "coco_stuff_sample"
COCO_THINGS = tuple(range(91))
PEOPLE_AND_ANIMALS = (0, *range(15, 25))

TOLERANCE_PX = 4
"""An edge is right when one that is known lies within this distance; those as near to a label border do not count."""
SERIES, DRAWN, SCAN_PX, SIZE_PX = 13, 300, 128, 512
"""The settings of pipeline/instances.py were chosen on series 11 and 12 of drawn landscapes and on this COCO sample."""

Find = Callable[[np.ndarray, np.ndarray | None, Sequence[int]], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Case:
    """labels: (H, W) uint8.  photo: (H, W, 3) uint8 RGB.  truth: (H, W) uint16, what is one thing has one number."""

    labels: np.ndarray
    photo: np.ndarray
    truth: np.ndarray
    things: tuple[int, ...]


@dataclass(kw_only=True)
class Score:
    """Counts of pixels, and of pictures in which something should be split, or was."""

    found: int = 0
    found_right: int = 0
    known: int = 0
    known_found: int = 0
    pictures: int = 0
    to_split: int = 0
    split: int = 0
    milliseconds: float = 0.0

    def line(self, name: str) -> str:
        precision, recall = self.found_right / max(self.found, 1), self.known_found / max(self.known, 1)
        return (
            f"{name:34s} {self.pictures:4d} {self.to_split:8d} {self.split:6d} {self.found:8d} {self.known:8d} "
            f"{precision:10.0%} {recall:7.0%} {self.milliseconds / max(self.pictures, 1):8.1f}"
        )


def main() -> None:
    cv2.setNumThreads(1)
    print(f"edges that are no label border, within {TOLERANCE_PX} px; ms is what the photo adds, a picture, one core")
    print(f"{'':34s}    N to split  split found px known px  precision  recall       ms")
    touching, alone = drawn_houses()
    print(score(touching).line(f"drawn, {SIZE_PX} px, houses that touch"))
    print(score(alone).line(f"drawn, {SIZE_PX} px, houses that do not"))
    if not COCO.is_dir():
        sys.exit(f"no COCO sample at {COCO}: its lines are left out")
    print(score(coco(PEOPLE_AND_ANIMALS)).line("COCO sample, people and animals"))
    print(score(coco(COCO_THINGS)).line("COCO sample, all things"))


def score(cases: Sequence[Case], find: Find = find_instances) -> Score:
    total = Score()
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * TOLERANCE_PX + 1,) * 2)
    for case in cases:
        find(case.labels, None, case.things)
        begin = time.process_time()
        without = find(case.labels, None, case.things)
        middle = time.process_time()
        ids = find(case.labels, case.photo, case.things)
        total.milliseconds += 1000 * (time.process_time() - 2 * middle + begin)
        near_border = cv2.dilate(find_edges(without).view(np.uint8), reach) > 0
        found, known = (find_edges(one) & ~near_border for one in (ids, case.truth))
        near_found, near_known = (cv2.dilate(one.view(np.uint8), reach) > 0 for one in (found, known))
        total.pictures += 1
        total.to_split += bool(known.any())
        total.split += bool(found.any())
        total.found += int(found.sum())
        total.found_right += int((found & near_known).sum())
        total.known += int(known.sum())
        total.known_found += int((known & near_found).sum())
    return total


def drawn_houses() -> tuple[list[Case], list[Case]]:
    """Drawn landscapes in which two houses touch, and as many with houses that do not; only houses count."""
    building = load_taxonomy().id_of("building")
    touching, alone = [], []
    for index in range(DRAWN):
        small = draw(index, seed=SERIES, size=SCAN_PX)
        houses = np.where(small.labels == building, small.instances, 0)
        if houses.any() and (_touch(houses) or len(alone) < len(touching)):
            large = draw(index, seed=SERIES, size=SIZE_PX)
            truth = find_instances(large.labels, None, (building,), segments=large.instances)
            case = Case(labels=large.labels, photo=large.photo, truth=truth, things=(building,))
            (touching if _touch(houses) else alone).append(case)
    return touching, alone


def coco(things: tuple[int, ...]) -> list[Case]:
    """The pictures of the COCO sample that show such things, told apart as its instance maps tell them."""
    cases = []
    for split in ("train", "val"):
        given = open_instances(COCO / f"{split}_inst")
        for path in sorted((COCO / f"{split}_label").glob("*.png")):
            labels = read_labels(path)
            if np.isin(labels, things).any():
                segments = given.find(path.name, labels.shape)
                photo = read_photo(COCO / f"{split}_img" / f"{path.stem}.jpg")
                truth = find_instances(labels, None, things, segments=segments)
                cases.append(Case(labels=labels, photo=photo, truth=truth, things=things))
    return cases


def _touch(ids: np.ndarray) -> bool:
    pairs = ((ids[:, 1:], ids[:, :-1]), (ids[1:], ids[:-1]))
    return sum(int(((one != other) & (one > 0) & (other > 0)).sum()) for one, other in pairs) >= SCAN_PX // 32


if __name__ == "__main__":
    main()
