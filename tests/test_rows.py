"""Rows: the way to cells and back, what a cell may say, and what a stage does to a row."""

import json
import re
from dataclasses import replace

import pytest

from pipeline.rows import (
    COLUMNS,
    DATASET_COLUMNS,
    FAILED,
    KINDS,
    LONGEST_CELL,
    OK,
    PROVENANCE_COLUMNS,
    REJECTED,
    Row,
    cells_of,
    digest,
    from_cells,
    from_columns,
    plain,
    stage_key,
    to_cells,
)

FULL = Row(
    id="g0123456789abcdef",
    original_name="Ötztal, see 007.JPG",
    file_name="data/images/01/g01.jpg",
    label_file_name="data/labels/01/g01.png",
    instance_file_name="data/instances/01/g01.png",
    edge_file_name="data/edges/01/g01.png",
    width=2048,
    height=1365,
    split="val",
    group="g0123456789abcdef",
    status="rejected",
    stage="ingest",
    error='is "empty": 0 bytes',
    rule="min_side",
    rule_value=0.1234,
    keep="yes",
    label_model="deeplab",
    label_confidence=0.97,
    label_unknown=1e-05,
    label_reviewed="no",
    flags="little_sky no_tree",
    source="folder",
    source_url="https://example.org/a.jpg?b=c",
    source_page="https://example.org/a",
    title="Ein See 🏔",
    creator="A. Nonymous",
    creator_url="https://example.org/",
    license="CC-BY-4.0",
    license_url="https://creativecommons.org/licenses/by/4.0/",
    redistributable="yes",
    captured_at="2021-05-06T07:08:09",
    retrieved_at="2026-01-02T03:04:05Z",
    sha256="0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f",
    dhash="abababababababababababababababababababababababababababababababab",
    dhash_mirror="cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
    cause="timeout",
    camera="Canon EOS R5 0123abcd",
    lettering=0.0125,
    sharpness=0.6123,
    colourfulness=49.16,
    flatness=0.0125,
    layers=0.5213,
    icy=0.3001,
    border=0.0312,
    added=3,
    changes="rotated upright; CMYK to sRGB",
    other_names=("b [1].jpg", 'c "2".jpg', "ü.jpg"),
    digests={"image": "0000000000000000", "label": "1111111111111111"},
    keys={"ingest": "2222222222222222", "label": "given"},
)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_a_full_cell_comes_back_as_it_was(column):
    cells = to_cells(FULL)

    assert cells[column.name] != ""
    assert getattr(from_cells(cells), column.name) == getattr(FULL, column.name)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_an_empty_cell_comes_back_as_the_default(column):
    row = Row()

    cells = to_cells(row)

    assert cells[column.name] == ""
    assert getattr(from_cells(cells), column.name) == getattr(row, column.name)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_cell_that_is_written_matches_the_pattern_of_its_column(column):
    cell = to_cells(FULL)[column.name]

    assert re.fullmatch(column.pattern, cell)


@pytest.mark.parametrize(
    ("name", "cell", "fits"),
    [
        *(("label_confidence", cell, True) for cell in ("0", "1", "0.97", "1.0", "9.9e-05", "-0", "0.000000")),
        *(("label_confidence", cell, False) for cell in ("87", "1e999", "1.01", "-0.5", "9e-0", "0,97", "nan")),
        *(("rule_value", cell, True) for cell in ("-3.5", "1e+06", "1e-300", "2048")),
        *(("rule_value", cell, False) for cell in ("1e999", "inf", "9" * 5000)),
        *(("captured_at", cell, True) for cell in ("2021", "2021-05-31T23:59:59.5+05:30", "2021-12")),
        *(("captured_at", cell, False) for cell in ("2021-99-99", "2021-00-01", "2021-01-32", "2021-01-01T24:00")),
        *(("width", cell, False) for cell in ("1.5", "-1", "9" * 5000)),
    ],
)
def test_cells_that_cannot_be_do_not_match_the_pattern_of_their_column(name, cell, fits):
    [column] = [column for column in COLUMNS if column.name == name]

    assert bool(re.fullmatch(column.pattern, cell)) == fits
    if fits:
        from_cells({name: cell})


