"""The style encoder: from a photo to the distribution of its style."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

SLOPE = 0.2
LAST_SIDE = 4


class Encoder(nn.Module):
    """Describe a photo by mean and log variance of a style vector.

    width: channels of the first layer.    style_size: length of the vector.
    crop_size: in pixels. From 256 on, photos are seen at 256 x 256 by 6 layers; below it, at 128 x 128 by 5.

    Source: Park et al. 2019, appendix A; Kingma and Welling 2013.
    """

    def __init__(self, *, width: int = 64, style_size: int = 256, crop_size: int = 256) -> None:
        super().__init__()
        channels = [3, width, 2 * width, 4 * width, 8 * width, 8 * width]
        if crop_size >= 256:
            channels.append(8 * width)
        self.layers = len(channels) - 1
        self.input_side = LAST_SIDE * 2**self.layers
        for i in range(1, self.layers + 1):
            conv = spectral_norm(nn.Conv2d(channels[i - 1], channels[i], 3, stride=2, padding=1, bias=False))
            self.add_module(f"layer{i}", nn.Sequential(conv, nn.InstanceNorm2d(channels[i])))
        self.fc_mu = nn.Linear(8 * width * LAST_SIDE**2, style_size)
        self.fc_var = nn.Linear(8 * width * LAST_SIDE**2, style_size)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """image: (B, 3, H, W) float in [-1, 1].    Returns mean and log variance, each (B, style_size)."""
        x = image
        if tuple(x.shape[-2:]) != (self.input_side, self.input_side):
            x = F.interpolate(x, size=(self.input_side, self.input_side), mode="bilinear", align_corners=False)
        for i in range(1, self.layers + 1):
            x = F.leaky_relu(self.get_submodule(f"layer{i}")(x), SLOPE)
        x = x.flatten(1)  # (B, 8*width*4*4)
        return self.fc_mu(x), self.fc_var(x)


def draw_style(
    mu: Tensor, logvar: Tensor, *, generator: torch.Generator | None = None, eps: Tensor | None = None
) -> Tensor:
    """Draw a style from its distribution; gradients flow to mean and variance.

    mu, logvar: (B, style_size).    eps: (B, style_size), standard normal, or None to draw it with `generator`.
    Returns (B, style_size).    Source: Kingma and Welling 2013, equation 10.
    """
    if eps is None:
        eps = torch.randn(mu.shape, generator=generator, dtype=mu.dtype, device=mu.device)
    return mu + eps * torch.exp(0.5 * logvar)
