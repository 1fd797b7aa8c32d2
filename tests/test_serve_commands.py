"""The commands with a page in them, as a person types them."""

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from pipeline import serve_commands
from pipeline.errors import GauganpipeError
from tests.annotated import files_of, fill

COMMANDS = {
    "report": serve_commands.report,
    "serve": serve_commands.serve,
    "annotate": serve_commands.annotate,
    "corrections": serve_commands.corrections,
}


@pytest.fixture
def labelled(workspace, photo_of):
    return fill(workspace, photo_of, {"ga": 0.9, "gb": 0.6})


@pytest.fixture
def typed():
    """Runs a command, and gives what it printed on stdout."""
    app = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
    for name, command in COMMANDS.items():
        app.command(name)(command)

    def run(*words: object) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_with_two_examples(name, typed):
    lines = [line.strip() for line in typed(name, "-h").splitlines()]

    assert sum(line.startswith("gauganpipe ") and name in line for line in lines) >= 2


def test_nothing_heavy_is_loaded_to_show_help():
    code = "import sys, pipeline.serve_commands\n"
    code += "heavy = ('numpy', 'pandas', 'cv2', 'PIL', 'fastapi', 'matplotlib', 'jinja2', 'uvicorn')\n"
    code += "print([name for name in heavy if name in sys.modules])"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_a_report_says_where_it_is_as_a_line_and_as_json(labelled, typed):
    pytest.importorskip("matplotlib", reason="there is no matplotlib to draw with")
    file = labelled.root / "report.html"

    assert typed("report", "-C", labelled.root, "-n") == f"would write {file} of 2 photos\n"
    assert typed("report", "-C", labelled.root, "-q").startswith(f"written {file}: 2 photos, ")
    said = json.loads(typed("report", "-C", labelled.root, "--json", "-q"))
    assert (said["unchanged"], said["photos"], said["file"]) == (True, 2, str(file))


@pytest.mark.parametrize(("tool", "name"), [("cvat", "c.zip"), ("label-studio", "studio")])
def test_maps_go_out_and_come_back(labelled, typed, tmp_path, tool, name):
    out = tmp_path / name
    returned = out if tool == "cvat" else out / "tasks.json"
    words = ("annotate", out, "--tool", tool, "-C", labelled.root)

    assert typed(*words, "-n") == f"would write {out}: 2 photos with label maps\n"
    assert not out.exists()
    assert typed(*words, "-q") == f"written {out}: 2 photos with label maps\n"
    assert json.loads(typed(*words, "--json", "-q"))["unchanged"] is True
    before = files_of(labelled)
    said = json.loads(typed("corrections", returned, "-C", labelled.root, "--json", "-q"))
    assert said["corrected"] == 0
    assert files_of(labelled) == before


def test_without_a_run_it_is_said_how_to_make_one(labelled, typed):
    with pytest.raises(GauganpipeError, match=r"there is no run in .* Train one: gauganpipe train"):
        typed("serve", "-C", labelled.root)


def test_a_run_that_is_not_there_is_a_sentence(labelled, typed):
    with pytest.raises(GauganpipeError, match="there is no run at 0007-nowhere"):
        typed("serve", "0007-nowhere", "-C", labelled.root)


def test_a_run_without_checkpoint_is_a_sentence(labelled, typed):
    folder = labelled.runs / "0001-tiny"
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()

    with pytest.raises(GauganpipeError, match="0001-tiny has no checkpoint yet"):
        typed("serve", folder, "-C", labelled.root)


def test_a_dry_run_names_the_run_and_listens_to_nothing(labelled, typed):
    folder = labelled.runs / "0001-tiny"
    (folder / "checkpoints" / "000000400").mkdir(parents=True)
    (folder / "config.toml").touch()

    said = typed("serve", "-n", "-C", labelled.root)

    assert said == f"would serve a page to paint on with {folder} at http://127.0.0.1:8123/\n"


def test_the_review_takes_no_run(labelled, typed):
    with pytest.raises(GauganpipeError, match="the review needs no run"):
        typed("serve", "0001-tiny", "--review", "-C", labelled.root)


def test_a_dry_run_of_the_review_listens_to_nothing(labelled, typed):
    pytest.importorskip("fastapi", reason="there is no fastapi to serve with")

    said = typed("serve", "--review", "-n", "-C", labelled.root)

    assert said == "would serve 2 photos to look through at http://127.0.0.1:8123/\n"


@pytest.mark.parametrize(
    ("hidden", "words", "said"),
    [
        ("fastapi", ("serve",), r"Run pip install 'gauganpipe\[serve\]'"),
        ("fastapi", ("serve", "--review"), r"Run pip install 'gauganpipe\[serve\]'"),
        ("matplotlib", ("report",), r"Run pip install 'gauganpipe\[report\]'"),
    ],
)
def test_a_library_that_is_missing_is_named_with_its_extra(labelled, typed, monkeypatch, hidden, words, said):
    monkeypatch.setitem(sys.modules, hidden, None)

    with pytest.raises(GauganpipeError, match=said):
        typed(*words, "-C", labelled.root)


def test_a_file_that_is_not_there_is_a_sentence(labelled, typed, tmp_path):
    with pytest.raises(GauganpipeError, match=r"there is no file .*none\.zip"):
        typed("corrections", tmp_path / "none.zip", "-C", labelled.root)
