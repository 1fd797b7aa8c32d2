"""Classes: one table of the taxonomy, and the words that other data sets use for it."""

import pytest

from pipeline.classes import UNKNOWN, load_taxonomy, load_vocabulary, translate, vocabulary_names
from pipeline.errors import GauganpipeError

LANDSCAPE = load_taxonomy()
VOCABULARIES = {"ade20k": 150, "cocostuff": 182}


def test_ids_have_no_gaps():
    assert [category.id for category in LANDSCAPE.categories] == list(range(len(LANDSCAPE)))


def test_names_are_distinct():
    assert len(set(LANDSCAPE.names)) == len(LANDSCAPE)


def test_colours_are_distinct_and_none_is_the_black_of_unknown():
    colours = {(0, 0, 0), *(category.colour for category in LANDSCAPE.categories)}

    assert len(colours) == len(LANDSCAPE) + 1


def test_a_colour_is_three_bytes():
    assert {len(category.colour) for category in LANDSCAPE.categories} == {3}


def test_sky_has_the_colour_that_gaugan_paints_with():
    assert LANDSCAPE.categories[LANDSCAPE.id_of("sky")].colour == (0x9C, 0xEE, 0xDD)


@pytest.mark.parametrize("category", LANDSCAPE.categories, ids=lambda category: category.name)
def test_the_red_byte_is_the_cocostuff_id_of_the_class(category):
    word = vocabulary_names("cocostuff")[category.colour[0]]

    assert load_vocabulary("cocostuff")[word] == category.name


def test_the_things_are_those_that_can_be_counted():
    things = [LANDSCAPE.names[id] for id in LANDSCAPE.things]

    assert things == ["rock", "bush", "building", "structure"]


def test_the_palette_gives_each_id_its_colour_and_every_other_id_black():
    triples = [tuple(LANDSCAPE.palette[at : at + 3]) for at in range(0, 768, 3)]

    colours = [category.colour for category in LANDSCAPE.categories]
    assert triples == colours + [(0, 0, 0)] * (256 - len(colours))


def test_an_unknown_taxonomy_is_an_error_that_lists_the_known_ones():
    with pytest.raises(GauganpipeError, match=r"no table 'portrait' among the taxonomies: landscape"):
        load_taxonomy("portrait")


@pytest.mark.parametrize(("name", "classes"), VOCABULARIES.items())
def test_a_vocabulary_has_every_class_of_its_data_set(name, classes):
    assert len(vocabulary_names(name)) == classes


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_names_of_a_vocabulary_are_distinct(name):
    names = vocabulary_names(name)

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_vocabulary_speaks_of_classes_of_the_taxonomy_or_of_nothing(name):
    meant = set(load_vocabulary(name).values())

    assert meant - {""} <= set(LANDSCAPE.names)


def test_cocostuff_knows_every_class():
    assert set(load_vocabulary("cocostuff").values()) - {""} == set(LANDSCAPE.names)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_short_name_means_no_other_class_than_its_long_one(name):
    known = load_vocabulary(name)

    names = vocabulary_names(name)

    assert len(known) > len(names)
    assert len(translate(list(names), LANDSCAPE)) == len(names)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["tree", "sky", "sea"], ["tree", "sky", "sea"]),
        (["water-other", "building-other", "person"], ["water", "building", None]),
        (["water", "traffic-light", "mountain"], ["water", None, "mountain"]),
        (["swimming_pool", "wall", "chest"], ["water", "structure", None]),
    ],
)
def test_words_of_one_data_set_become_ids(words, meant):
    ids = translate(words, LANDSCAPE)

    assert ids == [UNKNOWN if name is None else LANDSCAPE.id_of(name) for name in meant]


@pytest.mark.parametrize("word", ["other", "unknown", "background", "void"])
def test_the_output_that_means_no_class_is_unknown(word):
    assert translate(["sky", word], LANDSCAPE) == [LANDSCAPE.id_of("sky"), UNKNOWN]


def test_a_network_may_repeat_a_class():
    assert translate(["sky", "sky"], LANDSCAPE) == [LANDSCAPE.id_of("sky")] * 2


def test_words_that_no_vocabulary_knows_are_named():
    with pytest.raises(GauganpipeError, match="knows the class names dragon, unicorn; the known ones are ade20k, coco"):
        translate(["sky", "unicorn", "dragon"], LANDSCAPE)


def test_words_of_two_data_sets_are_not_mixed():
    with pytest.raises(GauganpipeError, match="no vocabulary knows"):
        translate(["swimming_pool", "waterdrops"], LANDSCAPE)
