"""The manifest through a spreadsheet and back: nothing that it rewrites is lost, and what was edited comes home."""

import csv
import io
from pathlib import Path

import pytest

from pipeline.errors import ManifestError, WorkspaceError
from pipeline.inspection.spreadsheet import REWRITTEN, plan, take_back, write_spreadsheet
from pipeline.manifest import read, writing
from pipeline.rows import Row
from pipeline.tables import guard, unguard
from pipeline.workspace import Workspace
from tests.exported import bytes_in

NAMES = ("007", "=cmd|x", "-5 degrees", "3-4", "1E5", "'quoted'", "a, b", "ü", "@night", "plain", "1234567890123")

REWRITTEN_CELLS = (
    *("May 2021", "March 5", "Oct 7", "MARCH1", "sept. 3, 2020", "May", "Mai 2021", "Dez-24", "10%", "1,234", "12:30"),
    *("TRUE", "false", "$5", "€ 5", "(5)", ".5", " 007", "1.5", "12/3/2020", "2021-05-06", "12 monkeys", "+5", "@a"),
)


@pytest.fixture
def written(workspace) -> Workspace:
    with writing(workspace) as manifest:
        for number, name in enumerate(NAMES):
            cells = {"title": name, "width": 640, "rule_value": -0.5, "captured_at": "2021-05-06T07:08:09"}
            row = Row(id=f"g{number:02d}", original_name=name, split="train", group=f"g{number:02d}", **cells)
            manifest.record(row)
        manifest.amend({"g00": {"stars": "007"}})
    return workspace


@pytest.fixture
def file(written, tmp_path) -> Path:
    path = tmp_path / "photos.csv"
    write_spreadsheet(written, path)
    return path


def table_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def edit(path: Path, changes: dict[tuple[int, str], str], *, mark: str = ",") -> None:
    """Saves the file as a spreadsheet does, with these cells.    changes: line, from 1, the header, and column."""
    table = table_of(path)
    for (line, column), cell in changes.items():
        table[line - 1][table[0].index(column)] = cell
    text = io.StringIO()
    csv.writer(text, delimiter=mark, lineterminator="\r\n").writerows(table)
    path.write_bytes(("\ufeff" + text.getvalue()).encode())


def test_no_cell_is_left_that_a_spreadsheet_would_rewrite(file):
    header, *lines = table_of(file)
    titles = [line[header.index("title")] for line in lines]

    assert titles == [
        *("'007", "'=cmd|x", "'-5 degrees", "'3-4", "'1E5", "''quoted'", "a, b", "ü", "'@night", "plain"),
        "'1234567890123",
    ]
    assert {line[header.index("captured_at")] for line in lines} == {"'2021-05-06T07:08:09"}
    assert {line[header.index("width")] for line in lines} == {"640"}


def test_it_begins_with_the_mark_that_tells_utf8(file):
    assert file.read_bytes().startswith(b"\xef\xbb\xbfid,")


@pytest.mark.parametrize("cell", REWRITTEN_CELLS)
def test_a_cell_that_a_spreadsheet_would_rewrite_gets_an_apostrophe_and_comes_back(cell):
    assert guard(cell, REWRITTEN) == f"'{cell}"
    assert unguard(f"'{cell}", REWRITTEN) == cell


@pytest.mark.parametrize("cell", ["", "plain", "ü", "a, b", "Lake 5 at dawn", "Marina", "trueish", "IMG_2041.jpg"])
def test_a_cell_that_a_spreadsheet_leaves_as_it_is_stays(cell):
    assert guard(cell, REWRITTEN) == unguard(cell, REWRITTEN) == cell


@pytest.mark.parametrize("cell", [*NAMES, "'", "''", "'a", "'=1", "'007", "' 'TRUE"])
def test_what_was_guarded_comes_back_as_it_was(cell):
    assert unguard(guard(cell, REWRITTEN), REWRITTEN) == cell


def test_the_file_taken_back_as_it_is_changes_nothing(written, file):
    before = bytes_in(written.root)

    done = take_back(written, file)

    assert (done.rows, done.cells, done.left) == (0, {}, {})
    assert bytes_in(written.root) == before


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_edits_come_home_whatever_separates_the_cells(written, file, mark):
    edit(file, {(2, "keep"): "no", (3, "creator"): "'=Zoë", (4, "stars"): "5"}, mark=mark)

    done = take_back(written, file)

    rows = read(written).rows
    assert (done.rows, done.cells) == (3, {"keep": 1, "creator": 1, "stars": 1})
    assert (rows["g00"].keep, rows["g01"].creator, rows["g02"].extras) == ("no", "=Zoë", {"stars": "5"})


