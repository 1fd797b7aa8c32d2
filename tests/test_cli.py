"""The commands as a person types them: help, a good run, an explained failure, a dry run, JSON, an idle second run."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.typed import PROGRAM, typed

COMMANDS = (
    *("run", "download", "curate", "label", "build-edges", "inspect", "train", "generate", "evaluate"),
    *("serve", "attribution", "segmenters", "classes"),
)
SMALL = ("images=8", "batch_size=8", "model.width=4", "discriminator_width=4", "data.workers=0")
TRAIN = ("train", "--preset", "tiny", *(word for setting in SMALL for word in ("--set", setting)))

Gauganpipe = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 8 drawn landscapes, labelled, with edges and one run."""
    folder = tmp_path_factory.mktemp("workspace")
    for command in (("label", "drawn:8"), ("build-edges",), TRAIN):
        assert typed(folder, *command).returncode == 0
    return folder


@pytest.fixture
def gauganpipe(tmp_path: Path) -> Gauganpipe:
    """Runs a command in an empty folder."""
    return lambda *words: typed(tmp_path, *words)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_two_examples_that_begin_with_the_program(command: str, gauganpipe: Gauganpipe) -> None:
    done = gauganpipe(command, "-h")

    assert done.returncode == 0
    assert sum(line.strip().startswith(f"gauganpipe {command}") for line in done.stdout.splitlines()) >= 2


def test_the_help_names_every_command(gauganpipe: Gauganpipe) -> None:
    text = gauganpipe("--help").stdout

    assert all(f"\n  {command} " in text for command in COMMANDS)


def test_help_imports_neither_torch_nor_pandas() -> None:
    code = "import sys; sys.argv = ['gauganpipe', '--help']\nfrom pipeline.cli import main\n"
    code += "try:\n    main()\nexcept SystemExit:\n    pass\n"
    code += "print([name for name in ('torch', 'pandas', 'numpy', 'cv2', 'PIL') if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "[]"


def test_label_prints_what_it_did(gauganpipe: Gauganpipe) -> None:
    done = gauganpipe("label", "drawn:3")

    assert done.stdout.splitlines() == ["ingested 3 photos", "labelled 0 photos, 3 unchanged"]
    assert "next: gauganpipe build-edges" in done.stderr


def test_the_next_command_is_for_the_folder_that_was_named(tmp_path: Path) -> None:
    done = typed(tmp_path, "label", "drawn:3", "-C", "lakes and hills")

    assert "next: gauganpipe build-edges -C 'lakes and hills'" in done.stderr


def test_the_program_prints_its_version() -> None:
    from importlib.metadata import version

    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True)

    assert done.stdout == f"gauganpipe {version('gauganpipe')}\n"


def test_files_that_are_no_photos_and_photos_that_came_twice_are_said(gauganpipe: Gauganpipe, tmp_path: Path) -> None:
    _photo(tmp_path / "photos" / "a.png")
    _photo(tmp_path / "photos" / "b.png")
    _map(tmp_path / "maps" / "a.png")
    for name in ("a.NEF", "b.nef", "notes.txt", ".hidden.txt"):
        (tmp_path / "photos" / name).write_bytes(b"raw")

    done = gauganpipe("label", "photos", "--segmenter", "maps:maps")

    assert done.stdout.splitlines()[0] == "ingested 1 photo, 1 seen twice"
    assert "left out 3 files not named like a photo: 2 .nef, 1 .txt" in done.stderr


def test_a_size_that_was_asked_for_once_is_kept(gauganpipe: Gauganpipe, tmp_path: Path) -> None:
    _photo(tmp_path / "photos" / "a.png")
    _map(tmp_path / "maps" / "a.png")
    words = ("label", "photos", "--segmenter", "maps:maps")

    first, second = gauganpipe(*words, "--min-side", "100"), gauganpipe(*words)
    third = gauganpipe(*words, "--min-side", "50")

    assert first.stdout.splitlines()[0] == "ingested 0 photos, 1 rejected"
    assert second.stdout.splitlines()[0] == "ingested 0 photos, 1 unchanged"
    assert third.stdout.splitlines()[0] == "ingested 1 photo"


def test_maps_that_are_gone_stop_nobody_who_needs_none(gauganpipe: Gauganpipe, tmp_path: Path) -> None:
    _photo(tmp_path / "photos" / "a.png")
    _map(tmp_path / "maps" / "a.png")
    gauganpipe("label", "photos", "--segmenter", "maps:maps")
    (tmp_path / "maps").rename(tmp_path / "elsewhere")

    drawn, redone = gauganpipe("label", "drawn:2"), gauganpipe("label", "--redo")

    assert drawn.returncode == 0
    assert "No photo waits for it, so the label maps stay as they are" in drawn.stderr
    assert redone.returncode == 1


