"""One workspace into another: rows, files and all that is known, and no split leaks."""

from dataclasses import replace

import pytest

from pipeline.console import Console
from pipeline.errors import ManifestError, WorkspaceError
from pipeline.inspection.checking import Checking, check
from pipeline.inspection.merging import merge, plan
from pipeline.manifest import Manifest, read, writing
from pipeline.rows import FAILED, OK
from pipeline.workspace import Workspace
from tests.exported import bytes_in, row_of

QUIET = Console(quiet=True)
ALIKE = {"dhash": "f0" * 32, "dhash_mirror": "0f" * 32}


@pytest.fixture
def here(tmp_path) -> Workspace:
    workspace = filled(tmp_path / "here", "g0a", "g1a")
    change(workspace, "g1a", split="val")
    return workspace


@pytest.fixture
def there(tmp_path) -> Workspace:
    return filled(tmp_path / "there", "g1a", "g2a", "g3a")


def filled(root, *ids: str, **cells) -> Workspace:
    workspace = Workspace(root=root)
    with writing(workspace) as manifest:
        for id in ids:
            number = int(id[1])
            keys = {"ingest": "i", "label": "l", "edges": "e"}
            row = row_of(workspace, id, number, title=str(root.name), sha256=id * 10, keys=keys, added=1)
            manifest.record(replace(row, **cells))
    return workspace


def change(workspace: Workspace, id: str, **cells) -> None:
    with writing(workspace) as manifest:
        manifest.record(replace(manifest.rows[id], **cells))


def test_rows_come_with_their_files_and_all_that_is_known(here, there):
    done = merge(here, there.root, console=QUIET)

    rows, theirs = read(here).rows, read(there).rows
    assert (done.added, done.known, sorted(rows)) == (2, 1, ["g0a", "g1a", "g2a", "g3a"])
    assert rows["g2a"] == replace(theirs["g2a"], added=2)
    for kind in ("images", "labels", "instances", "edges"):
        assert here.made(kind, "g2a").read_bytes() == there.made(kind, "g2a").read_bytes()
    assert check(here, Checking(digests=True), console=QUIET).faults == 0


def test_the_row_that_is_here_wins(here, there):
    merge(here, there.root, console=QUIET)

    assert read(here).rows["g1a"].title == "here"


def test_the_other_workspace_is_only_read(here, there):
    before = bytes_in(there.root)

    merge(here, there.root, console=QUIET)

    assert bytes_in(there.root) == before


def test_the_same_again_is_idle(here, there):
    merge(here, there.root, console=QUIET)
    before = bytes_in(here.root)

    done = merge(here, there.root, console=QUIET)

    assert (done.added, done.known) == (0, 3)
    assert {name: data for name, data in bytes_in(here.root).items() if "lock" not in name} == {
        name: data for name, data in before.items() if "lock" not in name
    }


def test_the_same_bytes_under_another_id_are_one_row(here, there):
    change(there, "g2a", sha256="g0a" * 10)

    assert merge(here, there.root, console=QUIET).added == 1


def test_photos_that_look_alike_become_one_group_and_move_to_the_split_of_the_older(here, there):
    change(here, "g0a", split="val", **ALIKE)
    change(there, "g2a", split="train", **ALIKE)

    done = merge(here, there.root, console=QUIET)

    row = read(here).rows["g2a"]
    assert (row.group, row.split, done.moved) == ("g0a", "val", {"g2a.jpg": "val"})


def test_what_was_one_group_there_stays_one(here, there):
    for id in ("g2a", "g3a"):
        change(there, id, group="g2a", split="test")

    merge(here, there.root, console=QUIET)

    assert [(read(here).rows[id].group, read(here).rows[id].split) for id in ("g2a", "g3a")] == [("g2a", "test")] * 2


def test_a_group_there_whose_photos_look_like_several_here_joins_them(here, there):
    change(here, "g0a", split="val", **ALIKE)
    change(there, "g2a", group="g2a", **ALIKE)
    change(there, "g3a", group="g2a")

    merge(here, there.root, console=QUIET)

    rows = read(here).rows
    assert {rows[id].group for id in ("g0a", "g2a", "g3a")} == {"g0a"}
    assert {rows[id].split for id in ("g0a", "g2a", "g3a")} == {"val"}


