"""`gauganpipe generate` as it is typed: what it prints, and what its options mean."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pipeline import images
from pipeline.cli import app
from pipeline.workspace import Workspace
from tests.untrained import STYLED, make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that has styles, and a map."""
    folder = tmp_path_factory.mktemp("made")
    make_run(Workspace(root=folder), *STYLED)
    (folder / "map.png").write_bytes(images.encode_grey(np.tri(24, 30, dtype=np.uint8)))
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "folder"))


def generate(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["generate", str(folder / "map.png"), *words, "-C", str(folder)])


def test_the_paths_of_the_pictures_are_printed_and_nothing_else(folder: Path) -> None:
    done = generate(folder)

    assert (done.exit_code, done.stdout) == (0, f"{folder}/runs/0001-small/pictures/map.png\n")


def test_an_interpolation_is_named_by_two_words(folder: Path) -> None:
    done = generate(folder, "--interpolate", "3", "7", "--steps", "2", "--out", str(folder / "out"))

    assert done.stdout.splitlines() == [str(folder / "out" / f"map-3-to-7.{kind}") for kind in ("png", "gif")]


def test_json_says_what_was_painted_and_how_long_it_took(folder: Path) -> None:
    first, again = (json.loads(generate(folder, "--styles", "2", "--json").stdout) for _ in range(2))

    assert (first["painted"], first["unchanged"]) == (2, 0)
    assert (again["painted"], again["unchanged"]) == (0, 2)
    assert first["pictures"] == again["pictures"] and first["seconds"] > 0


def test_what_is_there_already_is_said(folder: Path) -> None:
    generate(folder)

    assert "1 of 1 picture there already" in generate(folder).stderr


def test_a_dry_run_writes_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))

    done = generate(folder, "-n")

    assert done.stdout == f"would paint {folder}/runs/0001-small/pictures/map.png\n"
    assert sorted(folder.rglob("*")) == before


def test_all_options_work_together(folder: Path) -> None:
    words = ("--size", "40x20", "--batch", "2", "--precision", "bf16", "--styles", "3", "--quiet")

    done = generate(folder, *words, "--out", str(folder / "out"))

    assert (done.exit_code, done.stderr) == (0, "")
    assert [path.name for path in sorted((folder / "out").glob("*.png"))] == ["map-0.png", "map-1.png", "map-2.png"]


@pytest.mark.parametrize("words", [("--precision", "int8"), ("--batch", "0"), ("--steps", "1")])
def test_wrong_usage_exits_with_2(words: tuple[str, ...], folder: Path) -> None:
    assert generate(folder, *words).exit_code == 2
