"""Where runs are: begun whole or not at all, found by number and by path."""

from pathlib import Path

import pytest

from gaugan.config import load_settings
from gaugan.errors import DataError
from pipeline.errors import RunError
from pipeline.manifest import Manifest
from pipeline.run_folders import (
    explained_runs,
    is_imported,
    new_run_folder,
    newest_run,
    run_folder,
    write_beginning,
    write_log,
)
from pipeline.workspace import Workspace


def begin(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()


def test_runs_are_numbered_one_after_another(workspace: Workspace) -> None:
    names = [new_run_folder(workspace, name, begin).name for name in ("tiny", "spade", "tiny")]

    assert names == ["0001-tiny", "0002-spade", "0003-tiny"]


def test_a_run_that_cannot_be_begun_leaves_nothing(workspace: Workspace) -> None:
    def break_off(folder: Path) -> None:
        begin(folder)
        raise RunError("no")

    with pytest.raises(RunError):
        new_run_folder(workspace, "tiny", break_off)

    assert not list(workspace.runs.iterdir())


def test_a_run_begins_with_its_manifest_and_its_settings(workspace: Workspace) -> None:
    settings = load_settings("tiny", ("seed=7",))

    folder = new_run_folder(workspace, "tiny", lambda part: write_beginning(part, settings, Manifest(workspace)))

    assert "seed = 7" in (folder / "config.toml").read_text()
    assert (folder / "manifests" / "dataset.csv").is_file()
    assert not is_imported(folder)


def test_the_newest_run_with_a_checkpoint_is_the_one_to_paint_with(workspace: Workspace) -> None:
    for name in ("painted", "also", "begun"):
        new_run_folder(workspace, name, begin)
    for name in ("0001-painted", "0002-also"):
        (workspace.runs / name / "checkpoints" / "000000012").mkdir(parents=True)

    assert newest_run(workspace).name == "0002-also"


def test_without_a_run_to_paint_with_one_is_told_how_to_train_one(workspace: Workspace) -> None:
    with pytest.raises(RunError, match=r"no run in .* to paint with\. Train one: gauganpipe train"):
        newest_run(workspace)


@pytest.mark.parametrize("named", ["0001-tiny", "runs/0001-tiny"])
def test_a_run_is_found_by_its_path_in_the_workspace(workspace: Workspace, named: str) -> None:
    folder = new_run_folder(workspace, "tiny", begin)

    assert run_folder(workspace, Path(named)) == folder
    assert run_folder(workspace, folder) == folder


def test_a_path_that_is_no_run_is_named(workspace: Workspace) -> None:
    with pytest.raises(RunError, match="there is no run at 0009-tiny"):
        run_folder(workspace, Path("0009-tiny"))


def test_the_log_has_a_line_a_fact_with_the_time_before_it(tmp_path: Path) -> None:
    for line in ("begins", "finished"):
        write_log(tmp_path, line)

    lines = [line.split(" ") for line in (tmp_path / "log.txt").read_text().splitlines()]
    assert [text for _, text in lines] == ["begins", "finished"]
    assert all(time[10] == "T" for time, _ in lines)


def test_what_gaugan_explains_keeps_its_sentence() -> None:
    with pytest.raises(RunError, match="a map is damaged"), explained_runs():
        raise DataError("a map is damaged")
