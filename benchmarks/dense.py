"""SPADE trained the dense way, as the paper draws it: one-hot maps at full size, two convolutions at every pixel.

It uses the weights of our networks and none of their shortcuts, so it is both what they are compared with for speed and
what they must equal. The generator's way of it stands in gaugan/spade/dense.py.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gaugan.data import Batch
from gaugan.settings import Settings
from gaugan.spade.dense import paint as paint
from gaugan.spade.discriminator import MultiscaleDiscriminator
from gaugan.spade.losses import discriminator_loss, feature_matching, generator_loss
from gaugan.spade.method import SpadeMethod


def judge(discriminator: MultiscaleDiscriminator, one_hot: Tensor, image: Tensor) -> list[list[Tensor]]:
    """What a discriminator's layers make of pictures with their one-hot maps."""
    x = torch.cat([one_hot, image], dim=1)
    judged = []
    for scale in range(discriminator.scales):
        if scale > 0:
            x = F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False)
        outputs, y = [], x
        for name, layer in discriminator.get_submodule(f"discriminator_{scale}").named_children():
            assert name.startswith("model")
            y = layer(y)
            outputs.append(y)
        judged.append(outputs)
    return judged


class DenseTraining:
    """The reference's step, on the networks of a method: everything in float32, one thing after another."""

    def __init__(self, method: SpadeMethod, settings: Settings) -> None:
        self.method = method  # and the averaged weights it keeps
        self.generator: nn.Module = method.painter.generator
        self.discriminator = method.judge.network
        self.losses = settings.losses
        betas = (settings.optimizer.beta1, settings.optimizer.beta2)
        self.of_generator = torch.optim.Adam(
            self.generator.parameters(), lr=settings.optimizer.generator_learning_rate, betas=betas
        )
        self.of_discriminator = torch.optim.Adam(
            self.discriminator.parameters(), lr=settings.optimizer.discriminator_learning_rate, betas=betas
        )

    def step(self, one_hot: Tensor, batch: Batch) -> dict[str, Tensor]:
        losses = {}
        picture = paint(self.generator, one_hot)
        fake, real = self.halves(one_hot, picture, batch.image)
        losses["adversarial"] = generator_loss(self.losses.adversarial, [scale[-1] for scale in fake])
        losses["features"] = self.losses.features * feature_matching(fake, real)
        self.of_generator.zero_grad()
        sum(losses.values()).backward()
        self.of_generator.step()

        with torch.no_grad():
            picture = paint(self.generator, one_hot)
        fake, real = self.halves(one_hot, picture, batch.image)
        losses["fake"] = discriminator_loss(self.losses.adversarial, [scale[-1] for scale in fake], real=False)
        losses["real"] = discriminator_loss(self.losses.adversarial, [scale[-1] for scale in real], real=True)
        self.of_discriminator.zero_grad()
        (losses["fake"] + losses["real"]).backward()
        self.of_discriminator.step()
        return {name: loss.detach() for name, loss in losses.items()}

    def halves(self, one_hot: Tensor, fake: Tensor, real: Tensor) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        both = judge(self.discriminator, torch.cat([one_hot, one_hot]), torch.cat([fake, real]))
        halves = [[x.chunk(2) for x in scale] for scale in both]
        return [[x[0] for x in scale] for scale in halves], [[x[1] for x in scale] for scale in halves]
