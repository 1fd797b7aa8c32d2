"""The discriminator: is this picture a photo, and does it fit its labels? Asked per patch, at several scales."""

from torch import Tensor, cat, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

from gaugan.spade.norm import plain_norm

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

    def forward(self, x: Tensor) -> list[Tensor]:
        """x: (B, channels_in, H, W).    Returns the output of every layer, the last (B, 1, h, w) logits."""
        outputs = []
        for i in range(self.depth):
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

    def forward(self, condition: Tensor, image: Tensor) -> list[list[Tensor]]:
        """Judge pictures.

        condition: (B, condition_channels, H, W), 0 or 1.    image: (B, 3, H, W) float in [-1, 1].
        Returns for every scale, the finest first, the outputs of every layer; the last are (B, 1, h, w) logits.
        """
        x = cat([condition, image], dim=1)  # (B, condition_channels + 3, H, W)
        judged = []
        for i in range(self.scales):
            if i > 0:
                x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
            judged.append(self.get_submodule(f"discriminator_{i}")(x))
        return judged
