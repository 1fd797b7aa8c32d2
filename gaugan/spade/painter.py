"""What is left of SPADE when training is over: the generator, and what gives one label map many pictures."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import remove_spectral_norm

from gaugan.randomness import generator
from gaugan.settings import Settings
from gaugan.spade.conditions import Condition, condition, condition_channels
from gaugan.spade.conditions import edges as mark_edges
from gaugan.spade.encoder import Encoder, draw_style
from gaugan.spade.generator import Generator
from gaugan.spade.losses import kl

BYTES_A_CHANNEL, BYTES_OF_MAPS, BYTES_AT_BORDERS = 40, 100, 5000
"""What painting takes for each pixel: for each channel of the last block, for whole numbers about the map, and, where
pixels border on another class, for what is looked up of all the windows that differ there."""


class SpadePainter(nn.Module):
    """The generator and, where there is one, the style encoder.

    classes: C.    unknown, edges: whether the condition has channels for unknown pixels and for edges.
    """

    def __init__(self, settings: Settings, *, classes: int, unknown: bool, edges: bool) -> None:
        super().__init__()
        model, data = settings.model, settings.data
        self.classes, self.unknown, self.edges = classes, unknown, edges
        self.style_size = model.style_size if model.style_encoder else None
        self.noise_size = model.noise_size
        self.looks_around = model.modulation == "windows"
        self.generator = Generator(
            condition_channels=condition_channels(classes=classes, unknown=unknown, edges=edges) + self.noise_size,
            width=model.width,
            upsampling=model.upsampling,
            norm=model.norm,
            modulation=model.modulation,
            kernel_size=model.kernel_size,
            spectral=model.spectral,
            style_size=self.style_size,
            crop_size=data.crop_size,
            aspect=data.aspect,
        )
        self.encoder = None
        if self.style_size:
            self.encoder = Encoder(width=model.width, style_size=self.style_size, crop_size=data.crop_size)

    def condition(self, labels: Tensor, edges: Tensor | None) -> Condition:
        """labels: (B, H, W) integers, 0..C-1, C unknown.    edges: (B, 1, H, W) or None."""
        return condition(labels, classes=self.classes, unknown=self.unknown, edges=edges if self.edges else None)

    def forward(self, condition: Condition, image: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Paint a condition in the style of its photo, or in one that noise alone gives.

        image: (B, 3, H, W) float in [-1, 1].    noise: of `noise`.
        Returns the picture, (B, 3, H, W) float in [-1, 1], and the KL loss of the styles, or None.
        """
        if self.noise_size:
            return self.generator(condition.with_noise(noise)), None
        if self.encoder is None:
            return self.generator(condition), None
        mu, logvar = self.encoder(image)
        return self.generator(condition, draw_style(mu, logvar, eps=noise)), kl(mu, logvar)

    @torch.no_grad()
    def paint(self, labels: Tensor, *, seeds: Sequence[int], edges: Tensor | None = None) -> Tensor:
        """Pictures of label maps, as they are in evaluation, in styles that seeds draw, one a map.

        labels: (B, H, W) integers, 0..C-1, C unknown.    edges: (B, 1, H, W), 0 or 1, or None.
        Returns (B, 3, H, W) float in [-1, 1].
        """
        return self.paint_in(self.noise([(seed,) for seed in seeds], like=labels), labels, edges=edges)

    @torch.no_grad()
    def paint_in(self, styles: Tensor | None, labels: Tensor, *, edges: Tensor | None = None) -> Tensor:
        """The same in given styles.    styles: (B, style_size or noise_size) float, or None for a network without."""
        self.eval()
        seen = self.condition(labels, edges)
        picture = self.generator(seen.with_noise(styles)) if self.noise_size else self.generator(seen, styles)
        release(self)
        return picture

    @torch.no_grad()
    def styles_of(self, photos: Tensor) -> Tensor:
        """The styles of photos, (B, 3, h, w) float in [-1, 1]: (B, style_size). Where there is no encoder it fails."""
        self.eval()
        mu, _ = self.encoder(photos)
        release(self)
        return mu

    def bytes_needed(self, labels: Tensor) -> int:
        """About how much memory it takes to paint label maps; measured on a CPU, and rather too much.

        labels: as of `paint`.
        """
        multiple = 2**self.generator.doublings
        height, width = (-(-side // multiple) * multiple for side in labels.shape[1:])
        borders = mark_edges(labels).mean().item() if self.looks_around else 0
        of_channels = BYTES_A_CHANNEL * self.generator.conv_img.in_channels
        return round(len(labels) * height * width * (of_channels + BYTES_OF_MAPS + BYTES_AT_BORDERS * borders))

    def noise(self, places: Iterable[tuple[int, ...]], *, like: Tensor) -> Tensor | None:
        """Standard normal numbers, (B, style_size or noise_size), a row a place, on the device of `like`; or None."""
        size = self.style_size or self.noise_size
        if not size:
            return None
        rows = [torch.randn(size, generator=generator(place[0], "style", *place[1:])) for place in places]
        return torch.stack(rows).to(like.device)


def release(network: nn.Module) -> None:
    """Let go of weights that were divided by their spectral norm; each use divides them anew."""
    for layer in network.modules():
        if hasattr(layer, "weight_orig"):
            layer.weight = layer.weight_orig.detach()


def fold(network: nn.Module) -> None:
    """Divide every weight by its spectral norm for good: quicker to paint with, and no longer to be trained."""
    for layer in network.modules():
        if hasattr(layer, "weight_orig"):
            remove_spectral_norm(layer)
