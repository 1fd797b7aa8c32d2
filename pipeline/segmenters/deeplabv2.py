"""DeepLabV2 on a ResNet-101, at three scales at once, as it was trained on COCO-Stuff."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LONGER_SIDE_PX = 513
ALIGN_CORNERS = False
MEAN_BGR = (104.008, 116.669, 122.675)
ASPP_DILATIONS = (6, 12, 18, 24)
SMALLER_SCALES = (0.5, 0.75)
COCOSTUFF_CLASSES = 182

STAGES = (
    # name, blocks, channels of the 3x3 convolution, stride of the first block, dilation
    ("layer2", 3, 64, 1, 1),
    ("layer3", 4, 128, 2, 1),
    ("layer4", 23, 256, 1, 2),
    ("layer5", 3, 512, 1, 4),
)

NEVER_TRAINED = frozenset(
    {"street sign", "hat", "shoe", "eye glasses", "plate", "mirror", "window", "desk", "door", "blender", "hair brush"}
)
"""Things that have an id in COCO-Stuff and not one pixel: their outputs mean nothing."""


class ConvNorm(nn.Module):
    """A convolution and its norm."""

    def __init__(
        self, channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = dilation * (kernel_size // 2)
        self.conv = nn.Conv2d(channels, out_channels, kernel_size, stride, padding, dilation, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, eps=1e-5)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class Bottleneck(nn.Module):
    """Narrow, filter, widen, add. The stride is in the first convolution, as in Caffe's ResNet.

    Source: He et al. 2016, Deep Residual Learning, figure 5.
    """

    def __init__(self, channels: int, hidden: int, *, stride: int, dilation: int, has_shortcut: bool) -> None:
        super().__init__()
        self.reduce = ConvNorm(channels, hidden, 1, stride=stride)
        self.conv3x3 = ConvNorm(hidden, hidden, 3, dilation=dilation)
        self.increase = ConvNorm(hidden, 4 * hidden, 1)
        self.shortcut = ConvNorm(channels, 4 * hidden, 1, stride=stride) if has_shortcut else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.reduce(x))
        y = F.relu(self.conv3x3(y))
        return F.relu(self.increase(y) + self.shortcut(x))


class Aspp(nn.Module):
    """The same features seen through four widths of holes, summed.

    Source: Chen et al. 2017, DeepLab, section 3.2, ASPP-L.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        for index, dilation in enumerate(ASPP_DILATIONS):
            conv = nn.Conv2d(channels, classes, 3, padding=dilation, dilation=dilation)
            self.add_module(f"c{index}", conv)

    def forward(self, x: Tensor) -> Tensor:
        return sum(branch(x) for branch in self.children())


class DeepLabV2(nn.Module):
    """Logits of each class at an eighth of the input's size, and one more: 513 pixels give 65, and so do 512.

    Source: Chen et al. 2017, DeepLab, section 3.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layer1 = nn.Sequential()
        self.layer1.add_module("conv1", ConvNorm(3, 64, 7, stride=2))
        self.layer1.add_module("relu", nn.ReLU())
        self.layer1.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True))
        channels = 64
        for name, blocks, hidden, stride, dilation in STAGES:
            stage = nn.Sequential()
            for index in range(blocks):
                first = index == 0
                block = Bottleneck(
                    channels, hidden, stride=stride if first else 1, dilation=dilation, has_shortcut=first
                )
                stage.add_module(f"block{index + 1}", block)
                channels = 4 * hidden
            self.add_module(name, stage)
        self.aspp = Aspp(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x)
        return x


class MultiScale(nn.Module):
    """The greatest of a network's logits for the photo as it is, at half its size and at three quarters.

    Source: Chen et al. 2017, DeepLab, section 4.1.1, multi-scale inputs.
    """

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) float32 BGR, 0..255 less the mean.    Returns (B, classes, h, w) at stride 8."""
        logits = self.base(x)
        for scale in SMALLER_SCALES:
            size = [int(side * scale) for side in x.shape[2:]]
            smaller = F.interpolate(x, size=size, mode="bilinear", align_corners=False)
            seen = F.interpolate(self.base(smaller), size=logits.shape[2:], mode="bilinear", align_corners=False)
            logits = torch.maximum(logits, seen)
        return logits


def is_state_of_it(names: Collection[str]) -> bool:
    """Whether the entries of a weights file are this network's, judged by a few that nobody else has."""
    plain = {_plain(name) for name in names}
    return {"layer1.conv1.conv.weight", "layer5.block3.increase.bn.weight", "aspp.c0.weight"} <= plain


def count_outputs(state: Mapping[str, Tensor]) -> int:
    return next(x.shape[0] for name, x in state.items() if _plain(name) == "aspp.c0.weight")


def build(state: Mapping[str, Tensor]) -> MultiScale:
    """The network with these weights, for inference.

    state: float32 entries under the network's own names, with or without `module.` and `base.` before them; the count
    of batches that a norm has seen may be missing.

    Raises: RuntimeError that lists what is missing, left over or of another shape.
    """
    state = {f"base.{_plain(name)}": values for name, values in state.items()}
    with torch.device("meta"):
        network = MultiScale(DeepLabV2(classes=state["base.aspp.c0.weight"].shape[0]))
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)


def to_input(pixels: np.ndarray, scale: float = 1.0) -> Tensor:
    """The photo at a longer side of 513 times the scale; at 1 as the network was trained.

    pixels: (H, W, 3) uint8 RGB.    Returns (1, 3, h, w) float32 BGR, 0..255 less the mean.
    """
    height, width = pixels.shape[:2]
    shrink = scale * LONGER_SIDE_PX / max(height, width)
    size = [max(round(side * shrink), 16) for side in (height, width)]
    x = torch.from_numpy(np.array(pixels[:, :, ::-1], order="C")).permute(2, 0, 1)[None]  # (1, 3, H, W)
    x = F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=ALIGN_CORNERS)
    return x.float() - torch.tensor(MEAN_BGR)[:, None, None]


def _plain(name: str) -> str:
    return name.removeprefix("module.").removeprefix("base.")
