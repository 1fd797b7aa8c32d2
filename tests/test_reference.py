"""Files of the reference become runs that paint what the reference paints, in whatever layout their keys are."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from typer.testing import CliRunner

from gaugan.data import to_bytes
from gaugan.errors import CheckpointError, SettingsError
from gaugan.generate import load_painter
from gaugan.spade.generator import Generator
from gaugan.spade.reference import Asked, Assembled, assemble
from gaugan.spade.reference_files import read_networks
from pipeline import images
from pipeline.cli import app
from tests.test_parity import (
    CASES,
    FULL_SIZE,
    arrays,
    assert_near,
    fill,
    make_condition,
    make_discriminator,
    make_generator,
    options,
    recipe,
)

PAINTED = (
    *("G_normal", "G_more", "G_most", "G_norm_batch", "G_norm_inst", "G_norm_nosn", "G_norm_ks1"),
    *("G_aspect2_inst", "G_odd_size"),
)
SMALL = "G_norm_batch"
"""The case whose keys stand for all others where only their spelling matters."""


def states(name: str, *, power_iterations: int = 10) -> dict[str, Tensor]:
    return recipe.recipe_state(CASES[name]["keys"], power_iters=power_iterations)


def save(path: Path, state: dict[str, Tensor]) -> Path:
    torch.save(state, path)
    return path


def asked_of(name: str) -> Asked:
    words = options(CASES[name])
    return Asked(
        crop_size=words.crop_size,
        aspect=words.aspect_ratio,
        upsampling=words.num_upsampling_layers,
        unknown="last" if words.unknown else "none",
        edges=words.edges,
    )


def as_typed(name: str) -> list[str]:
    """The options with which a person would import a case."""
    words = options(CASES[name])
    typed = ["--crop-size", str(words.crop_size), "--aspect", str(words.aspect_ratio)]
    typed += ["--upsampling", "more"] * (words.num_upsampling_layers == "more")
    return typed + ["--edges"] * words.edges + ["--unknown"] * words.unknown


def type_in(folder: Path, *words: str) -> list[str]:
    """Runs a command in a workspace and gives the lines of its stdout."""
    done = CliRunner().invoke(app, [*words, "-C", str(folder)])
    assert done.exit_code == 0, done.exception
    return done.stdout.splitlines()


def imported(folder: Path, *words: str) -> Path:
    return Path(type_in(folder, "model", "import", *words)[-1])


def painted(folder: Path, run: Path, *words: str) -> np.ndarray:
    """(N, H, W, 3) uint8, pictures of maps/0.png, 1.png, ..."""
    paths = type_in(folder, "generate", str(folder / "maps"), "--run", str(run), "--out", str(folder / "out"), *words)
    return np.stack([images.decode_photo(Path(path).read_bytes()).pixels for path in paths])


def write_maps(folder: Path, labels: Tensor, *, classes: int) -> None:
    """labels: (N, 1, H, W), `classes` for unknown."""
    folder.mkdir()
    for index, ids in enumerate(labels[:, 0]):
        grey = ids.masked_fill(ids == classes, 255).to(torch.uint8).numpy()
        (folder / f"{index}.png").write_bytes(images.encode_grey(grey))


def assert_same_pictures(ours: np.ndarray, theirs: Tensor) -> None:
    """theirs: (N, 3, H, W) in [-1, 1]."""
    expected = to_bytes(theirs).numpy().astype(int)
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() <= 1


@pytest.mark.parametrize("name", PAINTED)
def test_an_imported_run_paints_what_the_reference_paints(name, tmp_path):
    words, (batch, _, height, width) = options(CASES[name]), CASES[name]["shape_seg"]
    shape = (batch, 1, height, width)
    labels = recipe.recipe_input("label", shape, "blocks", high=words.label_nc + words.unknown)
    write_maps(tmp_path / "maps", labels, classes=words.label_nc)
    instances = []
    if words.edges:
        (tmp_path / "instances").mkdir()
        for index, ids in enumerate(recipe.recipe_input("instance", shape, "blocks", high=30)[:, 0]):
            path = tmp_path / "instances" / f"{index}.png"
            path.write_bytes(images.encode_instances(ids.numpy().astype(np.uint16)))
        instances = ["--instances", str(tmp_path / "instances")]

    run = imported(tmp_path, str(save(tmp_path / "latest_net_G.pth", states(name))), *as_typed(name))

    assert_same_pictures(painted(tmp_path, run, *instances), arrays(name)["eval"])


@pytest.mark.long
def test_an_imported_run_of_full_size_paints_what_the_reference_paints(tmp_path):
    labels = recipe.recipe_input("label", (1, 1, 256, 256), "blocks", high=183)
    write_maps(tmp_path / "maps", labels, classes=182)
    (tmp_path / "instances").mkdir()
    ids = recipe.recipe_input("instance", (1, 1, 256, 256), "blocks", high=30)[0, 0].numpy().astype(np.uint16)
    (tmp_path / "instances" / "0.png").write_bytes(images.encode_instances(ids))
    file = save(tmp_path / "latest_net_G.pth", states(FULL_SIZE))

    run = imported(tmp_path, str(file), *as_typed(FULL_SIZE), "--classes", "cocostuff")

    pictures = painted(tmp_path, run, "--instances", str(tmp_path / "instances"))
    assert_same_pictures(pictures[:, ::8, ::8], arrays(FULL_SIZE)["eval_sub"])


def test_a_map_whose_crop_size_is_no_multiple_is_painted_at_the_size_that_the_reference_makes(tmp_path):
    words = options(CASES[SMALL])
    words.crop_size = 100
    labels = recipe.recipe_input("label", (1, 1, 100, 100), "blocks", high=8)
    network = fill(make_generator(words)).eval()
    with torch.no_grad():
        theirs = network(make_condition((1, 100, 100), classes=8), latent_size=network.latent_size)
    file = save(tmp_path / "latest_net_G.pth", states(SMALL))

    run = imported(tmp_path, str(file), "--crop-size", "100")

    write_maps(tmp_path / "maps", F.interpolate(labels.float(), size=(96, 96)), classes=8)
    assert theirs.shape[2:] == (96, 96)
    assert_same_pictures(painted(tmp_path, run), theirs)
    (tmp_path / "maps").rename(tmp_path / "smaller")
    write_maps(tmp_path / "maps", labels, classes=8)
    assert painted(tmp_path, run).shape == (1, 100, 100, 3)


@pytest.mark.parametrize("name", ["G_normal_vae", "G_most_vae"])
def test_an_imported_generator_with_style_makes_of_a_style_what_the_reference_makes(name, tmp_path):
    file = save(tmp_path / "latest_net_G.pth", states(name))
    batch, _, height, width = CASES[name]["shape_seg"]

    generator = load_painter(imported(tmp_path, str(file), *as_typed(name))).network.generator

    with torch.no_grad():
        picture = generator(
            make_condition((batch, height, width), classes=8), recipe.recipe_input("z", (batch, 256), "normal")
        )
    assert_near(picture, arrays(name)["eval"], 1e-5)


def test_an_imported_style_encoder_describes_what_the_reference_describes(tmp_path):
    with torch.device("meta"):
        network = Generator(condition_channels=8, width=8, style_size=256, crop_size=256)
    shapes = {key: tuple(x.shape) for key, x in network.state_dict().items()}
    files = [
        save(tmp_path / "60_net_E.pth", states("E")),
        save(tmp_path / "60_net_G.pth", recipe.recipe_state(shapes)),
    ]

    model = assemble(read_networks(files), Asked(crop_size=256))

    with torch.no_grad():
        mu, logvar = model.painter.encoder(recipe.recipe_input("image", (2, 3, 300, 256), "image"))
    assert_near(mu, arrays("E")["eval_mu_300x256"], 1e-5)
    assert_near(logvar, arrays("E")["eval_logvar_300x256"], 1e-5)
    assert model.about.missing == ("discriminator",)


@pytest.mark.parametrize("name", ["D_default", "D_3x3", "D_batch", "D_none"])
def test_an_imported_discriminator_judges_as_the_reference_judges(name, tmp_path):
    generator, judge = save(tmp_path / "G.pth", states(SMALL)), save(tmp_path / "D.pth", states(name))
    case, expected = CASES[name], arrays(name)
    batch, _, height, width = case["shape"]

    model = assemble(read_networks([judge, generator]), Asked(crop_size=64))

    told, words = model.about.settings.model, options(case)
    assert (told.discriminator_width, told.discriminator_layers, told.scales) == (16, words.n_layers_D, words.num_D)
    image = recipe.recipe_input("image", (batch, 3, height, width), "image")
    with torch.no_grad():
        judged = model.discriminator(make_condition((batch, height, width), classes=8), image)
    for d, scale in enumerate(judged):
        assert_near(scale[-1], expected[f"eval_d{d}_pred"], 1e-5)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("G_")])
def test_all_that_the_tensors_say_is_deduced(name, tmp_path):
    words, norm = options(CASES[name]), "instance" if name == "G_norm_inst" else "batch"
    zeros = {key: torch.zeros(()).expand(shape) for key, shape in CASES[name]["keys"].items()}
    files = {"generator": read_networks([save(tmp_path / "G.pth", zeros)])["generator"]}

    about = assemble(files, asked_of(name)).about

    model = about.settings.model
    assert (about.classes, about.unknown, about.edges) == (words.label_nc, words.unknown, words.edges)
    assert (model.width, model.upsampling, model.norm) == (words.ngf, words.num_upsampling_layers, norm)
    assert (model.kernel_size, model.spectral) == (1 if "1x1" in words.norm_G else 3, "spectral" in words.norm_G)
    assert (model.style_encoder, model.style_size) == (words.use_vae, 256)
    assert about.settings.data.crop == (words.crop_size / words.aspect_ratio, words.crop_size)


# How spectral normalisation was spelt.


def as_parametrizations(state: dict[str, Tensor]) -> dict[str, Tensor]:
    spelt = {"_orig": ".original", "_u": ".0._u", "_v": ".0._v"}
    return {
        re.sub(r"\.weight(_orig|_u|_v)$", lambda found: f".parametrizations.weight{spelt[found[1]]}", key): x
        for key, x in state.items()
    }


def before_torch_1(state: dict[str, Tensor]) -> dict[str, Tensor]:
    old = {}
    for key, x in state.items():
        old[key] = x
        if key.endswith(".weight_orig"):
            layer = key.removesuffix("_orig")
            old[layer] = x / (state[f"{layer}_u"] @ x.flatten(1) @ state[f"{layer}_v"])
    return old


def without(state: dict[str, Tensor], *endings: str) -> dict[str, Tensor]:
    return {key: x for key, x in state.items() if not key.endswith(endings)}


LAYOUTS = {
    "today's": lambda state: state,
    "parametrizations": as_parametrizations,
    "of several devices": lambda state: {f"module.{key}": x for key, x in state.items()},
    "before 1.0": before_torch_1,
    "before 1.0, one vector": lambda state: without(before_torch_1(state), ".weight_v"),
    "without counts": lambda state: without(state, ".num_batches_tracked"),
    "in double precision": lambda state: {key: x.double() for key, x in state.items()},
    "inside a dictionary": lambda state: {"state_dict": state},
}


def read(tmp_path: Path, state: dict, asked: Asked) -> Assembled:
    return assemble(read_networks([save(tmp_path / "G.pth", state)]), asked)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_the_keys_gives_the_same_picture(layout, tmp_path):
    model = read(tmp_path, LAYOUTS[layout](states(SMALL)), asked_of(SMALL))

    with torch.no_grad():
        picture = model.painter.generator(make_condition((2, 64, 64), classes=8))
    assert_near(picture, arrays(SMALL)["eval"], 1e-5)


def test_the_second_vector_is_made_where_nothing_else_is_known_of_it(tmp_path):
    state = states(SMALL, power_iterations=300)
    pictures = []
    for given in (state, without(state, ".weight_v")):
        with torch.no_grad():
            seen = make_condition((2, 64, 64), classes=8)
            pictures.append(read(tmp_path, given, asked_of(SMALL)).painter.generator(seen))

    assert_near(pictures[1], pictures[0], 1e-3)


def test_files_of_old_versions_of_pytorch_are_read(tmp_path):
    torch.save(states(SMALL), tmp_path / "G.pth", _use_new_zipfile_serialization=False)

    assert assemble(read_networks([tmp_path / "G.pth"]), asked_of(SMALL)).about.classes == 8


def test_an_unknown_class_that_comes_first_is_the_same_as_one_that_comes_last(tmp_path):
    labels = recipe.recipe_input("label", (2, 1, 64, 64), "blocks", high=8)[:, 0]
    judge = save(tmp_path / "D.pth", states("D_default"))
    files = read_networks([save(tmp_path / "G.pth", states(SMALL)), judge])

    model = assemble(files, Asked(crop_size=64, unknown="first"))

    ids = torch.where(labels == 0, 7, labels - 1)
    image = recipe.recipe_input("image", (2, 3, 64, 64), "image")
    theirs = fill(make_discriminator(options(CASES["D_default"]), channels=8, width=16)).eval()
    with torch.no_grad():
        picture = model.painter.generator(model.painter.condition(ids, None))
        ours = model.discriminator(model.painter.condition(ids, None), image)
        expected = theirs(make_condition((2, 64, 64), classes=8), image)
    assert (model.about.classes, model.about.unknown) == (7, True)
    assert_near(picture, arrays(SMALL)["eval"], 1e-5)
    assert_near(ours[0][-1], expected[0][-1], 1e-5)


# What cannot be.


def test_a_style_whose_latent_does_not_fit_says_what_would(tmp_path):
    files = read_networks([save(tmp_path / "G.pth", states("G_normal_vae"))])

    with pytest.raises(CheckpointError, match=r"a latent of 4 places, and crop size 128, .* make 4 x 4\. ") as error:
        assemble(files, Asked(crop_size=128))
    fitting = "crop size 64 and upsampling normal, or crop size 128 and upsampling more"
    assert str(error.value).endswith(f"What fits: {fitting}")
    with pytest.raises(CheckpointError, match="What fits: crop size 128, aspect 4 and upsampling normal"):
        assemble(files, Asked(crop_size=256, aspect=2.5))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (Asked(crop_size=20), "the crop size is 20 at an aspect of 1, and with upsampling normal it can be 32 to 2048"),
        (Asked(crop_size=40, aspect=2.0), "it can be 64 to 2048"),
        (Asked(crop_size=-64), "it can be 32 to 2048"),
        (Asked(crop_size=10**9), "it can be 32 to 2048"),
        (Asked(crop_size=64, aspect=0.0), "the aspect is 0, expected width by height between 0.1 and 10"),
        (Asked(crop_size=64, aspect=float("nan")), "the aspect is nan"),
        (Asked(crop_size=64, upsampling="much"), "there is no upsampling 'much'. Choose one of: normal, more, most"),
    ],
)
def test_a_size_that_cannot_be_is_refused(asked, sentence, tmp_path):
    files = read_networks([save(tmp_path / "G.pth", states(SMALL))])

    with pytest.raises(SettingsError, match=re.escape(sentence)):
        assemble(files, asked)


def test_a_discriminator_that_cannot_be_trained_with_its_generator_is_left_out(tmp_path):
    generator, judge = save(tmp_path / "G.pth", states("G_norm_nosn")), save(tmp_path / "D.pth", states("D_default"))

    model = assemble(read_networks([generator, judge]), Asked(crop_size=64))

    assert model.discriminator is None
    assert model.about.missing == ("discriminator",)
