"""SPADE as a method of the training loop: its networks, and one step of teaching them."""

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.utils import remove_spectral_norm

from gaugan.config import Model, Settings
from gaugan.data import Batch, generator
from gaugan.errors import SettingsError
from gaugan.spade.conditions import Condition, condition, condition_channels
from gaugan.spade.discriminator import MultiscaleDiscriminator
from gaugan.spade.encoder import Encoder, draw_style
from gaugan.spade.features import Features, load_features
from gaugan.spade.generator import Generator
from gaugan.spade.initial import initialise
from gaugan.spade.losses import discriminator_loss, feature_matching, generator_loss, kl, perceptual


class SpadePainter(nn.Module):
    """What is left of SPADE when training is over: the generator and, where there is one, the style encoder.

    classes: C.    unknown, edges: whether the condition has channels for unknown pixels and for edges.
    """

    def __init__(self, settings: Settings, *, classes: int, unknown: bool, edges: bool) -> None:
        super().__init__()
        model, data = settings.model, settings.data
        self.classes, self.unknown, self.edges = classes, unknown, edges
        self.style_size = model.style_size if model.style_encoder else None
        self.generator = Generator(
            condition_channels=condition_channels(classes=classes, unknown=unknown, edges=edges),
            width=model.width,
            upsampling=model.upsampling,
            norm=model.norm,
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
        """Paint a condition in the style of its photo.

        image: (B, 3, H, W) float in [-1, 1].
        noise: (B, style_size) standard normal, or None without style encoder.
        Returns the picture, (B, 3, H, W) float in [-1, 1], and the KL loss of the styles, or None.
        """
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
        style = self.noise([(seed,) for seed in seeds], like=labels)
        if photo is not None and self.encoder is not None:
            style, _ = self.encoder(photo)
        picture = self.generator(self.condition(labels, edges), style)
        release(self)
        return picture

    def noise(self, places: Iterable[tuple[int, ...]], *, like: Tensor) -> Tensor | None:
        """Standard normal numbers, (B, style_size), a row a place, on the device of `like`; None without style."""
        if self.style_size is None:
            return None
        rows = [torch.randn(self.style_size, generator=generator(place[0], "style", *place[1:])) for place in places]
        return torch.stack(rows).to(like.device)


class SpadeMethod:
    """The networks of a run, their optimizers, and the step that teaches them.

    networks, optimizers: by name, for checkpoints.    painter: what is averaged into `averaged`.

    Raises: SettingsError when the weights of the perceptual loss cannot be read.
    Source: Park et al. 2019, section 3 and appendix A.
    """

    def __init__(
        self, settings: Settings, *, classes: int, unknown: bool, edges: bool, accelerator: Accelerator
    ) -> None:
        self.settings, self.accelerator = settings, accelerator
        self.features = read_features(settings, device=accelerator.device)

        # Networks, with weights that are a function of the seed on every device.
        channels = condition_channels(classes=classes, unknown=unknown, edges=edges)
        self.painter = SpadePainter(settings, classes=classes, unknown=unknown, edges=edges)
        self.discriminator = build_discriminator(settings.model, channels=channels)
        initialise(self.painter, generator=generator(settings.training.seed, "painter"))
        initialise(self.discriminator, generator=generator(settings.training.seed, "discriminator"))
        self.averaged = copy.deepcopy(self.painter).requires_grad_(False).to(accelerator.device)
        release(self.averaged)
        if accelerator.num_processes > 1:
            self.painter = synchronised(self.painter, norm=settings.model.norm)
            self.discriminator = synchronised(self.discriminator, norm=settings.model.discriminator_norm)
        self.painter.to(accelerator.device)
        self.discriminator.to(accelerator.device)

        # Optimizers; the style encoder learns with the generator.
        rates = settings.optimizer
        adam = {"betas": (rates.beta1, rates.beta2), "fused": accelerator.device.type in ("cpu", "cuda")}
        self.optimizers = {
            "generator": torch.optim.Adam(self.painter.parameters(), lr=rates.generator_learning_rate, **adam),
            "discriminator": torch.optim.Adam(
                self.discriminator.parameters(), lr=rates.discriminator_learning_rate, **adam
            ),
        }

        # The same, as the devices of this run want to be called.
        self.paints = accelerator.prepare(self.painter)
        self.judges = accelerator.prepare(self.discriminator)
        self.steps = {name: accelerator.prepare(optimizer) for name, optimizer in self.optimizers.items()}

    @property
    def networks(self) -> dict[str, nn.Module]:
        encoder = {} if self.painter.encoder is None else {"encoder": self.painter.encoder}
        return {"generator": self.painter.generator, **encoder, "discriminator": self.discriminator}

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Teach the generator, then the discriminator, on one batch; returns losses, each weighted as it was added."""
        losses, settings = {}, self.settings.losses
        condition = self.painter.condition(batch.labels, batch.edges)
        self.painter.train()
        self.discriminator.train()

        # The generator; the discriminator only passes gradients on.
        self.discriminator.requires_grad_(False)
        picture, divergence = self.paints(condition, batch.image, self.noise(batch, draw=0))
        is_rough = self.settings.training.precision == "bf16"
        with torch.autocast(batch.image.device.type, torch.bfloat16, enabled=is_rough):
            fake, real = self.judge_for_generator(condition, picture, batch.image)
        losses["adversarial"] = generator_loss(settings.adversarial, verdicts(fake))
        if settings.features:
            losses["features"] = settings.features * feature_matching(fake, real)
        if self.features is not None:
            looks = self.features(picture.float()), self.features(batch.image)
            losses["perceptual"] = settings.perceptual * perceptual(*looks, weights=self.features.weights)
        if divergence is not None:
            losses["kl"] = settings.kl * divergence
        self.learn("generator", sum(losses.values()))

        # The discriminator, on a new picture by the generator that has just learned.
        self.discriminator.requires_grad_(True)
        if self.settings.training.fresh_pictures:
            with torch.no_grad():
                picture, _ = self.paints(condition, batch.image, self.noise(batch, draw=1))
        picture = picture.detach()
        fake, real = judge(self.judges, condition, picture, batch.image)
        losses["fake"] = discriminator_loss(settings.adversarial, verdicts(fake), real=False)
        losses["real"] = discriminator_loss(settings.adversarial, verdicts(real), real=True)
        self.learn("discriminator", losses["fake"] + losses["real"])
        return {name: loss.detach() for name, loss in losses.items()}

    def judge_for_generator(
        self, condition: Condition, picture: Tensor, photo: Tensor
    ) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """The discriminator's layers for pictures, with gradients, and for photos, without where that is the same."""
        if self.settings.model.discriminator_norm not in ("instance", "none"):
            return judge(self.discriminator, condition, picture, photo)
        fake = self.discriminator(condition, picture)
        with torch.no_grad():
            # In evaluation, spectral normalisation keeps to the estimate that the pictures were judged by.
            real = self.discriminator.eval()(condition, photo)
        self.discriminator.train()
        return fake, real

    @torch.no_grad()
    def settle(self, batches: Iterable[Batch]) -> None:
        """Give the averaged weights the statistics that they themselves make on these batches.

        The running statistics of batch normalisation and the power iterations of spectral normalisation belong to the
        weights that made them; averaged weights have their own.
        """
        norms = [
            layer
            for layer in self.averaged.modules()
            if isinstance(layer, nn.BatchNorm2d) and layer.track_running_stats
        ]
        momenta = [layer.momentum for layer in norms]
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over the batches
        self.averaged.train()
        for batch in batches:
            self.averaged(self.averaged.condition(batch.labels, batch.edges), batch.image, self.noise(batch, draw=2))
        self.averaged.eval()
        release(self.averaged)
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum

    def noise(self, batch: Batch, *, draw: int) -> Tensor | None:
        """Style noise of a batch, a function of the seed and each image's position."""
        seed = self.settings.training.seed
        return self.painter.noise([(seed, position, draw) for position in batch.positions], like=batch.image)

    def learn(self, name: str, loss: Tensor) -> None:
        self.accelerator.backward(loss)
        self.steps[name].step()
        self.steps[name].zero_grad()


def judge(
    discriminator: nn.Module, condition: Condition, fake: Tensor, real: Tensor
) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """The discriminator's layers for pictures and for photos, seen in one pass."""
    layers = discriminator(condition, torch.cat([fake, real]))
    halves = [[x.chunk(2) for x in scale] for scale in layers]
    return [[x[0] for x in scale] for scale in halves], [[x[1] for x in scale] for scale in halves]


def verdicts(layers: list[list[Tensor]]) -> list[Tensor]:
    """The last layer of every scale."""
    return [scale[-1] for scale in layers]


def build_discriminator(model: Model, *, channels: int) -> MultiscaleDiscriminator:
    return MultiscaleDiscriminator(
        condition_channels=channels,
        width=model.discriminator_width,
        scales=model.scales,
        layers=model.discriminator_layers,
        norm=model.discriminator_norm,
        spectral=model.spectral,
    )


def read_features(settings: Settings, *, device: torch.device) -> Features | None:
    """The network of the perceptual loss, or None where there is no such loss."""
    path = settings.losses.perceptual_weights
    if not path or not settings.losses.perceptual:
        return None
    try:
        return load_features(Path(path)).to(device)
    except (OSError, ValueError) as error:
        raise SettingsError(f"losses.perceptual_weights: {error}") from error


def synchronised(network: nn.Module, *, norm: str) -> nn.Module:
    """The network with batch statistics over all devices, where its norm asks for them."""
    return nn.SyncBatchNorm.convert_sync_batchnorm(network) if norm == "syncbatch" else network


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
