"""What generator, discriminator and encoder are asked to make small."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

KINDS = ("hinge", "least_squares", "original", "wasserstein")
PERCEPTUAL_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)


def discriminator_loss(kind: str, logits: Sequence[Tensor], *, real: bool, known: Tensor | None = None) -> Tensor:
    """Ask the discriminator to call photos real (`real` true), or painted pictures fake (`real` false).

    logits: one (B, 1, h, w) a scale.    known: (B, 1, H, W) bool, pixels that may teach; None is all of them.
    Returns a scalar, the mean over the scales.
    Raises ValueError for an unknown kind.

    Source: hinge, Lim and Ye 2017; least squares, Mao et al. 2017, equation 9; original, Goodfellow et al.
    2014, equation 1; Wasserstein, Arjovsky et al. 2017, equation 2.
    """
    return sum(mean_of_known(adversarial(kind, x, real=real, hinged=True), known) for x in logits) / len(logits)


def generator_loss(kind: str, logits: Sequence[Tensor], *, known: Tensor | None = None) -> Tensor:
    """Ask the generator to have its pictures called real.

    logits: of the painted pictures, one (B, 1, h, w) a scale.    known: as of `discriminator_loss`.
    Returns a scalar, the mean over the scales.
    Raises ValueError for an unknown kind.    Source: as of `discriminator_loss`; original is the non-saturating form.
    """
    return sum(mean_of_known(adversarial(kind, x, real=True, hinged=False), known) for x in logits) / len(logits)


def adversarial(kind: str, logits: Tensor, *, real: bool, hinged: bool) -> Tensor:
    """How far each logit is from being judged as `real` says; `hinged` stops the hinge loss beyond its margin of 1."""
    sign = 1 if real else -1
    if kind == "hinge" and hinged:
        return F.relu(1 - sign * logits)
    if kind in ("hinge", "wasserstein"):
        return -sign * logits
    target = torch.full_like(logits, float(real))
    if kind == "least_squares":
        return F.mse_loss(logits, target, reduction="none")
    if kind == "original":
        return F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    raise ValueError(f"there is no adversarial loss '{kind}'. Choose one of: {', '.join(KINDS)}")


def mean_of_known(losses: Tensor, known: Tensor | None) -> Tensor:
    """The mean over all patches, each counting as far as its pixels are known.

    Divided by all patches, not by the known ones, so that the mean over several devices is that of the whole batch.
    """
    if known is None:
        return losses.mean()
    return (losses * share_of_known(known, size=losses.shape[-2:]).to(losses.dtype)).mean()


def share_of_known(known: Tensor, *, size: tuple[int, int]) -> Tensor:
    """What share of the pixels of every patch is known, as F.adaptive_avg_pool2d has it.

    Its own words, as MPS pools only into sizes that divide the picture's.

    known: (B, 1, H, W) bool.    size: (h, w), of the patches.    Returns (B, 1, h, w) float32, 0 to 1.
    """
    rows, columns = (members(n, of, like=known) for n, of in zip(size, known.shape[-2:], strict=True))
    # Whole numbers in the products, which no device rounds; the shares come last.
    counts = rows @ known.float() @ columns.T
    return counts / (rows.sum(1)[:, None] * columns.sum(1))


def members(patches: int, pixels: int, *, like: Tensor) -> Tensor:
    """(patches, pixels) float32 on the device of `like`: 1 where a pixel is in a patch, else 0."""
    number, place = (torch.arange(n, device=like.device) for n in (patches, pixels))
    first, end = number * pixels // patches, -(-(number + 1) * pixels // patches)
    return ((place >= first[:, None]) & (place < end[:, None])).float()


def feature_matching(fake: Sequence[Sequence[Tensor]], real: Sequence[Sequence[Tensor]]) -> Tensor:
    """Ask that a painted picture makes the discriminator see what the photo makes it see.

    fake, real: what MultiscaleDiscriminator returns for pictures and photos; the logits are left out.
    Returns a scalar: L1 means, summed over layers, averaged over scales; no gradient flows to `real`.
    Source: Wang et al. 2018, pix2pixHD, equation 4.
    """
    total = sum(
        F.l1_loss(f, r.detach())
        for fake_scale, real_scale in zip(fake, real, strict=True)
        for f, r in zip(fake_scale[:-1], real_scale[:-1], strict=True)
    )
    return total / len(fake)


def perceptual(
    features_fake: Sequence[Tensor], features_real: Sequence[Tensor], *, weights: Sequence[float] = PERCEPTUAL_WEIGHTS
) -> Tensor:
    """Ask that a painted picture looks like the photo to a network that was trained on photos.

    features_fake, features_real: maps of a network of gaugan.features, the finest first; `weights` is its own.
    Returns a scalar, the weighted sum of L1 means; no gradient flows to `features_real`.
    Source: Johnson et al. 2016; Wang et al. 2018, pix2pixHD.
    """
    return sum(w * F.l1_loss(f, r.detach()) for w, f, r in zip(weights, features_fake, features_real, strict=True))


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """Ask that styles are distributed as standard normal vectors.

    mu, logvar: (B, style_size).    Returns a scalar, summed over batch and style, so it grows with the batch.
    Source: Kingma and Welling 2013, appendix B.
    """
    return -0.5 * (1 + logvar - mu.square() - logvar.exp()).sum()
