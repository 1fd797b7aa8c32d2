"""The manifest: strict when it is read, atomic when it is written, and whole after any crash."""

import csv
import errno
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import csv_files
from pipeline import manifest as manifest_module
from pipeline.about import SCHEMA_VERSION
from pipeline.errors import ManifestError, WorkspaceError
from pipeline.manifest import Manifest, read, rows_of_splits, writing
from pipeline.rows import DATASET_COLUMNS, Row
from pipeline.tables import frame_schema, json_schema
from pipeline.workspace import Workspace, write_atomically

PUBLISHED = Path(__file__).parents[1] / "manifests"
IDS = [f"g{number:016x}" for number in range(1, 7)]
HEADER = [column.name for column in DATASET_COLUMNS]

HOLDER = """
import sys
from pathlib import Path
from pipeline.manifest import writing
from pipeline.workspace import Workspace
with writing(Workspace(root=Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""

DIES_AFTER_TWO_ROWS = """
import os, sys
from pathlib import Path
from pipeline.manifest import writing
from pipeline.rows import Row
from pipeline.workspace import Workspace
with writing(Workspace(root=Path(sys.argv[1]))) as manifest:
    manifest.record(Row(id="ga", original_name="a.jpg"))
    manifest.record(Row(id="gb", original_name="b.jpg"))
    os._exit(1)
"""

FILLS_THE_DISK = """
import resource, sys
from pathlib import Path
from pipeline.errors import WorkspaceError
from pipeline.manifest import writing
from pipeline.rows import Row
from pipeline.workspace import Workspace
rows, limit = int(sys.argv[2]), int(sys.argv[3])
try:
    with writing(Workspace(root=Path(sys.argv[1]))) as manifest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        for number in range(rows):
            manifest.record(Row(id=f"gnew{number}", original_name="n.jpg" * 100))
except WorkspaceError as error:
    print(error)
