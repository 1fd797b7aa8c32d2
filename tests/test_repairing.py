"""Repair: what belongs to nothing goes into a list, and no file is deleted."""

import csv
import io
from dataclasses import replace
from datetime import date

import pytest

from pipeline.console import Console
from pipeline.errors import ManifestError, WorkspaceError
from pipeline.inspection import undoing
from pipeline.inspection.checking import Checking, check
from pipeline.inspection.repairing import plan, repair
from pipeline.manifest import Manifest, read, writing
from pipeline.rows import Row
from pipeline.workspace import Workspace, write_atomically
from tests.exported import bytes_in, fill, row_of


@pytest.fixture
def broken(workspace) -> Workspace:
    """The photo of g0a is gone, the line of g2a is gone, and a file belongs to nobody."""
    fill(workspace)
    workspace.made("images", "g0a").unlink()
    lines = workspace.dataset_csv.read_text().splitlines(keepends=True)
    workspace.dataset_csv.write_text("".join(line for line in lines if not line.startswith("g2a,")))
    write_atomically(workspace.root / "data" / "edges" / "stray.png", b"x")
    return workspace


def list_of(workspace: Workspace) -> list[dict[str, str]]:
    path = workspace.manifests / f"dropped-{date.today().isoformat()}.csv"
    return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))


def lines_in_list(workspace: Workspace) -> list[dict[str, str]]:
    """But for those that only say what the columns are."""
    return [one for one in list_of(workspace) if one["id"]]


def test_rows_without_a_photo_and_lines_without_a_row_go_into_the_list(broken):
    before = broken.dataset_csv.read_text().splitlines()[1]

    done = repair(broken)

    assert (done.rows, sorted(read(broken).rows)) == (["g0a"], ["g1a", "g3a", "g4a", "g5a"])
    said = [(one["file"], one["why"], one["id"]) for one in list_of(broken) if one["id"]]
    assert said[0] == ("dataset.csv", "the photo is gone", "g0a")
    assert ("provenance.csv", "the photo is gone", "g0a") in said
    assert ("provenance.csv", "there is no row of this id", "g2a") in said
    assert ("classes.csv", "there is no row of this id", "g2a") in said
    assert lines_in_list(broken)[0]["line"] == before


def test_no_file_is_deleted(broken):
    before = {name for name in bytes_in(broken.root) if name.startswith("data")}

    repair(broken)

    assert {name for name in bytes_in(broken.root) if name.startswith("data")} == before


def test_files_that_nobody_names_are_listed(broken):
    done = repair(broken)

    assert done.files == [
        "data/images/2a/g2a.jpg",
        *(f"data/{kind}/{id[1:]}/{id}.png" for kind in ("labels", "instances") for id in ("g0a", "g2a")),
        *("data/edges/stray.png", "data/edges/0a/g0a.png", "data/edges/2a/g2a.png"),
    ]


def test_afterwards_nothing_is_wrong(broken):
    repair(broken)

    done = check(broken, Checking(), console=Console(quiet=True))
    assert [one.kind for one in done.kinds] == ["formulas"]
    assert any(note.startswith("8 files that no row names") for note in done.notes)


def test_the_second_time_there_is_nothing_to_repair(broken):
    repair(broken)
    before = bytes_in(broken.root)

    done = repair(broken)

    assert done.lines() == ["nothing to repair"]
    assert bytes_in(broken.root) == before


def test_a_later_repair_adds_to_the_list(broken):
    repair(broken)
    first = list_of(broken)
    broken.made("images", "g5a").unlink()

    repair(broken)

    assert list_of(broken)[: len(first)] == first
    assert lines_in_list(broken)[-1]["id"] == "g5a"


def test_a_line_that_is_put_back_is_back(broken):
    row = read(broken).rows["g0a"]
    repair(broken)
    for one in list_of(broken):
        if one["id"] == "g0a":
            with (broken.manifests / one["file"]).open("a") as file:
                file.write(one["line"] + "\n")

    assert read(broken).rows["g0a"] == row


def test_a_plan_says_the_same_and_writes_nothing(broken):
    before = bytes_in(broken.root)

    lines = plan(broken).lines()

    assert bytes_in(broken.root) == before
    assert lines[:2] == ["would drop 1 row whose photo is gone", "    g0a"]
    assert [line.replace("would drop", "dropped").replace("would list", "listed") for line in lines] == repair(
        broken
    ).lines()


def test_a_row_that_never_had_a_photo_stays(workspace):
    with writing(workspace) as manifest:
        manifest.record(Row(id="ga", status="failed", error="ga.jpg is a GIF"))

    assert repair(workspace).lines() == ["nothing to repair"]
    assert sorted(read(workspace).rows) == ["ga"]


