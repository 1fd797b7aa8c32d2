"""Label maps that others have drawn: what ids, places in a palette and colours mean."""

import numpy as np
import pytest

from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.drawings import Meaning
from pipeline.errors import PhotoError
from pipeline.images import Drawing, colourise

LANDSCAPE, COCO, GAUGAN = (load_taxonomy(name) for name in ("landscape", "cocostuff", "gaugan12"))
MEANING = Meaning(target=LANDSCAPE, source=LANDSCAPE, palettes=(LANDSCAPE, COCO))
IDS = np.array([[0, 0, 3], [19, UNKNOWN, 3]], np.uint8)


def palette_of(taxonomy) -> np.ndarray:
    return np.frombuffer(taxonomy.palette, np.uint8).reshape(256, 3)


def test_ids_mean_themselves():
    assert np.array_equal(MEANING.read(Drawing(pixels=IDS)), IDS)


def test_colours_mean_their_classes_and_black_is_unknown():
    assert np.array_equal(MEANING.read(Drawing(pixels=colourise(IDS, LANDSCAPE.palette))), IDS)


def test_an_index_into_the_palette_of_the_classes_is_an_id():
    assert np.array_equal(MEANING.read(Drawing(pixels=IDS, palette=palette_of(LANDSCAPE))), IDS)


def test_an_index_into_another_order_of_the_colours_is_a_colour():
    mixed = palette_of(LANDSCAPE)[::-1]

    assert np.array_equal(MEANING.read(Drawing(pixels=(UNKNOWN - IDS).astype(np.uint8), palette=mixed)), IDS)


def test_colours_of_the_next_taxonomy_are_translated():
    sea = COCO.id_of("sea")

    read = MEANING.read(Drawing(pixels=colourise(np.full((2, 2), sea, np.uint8), COCO.palette)))

    assert {LANDSCAPE.names[id] for id in read.flat} == {"sea"}


def test_ids_of_another_taxonomy_are_translated():
    meaning = Meaning(target=LANDSCAPE, source=GAUGAN, palettes=(GAUGAN,))

    read = meaning.read(Drawing(pixels=np.full((1, 2), GAUGAN.id_of("sea"), np.uint8)))

    assert read.tolist() == [[LANDSCAPE.id_of("sea")] * 2]


def test_an_id_of_no_class_is_named_with_its_place_and_what_to_do():
    with pytest.raises(
        PhotoError, match=r"^has the id 20 at x=1, y=0\. The classes of landscape are 0\.\.19.*; or so$"
    ):
        MEANING.read(Drawing(pixels=np.array([[0, 20]], np.uint8)), hint="; or so")


def test_colours_of_no_class_are_named_the_most_frequent_first():
    shown = colourise(IDS, LANDSCAPE.palette)
    shown[0, 1:] = 1, 2, 3
    shown[1, 0] = 4, 5, 6

    with pytest.raises(PhotoError, match=r"^is painted with #010203, #040506, the first at x=1, y=0, which landscape"):
        MEANING.read(Drawing(pixels=shown))
