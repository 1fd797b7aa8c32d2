"""The check: all that is wrong is found at once, in groups, and nothing is written."""

import csv
import io

import numpy as np
import pytest

from pipeline import images
from pipeline.console import Console
from pipeline.errors import ManifestError
from pipeline.inspection.checking import ADVICE, Checked, Checking, check
from pipeline.inspection.repairing import repair
from pipeline.manifest import Manifest, writing
from pipeline.rows import Row
from pipeline.workspace import Workspace, write_atomically
from tests.exported import LANDSCAPE, bytes_in, fill


@pytest.fixture
def filled(workspace) -> Workspace:
    """Sound, and nothing in it that a spreadsheet would compute."""
    fill(workspace)
    with writing(workspace) as manifest:
        manifest.amend({id: {"title": "lake"} for id in manifest.column("id")})
    return workspace


def checked(workspace: Workspace, **asked) -> Checked:
    return check(workspace, Checking(**asked), console=Console(quiet=True))


def found(workspace: Workspace, **asked) -> dict[str, list[str]]:
    """Kind -> its faults, without the folder that they stand in."""
    kinds = checked(workspace, **asked).kinds
    return {one.kind: [str(fault).removeprefix(f"{workspace.manifests}/") for fault in one.first] for one in kinds}


def table_of(path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def edit(path, changes: dict[tuple[int, str], str], *, form: str = "\n", mark: str = "") -> None:
    """Writes cells by hand.    changes: line, from 1, the header, and column -> cell."""
    table = table_of(path)
    for (line, column), cell in changes.items():
        table[line - 1][table[0].index(column)] = cell
    text = io.StringIO()
    csv.writer(text, lineterminator=form).writerows(table)
    path.write_bytes((mark + text.getvalue()).encode())


def test_a_sound_workspace_has_no_fault(filled):
    done = checked(filled, digests=True)

    assert (done.rows, done.files, done.faults, done.kinds) == (6, 24, 0, [])
    assert done.lines()[0] == "checked 6 rows and 24 files: 0 faults"


def test_checking_writes_nothing(filled):
    edit(filled.dataset_csv, {(2, "width"): "wide"})
    before = bytes_in(filled.root)

    checked(filled)

    assert bytes_in(filled.root) == before


def test_without_a_manifest_it_says_how_to_make_one(workspace):
    with pytest.raises(ManifestError, match="no manifest at"):
        checked(workspace)


# Cells


def test_every_wrong_cell_is_named_not_only_the_first(filled):
    edit(filled.dataset_csv, {(2, "width"): "wide", (3, "split"): "Train", (7, "captured_at"): "02.01.2020 10:00"})

    assert found(filled)["schema"] == [
        "dataset.csv, line 2: width is 'wide', expected a number",
        "dataset.csv, line 3: split is 'Train', expected nothing or one of train, val, test",
        "dataset.csv, line 7: captured_at is '02.01.2020 10:00', expected a time as in 2021-05-06T07:08:09, which "
        "spreadsheets like to rewrite",
    ]


def test_what_a_spreadsheet_does_without_harm_is_no_fault(filled):
    edit(filled.dataset_csv, {}, form="\r\n", mark="\ufeff")
    table = table_of(filled.dataset_csv)
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([line[::-1] for line in table])
    filled.dataset_csv.write_bytes(("\ufeff" + text.getvalue()).encode())

    assert found(filled) == {}


@pytest.mark.parametrize(
    ("name", "cell"), [("label_confidence", "87"), ("label_confidence", "1e999"), ("captured_at", "2021-99-99")]
)
def test_a_cell_that_cannot_be_is_named(filled, name, cell):
    edit(filled.dataset_csv, {(2, name): cell})

    assert found(filled)["schema"][0].startswith(f"dataset.csv, line 2: {name} is '{cell}', expected a ")


def test_a_wrong_cell_is_found_in_a_file_that_is_as_we_wrote_it(workspace):
    with writing(workspace) as manifest:
        manifest.record(Row(id="ga", title="two\nlines", sha256="a\tb", shares={"sky": 1.0}))

    assert [one.split(":")[0] for one in found(workspace)["schema"]] == [
        "dataset.csv, line 2",
        "provenance.csv, line 2",
    ]


def test_of_many_faults_the_first_ten_are_shown_and_all_are_counted(filled):
    with writing(filled) as manifest:
        for number in range(20):
            manifest.record(Row(id=f"h{number:02d}"))
    edit(filled.dataset_csv, {(line, "width"): "wide" for line in range(2, 22)})

    [kind] = checked(filled, files=False).kinds
    assert (kind.kind, kind.faults, len(kind.first)) == ("schema", 20, 10)
    assert any("and 10 more" in line for line in checked(filled, files=False).lines())
    assert len(checked(filled, files=False, shows_all=True).kinds[0].first) == 20


def test_a_cell_of_a_megabyte_is_a_sentence_that_is_short(filled):
    edit(filled.dataset_csv, {(3, "title"): "x" * 2**20})

    assert found(filled)["schema"] == [
        "dataset.csv, line 3: title has 1,048,576 letters, and a cell keeps at most 32,767. Shorten it"
    ]


def test_an_id_that_stands_there_twice_is_named(filled):
    edit(filled.dataset_csv, {(4, "id"): "g0a"})

    assert found(filled, files=False)["double ids"] == [
        "dataset.csv, line 4: the id 'g0a' stands there twice. Every row has an id of its own"
    ]


def test_a_path_out_of_the_workspace_is_named_and_not_followed(filled):
    edit(filled.dataset_csv, {(2, "file_name"): "../../etc/passwd"})

    said = found(filled)
    assert said["schema"][0].startswith("dataset.csv, line 2: file_name is '../../etc/passwd', expected a path inside")
    assert "missing files" not in said


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"taxonomy": 5}'])
def test_a_damaged_dataset_json_is_one_fault_among_others(filled, damage):
    filled.dataset_json.write_bytes(damage)
    edit(filled.dataset_csv, {(2, "width"): "wide"})

    assert {*found(filled)} == {"dataset.json", "schema"}


