"""Small regions go to the neighbour that is the most probable there."""

import numpy as np
import pytest

from pipeline.classes import UNKNOWN
from pipeline.segmenters.clean import absorb_small_regions, without_small_regions

SKY, SEA, TREE = 0, 6, 8
CLASSES = (SKY, SEA, TREE, UNKNOWN)


def probabilities_of(*shares: float) -> np.ndarray:
    """The same probabilities of CLASSES at every pixel: (4, 1, 1) float32."""
    return np.array(shares, np.float32)[:, None, None]


@pytest.fixture
def halves() -> np.ndarray:
    """Sky over sea, 20 x 20."""
    ids = np.full((20, 20), SKY, np.uint8)
    ids[10:] = SEA
    return ids


def test_a_small_region_takes_the_class_around_it(halves):
    ids = halves.copy()
    ids[3:5, 3:5] = TREE

    cleaned = absorb_small_regions(ids, probabilities_of(0.1, 0.7, 0.2, 0.0), CLASSES, 5 / 400)

    assert (cleaned == halves).all()


def test_between_two_neighbours_the_more_probable_one_wins(halves):
    ids = halves.copy()
    ids[9:11, 5:7] = TREE

    to_sky = absorb_small_regions(ids, probabilities_of(0.4, 0.3, 0.3, 0.0), CLASSES, 5 / 400)
    to_sea = absorb_small_regions(ids, probabilities_of(0.3, 0.4, 0.3, 0.0), CLASSES, 5 / 400)

    assert (to_sky[9:11, 5:7] == SKY).all()
    assert (to_sea[9:11, 5:7] == SEA).all()


def test_a_region_of_just_the_least_size_stays(halves):
    halves[3:5, 3:5] = TREE

    assert (absorb_small_regions(halves, probabilities_of(1, 0, 0, 0), CLASSES, 4 / 400) == halves).all()


def test_regions_that_touch_at_a_corner_are_two():
    ids = np.full((10, 10), SKY, np.uint8)
    ids[4, 4] = ids[5, 5] = TREE

    assert (absorb_small_regions(ids, probabilities_of(1, 0, 0, 0), CLASSES, 2 / 100) == SKY).all()


def test_small_unknown_regions_are_filled_and_large_ones_stay(halves):
    ids = halves.copy()
    ids[0, 0] = UNKNOWN
    ids[12:18, 2:18] = UNKNOWN

    cleaned = absorb_small_regions(ids, probabilities_of(0.9, 0.1, 0, 0), CLASSES, 5 / 400)

    assert cleaned[0, 0] == SKY
    assert (cleaned[12:18, 2:18] == UNKNOWN).all()


def test_no_small_region_is_left_in_noise():
    ids = np.random.default_rng(0).choice([SKY, SEA, TREE], (64, 64)).astype(np.uint8)

    cleaned = absorb_small_regions(ids, probabilities_of(0.5, 0.3, 0.2, 0.0), CLASSES, 1 / 100)
    again = absorb_small_regions(cleaned, probabilities_of(0.5, 0.3, 0.2, 0.0), CLASSES, 1 / 100)

    assert (again == cleaned).all()


@pytest.mark.parametrize("share", [0, 1])
def test_nothing_happens_where_nothing_is_asked_for_or_all_is_one_region(share):
    ids = np.full((4, 4), SKY, np.uint8)

    assert (absorb_small_regions(ids, probabilities_of(0, 1, 0, 0), CLASSES, share) == ids).all()


def test_the_map_that_is_given_stays_as_it_is(halves):
    halves[3, 3] = TREE
    before = halves.copy()

    absorb_small_regions(halves, probabilities_of(1, 0, 0, 0), CLASSES, 5 / 400)

    assert (halves == before).all()


def test_probabilities_of_a_small_region_are_exchanged_with_those_of_its_neighbour():
    probabilities = np.zeros((4, 10, 10), np.float32)
    probabilities[0] = 0.6
    probabilities[1] = 0.4
    probabilities[:, 4, 4] = (0.1, 0.2, 0.7, 0.0)

    cleaned = without_small_regions(probabilities, CLASSES, 2 / 100)

    assert (cleaned.argmax(axis=0) == 0).all()
    assert cleaned[:, 4, 4] == pytest.approx([0.7, 0.2, 0.1, 0.0])
    assert cleaned.sum(axis=0) == pytest.approx(np.ones((10, 10)))
