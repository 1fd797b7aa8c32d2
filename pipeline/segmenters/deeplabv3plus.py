"""DeepLabv3+ on a MobileNetV2 of output stride 8, as TensorFlow's model zoo trained it on ADE20K."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

LONGER_SIDE_PX = 321
ALIGN_CORNERS = True
"""The network's own resizing puts the centres of the corner pixels upon each other; so must all other resizing."""

BLOCKS = (
    # channels, expansion, stride, dilation
    (16, 1, 1, 1),
    (24, 6, 2, 1),
    (24, 6, 1, 1),
    (32, 6, 2, 1),
    (32, 6, 1, 1),
    (32, 6, 1, 1),
    (64, 6, 1, 1),
    (64, 6, 1, 2),
    (64, 6, 1, 2),
    (64, 6, 1, 2),
    (96, 6, 1, 2),
    (96, 6, 1, 2),
    (96, 6, 1, 2),
    (160, 6, 1, 2),
    (160, 6, 1, 4),
    (160, 6, 1, 4),
    (320, 6, 1, 4),
)
SKIP_BLOCK = 3
"""The decoder is fed from inside this block of the backbone, after its depthwise convolution."""


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow; added to the input where the shapes allow it.

    Source: Sandler et al. 2018, MobileNetV2, figure 3b.
    """

    def __init__(self, channels: int, out_channels: int, *, expansion: int, stride: int, dilation: int) -> None:
        super().__init__()
        hidden = channels * expansion
        self.is_residual = stride == 1 and channels == out_channels
        widen = [_conv_norm_relu6(channels, hidden, kernel_size=1)] if expansion > 1 else []
        self.conv = nn.Sequential(
            *widen,
            _conv_norm_relu6(hidden, hidden, stride=stride, dilation=dilation, groups=hidden),
            nn.Conv2d(hidden, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )

    def filter(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, channels * expansion, H / stride, W / stride)."""
        return self.conv[:-2](x)

    def narrow(self, x: Tensor, filtered: Tensor) -> Tensor:
        """x: what went into the block.    filtered: what `filter` made of it."""
        narrow = self.conv[-2:](filtered)
        return x + narrow if self.is_residual else narrow

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(x, self.filter(x))


class DeepLabV3Plus(nn.Module):
    """Logits of each class at a quarter of the input's size.

    Source: Chen et al. 2018, Encoder-Decoder with Atrous Separable Convolution, section 3.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        backbone: list[nn.Module] = [_conv_norm_relu6(3, 32, stride=2)]
        channels = 32
        for out_channels, expansion, stride, dilation in BLOCKS:
            backbone.append(
                InvertedResidual(channels, out_channels, expansion=expansion, stride=stride, dilation=dilation)
            )
            channels = out_channels
        self.backbone = nn.Sequential(*backbone)
        self.pool = nn.Conv2d(320, 256, 1)
        self.aspp0 = nn.Conv2d(320, 256, 1)
        self.proj = nn.Conv2d(512, 256, 1)
        self.skip = nn.Conv2d(144, 48, 1)
        self.dw0 = nn.Conv2d(304, 304, 3, padding=1, groups=304)
        self.pw0 = nn.Conv2d(304, 256, 1)
        self.dw1 = nn.Conv2d(256, 256, 3, padding=1, groups=256)
        self.pw1 = nn.Conv2d(256, 256, 1)
        self.cls = nn.Conv2d(256, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, 8m+1, 8n+1) float32 RGB in [-1, 1].    Returns (B, classes, 2m+1, 2n+1)."""
        # Backbone.
        x = self.backbone[:SKIP_BLOCK](x)  # (B, 24, 2m+1, 2n+1)
        fine = self.backbone[SKIP_BLOCK].filter(x)  # (B, 144, 2m+1, 2n+1)
        x = self.backbone[SKIP_BLOCK].narrow(x, fine)
        x = self.backbone[SKIP_BLOCK + 1 :](x)  # (B, 320, m+1, n+1)

        # What is here, and what is in the picture at all.
        whole = F.relu(self.pool(x.mean(dim=(2, 3), keepdim=True)))  # (B, 256, 1, 1)
        place = F.relu(self.aspp0(x))  # (B, 256, m+1, n+1)
        x = F.relu(self.proj(torch.cat([whole.expand_as(place), place], dim=1)))

        # Decoder.
        x = F.interpolate(x, size=fine.shape[2:], mode="bilinear", align_corners=ALIGN_CORNERS)
        x = torch.cat([x, F.relu(self.skip(fine))], dim=1)  # (B, 304, 2m+1, 2n+1)
        x = F.relu(self.pw0(F.relu(self.dw0(x))))
        x = F.relu(self.pw1(F.relu(self.dw1(x))))
        return self.cls(x)


def is_state_of_it(names: Collection[str]) -> bool:
    """Whether the entries of a weights file are this network's, judged by a few that nobody else has."""
    return {"backbone.17.conv.3.weight", "aspp0.weight", "dw0.weight", "cls.weight"} <= set(names)


def count_outputs(state: Mapping[str, Tensor]) -> int:
    return state["cls.weight"].shape[0]


def build(state: Mapping[str, Tensor]) -> DeepLabV3Plus:
    """The network with these weights, for inference.

    state: float32 entries under the network's own names; the count of batches that a norm has seen may be missing.

    Raises: RuntimeError that lists what is missing, left over or of another shape.
    """
    with torch.device("meta"):
        network = DeepLabV3Plus(classes=state["cls.weight"].shape[0])
    network.load_state_dict(dict(state), assign=True)
    return network.eval().requires_grad_(False)


def to_input(pixels: np.ndarray, scale: float = 1.0) -> Tensor:
    """The photo at a longer side of 321 times the scale; only sides of the form 8k+1 are padded as in training.

    pixels: (H, W, 3) uint8 RGB.    Returns (1, 3, 8m+1, 8n+1) float32 RGB in [-1, 1].
    """
    height, width = pixels.shape[:2]
    shrink = scale * LONGER_SIDE_PX / max(height, width)
    size = [8 * max(round((side * shrink - 1) / 8), 2) + 1 for side in (height, width)]
    x = torch.from_numpy(np.array(pixels, order="C")).permute(2, 0, 1)[None]  # (1, 3, H, W)
    # With align_corners the antialiased filter sits half a pixel aside: it would not be the same for a mirror image.
    x = F.interpolate(x, size=size, mode="bilinear", antialias=True, align_corners=False)
    return x.float() / 127.5 - 1


def _conv_norm_relu6(
    channels: int, out_channels: int, *, kernel_size: int = 3, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    padding = dilation * (kernel_size // 2)
    conv = nn.Conv2d(channels, out_channels, kernel_size, stride, padding, dilation, groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU6())
