"""DeepLabV3+ on a MobileNetV2 of output stride 16, with the weights that lie beside this file."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

WEIGHTS = Path(__file__).parent / "weights.safetensors"
LONGER_SIDE_PX = 385
ATROUS_RATES = (4, 8, 12)
"""The paper's 12, 24 and 36 are wider than the 25 x 19 places that a photo has here, and would see its margin only."""
ALIGN_CORNERS = True
"""The network's own resizing puts the centres of the corner pixels upon each other; so must all other resizing."""
NAMES_KEY = "classes"
"""Where the weights file's metadata says what the outputs mean: a JSON list."""


class DeepLabV3Plus(nn.Module):
    """Logits of each class at a quarter of the input's size.

    It holds the parts of segmentation-models-pytorch's network, and runs them at sides of the form 16k+1. There padding
    falls on both sides alike at every stride, and the grids of all strides share their corners.

    Source: Chen et al. 2018, Encoder-Decoder with Atrous Separable Convolution, section 3.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        whole = smp.DeepLabV3Plus(
            "mobilenet_v2", encoder_weights=None, decoder_atrous_rates=ATROUS_RATES, classes=classes
        )
        self.encoder = whole.encoder
        self.decoder = whole.decoder
        self.head = whole.segmentation_head[0]

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, 16m+1, 16n+1) float32 RGB in [-1, 1].    Returns (B, classes, 4m+1, 4n+1)."""
        return self.head(self.see(x))

    def see(self, x: Tensor) -> Tensor:
        """What the head decides by: (B, 3, 16m+1, 16n+1) -> (B, 256, 4m+1, 4n+1)."""
        features = self.encoder(x)
        fine = self.decoder.block1(features[2])  # (B, 48, 4m+1, 4n+1)
        coarse = self.decoder.aspp(features[-1])  # (B, 256, m+1, n+1)
        coarse = F.interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=ALIGN_CORNERS)
        return self.decoder.block2(torch.cat([coarse, fine], dim=1))


def is_state_of_it(names: Collection[str]) -> bool:
    """Whether the entries of a weights file are this network's, judged by a few that nobody else has."""
    return {"encoder.features.18.0.weight", "decoder.block2.0.1.weight", "head.weight"} <= set(names)


def count_outputs(state: Mapping[str, Tensor]) -> int:
    return state["head.weight"].shape[0]


def build(state: Mapping[str, Tensor]) -> DeepLabV3Plus:
    """The network with these weights, for inference.

    state: float16 or float32 entries under the network's own names; the count of batches that a norm has seen may be
    missing.

    Raises: RuntimeError that lists what is missing, left over or of another shape.
    """
    if "head.weight" not in state:
        raise RuntimeError("the entry head.weight is missing: these are weights of another network")
    state = {name: values.float() if values.is_floating_point() else values for name, values in state.items()}
    with torch.device("meta"):
        network = DeepLabV3Plus(classes=state["head.weight"].shape[0])
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def names(path: Path = WEIGHTS) -> tuple[str, ...]:
    """What the outputs mean, in their order: classes of landscape, and unknown.

    Outputs of the same name are kinds of one class. Their probabilities belong together.
    """
    with safe_open(path, framework="pt") as file:
        return tuple(json.loads(file.metadata()[NAMES_KEY]))


def to_input(pixels: np.ndarray, scale: float = 1.0) -> Tensor:
    """The photo at a longer side of about 385 times the scale, each side of the form 16k+1.

    pixels: (H, W, 3) uint8 RGB.    Returns (1, 3, 16m+1, 16n+1) float32 RGB in [-1, 1].
    """
    return resize(pixels, round(LONGER_SIDE_PX * scale), step_px=16)


def resize(pixels: np.ndarray, longer_side_px: int, *, step_px: int) -> Tensor:
    """The photo at this longer side, or nearly: each side is a multiple of the step, and one.

    pixels: (H, W, 3) uint8 RGB.    Returns (1, 3, h, w) float32 RGB in [-1, 1].
    """
    shrink = longer_side_px / max(pixels.shape[:2])
    size = [step_px * max(round((side * shrink - 1) / step_px), 2) + 1 for side in pixels.shape[:2]]
    x = torch.from_numpy(np.array(pixels, order="C")).permute(2, 0, 1)[None]  # (1, 3, H, W)
    # With align_corners the antialiased filter sits half a pixel aside: it would not be the same for a mirror image.
    x = F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
    return x.float() / 127.5 - 1
