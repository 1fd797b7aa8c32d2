"""The discriminator: is this picture a photo, and does it fit its labels? Asked per patch, at several scales."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

from gaugan.spade.conditions import Condition
from gaugan.spade.norm import plain_norm
from gaugan.spade.windows import shifted

SLOPE = 0.2
KERNEL_SIZE = 4
PADDING = 2
MOST_CHANNELS = 512


class PatchDiscriminator(nn.Module):
    """Judge patches at one scale; every layer's output is kept for feature matching.

    Source: Isola et al. 2017, section 3.2.2; Park et al. 2019, appendix A.
    """

    def __init__(self, *, channels_in: int, width: int, layers: int, norm: str, spectral: bool) -> None:
        super().__init__()
        first = nn.Conv2d(channels_in, width, KERNEL_SIZE, stride=2, padding=PADDING)
        parts = [nn.Sequential(first, nn.LeakyReLU(SLOPE))]
        channels = width
        for i in range(1, layers):
            before, channels = channels, min(2 * channels, MOST_CHANNELS)
            stride = 2 if i < layers - 1 else 1
            bias = norm == "none"
            conv = nn.Conv2d(before, channels, KERNEL_SIZE, stride=stride, padding=PADDING, bias=bias)
            conv = spectral_norm(conv) if spectral else conv
            if norm != "none":
                conv = nn.Sequential(conv, plain_norm(norm, channels, affine=True))
            parts.append(nn.Sequential(conv, nn.LeakyReLU(SLOPE)))
        parts.append(nn.Sequential(nn.Conv2d(channels, 1, KERNEL_SIZE, padding=PADDING)))
        self.depth = len(parts)
        for i, part in enumerate(parts):
            self.add_module(f"model{i}", part)

    def forward(self, condition: Condition, shares: Tensor | None, image: Tensor) -> list[Tensor]:
        """Judge pictures of the same maps.

        shares: (B, P, H, W), the maps of a coarser scale; None at the first, where `condition` has the size of image.
        image: (n*B, 3, H, W); the pictures of the batch, n times.
        Returns the output of every layer, the last (n*B, 1, h, w) logits.
        """
        first, bend = self.model0
        of_labels, of_image = first.weight.split([condition.channels, image.shape[1]], dim=1)
        if shares is None:
            seen = convolve_map(condition, of_labels)
        else:
            seen = F.conv2d(shares, condition.weights(of_labels), stride=first.stride, padding=PADDING)
        x = F.conv2d(image, of_image, first.bias, stride=first.stride, padding=PADDING)
        x = bend((x.unflatten(0, (-1, len(seen))) + seen).flatten(0, 1))
        outputs = [x]
        for i in range(1, self.depth):
            x = self.get_submodule(f"model{i}")(x)
            outputs.append(x)
        return outputs


class MultiscaleDiscriminator(nn.Module):
    """Judge patches of a picture and its labels at several scales, each half as large as the one before.

    width: channels of the first layer.    scales: how many discriminators.    layers: convolutions before the logits.
    norm: 'instance', 'batch', 'syncbatch' or 'none'.    spectral: whether all but the first and last are constrained.

    Source: Wang et al. 2018, pix2pixHD, section 3.2.
    """

    def __init__(
        self,
        *,
        condition_channels: int,
        width: int = 64,
        scales: int = 2,
        layers: int = 4,
        norm: str = "instance",
        spectral: bool = True,
    ) -> None:
        super().__init__()
        self.scales = scales
        for i in range(scales):
            judge = PatchDiscriminator(
                channels_in=condition_channels + 3, width=width, layers=layers, norm=norm, spectral=spectral
            )
            self.add_module(f"discriminator_{i}", judge)

    def forward(self, condition: Condition, image: Tensor) -> list[list[Tensor]]:
        """Judge pictures.

        condition: of B maps of size (H, W).    image: (n*B, 3, H, W) float in [-1, 1]; all maps once, n times over.
        Returns for every scale, the finest first, the outputs of every layer; the last are (n*B, 1, h, w) logits.
        """
        shares, judged = None, []
        for i in range(self.scales):
            if i > 0:
                image = halve(image)
                shares = condition.shares(image.dtype) if shares is None else halve(shares)
            judged.append(self.get_submodule(f"discriminator_{i}")(condition, shares, image))
        return judged


def convolve_map(condition: Condition, weight: Tensor) -> Tensor:
    """What the first convolution makes of the maps: (B, D, h, w)."""
    views = shifted(
        condition.numbers, kernel_size=KERNEL_SIZE, outside=len(condition.columns), stride=2, padding=PADDING
    )
    rows = torch.stack(views, dim=-1)  # (B, h, w, 16)
    return condition.convolve(rows.flatten(0, 2), weight).view(*rows.shape[:3], -1).permute(0, 3, 1, 2)


def halve(picture: Tensor) -> Tensor:
    """(B, C, H, W) at half the size, each pixel the mean of 3 x 3."""
    return F.avg_pool2d(picture, 3, stride=2, padding=1, count_include_pad=False)