@pytest.mark.skipif(os.name != "posix", reason="links need a right of their own on Windows")
def test_the_data_may_lie_on_another_disk(gauganpipe: Gauganpipe, tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "large disk")

    done = [gauganpipe(*words) for words in (("label", "drawn:3"), ("build-edges",), TRAIN)]

    assert [one.returncode for one in done] == [0, 0, 0]


def test_leaving_out_the_segmenter_takes_the_embedded_one_and_says_so(gauganpipe: Gauganpipe, tmp_path: Path) -> None:
    _photo(tmp_path / "photos" / "a.jpg")

    done = gauganpipe("label", "photos")

    assert done.returncode == 0
    assert "labelling with embedded, which works everywhere" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("label", "nowhere", "--segmenter", "maps:."), "there is no folder nowhere. Name a folder of photos"),
        (("label", "empty", "--segmenter", "maps:."), "there is no photo in empty"),
        (("label", "ftp:somewhere"), "there is no source 'ftp:'"),
        (("label", "drawn:many"), "drawn:"),
        (("label", "photos", "--segmenter", "deeplab"), "there is no segmenter 'deeplab'"),
        (("label", "photos", "--segmenter", "torch:none.pth"), "none.pth"),
        (("inspect",), "no manifest at"),
        (("build-edges",), "no manifest at"),
        (("train", "--preset", "tiny"), "no manifest at"),
        (("train", "--preset", "tinny"), "did you mean tiny?"),
        (("train", "--preset", "mine"), "did you mean mine.toml?"),
        (("label", "photos", "--segmenter", "torch:none.pth", "-n"), "none.pth. Check the path after torch:"),
        (("train", "--set", "widht=3"), "did you mean model.width?"),
        (("train", "--set", "model.width=wide"), "model.width is 'wide', expected"),
        (("generate",), "there is no run in"),
    ],
)
def test_what_a_user_can_mend_is_a_sentence_and_exit_code_1(
    words: tuple[str, ...], sentence: str, gauganpipe: Gauganpipe, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine.toml").write_text("")
    _photo(tmp_path / "photos" / "a.jpg")

    done = gauganpipe(*words)

    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.startswith("gauganpipe: ")
    assert "Traceback" not in done.stderr


def test_wrong_usage_exits_with_2(gauganpipe: Gauganpipe) -> None:
    assert gauganpipe("label", "--no-such-option").returncode == 2
    assert gauganpipe("no-such-command").returncode == 2


def test_failed_photos_are_counted_and_the_exit_code_is_0_or_3_when_strict(
    gauganpipe: Gauganpipe, tmp_path: Path
) -> None:
    _photo(tmp_path / "photos" / "good.png")
    (tmp_path / "photos" / "empty.jpg").write_bytes(b"")
    _map(tmp_path / "maps" / "good.png")
    words = ("label", "photos", "--segmenter", "maps:maps")

    plain, strict = gauganpipe(*words), gauganpipe(*words, "--strict")

    assert plain.returncode == 0
    assert plain.stdout.splitlines()[0] == "ingested 1 photo, 1 failed"
    assert "failed: empty.jpg is empty" in plain.stderr
    assert strict.returncode == 3


def test_when_every_photo_fails_the_exit_code_is_3(gauganpipe: Gauganpipe, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "empty.jpg").write_bytes(b"")
    _map(tmp_path / "maps" / "empty.png")

    assert gauganpipe("label", "photos", "--segmenter", "maps:maps").returncode == 3


@pytest.mark.parametrize(
    "words",
    [
        ("label", "drawn:9"),
        ("build-edges", "--redo"),
        (*TRAIN, "--new"),
        ("generate", "--seed", "3"),
        ("run", "drawn:9", "--preset", "tiny"),
    ],
)
def test_a_dry_run_says_what_it_would_do_and_writes_nothing(words: tuple[str, ...], workspace: Path) -> None:
    before = _files(workspace)

    done = typed(workspace, *words, "--dry-run")

    assert done.returncode == 0
    assert done.stdout.startswith("would ")
    assert _files(workspace) == before


def test_a_dry_run_in_an_empty_folder_leaves_it_empty(gauganpipe: Gauganpipe, tmp_path: Path) -> None:
    done = gauganpipe("label", "drawn:5", "-n")

    assert done.stdout.splitlines() == ["would ingest 5 photos of 5 in drawn:5", "would label 0 photos"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ("label", "drawn:8"),
        ("build-edges",),
        ("inspect",),
        TRAIN,
        ("generate",),
        ("segmenters",),
        ("classes",),
        ("train", "--preset", "tiny", "--dry-run"),
    ],
)
def test_json_is_one_value_on_stdout(words: tuple[str, ...], workspace: Path) -> None:
    done = typed(workspace, *words, "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout)


@pytest.mark.parametrize("words", [("label", "drawn:8"), ("build-edges",), TRAIN, ("generate",)])
def test_a_second_run_is_idle(words: tuple[str, ...], workspace: Path) -> None:
    assert typed(workspace, *words).returncode == 0
    before = _files(workspace)

    assert typed(workspace, *words).returncode == 0

    assert _files(workspace) == before


def test_quiet_prints_results_only(workspace: Path) -> None:
    done = typed(workspace, "build-edges", "--quiet")

    assert done.stdout == "built 0 photos, 8 unchanged\n"
    assert done.stderr == ""


def test_a_finished_run_is_said_to_be_finished(workspace: Path) -> None:
    done = typed(workspace, *TRAIN)

    assert "runs/0001-tiny is finished" in done.stderr


def test_new_begins_another_run(workspace: Path) -> None:
    done = typed(workspace, *TRAIN, "--new", "--json")

    folder = Path(json.loads(done.stdout)["folder"])
    assert folder.name != "0001-tiny"
    assert (workspace / folder / "checkpoints").is_dir()


def test_generate_prints_the_paths_of_the_pictures(workspace: Path) -> None:
    paths = typed(workspace, "generate", "--split", "train").stdout.splitlines()

    assert paths and all((workspace / path).is_file() for path in paths)


def test_generate_paints_given_maps_into_a_given_folder(workspace: Path, tmp_path: Path) -> None:
    _map(tmp_path / "maps" / "a lake.png")

    done = typed(workspace, "generate", str(tmp_path / "maps"), "--out", str(tmp_path / "pictures"))

    assert done.stdout.splitlines() == [str(tmp_path / "pictures" / "a lake.png")]
    assert (tmp_path / "pictures" / "a lake.png").is_file()


def test_a_photo_given_as_a_label_map_is_refused_by_name(workspace: Path, tmp_path: Path) -> None:
    _photo(tmp_path / "photo.png")

    done = typed(workspace, "generate", str(tmp_path / "photo.png"))

    assert done.returncode == 1
    assert "photo.png" in done.stderr and "Traceback" not in done.stderr


def test_the_first_line_of_the_classes_is_the_sky(gauganpipe: Gauganpipe) -> None:
    assert gauganpipe("classes").stdout.splitlines()[0] == "  0  #9ceedd  stuff  sky"


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files as POSIX does")
def test_a_full_disk_is_a_sentence_and_the_same_command_goes_on(tmp_path: Path) -> None:
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))\n"
    limited += "from pipeline.cli import main; main()"
    words = ("label", "drawn:6", "-C", str(tmp_path))

    full = subprocess.run([sys.executable, "-c", limited, *words], capture_output=True, text=True)
    later = typed(tmp_path, "label", "drawn:6")

    assert full.returncode == 1
    assert "the disk is full" in full.stderr and "Traceback" not in full.stderr
    assert later.stdout.splitlines()[0].startswith("ingested")
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.skipif(os.name != "posix", reason="limits the size of files as POSIX does")
def test_a_disk_that_is_full_at_a_checkpoint_is_a_sentence_and_the_run_goes_on(tmp_path: Path) -> None:
    typed(tmp_path, "label", "drawn:6")
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
    limited += "from pipeline.cli import main; main()"

    full = subprocess.run([sys.executable, "-c", limited, *TRAIN], capture_output=True, text=True, cwd=tmp_path)
    left = list(tmp_path.rglob("*.part"))
    later = typed(tmp_path, *TRAIN)

    assert full.returncode == 1
    assert "the disk is full at runs/0001-tiny/checkpoints" in full.stderr and "Traceback" not in full.stderr
    assert left == []
    assert later.returncode == 0
    assert "run runs/0001-tiny" in later.stdout