def test_no_advice_makes_every_map_again():
    assert not [kind for kind, advice in ADVICE.items() if "--redo" in advice]


# What spreadsheets have changed


@pytest.mark.parametrize("cell", ["#NAME?", "#REF!", "1.23E+15", "2E5"])
def test_what_only_spreadsheets_write_is_named(filled, cell):
    edit(filled.dataset_csv, {(3, "title"): cell})

    [said] = found(filled)["spreadsheets"]
    assert said.startswith(f"dataset.csv, line 3: title is '{cell}', which is what spreadsheets make of")


def test_zeros_that_were_cut_are_told_by_what_a_run_remembers(filled):
    edit(filled.dataset_csv, {(3, "original_name"): "007", (4, "original_name"): "12"})
    folder = filled.runs / "0001-tiny"
    write_atomically(folder / "config.toml", b"")
    Manifest(filled).write_copy(Workspace(root=folder))

    edit(filled.dataset_csv, {(3, "original_name"): "7"})

    assert found(filled)["spreadsheets"] == [
        "dataset.csv, line 3: original_name is '7', and was '007' when runs/0001-tiny began. Put the zeros back"
    ]


def test_cells_that_a_spreadsheet_computes_are_named_with_line_and_column(filled):
    edit(filled.dataset_csv, {(3, "title"): '=HYPERLINK("http://evil.example")', (6, "creator"): "=1+1"})

    assert found(filled)["formulas"] == [
        "dataset.csv, line 3: title is '=HYPERLINK(\"http://evil.example\")', which spreadsheets compute",
        "dataset.csv, line 6: creator is '=1+1', which spreadsheets compute",
    ]


def test_cells_that_begin_as_text_may_too_are_a_note_and_no_fault(filled):
    edit(filled.dataset_csv, {(3, "title"): "-5 degrees", (4, "title"): "@home"})
    done = checked(filled)

    assert done.faults == 0
    assert done.notes[0] == (
        "2 cells begin with '+', '-' or '@' in title, which spreadsheets take for a formula: open what gauganpipe "
        "manifest spreadsheet writes, not dataset.csv itself"
    )


def test_an_edit_is_noted(filled):
    edit(filled.dataset_csv, {(2, "keep"): "yes"})

    assert f"{filled.dataset_csv} was edited since a command wrote it last" in checked(filled).notes


# The journal


def test_a_journal_of_a_killed_command_is_named_with_its_damage(filled):
    filled.journal.write_bytes(b'{"id": "gz", "new": true, "cells": {}}\n5\n{"id": "gy", "ne')

    damaged, left = found(filled)["journal"]
    assert damaged == "journal.jsonl, line 2: is damaged"
    assert left.startswith("journal.jsonl holds 1 line that no CSV file has yet, and a last line that was not written")