def test_classes_of_which_no_line_tells_are_counted_in_the_label_maps(workspace):
    fill(workspace)
    before = workspace.classes_csv.read_bytes()
    workspace.classes_csv.unlink()
    planned = plan(workspace)

    done = repair(workspace)

    assert (done.counted, done.list_file) == ([f"g{number}a" for number in range(6)], None)
    assert (planned.counted, planned.lines()[0]) == (done.counted, "would count the classes of 6 label maps anew")
    assert done.lines()[0] == "counted the classes of 6 label maps anew"
    assert workspace.classes_csv.read_bytes() == before


# A disk that is missing


def test_nothing_is_taken_out_when_no_photo_is_there(workspace, tmp_path):
    fill(workspace)
    (workspace.root / "data").rename(tmp_path / "unmounted")
    before = bytes_in(workspace.root)

    for command in (repair, plan):
        with pytest.raises(WorkspaceError, match=r"^6 of 6 photos are gone, the first is .*: is a disk missing\?"):
            command(workspace)

    assert bytes_in(workspace.root) == before


def test_nothing_is_taken_out_when_more_than_a_few_photos_are_gone_unless_it_is_told(workspace):
    with writing(workspace) as manifest:
        for number in range(40):
            name = f"data/images/{number:02d}.jpg"
            manifest.record(Row(id=f"g{number:02d}", file_name=name, status="ok"))
            if number >= 11:
                write_atomically(workspace.root / name, b"x")

    with pytest.raises(WorkspaceError, match=r"^11 of 40 photos are gone, the first is data/images/00\.jpg"):
        repair(workspace)
    assert len(read(workspace)) == 40

    assert len(repair(workspace, even_many=True).rows) == 11
    assert len(read(workspace)) == 29


def test_a_photo_that_is_a_link_out_of_the_workspace_stays_in_the_manifest(workspace, tmp_path):
    fill(workspace)
    photo = workspace.made("images", "g0a")
    photo.rename(tmp_path / "lake.jpg")
    photo.symlink_to(tmp_path / "lake.jpg")

    assert repair(workspace).lines() == ["nothing to repair"]


# With a journal


def test_a_plan_speaks_of_the_rows_of_a_journal_as_the_repair_does(broken):
    lost = row_of(broken, "g9a", 9)
    broken.made("images", "g9a").unlink()
    other = Manifest(broken)
    other.record(lost)
    other.drop("g1a")
    other.close()

    planned = plan(broken)

    assert (planned.rows, planned.orphans) == (["g0a", "g9a"], {"provenance.csv": 1, "classes.csv": 2})
    done = repair(broken)
    assert (done.rows, done.orphans, done.files) == (planned.rows, planned.orphans, planned.files)


# Back again


def test_what_was_taken_out_is_put_back(broken):
    with writing(broken) as manifest:
        manifest.record(replace(manifest.rows["g0a"], extras={"stars": "3, or 4"}))
    before = read(broken).rows["g0a"]
    dropped = repair(broken).list_file
    with writing(broken) as manifest:
        manifest.record(replace(manifest.rows["g1a"], extras={"stars": "1", "mood": "calm"}))

    planned = undoing.plan(broken, dropped)
    done = undoing.undo(broken, dropped)

    assert (planned.rows, done.rows, done.known) == (["g0a"], ["g0a"], 0)
    after = read(broken).rows["g0a"]
    assert replace(after, shares={}) == replace(before, shares={}, extras={"stars": "3, or 4", "mood": ""})
    assert after.shares == pytest.approx(before.shares, abs=1e-6)
    assert undoing.undo(broken, dropped).lines() == ["put back 0 rows, 1 unchanged"]


def test_a_list_that_is_none_is_a_sentence(broken, tmp_path):
    (tmp_path / "other.csv").write_text("file,line\nx,y\n")

    for name, said in (("other.csv", "is no list that"), ("nothing.csv", "there is no list at")):
        with pytest.raises(ManifestError, match=said):
            undoing.undo(broken, tmp_path / name)


def test_a_line_of_a_list_that_says_what_cannot_be_is_refused(broken):
    dropped = repair(broken).list_file
    dropped.write_text(dropped.read_text().replace(",12,8,", ",wide,8,"))
    before = broken.dataset_csv.read_bytes()

    with pytest.raises(ManifestError, match=r"dropped-.*\.csv, line 3: width is 'wide', expected a number"):
        undoing.undo(broken, dropped)
    assert broken.dataset_csv.read_bytes() == before
