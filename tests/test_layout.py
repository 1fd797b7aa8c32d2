"""Doubts about a label map: sky that does not begin at the top, water above it."""

import numpy as np
import pytest

from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.layout import doubts

LANDSCAPE = load_taxonomy()
IDS = {"s": "sky", "c": "clouds", "w": "sea", "t": "tree"}


def a_map(*rows: str) -> np.ndarray:
    """A label map of one letter a pixel; a dot is unknown."""
    ids = [[UNKNOWN if letter == "." else LANDSCAPE.id_of(IDS[letter]) for letter in row] for row in rows]
    return np.array(ids, np.uint8)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (("ssss", "tttt", "wwww", "wwww"), ()),
        (("tttt", "ssss", "tttt", "wwww"), ("sky-below",)),
        (("ttts", "ssss", "tttt", "wwww"), ()),
        (("cccc", "tttt", "tttt", "tttt"), ()),
        (("ssss", "wwww", "ssss", "tttt"), ("water-above-sky",)),
        (("wwww", "wwww", "ssss", "tttt"), ("sky-below", "water-above-sky")),
        (("ssss", "ssww", "ttww", "wwww"), ()),
        (("tttt", "tttt", "wwww", "...."), ()),
        (("....", "....", "....", "...."), ()),
    ],
)
def test_what_is_doubted(rows, found):
    assert doubts(a_map(*rows), LANDSCAPE) == found


def test_a_speck_of_sky_raises_no_doubt():
    ids = np.full((100, 100), LANDSCAPE.id_of("tree"), np.uint8)
    ids[50:55, 50:55] = LANDSCAPE.id_of("sky")

    assert doubts(ids, LANDSCAPE) == ()