@pytest.mark.parametrize(
    ("cells", "is_usable"),
    [({"status": "ok"}, True), ({"status": "ok", "keep": "no"}, False), ({"status": "rejected", "keep": "yes"}, False)],
)
def test_a_photo_can_be_used_that_is_done_and_was_not_turned_down(cells, is_usable):
    assert Row(**cells).is_usable == is_usable


def test_rows_are_made_from_columns_as_they_are_made_one_by_one():
    cells = [{**to_cells(FULL), "stars": "007"}, {**to_cells(Row(id="gb")), "stars": ""}]
    columns = {name: [line[name] for line in cells] for name in cells[0]}

    rows = from_columns(columns, [{"sky": 1.0}, {}])

    assert rows == [replace(from_cells(cells[0]), shares={"sky": 1.0}), from_cells(cells[1])]
    assert [cells_of(rows, name) for name in columns] == list(columns.values())


def test_columns_that_are_missing_are_empty():
    assert from_columns({"id": ["ga", "gb"]}, [{}, {}]) == [Row(id="ga"), Row(id="gb")]


def test_a_wrong_cell_in_a_column_is_refused():
    with pytest.raises(ValueError, match="wide"):
        from_columns({"id": ["ga"], "width": ["wide"]}, [{}])


def test_cells_of_no_column_become_the_users_own():
    row = from_cells({"id": "g1", "my notes": "fog?", "stars": "007"})

    assert row.extras == {"my notes": "fog?", "stars": "007"}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (0.5, "0.5"),
        (2 / 3, "0.666667"),
        (1234.5678, "1234.57"),
        (3e-7, "3e-07"),
        (-2.5, "-2.5"),
    ],
)
def test_a_number_is_written_with_six_digits(value, cell):
    assert to_cells(Row(rule_value=value))["rule_value"] == cell


def test_pairs_are_written_in_the_order_of_their_names():
    row = Row(keys={"label": "b", "ingest": "a"})

    assert to_cells(row)["keys"] == "ingest=a label=b"


def test_a_list_of_names_is_written_as_json():
    row = Row(other_names=('a "b".jpg', "ü.jpg"))

    assert json.loads(to_cells(row)["other_names"]) == ['a "b".jpg', "ü.jpg"]


@pytest.mark.parametrize(
    ("kind", "cell"),
    [
        *(("integer", cell) for cell in ("wide", "1.5", "-1", "1 024", "٣", "")),
        *(("number", cell) for cell in ("nan", "inf", "1,5", ".5", "0x10", "")),
        *(("path", cell) for cell in ("/etc/passwd", "../a.jpg", "a/../b.jpg", "a/..", "..", "a\\b.jpg", "C:/a.jpg")),
        *(("path", cell) for cell in ("a\nb.jpg", "a\x7f.jpg")),
        *(("text", cell) for cell in ("a\nb", "a\tb", "\x1b[31m", "\x00", "\x7f", "\x9b31m")),
        *(("id", cell) for cell in ("../../a", "a/b", "a.b", "007", "a b", "-rf", "")),
        *(("pairs", cell) for cell in ("a", "a=b=c", "a=b  c=d", "=b")),
        *(
            ("moment", cell)
            for cell in ("05/06/2021 7:08", "06.05.21", "44322.297", "2021-05-06 07:08:09", "May 21", "")
        ),
    ],
)
def test_a_cell_that_says_something_else_is_told_by_its_pattern(kind, cell):
    pattern = KINDS[kind][0]

    assert not re.fullmatch(pattern, cell)


@pytest.mark.parametrize(
    "cell", ["2021", "2021-05", "2021-05-06", "2021-05-06T07:08:09", "2021-05-06T07:08:09.5+02:00", "2021-05-06T07:08Z"]
)
def test_a_time_may_be_known_as_well_as_it_is_known(cell):
    assert re.fullmatch(KINDS["moment"][0], cell)


