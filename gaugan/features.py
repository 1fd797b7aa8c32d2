"""Features: networks trained on photos, read from a weights file, that say how a picture looks."""

import hashlib
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
DIGEST_DIGITS = 12
DILATED_FROM = 14
"""The first layer of the segmenter that looks at every other pixel instead of halving the map."""
DESCRIBED_PX = 128, 256
"""Pictures are described at twice their size, but with a shorter side in this range, or their own where it is more."""


class Architecture(NamedTuple):
    """A network of torchvision's layers, those whose outputs are taken, and what each of them weighs.

    build: all layers.    prefix: of their keys in a weights file.    beside: other keys, by which it is known.
    mean, std: of the colours it was trained with, on [0, 1].
    """

    name: str
    build: Callable[[], nn.Sequential]
    taps: tuple[int, ...]
    weights: tuple[float, ...]
    prefix: str = "features."
    beside: tuple[str, ...] = ()
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD


def layers_of(build: Callable[..., nn.Module]) -> Callable[[], nn.Sequential]:
    """What builds the layers of one of torchvision's networks."""
    return lambda: build(weights=None).features


def segmenter_layers() -> nn.Sequential:
    """MobileNetV2 at output stride 16: its last blocks keep their size and look at every other pixel.

    Source: Chen et al. 2017, Rethinking Atrous Convolution, section 3.2.
    """
    layers = torchvision.models.mobilenet_v2(weights=None).features
    for layer in layers[DILATED_FROM:].modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            layer.stride, layer.dilation, layer.padding = (1, 1), (2, 2), (2, 2)
    return layers


# VGG-19 has the reference's weights. The others' make every map count alike, and unrelated photos 1 apart, in the
# colours that the networks know.
ARCHITECTURES = (
    Architecture("vgg19", layers_of(torchvision.models.vgg19), (1, 6, 11, 20, 29), (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)),
    Architecture(
        "mobilenet_v2",
        layers_of(torchvision.models.mobilenet_v2),
        (1, 3, 6, 13, 17),
        (0.031, 0.027, 0.030, 0.056, 0.126),
    ),
    Architecture(
        "segmenter",
        segmenter_layers,
        (1, 3, 6, 13, 17),
        (0.053, 0.036, 0.033, 0.038, 0.044),
        prefix="encoder.features.",
        beside=("decoder.block2.0.1.weight", "head.weight"),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
    ),
    Architecture(
        "squeezenet1_1",
        layers_of(torchvision.models.squeezenet1_1),
        (1, 4, 7, 10, 12),
        (0.0083, 0.0053, 0.0073, 0.0157, 0.0743),
    ),
    Architecture(
        "squeezenet1_0",
        layers_of(torchvision.models.squeezenet1_0),
        (1, 4, 7, 10, 12),
        (0.0063, 0.0011, 0.00074, 0.0091, 0.0154),
    ),
)


