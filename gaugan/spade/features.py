"""Perceptual features: networks trained on photos, read from a weights file, that say how a picture looks."""

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
import torchvision
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from gaugan.spade.losses import PERCEPTUAL_WEIGHTS

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Architecture(NamedTuple):
    """A torchvision network, the layers of its `features` whose outputs are taken, and what each of them weighs."""

    name: str
    build: Callable[..., nn.Module]
    taps: tuple[int, ...]
    weights: tuple[float, ...]


# VGG-19 has the reference's weights. The others' make every map count alike, and unrelated photos 1 apart.
ARCHITECTURES = (
    Architecture("vgg19", torchvision.models.vgg19, (1, 6, 11, 20, 29), PERCEPTUAL_WEIGHTS),
    Architecture(
        "mobilenet_v2", torchvision.models.mobilenet_v2, (1, 3, 6, 13, 17), (0.091, 0.045, 0.043, 0.064, 0.131)
    ),
    Architecture(
        "squeezenet1_1", torchvision.models.squeezenet1_1, (1, 4, 7, 10, 12), (0.026, 0.014, 0.019, 0.042, 0.107)
    ),
    Architecture(
        "squeezenet1_0", torchvision.models.squeezenet1_0, (1, 4, 7, 10, 12), (0.0195, 0.0031, 0.002, 0.024, 0.031)
    ),
)


class Features(nn.Module):
    """A frozen network that answers with five of its maps, from the finest to the coarsest.

    layers: of the architecture, up to the last one taken.
    normalise: whether pictures get the mean and deviation of ImageNet first. The reference feeds them as they are.

    name: of the architecture.    weights: of the maps, for `gaugan.spade.losses.perceptual`.
    """

    def __init__(self, architecture: Architecture, layers: nn.Sequential, *, normalise: bool = False) -> None:
        super().__init__()
        self.name = architecture.name
        self.weights = architecture.weights
        self.taps = architecture.taps
        self.features = layers
        self.normalise = normalise
        # Pictures are in [-1, 1], the constants of ImageNet are meant for [0, 1].
        mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
        self.register_buffer("mean", (2 * mean - 1).view(3, 1, 1), persistent=False)
        self.register_buffer("std", (2 * std).view(3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> "Features":
        """Stay in evaluation, whatever `mode` says: the network is frozen."""
        return super().train(False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (B, 3, H, W) float in [-1, 1].    Returns five maps, each (B, channels, h, w)."""
        x = (image - self.mean) / self.std if self.normalise else image
        maps = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                maps.append(x)
        return maps


def load_features(path: Path, *, normalise: bool = False) -> Features:
    """Read a feature network from torchvision's weights file of VGG-19, MobileNetV2 or SqueezeNet.

    path: a state dict saved by torch, or a .safetensors file. Which network it is, its keys and shapes tell.
    normalise: as in `Features`.

    Raises ValueError when the file is no state dict, or of another network; FileNotFoundError when there is none.
    """
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, SafetensorError) as error:
        raise ValueError(f"{path} is no weights file: torch and safetensors cannot read it") from error
    if not isinstance(state, Mapping):
        raise ValueError(f"{path} holds a {type(state).__name__}, expected a state dict")
    return features_of(state, origin=str(path), normalise=normalise)


def features_of(state: Mapping[str, Tensor], *, origin: str = "the state dict", normalise: bool = False) -> Features:
    """Build the network whose weights these are; weights behind its last map are left out.

    origin: what messages call the state dict.    Raises ValueError when no known network has these keys and shapes.
    """
    shapes = {key: getattr(value, "shape", None) for key, value in state.items()}
    for architecture in ARCHITECTURES:
        with torch.device("meta"):
            layers = architecture.build(weights=None).features[: architecture.taps[-1] + 1]
        wanted = {
            f"features.{key}": value.shape
            for key, value in layers.state_dict().items()
            if not key.endswith("num_batches_tracked")
        }
        if all(shapes.get(key) == shape for key, shape in wanted.items()):
            layers.load_state_dict(
                {key.removeprefix("features."): state[key] for key in wanted}, strict=True, assign=True
            )
            return Features(architecture, layers, normalise=normalise)
    known = ", ".join(architecture.name for architecture in ARCHITECTURES)
    seen = ", ".join(list(shapes)[:4]) or "none"
    raise ValueError(f"{origin} is of no known feature network ({known}). Its {len(shapes)} keys begin with: {seen}")
