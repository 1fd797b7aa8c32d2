"""What files of the reference implementation of SPADE say of their model, and that model with their weights."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gaugan.checkpoint import About
from gaugan.config import check, read_preset
from gaugan.errors import CheckpointError, SettingsError
from gaugan.settings import DOUBLINGS, Settings
from gaugan.spade.conditions import condition_channels
from gaugan.spade.discriminator import MultiscaleDiscriminator
from gaugan.spade.painter import SpadePainter
from gaugan.spade.patch_judge import build_discriminator
from gaugan.spade.reference_files import LONGEST_LIST, Weights, few

TELLING_BLOCK, TELLING_NORM, TELLING_LAYER = "up_3.conv_1", "head_0.norm_0", "discriminator_0.model1.0"
LARGEST_CROP, MOST_COLUMNS = 2048, 64
ASPECTS = 0.1, 10.0
MOST_CLASSES = 255
IMAGE_CHANNELS = 3


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the files do not say of their model.

    crop_size, aspect: width in pixels of the pictures it was trained on, and width by height.
    upsampling: 'normal', 'more' or 'most'; None means what the tensors say, and where they do not, 'normal'.
    unknown: which channel of the condition stands for unknown pixels; 'last' is the last but edges.
    edges: whether the last channel stands for edges.
    """

    crop_size: int
    aspect: float = 1.0
    upsampling: str | None = None
    unknown: Literal["none", "first", "last"] = "none"
    edges: bool = False


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """A model of the reference as one of ours.    discriminator: None where there is none to go on with."""

    about: About
    painter: SpadePainter
    discriminator: MultiscaleDiscriminator | None


def assemble(files: Mapping[str, Weights], asked: Asked) -> Assembled:
    """The model that files of the reference hold; files as `read_networks` gives them.

    Raises: CheckpointError when the files do not fit one another, or what is asked.
    """
    generator = files["generator"]
    channels, model = of_generator(generator, asked)
    data = painted_size(asked, model["upsampling"])
    classes = channels - condition_channels(classes=0, unknown=asked.unknown != "none", edges=asked.edges)
    if not 1 <= classes <= MOST_CLASSES:
        raise CheckpointError(
            f"{generator.path} has {channels} condition channels, which leaves {classes} for classes, "
            f"expected 1 to {MOST_CLASSES}"
        )

    # The discriminator's shapes are settings too; one that no run of ours can go on with is left out.
    judge, is_spectral = None, model["spectral"]
    if "discriminator" in files:
        told, is_spectral = of_discriminator(files["discriminator"], channels)
        model |= told
    settings = settings_of(generator, data=data | {"edges": asked.edges}, model=model)
    if settings.model.style_encoder:
        refuse_other_latent(generator, asked, settings)
    if "discriminator" in files:
        with torch.device("meta"):
            model_of_judge = settings.model.model_copy(update={"spectral": is_spectral})
            judge = build_discriminator(model_of_judge, channels=channels).eval()
        fill(judge, files["discriminator"], asked, channels)
        judge = judge if is_spectral == settings.model.spectral else None

    # Without its style encoder a generator still paints, in styles that are drawn.
    encoder = files.get("encoder")
    missing = ["encoder"] * (settings.model.style_encoder and encoder is None) + ["discriminator"] * (judge is None)
    about = About(
        settings=settings,
        classes=classes,
        unknown=asked.unknown != "none",
        edges=asked.edges,
        images_shown=0,  # nobody wrote down how many it has seen; what goes on from here counts its own
        missing=tuple(missing),
    )
    with torch.device("meta"):
        painter = SpadePainter(settings, classes=classes, unknown=about.unknown, edges=about.edges)
    fill(painter.generator, generator, asked, channels)
    if encoder is None:
        painter.encoder = None
    else:
        refuse_other_encoder(encoder, generator, settings)
        fill(painter.encoder, encoder, asked, channels)
    return Assembled(about=about, painter=painter.eval(), discriminator=judge)


def of_generator(weights: Weights, asked: Asked) -> tuple[int, dict[str, Any]]:
    """Channels of the condition, and the settings of the model."""
    spectral = f"{TELLING_BLOCK}.weight_orig" in weights.tensors
    width = weights.shape(f"{TELLING_BLOCK}.{'weight_orig' if spectral else 'weight'}", dims=4)[0]
    _, channels, kernel_size, _ = weights.shape(f"{TELLING_NORM}.mlp_shared.0.weight", dims=4)
    fc = weights.tensors.get("fc.weight")
    has_style = fc is not None and fc.dim() == 2
    is_batch = f"{TELLING_NORM}.param_free_norm.running_mean" in weights.tensors
    style = {"style_size": weights.shape("fc.weight", dims=2)[1]} if has_style else {}
    return channels, {
        "width": width,
        "upsampling": upsampling_of(weights, asked),
        "norm": "batch" if is_batch else "instance",
        "kernel_size": kernel_size,
        "spectral": spectral,
        "style_encoder": has_style,
        **style,
    }


