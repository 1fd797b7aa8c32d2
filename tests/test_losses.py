"""Losses have the values that one works out by hand."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gaugan.spade.losses import (
    KINDS,
    discriminator_loss,
    feature_matching,
    generator_loss,
    kl,
    perceptual,
    share_of_known,
)

# Two scales: the mean over the scales is not the mean over all logits.
LOGITS = [torch.tensor([[[[2.0, 0.5]]]]), torch.tensor([[[[-1.0]]]])]


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize(
    ("kind", "real", "fake", "painted"),
    [
        # hinge: max(0, 1 - x) is 0 and 0.5, then 2; max(0, 1 + x) is 3 and 1.5, then 0; -x is -2 and -0.5, then 1.
        ("hinge", (0.25 + 2) / 2, (2.25 + 0) / 2, (-1.25 + 1) / 2),
        # least squares: (x - 1)^2 is 1 and 0.25, then 4; x^2 is 4 and 0.25, then 1.
        ("least_squares", (0.625 + 4) / 2, (2.125 + 1) / 2, (0.625 + 4) / 2),
        (
            "original",
            ((softplus(-2) + softplus(-0.5)) / 2 + softplus(1)) / 2,
            ((softplus(2) + softplus(0.5)) / 2 + softplus(-1)) / 2,
            ((softplus(-2) + softplus(-0.5)) / 2 + softplus(1)) / 2,
        ),
        ("wasserstein", (-1.25 + 1) / 2, (1.25 - 1) / 2, (-1.25 + 1) / 2),
    ],
)
def test_adversarial_losses_are_known(kind, real, fake, painted):
    assert discriminator_loss(kind, LOGITS, real=True).item() == pytest.approx(real)
    assert discriminator_loss(kind, LOGITS, real=False).item() == pytest.approx(fake)
    assert generator_loss(kind, LOGITS).item() == pytest.approx(painted)


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_pulls_where_the_discriminator_pushes(kind):
    logits = torch.zeros(1, 1, 2, 3, requires_grad=True)
    (pulled,) = torch.autograd.grad(generator_loss(kind, [logits]), logits)
    (pushed,) = torch.autograd.grad(discriminator_loss(kind, [logits], real=False), logits)
    assert (pulled < 0).all()
    assert (pushed >= 0).all()


def test_the_hinge_lets_go_beyond_its_margin():
    logits = torch.tensor([[[[1.5, -1.5]]]], requires_grad=True)
    discriminator_loss("hinge", [logits], real=True).backward()
    assert logits.grad.tolist() == [[[[0, -0.5]]]]


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="no adversarial loss 'softmax'"):
        generator_loss("softmax", LOGITS)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (7, 9), (14, 9)])
def test_a_patch_counts_as_far_as_its_pixels_are_known(size):
    known = torch.rand(3, 1, 14, 18, generator=torch.Generator().manual_seed(0)) < 0.4

    assert torch.allclose(share_of_known(known, size=size), F.adaptive_avg_pool2d(known.float(), size))


def test_patches_of_unknown_pixels_teach_nothing():
    # The upper left patch is unknown, the upper right one half: (0 + 0.5 + 1 + 1) / 4 patches, each 1 from real.
    known = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    known[..., :2, :3] = False
    loss = discriminator_loss("hinge", [torch.zeros(1, 1, 2, 2)], real=True, known=known)
    assert loss.item() == 2.5 / 4


def layers(*values: float) -> list[Tensor]:
    return [torch.full((1, 2, 3, 4), float(value), requires_grad=True) for value in values]


def test_feature_matching_leaves_out_the_logits_and_averages_scales():
    fake, real = [layers(1, 2, 100), layers(3, 4, 100)], [layers(0, 4, 0), layers(3, 5, 0)]
    assert feature_matching(fake, real).item() == pytest.approx((1 + 2 + 0 + 1) / 2)


def test_feature_matching_teaches_only_the_painter():
    fake, real = [layers(1, 2, 3)], [layers(0, 0, 0)]
    feature_matching(fake, real).backward()
    assert fake[0][0].grad.any()
    assert real[0][0].grad is None


def test_the_perceptual_loss_weighs_coarse_maps_more():
    fake, real = layers(1, 1, 1, 1, 1), layers(0, 0, 0, 0, 0)
    loss = perceptual(fake, real)
    loss.backward()
    assert loss.item() == pytest.approx(1 / 32 + 1 / 16 + 1 / 8 + 1 / 4 + 1)
    assert real[0].grad is None


def test_the_perceptual_loss_takes_other_weights():
    assert perceptual(layers(3, 5), layers(1, 1), weights=(0.5, 2)).item() == pytest.approx(0.5 * 2 + 2 * 4)


def test_kl_is_zero_for_a_standard_normal_style():
    assert kl(torch.zeros(2, 3), torch.zeros(2, 3)).item() == 0


def test_kl_is_summed_over_batch_and_style():
    mu, logvar = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    assert kl(mu, logvar).item() == pytest.approx(0.5 * (1 + (math.e - 2) + 0 + 4))
