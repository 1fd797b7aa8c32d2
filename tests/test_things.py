"""Things pasted over a label map, on maps drawn by hand."""

import numpy as np

from pipeline.classes import UNKNOWN
from pipeline.segmenters.segmenter import Labelling
from pipeline.segmenters.things import Thing, paste

SKY, HOUSE = 0, 7


def labelling(segments: np.ndarray | None = None) -> Labelling:
    return Labelling(ids=np.zeros((2, 4), np.uint8), confidence=0.5, segments=segments)


def thing(text: str, id: int) -> Thing:
    """text: a row a word, # where the thing is."""
    return Thing(mask=np.array([[letter == "#" for letter in row] for row in text.split()]), id=id)


def test_a_thing_is_a_segment_and_its_pixels_are_of_its_class():
    pasted = paste(labelling(), [thing("##.. ##..", HOUSE)])

    assert pasted.ids.tolist() == [[HOUSE, HOUSE, SKY, SKY]] * 2
    assert pasted.segments.tolist() == [[1, 1, 0, 0]] * 2
    assert pasted.segments.dtype == np.uint16


def test_a_thing_of_no_class_is_a_segment_that_is_unknown():
    pasted = paste(labelling(), [thing("...# ...#", UNKNOWN)])

    assert pasted.ids.tolist() == [[SKY, SKY, SKY, UNKNOWN]] * 2
    assert pasted.segments.tolist() == [[0, 0, 0, 1]] * 2


def test_of_two_that_cover_each_other_the_first_has_the_pixels():
    pasted = paste(labelling(), [thing("##.. ....", HOUSE), thing(".### ....", HOUSE)])

    assert pasted.segments.tolist() == [[1, 1, 2, 2], [0, 0, 0, 0]]


def test_a_thing_of_which_half_is_taken_is_left_out():
    pasted = paste(labelling(), [thing("##.. ....", HOUSE), thing(".##. ....", UNKNOWN)])

    assert pasted.segments.tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]
    assert pasted.ids.tolist() == [[HOUSE, HOUSE, SKY, SKY], [SKY] * 4]


def test_a_thing_without_a_pixel_is_left_out():
    assert paste(labelling(), [thing(".... ....", HOUSE)]).segments.max() == 0


def test_segments_that_were_there_stay_where_no_thing_is():
    before = np.array([[5, 5, 9, 9], [0, 0, 9, 9]], np.uint16)

    pasted = paste(labelling(before), [thing("##.# ...#", HOUSE)])

    assert pasted.segments.tolist() == [[1, 1, 2, 1], [0, 0, 2, 1]]


def test_segments_without_a_gap_keep_apart():
    before = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.uint16)

    pasted = paste(labelling(before), [thing("#... ....", HOUSE)])

    assert len(np.unique(pasted.segments)) == 8


def test_what_was_given_is_left_as_it_is():
    given = labelling()

    paste(given, [thing("#### ####", HOUSE)])

    assert given.ids.max() == SKY
    assert given.segments is None