def test_a_seed_that_changes_nothing_is_said_and_paints_nothing_again(workspace: Path) -> None:
    first, again = (typed(workspace, "generate", "--seed", seed, "--out", "seeds") for seed in ("7", "7"))
    pictures = {path.name: path.read_bytes() for path in (workspace / "seeds").glob("*.png")}

    assert "no style encoder: every seed paints the same picture" in first.stderr
    assert first.stdout == again.stdout
    assert len(pictures) == len(first.stdout.splitlines())


def test_a_list_of_pictures_that_was_torn_by_a_crash_costs_one_picture(workspace: Path) -> None:
    typed(workspace, "generate", "--split", "train", "--out", "torn")
    listed = workspace / "torn" / "pictures.jsonl"
    listed.write_bytes(listed.read_bytes()[:-5])

    done = typed(workspace, "generate", "--split", "train", "--out", "torn", "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["painted"] == 1


def _photo(path: Path) -> None:
    import numpy as np

    from pipeline import images

    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    images.write_picture(path, noise)


def _map(path: Path) -> None:
    import numpy as np

    from pipeline import images
    from pipeline.classes import load_taxonomy

    path.parent.mkdir(parents=True, exist_ok=True)
    ids = np.zeros((96, 128), np.uint8)
    ids[48:] = 15
    path.write_bytes(images.encode_labels(ids, load_taxonomy().palette))


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