def upsampling_of(weights: Weights, asked: Asked) -> str:
    if asked.upsampling not in (None, *DOUBLINGS):
        raise SettingsError(f"there is no upsampling '{asked.upsampling}'. Choose one of: {', '.join(DOUBLINGS)}")
    is_most = any(name.startswith("up_4.") for name in weights.tensors)
    if asked.upsampling is None:
        return "most" if is_most else "normal"
    if is_most != (asked.upsampling == "most"):
        held = (
            "has a block up_4, as only upsampling most has" if is_most else "has no block up_4, as upsampling most has"
        )
        raise CheckpointError(f"{weights.path} {held}, so its upsampling is not {asked.upsampling}")
    return asked.upsampling


def of_discriminator(weights: Weights, channels: int) -> tuple[dict[str, Any], bool]:
    """The settings of the discriminator, and whether it is spectrally normalised."""
    places = [re.match(r"discriminator_(\d+)\.model(\d+)\.", name) for name in weights.tensors]
    scales = {found[1] for found in places if found}
    layers = {found[2] for found in places if found}
    width, seen, _, _ = weights.shape("discriminator_0.model0.0.weight", dims=4)
    if seen != channels + IMAGE_CHANNELS:
        raise CheckpointError(
            f"{weights.path} sees {seen} channels, and the generator's condition and a picture have "
            f"{channels} + {IMAGE_CHANNELS}. Name the files of one model"
        )
    norm = "batch" if f"{TELLING_LAYER}.1.running_mean" in weights.tensors else "instance"
    if {f"{TELLING_LAYER}.weight", f"{TELLING_LAYER}.weight_orig"} & weights.tensors.keys():
        norm = "none"
    told = {
        "discriminator_width": width,
        "discriminator_layers": len(layers) - 1,
        "discriminator_norm": norm,
        "scales": len(scales),
    }
    return told, any(name.endswith(".weight_orig") for name in weights.tensors)


def painted_size(asked: Asked, upsampling: str) -> dict[str, Any]:
    """The size of the pictures that the network made in training: its latent, doubled.

    A crop size that is no multiple is rounded down by the reference, and so are its label maps.
    """
    low, high = ASPECTS
    if not low < asked.aspect < high:
        raise SettingsError(f"the aspect is {asked.aspect:g}, expected width by height between {low:g} and {high:g}")
    multiple = 2 ** DOUBLINGS[upsampling]
    rows, columns = latent_size(asked, upsampling)
    if not 1 <= columns <= LARGEST_CROP // multiple or rows < 1:
        least = (int(asked.aspect / 2) + 1) * multiple
        raise SettingsError(
            f"the crop size is {asked.crop_size} at an aspect of {asked.aspect:g}, and with upsampling {upsampling} "
            f"it can be {least} to {LARGEST_CROP}"
        )
    return {"crop_size": columns * multiple, "aspect": columns / rows}


def latent_size(asked: Asked, upsampling: str) -> tuple[int, int]:
    """(height, width) of the latent."""
    columns = asked.crop_size // 2 ** DOUBLINGS[upsampling]
    return round(columns / asked.aspect), columns


def refuse_other_latent(weights: Weights, asked: Asked, settings: Settings) -> None:
    """A generator with style says how many places its latent has."""
    upsampling = settings.model.upsampling
    cells, rest = divmod(weights.shape("fc.weight", dims=2)[0], 16 * settings.model.width)
    rows, columns = latent_size(asked, upsampling)
    if rest == 0 and cells == rows * columns:
        return
    fitting = [] if rest else list(crops_of(cells, asked.aspect, most=upsampling == "most"))
    advice = f"What fits: {', or '.join(fitting[:LONGEST_LIST])}" if fitting else "Fetch the file again"
    raise CheckpointError(
        f"{weights.path}: its style becomes a latent of {cells} places, and crop size {asked.crop_size}, aspect "
        f"{asked.aspect:g} and upsampling {upsampling} make {columns} x {rows}. {advice}"
    )