def test_so_it_does_when_a_merge_that_was_killed_is_gone_on_with(here, there, monkeypatch):
    for id in ("g2a", "g3a"):
        change(there, id, group="g2a", split="test")
    change(here, "g0a", split="val", **ALIKE)
    change(there, "g3a", **ALIKE)
    record, left = Manifest.record, iter(range(1))

    def record_one(manifest, row):
        if next(left, None) is None:
            raise RuntimeError
        record(manifest, row)

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(Manifest, "record", record_one)
        merge(here, there.root, console=QUIET)
    # Between the two, another command has given the row that came a group of its own.
    change(here, "g2a", group="g2a", split="test")
    merge(here, there.root, console=QUIET)

    rows = read(here).rows
    assert {(rows[id].group, rows[id].split) for id in ("g0a", "g2a", "g3a")} == {("g0a", "val")}


def test_a_row_whose_photo_could_not_be_used_here_gives_way_to_one_that_could_be(here, there):
    change(here, "g1a", status=FAILED, stage="ingest", error="is cut off", file_name="", group="", keep="yes")
    change(there, "g2a", status=FAILED, stage="ingest", error="is cut off", file_name="", label_file_name="")

    first, second = merge(here, there.root, console=QUIET), merge(here, there.root, console=QUIET)

    row = read(here).rows["g1a"]
    assert (first.added, second.added) == (3, 0)
    assert (row.status, row.error, row.title, row.keep, row.file_name) == (
        OK,
        "",
        "there",
        "yes",
        "data/images/1a/g1a.jpg",
    )


def test_an_empty_workspace_takes_over_the_classes(tmp_path, there):
    with writing(there) as manifest:
        manifest.choose(models={"mine": {"digest": "d", "license": "CC0-1.0"}}, segmenter="mine", seed=5)
    empty = Workspace(root=tmp_path / "empty")

    merge(empty, there.root, console=QUIET)

    about = read(empty).about
    assert (about.segmenter, about.seed, about.models["mine"]["digest"]) == ("mine", 5, "d")
    assert len(read(empty)) == 3


def test_other_classes_are_refused_and_nothing_changes(here, there):
    with writing(there) as manifest:
        classes = [{"id": 0, "name": "air", "colour": "#112233", "thing": False}]
        manifest.choose(taxonomy="mine", classes=classes)
    before = bytes_in(here.manifests)

    with pytest.raises(WorkspaceError, match="speaks other classes: id 0 is sky here and air there"):
        merge(here, there.root, console=QUIET)

    assert {name: data for name, data in bytes_in(here.manifests).items() if "lock" not in name} == {
        name: data for name, data in before.items() if "lock" not in name
    }


def test_a_photo_that_is_gone_there_is_named_and_left_out(here, there):
    there.made("images", "g2a").unlink()

    done = merge(here, there.root, console=QUIET)

    assert (done.added, done.gone) == (1, ["g2a.jpg"])
    assert "left out g2a.jpg: its file is not there" in done.lines()


def test_a_map_that_is_gone_there_is_made_again_here(here, there):
    there.made("edges", "g2a").unlink()

    merge(here, there.root, console=QUIET)

    row = read(here).rows["g2a"]
    assert (row.edge_file_name, [*row.keys]) == ("", ["ingest", "label"])


def test_columns_of_the_users_own_come_along(here, there):
    change(there, "g2a", extras={"stars": "3"})

    merge(here, there.root, console=QUIET)

    assert read(here).rows["g2a"].extras == {"stars": "3"}


def test_a_plan_writes_nothing(here, there):
    before = bytes_in(here.root)

    assert plan(here, there.root) == [f"would merge 2 rows of 3 from {there.root}"]
    assert bytes_in(here.root) == before


def test_a_workspace_is_not_merged_into_itself(here):
    with pytest.raises(WorkspaceError, match=r"is this workspace\. Name another one"):
        merge(here, here.root, console=QUIET)


def test_a_folder_without_a_manifest_is_a_sentence(here, tmp_path):
    (tmp_path / "empty").mkdir()

    with pytest.raises(ManifestError, match="no manifest at"):
        merge(here, tmp_path / "empty", console=QUIET)
