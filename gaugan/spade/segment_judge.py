"""Teaching by segments, as OASIS does: the discriminator names the class of every pixel, or calls it painted."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gaugan.processes import summed
from gaugan.settings import Settings
from gaugan.spade.segment_discriminator import SegmentDiscriminator
from gaugan.spade.segment_losses import FAKE, class_counts, label_mix_loss, mix_mask, segment_loss, weights_of
from gaugan.spade.view import View


class SegmentJudge:
    """The segmentation discriminator, and what generator and discriminator learn from it.

    classes: C.    network: to be trained.
    """

    def __init__(self, settings: Settings, *, classes: int) -> None:
        self.settings, self.classes = settings, classes
        self.network = SegmentDiscriminator(
            classes=classes, width=settings.model.discriminator_width, spectral=settings.model.spectral
        )
        self.weights = torch.ones(classes)

    def weigh(self, views: Sequence[View]) -> None:
        """Look at the classes of a whole batch, over all its parts and processes: rare ones will count more."""
        counts = summed(sum(class_counts(view.labels, self.classes) for view in views))
        self.weights = weights_of(counts, limit=self.settings.losses.class_weight_limit)

    def for_generator(self, view: View, picture: Tensor) -> dict[str, Tensor]:
        """What the generator is to make small, weighted.    picture: (B, 3, H, W) float, with its graph."""
        is_rough = self.settings.training.precision == "bf16"
        with torch.autocast(picture.device.type, torch.bfloat16, enabled=is_rough):
            logits = self.network(view.of(picture))
        return {"adversarial": segment_loss(logits, view.labels, weights=self.weights, real=True)}

    def for_discriminator(
        self, network: nn.Module, view: View, picture: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What the discriminator is to make small, and its mean verdicts: how much likelier a class is than fake.

        network: `self.network`, as several processes want it called.    picture: (B, 3, H, W) float, without graph.
        """
        losses, seen = self.settings.losses, [view.of(picture), view.photo]
        if losses.label_mix:
            mask = mix_mask(view.labels, classes=self.classes, generators=view.generators("mix"))
            seen.append(torch.where(mask, view.photo, seen[0]))
        fake, real, *mixed = network(torch.cat(seen)).chunk(len(seen))
        say = {"weights": self.weights, "unknown_teaches": losses.unknown_teaches}
        asked = {
            "fake": segment_loss(fake, view.labels, **say, real=False),
            "real": segment_loss(real, view.labels, **say, real=True),
        }
        if mixed:
            asked["mix"] = losses.label_mix * label_mix_loss(mixed[0], fake, real, mask, known=view.known)
        return asked, {"verdict_fake": realness(fake), "verdict_real": realness(real)}


def realness(logits: Tensor) -> Tensor:
    """How much likelier any class is than fake, as a logit: the mean over all pixels."""
    logits = logits.detach().float()
    return (logits[:, FAKE + 1 :].logsumexp(1) - logits[:, FAKE]).mean()
