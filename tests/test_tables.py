"""CSV files as tables: whole lines, checked cells, and columns as Arrow and as lists keep them."""

import csv
import hashlib
import io

import numpy as np
import pytest

from pipeline.errors import ManifestError
from pipeline.rows import DATASET_COLUMNS, LONGEST_CELL, Column
from pipeline.tables import Table, frame_schema, guard, read_table, table_line, table_lines, unguard

COLUMNS = (Column(name="id", kind="id", text=""), Column(name="share", kind="number", text=""))


def written(path, text: str) -> dict[str, str]:
    """Writes a file, and gives its digest as dataset.json keeps it."""
    path.write_bytes(text.encode())
    return {path.name: hashlib.sha256(text.encode()).hexdigest()}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.csv"


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_file_gives_the_same_cells_whether_it_is_ours_or_not(path, is_ours):
    digests = written(path, 'id,share,note\nga,0.5,"a, ""b"""\ngb,,\ngc,0.25,ü\n')

    table = read_table(path, COLUMNS, digests if is_ours else {})

    assert (table.is_ours, table.names, len(table)) == (is_ours, ("id", "share", "note"), 3)
    assert [table.column(name) for name in table.names] == [
        ["ga", "gb", "gc"],
        ["0.5", "", "0.25"],
        ['a, "b"', "", "ü"],
    ]
    assert table.filled("note").tolist() == [True, False, True]
    assert table.numbers("share").tolist() == [0.5, 0.0, 0.25]


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_column_is_told_by_its_different_cells(path, is_ours):
    digests = written(path, "id,share\nga,1\ngb,2\ngc,1\n")

    different, places = read_table(path, COLUMNS, digests if is_ours else {}).coded("share")

    assert [different[place] for place in places] == ["1", "2", "1"]
    assert sorted(different) == ["1", "2"]


def test_cells_that_say_the_same_are_one_object(path):
    digests = written(path, "id,note\n" + "".join(f"g{number},the same words\n" for number in range(50)))

    cells = read_table(path, COLUMNS[:1], digests).column("note")

    assert len({id(cell) for cell in cells}) == 1


def test_a_line_that_is_longer_than_a_block_is_read(path):
    digests = written(path, f"id,note\nga,{'x' * 3_000_000}\ngb,y\n")

    assert [len(cell) for cell in read_table(path, COLUMNS[:1], digests).column("note")] == [3_000_000, 1]


def test_a_table_without_lines_has_its_columns(path):
    digests = written(path, "id,share\n")

    table = read_table(path, COLUMNS, digests)

    assert (table.names, len(table), table.column("share")) == (("id", "share"), 0, [])
    assert table.filled("id").tolist() == []


def test_a_file_that_was_changed_behind_our_back_is_looked_through(path):
    digests = written(path, "id,share\nga,0.5\n")
    path.write_text("id,share\nga,much\n")

    with pytest.raises(ManifestError, match="line 2: share is 'much', expected a number"):
        read_table(path, COLUMNS, digests)


def test_what_a_table_says_goes_to_arrow_and_back():
    table = Table({"id": ["ga", "gb"], "note": ["", "é"]})

    assert Table(table.arrow).column("note") == ["", "é"]
    assert Table(table.arrow).coded("id")[1].dtype == np.int32


CELLS = ["", "a", "a,b", 'say "a"', "ü🏔", " a ", "\u2028", "=1+1", ",", '"', "'"]


@pytest.mark.parametrize("first", CELLS)
def test_lines_are_those_of_the_csv_module(first):
    rows = [[first, second] for second in CELLS]
    expected = io.StringIO()
    csv.writer(expected, lineterminator="\n").writerows(rows)

    assert "".join(table_lines(rows)) == expected.getvalue()


@pytest.mark.parametrize("cell", CELLS)
def test_a_line_of_one_cell_is_read_again(cell):
    assert next(csv.reader(io.StringIO(table_line([cell]), newline=""))) == [cell]


def test_a_cell_that_looks_like_a_formula_gets_an_apostrophe():
    assert [guard(cell) for cell in ("=1", "+1", "-1", "@a", "a=1", "", "'=1", "'a", "1")] == [
        *("'=1", "'+1", "'-1", "'@a", "a=1", "", "''=1", "'a", "1"),
    ]


@pytest.mark.parametrize("cell", ["=1", "'=1", "''=1", "'", "''", "'a", "a'=1", "", "-", "'-", "2021-05-06"])
def test_what_was_guarded_comes_back_as_it_was(cell):
    assert unguard(guard(cell)) == cell


# The same schema for pandas


def frame(**cells):
    import pandas

    return pandas.DataFrame([{column.name: "" for column in DATASET_COLUMNS} | {"id": "ga"} | cells], dtype=str)


def test_the_schema_for_pandas_takes_what_the_reader_takes():
    frame_schema().validate(frame(width="640", captured_at="2021-05-06T07:08:09"), lazy=True)


@pytest.mark.parametrize(
    ("column", "cell"), [("width", "wide"), ("split", "Train"), ("file_name", "../a"), ("captured_at", "05/06/21")]
)
def test_the_schema_for_pandas_refuses_what_the_reader_refuses(path, column, cell):
    import pandera.errors

    table = frame(**{column: cell})
    table.to_csv(path, index=False)

    with pytest.raises(pandera.errors.SchemaErrors) as caught:
        frame_schema().validate(table, lazy=True)
    with pytest.raises(ManifestError, match=f"line 2: {column} is"):
        read_table(path, DATASET_COLUMNS, {})

    assert caught.value.failure_cases["failure_case"].tolist() == [cell]


def test_a_cell_may_be_as_long_as_spreadsheets_keep_it(path):
    for length, is_refused in ((LONGEST_CELL, False), (LONGEST_CELL + 1, True)):
        frame(title="x" * length).to_csv(path, index=False)
        if is_refused:
            with pytest.raises(
                ManifestError, match=r"line 2: title has 32,768 letters, and a cell keeps at most 32,767"
            ):
                read_table(path, DATASET_COLUMNS, {})
        else:
            assert len(read_table(path, DATASET_COLUMNS, {}).column("title")[0]) == length
