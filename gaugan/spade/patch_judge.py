"""Teaching by patches, as SPADE does: the discriminator says how real a patch is, and how well it fits its labels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gaugan.settings import Model, Settings
from gaugan.spade.conditions import Condition, condition, condition_channels
from gaugan.spade.discriminator import MultiscaleDiscriminator
from gaugan.spade.losses import discriminator_loss, feature_matching, generator_loss
from gaugan.spade.view import View

Layers = list[list[Tensor]]


class PatchJudge:
    """The discriminator of patches, and what generator and discriminator learn from it.

    classes: C.    unknown, edges: whether the condition has channels for unknown pixels and for edges.
    network: to be trained.
    """

    def __init__(self, settings: Settings, *, classes: int, unknown: bool, edges: bool) -> None:
        self.settings = settings
        self.shape = {"classes": classes, "unknown": unknown}
        self.has_edges = edges
        channels = condition_channels(classes=classes, unknown=unknown, edges=edges)
        self.network = build_discriminator(settings.model, channels=channels)

    def weigh(self, views: Sequence[View]) -> None:
        """Patches count alike, whatever they show."""

    def for_generator(self, view: View, picture: Tensor) -> dict[str, Tensor]:
        """What the generator is to make small, each weighted.    picture: (B, 3, H, W) float, with its graph."""
        losses = self.settings.losses
        is_rough = self.settings.training.precision == "bf16"
        with torch.autocast(picture.device.type, torch.bfloat16, enabled=is_rough):
            fake, real = self.judge_for_generator(self.condition(view), view.of(picture), view.photo)
        asked = {"adversarial": generator_loss(losses.adversarial, verdicts(fake), known=view.known)}
        if losses.features:
            asked["features"] = losses.features * feature_matching(fake, real)
        return asked

    def for_discriminator(
        self, network: nn.Module, view: View, picture: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the discriminator is to make small, and its mean verdicts.

        network: `self.network`, as several processes want it called.    picture: (B, 3, H, W) float, without graph.
        """
        fake, real = (verdicts(layers) for layers in judge(network, self.condition(view), view.of(picture), view.photo))
        kind = self.settings.losses.adversarial
        asked = {
            "fake": discriminator_loss(kind, fake, real=False, known=view.known),
            "real": discriminator_loss(kind, real, real=True, known=view.known),
        }
        return asked, {"verdict_fake": mean(fake), "verdict_real": mean(real)}

    def judge_for_generator(self, condition: Condition, picture: Tensor, photo: Tensor) -> tuple[Layers, Layers]:
        """The discriminator's layers for pictures, with gradients, and for photos, without where that is the same."""
        if self.settings.model.discriminator_norm not in ("instance", "none"):
            return judge(self.network, condition, picture, photo)
        fake = self.network(condition, picture)
        with torch.no_grad():
            # In evaluation, spectral normalisation keeps to the estimate that the pictures were judged by.
            real = self.network.eval()(condition, photo)
        self.network.train()
        return fake, real

    def condition(self, view: View) -> Condition:
        return condition(view.labels, **self.shape, edges=view.edges if self.has_edges else None)


def build_discriminator(model: Model, *, channels: int) -> MultiscaleDiscriminator:
    """channels: of the condition."""
    return MultiscaleDiscriminator(
        condition_channels=channels,
        width=model.discriminator_width,
        scales=model.scales,
        layers=model.discriminator_layers,
        norm=model.discriminator_norm,
        spectral=model.spectral,
    )


def judge(discriminator: nn.Module, condition: Condition, fake: Tensor, real: Tensor) -> tuple[Layers, Layers]:
    """The discriminator's layers for pictures and for photos, seen in one pass."""
    layers = discriminator(condition, torch.cat([fake, real]))
    halves = [[x.chunk(2) for x in scale] for scale in layers]
    return [[x[0] for x in scale] for scale in halves], [[x[1] for x in scale] for scale in halves]


def verdicts(layers: Layers) -> list[Tensor]:
    """The last layer of every scale."""
    return [scale[-1] for scale in layers]


def mean(logits: list[Tensor]) -> Tensor:
    return torch.stack([x.detach().float().mean() for x in logits]).mean()