def crops_of(cells: int, aspect: float, *, most: bool) -> Iterator[str]:
    """Crop sizes whose latent has so many places: of this aspect, or else of the nearest to it."""
    pairs = [(columns, cells // columns) for columns in range(1, MOST_COLUMNS + 1) if cells and cells % columns == 0]
    of_aspect = [(columns, rows) for columns, rows in pairs if round(columns / aspect) == rows]
    nearest = sorted(pairs, key=lambda pair: abs(math.log(pair[0] / pair[1] / aspect)))[:1]
    for columns, rows in of_aspect or nearest:
        for upsampling in ("most",) if most else ("normal", "more"):
            crop_size = columns * 2 ** DOUBLINGS[upsampling]
            if crop_size <= LARGEST_CROP:
                shape = "" if of_aspect else f", aspect {columns / rows:g}"
                yield f"crop size {crop_size}{shape} and upsampling {upsampling}"


def settings_of(weights: Weights, *, data: Mapping[str, Any], model: Mapping[str, Any]) -> Settings:
    """The paper's settings with what the model says of itself."""
    values = read_preset("spade")
    values["data"].update(data)
    values["model"].update(model)
    try:
        return check(values)
    except SettingsError as error:
        raise CheckpointError(f"{weights.path} cannot be such a model: {error}") from error


def refuse_other_encoder(weights: Weights, generator: Weights, settings: Settings) -> None:
    if not settings.model.style_encoder:
        raise CheckpointError(
            f"{weights.path} describes styles, and {generator.path} paints without. Name the files of one model"
        )
    layers = sum(re.fullmatch(r"layer\d+\.0\.weight_orig", name) is not None for name in weights.tensors)
    crop_size = settings.data.crop_size
    if layers in (5, 6) and (layers == 6) != (crop_size >= 256):
        raise CheckpointError(
            f"{weights.path} has {layers} layers, as models have whose crop size is "
            f"{'256 or more' if layers == 6 else 'below 256'}, and it is {crop_size}"
        )


def fill(network: nn.Module, weights: Weights, asked: Asked, channels: int) -> None:
    """Give a network its weights: all that it has a place for, and nothing else. Raises: CheckpointError."""
    wanted = network.state_dict()
    refuse_misfits(weights, wanted)
    state = {name: weights.tensors.get(name) for name in wanted}
    for name, x in state.items():
        if x is None:
            is_count = name.endswith(".num_batches_tracked")
            state[name] = torch.zeros((), dtype=torch.long) if is_count else right_vector(weights, name)
        else:
            # A copy: tensors of one file may share their memory, those of a checkpoint may not.
            state[name] = x.to(wanted[name].dtype, copy=True).contiguous()
            if not state[name].isfinite().all():
                raise CheckpointError(f"{weights.path}: {name} holds numbers that are not finite. Fetch it again")
    if asked.unknown == "first":
        state = {name: with_unknown_last(name, x, asked, channels) for name, x in state.items()}
    network.load_state_dict(state, assign=True)


def refuse_misfits(weights: Weights, wanted: Mapping[str, Tensor]) -> None:
    """Every name that is missing, superfluous or of another shape, the first of them by name."""
    given = weights.tensors
    # Counts that no one reads, and the second vector of spectral normalisation, which old versions did not keep.
    lacking = [
        name for name in wanted if name not in given and not name.endswith((".num_batches_tracked", ".weight_v"))
    ]
    # Old versions of spectral normalisation kept the normalised weight as well.
    is_doubled = {name for name in given if name.endswith(".weight") and f"{name}_orig" in given}
    extra = [name for name in given if name not in wanted and not (name in is_doubled and f"{name}_orig" in wanted)]
    shapes = {name: (list(x.shape), list(wanted[name].shape)) for name, x in given.items() if name in wanted}
    shapes |= {name: (list(given[name].shape), list(wanted[f"{name}_orig"].shape)) for name in is_doubled - set(extra)}
    other = [f"{name} is {is_} instead of {should}" for name, (is_, should) in shapes.items() if is_ != should]
    complaints = [
        f"{what} {few(names)}".strip()
        for what, names in (("it lacks", lacking), ("it has no place for", extra), ("", other))
        if names
    ]
    if complaints:
        raise CheckpointError(
            f"{weights.path} does not fit the network that its other tensors speak of: {'; '.join(complaints)}"
        )


def right_vector(weights: Weights, name: str) -> Tensor:
    """The second vector of a spectral normalisation that kept only the first: one step of the power iteration.

    Where the normalised weight was kept too, it is scaled so that the layer computes with exactly that.
    """
    layer = name.removesuffix("_v")
    original = weights.tensors[f"{layer}_orig"].double()
    u, matrix = weights.tensors[f"{layer}_u"].double(), original.flatten(1)
    v = F.normalize(matrix.t() @ u, dim=0, eps=1e-12)
    normalised = weights.tensors.get(layer)
    if normalised is not None:
        sigma = original.square().sum() / (original * normalised.double()).sum()
        v = v * sigma / (u @ (matrix @ v))
    if not v.isfinite().all():
        raise CheckpointError(f"{weights.path}: no norm can be made of {layer}_orig and {layer}_u. Fetch it again")
    return v.float()


def with_unknown_last(name: str, x: Tensor, asked: Asked, channels: int) -> Tensor:
    """A weight over the condition whose first channel stands for unknown pixels, with it behind the classes."""
    sees_condition = name.endswith(("mlp_shared.0.weight", ".model0.0.weight")) or (
        name == "fc.weight" and x.dim() == 4
    )
    if not sees_condition:
        return x
    classes = channels - condition_channels(classes=0, unknown=True, edges=asked.edges)
    order = [*range(1, classes + 1), 0, *range(classes + 1, x.shape[1])]
    return x[:, order].contiguous()
