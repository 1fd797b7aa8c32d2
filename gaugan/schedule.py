"""How fast the networks learn as a run goes on, and when something is due: functions of the images shown."""

import math
from collections.abc import Mapping

from torch.optim import Optimizer

from gaugan.settings import Training


def learning_rate_factor(images_shown: int, images_in_all: int, *, training: Training) -> float:
    """What the learning rates are multiplied with, 0 to 1.

    They rise in a line while warming up, stay until `decay_from` of all images is shown, then fall to 0 in a line or
    along half a cosine.
    """
    warm = min(1.0, images_shown / training.warmup_images) if training.warmup_images else 1.0
    if training.decay_from == 1:
        return warm
    left = min(1.0, (1 - images_shown / images_in_all) / (1 - training.decay_from))
    return warm * (left if training.decay == "linear" else (1 - math.cos(math.pi * left)) / 2)


def set_learning_rates(optimizers: Mapping[str, Optimizer], rates: Mapping[str, float], *, factor: float) -> None:
    for name, optimizer in optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = rates[name] * factor


def is_due(images_shown: int, every_images: int, batch_size: int) -> bool:
    """Whether the last batch reached or passed a multiple of `every_images`; never where that is 0."""
    return every_images > 0 and images_shown // every_images > (images_shown - batch_size) // every_images
