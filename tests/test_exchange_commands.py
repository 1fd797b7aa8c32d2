"""The commands that hand the dataset on and take it back, as a person types them."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from pipeline.errors import GauganpipeError
from pipeline.exchange_commands import export_dataset, import_dataset
from pipeline.exports.catalogue import LAYOUTS
from pipeline.workspace import Workspace
from tests.exported import bytes_in, fill

app = typer.Typer(rich_markup_mode=None)
app.command("export")(export_dataset)
app.command("import")(import_dataset)


@pytest.fixture
def filled(workspace, monkeypatch) -> Workspace:
    """Six photos in the folder that the user stands in."""
    fill(workspace)
    monkeypatch.chdir(workspace.root)
    return workspace


def typed(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize("command", ["export", "import"])
def test_help_shows_two_examples(command):
    text = typed(command, "--help").stdout

    assert sum(line.strip().startswith(f"gauganpipe manifest {command}") for line in text.splitlines()) == 2


def test_the_help_names_every_layout():
    text = " ".join(typed("export", "--help").stdout.split())

    assert all(name in text for name in LAYOUTS)


def test_an_export_is_told_a_fact_a_line_and_how_it_is_read(filled):
    done = typed("export", "dataset", "--to", "hf")

    assert done.stdout.splitlines() == ["exported 6 photos", "folder dataset: train 4, val 1, test 1"]
    assert f'next: datasets.load_dataset("imagefolder", data_dir="{filled.root}/dataset")' in done.stderr


def test_a_second_export_is_idle_and_said_as_json(filled):
    typed("export", "dataset", "--to", "fiftyone")

    said = json.loads(typed("export", "dataset", "--to", "fiftyone", "--json", "--quiet").stdout)

    assert (said["written"], said["unchanged"], said["splits"]) == (0, 6, {"train": 4, "val": 1, "test": 1})
    assert said["next"][0].startswith("fiftyone app view")


def test_a_dry_run_of_an_export_writes_nothing(filled):
    before = bytes_in(filled.root)

    done = typed("export", "dataset", "--to", "webdataset", "-n")

    assert done.stdout == "would export 6 photos of 6 to dataset\n"
    assert bytes_in(filled.root) == before


def test_a_layout_that_nobody_knows_is_a_sentence(filled):
    done = typed("export", "dataset", "--to", "yolo")

    assert isinstance(done.exception, GauganpipeError)
    assert str(done.exception) == f"there is no layout 'yolo'. Choose one of: {', '.join(LAYOUTS)}"


def test_an_import_is_told_and_is_idle_the_second_time(filled, tmp_path):
    typed("export", "dataset", "--to", "spade")
    words = ("import", "dataset", "-C", str(tmp_path / "other"), "--workers", "0")

    planned, first, second = typed(*words, "-n"), typed(*words), typed(*words, "--json")

    assert planned.stdout == "would import 6 photos of 6 from dataset, an export as spade\n"
    assert first.stdout == "imported 6 photos\n"
    assert f"next: gauganpipe train -C {tmp_path / 'other'}" in first.stderr
    said = json.loads(second.stdout)
    assert (said["written"], said["unchanged"], said["layout"]) == (0, 6, "spade")


def test_a_photo_that_cannot_be_taken_is_told_and_strict_says_so(filled, tmp_path):
    typed("export", "dataset", "--to", "spade")
    Path("dataset/train_img/g0a.jpg").unlink()

    done = typed("import", "dataset", "-C", str(tmp_path / "other"), "--strict")

    assert done.exit_code == 3
    assert done.stdout.splitlines()[0] == "imported 5 photos"
    assert done.stdout.splitlines()[1].startswith("failed: g0a.jpg cannot be used")