@pytest.mark.parametrize("path", ["a.jpg", "data/images/9f/g9f.jpg", "a/..b/c..d.jpg", "...", "ünï côde/日本.png"])
def test_a_path_inside_the_workspace_may_be_called_anything(path):
    assert re.fullmatch(KINDS["path"][0], path)


def test_no_column_stands_in_two_files():
    names = [column.name for column in COLUMNS]

    assert len(set(names)) == len(names) == len(DATASET_COLUMNS) + len(PROVENANCE_COLUMNS)


def test_every_column_is_explained():
    assert [column.name for column in COLUMNS if not column.text] == []


def test_the_photo_stands_before_every_other_file():
    files = [column.name for column in DATASET_COLUMNS if column.name.endswith("file_name")]

    assert files[0] == "file_name"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("two\nlines", "two\\nlines"),
        ("a\r\tb", "a\\r\\tb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x7f\x9b\u2028", "\\x7f\\x9b\\u2028"),
        ("right\u202eleft", "right\\u202eleft"),
        (b"caf\xe9.jpg".decode("utf-8", "surrogateescape"), "caf\\udce9.jpg"),
    ],
)
def test_what_cannot_be_shown_is_written_out(text, cell):
    assert plain(text) == cell


@pytest.mark.parametrize(
    "text", ["", " a b ", "Ötztal", "日本", "🏔️", "👩‍🌾", "10.03\u202fAM", "a\xa0b", "می‌خواهم", 'quote" comma, \\']
)
def test_what_can_be_shown_is_kept(text):
    assert plain(text) == text


def test_plain_text_may_stand_in_a_cell_and_in_a_file():
    every_letter = "".join(chr(number) for number in range(0x110000))

    cell = plain(every_letter)

    assert re.fullmatch(KINDS["text"][0], cell)
    assert cell.encode("utf-8").decode("utf-8") == cell


@pytest.mark.parametrize("letter", ["x", "\n", "🏔"])
def test_of_text_that_is_longer_than_a_cell_may_be_the_beginning_is_kept(letter):
    cell = plain(letter * 2**20)

    assert (len(cell), cell[0], cell[-1]) == (LONGEST_CELL, plain(letter)[0], "…")


def test_a_stage_that_is_done_leaves_no_complaint():
    row = Row(id="g1", status=FAILED, stage="label", error="is gone", rule="min_side", rule_value=3.0)

    row = row.done("label", "key", label_model="maps")

    assert (row.status, row.stage, row.error, row.rule, row.rule_value) == (OK, "", "", "", None)


def test_a_stage_that_is_done_keeps_the_keys_and_digests_of_others():
    row = Row(id="g1", keys={"ingest": "a"}, digests={"image": "b"})

    row = row.done("label", "c", digests={"label": "d"})

    assert (row.keys, row.digests) == ({"ingest": "a", "label": "c"}, {"image": "b", "label": "d"})


def test_a_failed_row_says_where_and_why():
    row = Row(id="g1").failed("label", "key", "lake.jpg is gone")

    assert (row.status, row.stage, row.error, row.keys) == (FAILED, "label", "lake.jpg is gone", {"label": "key"})


def test_the_sentence_of_a_failed_row_is_plain_text():
    row = Row(id="g1").failed("label", "key", "a\nb.jpg is gone")

    assert row.error == "a\\nb.jpg is gone"


def test_a_rejected_row_says_which_rule_and_by_how_much():
    row = Row(id="g1").rejected("ingest", "key", "min_side", 17)

    assert (row.status, row.stage, row.rule, row.rule_value) == (REJECTED, "ingest", "min_side", 17)


def test_a_digest_is_the_beginning_of_the_sha256():
    assert digest(b"") == "e3b0c44298fc1c14"


def test_a_key_does_not_depend_on_the_order_of_its_parts():
    assert stage_key("label", 1, photo="a", weights="b") == stage_key("label", 1, weights="b", photo="a")


@pytest.mark.parametrize("other", [("edges", 1, "a"), ("label", 2, "a"), ("label", 1, "b")])
def test_a_key_depends_on_stage_version_and_parts(other):
    stage, version, photo = other

    assert stage_key(stage, version, photo=photo) != stage_key("label", 1, photo="a")
