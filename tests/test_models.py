"""Models of others become runs: what is made, what is said, what is refused, and that nothing is made twice."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner, Result

from gaugan import checkpoint
from gaugan.spade.discriminator import MultiscaleDiscriminator
from gaugan.spade.encoder import Encoder
from gaugan.spade.generator import Generator
from gaugan.spade.initial import initialise
from pipeline import flow, images, runs
from pipeline.classes import load_taxonomy, plain_taxonomy
from pipeline.cli import app
from pipeline.console import Console
from pipeline.errors import GauganpipeError, PhotoError, RunError
from pipeline.manifest import read
from pipeline.workspace import Workspace
from tests.typed import typed

CHANNELS = 7
SIZE = ("--crop-size", "64")


def save(path: Path, network: nn.Module) -> Path:
    initialise(network, generator=torch.Generator().manual_seed(0))
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights as the reference names them; `styled` holds a model with styles."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "styled").mkdir()
    save(folder / "latest_net_G.pth", Generator(condition_channels=CHANNELS, width=4))
    save(folder / "latest_net_D.pth", MultiscaleDiscriminator(condition_channels=CHANNELS, width=4))
    styled = {"style_size": 8, "crop_size": 64}
    save(folder / "styled" / "60_net_G.pth", Generator(condition_channels=CHANNELS, width=4, **styled))
    save(folder / "styled" / "60_net_E.pth", Encoder(width=4, **styled))
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A workspace that has nothing in it, no manifest either."""
    (tmp_path / "workspace").mkdir()
    return tmp_path / "workspace"


