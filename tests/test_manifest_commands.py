"""The commands about the manifest as a person types them."""

import io
import json
import shutil
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.manifest import writing
from pipeline.workspace import Workspace
from tests.exported import bytes_in, fill

PROGRAM = Path(sys.executable).with_name("gauganpipe")
COMMANDS = ("check", "query", "stats", "split", "diff", "show", "sheet", "merge", "repair", "spreadsheet", "edits")
SQL = "SELECT split, count(*) AS photos FROM dataset GROUP BY split ORDER BY split"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A workspace in which nothing is wrong, nor a formula to a spreadsheet."""
    workspace = fill(Workspace(root=tmp_path_factory.mktemp("made")))
    with writing(workspace) as manifest:
        manifest.amend({id: {"title": "lake"} for id in manifest.column("id")})
    return workspace.root


@pytest.fixture
def place(made, tmp_path) -> Path:
    """A workspace of six photos, that is the test's own."""
    shutil.copytree(made, tmp_path / "place")
    return tmp_path / "place"


@dataclass(frozen=True, kw_only=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def gauganpipe(folder: Path, *words: str) -> Done:
    """A command in this process, as if it were typed in a folder."""
    out, talk, code = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(talk):
        patch.chdir(folder)
        patch.setenv("COLUMNS", "100")
        patch.setattr(sys, "argv", ["gauganpipe", "manifest", *words])
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
    return Done(returncode=code, stdout=out.getvalue(), stderr=talk.getvalue())


def test_the_program_itself_checks_and_ends_with_one(place):
    (place / "data" / "labels" / "0a" / "g0a.png").unlink()

    done = subprocess.run([PROGRAM, "manifest", "check", "-q"], cwd=place, capture_output=True, text=True, timeout=120)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("checked 6 rows and 23 files: 1 fault\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_two_examples(tmp_path, command):
    done = gauganpipe(tmp_path, command, "-h")

    examples = [line for line in done.stdout.splitlines() if line.strip().startswith(f"gauganpipe manifest {command}")]
    assert (done.returncode, len(examples)) == (0, 2)


@pytest.mark.parametrize("words", [("stats",), ("query", SQL), ("check",), ("repair",), ("split",), ("show", "ga")])
def test_without_a_manifest_it_says_what_to_do(tmp_path, words):
    done = gauganpipe(tmp_path, *words)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gauganpipe: no manifest at manifests/dataset.csv. Make one:")


def test_a_sound_manifest_is_told_in_a_line(place):
    done = gauganpipe(place, "check")

    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "checked 6 rows and 24 files: 0 faults")


def test_faults_end_with_one_and_parse_as_json(place):
    (place / "data" / "labels" / "0a" / "g0a.png").unlink()

    plain, machine = gauganpipe(place, "check"), gauganpipe(place, "check", "--json")

    assert (plain.returncode, machine.returncode) == (1, 1)
    assert "data/labels/0a/g0a.png is not there" in plain.stdout
    [kind] = json.loads(machine.stdout)["kinds"]
    assert (kind["kind"], kind["faults"], kind["first"][0]["file"]) == ("missing files", 1, "data/labels/0a/g0a.png")


def test_a_manifest_that_cannot_be_read_is_checked_all_the_same(place):
    csv = place / "manifests" / "dataset.csv"
    csv.write_text(csv.read_text().replace(",train,", ",Train,").replace(",val,", ",Val,"))

    assert gauganpipe(place, "check").stdout.count("expected nothing or one of train, val, test") == 5
    assert gauganpipe(place, "stats").stderr.count("expected nothing or one of train, val, test") == 1


def test_a_query_answers_as_table_csv_and_json(place):
    plain, csv, machine = (gauganpipe(place, "query", SQL, *more) for more in ((), ("--csv",), ("--json",)))

    assert plain.stdout == "split  photos\ntest        1\ntrain       4\nval         1\n"
    assert csv.stdout == "split,photos\ntest,1\ntrain,4\nval,1\n"
    assert json.loads(machine.stdout)["rows"][1] == {"split": "train", "photos": 4}


def test_a_wrong_query_is_a_sentence(place):
    done = gauganpipe(place, "query", "SELECT nope FROM dataset")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith('gauganpipe: the query cannot be answered: Referenced column "nope" not found')


def test_stats_parse_as_json(place):
    said = json.loads(gauganpipe(place, "stats", "--json").stdout)

    assert (said["all"]["photos"], said["splits"]["train"]["photos"]) == (6, 4)


def test_splits_are_drawn_anew_once(place):
    before = bytes_in(place)

    planned = gauganpipe(place, "split", "--val", "30", "--test", "30", "--seed", "3", "--dry-run")
    assert bytes_in(place) == before
    done = gauganpipe(place, "split", "--val", "30", "--test", "30", "--seed", "3")
    again = gauganpipe(place, "split", "--json")

    assert planned.stdout.replace("would move", "moved") == done.stdout
    assert json.loads(again.stdout)["moved"] == []


def test_a_row_is_shown_with_a_picture(place):
    planned = gauganpipe(place, "show", "g1a", "--dry-run")
    assert not (place / "data" / "shown").exists()

    done = gauganpipe(place, "show", "g1a")

    assert planned.stdout == done.stdout
    assert done.stdout.endswith(f"{'picture':<20}data/shown/g1a.png\n")
    assert (place / "data" / "shown" / "g1a.png").is_file()
    assert json.loads(gauganpipe(place, "show", "g1a", "--json").stdout)["cells"]["creator"] == "Zoë Ansel"


def test_sheets_are_written_where_they_are_told(place, tmp_path):
    planned = gauganpipe(place, "sheet", "--by", "confidence", "--out", str(tmp_path / "sheets"), "-n")
    assert not (tmp_path / "sheets").exists()

    done = gauganpipe(place, "sheet", "--by", "confidence", "--out", str(tmp_path / "sheets"))

    assert planned.stdout.startswith("would write 1 sheet")
    assert done.stdout.splitlines()[0] == "wrote 1 sheet, of 6 photos"
    assert (tmp_path / "sheets" / "confidence-1.png").is_file()


def test_differences_are_told_of_the_workspace_that_one_stands_in(place, made):
    gauganpipe(place, "split", "--seed", "5")

    done = gauganpipe(place, "diff", str(made), "--json")

    assert {*json.loads(done.stdout)["changed"]} == {"split"}
    assert gauganpipe(place, "diff", str(place)).stdout == "no difference\n"


def test_a_workspace_is_merged_once(place, made, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()

    planned = gauganpipe(empty, "merge", str(made), "--dry-run")
    assert [*empty.iterdir()] == []
    first, second = gauganpipe(empty, "merge", str(made)), gauganpipe(empty, "merge", str(made), "--json")

    assert planned.stdout == f"would merge 6 rows of 6 from {made}\n"
    assert first.stdout.splitlines()[0] == "merged 6 rows"
    assert (json.loads(second.stdout)["added"], json.loads(second.stdout)["known"]) == (0, 6)
    assert gauganpipe(empty, "check", "--digests").returncode == 0


def test_a_repair_is_planned_done_and_idle(place):
    (place / "data" / "images" / "0a" / "g0a.jpg").unlink()

    planned, done, again = (gauganpipe(place, "repair", *more) for more in (("-n",), (), ("--json",)))

    assert planned.stdout.startswith("would drop 1 row whose photo is gone\n    g0a\n")
    assert done.stdout.startswith("dropped 1 row whose photo is gone\n    g0a\n")
    assert json.loads(again.stdout)["list_file"] is None


def test_what_a_repair_took_out_is_put_back(place):
    before = (place / "manifests" / "dataset.csv").read_bytes()
    (place / "data" / "images" / "0a" / "g0a.jpg").unlink()
    dropped = json.loads(gauganpipe(place, "repair", "--json").stdout)["list_file"]

    planned, done = (gauganpipe(place, "repair", "--undo", dropped, *more) for more in (("-n",), ()))

    assert (planned.stdout, done.stdout) == ("would put back 1 row\n", "put back 1 row\n")
    assert (place / "manifests" / "dataset.csv").read_bytes() == before


def test_without_its_disk_a_manifest_is_not_repaired_unless_it_is_told(place):
    (place / "data").rename(place / "unmounted")

    refused, told = gauganpipe(place, "repair"), gauganpipe(place, "repair", "--even-many")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "is a disk missing? Nothing was changed." in refused.stderr
    assert told.stdout.startswith("dropped 6 rows whose photo is gone\n")


def test_a_spreadsheet_goes_out_and_its_edits_come_back(place):
    planned = gauganpipe(place, "spreadsheet", "photos.csv", "--dry-run")
    assert not (place / "photos.csv").exists()
    written = gauganpipe(place, "spreadsheet", "photos.csv")
    file = place / "photos.csv"
    file.write_bytes(file.read_bytes().replace(b"Zo\xc3\xab Ansel", b"Z. Ansel", 1))

    dry, done, again = (gauganpipe(place, "edits", "photos.csv", *more) for more in (("-n",), (), ("--json",)))

    assert (planned.stdout, written.stdout) == ("would write photos.csv\n", "wrote 6 rows\nfile photos.csv\n")
    assert (dry.stdout, done.stdout) == ("would change 1 row\n    creator: 1\n", "changed 1 row\n    creator: 1\n")
    assert json.loads(again.stdout)["rows"] == 0


def test_help_imports_nothing_heavy():
    code = "import sys; sys.argv = ['gauganpipe', 'manifest', '--help']\nfrom pipeline.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\n"
    code += "heavy = ('torch', 'pandas', 'numpy', 'cv2', 'PIL', 'duckdb', 'pyarrow')\n"
    code += "print([name for name in heavy if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "[]"
