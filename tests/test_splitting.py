"""Splits drawn anew: by group, by percentages that are kept, and always the same."""

from dataclasses import replace

import pytest

from pipeline import splits
from pipeline.errors import GauganpipeError
from pipeline.inspection.splitting import Splitting, plan, split
from pipeline.manifest import read, writing
from pipeline.rows import Row
from pipeline.splits import Splits
from tests.exported import bytes_in

GROUPS = [f"g{number:04d}" for number in range(1000)]


@pytest.fixture
def filled(workspace):
    """A thousand groups of two photos each, none of which has been split yet."""
    with writing(workspace) as manifest:
        for group in GROUPS:
            for id in (group, f"{group}b"):
                cells = {"original_name": f"{id}.jpg", "file_name": f"{id}.jpg", "status": "ok", "title": "a lake"}
                manifest.record(Row(id=id, group=group, label_reviewed="yes", **cells))
    return workspace


def splits_of(workspace) -> dict[str, str]:
    return {id: row.split for id, row in read(workspace).rows.items()}


def test_percentages_are_about_what_was_asked_for(filled):
    done = split(filled, Splitting(val=5, test=25))

    assert sum(done.splits.values()) == 2000
    assert abs(done.splits["val"] - 100) < 40
    assert abs(done.splits["test"] - 500) < 80


def test_a_group_stays_together(filled):
    split(filled, Splitting(val=30, test=30))

    found = splits_of(filled)
    assert all(found[group] == found[f"{group}b"] for group in GROUPS)


def test_nothing_changes_but_the_split(filled):
    before = read(filled).rows

    split(filled, Splitting(val=30, test=30))

    assert {id: replace(row, split="") for id, row in read(filled).rows.items()} == before


def test_the_same_again_moves_nobody(filled):
    first = split(filled, Splitting(val=5, test=5, seed=3))
    before = bytes_in(filled.root)

    second = split(filled, Splitting())

    assert (len(first.moved), second.moved, second.seed) == (2000, [], 3)
    assert second.lines()[-1] == "moved no photo"
    assert bytes_in(filled.root) == before


def test_another_seed_is_another_draw(filled):
    split(filled, Splitting(seed=1))
    one = splits_of(filled)
    split(filled, Splitting(seed=2))

    assert splits_of(filled) != one


def test_a_plan_says_the_same_and_writes_nothing(filled):
    before = bytes_in(filled.root)

    planned = plan(filled, Splitting(val=5, test=5))

    assert bytes_in(filled.root) == before
    done = split(filled, Splitting(val=5, test=5))
    assert replace(planned, is_dry_run=False) == done
    assert planned.lines()[2].startswith("would move ")


def test_what_was_asked_for_is_kept(filled):
    split(filled, Splitting(val=5, test=2.5, seed=9))

    about = read(filled).about
    assert (about.seed, about.parameters["split"]) == (9, {"val": "5", "test": "2.5"})
    assert splits.kept(about) == Splits(val=5, test=2.5)


def test_the_defaults_leave_no_trace(filled):
    split(filled, Splitting(val=5))
    split(filled, Splitting(val=10))

    assert "split" not in read(filled).about.parameters


def test_one_group_at_least_is_to_judge_by(workspace):
    with writing(workspace) as manifest:
        for number in range(3):
            manifest.record(Row(id=f"g{number}", group=f"g{number}", file_name="a.jpg", status="ok"))

    assert split(workspace, Splitting(val=0, test=0)).splits == {"train": 2, "val": 1, "test": 0}


def test_one_group_alone_is_for_training(workspace):
    with writing(workspace) as manifest:
        manifest.record(Row(id="ga", group="ga", file_name="a.jpg", status="ok"))

    assert split(workspace, Splitting(val=50, test=49)).splits["train"] == 1


def test_photos_without_a_group_keep_their_split(workspace):
    with writing(workspace) as manifest:
        manifest.record(Row(id="ga", split="test", file_name="a.jpg", status="ok"))

    assert split(workspace, Splitting()).moved == []


def test_runs_of_the_splits_before_are_named(filled):
    folder = filled.runs / "0001-tiny"
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()

    assert split(filled, Splitting()).runs == ["runs/0001-tiny"]
    assert split(filled, Splitting()).runs == []


@pytest.mark.parametrize("asked", [{"val": 60, "test": 40}, {"val": -1}, {"test": float("nan")}, {"val": 100}])
def test_percentages_that_leave_nothing_to_train_on_are_refused(filled, asked):
    before = bytes_in(filled.manifests)

    with pytest.raises(GauganpipeError, match="leaves no photos to train on"):
        split(filled, Splitting(**asked))

    assert {name: data for name, data in bytes_in(filled.manifests).items() if name != ".lock"} == {
        name: data for name, data in before.items() if name != ".lock"
    }
