"""The discriminator of OASIS: of which class is each pixel of this picture, or is it painted?"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

SLOPE = 0.2
WIDTHS_DOWN = (2, 2, 4, 4, 8, 8)
WIDTHS_UP = (8, 4, 4, 2, 2, 1)


class DownBlock(nn.Module):
    """Two convolutions beside a shortcut, then half the size; a side of one pixel stays.

    sees_picture: whether the input is a picture, whose colours are not to be bent.
    """

    def __init__(self, channels_in: int, channels_out: int, *, spectral: bool, sees_picture: bool) -> None:
        super().__init__()
        self.sees_picture = sees_picture
        constrain = spectral_norm if spectral else nn.Identity()
        self.conv_0 = constrain(nn.Conv2d(channels_in, channels_out, 3, padding=1))
        self.conv_1 = constrain(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.conv_s = constrain(nn.Conv2d(channels_in, channels_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, channels_in, h, w).    Returns (B, channels_out, h / 2, w / 2), rounded up."""
        # Halving and a convolution of single pixels may change places; here fewer pixels are convolved.
        shortcut = self.conv_s(halve(x))
        x = self.conv_0(x if self.sees_picture else F.leaky_relu(x, SLOPE))
        x = self.conv_1(F.leaky_relu(x, SLOPE))
        return shortcut + halve(x)


class UpBlock(nn.Module):
    """The nearest pixels at a larger size, then two convolutions beside a shortcut."""

    def __init__(self, channels_in: int, channels_out: int, *, spectral: bool) -> None:
        super().__init__()
        constrain = spectral_norm if spectral else nn.Identity()
        self.conv_0 = constrain(nn.Conv2d(channels_in, channels_out, 3, padding=1))
        self.conv_1 = constrain(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.conv_s = constrain(nn.Conv2d(channels_in, channels_out, 1, bias=False))

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """x: (B, channels_in, h, w).    size: (height, width).    Returns (B, channels_out, height, width)."""
        shortcut = F.interpolate(self.conv_s(x), size=size, mode="nearest")
        x = self.conv_0(F.interpolate(F.leaky_relu(x, SLOPE), size=size, mode="nearest"))
        return shortcut + self.conv_1(F.leaky_relu(x, SLOPE))


class SegmentDiscriminator(nn.Module):
    """Name the class of every pixel of a photo, and tell painted pixels from all of them: a U-Net of six sizes.

    Nothing is normalised over pixels or pictures, so each picture of a batch is judged alone: a photo may be judged
    without gradients beside a picture that needs them.

    classes: C, without unknown.    width: channels of the last block; the smallest picture has 8 times as many.
    spectral: whether the blocks' convolutions are spectrally normalised.

    Source: Schönfeld et al. 2021, OASIS, section 3.2; Ronneberger et al. 2015, U-Net.
    """

    def __init__(self, *, classes: int, width: int = 64, spectral: bool = True) -> None:
        super().__init__()
        channels, skipped = 3, []
        self.down = nn.ModuleList()
        for times in WIDTHS_DOWN:
            self.down.append(DownBlock(channels, times * width, spectral=spectral, sees_picture=not skipped))
            skipped.append(channels)
            channels = times * width
        skipped[0] = 0  # of the picture itself, only the size is needed
        self.up = nn.ModuleList()
        for times in WIDTHS_UP:
            self.up.append(UpBlock(channels, times * width, spectral=spectral))
            channels = times * width + skipped.pop()
        self.to_logits = nn.Conv2d(width, classes + 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Judge pictures of any size.

        image: (B, 3, H, W) float in [-1, 1].
        Returns logits (B, C+1, H, W): channel 0 of being painted, channel c+1 of being a photo's pixel of class c.
        """
        x, seen = image, []
        for block in self.down:
            seen.append(x)
            x = block(x)
        for block in self.up:
            beside = seen.pop()
            x = block(x, size=beside.shape[-2:])
            if seen:
                x = torch.cat([x, beside], dim=1)
        return self.to_logits(x)


def halve(x: Tensor) -> Tensor:
    """(B, C, h, w) at half the size, rounded up: each pixel the mean of the 2 x 2 or fewer that are there."""
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
