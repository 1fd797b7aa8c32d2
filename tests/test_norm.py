"""The SPADE layer normalises, then follows the map."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gaugan.spade import norm
from gaugan.spade.conditions import Condition, condition, edges
from gaugan.spade.norm import SpadeNorm, normalise, plain_norm


def make(kind: str = "instance", kernel_size: int = 3) -> SpadeNorm:
    torch.manual_seed(0)
    return SpadeNorm(4, condition_channels=2, kind=kind, kernel_size=kernel_size)


def seen(*, batch: int = 2, height: int = 6, width: int = 10) -> Condition:
    labels = torch.randint(0, 2, (batch, height, width), generator=torch.Generator().manual_seed(1))
    return condition(labels, classes=2, unknown=False, edges=None)


def silence(layer: SpadeNorm) -> None:
    for conv in (layer.mlp_gamma, layer.mlp_beta):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)


def test_a_layer_that_ignores_the_map_only_normalises():
    layer, x = make(), torch.randn(2, 4, 6, 10)
    silence(layer)
    y = layer(x, seen())
    assert torch.allclose(y.mean((2, 3)), torch.zeros(2, 4), atol=1e-6)
    assert torch.allclose(y.var((2, 3), correction=0), torch.ones(2, 4), atol=1e-3)


def test_the_scale_is_one_more_than_gamma():
    layer, x = make(), torch.randn(2, 4, 6, 10)
    silence(layer)
    plain = layer(x, seen())
    nn.init.constant_(layer.mlp_gamma.bias, 2)
    nn.init.constant_(layer.mlp_beta.bias, 5)
    assert torch.allclose(layer(x, seen()), 3 * plain + 5, atol=1e-5)


def test_a_pixel_of_the_map_reaches_two_pixels_far():
    layer, x, labels = make(), torch.randn(1, 4, 9, 9), torch.zeros(1, 9, 9).long()
    dotted = labels.clone()
    dotted[0, 4, 4] = 1
    plain, changed = (layer(x, condition(it, classes=2, unknown=False, edges=None)) for it in (labels, dotted))
    changed = (plain != changed).any(1)[0]
    expected = torch.zeros(9, 9, dtype=torch.bool)
    expected[2:7, 2:7] = True
    assert torch.equal(changed, expected)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_the_output_has_the_shape_of_the_features(kernel_size):
    assert make(kernel_size=kernel_size)(torch.randn(2, 4, 6, 10), seen()).shape == (2, 4, 6, 10)


def test_gradients_reach_every_parameter():
    layer = make("batch")
    layer(torch.randn(2, 4, 6, 10), seen()).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in layer.parameters())


def test_the_same_seed_gives_the_same_output():
    x = torch.randn(2, 4, 6, 10)
    assert torch.equal(make()(x, seen()), make()(x, seen()))


def test_sync_batch_is_batch_in_one_process():
    x = torch.randn(2, 4, 6, 10)
    assert torch.equal(make("batch")(x, seen()), make("syncbatch")(x, seen()))


def test_batch_normalisation_remembers_and_instance_normalisation_does_not():
    assert {"running_mean", "running_var"} <= plain_norm("batch", 4, affine=False).state_dict().keys()
    assert not plain_norm("instance", 4, affine=True).state_dict()


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="is 4, expected an odd number"):
        make(kernel_size=4)


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match="no normalisation 'group'"):
        make("group")


@pytest.mark.parametrize("momentum", [0.1, None])
def test_repeated_pixels_leave_the_statistics_that_repeating_them_first_leaves(momentum):
    torch.manual_seed(0)
    ours, plain = (plain_norm("batch", 4, affine=False).double() for _ in range(2))
    ours.momentum = plain.momentum = momentum
    for _ in range(3):
        x = torch.randn(2, 4, 3, 5).double()
        normal = normalise(ours, x, repeats=2)
        expected = plain(F.interpolate(x, scale_factor=2))
        assert torch.allclose(F.interpolate(normal, scale_factor=2), expected, atol=1e-12)
    for key, value in plain.state_dict().items():
        assert torch.allclose(ours.state_dict()[key], value, atol=1e-12), key


def dense(layer: SpadeNorm, x: Tensor, seen: Tensor) -> Tensor:
    """A SPADE layer as the paper draws it.    seen: (B, channels, H, W), one-hot, and whatever stands beside it."""
    hidden = F.relu(F.conv2d(seen, layer.mlp_shared[0].weight, layer.mlp_shared[0].bias, padding="same"))
    gamma, beta = (F.conv2d(hidden, it.weight, it.bias, padding="same") for it in (layer.mlp_gamma, layer.mlp_beta))
    return layer.param_free_norm(x) * (1 + gamma) + beta


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("most_distinct", [0.0, 2.0])
def test_noise_is_convolved_as_maps_of_it_beside_the_one_hot_map_are(monkeypatch, kernel_size, most_distinct):
    monkeypatch.setattr(norm, "MOST_DISTINCT", most_distinct)
    torch.manual_seed(0)
    ours, plain = (SpadeNorm(4, condition_channels=3 + 5, kernel_size=kernel_size).double() for _ in range(2))
    plain.load_state_dict(ours.state_dict())
    labels = torch.randint(0, 2, (3, 6, 10))
    seen, noise = condition(labels, classes=2, unknown=False, edges=edges(labels)), torch.randn(3, 5).double()
    x = torch.randn(3, 4, 6, 10).double()

    beside = torch.cat([seen.one_hot(torch.float64), noise[:, :, None, None].expand(3, 5, 6, 10)], dim=1)
    made, expected = ours(x, seen.with_noise(noise)), dense(plain, x, beside)
    assert torch.allclose(made, expected, rtol=0, atol=1e-12)

    weights = torch.randn_like(expected)
    (made * weights).sum().backward()
    (expected * weights).sum().backward()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=0, atol=1e-11)
