"""What discriminator and generator are asked to make small when the class of every pixel is judged."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

FAKE = 0
"""The channel of the logits for painted pixels; class c has channel c + 1."""


def class_counts(labels: Tensor, classes: int) -> Tensor:
    """Count the pixels of every class; counts of parts of a batch, on several devices too, may be added.

    labels: (B, H, W) of any integer type, 0..C-1, C unknown, which is not counted.    Returns (C,) float32.
    Raises ValueError when a label is more than C.
    """
    counts = torch.bincount(labels.flatten(), minlength=classes + 1)
    if len(counts) > classes + 1:
        raise ValueError(
            f"a label map holds the value {len(counts) - 1}, but labels are 0..{classes - 1}, and {classes} for unknown"
        )
    return counts[:classes].float()


def weights_of(counts: Tensor, *, limit: float) -> Tensor:
    """What a pixel of each class counts, so that all classes of a batch count alike.

    The known pixels of the batch, divided by the classes in it and by the pixels of this class.

    counts: (C,), of the whole batch.    limit: the most that a pixel counts.
    Returns (C,) float32; 0 for a class without pixels.    Source: Schönfeld et al. 2021, section 3.2.
    """
    present = counts > 0
    equal_share = counts.sum() / present.sum()
    return torch.where(present, (equal_share / counts).clamp(max=limit), 0.0)


def segment_loss(
    logits: Tensor, labels: Tensor, *, weights: Tensor, real: bool, unknown_teaches: bool = False
) -> Tensor:
    """Ask that every pixel is given its class (`real` true), or is called fake (`real` false).

    Photos are real and pictures fake to the discriminator; the generator wants its pictures to be real.

    logits: (B, C+1, H, W), of SegmentDiscriminator.    labels: (B, H, W) of any integer type, 0..C-1, C unknown.
    weights: (C,) float32, what a real pixel of each class counts; a fake pixel counts 1.
    unknown_teaches: whether unknown pixels are called fake too; they are never real, as they have no class.
    Returns a scalar, the mean over all pixels; those that teach nothing count 0.
    Source: Schönfeld et al. 2021, section 3.2.
    """
    unknown = logits.shape[1]
    targets = labels.long() + 1
    if not real:
        targets = torch.zeros_like(targets) if unknown_teaches else targets.masked_fill(targets != unknown, FAKE)
    of_channels = F.pad(weights, (1, 0), value=1.0)  # (C+1,)
    losses = F.cross_entropy(logits.float(), targets, weight=of_channels, ignore_index=unknown, reduction="none")
    # Over all pixels, not over those that teach: so the mean of equal shares of a batch is that of the whole.
    return losses.mean()


def mix_mask(labels: Tensor, *, classes: int, generators: Sequence[torch.Generator]) -> Tensor:
    """Toss a coin for every class in every picture: do its pixels come from the photo, or are they painted?

    A mixture, torch.where(mask, photo, picture), changes between both only where the label changes.

    labels: (B, H, W) of any integer type, 0..C-1, C unknown, which is a class here.
    generators: on the CPU, one a picture.    Returns (B, 1, H, W) bool, on the device of `labels`.
    Raises ValueError when there are not as many generators as pictures.
    Source: Schönfeld et al. 2021, section 3.2, LabelMix.
    """
    if len(generators) != len(labels):
        raise ValueError(f"there are {len(generators)} generators for {len(labels)} label maps, expected one for each")
    coins = torch.stack([torch.randint(2, (classes + 1,), generator=generator) for generator in generators])
    tossed = coins.to(labels.device).gather(1, labels.flatten(1).long())  # (B, H*W)
    return tossed.bool().view(labels.shape)[:, None]


def label_mix_loss(
    mixed_logits: Tensor, fake_logits: Tensor, real_logits: Tensor, mask: Tensor, *, known: Tensor | None = None
) -> Tensor:
    """Ask that a mixture of photo and picture is judged as both are judged alone.

    mixed_logits: (B, C+1, H, W), of torch.where(mask, photo, picture).    fake_logits: of the picture.
    real_logits: of the photo.    mask: (B, 1, H, W) bool, true for the photo.
    known: (B, 1, H, W) bool, pixels that may teach; None is all of them.
    Returns a scalar, the mean of squares over all pixels; gradients flow to all three logits, as in the paper.
    Source: Schönfeld et al. 2021, section 3.2, LabelMix.
    """
    squares = (mixed_logits.float() - torch.where(mask, real_logits, fake_logits).float()).square()
    return (squares if known is None else squares * known).mean()