def test_files_of_rows_in_the_journal_are_no_orphans(filled):
    write_atomically(filled.made("images", "gzz"), b"x")
    filled.journal.write_bytes(b'{"id": "gzz", "new": true, "cells": {}}\n')

    assert {*found(filled)} == {"journal"}


# Files of the manifest that are lost


@pytest.mark.parametrize("name", ["provenance.csv", "classes.csv", "dataset.json"])
def test_a_lost_file_of_the_manifest_is_named(filled, name):
    (filled.manifests / name).unlink()

    assert found(filled)["manifest files"] == [f"{name} is not there"]


def test_a_row_without_a_line_in_the_provenance_is_named(filled):
    lines = filled.provenance_csv.read_text().splitlines(keepends=True)
    filled.provenance_csv.write_text("".join(line for line in lines if not line.startswith("g2a,")))

    assert found(filled) == {
        "missing lines": [
            "dataset.csv, line 4: 'g2a' has no line in provenance.csv, so nobody knows how its files were made"
        ]
    }


# Lines without a row, classes, splits


def test_lines_of_other_files_without_a_row_are_named_once_a_row(filled):
    lines = filled.dataset_csv.read_text().splitlines(keepends=True)
    filled.dataset_csv.write_text("".join(line for line in lines if not line.startswith("g2a,")))

    said = found(filled, files=False)["orphan lines"]
    assert [one.partition(": ")[2] for one in said] == ["there is no row 'g2a' in dataset.csv"] * 2


def test_a_label_map_of_which_no_share_is_known_is_named(filled):
    lines = filled.classes_csv.read_text().splitlines(keepends=True)
    filled.classes_csv.write_text("".join(line for line in lines if not line.startswith("g2a,")))

    said = "dataset.csv, line 4: 'g2a' has a label map, and no line in classes.csv"
    assert found(filled) == {"uncounted maps": [said]}
    repair(filled)
    assert found(filled) == {}


def test_a_class_that_the_taxonomy_does_not_have_is_named(filled):
    edit(filled.classes_csv, {(2, "class"): "schnee"})

    assert found(filled)["taxonomy"] == [
        "classes.csv, line 2: class is 'schnee', which the taxonomy does not have",
    ]


def test_a_group_in_two_splits_is_named_at_the_line_that_differs(filled):
    edit(filled.dataset_csv, {(2, "group"): "g1a", (4, "group"): "g1a", (4, "split"): "val"})

    assert found(filled)["splits"] == ["dataset.csv, line 4: split is val, and train in other lines of the group g1a"]


# Files


def test_a_file_that_is_gone_is_named_with_its_row(filled):
    filled.made("labels", "g1a").unlink()

    assert found(filled)["missing files"] == [
        "data/labels/1a/g1a.png is not there, though the row g1a names it as its label_file_name"
    ]
    assert found(filled, files=False) == {}


def test_a_link_out_of_the_workspace_is_one_fault_among_others(filled, tmp_path):
    filled.made("labels", "g1a").unlink()
    filled.made("edges", "g0a").unlink()
    filled.made("edges", "g0a").symlink_to(tmp_path / "secret")

    said = found(filled)
    assert [one.split(",")[0] for one in said["missing files"]] == ["data/labels/1a/g1a.png is not there"]
    assert [one.split(",")[0] for one in said["stray paths"]] == [
        "data/edges/0a/g0a.png leads to no place inside the workspace"
    ]


def test_paths_that_no_disk_takes_and_links_to_themselves_are_faults_like_others(filled):
    filled.made("edges", "g0a").unlink()
    filled.made("edges", "g0a").symlink_to("g0a.png")
    edit(filled.dataset_csv, {(3, "file_name"): f"data/{200 * 'ü'}.jpg", (4, "file_name"): f"{300 * 'a'}/x.jpg"})

    assert len(found(filled)["stray paths"]) == 3


def test_a_file_that_two_rows_name_is_named(filled):
    edit(
        filled.dataset_csv,
        {(3, "label_file_name"): "data/labels/0a/g0a.png", (4, "edge_file_name"): "data/labels/2a/g2a.png"},
    )

    assert found(filled, files=False)["shared files"] == [
        "dataset.csv, line 3: label_file_name is 'data/labels/0a/g0a.png', which the row g0a names too",
        "dataset.csv, line 4: edge_file_name is 'data/labels/2a/g2a.png', which the row g2a names too",
    ]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["images", "labels", "instances", "edges"])
