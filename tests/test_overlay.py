"""Things of Mask R-CNN over another segmenter's label maps; a network of the test's own plays Mask R-CNN."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.segmenters.overlay import LONGEST_SIDE_PX, Overlay, over
from pipeline.segmenters.segmenter import Labelling

COCOSTUFF, LANDSCAPE = load_taxonomy("cocostuff"), load_taxonomy()
NAMES = ("__background__", "person", "N/A", "boat")
PERSON, BOAT = 1, 3
PHOTO = np.zeros((40, 80, 3), np.uint8)


class Finding(nn.Module):
    """Finds the same boxes in every photo: (label, score, left, top, right, bottom), the last four as shares."""

    def __init__(self, *found: tuple[int, float, float, float, float, float]) -> None:
        super().__init__()
        self.found = found
        self.seen: list[tuple[int, ...]] = []

    def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
        _, height, width = images[0].shape
        self.seen.append((height, width))
        masks = torch.zeros(len(self.found), 1, height, width)
        for mask, (_, _, left, top, right, bottom) in zip(masks, self.found, strict=True):
            mask[0, round(top * height) : round(bottom * height), round(left * width) : round(right * width)] = 1
        labels = torch.tensor([label for label, *_ in self.found], dtype=torch.int64)
        return [{"labels": labels, "scores": torch.tensor([one[1] for one in self.found]), "masks": masks}]


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A segmenter that finds the first class everywhere."""

    name: str = "plain"
    digest: str = "0123"
    license: str = "MIT"
    reached: tuple[str, ...] = ("person",)
    parameters: Mapping[str, str] = field(default_factory=lambda: {"quality": "fast"})
    looks_at_px: int = 300
    outputs: tuple[str, ...] = ("sky",)
    is_many_handed: bool = False
    numerics: str = "float32"
    numerics_choices: tuple[str, ...] = ("float32", "other")

    def computing(self, numerics: str) -> "Plain":
        return Plain(numerics=numerics)

    def input_digest(self, original_name: str) -> str:
        return f"digest of {original_name}"

    def prepare(self, pixels: np.ndarray, original_name: str, size: tuple[int, int]) -> tuple[int, int]:
        return size

    def run(self, prepared: tuple[int, int]) -> tuple[int, int]:
        return prepared

    def finish(self, result: tuple[int, int]) -> Labelling:
        return Labelling(ids=np.zeros(result, np.uint8), confidence=0.75)


def overlay(*found: tuple, taxonomy=COCOSTUFF, under: Plain = Plain()) -> Overlay:
    said = {"digest": "4567", "license": "BSD-3-Clause", "device": "cpu"}
    return over(under, Finding(*found), names=NAMES, taxonomy=taxonomy, **said)


def label(segmenter: Overlay, size: tuple[int, int] = (40, 80), photo: np.ndarray = PHOTO) -> Labelling:
    return segmenter.finish(segmenter.run(segmenter.prepare(photo, "lake.jpg", size)))


def test_a_thing_is_pasted_where_it_was_found():
    labelling = label(overlay((BOAT, 0.9, 0, 0, 0.5, 1)))

    boat = COCOSTUFF.id_of("boat")
    assert (labelling.ids[:, :40] == boat).all()
    assert (labelling.segments == np.where(labelling.ids == boat, 1, 0)).all()
    assert labelling.confidence == 0.75


def test_a_thing_that_the_taxonomy_has_not_becomes_unknown():
    labelling = label(overlay((BOAT, 0.9, 0, 0, 0.5, 1), taxonomy=LANDSCAPE))

    assert (labelling.ids[:, :40] == UNKNOWN).all()
    assert (labelling.ids[:, 40:] == 0).all()
    assert labelling.segments.max() == 1


def test_the_surer_thing_has_the_pixels():
    labelling = label(overlay((PERSON, 0.6, 0, 0, 0.75, 1), (BOAT, 0.9, 0.5, 0, 1, 1)))

    assert (labelling.ids[:, 40:] == COCOSTUFF.id_of("boat")).all()
    assert (labelling.segments[:, 40:] == 1).all()
    assert (labelling.segments[:, :40] == 2).all()


def test_a_photo_with_nothing_in_it_has_segments_without_a_thing():
    assert label(overlay()).segments.max() == 0


def test_the_label_map_may_be_larger_than_what_was_looked_at():
    labelling = label(overlay((BOAT, 0.9, 0, 0, 0.5, 1)), size=(160, 320))

    assert labelling.segments.shape == (160, 320)
    assert (labelling.segments == 1)[:, :159].all()


def test_a_large_photo_is_shrunk_first():
    segmenter = overlay((BOAT, 0.9, 0, 0, 0.5, 1))

    label(segmenter, size=(1000, 2000), photo=np.zeros((1000, 2000, 3), np.uint8))

    assert segmenter.network.seen == [(666, 1333)]


def test_it_says_what_both_networks_are():
    segmenter = overlay()

    assert segmenter.name == "plain+maskrcnn"
    assert segmenter.license == "MIT AND BSD-3-Clause"
    assert segmenter.digest not in ("0123", "4567", overlay(under=Plain(digest="89ab")).digest)
    assert segmenter.reached == ("person", "boat")
    assert segmenter.input_digest("lake.jpg") == "digest of lake.jpg"
    assert segmenter.parameters == {"quality": "fast"}


@pytest.mark.parametrize(("under_px", "expected"), [(300, LONGEST_SIDE_PX), (2048, 2048), (0, 0)])
def test_it_needs_the_photo_as_large_as_the_more_curious_of_both(under_px: int, expected: int):
    assert overlay(under=Plain(looks_at_px=under_px)).looks_at_px == expected


def test_computing_in_another_way_is_the_other_segmenters_matter():
    assert overlay().computing("other").numerics == "other"
