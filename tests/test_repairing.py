"""Repair: what belongs to nothing goes into a list, and no file is deleted."""

import csv
import io
from datetime import date

import pytest

from pipeline.console import Console
from pipeline.inspection.checking import Checking, check
from pipeline.inspection.repairing import plan, repair
from pipeline.manifest import read
from pipeline.workspace import Workspace, write_atomically
from tests.exported import bytes_in, fill


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


def test_rows_without_a_photo_and_lines_without_a_row_go_into_the_list(broken):
    before = broken.dataset_csv.read_text().splitlines()[1]

    done = repair(broken)

    assert (done.rows, sorted(read(broken).rows)) == (["g0a"], ["g1a", "g3a", "g4a", "g5a"])
    said = [(one["file"], one["why"], one["id"]) for one in list_of(broken) if one["id"]]
    assert said[0] == ("dataset.csv", "the photo is gone", "g0a")
    assert ("provenance.csv", "the photo is gone", "g0a") in said
    assert ("provenance.csv", "there is no row of this id", "g2a") in said
    assert ("classes.csv", "there is no row of this id", "g2a") in said
    assert list_of(broken)[0]["line"] == before


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
    assert done.faults == 0
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
    assert list_of(broken)[len(first)]["id"] == "g5a"


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
    from pipeline.manifest import writing
    from pipeline.rows import Row

    with writing(workspace) as manifest:
        manifest.record(Row(id="ga", status="failed", error="ga.jpg is a GIF"))

    assert repair(workspace).lines() == ["nothing to repair"]
    assert sorted(read(workspace).rows) == ["ga"]