def test_a_file_that_is_cut_off_is_named(filled, kind, workers):
    path = filled.made(kind, "g3a")
    path.write_bytes(path.read_bytes()[:-30])

    [said] = found(filled, workers=workers)["unreadable files"]
    assert said.startswith(f"{filled.relative(path)} ")
    assert found(filled, files=False) == {}


def test_a_width_of_thousands_of_digits_is_a_fault_and_no_more(filled):
    edit(filled.dataset_csv, {(2, "width"): 5000 * "9"})

    assert {*found(filled)} == {"schema"}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("labels", images.encode_labels(np.zeros((4, 4), np.uint8), LANDSCAPE.palette)),
        ("instances", images.encode_instances(np.zeros((4, 4), np.uint16))),
        ("edges", images.encode_edges(np.zeros((4, 4), bool))),
    ],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_map_of_another_size_than_its_photo_is_named(filled, kind, data, workers):
    write_atomically(filled.made(kind, "g3a"), data)

    assert found(filled, workers=workers)["sizes of maps"] == [f"data/{kind}/3a/g3a.png is 4x4, and its photo is 12x8"]


def test_a_row_that_says_another_size_than_its_photo_is_named(filled):
    edit(filled.dataset_csv, {(2, "width"): "13"})

    assert found(filled)["sizes"] == ["data/images/0a/g0a.jpg is 12x8, and its row g0a says 13x8"]


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("images", b"", "is no picture that can be read, expected a JPEG in colour"),
        ("labels", b"nonsense", "is no picture that can be read, expected an 8-bit indexed or grey PNG"),
        ("images", images.encode_edges(np.zeros((8, 12), bool)), "is a PNG of mode L, expected a JPEG in colour"),
        ("instances", images.encode_edges(np.zeros((8, 12), bool)), "is a PNG of mode L, expected a 16-bit grey PNG"),
    ],
)
def test_a_file_of_another_form_is_named(filled, kind, data, said):
    path = filled.made(kind, "g3a")
    write_atomically(path, data)

    assert found(filled)["unreadable files"] == [f"{filled.relative(path)} {said}"]


def test_a_pixel_that_is_no_class_is_named_with_its_place(filled):
    ids = np.zeros((8, 12), np.uint8)
    ids[3, 5], ids[0, 0] = 77, 255
    write_atomically(filled.made("labels", "g3a"), images.encode_labels(ids, LANDSCAPE.palette))

    assert found(filled)["taxonomy"] == [
        "data/labels/3a/g3a.png has the id 77 at x 5, y 3, and the classes end at 19",
    ]


def test_a_label_map_that_is_cut_off_is_named(filled):
    path = filled.made("labels", "g3a")
    path.write_bytes(path.read_bytes()[:-30])

    assert found(filled)["unreadable files"] == ["data/labels/3a/g3a.png cannot be used: g3a.png is cut off or damaged"]


def test_bytes_are_compared_where_it_is_asked_for(filled):
    write_atomically(filled.made("edges", "g3a"), images.encode_edges(np.zeros((8, 12), bool)))

    assert found(filled) == {}
    assert found(filled, digests=True) == {"digests": ["data/edges/3a/g3a.png is not as it was written"]}


def test_a_file_that_no_row_names_is_named(filled):
    write_atomically(filled.root / "data" / "labels" / "zz" / "gzz.png", b"x")
    write_atomically(filled.root / "data" / "edges" / "0a" / "g0a.png.part", b"x")
    edit(filled.dataset_csv, {(3, "instance_file_name"): ""})

    assert found(filled)["orphan files"] == [
        "data/labels/zz/gzz.png is named by no row as its label_file_name",
        "data/instances/1a/g1a.png is named by no row as its instance_file_name",
        "data/edges/0a/g0a.png.part is named by no row as its edge_file_name",
    ]


def test_a_folder_of_ours_that_lies_outside_is_one_fault_among_others(filled, tmp_path):
    (filled.root / "data" / "edges").rename(tmp_path / "edges")
    (filled.root / "data" / "edges").symlink_to(tmp_path / "edges")

    said = found(filled)
    assert len(said["stray paths"]) == 6
    assert said["orphan files"] == ["data/edges leads out of the workspace. Put the file itself there, not a link"]
