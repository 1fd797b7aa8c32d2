"""The class-adaptive layer normalises, then follows the class of each pixel."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gaugan.spade.class_norm import ClassNorm
from gaugan.spade.conditions import Condition, condition, edges


def make(*, channels: int = 4, condition_channels: int = 3, kind: str = "instance") -> ClassNorm:
    """One that has learned something."""
    layer = ClassNorm(channels, condition_channels=condition_channels, kind=kind)
    rng = torch.Generator().manual_seed(0)
    for rows in layer.parameters():
        torch.nn.init.normal_(rows, generator=rng)
    return layer


def labels(*, batch: int = 2, height: int = 6, width: int = 10) -> Tensor:
    return torch.randint(0, 3, (batch, height, width), generator=torch.Generator().manual_seed(1))


def as_condition(labels: Tensor) -> Condition:
    return condition(labels, classes=3, unknown=False, edges=None)


def features(*size: int) -> Tensor:
    return torch.randn(2, 4, *size, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("kind", ["batch", "instance"])
def test_at_the_start_it_only_normalises(kind):
    layer, x = ClassNorm(4, condition_channels=3, kind=kind), features(6, 10)
    over = (0, 2, 3) if kind == "batch" else (2, 3)
    expected = (x - x.mean(over, keepdim=True)) / (x.var(over, correction=0, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(layer(x, as_condition(labels())), expected, atol=1e-5)


def test_scale_and_shift_of_a_pixel_are_those_of_its_class():
    # Of -1 and 1, normalised: class 0 makes twice as much, class 1 adds 10, class 2 turns it around and adds 1.
    layer = ClassNorm(1, condition_channels=3, kind="instance").double()
    layer.gamma.data[:, 0] = torch.tensor([1.0, 0.0, -2.0])
    layer.beta.data[:, 0] = torch.tensor([0.0, 10.0, 1.0])
    x = torch.tensor([[[[-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]]]]).double()
    made = layer(x, as_condition(torch.tensor([[[0, 1], [2, 2], [1, 0]]])))
    assert torch.allclose(made[0, 0], torch.tensor([[-2.0, 11.0], [2.0, 0.0], [9.0, 2.0]]).double(), atol=1e-4)


def test_a_pixel_of_the_map_reaches_no_other():
    layer, x, dotted = make(), features(6, 10), labels()
    dotted[0, 3, 4] = (dotted[0, 3, 4] + 1) % 3
    changed = (layer(x, as_condition(labels())) != layer(x, as_condition(dotted))).any(1)
    assert changed.nonzero().tolist() == [[0, 3, 4]]


@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("slope", [0.2, 1.0])
def test_features_are_repeated_modulated_and_bent(repeats, slope):
    layer, x, maps = make(), features(6, 10), labels(height=6 * repeats, width=10 * repeats)
    normal = F.interpolate(layer.param_free_norm(x), scale_factor=repeats)
    scale, shift = ((rows[maps]).permute(0, 3, 1, 2) for rows in (layer.gamma, layer.beta))
    expected = F.leaky_relu(normal * (1 + scale) + shift, slope)
    assert torch.allclose(layer(x, as_condition(maps), repeats=repeats, slope=slope), expected, atol=1e-5)


def test_an_edge_adds_what_it_has_learned_to_every_class():
    layer, x, maps = make(condition_channels=4).double(), features(6, 10).double(), labels()
    marked = edges(maps)
    normal, both = layer.param_free_norm(x), marked.double()
    scale, shift = (
        rows[maps].permute(0, 3, 1, 2) + both * rows[3][:, None, None] for rows in (layer.gamma, layer.beta)
    )
    made = layer(x, condition(maps, classes=3, unknown=False, edges=marked))
    assert torch.allclose(made, normal * (1 + scale) + shift, rtol=0, atol=1e-12)


def test_noise_adds_what_it_is_multiplied_by():
    layer, x, maps = make(condition_channels=3 + 5).double(), features(6, 10).double(), labels()
    noise = torch.randn(2, 5, generator=torch.Generator().manual_seed(3)).double()
    scale, shift = (
        rows[maps].permute(0, 3, 1, 2) + (noise @ rows[3:])[:, :, None, None] for rows in (layer.gamma, layer.beta)
    )
    made = layer(x, as_condition(maps).with_noise(noise))
    assert torch.allclose(made, layer.param_free_norm(x) * (1 + scale) + shift, rtol=0, atol=1e-12)


def test_gradients_reach_every_row():
    layer = ClassNorm(4, condition_channels=3)
    layer(features(6, 10), as_condition(labels())).square().sum().backward()
    assert all(p.grad.abs().sum(1).all() for p in layer.parameters())


def test_features_of_half_precision_are_modulated_in_full():
    layer, x = make(), features(6, 10).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        made = layer(x, as_condition(labels()))
    assert torch.equal(made, layer(x.float(), as_condition(labels())).bfloat16())


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match="no normalisation 'group'"):
        make(kind="group")
