"""`model export`: what is written, that it paints what we paint, that it is written once, and what is refused."""

import errno
import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from gaugan import checkpoint
from gaugan.generate import load_painter
from gaugan.reading import UNKNOWN
from gaugan.spade.conditions import edges
from pipeline import images, model_export
from pipeline.cli import app
from pipeline.console import Console
from pipeline.errors import GauganpipeError, RunError, WorkspaceError
from pipeline.model_exports import checking
from pipeline.workspace import Workspace
from tests.exported import fill
from tests.exported_runs import make_run

QUIET = Console(quiet=True)
STYLES = ("style_encoder=true", "style_size=8")
SIZES = [(1, 64, 64), (2, 77, 162), (3, 20, 33)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Six photos, a run with styles and edges, and one without; nothing is written there but into a run."""
    workspace = fill(Workspace(root=tmp_path_factory.mktemp("place")))
    make_run(workspace, "0001-spade", has_edges=False)
    make_run(workspace, "0002-styled", *STYLES)
    return workspace


@pytest.fixture(scope="module")
def onnx(place: Workspace) -> Path:
    """The folder of an export of the newest run."""
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    pytest.importorskip("onnxscript", reason="onnxscript is not installed")
    return export(place, to="onnx").folder


@pytest.fixture
def run(place: Workspace, tmp_path: Path) -> Path:
    """A copy of the run without styles, to be spoiled."""
    return Path(shutil.copytree(place.runs / "0001-spade", tmp_path / "0001-spade"))


def export(place: Workspace, *, to: str = "safetensors", **asked: object) -> model_export.Exported:
    return model_export.export_model(place, model_export.Exporting(to=to, **asked), console=QUIET)


def gauganpipe(folder: Path, *words: str | Path) -> Result:
    """Runs a command in a workspace; what it explains is raised."""
    done = CliRunner().invoke(app, [*map(str, words), "-C", str(folder)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def inputs(batch: int, height: int, width: int) -> dict[str, torch.Tensor]:
    drawn = torch.Generator().manual_seed(height)
    labels = torch.tensor([0, 5, UNKNOWN], dtype=torch.uint8)[torch.randint(0, 3, (batch, 6, 11), generator=drawn)]
    labels = labels.repeat_interleave(16, 1).repeat_interleave(16, 2)[:, :height, :width].clone()
    return {"labels": labels, "edges": edges(labels).byte(), "style": torch.randn(batch, 8, generator=drawn)}


@pytest.mark.parametrize("size", SIZES)
def test_onnxruntime_paints_what_we_paint_at_any_size(place, onnx, size):
    import onnxruntime

    painter, given = load_painter(place.runs / "0002-styled"), inputs(*size)
    session = onnxruntime.InferenceSession(onnx / "model.onnx", providers=["CPUExecutionProvider"])

    (picture,) = session.run(None, {name: x.numpy() for name, x in given.items()})

    labels = given["labels"].long().masked_fill(given["labels"] == UNKNOWN, painter.classes)
    ours = painter.network.paint_in(given["style"], labels, edges=given["edges"]).numpy()
    assert picture.shape == ours.shape and ours.std() > 0.1
    assert np.abs(picture - ours).max() < 1e-4


def test_an_onnx_file_says_what_goes_in_and_what_comes_out(onnx):
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx / "model.onnx", providers=["CPUExecutionProvider"])

    assert [(one.name, one.type, one.shape) for one in (*session.get_inputs(), *session.get_outputs())] == [
        ("labels", "tensor(uint8)", ["batch", "height", "width"]),
        ("edges", "tensor(uint8)", ["batch", 1, "height", "width"]),
        ("style", "tensor(float)", ["batch", 8]),
        ("picture", "tensor(float)", ["batch", 3, "height", "width"]),
    ]


def test_a_file_tells_classes_size_preset_images_and_version(place, onnx):
    import onnxruntime

    session = onnxruntime.InferenceSession(onnx / "model.onnx", providers=["CPUExecutionProvider"])
    told = json.loads(session.get_modelmeta().custom_metadata_map["gauganpipe"])

    assert (told["width"], told["height"], told["preset"], told["images_shown"]) == (64, 64, "styled", 16)
    assert told["classes"] == json.loads((onnx / "classes.json").read_text())["classes"]
    assert [one["name"] for one in told["classes"]][:2] == ["sky", "clouds"]
    assert told["version"] and told["weights_sha256"] and "spectral = false" in told["settings"]


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize("to", ["onnx", "torchscript", "safetensors"])
def test_the_code_on_the_card_runs_and_paints_what_we_paint(place, onnx, tmp_path, monkeypatch, to):
    folder = onnx if to == "onnx" else export(place, to=to).folder
    shutil.copytree(folder, tmp_path / to)
    labels = inputs(1, 64, 64)["labels"][0]
    (tmp_path / to / "map.png").write_bytes(images.encode_grey(labels.numpy()))
    card = (tmp_path / to / "README.md").read_text(encoding="utf-8")
    code = card.split("```python\n")[1].split("```")[0]

    monkeypatch.chdir(tmp_path / to)
    exec(code, {})

    style = torch.from_numpy(np.random.default_rng(0).standard_normal(8, dtype="float32"))
    ours = load_painter(place.runs / "0002-styled").paint(labels, style=style).numpy()
    with Image.open(tmp_path / to / "picture.png") as picture:
        assert np.abs(np.array(picture).astype(int) - ours).max() <= 1


def test_a_folder_holds_the_model_its_classes_and_its_card(place, tmp_path):
    done = export(place, out=tmp_path / "out")

    assert set(files_in(tmp_path / "out")) == {"model.safetensors", "classes.json", "README.md", "export.json"}
    assert done.largest_difference < 1e-4 and done.checked_on == "g0a"
    assert done.lines()[1].endswith("of -1 to 1, on the label map of g0a")


def test_without_maps_it_is_checked_on_a_drawn_one(place, run, tmp_path):
    done = export(Workspace(root=tmp_path / "elsewhere"), run=run)

    assert done.checked_on == "" and "drawn label map" in done.lines()[1]


def test_a_second_run_changes_nothing(place, run, monkeypatch):
    done = export(place, run=run)
    before = files_in(done.folder)
    monkeypatch.setattr(model_export, "_checked", None)

    again = export(place, run=run)

    assert again.written == [] and again.lines()[-1].startswith("unchanged")
    assert asdict(again) == {**asdict(done), "written": []}
    assert files_in(done.folder) == before


def test_a_run_that_was_trained_on_is_exported_anew(place, run):
    export(place, run=run)
    newer = make_run(Workspace(root=place.root), f"{run.name}-newer", images_shown=32, has_edges=False)
    shutil.rmtree(run / "checkpoints")
    shutil.move(newer / "checkpoints", run / "checkpoints")
    shutil.rmtree(newer)

    assert "model.safetensors" in export(place, run=run).written


def test_a_run_that_finds_a_better_checkpoint_meanwhile_is_exported_as_it_was(place, run, monkeypatch):
    before = files_in(export(place, run=run, out=run / "before").folder)
    newer = make_run(fill(Workspace(root=run.parent / "wider")), run.name, "model.width=8", images_shown=32)
    prepare = model_export._prepare

    def prepare_and_train_on(*asked: object) -> object:
        job = prepare(*asked)
        shutil.copytree(newer / "checkpoints", run / "checkpoints", dirs_exist_ok=True)
        return job

    monkeypatch.setattr(model_export, "_prepare", prepare_and_train_on)

    assert files_in(export(place, run=run).folder)["model.safetensors"] == before["model.safetensors"]


def test_a_model_that_was_cut_off_is_written_again(place, run):
    done = export(place, run=run)
    whole = done.file.read_bytes()
    done.file.write_bytes(whole[:1])

    assert export(place, run=run).written == ["model.safetensors"]
    assert done.file.read_bytes() == whole


def test_a_card_that_somebody_wrote_in_is_left_alone(place, run):
    folder = export(place, run=run).folder
    (folder / "README.md").write_text("mine\n")
    (run / "stats.jsonl").unlink()

    done = export(place, run=run)

    assert (folder / "README.md").read_text() == "mine\n"
    assert done.beside == ["README.new.md"] == done.written


def test_a_dry_run_writes_nothing(place, run):
    out = gauganpipe(place.root, "model", "export", run, "--to", "safetensors", "--dry-run").stdout.splitlines()

    assert [line.partition(": ")[0] for line in out] == [
        f"would write {run / 'safetensors' / name}" for name in ("model.safetensors", "classes.json", "README.md")
    ]
    assert not (run / "safetensors").exists()


def test_json_is_one_object(place, tmp_path):
    done = gauganpipe(place.root, "model", "export", "--to", "safetensors", "--out", tmp_path / "out", "--json", "-q")

    said = json.loads(done.stdout)
    assert (said["images_shown"], said["format"], said["file"]) == (
        *(16, "safetensors"),
        str(tmp_path / "out" / "model.safetensors"),
    )


def test_the_help_shows_two_examples(place):
    text = gauganpipe(place.root, "model", "export", "-h").stdout

    assert sum(line.strip().startswith("gauganpipe model export") for line in text.splitlines()) == 2


def test_a_file_that_paints_otherwise_is_not_written(place, run, monkeypatch):
    monkeypatch.setattr(checking, "MOST_DIFFERENCE", -1.0)

    with pytest.raises(RunError, match=r"differs from our own picture by up to .*, so nothing was written"):
        export(place, run=run)

    assert not (run / "safetensors").exists()


def test_a_full_disk_is_said_and_leaves_no_half_file(place, run, monkeypatch):
    def full(path: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("pipeline.exports.folder._put", full)

    with pytest.raises(WorkspaceError, match=r"the disk is full at .*model\.safetensors"):
        export(place, run=run)

    assert set(files_in(run / "safetensors")) == {"export.json"}


def test_what_a_crash_left_is_gone_on_with(place, run, monkeypatch):
    with monkeypatch.context() as crash:
        crash.setattr("pipeline.exports.folder._put", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export(place, run=run)

    assert export(place, run=run).written == ["model.safetensors", "classes.json", "README.md"]


def test_too_many_weights_for_a_format_are_refused_with_a_way_out(place, run, monkeypatch):
    monkeypatch.setattr("pipeline.model_exports.torchscript_file.MOST_BYTES", 1000)

    with pytest.raises(RunError, match=r"torchscript holds at most 0\.0 GB\. Export it with --to safetensors"):
        export(place, run=run, to="torchscript")


# What is refused


def without_checkpoint(run: Path, out: Path) -> None:
    shutil.rmtree(run / "checkpoints")


def cut_off(run: Path, out: Path) -> None:
    file = checkpoint.latest(run) / checkpoint.AVERAGED
    file.write_bytes(file.read_bytes()[:5000])


def without_weights(run: Path, out: Path) -> None:
    (checkpoint.latest(run) / checkpoint.AVERAGED).unlink()


def with_fewer_classes(run: Path, out: Path) -> None:
    file = run / "manifests" / "dataset.json"
    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "classes": said["classes"][:7]}))


def foreign_model(run: Path, out: Path) -> None:
    out.mkdir()
    (out / "model.safetensors").write_bytes(b"somebody's")


def other_format(run: Path, out: Path) -> None:
    out.mkdir()
    (out / "export.json").write_text(json.dumps({"layout": "onnx", "files": {}}))


def a_file(run: Path, out: Path) -> None:
    out.write_text("a file")


def below_a_file(run: Path, out: Path) -> None:
    out.parent.write_text("a file")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (without_checkpoint, "has no checkpoint yet, so there is nothing to export"),
        (cut_off, "cannot be read"),
        (without_weights, "cannot be read"),
        (with_fewer_classes, "has a table of 7 classes and a network of 20"),
        (foreign_model, "holds other files: .*model.safetensors"),
        (other_format, "holds an export as onnx. Name another folder for safetensors"),
        (a_file, "is a file, and --out names a folder"),
        (below_a_file, "is a file, and --out names a folder"),
    ],
)
def test_what_cannot_be_exported_gets_a_sentence_and_no_file(place, run, tmp_path, spoil, sentence):
    out = tmp_path / "below" / "out" if spoil is below_a_file else tmp_path / "out"
    spoil(run, out)
    before = files_in(out) if out.is_dir() else None

    with pytest.raises(GauganpipeError, match=sentence):
        export(place, run=run, out=out)

    assert (files_in(out) if out.is_dir() else None) == before


def test_a_run_that_is_not_there_gets_a_sentence(place):
    with pytest.raises(RunError, match="there is no run at nowhere"):
        export(place, run=Path("nowhere"))


def test_a_workspace_without_runs_gets_a_sentence(tmp_path):
    with pytest.raises(RunError, match="there is no run in"):
        export(Workspace(root=tmp_path))
