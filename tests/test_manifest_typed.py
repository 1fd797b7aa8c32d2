"""`gauganpipe manifest ...` as a person types it: help, a good run, a fault, a dry run, JSON, an idle second run."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.typed import typed

COMMANDS = (
    *("check", "query", "stats", "split", "diff", "show", "sheet", "merge", "repair", "spreadsheet", "edits"),
    *("export", "import", "report", "annotate", "corrections"),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 8 drawn landscapes with edges."""
    folder = tmp_path_factory.mktemp("made")
    for words in (("label", "drawn:8"), ("build-edges",)):
        assert typed(folder, *words).returncode == 0
    return folder


@pytest.fixture
def manifest(made: Path, tmp_path: Path):
    """Runs a command about the manifest in a copy of that workspace, which is its `folder`."""
    folder = tmp_path / "workspace"
    shutil.copytree(made, folder)

    def type_in(*words: str) -> subprocess.CompletedProcess:
        return typed(folder, "manifest", *words)

    type_in.folder = folder
    return type_in


def files_in(folder: Path) -> dict[str, bytes]:
    names = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifests" / "dataset.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rewrite(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "manifests" / "dataset.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_two_examples(command: str, tmp_path: Path) -> None:
    done = typed(tmp_path, "manifest", command, "-h")

    assert done.returncode == 0
    assert sum(line.strip().startswith(f"gauganpipe manifest {command}") for line in done.stdout.splitlines()) >= 2


def test_a_sound_manifest_has_no_fault(manifest) -> None:
    done = manifest("check")

    assert (done.returncode, done.stdout) == (0, "checked 8 rows and 32 files: 0 faults\n")


def test_every_fault_is_told_at_once_and_nothing_is_changed(manifest) -> None:
    rows = rows_of(manifest.folder)
    rows[0]["width"] = "wide"
    rows[1]["split"] = "valid"
    rows.append({**rows[2]})
    rewrite(manifest.folder, rows)
    (manifest.folder / rows[3]["label_file_name"]).unlink()
    before = files_in(manifest.folder)

    done = manifest("check")

    assert done.returncode == 1
    for what in ("width is 'wide'", "split is 'valid'", rows[2]["id"], rows[3]["label_file_name"]):
        assert what in done.stdout
    assert files_in(manifest.folder) == before


def test_a_map_of_another_size_and_an_id_that_is_no_class_are_found(manifest) -> None:
    first, second = rows_of(manifest.folder)[:2]
    Image.new("L", (3, 2)).save(manifest.folder / first["label_file_name"])
    Image.new("L", (256, 256), 200).save(manifest.folder / second["label_file_name"])

    said = manifest("check").stdout

    assert "3x2" in said and "200" in said


def test_check_speaks_json(manifest) -> None:
    said = json.loads(manifest("check", "--json").stdout)

    assert (said["rows"], said["faults"]) == (8, 0)


def test_a_query_is_answered_as_a_table_as_json_and_as_csv(manifest) -> None:
    query = "SELECT status, count(*) AS photos FROM dataset GROUP BY status"

    assert manifest("query", query).stdout.split() == ["status", "photos", "ok", "8"]
    assert json.loads(manifest("query", query, "--json").stdout)["rows"] == [{"status": "ok", "photos": 8}]
    assert manifest("query", query, "--csv").stdout == "status,photos\nok,8\n"


@pytest.mark.parametrize("query", ["SELEC 1", "SELECT * FROM read_csv('/etc/passwd')", "COPY dataset TO 'out.csv'"])
def test_a_query_that_cannot_be_answered_is_a_sentence(manifest, query: str) -> None:
    done = manifest("query", query)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gauganpipe: ") and "Traceback" not in done.stderr
    assert not (manifest.folder / "out.csv").exists()


def test_a_split_is_tried_dry_then_made_and_then_idle(manifest) -> None:
    before = files_in(manifest.folder)

    dry = manifest("split", "--val", "25", "--test", "25", "-n")
    unchanged = files_in(manifest.folder) == before
    manifest("split", "--val", "25", "--test", "25")
    made = {row["id"]: row["split"] for row in rows_of(manifest.folder)}
    manifest("split", "--val", "25", "--test", "25")

    assert dry.returncode == 0 and unchanged
    assert {"train", "val", "test"} == set(made.values())
    assert {row["id"]: row["split"] for row in rows_of(manifest.folder)} == made
    assert len({(row["group"], row["split"]) for row in rows_of(manifest.folder)}) == len(
        {row["group"] for row in rows_of(manifest.folder)}
    )


def test_what_changed_since_is_told_by_row_and_column(manifest, made: Path) -> None:
    rows = rows_of(manifest.folder)
    rows[0]["keep"] = "no"
    rewrite(manifest.folder, rows)

    done = manifest("diff", str(made))

    assert rows[0]["id"] in done.stdout and "keep" in done.stdout
    assert typed(made, "manifest", "diff", ".").stdout == "no difference\n"


def test_a_row_is_shown_with_its_picture(manifest) -> None:
    row = rows_of(manifest.folder)[0]

    done = manifest("show", row["id"], "--out", "row.png")

    assert row["original_name"] in done.stdout
    with Image.open(manifest.folder / "row.png") as picture:
        assert picture.width > 4 * 200


def test_a_row_that_is_not_there_is_a_sentence(manifest) -> None:
    done = manifest("show", "nothing")

    assert (done.returncode, "there is no row 'nothing'" in done.stderr) == (1, True)


def test_sheets_are_drawn_worst_first(manifest) -> None:
    done = manifest("sheet", "--by", "confidence", "--out", "sheets")

    assert done.returncode == 0
    assert [path.suffix for path in (manifest.folder / "sheets").iterdir()] == [".png"]


def test_another_workspace_is_merged_once(manifest, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    typed(other, "label", "drawn:2?seed=9")

    dry = manifest("merge", str(other), "-n")
    rows_before = len(rows_of(manifest.folder))
    manifest("merge", str(other))
    manifest("merge", str(other))

    assert "would merge 2 rows" in dry.stdout
    assert (rows_before, len(rows_of(manifest.folder))) == (8, 10)
    assert manifest("check").returncode == 0


def test_lines_that_belong_to_nothing_go_into_a_list_and_no_file_is_deleted(manifest) -> None:
    classes = manifest.folder / "manifests" / "classes.csv"
    classes.write_text(classes.read_text() + "gffffffffffffffff,sky,0.5\n")
    names = files_in(manifest.folder).keys()

    found = manifest("check")
    manifest("repair")

    assert found.returncode == 1
    assert manifest("check").returncode == 0
    assert names <= files_in(manifest.folder).keys()


def test_a_spreadsheet_goes_out_and_its_cells_come_back(manifest) -> None:
    manifest("spreadsheet", "photos.csv")
    path = manifest.folder / "photos.csv"
    lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    lines[1][lines[0].index("keep")] = "no"
    path.write_text("\r\n".join(",".join(f'"{cell}"' for cell in line) for line in lines), encoding="utf-8-sig")

    done = manifest("edits", "photos.csv")

    assert done.returncode == 0, done.stderr
    assert sum(row["keep"] == "no" for row in rows_of(manifest.folder)) == 1


@pytest.mark.parametrize("command", [("check",), ("stats",), ("query", "SELECT 1"), ("repair",), ("report",)])
def test_without_a_manifest_the_command_says_what_to_do(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = typed(tmp_path, "manifest", *command)

    assert done.returncode == 1
    assert "no manifest at manifests/dataset.csv" in done.stderr
    assert list(tmp_path.iterdir()) == []
