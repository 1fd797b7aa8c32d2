"""Faults of a CSV file: all of them, with their lines, and what is no fault."""

import pytest

from pipeline.faults import examine, find_doubles, shown
from pipeline.rows import Column

COLUMNS = (
    Column(name="id", kind="id", text=""),
    Column(name="width", kind="integer", text=""),
    Column(name="split", kind="choice", text="", choices=("train", "val")),
)


def faults_of(tmp_path, data: bytes | str, **asked) -> list[str]:
    path = tmp_path / "a.csv"
    found = examine(path, data if isinstance(data, bytes) else data.encode(), COLUMNS, **asked)
    return [str(fault).removeprefix(f"{path}") for fault in found.faults]


def test_every_fault_is_found_in_the_order_of_lines_and_columns(tmp_path):
    text = "id,width,split\nga,wide,Train\ngb,1\n..,2,val\n"

    assert faults_of(tmp_path, text) == [
        ", line 2: width is 'wide', expected a number",
        ", line 2: split is 'Train', expected nothing or one of train, val",
        ", line 3: 2 cells, expected 3",
        ", line 4: id is '..', expected a letter, then letters, digits, '-' and '_'",
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfid,width,split\nga,1,val\n",
        b"id,width,split\r\nga,1,val\r\n",
        b"split,id,width\nval,ga,1\n",
        b"id,width,split\nga,1,val\n\n\n",
        b"id,width,split\nga,1,val",
        b'"id","width","split"\n"ga","1","val"\n',
        b"id,width,split,mine\nga,1,val,anything =1 at all\n",
    ],
    ids=["mark", "CRLF", "order", "empty lines", "no last line feed", "quotes", "a column more"],
)
def test_what_spreadsheets_do_without_harm_is_no_fault(tmp_path, data):
    found = examine(tmp_path / "a.csv", data, COLUMNS)

    assert (found.faults, len(found.lines)) == ([], 1)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path):
    text = 'id,width,split\nga,1,"two\nlines"\n\ngb,wide,\n'

    assert [one.split(":")[0] for one in faults_of(tmp_path, text)] == [", line 2", ", line 5"]


def test_every_line_that_is_not_utf8_is_named_and_the_others_are_read(tmp_path):
    data = b"id,width,split\ng\xe9,1,\ngb,wide,\ngc,1,\xff\n"

    lines = [one.split(":")[0] for one in faults_of(tmp_path, data)]

    assert {", line 2", ", line 3", ", line 4"} == {*lines}


def test_a_quote_in_the_wrong_place_is_named_and_the_rest_is_read(tmp_path):
    text = 'id,width,split\nga,"1"2,\ngb,wide,\n'

    said = faults_of(tmp_path, text)

    assert said[0].startswith(", line 2: this is not CSV")
    assert ", line 3: width is 'wide', expected a number" in said


def test_a_quote_that_never_ends_is_named_where_it_begins(tmp_path):
    assert faults_of(tmp_path, 'id,width,split\nga,1,\ngb,"2,\ngc,3,\n')[0].startswith(", line 3: this is not CSV")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", " is empty. Put a copy of it back"),
        ("id;width;split\nga;1;val\n", " is separated by ';', expected ','"),
        ("id,width\nga,1\n", " has no column 'split'. Put it back"),
        ("id,width,split,label\nga,1,,\n", " has a column called 'label', which other tools misread"),
        ("id,width,split,x,x\nga,1,,,\n", " has two columns called 'x'"),
    ],
)
def test_a_wrong_header_is_a_sentence(tmp_path, text, said):
    assert faults_of(tmp_path, text)[0].startswith(said)


def test_a_wrong_cell_that_is_long_is_shown_from_its_beginning(tmp_path):
    [said] = faults_of(tmp_path, f"id,width,split\nga,{'9' * 500}x,\n")

    assert len(said) < 150


def test_other_marks_between_cells_can_be_asked_for(tmp_path):
    assert faults_of(tmp_path, "id;width;split\nga;1;val\n", mark=";") == []


def test_an_id_that_is_missing_or_stands_there_twice_is_named(tmp_path):
    faults = find_doubles(tmp_path, ["ga", "", "gb", "ga"], [2, 3, 4, 7])

    assert [(fault.line, fault.text.split(".")[0]) for fault in faults] == [
        (3, "the id is empty"),
        (7, "the id 'ga' stands there twice"),
    ]


def test_what_is_shown_is_in_quotes():
    assert shown("a\nb") == "'a\\nb'"
