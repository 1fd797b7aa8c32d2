"""Classes: tables of classes, files of the user's own, and the words that other data sets use for the same things."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline import cli, images
from pipeline.classes import (
    UNKNOWN,
    Category,
    Taxonomy,
    entries_of,
    load_taxonomy,
    load_vocabulary,
    plain_taxonomy,
    taxonomy_names,
    taxonomy_of,
    translate,
    translate_classes,
    translate_ids,
    vocabulary_names,
)
from pipeline.errors import GauganpipeError

TAXONOMIES = {"landscape": 20, "gaugan12": 12, "cocostuff": 182, "ade20k": 150}
LANDSCAPE, GAUGAN12, COCOSTUFF, ADE20K = map(load_taxonomy, TAXONOMIES)
VOCABULARIES = {"ade20k": 150, "cocostuff": 182, "cocopanoptic": 133, "voc": 21}

DATA = Path(__file__).parents[2] / "shared" / "data" / "classes"
needs_tables = pytest.mark.skipif(not DATA.is_dir(), reason="the tables of other data sets are not here")


def read_given(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_own(folder: Path, *lines: str, header: str = "id,name,colour,thing,also") -> Path:
    path = folder / "mine.csv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def test_the_shipped_taxonomies_are_known_by_name():
    assert set(taxonomy_names()) == set(TAXONOMIES)


@pytest.mark.parametrize(("name", "classes"), TAXONOMIES.items())
def test_ids_have_no_gaps(name: str, classes: int):
    assert [category.id for category in load_taxonomy(name).categories] == list(range(classes))


@pytest.mark.parametrize("name", TAXONOMIES)
def test_names_are_distinct(name: str):
    names = load_taxonomy(name).names

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", TAXONOMIES)
def test_colours_are_distinct_and_none_is_the_black_of_unknown(name: str):
    categories = load_taxonomy(name).categories

    assert len({(0, 0, 0), *(category.colour for category in categories)}) == len(categories) + 1


@pytest.mark.parametrize("name", TAXONOMIES)
def test_a_colour_is_three_bytes(name: str):
    assert {len(category.colour) for category in load_taxonomy(name).categories} == {3}


@pytest.mark.parametrize("name", TAXONOMIES)
def test_label_maps_are_indexed_pngs_that_carry_the_colours_while_their_bytes_are_ids(tmp_path: Path, name: str):
    taxonomy = load_taxonomy(name)
    ids = np.array([[*range(len(taxonomy)), UNKNOWN]], dtype=np.uint8)
    path = tmp_path / "labels.png"

    path.write_bytes(images.encode_labels(ids, taxonomy.palette))

    drawing = images.read_drawing(path)
    shown = drawing.palette[drawing.pixels[0]].tolist()
    assert np.array_equal(drawing.pixels, ids)
    assert shown == [*(list(category.colour) for category in taxonomy.categories), [0, 0, 0]]


@needs_tables
def test_cocostuff_has_the_ids_names_and_colours_of_gaugan():
    given = [
        (int(line["cocostuff_id_0based"]), line["cocostuff_name"], line["hex"])
        for line in read_given("gaugan_palette_cocostuff182.csv")
    ]

    assert [(one["id"], one["name"], one["colour"]) for one in entries_of(COCOSTUFF)] == given


@pytest.mark.parametrize("category", COCOSTUFF.categories, ids=lambda category: category.name)
def test_the_red_byte_of_gaugan_is_the_id(category: Category):
    assert category.colour[0] == category.id


def test_the_things_of_cocostuff_are_its_first_91_classes():
    assert COCOSTUFF.things == tuple(range(91))


def test_100_classes_of_ade20k_are_things():
    assert len(ADE20K.things) == 100


@pytest.mark.parametrize("category", GAUGAN12.categories, ids=lambda category: category.name)
def test_the_twelve_are_painted_as_in_cocostuff(category: Category):
    assert category.colour == COCOSTUFF.categories[COCOSTUFF.id_of(category.name)].colour


@needs_tables
def test_the_twelve_have_the_ids_that_they_always_had():
    given = {
        line["name"]: int(line["kvsnoufal12"]) for line in read_given("map_cocostuff182.csv") if line["kvsnoufal12"]
    }

    assert dict(zip(GAUGAN12.names, range(12), strict=True)) == given


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


def test_an_unknown_vocabulary_is_an_error_that_lists_the_known_ones():
    with pytest.raises(GauganpipeError, match=r"no vocabulary 'slang'\. Choose one of ade20k, cocopanoptic"):
        vocabulary_names("slang")


def test_an_unknown_taxonomy_is_an_error_that_lists_the_known_ones():
    with pytest.raises(
        GauganpipeError, match=r"no taxonomy 'portrait'\. Choose one of ade20k, cocostuff, gaugan12, landscape, or"
    ):
        load_taxonomy("portrait")


@pytest.mark.parametrize(("name", "classes"), VOCABULARIES.items())
def test_a_vocabulary_has_every_class_of_its_data_set(name, classes):
    assert len(vocabulary_names(name)) == classes


@pytest.mark.parametrize("name", VOCABULARIES)
def test_the_names_of_a_vocabulary_are_distinct(name):
    names = vocabulary_names(name)

    assert len(set(names)) == len(names)


@needs_tables
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("cocostuff", "map_cocostuff182.csv"),
        ("ade20k", "map_ade20k150.csv"),
        ("cocopanoptic", "map_coco_panoptic133.csv"),
    ],
)
def test_every_name_of_a_data_set_is_mapped_once(name: str, given: str):
    expected = [(line["name"], line["land20_proposal"].replace("ignore", "")) for line in read_given(given)]

    assert [(word, load_vocabulary(name)[word]) for word in vocabulary_names(name)] == expected


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_vocabulary_says_the_same_of_landscape_by_table_and_by_translation(name: str):
    ids = translate(vocabulary_names(name), LANDSCAPE)

    meant = [load_vocabulary(name)[word] for word in vocabulary_names(name)]
    assert ["" if id == UNKNOWN else LANDSCAPE.names[id] for id in ids] == meant


@pytest.mark.parametrize("name", VOCABULARIES)
def test_words_that_two_vocabularies_know_mean_the_same(name: str):
    known = load_vocabulary(name)

    for other in VOCABULARIES:
        shared = known.keys() & load_vocabulary(other).keys()
        assert {word: known[word] for word in shared} == {word: load_vocabulary(other)[word] for word in shared}


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


def test_case_hyphens_and_underscores_make_no_other_word():
    assert translate(["Swimming-Pool", "SKY", "chest of drawers"], LANDSCAPE) == [
        LANDSCAPE.id_of("water"),
        LANDSCAPE.id_of("sky"),
        UNKNOWN,
    ]


def test_synonyms_after_a_comma_are_passed_over():
    assert translate(["earth, ground", "building;edifice"], LANDSCAPE) == [
        LANDSCAPE.id_of("dirt"),
        LANDSCAPE.id_of("building"),
    ]


# Every vocabulary reaches every taxonomy


@pytest.mark.parametrize(
    ("taxonomy", "missing"),
    [(COCOSTUFF, ""), (ADE20K, "snow"), (GAUGAN12, "fog dirt gravel snow flower road building structure")],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_speaks_landscape_reaches_every_taxonomy(taxonomy: Taxonomy, missing: str):
    ids = translate(LANDSCAPE.names, taxonomy)

    assert " ".join(name for name, id in zip(LANDSCAPE.names, ids, strict=True) if id == UNKNOWN) == missing


@pytest.mark.parametrize("name", ["cocostuff", "ade20k"])
def test_a_data_set_means_its_own_classes(name: str):
    assert translate(vocabulary_names(name), load_taxonomy(name)) == list(range(VOCABULARIES[name]))


def test_coco_panoptic_reaches_a_class_of_cocostuff_with_each_of_its_own():
    ids = translate(vocabulary_names("cocopanoptic"), COCOSTUFF)

    assert len(set(ids) - {UNKNOWN}) == 133


def test_all_of_voc_is_in_cocostuff():
    ids = translate(vocabulary_names("voc"), COCOSTUFF)

    assert [word for word, id in zip(vocabulary_names("voc"), ids, strict=True) if id == UNKNOWN] == ["background"]


def test_the_twelve_are_reached_from_all_of_them_by_cocostuff_and_from_eleven_by_ade20k():
    reached = {name: set(translate(vocabulary_names(name), GAUGAN12)) - {UNKNOWN} for name in ("cocostuff", "ade20k")}

    assert (len(reached["cocostuff"]), len(reached["ade20k"])) == (12, 11)


@pytest.mark.parametrize(
    ("word", "meant"),
    [("pavement", "sidewalk"), ("giraffe", "animal"), ("clouds", "sky"), ("wood", "tree"), ("kite", None)],
)
def test_a_word_of_cocostuff_means_its_like_in_ade20k(word: str, meant: str | None):
    assert translate([word], ADE20K) == [ADE20K.id_of(meant) if meant else UNKNOWN]


# From one taxonomy to another


def test_ids_of_one_taxonomy_become_those_of_another():
    ids = np.array([[LANDSCAPE.id_of("sky"), LANDSCAPE.id_of("snow"), UNKNOWN, 200]], dtype=np.uint8)

    translated = translate_ids(ids, LANDSCAPE, GAUGAN12)

    assert translated.tolist() == [[GAUGAN12.id_of("sky-other"), UNKNOWN, UNKNOWN, UNKNOWN]]
    assert translated.dtype == np.uint8


@pytest.mark.parametrize("name", TAXONOMIES)
def test_a_taxonomy_is_itself(name: str):
    taxonomy = load_taxonomy(name)

    assert translate_classes(taxonomy, taxonomy) == tuple(range(len(taxonomy)))


@pytest.mark.parametrize("name", ["cocostuff", "gaugan12"])
def test_a_class_of_landscape_comes_back_from_where_it_went(name: str):
    there = translate_classes(LANDSCAPE, load_taxonomy(name))
    back = translate_classes(load_taxonomy(name), LANDSCAPE)

    assert [back[id] for id in there if id != UNKNOWN] == [own for own, id in enumerate(there) if id != UNKNOWN]


def test_an_animal_is_no_bird():
    assert translate_classes(ADE20K, COCOSTUFF)[ADE20K.id_of("animal")] == UNKNOWN


def test_a_class_with_a_name_of_the_users_own_means_what_it_is_also_called(tmp_path: Path):
    own = load_taxonomy(write_own(tmp_path, "0,Himmel,#0000ff,no,sky; clouds", "1,Drache,#00ff00,yes,"))

    assert translate_classes(own, LANDSCAPE) == (LANDSCAPE.id_of("sky"), UNKNOWN)
    assert translate_classes(LANDSCAPE, own)[:3] == (0, 0, UNKNOWN)


# A file of the user's own


def test_a_file_of_ones_own_is_a_taxonomy(tmp_path: Path):
    path = write_own(tmp_path, "0,sky,#0000FF,no,clouds; fog", "1,house,#ff0000,yes,")

    own = load_taxonomy(str(path))

    assert own.name == "mine.csv"
    assert own.categories == (
        Category(id=0, name="sky", colour=(0, 0, 255), thing=False, also=("clouds", "fog")),
        Category(id=1, name="house", colour=(255, 0, 0), thing=True),
    )
    assert translate(LANDSCAPE.names[:4], own) == [0, 0, 0, UNKNOWN]


def test_thing_and_also_may_be_missing_and_columns_in_any_order(tmp_path: Path):
    own = load_taxonomy(write_own(tmp_path, "#0000ff,sky,0", header="colour,name,id"))

    assert own.categories == (Category(id=0, name="sky", colour=(0, 0, 255), thing=False),)


def test_a_file_that_a_spreadsheet_wrote_is_read(tmp_path: Path):
    path = tmp_path / "mine.csv"
    path.write_bytes("\ufeffid,name,colour\r\n0,sky,#0000ff\r\n".encode())

    assert load_taxonomy(path).names == ("sky",)


def test_blank_lines_are_passed_over(tmp_path: Path):
    own = load_taxonomy(write_own(tmp_path, "0,sky,#0000ff,no,", "", "1,sea,#00ff00,no,", ""))

    assert own.names == ("sky", "sea")


def test_a_network_that_is_trained_on_ones_own_classes_may_call_them_so(tmp_path: Path):
    own = load_taxonomy(write_own(tmp_path, "0,Drache,#0000ff,yes,dragon", "1,sky,#00ff00,no,"))

    assert translate(["dragon", "sky"], own) == [0, 1]
    assert translate(["Drache", "sky-other", "waterdrops"], own) == [0, 1, UNKNOWN]


def test_255_classes_are_the_most(tmp_path: Path):
    lines = [f"{id},class {id},#{id + 1:06x},no," for id in range(256)]

    assert len(load_taxonomy(write_own(tmp_path, *lines[:255]))) == 255
    with pytest.raises(GauganpipeError, match=r"line 257: there are more than 255 classes; the id 255 means unknown"):
        load_taxonomy(write_own(tmp_path, *lines))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2,sea,#00ff00,no,", r"line 3, column id: '2', expected 1\. Ids count up from 0 without a gap"),
        ("one,sea,#00ff00,no,", r"line 3, column id: 'one', expected 1"),
        ("1,,#00ff00,no,", r"line 3, column name: '' is no word"),
        ("1,SKY,#00ff00,no,", r"line 3, column name: 'SKY' means sky already"),
        ("1,clouds,#00ff00,no,", r"line 3, column name: 'clouds' means sky already"),
        ("1,unknown,#00ff00,no,", r"line 3, column name: 'unknown' is what pixels of no class are called"),
        ('1,"sea, deep",#00ff00,no,', r"line 3, column name: 'sea, deep' is no name for a class"),
        ("1,s\x1bea,#00ff00,no,", r"line 3, column name: 's\\x1bea' is no name for a class"),
        (f"1,{'sea' * 30},#00ff00,no,", r"line 3, column name: '(sea){20}' is no name for a class"),
        ("1,sea,green,no,", r"line 3, column colour: 'green' is no colour\. Write one like #9ceedd"),
        ("1,sea,#00ff0,no,", r"line 3, column colour: '#00ff0' is no colour"),
        ("1,sea,#0000FF,no,", r"line 3, column colour: #0000FF is the colour of sky\. Take another"),
        ("1,sea,#000000,no,", r"line 3, column colour: #000000 is what unknown pixels are painted with"),
        ("1,sea,#00ff00,true,", r"line 3, column thing: 'true', expected yes or no"),
        ("1,sea,#00ff00,no,ocean; Sky", r"line 3, column also: 'Sky' means sky already"),
        ("1,sea,#00ff00,no,ocean; sea", r"line 3, column also: 'sea' means sea already"),
        ("1,sea,#00ff00", r"line 3: 3 cells, expected 5"),
        ('1,"sea,#00ff00,no,', r"line 3: this is not CSV: "),
    ],
)
def test_a_wrong_line_is_named_with_its_column(tmp_path: Path, line: str, message: str):
    path = write_own(tmp_path, "0,sky,#0000ff,no,clouds", line)

    with pytest.raises(GauganpipeError, match=rf"mine\.csv, {message}"):
        load_taxonomy(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id,name,thing,also", "line 1: there is no column 'colour'"),
        ("id;name;colour", "line 1: there is no column 'id'. Write id,name,colour,thing,also and then"),
        ("id,name,colour,things", "line 1: there is a column 'things', expected id, name, colour, thing, also"),
        ("id,name,colour,name", "line 1: there are two columns 'name'"),
        ("", "is empty"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, header: str, message: str):
    with pytest.raises(GauganpipeError, match=message):
        load_taxonomy(write_own(tmp_path, header=header))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"id,name,colour\n", "holds no class"),
        (b"id,name,colour\n0,\xff,#0000ff\n", "line 2: not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0", "line 1: not UTF-8"),
        (b"x" * 2_000_000, "longer than 1 MB"),
    ],
    ids=["empty", "header alone", "latin", "picture", "endless"],
)
def test_what_is_no_table_is_refused(tmp_path: Path, data: bytes, message: str):
    (tmp_path / "mine.csv").write_bytes(data)

    with pytest.raises(GauganpipeError, match=message):
        load_taxonomy(tmp_path / "mine.csv")


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(GauganpipeError, match=r"no classes can be read from .*gone\.csv: No such file.*Check the path"):
        load_taxonomy(str(tmp_path / "gone.csv"))


def test_a_folder_is_no_taxonomy(tmp_path: Path):
    with pytest.raises(GauganpipeError, match="no classes can be read from"):
        load_taxonomy(tmp_path)


# Written down in dataset.json


@pytest.mark.parametrize("name", TAXONOMIES)
def test_what_is_written_down_is_the_taxonomy(name: str):
    taxonomy = load_taxonomy(name)

    again = taxonomy_of(json.loads(json.dumps(entries_of(taxonomy))), name=name)

    assert again == taxonomy
    assert again.digest == taxonomy.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 1}, "class 0 of the workspace, column id: '1', expected 0"),
        ({"id": True}, "column id: 'True', expected 0"),
        ({"name": ""}, "column name: '' is no word"),
        ({"colour": [1, 2, 3]}, r"column colour: '\[1, 2, 3\]' is no colour"),
        ({"thing": "maybe"}, "column thing: 'maybe', expected yes or no"),
        ({"also": ["sky"]}, "column also: 'sky' means sky already"),
    ],
)
def test_an_entry_that_was_not_written_so_is_named(change: dict, message: str):
    entry = {**entries_of(LANDSCAPE)[0], **change}

    with pytest.raises(GauganpipeError, match=message):
        taxonomy_of([entry])


@pytest.mark.parametrize("entries", [None, {}, "sky", [1], [[]]])
def test_what_is_no_list_of_classes_is_refused(entries: object):
    with pytest.raises(GauganpipeError, match="the classes of the workspace"):
        taxonomy_of(entries)


def test_the_digest_knows_names_and_words_but_no_colours():
    first, *rest = LANDSCAPE.categories
    changed = {
        what: Taxonomy(name="other", categories=(replace(first, **{what: value}), *rest)).digest
        for what, value in {"name": "air", "also": ("air",), "colour": (1, 2, 3)}.items()
    }

    assert len(LANDSCAPE.digest) == 16
    assert len({LANDSCAPE.digest, changed["name"], changed["also"]}) == 3
    assert changed["colour"] == LANDSCAPE.digest


# The command


@pytest.mark.parametrize("name", TAXONOMIES)
def test_the_command_prints_every_taxonomy(name: str):
    done = CliRunner().invoke(cli.app, ["classes", name])

    lines = done.stdout.splitlines()
    assert len(lines) == TAXONOMIES[name] + 1
    assert lines[-1] == "255  #000000         unknown"


def test_the_command_prints_a_file_of_ones_own_as_json(tmp_path: Path):
    path = write_own(tmp_path, "0,sky,#0000ff,no,clouds; fog", "1,house,#ff0000,yes,")

    done = CliRunner().invoke(cli.app, ["classes", str(path), "--json"])

    assert json.loads(done.stdout) == [
        {"id": 0, "name": "sky", "colour": "#0000ff", "thing": False, "also": ["clouds", "fog"]},
        {"id": 1, "name": "house", "colour": "#ff0000", "thing": True},
    ]


@pytest.mark.parametrize("count", [1, 182, 255])
def test_plain_classes_have_plain_names_and_colours_of_their_own(count: int):
    taxonomy = plain_taxonomy(count)

    assert taxonomy.names == tuple(f"class {id}" for id in range(count))
    assert len({one.colour for one in taxonomy.categories} - {(0, 0, 0)}) == count


def test_the_help_of_the_command_names_every_taxonomy():
    shown = CliRunner().invoke(cli.app, ["classes", "--help"]).stdout

    assert all(name in shown for name in taxonomy_names())


def test_the_classes_are_shown_without_heavy_libraries():
    code = "import sys, pipeline.classes as c; c.translate(['sky'], c.load_taxonomy('ade20k')); print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert not {"numpy", "pandas", "torch", "PIL", "cv2"} & set(loaded)