def test_what_stages_have_filled_stays_whatever_the_spreadsheet_made_of_it(written, file):
    edit(file, {(2, "captured_at"): "06.05.2021 07:08", (3, "rule_value"): "-0,5", (4, "original_name"): "x"})
    before = written.dataset_csv.read_bytes()

    done = take_back(written, file)

    assert done.left == {"original_name": 1, "rule_value": 1, "captured_at": 1}
    assert written.dataset_csv.read_bytes() == before


def test_columns_and_lines_may_be_missing_moved_and_new(written, file):
    header, *lines = table_of(file)
    title, id = header.index("title"), header.index("id")
    kept = zip((header, *lines[4:6]), ("mine", "a", "b"), strict=True)
    table = [[line[title], line[id], mine] for line, mine in kept]
    text = io.StringIO()
    csv.writer(text).writerows(table)
    file.write_text(text.getvalue())

    done = take_back(written, file)

    assert done.cells == {"mine": 2}
    assert read(written).column("mine") == ["", "", "", "", "a", "b", *[""] * 5]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({(3, "split"): "Train"}, "line 3: split is 'Train', expected nothing or one of train, val, test"),
        ({(3, "id"): "gzz"}, "line 3: there is no row 'gzz' in the manifest"),
        ({(4, "id"): "g00"}, "line 4: the id 'g00' stands there twice"),
        ({(5, "title"): "x" * 40_000}, "line 5: title has 40,000 letters"),
        ({(5, "stars"): "a\x07b"}, "line 5: stars is 'a\\x07b', expected text"),
    ],
)
def test_a_fault_is_named_with_its_line_and_nothing_changes(written, file, changes, said):
    edit(file, {**changes, (6, "keep"): "yes"})
    before = bytes_in(written.manifests)

    with pytest.raises(ManifestError) as caught:
        take_back(written, file)

    assert said in str(caught.value)
    assert bytes_in(written.manifests).items() >= {k: v for k, v in before.items() if "lock" not in k}.items()


def test_a_group_is_not_torn_apart(written, file):
    with writing(written) as manifest:
        manifest.amend({id: {"group": "g00", "file_name": f"{id}.jpg"} for id in ("g00", "g01")})
    edit(file, {(3, "split"): "val"})

    with pytest.raises(ManifestError, match="A group is never split: give all its photos one split"):
        take_back(written, file)
    edit(file, {(2, "split"): "val"})
    assert take_back(written, file).cells == {"split": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "is empty"), ("a,b\n1,2\n", "has no column 'id'"), ("id,sha256\ng00,x\n", "which belongs to provenance.csv")],
)
def test_a_file_that_is_no_such_table_is_a_sentence(written, tmp_path, text, said):
    (tmp_path / "a.csv").write_text(text)

    with pytest.raises(ManifestError, match=said):
        take_back(written, tmp_path / "a.csv")


def test_a_file_that_is_not_there_is_a_sentence(written, tmp_path):
    with pytest.raises(ManifestError, match="cannot be read: No such file"):
        take_back(written, tmp_path / "a.csv")


def test_a_plan_says_what_would_change_and_writes_nothing(written, file):
    edit(file, {(2, "keep"): "no"})
    before = bytes_in(written.root)

    assert plan(written, file).lines() == ["would change 1 row", "    keep: 1"]
    assert bytes_in(written.root) == before


@pytest.mark.parametrize("name", ["manifests/dataset.csv", "manifests/dataset.json", "manifests/new.csv", "data/a.csv"])
def test_nothing_is_written_among_the_files_of_the_workspace(written, name):
    before = bytes_in(written.root)

    with pytest.raises(WorkspaceError, match=r"lies in .*, where the workspace keeps its own files"):
        write_spreadsheet(written, written.root / name)

    assert bytes_in(written.root) == before


@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xe0 a photo", b"name,stars\nlake,5\n"])
def test_a_file_of_somebody_elses_is_not_written_over(written, tmp_path, data):
    (tmp_path / "mine").write_bytes(data)

    with pytest.raises(WorkspaceError, match="mine is there and was not written by this command"):
        write_spreadsheet(written, tmp_path / "mine")

    assert (tmp_path / "mine").read_bytes() == data


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_an_older_one_is_written_anew_whatever_a_spreadsheet_has_saved_it_with(written, file, mark):
    fresh = file.read_bytes()
    edit(file, {(2, "keep"): "no"}, mark=mark)

    write_spreadsheet(written, file)

    assert file.read_bytes() == fresh