def gauganpipe(folder: Path, *words: str | Path) -> Result:
    """Runs a command in a workspace; what it explains is raised."""
    done = CliRunner().invoke(app, [*map(str, words), "-C", str(folder)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def import_model(folder: Path, *words: str | Path) -> Path:
    return Path(gauganpipe(folder, "model", "import", *words).stdout.splitlines()[-1])


def write_map(path: Path, *, classes: int = CHANNELS) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(images.encode_grey(np.random.default_rng(0).integers(0, classes, (64, 64), dtype=np.uint8)))
    return path


def everything_in(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_a_model_becomes_a_run_that_says_what_it_is_and_where_it_comes_from(files: Path, empty: Path) -> None:
    run = import_model(empty, files / "latest_net_G.pth", files / "latest_net_D.pth", *SIZE, "--unknown")

    assert run == empty / "runs" / "0001-imported"
    assert {path.name for path in run.iterdir()} == {
        *("config.toml", "checkpoints", "manifests", "log.txt", "imported.json"),
    }
    log = (run / "log.txt").read_text()
    digests = [file["sha256"] for file in json.loads((run / "imported.json").read_text())["files"].values()]
    assert len(digests) == 2 and all(digest in log for digest in digests)
    assert read(Workspace(root=run)).taxonomy == plain_taxonomy(CHANNELS - 1)
    about = checkpoint.read_about(checkpoint.latest(run))
    assert (about.classes, about.unknown, about.edges, about.missing) == (CHANNELS - 1, True, False, ())


def test_a_checkpoint_holds_what_was_given_and_no_more(files: Path, empty: Path) -> None:
    run = import_model(empty, files / "latest_net_G.pth", *SIZE)

    newest = checkpoint.latest(run)
    weights = checkpoint.read_tensors(newest / checkpoint.NETWORKS)
    assert {name.partition("/")[0] for name in weights} == {"generator"}
    assert checkpoint.read_tensors(newest / checkpoint.OPTIMIZERS) == {}
    assert checkpoint.read_about(newest).missing == ("discriminator",)


def test_generate_paints_with_it_where_there_is_no_manifest(files: Path, empty: Path, tmp_path: Path) -> None:
    lake = write_map(tmp_path / "maps" / "lake.png")
    run = import_model(empty, files / "latest_net_G.pth", *SIZE)

    named = gauganpipe(empty, "generate", lake, "--run", run, "--out", tmp_path / "out").stdout.splitlines()
    newest = gauganpipe(empty, "generate", lake).stdout.splitlines()

    assert named == [str(tmp_path / "out" / "lake.png")]
    assert newest == [str(run / "pictures" / "lake.png")]
    assert images.decode_photo(Path(named[0]).read_bytes()).pixels.shape == (64, 64, 3)


def test_the_commands_work_as_a_person_types_them(files: Path, empty: Path) -> None:
    write_map(empty / "lake.png")
    commands = (
        ("model", "import", str(files / "latest_net_G.pth"), *SIZE),
        ("generate", "lake.png", "--run", "runs/0001-imported", "--out", "out"),
        ("train", "--run", "runs/0001-imported"),
    )

    made, painted, trained = (typed(empty, *words) for words in commands)

    assert (made.returncode, made.stdout) == (0, "runs/0001-imported\n")
    assert made.stderr.splitlines()[-1] == "next: gauganpipe generate MAP.png --run runs/0001-imported"
    assert (painted.returncode, painted.stdout) == (0, "out/lake.png\n")
    assert trained.returncode == 1
    assert trained.stderr.startswith("gauganpipe: runs/0001-imported was imported, so there is no training to go on")


def test_the_help_shows_two_examples(empty: Path) -> None:
    text = gauganpipe(empty, "model", "import", "-h").stdout

    assert sum(line.strip().startswith("gauganpipe model import") for line in text.splitlines()) == 2


def test_a_dry_run_writes_nothing(files: Path, empty: Path) -> None:
    done = gauganpipe(empty, "model", "import", files / "latest_net_G.pth", *SIZE, "-n")

    assert done.stdout.startswith("would make a run")
    assert "classes = 7" in done.stdout
    assert not list(empty.iterdir())


def test_json_is_one_value(files: Path, empty: Path) -> None:
    done = gauganpipe(empty, "model", "import", files / "latest_net_G.pth", *SIZE, "--json", "-q")

    said = json.loads(done.stdout)
    assert (said["folder"], said["was_there"]) == (str(empty / "runs" / "0001-imported"), False)
    assert said["network"]["width"] == 4


def test_the_same_files_again_make_no_second_run(files: Path, empty: Path, tmp_path: Path) -> None:
    first = import_model(empty, files / "latest_net_G.pth", files / "latest_net_D.pth", *SIZE)
    before = everything_in(empty)
    copy = shutil.copy(files / "latest_net_G.pth", tmp_path / "another name.pth")

    done = gauganpipe(empty, "model", "import", files / "latest_net_D.pth", copy, *SIZE, "--upsampling", "normal")

    assert done.exit_code == 0
    assert Path(done.stdout.splitlines()[-1]) == first
    assert f"{first} is this model already" in done.stderr
    assert everything_in(empty) == before


@pytest.mark.parametrize(
    "words",
    [
        ("--unknown",),
        ("--unknown-first",),
        ("--edges",),
        ("--upsampling", "more"),
        ("--aspect", "2"),
        ("--classes", "own.csv"),
    ],
)
def test_the_same_files_told_otherwise_are_another_run(
    words: tuple[str, ...], files: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(empty)
    lines = [f"{id},kind {id},#0000{id + 1:02x}" for id in range(CHANNELS)]
    Path("own.csv").write_text("\n".join(["id,name,colour", *lines]))
    import_model(empty, files / "latest_net_G.pth", *SIZE)

    assert import_model(empty, files / "latest_net_G.pth", *SIZE, *words).name == "0002-imported"


def test_tensors_that_share_their_memory_are_kept_apart(files: Path, empty: Path, tmp_path: Path) -> None:
    state = torch.load(files / "latest_net_G.pth", weights_only=True)
    state["up_0.conv_0.bias"] = state["up_0.conv_1.bias"] = torch.zeros_like(state["up_0.conv_0.bias"])
    torch.save(state, tmp_path / "G.pth")

    assert checkpoint.latest(import_model(empty, tmp_path / "G.pth", *SIZE))


def test_classes_can_be_named_by_a_table(empty: Path, tmp_path: Path) -> None:
    file = save(tmp_path / "G.pth", Generator(condition_channels=22, width=4))

    run = import_model(empty, file, *SIZE, "--unknown", "--edges", "--classes", "landscape")

    assert read(Workspace(root=run)).taxonomy == load_taxonomy()


def test_instance_maps_of_8_and_16_bits_give_the_edges(empty: Path, tmp_path: Path) -> None:
    file = save(tmp_path / "G.pth", Generator(condition_channels=CHANNELS, width=4))
    run = import_model(empty, file, *SIZE, "--edges")
    path, pictures = write_map(tmp_path / "maps" / "lake.png", classes=CHANNELS - 1), []
    ids = np.random.default_rng(1).integers(0, 9, (64, 64), dtype=np.uint8)
    for name, instances in (("none", None), ("8", ids), ("16", ids.astype(np.uint16))):
        given = ()
        if instances is not None:
            (tmp_path / name).mkdir()
            (tmp_path / name / "lake.png").write_bytes(images.encode_grey(instances))
            given = ("--instances", tmp_path / name)
        gauganpipe(empty, "generate", path, "--run", run, "--out", tmp_path / f"out {name}", *given)
        pictures.append((tmp_path / f"out {name}" / "lake.png").read_bytes())

    assert pictures[0] != pictures[1] == pictures[2]


def test_another_model_of_the_same_name_paints_its_own_pictures(files: Path, tmp_path: Path) -> None:
    lake, pictures = write_map(tmp_path / "lake.png"), []
    other = Generator(condition_channels=CHANNELS, width=4, upsampling="most")
    for name, file in (("a", files / "latest_net_G.pth"), ("b", save(tmp_path / "G.pth", other))):
        run = import_model(tmp_path / name, file, "--crop-size", "128")
        gauganpipe(tmp_path / name, "generate", lake, "--run", run, "--out", tmp_path / "out")
        pictures.append((tmp_path / "out" / "lake.png").read_bytes())

    assert pictures[0] != pictures[1]


def test_a_model_with_styles_paints_in_styles_and_in_that_of_a_photo(files: Path, empty: Path, tmp_path: Path) -> None:
    lake, photo = write_map(tmp_path / "lake.png"), tmp_path / "photo.png"
    images.write_picture(photo, np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    run = import_model(empty, files / "styled" / "60_net_E.pth", files / "styled" / "60_net_G.pth", *SIZE)

    drawn = gauganpipe(empty, "generate", lake, "--run", run, "--styles", "2").stdout.splitlines()
    taken = gauganpipe(empty, "generate", lake, "--run", run, "--style-photo", photo).stdout.splitlines()

    assert len({Path(path).read_bytes() for path in (*drawn, *taken)}) == 3


def test_without_its_style_encoder_a_model_takes_no_photo_and_still_draws_styles(
    files: Path, empty: Path, tmp_path: Path
) -> None:
    lake = write_map(tmp_path / "lake.png")
    run = import_model(empty, files / "styled" / "60_net_G.pth", *SIZE)

    drawn = gauganpipe(empty, "generate", lake, "--run", run, "--styles", "2").stdout.splitlines()

    assert len({Path(path).read_bytes() for path in drawn}) == 2
    images.write_picture(tmp_path / "photo.png", np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(RunError, match="the style encoder of this run is not there, so it takes no style photo"):
        gauganpipe(empty, "generate", lake, "--run", run, "--style-photo", tmp_path / "photo.png")


def test_a_map_that_does_not_fit_is_named(files: Path, empty: Path, tmp_path: Path) -> None:
    run, lake = import_model(empty, files / "latest_net_G.pth", *SIZE), write_map(tmp_path / "lake.png", classes=30)

    with pytest.raises(PhotoError, match=r"lake\.png has the id \d+ at x=\d+, y=\d+\. The classes of plain are 0\.\.6"):
        gauganpipe(empty, "generate", lake, "--run", run)


def test_instance_maps_that_are_not_there_are_not_passed_over(files: Path, empty: Path, tmp_path: Path) -> None:
    run, lake = import_model(empty, files / "latest_net_G.pth", *SIZE), write_map(tmp_path / "lake.png")

    with pytest.raises(RunError, match="there is no folder nowhere of instance maps"):
        gauganpipe(empty, "generate", lake, "--run", run, "--instances", "nowhere")


# What cannot be imported: the words behind `model import`, and the sentence.

REFUSED = {
    "text": (("text.pth", *SIZE), "text.pth cannot be read as weights: it is damaged, no file of PyTorch"),
    "empty": (("empty.pth", *SIZE), "empty.pth cannot be read as weights"),
    "truncated": (("cut.pth", *SIZE), "cut.pth cannot be read as weights"),
    "a program": (("whole.pth", *SIZE), "holds more than tensors. Fetch it again, or save the network's state_dict"),
    "no table": (("list.pth", *SIZE), "list.pth is no table of tensors by name"),
    "a number in it": (("number.pth", *SIZE), "number.pth is no table of tensors by name"),
    "sparse": (("sparse.pth", *SIZE), "sparse.pth is no table of tensors by name"),
    "no file": (("none.pth", *SIZE), "there is no file none.pth"),
    "a folder": ((".", *SIZE), ". is a folder. Name the files in it, such as latest_net_G.pth"),
    "another network": (("vgg.pth", *SIZE), "vgg.pth holds 0.weight, 0.bias, 2.weight and 1 more: that is none of"),
    "no generator": (("D.pth", *SIZE), "there is no generator among D.pth (a discriminator)"),
    "two generators": (("G.pth", "more.pth", *SIZE), "G.pth and more.pth are two generators"),
    "the same twice": (("G.pth", "G.pth", *SIZE), "G.pth and G.pth are two generators"),
    "another discriminator": (("G.pth", "D_of_others.pth", *SIZE), "D_of_others.pth sees 12 channels, and the"),
    "an encoder to no style": (("G.pth", "E.pth", *SIZE), "E.pth describes styles, and G.pth paints without"),
    "an encoder of other sizes": (("styled.pth", "E.pth", *SIZE), "E.pth has 6 layers, as models have whose crop size"),
    "an encoder of other width": (
        ("styled.pth", "wide_E.pth", *SIZE),
        "wide_E.pth does not fit the network that its other tensors speak of: layer1.0.weight_orig is [8, 3, 3, 3] "
        "instead of [4, 3, 3, 3], layer1.0.weight_u is [8] instead of [4], layer2.0.weight_orig is [16, 8, 3, 3] "
        "instead of [8, 4, 3, 3] and",
    ),
    "another latent": (("styled.pth", "--crop-size", "256"), "What fits: crop size 64 and upsampling normal, or crop"),
    "lacking": (("lacking.pth", *SIZE), "it lacks up_0.conv_0.bias, conv_img.bias"),
    "lacking what tells": (("headless.pth", *SIZE), "headless.pth lacks up_3.conv_1.weight, so it does not say"),
    "superfluous": (("extra.pth", *SIZE), "it has no place for 0.a, 1.a, 2.a and 9 more"),
    "another shape": (("bent.pth", *SIZE), "conv_img.weight is [3, 4, 5, 5] instead of [3, 4, 3, 3]"),
    "another dimension": (("flat.pth", *SIZE), "mlp_shared.0.weight is [128], expected 4 numbers there"),
    "no numbers": (("nan.pth", *SIZE), "conv_img.bias holds numbers that are not finite"),
    "under two names": (("twice.pth", *SIZE), "twice.pth holds up_3.conv_1.weight_orig twice, under two names"),
    "too narrow": (("narrow.pth", *SIZE), "narrow.pth cannot be such a model: model.width is 2, expected a number"),
    "no crop size": (("G.pth", "--crop-size", "31"), "the crop size is 31 at an aspect of 1, and with upsampling"),
    "no aspect": (("G.pth", *SIZE, "--aspect", "0"), "the aspect is 0, expected width by height between"),
    "no upsampling": (("G.pth", *SIZE, "--upsampling", "much"), "there is no upsampling 'much'. Choose one of"),
    "not most": (("G.pth", "--crop-size", "256", "--upsampling", "most"), "G.pth has no block up_4"),
    "a table that is none": (("G.pth", *SIZE, "--classes", "seas"), "there is no taxonomy 'seas'. Choose one of"),
    "a table of others": (
        ("G.pth", *SIZE, "--edges", "--classes", "landscape"),
        "landscape has 20 classes, and G.pth has 6, beside edges",
    ),
    "a single pixel": (("instance.pth", "--crop-size", "32"), "the generator begins with a single pixel"),
    "too many classes": (("many.pth", *SIZE), "many.pth has 256 condition channels, which leaves 256 for classes"),
    "no classes": (("one.pth", *SIZE, "--edges"), "one.pth has 1 condition channels, which leaves 0 for classes"),
}


@pytest.fixture(scope="module")
def bad(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that are no models, or not those of one."""
    folder = tmp_path_factory.mktemp("bad")
    state = torch.load(files / "latest_net_G.pth", weights_only=True)
    for name, original in (("G", "latest_net_G"), ("D", "latest_net_D"), ("styled", "styled/60_net_G")):
        shutil.copy(files / f"{original}.pth", folder / f"{name}.pth")
    (folder / "text.pth").write_text("weights")
    (folder / "empty.pth").write_bytes(b"")
    (folder / "cut.pth").write_bytes((files / "latest_net_G.pth").read_bytes()[:200_000])
    broken = {
        "whole": nn.Linear(2, 2),
        "list": [torch.zeros(2)],
        "number": {**state, "epoch": 60},
        "sparse": {**state, "conv_img.bias": torch.zeros(3).to_sparse()},
        "vgg": nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3)).state_dict(),
        "lacking": {name: x for name, x in state.items() if name not in ("conv_img.bias", "up_0.conv_0.bias")},
        "headless": {name: x for name, x in state.items() if not name.startswith("up_3.conv_1.weight")},
        "extra": {**state, **{f"{number}.a": torch.zeros(1) for number in range(12)}},
        "bent": {**state, "conv_img.weight": torch.zeros(3, 4, 5, 5)},
        "flat": {**state, "head_0.norm_0.mlp_shared.0.weight": torch.zeros(128)},
        "nan": {**state, "conv_img.bias": torch.tensor([0, torch.nan, 0])},
        "twice": {**state, "up_3.conv_1.parametrizations.weight.original": state["up_3.conv_1.weight_orig"]},
    }
    for name, held in broken.items():
        torch.save(held, folder / f"{name}.pth")
    networks = {
        "more": Generator(condition_channels=CHANNELS, width=4, upsampling="more"),
        "narrow": Generator(condition_channels=CHANNELS, width=2),
        "instance": Generator(condition_channels=CHANNELS, width=4, norm="instance"),
        "many": Generator(condition_channels=256, width=4),
        "one": Generator(condition_channels=1, width=4),
        "D_of_others": MultiscaleDiscriminator(condition_channels=9, width=4),
        "E": Encoder(width=4, style_size=8, crop_size=256),
        "wide_E": Encoder(width=8, style_size=8, crop_size=64),
    }
    for name, network in networks.items():
        save(folder / f"{name}.pth", network)
    return folder


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_a_sentence_and_nothing_is_written(
    what: str, bad: Path, empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(bad)
    words, sentence = REFUSED[what]

    with pytest.raises(GauganpipeError, match=re.escape(sentence)) as error:
        gauganpipe(empty, "model", "import", *words)

    assert "\n" not in str(error.value)
    assert not list(empty.iterdir())


# Beside runs that were trained.


@pytest.fixture
def labelled(tmp_path: Path) -> Workspace:
    workspace = Workspace(root=tmp_path / "labelled")
    flow.label(workspace, "drawn:6", flow.Asked(), workers=0, console=Console(quiet=True))
    return workspace


def test_training_takes_an_imported_run_for_none_of_its_own(files: Path, labelled: Workspace) -> None:
    run = import_model(labelled.root, files / "latest_net_G.pth", *SIZE)
    settings = (run / "config.toml").read_text()
    (run / "own.toml").write_text(settings)

    plan = runs.plan(labelled, runs.Training(preset=str(run / "own.toml")))

    assert plan[0].startswith("would begin a run")
    with pytest.raises(RunError, match="was imported, so there is no training to go on with"):
        runs.plan(labelled, runs.Training(run=run))


def test_label_maps_of_other_classes_are_not_painted_by_mistake(files: Path, labelled: Workspace) -> None:
    run = import_model(labelled.root, files / "latest_net_G.pth", *SIZE)

    with pytest.raises(
        RunError, match="paints the classes plain, and the label maps of this workspace are of landscape"
    ):
        gauganpipe(labelled.root, "generate", "--run", run, "--split", "train")


def test_label_maps_of_the_same_classes_are_painted(labelled: Workspace, tmp_path: Path) -> None:
    file = save(tmp_path / "G.pth", Generator(condition_channels=21, width=4))
    run = import_model(labelled.root, file, *SIZE, "--unknown", "--classes", "landscape")

    assert gauganpipe(labelled.root, "generate", "--run", run, "--split", "train").stdout.splitlines()


def test_a_workspace_without_label_maps_is_told_to_name_some(files: Path, empty: Path) -> None:
    run = import_model(empty, files / "latest_net_G.pth", *SIZE)

    with pytest.raises(RunError, match=r"has no label maps of its own\. Name some: gauganpipe generate MAP\.png --run"):
        gauganpipe(empty, "generate", "--run", run)


def test_a_damaged_note_of_where_a_run_comes_from_is_a_sentence(files: Path, empty: Path) -> None:
    run = import_model(empty, files / "latest_net_G.pth", *SIZE)
    (run / "imported.json").write_text("{}")

    with pytest.raises(RunError, match=r"imported\.json is damaged"):
        import_model(empty, files / "latest_net_G.pth", *SIZE)
