"""The generator computed the plain way, one-hot maps and a convolution at every pixel, as other programs can run it.

It shares the weights of ours and takes none of its shortcuts: slower, of operations that every runtime knows, and the
same pictures but for rounding.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gaugan.reading import UNKNOWN
from gaugan.spade.class_norm import ClassNorm
from gaugan.spade.generator import SLOPE, Generator, SpadeBlock
from gaugan.spade.norm import SpadeNorm
from gaugan.spade.painter import SpadePainter


class DensePainter(nn.Module):
    """Paints label maps as their files hold them, of any size and any number at once.

    Its weights are those of the painter's generator and have the same names; the style encoder stays behind. Call
    `gaugan.spade.painter.fold` and `eval` on it before it is handed on.
    """

    def __init__(self, painter: SpadePainter) -> None:
        super().__init__()
        self.generator = painter.generator
        self.has_edges, self.has_noise = painter.edges, painter.noise_size > 0
        self.style_size = painter.style_size or painter.noise_size
        ids = [*range(painter.classes), *([UNKNOWN] if painter.unknown else [])]
        self.register_buffer("ids", torch.tensor(ids).view(-1, 1, 1), persistent=False)

    def forward(self, labels: Tensor, edges: Tensor | None = None, style: Tensor | None = None) -> Tensor:
        """labels: (B, H, W) of any integer type, 0..C-1, 255 unknown; a number that is no class counts for none.

        edges: (B, 1, H, W), 0 off an edge, for networks that see edges.
        style: (B, style_size) float, for those with a style or noise; normal numbers draw one.
        Returns (B, 3, H, W) float in [-1, 1].
        """
        channels = [(labels[:, None] == self.ids).float()]
        if self.has_edges:
            channels.append((edges != 0).float())
        if self.has_noise:
            channels.append(style[:, :, None, None].expand(-1, -1, *labels.shape[1:]))
        one_hot = torch.cat(channels, dim=1)  # (B, channels, H, W)

        # A map whose sides are no multiple is continued to the right and at the bottom.
        (height, width), multiple = labels.shape[1:], 2**self.generator.doublings
        down, right = ((side + multiple - 1) // multiple * multiple - side for side in (height, width))
        continued = F.pad(one_hot, (0, right, 0, down), mode="replicate")
        return paint(self.generator, continued, None if self.has_noise else style)[:, :, :height, :width]


def paint(generator: Generator, one_hot: Tensor, style: Tensor | None = None) -> Tensor:
    """Paint one-hot maps, (B, channels, H, W), whose sides are multiples of the generator's; (B, 3, H, W)."""
    stride = 2**generator.doublings
    seen = one_hot[:, :, ::stride, ::stride]
    if style is None:
        x = generator.fc(seen)
    else:
        x = generator.fc(style).unflatten(1, (-1, *generator.latent_size))
        x = F.interpolate(x, size=seen.shape[-2:], mode="bilinear", align_corners=False)
    for name, doubles in generator.path:
        if doubles:
            x, stride = F.interpolate(x, scale_factor=2, mode="nearest"), stride // 2
        x = block(generator.get_submodule(name), x, one_hot[:, :, ::stride, ::stride])
    return torch.tanh(generator.conv_img(F.leaky_relu(x, SLOPE)))


def block(layers: SpadeBlock, x: Tensor, one_hot: Tensor) -> Tensor:
    """x: (B, channels_in, h, w), doubled where the block doubles.    one_hot: (B, channels, h, w)."""
    shortcut = layers.conv_s(norm(layers.norm_s, x, one_hot)) if layers.changes_width else x
    x = layers.conv_0(F.leaky_relu(norm(layers.norm_0, x, one_hot), SLOPE))
    x = layers.conv_1(F.leaky_relu(norm(layers.norm_1, x, one_hot), SLOPE))
    return shortcut + x


def norm(layer: SpadeNorm | ClassNorm, x: Tensor, one_hot: Tensor) -> Tensor:
    """x: (B, C, h, w).    one_hot: (B, channels, h, w)."""
    if isinstance(layer, ClassNorm):
        scale, shift = (F.conv2d(one_hot, rows.T[:, :, None, None]) for rows in (layer.gamma, layer.beta))
    else:
        hidden = layer.mlp_shared(one_hot)  # (B, 128, h, w)
        scale, shift = layer.mlp_gamma(hidden), layer.mlp_beta(hidden)
    return layer.param_free_norm(x) * (1 + scale) + shift
