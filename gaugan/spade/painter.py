"""What is left of SPADE when training is over: the generator, and what gives one label map many pictures."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import remove_spectral_norm

from gaugan.randomness import generator
from gaugan.settings import Settings
from gaugan.spade.conditions import Condition, condition, condition_channels
from gaugan.spade.encoder import Encoder, draw_style
from gaugan.spade.generator import Generator
from gaugan.spade.losses import kl


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
    def paint(
        self, labels: Tensor, *, seeds: Sequence[int], edges: Tensor | None = None, photo: Tensor | None = None
    ) -> Tensor:
        """Pictures of label maps, as they are in evaluation.

        labels: (B, H, W) integers, 0..C-1, C unknown.    edges: (B, 1, H, W), 0 or 1, or None.
        seeds: B of them; each draws a style where no photo gives one.
        photo: (B, 3, h, w) float in [-1, 1], whose style is taken, or None.    Returns (B, 3, H, W) float in [-1, 1].
        """
        self.eval()
        seen, style = self.condition(labels, edges), self.noise([(seed,) for seed in seeds], like=labels)
        if self.noise_size:
            seen, style = seen.with_noise(style), None
        elif photo is not None and self.encoder is not None:
            style, _ = self.encoder(photo)
        picture = self.generator(seen, style)
        release(self)
        return picture

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
