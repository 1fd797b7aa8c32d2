"""What Weights & Biases is sent, by a stand-in that writes down what it is told; the live service is never asked."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.weights_and_biases import Board


class Run:
    """A run that keeps what it is told, and fails at what it is told to fail at."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.broken: dict[str, Exception] = {}

    def tell(self, what: str, value: Any) -> None:
        if what in self.broken:
            raise self.broken[what]
        self.told.append((what, value))

    def define_metric(self, name: str, step_metric: str | None = None) -> None:
        self.tell("define_metric", (name, step_metric))

    def log(self, numbers: dict[str, Any]) -> None:
        self.tell("log", numbers)

    def finish(self, exit_code: int) -> None:
        self.tell("finish", exit_code)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """A stand-in for wandb is there, and asked for."""
    run, wandb = Run(), ModuleType("wandb")

    def init(**told: Any) -> Run:
        run.tell("init", told)
        return run

    wandb.init, wandb.Image = init, lambda path: ("picture", path)
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setenv("WANDB_PROJECT", "landscapes")
    return run


def board_of(folder: Path, notes: list[str]) -> Board:
    return Board(folder=folder, settings={"training": {"seed": 3}}, note=notes.append)


def test_a_run_begins_with_its_name_its_place_and_its_settings(run: Run, tmp_path: Path) -> None:
    notes: list[str] = []

    board_of(tmp_path / "0001-tiny", notes)

    told = dict(run.told)["init"]
    assert (told["project"], told["name"], told["resume"]) == ("landscapes", "0001-tiny", "allow")
    assert (told["dir"], told["config"]) == (str(tmp_path / "0001-tiny"), {"training": {"seed": 3}})
    assert notes == []


def test_a_run_that_goes_on_is_the_same_and_another_is_not(run: Run, tmp_path: Path) -> None:
    for name in ("0001-tiny", "0001-tiny", "0002-tiny"):
        board_of(tmp_path / name, [])

    first, again, other = [told["id"] for what, told in run.told if what == "init"]
    assert first == again != other
    assert len(first) == 16 and first.isalnum()


def test_numbers_are_drawn_over_the_images_shown(run: Run, tmp_path: Path) -> None:
    board = board_of(tmp_path, [])

    board.write_numbers({"images_shown": 8, "loss/real": 0.5})

    assert ("define_metric", ("*", "images_shown")) in run.told
    assert run.told[-1] == ("log", {"images_shown": 8, "loss/real": 0.5})


def test_a_sheet_is_sent_as_a_picture(run: Run, tmp_path: Path) -> None:
    board_of(tmp_path, []).write_sheet(tmp_path / "8.png", images_shown=8)

    assert run.told[-1] == ("log", {"images_shown": 8, "samples": ("picture", str(tmp_path / "8.png"))})


@pytest.mark.parametrize(("is_whole", "exit_code"), [(True, 0), (False, 1)])
def test_the_end_says_whether_it_was_one(run: Run, tmp_path: Path, is_whole: bool, exit_code: int) -> None:
    board_of(tmp_path, []).close(is_whole=is_whole)

    assert run.told[-1] == ("finish", exit_code)


def test_nothing_is_sent_unless_a_project_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROJECT")
    notes: list[str] = []

    board = board_of(tmp_path, notes)
    board.write_numbers({"images_shown": 8})
    board.close(is_whole=True)

    assert (run.told, notes) == ([], [])


def test_where_wandb_is_missing_a_sentence_says_so_and_all_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "landscapes")
    monkeypatch.setitem(sys.modules, "wandb", None)
    notes: list[str] = []

    board = board_of(tmp_path, notes)
    board.write_numbers({"images_shown": 8})
    board.write_sheet(tmp_path / "8.png", images_shown=8)
    board.close(is_whole=True)

    assert notes == ["WANDB_PROJECT is set, but there is no wandb to send to it. Install it: pip install wandb"]


@pytest.mark.parametrize("what", ["init", "define_metric", "log", "finish"])
def test_an_error_of_theirs_is_noted_once_and_nothing_more_is_sent(run: Run, tmp_path: Path, what: str) -> None:
    run.broken[what] = ConnectionError("the network is away")
    notes: list[str] = []

    board = board_of(tmp_path, notes)
    board.write_numbers({"images_shown": 8})
    board.write_sheet(tmp_path / "8.png", images_shown=8)
    board.close(is_whole=True)

    assert notes == [
        "nothing more goes to Weights & Biases (ConnectionError: the network is away). "
        f"The run goes on; its numbers are in {tmp_path / 'stats.jsonl'}"
    ]
    assert what == "finish" or "finish" not in dict(run.told)


def test_ctrl_c_is_no_error_of_theirs(run: Run, tmp_path: Path) -> None:
    run.broken["log"] = KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        board_of(tmp_path, []).write_numbers({"images_shown": 8})
