"""The generator: from a label map, and a style, to a picture."""

import math
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

from gaugan.settings import DOUBLINGS
from gaugan.spade.class_norm import ClassNorm
from gaugan.spade.conditions import Condition
from gaugan.spade.kept_tables import KeptTables
from gaugan.spade.norm import SpadeNorm

MODULATIONS = ("windows", "classes")
SLOPE = 0.2


class SpadeBlock(nn.Module):
    """A residual block of two convolutions, each after a norm that follows the map; three where the width changes.

    Source: Park et al. 2019, figure 4 left, and appendix A.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        *,
        condition_channels: int,
        norm: str,
        kernel_size: int,
        modulation: str,
        spectral: bool,
    ) -> None:
        super().__init__()
        between = min(channels_in, channels_out)
        constrain = spectral_norm if spectral else nn.Identity()
        layer = ClassNorm if modulation == "classes" else partial(SpadeNorm, kernel_size=kernel_size)
        layer = partial(layer, condition_channels=condition_channels, kind=norm)
        self.conv_0 = constrain(nn.Conv2d(channels_in, between, 3, padding=1))
        self.conv_1 = constrain(nn.Conv2d(between, channels_out, 3, padding=1))
        self.norm_0 = layer(channels_in)
        self.norm_1 = layer(between)
        self.changes_width = channels_in != channels_out
        if self.changes_width:
            self.conv_s = constrain(nn.Conv2d(channels_in, channels_out, 1, bias=False))
            self.norm_s = layer(channels_in)

    def forward(self, x: Tensor, condition: Condition, *, repeats: int = 1) -> Tensor:
        """Double the size, or not, and convolve twice.

        x: (B, channels_in, h, w).    repeats: 2 doubles its size.    condition: at the size of the result.
        Returns (B, channels_out, repeats * h, repeats * w).
        """
        if self.changes_width:
            shortcut = self.conv_s(self.norm_s(x, condition, repeats=repeats))
        else:
            shortcut = x if repeats == 1 else F.interpolate(x, scale_factor=repeats, mode="nearest")
        x = self.conv_0(self.norm_0(x, condition, repeats=repeats, slope=SLOPE))
        x = self.conv_1(self.norm_1(x, condition, slope=SLOPE))
        return shortcut + x


class Generator(nn.Module):
    """Paint a label map: a small latent is doubled in size, again and again, and every block looks at the map.

    condition_channels: of the maps, and of the noise beside them.
    width: channels of the last block (half of it for 'most'); the first blocks have 16 times as many.
    upsampling: 'normal', 'more' or 'most', for 5, 6 or 7 doublings.
    norm: 'batch', 'syncbatch' or 'instance'.
    modulation: 'windows' scales and shifts by the labels around each pixel, 'classes' by its own class alone.
    kernel_size: of the convolutions over the map, odd; 'classes' has none.
    spectral: whether the blocks' convolutions are spectrally normalised.
    style_size: length of the style vector, None for a generator without style.
    crop_size, aspect: width in pixels, and width by height, for which the latent of a style is made. Without style
    they only name the `latent_size` of the reference.

    Raises ValueError for an unknown upsampling, norm or modulation.    Source: Park et al. 2019, appendix A.
    """

    def __init__(
        self,
        *,
        condition_channels: int,
        width: int = 64,
        upsampling: str = "normal",
        norm: str = "batch",
        modulation: str = "windows",
        kernel_size: int = 3,
        spectral: bool = True,
        style_size: int | None = None,
        crop_size: int = 256,
        aspect: float = 1.0,
    ) -> None:
        super().__init__()
        if upsampling not in DOUBLINGS:
            raise ValueError(f"there is no upsampling '{upsampling}'. Choose one of: {', '.join(DOUBLINGS)}")
        if modulation not in MODULATIONS:
            raise ValueError(f"there is no modulation '{modulation}'. Choose one of: {', '.join(MODULATIONS)}")
        self.doublings = DOUBLINGS[upsampling]
        columns = max(1, crop_size // 2**self.doublings)
        self.latent_size = (max(1, round(columns / aspect)), columns)
        self.style_size = style_size

        # The first convolution, or the first linear layer.
        if style_size is None:
            self.fc = nn.Conv2d(condition_channels, 16 * width, 3, padding=1)
        else:
            self.fc = nn.Linear(style_size, 16 * width * math.prod(self.latent_size))

        # The blocks in their order: name, channels in, channels out, whether the size doubles before it.
        blocks = [
            ("head_0", 16 * width, 16 * width, False),
            ("G_middle_0", 16 * width, 16 * width, True),
            ("G_middle_1", 16 * width, 16 * width, upsampling != "normal"),
            ("up_0", 16 * width, 8 * width, True),
            ("up_1", 8 * width, 4 * width, True),
            ("up_2", 4 * width, 2 * width, True),
            ("up_3", 2 * width, width, True),
        ]
        if upsampling == "most":
            blocks.append(("up_4", width, width // 2, True))
        self.path = [(name, doubles) for name, _, _, doubles in blocks]
        for name, channels_in, channels_out, _ in blocks:
            block = SpadeBlock(
                channels_in,
                channels_out,
                condition_channels=condition_channels,
                norm=norm,
                kernel_size=kernel_size,
                modulation=modulation,
                spectral=spectral,
            )
            self.add_module(name, block)
        self.conv_img = nn.Conv2d(channels_out, 3, 3, padding=1)

    def forward(
        self, condition: Condition, style: Tensor | None = None, *, latent_size: tuple[int, int] | None = None
    ) -> Tensor:
        """Paint the map at its own size.

        condition: of size (H, W).    style: (B, style_size) float, or None without style.
        latent_size: (height, width) of the latent; None takes the smallest that covers the map.
        Returns (B, 3, H, W) float in [-1, 1]; with `latent_size`, that times 2**doublings instead of H, W, and the
        map is resized to it, as the reference does with `self.latent_size`.

        Raises ValueError when a style is missing, or given to a generator without style.
        """
        if (style is None) != (self.style_size is None):
            raise ValueError(
                "this generator has no style, but a style was given"
                if self.style_size is None
                else f"this generator needs a style of {self.style_size} numbers a picture, and none was given"
            )

        # A map whose sides are no multiple is continued to the right and at the bottom.
        (height, width), multiple = condition.size, 2**self.doublings
        if latent_size is None:
            latent_size = (-(-height // multiple), -(-width // multiple))
            condition = condition.continued((latent_size[0] * multiple, latent_size[1] * multiple))
        else:
            height, width = latent_size[0] * multiple, latent_size[1] * multiple

        # Every block of one resolution shares one resized map, and what is known of its windows.
        size = latent_size
        x = self.map_latent(condition.resized(size)) if style is None else self.style_latent(style, size)
        for name, doubles in self.path:
            repeats = 2 if doubles else 1
            size = (repeats * size[0], repeats * size[1])
            x = self.get_submodule(name)(x, condition.resized(size), repeats=repeats)
        x = torch.tanh(self.conv_img(F.leaky_relu(x, SLOPE)))
        return x[:, :, :height, :width]

    def keep_tables(self, most_bytes: int) -> KeptTables:
        """From now on, tables are kept from one picture to the next: call it when the weights no longer change.

        Pictures are the same up to rounding, about 1e-6. A generator of 'classes' has nothing that is worth keeping.
        most_bytes: of memory that may be taken.    Returns what is kept.
        """
        kept = KeptTables(most_bytes)
        for layer in self.modules():
            if isinstance(layer, SpadeNorm):
                layer.kept = kept
        return kept

    def map_latent(self, condition: Condition) -> Tensor:
        """condition: of size (h, w).    Returns (B, 16*width, h, w)."""
        windows, _ = condition.windows(self.fc.kernel_size[0])
        made = condition.convolve(windows.rows, self.fc.weight, self.fc.bias)  # (U, 16*width)
        return made[windows.index].permute(0, 3, 1, 2)

    def style_latent(self, style: Tensor, size: tuple[int, int]) -> Tensor:
        """style: (B, style_size).    size: (height, width).    Returns (B, 16*width, height, width)."""
        latent = self.fc(style).unflatten(1, (-1, *self.latent_size))  # (B, 16*width, h, w)
        if size != self.latent_size:
            latent = F.interpolate(latent, size=size, mode="bilinear", align_corners=False)
        return latent