class Features(nn.Module):
    """A frozen network that answers with five of its maps, from the finest to the coarsest.

    layers: of the architecture, up to the last one taken.
    normalise: whether pictures get the colours that the network was trained with. The reference feeds them as they are.

    name: of the architecture.    digest: of the weights file, or "" where there was none.
    weights: of the maps, for `gaugan.spade.losses.perceptual`.
    """

    def __init__(
        self, architecture: Architecture, layers: nn.Sequential, *, normalise: bool = False, digest: str = ""
    ) -> None:
        super().__init__()
        self.name, self.digest = architecture.name, digest
        self.weights = architecture.weights
        self.taps = architecture.taps
        self.features = layers
        self.normalise = normalise
        # Pictures are in [-1, 1], mean and deviation are those of [0, 1].
        mean, std = torch.tensor(architecture.mean), torch.tensor(architecture.std)
        self.register_buffer("mean", (2 * mean - 1).view(3, 1, 1), persistent=False)
        self.register_buffer("std", (2 * std).view(3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Features":
        """Stay in evaluation, whatever `mode` says: the network is frozen."""
        return super().train(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (B, 3, H, W) float in [-1, 1].    Returns five maps, each (B, channels, h, w)."""
        return self.maps((image - self.mean) / self.std if self.normalise else image)

    @torch.no_grad()
    def describe(self, image: Tensor) -> Tensor:
        """Pictures as vectors, to be compared in sets: mean and deviation of every channel over the pixels of its map.

        Every map counts by its weight, whatever its number of channels. Colours are those that the network was trained
        with, even where `normalise` is false. Pictures are enlarged first, never shrunk, so that nothing fine is lost.

        image: (B, 3, H, W) float in [-1, 1], on any device.    Returns (B, D), D twice the channels of all maps.
        """
        parts = []
        for x, weight in zip(self.look(image), self.weights, strict=True):
            variance, mean = torch.var_mean(x, dim=(2, 3))
            part = torch.cat([mean, variance.sqrt()], dim=1)  # (B, 2 * channels)
            parts.append(part * weight / (part.shape[1] * len(self.weights)) ** 0.5)
        described = torch.cat(parts, dim=1)
        return described * described.shape[1] ** 0.5

    def look(self, image: Tensor) -> list[Tensor]:
        """The maps that pictures are judged by: enlarged first, and in the colours that the network was trained with.

        image, returns: as `forward`.
        """
        enlarged = interpolate(image.to(self.mean), size=described_size(*image.shape[2:]), mode="bilinear")
        return self.maps((enlarged - self.mean) / self.std)

    def maps(self, x: Tensor) -> list[Tensor]:
        maps = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                maps.append(x)
        return maps


def described_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) in pixels at which a picture is described.

    Both are one more than a multiple of 32: there padding falls on all sides alike at every stride.
    """
    shorter, (least, most) = min(height, width), DESCRIBED_PX
    factor = max(1.0, min(max(2 * shorter, least), most) / shorter)
    height, width = (32 * -(-(round(side * factor) - 1) // 32) + 1 for side in (height, width))
    return height, width


def load_features(path: Path, *, normalise: bool = False) -> Features:
    """Read a feature network from the weights file of the embedded segmenter, or torchvision's of VGG-19, MobileNetV2
    or SqueezeNet.

    path: a state dict saved by torch, or a .safetensors file. Which network it is, its keys and shapes tell.
    normalise: as in `Features`.

    Raises ValueError when the file is no state dict, or of another network; FileNotFoundError when there is none.
    """
    return features_of(read_state(path), origin=str(path), normalise=normalise, digest=digest_of(path))


def read_state(path: Path) -> Mapping[str, Tensor]:
    """What a weights file holds, read without executing anything, on the CPU. Raises: as `load_features`."""
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, SafetensorError) as error:
        raise ValueError(f"{path} is no weights file: torch and safetensors cannot read it") from error
    if not isinstance(state, Mapping) or not all(isinstance(key, str) for key in state):
        raise ValueError(f"{path} holds a {type(state).__name__}, expected a state dict")
    return state


def digest_of(path: Path) -> str:
    """The first digits of the SHA-256 of a weights file: by it a score says whose features it is taken in."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_DIGITS]


def features_of(
    state: Mapping[str, Tensor], *, origin: str = "the state dict", normalise: bool = False, digest: str = ""
) -> Features:
    """Build the network whose weights these are; weights behind its last map are left out, float16 becomes float32.

    origin: what messages call the state dict.    Raises ValueError when no known network has these keys and shapes.
    """
    shapes = {key: getattr(value, "shape", None) for key, value in state.items()}
    for architecture in ARCHITECTURES:
        with torch.device("meta"):
            layers = architecture.build()[: architecture.taps[-1] + 1]
        wanted = {
            key: value.shape for key, value in layers.state_dict().items() if not key.endswith("num_batches_tracked")
        }
        prefix = architecture.prefix
        is_it = all(shapes.get(prefix + key) == shape for key, shape in wanted.items())
        if is_it and shapes.keys() >= set(architecture.beside):
            layers.load_state_dict({key: state[prefix + key].float() for key in wanted}, strict=True, assign=True)
            return Features(architecture, layers, normalise=normalise, digest=digest)
    known = ", ".join(architecture.name for architecture in ARCHITECTURES)
    seen = ", ".join(list(shapes)[:4]) or "none"
    raise ValueError(f"{origin} is of no known feature network ({known}). Its {len(shapes)} keys begin with: {seen}")