"""


class PowerCut(BaseException):
    """What nobody catches."""


def a_row(number: int, **cells) -> Row:
    id = IDS[number]
    made = {"original_name": f"photo {number}.jpg", "file_name": f"data/images/00/{id}.jpg", "width": 640}
    said = {"height": 480, "split": "train", "group": id, "status": "ok", "source": "folder", "license": "unknown"}
    hidden = {"sha256": "0" * 64, "added": 1, "keys": {"ingest": "k"}, "shares": {"sky": 0.25, "sea": 0.75}}
    return Row(id=id, **{**made, **said, **hidden, **cells})


@pytest.fixture
def written(workspace) -> Workspace:
    """A workspace of six rows."""
    with writing(workspace) as manifest:
        for number in range(6):
            manifest.record(a_row(number))
    return workspace


def files_of(workspace: Workspace) -> dict[str, bytes]:
    paths = [path for path in workspace.manifests.iterdir() if path.name != ".lock"]
    return {path.name: path.read_bytes() for path in paths}


def table_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))


def write_table(path: Path, table: list[list[str]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table)
    path.write_text(text.getvalue(), encoding="utf-8")


def set_cell(path: Path, line: int, column: str, cell: str) -> None:
    """Writes one cell by hand; line counts from 1, the header."""
    table = table_of(path)
    table[line - 1][table[0].index(column)] = cell
    write_table(path, table)


def refused(workspace: Workspace) -> str:
    with pytest.raises(ManifestError) as caught:
        Manifest(workspace)
    return str(caught.value)


# What is written


def test_a_row_comes_back_as_it_was(written):
    assert read(written).rows[IDS[0]] == a_row(0)


def test_the_columns_stand_in_their_fixed_order(written):
    assert table_of(written.dataset_csv)[0] == HEADER


def test_lines_are_sorted_by_id_whatever_order_rows_come_in(workspace):
    with writing(workspace) as manifest:
        for number in (3, 0, 2, 1):
            manifest.record(a_row(number))

    assert [line[0] for line in table_of(workspace.dataset_csv)[1:]] == IDS[:4]


def test_the_csv_is_utf8_with_unix_lines_and_no_mark_at_its_beginning(workspace):
    with writing(workspace) as manifest:
        manifest.record(a_row(0, title="Öde – „See“ 🏔"))

    data = workspace.dataset_csv.read_bytes()
    assert (data[:3], b"\r" in data, "Öde – „See“ 🏔".encode() in data) == (b"id,", False, True)


def test_a_manifest_without_rows_is_read_again(workspace):
    with writing(workspace):
        pass

    assert read(workspace).rows == {}


def test_writing_nothing_new_touches_no_file(written):
    before = {path: path.stat().st_mtime_ns for path in written.manifests.glob("*.*") if path.name != ".lock"}

    with writing(written):
        pass

    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_recording_the_rows_again_gives_the_same_bytes(written):
    before = files_of(written)

    with writing(written) as manifest:
        for row in list(manifest.rows.values()):
            manifest.record(row)

    assert files_of(written) == before


def test_what_was_read_without_trust_is_written_as_it_was(written):
    before = files_of(written)
    written.dataset_json.unlink()

    with writing(written):
        pass

    assert files_of(written) == before


def test_pandas_reads_what_the_rows_say(workspace):
    import pandas

    names = ["007", "NA", "null", "1.50", 'a "quoted", name', " two  spaces "]
    with writing(workspace) as manifest:
        for number, name in enumerate(names):
            manifest.record(a_row(number, original_name=name, title="" if number else "None", label_confidence=0.5))

    table = pandas.read_csv(workspace.dataset_csv, dtype=str, keep_default_na=False)

    assert [list(table.columns), *table.to_numpy().tolist()] == table_of(workspace.dataset_csv)
    assert list(table["original_name"]) == names


def test_pandas_reads_the_manifest_as_the_readme_says(workspace, monkeypatch):
    import pandas

    with writing(workspace) as manifest:
        manifest.record(a_row(0, original_name="007", title="NA", label_confidence=0.5))
        manifest.record(a_row(1, width=None))
    readme = (PUBLISHED.parent / "README.md").read_text(encoding="utf-8")
    [reading] = set(re.findall(r"pandas\.read_csv\(.*dataset\.csv.*\)", readme))
    monkeypatch.chdir(workspace.root)

    table = eval(reading, {"pandas": pandas})
    widths = pandas.to_numeric(table["width"])

    assert table.loc[0, ["original_name", "title", "creator"]].tolist() == ["007", "NA", ""]
    assert (widths[0], pandas.isna(widths[1])) == (640, True)
    frame_schema().validate(table, lazy=True)


def test_shares_stand_in_their_own_file_one_line_a_class(written):
    assert table_of(written.classes_csv)[:3] == [
        ["id", "class", "share"],
        [IDS[0], "sky", "0.250000"],
        [IDS[0], "sea", "0.750000"],
    ]


def test_a_dropped_row_is_gone_from_every_file(written):
    with writing(written) as manifest:
        manifest.drop(IDS[2])

    assert not any(IDS[2].encode() in data for data in files_of(written).values())


def test_a_choice_of_the_workspace_is_kept(written):
    with writing(written) as manifest:
        manifest.choose(segmenter="maps:./maps", models={"maps:maps": {"digest": "", "license": "unknown"}})

    about = read(written).about
    assert (about.segmenter, about.models) == ("maps:./maps", {"maps:maps": {"digest": "", "license": "unknown"}})


def test_dataset_json_tells_version_rows_and_classes(written):
    said = json.loads(written.dataset_json.read_text(encoding="utf-8"))

    assert (said["schema_version"], said["rows"]) == (SCHEMA_VERSION, 6)
    assert said["classes"][0] == {"id": 0, "name": "sky", "colour": "#9ceedd", "thing": False}


def test_a_split_has_the_rows_that_are_done_and_wanted(workspace):
    with writing(workspace) as manifest:
        manifest.record(a_row(0))
        manifest.record(a_row(1, status="failed", error="is gone"))
        manifest.record(a_row(2, keep="no"))
        manifest.record(a_row(3, split="val"))

    assert [row.id for row in rows_of_splits(read(workspace), "train")] == [IDS[0]]


def test_a_cell_may_be_longer_than_the_csv_library_allows(workspace):
    names = tuple(f"copy {number:05d} of a photo.jpg" for number in range(6000))
    with writing(workspace) as manifest:
        manifest.record(a_row(0, other_names=names))

    assert read(workspace).rows[IDS[0]].other_names == names


# What the user writes


def test_a_column_of_the_users_own_stays_behind_the_fixed_ones(written):
    table = table_of(written.dataset_csv)
    mine = [["stars", "my notes"], *([str(number), f"note, {number}"] for number in range(6))]
    write_table(written.dataset_csv, [[*own, *line] for own, line in zip(mine, table, strict=True)])

    with writing(written) as manifest:
        manifest.record(replace(manifest.rows[IDS[1]], title="changed"))

    after = table_of(written.dataset_csv)
    assert after[0] == [*HEADER, "stars", "my notes"]
    assert [line[-2:] for line in after] == mine


def test_a_column_of_the_users_own_does_not_change_what_is_written_later(written):
    table = table_of(written.dataset_csv)
    write_table(written.dataset_csv, [[*line, "mine"] for line in table])
    with writing(written):
        pass
    before = files_of(written)

    with writing(written):
        pass

    assert files_of(written) == before


def test_a_new_row_has_an_empty_cell_in_a_column_of_the_users_own(written):
    table = table_of(written.dataset_csv)
    write_table(written.dataset_csv, [[*line, "stars" if number == 0 else "3"] for number, line in enumerate(table)])

    with writing(written) as manifest:
        manifest.record(Row(id="gz"))

    assert table_of(written.dataset_csv)[-1][-1] == ""


def test_shuffled_columns_and_lines_are_put_in_order_again(written):
    before = written.dataset_csv.read_bytes()
    header, *lines = [line[::-1] for line in table_of(written.dataset_csv)]
    write_table(written.dataset_csv, [header, *lines[::-1]])

    with writing(written):
        pass

    assert written.dataset_csv.read_bytes() == before


def test_what_a_spreadsheet_saves_is_read_and_written_as_ours(written):
    before = files_of(written)
    written.dataset_csv.write_bytes(b"\xef\xbb\xbf" + before["dataset.csv"].replace(b"\n", b"\r\n"))

    with writing(written):
        pass

    assert files_of(written) == before


def test_a_line_that_the_user_took_out_is_gone(written):
    table = table_of(written.dataset_csv)
    write_table(written.dataset_csv, [line for line in table if line[0] != IDS[2]])

    with writing(written):
        pass

    assert sorted(read(written).rows) == [id for id in IDS if id != IDS[2]]


def test_an_edit_during_a_run_survives_the_fold(written):
    with writing(written) as manifest:
        manifest.record(replace(manifest.rows[IDS[0]], label_model="maps"))
        set_cell(written.dataset_csv, 2, "keep", "yes")

    row = read(written).rows[IDS[0]]
    assert (row.keep, row.label_model) == ("yes", "maps")


def test_an_edit_during_a_run_survives_a_stage_that_was_given_the_row_before_it(written):
    with writing(written) as manifest:
        given = manifest.rows[IDS[0]]
        set_cell(written.dataset_csv, 2, "keep", "yes")
        manifest.fold()
        manifest.record(replace(given, label_model="maps"))

    row = read(written).rows[IDS[0]]
    assert (row.keep, row.label_model) == ("yes", "maps")


def test_the_last_of_two_edits_during_a_run_survives(written):
    with writing(written) as manifest:
        given = manifest.rows[IDS[0]]
        for word in ("yes", "no"):
            set_cell(written.dataset_csv, 2, "keep", word)
            manifest.fold()
        manifest.record(replace(given, label_model="maps"))

    assert read(written).rows[IDS[0]].keep == "no"


def test_a_column_added_during_a_run_survives_a_stage_that_was_given_the_row_before_it(written):
    with writing(written) as manifest:
        given = manifest.rows[IDS[0]]
        table = table_of(written.dataset_csv)
        write_table(written.dataset_csv, [[*line, "stars" if line[0] == "id" else "3"] for line in table])
        manifest.fold()
        manifest.record(replace(given, label_model="maps"))

    assert read(written).rows[IDS[0]].extras == {"stars": "3"}


def test_an_edit_during_a_run_gives_way_to_a_stage_that_writes_the_same_cell(written):
    with writing(written) as manifest:
        given = manifest.rows[IDS[0]]
        set_cell(written.dataset_csv, 2, "label_model", "me")
        manifest.fold()
        manifest.record(replace(given, label_model="maps"))

    assert read(written).rows[IDS[0]].label_model == "maps"


def test_an_edit_during_a_run_does_not_hide_what_was_chosen(written):
    with writing(written) as manifest:
        manifest.choose(segmenter="maps:./maps")
        set_cell(written.dataset_csv, 2, "keep", "yes")

    assert read(written).about.segmenter == "maps:./maps"


# What is refused


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("width", "wide", "width is 'wide', expected a number"),
        ("height", "-3", "height is '-3', expected a number"),
        ("rule_value", "1,5", "rule_value is '1,5', expected a number"),
        ("split", "Train", "split is 'Train', expected nothing or one of train, val, test"),
        ("keep", "maybe", "keep is 'maybe', expected nothing or one of yes, no"),
        ("file_name", "../a.jpg", "file_name is '../a.jpg', expected a path inside the workspace"),
        ("label_file_name", "/etc/passwd", "label_file_name is '/etc/passwd', expected a path inside the workspace"),
        ("edge_file_name", "data\\a.png", "edge_file_name is 'data\\\\a.png', expected a path inside the workspace"),
        ("title", "two\nlines", "title is 'two\\nlines', expected text without control characters"),
        ("creator", "\x1b[31mred", "creator is '\\x1b[31mred', expected text without control characters"),
        ("id", "../../x", "id is '../../x', expected a letter, then letters, digits, '-' and '_'"),
        ("captured_at", "06.05.2021 07:08", "captured_at is '06.05.2021 07:08', expected a time as in 2021-05-06T07"),
        ("retrieved_at", "44322.297", "retrieved_at is '44322.297', expected a time as in 2021-05-06T07:08:09, which"),
        ("title", "x" * 2**20, "title has 1,048,576 letters, and a cell keeps at most 32,767. Shorten it"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(written, column, cell, said):
    set_cell(written.dataset_csv, 7, column, cell)

    assert refused(written).startswith(f"{written.dataset_csv}, line 7: {said}")


def test_the_first_of_several_wrong_cells_is_named(written):
    for line in (6, 3, 5):
        set_cell(written.dataset_csv, line, "width", "wide")

    assert f"{written.dataset_csv}, line 3: width is 'wide'" in refused(written)


def test_a_control_character_in_a_column_of_the_users_own_is_refused(written):
    table = table_of(written.dataset_csv)
    write_table(written.dataset_csv, [[*line, "notes" if line[0] == "id" else "\x07"] for line in table])

    assert "line 2: notes is '\\x07', expected text without control characters" in refused(written)


def test_a_column_that_is_missing_is_named(written):
    write_table(written.dataset_csv, [line[:-1] for line in table_of(written.dataset_csv)])

    assert (
        refused(written) == f"{written.dataset_csv} has no column 'retrieved_at'. Put it back; its cells may be empty"
    )


@pytest.mark.parametrize("name", ["image", "label", "edge", ""])
def test_a_column_that_other_tools_misread_is_refused(written, name):
    table = table_of(written.dataset_csv)
    write_table(written.dataset_csv, [[*line, name if line[0] == "id" else ""] for line in table])

    assert f"has a column called '{name}', which other tools misread. Rename it" in refused(written)


@pytest.mark.parametrize("name", ["width", "stars"])
def test_a_column_that_stands_there_twice_is_refused(written, name):
    table = table_of(written.dataset_csv)
    more = [name, name] if name not in HEADER else [name]
    write_table(written.dataset_csv, [[*line, *(more if line[0] == "id" else [""] * len(more))] for line in table])

    assert f"has two columns called '{name}'. Remove one of them" in refused(written)


def test_a_column_of_the_provenance_is_refused_in_the_dataset(written):
    table = table_of(written.dataset_csv)
    write_table(written.dataset_csv, [[*line, "sha256" if line[0] == "id" else ""] for line in table])

    assert "has a column 'sha256', which belongs to provenance.csv" in refused(written)


def test_an_id_that_stands_there_twice_is_refused(written):
    set_cell(written.dataset_csv, 4, "id", IDS[0])

    assert refused(written) == (
        f"{written.dataset_csv}, line 4: the id '{IDS[0]}' stands there twice. Every row has an id of its own"
    )


def test_an_empty_id_is_refused(written):
    set_cell(written.dataset_csv, 4, "id", "")

    assert ", line 4: the id is empty. Every row has an id of its own" in refused(written)


def test_a_line_with_too_few_cells_is_refused(written):
    table = table_of(written.dataset_csv)
    table[2] = table[2][:5]
    write_table(written.dataset_csv, table)

    assert refused(written) == f"{written.dataset_csv}, line 3: 5 cells, expected {len(HEADER)}"


def test_a_file_that_is_not_utf8_is_refused_with_its_line(written):
    data = written.dataset_csv.read_bytes()
    written.dataset_csv.write_bytes(data.replace(b"photo 3", b"caf\xe9 3"))

    assert refused(written) == f"{written.dataset_csv}, line 5: not UTF-8. Save the file as UTF-8"


def test_a_file_that_is_no_csv_is_refused_with_its_line(written):
    data = written.dataset_csv.read_bytes()
    written.dataset_csv.write_bytes(data.replace(b"photo 3.jpg", b'"photo" 3.jpg'))

    assert refused(written).startswith(f"{written.dataset_csv}, line 5: this is not CSV")


def test_an_empty_file_is_refused(written):
    written.dataset_csv.write_bytes(b"")

    assert refused(written).startswith(f"{written.dataset_csv} is empty. Put a copy of it back")


@pytest.mark.parametrize("column", ["other_names", "keys", "added", "id"])
def test_a_wrong_cell_of_the_provenance_is_named_with_its_line(written, column):
    set_cell(written.provenance_csv, 5, column, '["unfinished]')

    assert f"{written.provenance_csv}, line 5: {column} is '[\"unfinished]', expected " in refused(written)


def test_a_wrong_cell_of_the_classes_is_named_with_its_line(written):
    set_cell(written.classes_csv, 3, "share", "much")

    assert refused(written) == f"{written.classes_csv}, line 3: share is 'much', expected a number from 0 to 1"


def test_a_column_more_in_the_classes_does_no_harm(written):
    write_table(written.classes_csv, [["x", *line] for line in table_of(written.classes_csv)])

    assert read(written).rows[IDS[0]].shares == {"sky": 0.25, "sea": 0.75}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"taxonomy": "landscape"}'])
def test_a_damaged_dataset_json_is_a_sentence(written, text):
    written.dataset_json.write_text(text)

    assert refused(written).startswith(f"{written.dataset_json} cannot be read: ")


def test_what_is_refused_is_left_as_it_is(written):
    set_cell(written.dataset_csv, 7, "width", "wide")
    before = files_of(written)

    with pytest.raises(ManifestError), writing(written):
        pass

    assert files_of(written) == before


def test_provenance_of_an_older_version_lacks_columns_and_is_read(written):
    lines = [line.split(",") for line in written.provenance_csv.read_text().splitlines()]
    place = lines[0].index("sharpness")
    written.provenance_csv.write_text("".join(",".join(cells[:place] + cells[place + 1 :]) + "\n" for cells in lines))

    assert read(written).rows[IDS[0]].sharpness is None


def test_reading_where_nothing_is_says_how_to_make_it(workspace):
    with pytest.raises(ManifestError) as caught:
        read(workspace)

    command = f"gauganpipe label ./photos -C {workspace.root}"
    assert str(caught.value) == f"no manifest at {workspace.dataset_csv}. Make one: {command}"


def test_a_reader_beside_a_command_that_ends_sees_all_of_its_rows(written, monkeypatch):
    with writing(written) as manifest:
        manifest.record(a_row(0, title="late"))
        manifest.close()
        read_table = csv_files.read_table

        def ends_after_the_csv_is_read(*arguments, **more):
            table = read_table(*arguments, **more)
            monkeypatch.undo()
            manifest.fold()
            return table

        monkeypatch.setattr(csv_files, "read_table", ends_after_the_csv_is_read)

        assert read(written).rows[IDS[0]].title == "late"


def test_reading_writes_nothing(written):
    written.journal.write_bytes(b'{"id": "gz", "new": true, "cells": {"title": "late"}}\n')
    before = files_of(written)

    read(written)

    assert files_of(written) == before


# The journal


def test_a_reader_sees_rows_that_are_not_folded_yet(written):
    with writing(written) as manifest:
        manifest.record(Row(id="gz", title="late"))

        assert read(written).rows["gz"].title == "late"


def test_rows_are_folded_while_the_run_goes_on(workspace, monkeypatch):
    monkeypatch.setattr(manifest_module, "SECONDS_BETWEEN_FOLDS", -1)

    with writing(workspace) as manifest:
        manifest.record(Row(id="gz"))

        assert (workspace.journal.exists(), table_of(workspace.dataset_csv)[1][0]) == (False, "gz")


def test_rows_of_a_process_that_died_are_there(workspace):
    subprocess.run([sys.executable, "-c", DIES_AFTER_TWO_ROWS, str(workspace.root)], check=False)

    with writing(workspace) as manifest:
        assert [row.original_name for row in manifest.rows.values()] == ["a.jpg", "b.jpg"]

    assert [line[0] for line in table_of(workspace.dataset_csv)[1:]] == ["ga", "gb"]


def test_rows_of_an_interrupted_run_are_folded(workspace):
    with pytest.raises(KeyboardInterrupt), writing(workspace) as manifest:
        manifest.record(Row(id="gz"))
        raise KeyboardInterrupt

    assert (workspace.journal.exists(), table_of(workspace.dataset_csv)[1][0]) == (False, "gz")


def test_rows_before_an_error_are_kept(workspace):
    with pytest.raises(ZeroDivisionError), writing(workspace) as manifest:
        manifest.record(Row(id="gz"))
        raise ZeroDivisionError

    assert sorted(read(workspace).rows) == ["gz"]


def test_a_choice_before_an_error_is_kept(workspace):
    with pytest.raises(ZeroDivisionError), writing(workspace) as manifest:
        manifest.choose(segmenter="maps:./maps")
        raise ZeroDivisionError

    assert read(workspace).about.segmenter == "maps:./maps"


@pytest.mark.parametrize("torn", [b"{", b'{"id": "gz", "new": true, "cells": {}}', b'{"id": "g\xc3'])
def test_a_torn_last_line_of_the_journal_is_cut_off(written, torn):
    before = files_of(written)
    written.journal.write_bytes(torn)

    with writing(written):
        pass

    assert files_of(written) == before


def test_the_lines_before_a_torn_one_are_kept(written):
    written.journal.write_bytes(b'{"id": "gy", "new": true, "cells": {}}\n{"id": "gz", "ne')

    with writing(written) as manifest:
        assert set(manifest.rows) - set(IDS) == {"gy"}


def test_nothing_is_written_behind_a_torn_line(written):
    written.journal.write_bytes(b'{"id": "gy", "new": true, "cells": {}}\n{"id": "gz", "ne')

    with pytest.raises(ZeroDivisionError), writing(written) as manifest:
        manifest.record(Row(id="gz"))
        raise ZeroDivisionError

    assert set(read(written).rows) - set(IDS) == {"gy", "gz"}


@pytest.mark.parametrize(
    "damaged",
    [
        *(b"", b"{", b"5", b"[]", b'"about"', b"{}", b"\xff", b'{"id": "gz"}', b'{"about": {"colour": "blue"}}'),
        b'{"id": "gz", "new": true, "cells": []}',
        b'{"id": "gz", "new": true, "cells": {"width": "wide"}}',
    ],
)
def test_a_damaged_line_in_the_middle_of_the_journal_is_refused(written, damaged):
    good = b'{"id": "gy", "new": true, "cells": {}}\n'
    written.journal.write_bytes(good + damaged + b"\n" + good)

    assert refused(written) == (
        f"{written.journal}, line 2, is damaged. Move the file away and run the same command again"
    )


def test_a_change_of_a_row_that_the_user_took_out_is_left_alone(written):
    written.journal.write_bytes(b'{"id": "gz", "new": false, "cells": {"title": "late"}}\n')

    assert "gz" not in read(written).rows


# Crashes while the files are written


def change_everything(manifest: Manifest) -> None:
    manifest.record(replace(manifest.rows[IDS[0]], title="changed", shares={"sky": 1.0}))
    manifest.record(replace(manifest.rows[IDS[1]], keys={"ingest": "k", "label": "l"}))
    manifest.drop(IDS[2])
    manifest.record(Row(id="gz", title="new"))
    manifest.choose(segmenter="maps:./maps")


@pytest.fixture
def expected(tmp_path) -> dict[str, bytes]:
    """The files of a workspace that was changed without a crash."""
    workspace = Workspace(root=tmp_path / "expected")
    with writing(workspace) as manifest:
        for number in range(6):
            manifest.record(a_row(number))
    with writing(workspace) as manifest:
        change_everything(manifest)
    return files_of(workspace)


@pytest.mark.parametrize("files_written", range(4))
def test_the_next_start_heals_a_crash_between_two_files(written, expected, monkeypatch, files_written):
    left = iter(range(files_written))

    def write(path, data, *, durable):
        if next(left, None) is None:
            raise PowerCut
        write_atomically(path, data, durable=durable)

    with monkeypatch.context() as patched, pytest.raises(PowerCut), writing(written) as manifest:
        change_everything(manifest)
        patched.setattr(manifest_module, "write_atomically", write)

    with writing(written):
        pass

    assert files_of(written) == expected


def test_the_next_start_heals_a_crash_before_the_journal_was_ended(written, expected):
    with writing(written) as manifest:
        change_everything(manifest)
        journal = written.journal.read_bytes()
    written.journal.write_bytes(journal)

    with writing(written):
        pass

    assert files_of(written) == expected


@pytest.mark.parametrize("files_written", range(4))
def test_the_first_fold_of_all_is_healed_too(workspace, monkeypatch, files_written):
    left = iter(range(files_written))

    def write(path, data, *, durable):
        if next(left, None) is None:
            raise PowerCut
        write_atomically(path, data, durable=durable)

    with monkeypatch.context() as patched, pytest.raises(PowerCut), writing(workspace) as manifest:
        manifest.record(a_row(0))
        patched.setattr(manifest_module, "write_atomically", write)

    with writing(workspace):
        pass

    assert read(workspace).rows == {IDS[0]: a_row(0)}


# A full disk


def test_a_full_disk_is_one_sentence_and_nothing_is_half_written(written, monkeypatch):
    before = files_of(written)

    def write(path, data, *, durable):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched, pytest.raises(WorkspaceError) as caught, writing(written) as manifest:
        change_everything(manifest)
        patched.setattr(manifest_module, "write_atomically", write)

    assert str(caught.value).startswith(f"the disk is full at {written.classes_csv}. Free some space")
    assert {name: data for name, data in files_of(written).items() if name != "journal.jsonl"} == before


def test_what_a_full_disk_did_not_take_is_written_by_the_next_start(written, expected, monkeypatch):
    def write(path, data, *, durable):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched, pytest.raises(WorkspaceError), writing(written) as manifest:
        change_everything(manifest)
        patched.setattr(manifest_module, "write_atomically", write)

    with writing(written):
        pass

    assert files_of(written) == expected


@pytest.mark.parametrize(("rows", "limit_bytes"), [(100, 5_000), (1, 1_000)], ids=["in the journal", "in the fold"])
def test_a_disk_that_fills_up_is_one_sentence(written, rows, limit_bytes):
    pytest.importorskip("resource")
    before = written.dataset_csv.read_bytes()

    command = [sys.executable, "-c", FILLS_THE_DISK, str(written.root), str(rows), str(limit_bytes)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (child.returncode, child.stderr) == (0, "")
    assert re.fullmatch(r"the disk is full\. Free some space and run the same command .*\n", child.stdout)
    assert (written.dataset_csv.read_bytes(), list(written.manifests.glob("*.part"))) == (before, [])


# Two at once


def test_a_second_process_is_told_who_holds_the_workspace(written, tmp_path):
    script = tmp_path / "gauganpipe"
    script.write_text(HOLDER)
    command = [sys.executable, str(script), str(written.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()

        with pytest.raises(WorkspaceError) as caught, writing(written):
            pass

        assert str(caught.value) == (
            f"the manifest of {written.root} is being written by process {child.pid} "
            f"(gauganpipe {written.root}). Wait for it, or stop it"
        )
        child.kill()


def test_a_second_process_may_read(written):
    with writing(written):
        assert len(read(written).rows) == 6


# What is published


def test_the_published_schema_is_that_of_the_columns():
    published = (PUBLISHED / "dataset.schema.json").read_text(encoding="utf-8")

    assert published == json.dumps(json_schema(), indent=2) + "\n"


def test_the_published_table_of_columns_is_that_of_the_code():
    table = table_of(PUBLISHED / "columns.csv")

    assert table == [
        ["column", "kind", "text", "choices"],
        *([column.name, column.kind, column.text, " ".join(column.choices)] for column in DATASET_COLUMNS),
    ]


def test_the_patterns_of_the_schema_are_those_that_cells_are_held_against(written):
    schema = json_schema()

    for line in table_of(written.dataset_csv)[1:]:
        for name, cell in zip(HEADER, line, strict=True):
            assert re.search(schema["properties"][name]["pattern"], cell)
