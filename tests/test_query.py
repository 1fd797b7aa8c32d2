"""SQL over the manifest: it reads the tables and nothing else, and changes nothing."""

import json

import pytest

from pipeline.errors import GauganpipeError
from pipeline.inspection.query import Answer, query
from pipeline.manifest import Manifest, read, writing
from pipeline.rows import Row
from tests.exported import bytes_in

pytest.importorskip("duckdb")


@pytest.fixture
def manifest(workspace) -> Manifest:
    with writing(workspace) as writer:
        writer.record(Row(id="ga", original_name="007", split="train", width=640, shares={"sky": 0.25}, sharpness=0.5))
        writer.record(Row(id="gb", original_name="NA", split="train", width=1280, shares={"sky": 0.75, "sea": 0.25}))
        writer.record(Row(id="gc", original_name="=1+1", split="val"))
    return read(workspace)


def test_numbers_are_numbers_and_empty_cells_of_them_are_null(manifest):
    answer = query(manifest, "SELECT id, width, width IS NULL AS empty, label_confidence FROM dataset ORDER BY id")

    assert answer.columns == ["id", "width", "empty", "label_confidence"]
    assert answer.rows == [["ga", 640, False, None], ["gb", 1280, False, None], ["gc", None, True, None]]


def test_text_is_what_stands_in_the_file(manifest):
    answer = query(manifest, "SELECT original_name, title FROM dataset ORDER BY id")

    assert answer.rows == [["007", ""], ["NA", ""], ["=1+1", ""]]


def test_the_three_tables_can_be_joined(manifest):
    answer = query(
        manifest,
        "SELECT split, sum(share) AS sky, max(sharpness) AS sharp FROM dataset JOIN classes USING (id) "
        "JOIN provenance USING (id) WHERE class = 'sky' GROUP BY split",
    )

    assert answer.rows == [["train", 1.0, 0.5]]


def test_rows_that_are_only_in_the_journal_are_there(manifest):
    writer = Manifest(manifest.workspace)
    writer.record(Row(id="gz", split="test", shares={"sea": 1.0}))
    writer.close()

    answer = query(read(manifest.workspace), "SELECT count(*), max(share) FROM dataset LEFT JOIN classes USING (id)")

    assert answer.rows == [[5, 1.0]]


def test_a_column_of_the_users_own_can_be_asked_for(manifest):
    with writing(manifest.workspace) as writer:
        writer.amend({"ga": {'my "stars"': "5"}})

    assert query(read(manifest.workspace), 'SELECT "my ""stars""" FROM dataset WHERE id = \'ga\'').rows == [["5"]]


@pytest.mark.parametrize(
    "sql",
    [
        *(
            "SELECT * FROM read_csv('/etc/passwd')",
            "SELECT * FROM read_text('/etc/passwd')",
            "SELECT * FROM '/etc/passwd'",
        ),
        *("SELECT * FROM glob('/etc/*')", "SELECT * FROM manifest", "SELECT getenv('HOME')"),
    ],
)
def test_nothing_but_the_tables_can_be_read(manifest, sql):
    with pytest.raises(GauganpipeError, match="the query cannot be answered"):
        query(manifest, sql)


@pytest.mark.parametrize(
    "sql",
    [
        *("DELETE FROM dataset", "COPY dataset TO 'out.csv'", "ATTACH 'out.db'", "INSTALL httpfs", "SET threads = 1"),
        *("SELECT 1; SELECT 2", "", "CREATE TABLE x AS SELECT 1", "PRAGMA database_list"),
    ],
)
def test_what_is_no_single_select_is_refused(manifest, tmp_path, monkeypatch, sql):
    monkeypatch.chdir(tmp_path)
    before = bytes_in(tmp_path)

    with pytest.raises(GauganpipeError, match="query takes one SELECT, and changes nothing"):
        query(manifest, sql)

    assert bytes_in(tmp_path) == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("selec", 'syntax error at or near "selec"'),
        ("SELECT widht FROM dataset", 'column "widht" not found in FROM clause. It may be one of'),
        ("SELECT id FROM photos", "Table with name photos does not exist"),
        ("SELECT CAST(title AS INTEGER) FROM dataset", "Could not convert string"),
    ],
)
def test_a_wrong_query_is_one_sentence_that_names_the_tables(manifest, sql, said):
    with pytest.raises(GauganpipeError) as caught:
        query(manifest, sql)

    assert said in str(caught.value)
    assert str(caught.value).endswith("The tables are dataset, classes, provenance; DESCRIBE dataset lists columns")
    assert "\n" not in str(caught.value)


def test_without_duckdb_it_says_what_to_install(manifest, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)

    with pytest.raises(GauganpipeError, match=r"pip install 'gauganpipe\[tables\]'"):
        query(manifest, "SELECT 1")


def test_the_columns_can_be_listed(manifest):
    answer = query(manifest, "DESCRIBE dataset")

    assert ["width", "BIGINT"] in [row[:2] for row in answer.rows]


# How it is shown


def test_a_table_has_numbers_to_the_right():
    answer = Answer(columns=["split", "n"], rows=[["train", 1200], ["val", 7], [None, None]])

    assert answer.lines() == ["split     n", "train  1200", "val       7", ""]


def test_a_table_without_lines_has_its_head():
    assert Answer(columns=["a", "b"], rows=[]).lines() == ["a  b"]


def test_csv_is_quoted_where_it_must_be():
    assert Answer(columns=["a", "b"], rows=[["x, y", 0.1], [None, 2]]).csv_lines() == ["a,b", '"x, y",0.1', ",2"]


def test_json_keeps_numbers_and_writes_out_the_rest(manifest):
    answer = query(
        manifest,
        "SELECT sum(width) AS a, DATE '2020-01-02' AS b, 1.5::DECIMAL(3,1) AS c, [1] AS d, 1 AS d FROM dataset",
    )

    said = json.loads(json.dumps(answer.as_json()))
    assert said == {
        "columns": ["a", "b", "c", "d", "d_5"],
        "rows": [{"a": 1920, "b": "2020-01-02", "c": 1.5, "d": [1], "d_5": 1}],
    }


def test_what_is_no_number_in_json_is_null(manifest):
    sql = "SELECT 'nan'::DOUBLE AS a, 'inf'::DOUBLE AS b, ['nan'::DOUBLE, 1.5] AS c, {'d': 'nan'::DOUBLE} AS e"

    said = query(manifest, sql).as_json()

    assert said["rows"] == [{"a": None, "b": None, "c": [None, 1.5], "e": {"d": None}}]
