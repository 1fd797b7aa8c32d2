"""The encoder describes photos of any size, at any crop."""

import pytest
import torch

from gaugan.spade.encoder import Encoder, draw_style


def make(**settings) -> Encoder:
    torch.manual_seed(0)
    return Encoder(**({"width": 4, "style_size": 6} | settings))


@pytest.mark.parametrize(("crop_size", "layers", "side"), [(64, 5, 128), (128, 5, 128), (256, 6, 256), (512, 6, 256)])
def test_the_depth_fits_the_side_it_sees(crop_size, layers, side):
    network = make(crop_size=crop_size)
    assert (network.layers, network.input_side) == (layers, side)
    mu, logvar = network(torch.rand(2, 3, crop_size, crop_size))
    assert mu.shape == logvar.shape == (2, 6)


@pytest.mark.parametrize("size", [(64, 96), (300, 200)])
def test_photos_need_not_be_square(size):
    mu, _ = make(crop_size=128)(torch.rand(2, 3, *size))
    assert mu.shape == (2, 6)


@pytest.mark.parametrize("crop_size", [64, 256])
def test_gradients_reach_every_parameter(crop_size):
    network = make(crop_size=crop_size)
    mu, logvar = network(torch.randn(2, 3, 64, 96))
    (mu.sum() + logvar.sum()).backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_same_seed_gives_the_same_output():
    image = torch.randn(1, 3, 64, 96)
    assert torch.equal(make(crop_size=64)(image)[0], make(crop_size=64)(image)[0])


def test_a_style_is_the_mean_and_a_deviation_of_noise():
    mu, logvar = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 2 * torch.log(torch.tensor(3.0))]])
    style = draw_style(mu, logvar, eps=torch.tensor([[0.5, -1.0]]))
    assert torch.allclose(style, torch.tensor([[1.5, -1.0]]))


def test_the_same_generator_draws_the_same_style():
    mu, logvar = torch.zeros(2, 6), torch.zeros(2, 6)
    one, other = (draw_style(mu, logvar, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


def test_gradients_of_a_style_reach_mean_and_variance():
    mu, logvar = torch.zeros(1, 2, requires_grad=True), torch.zeros(1, 2, requires_grad=True)
    draw_style(mu, logvar, eps=torch.tensor([[1.0, 2.0]])).sum().backward()
    assert mu.grad.tolist() == [[1, 1]]
    assert logvar.grad.tolist() == [[0.5, 1]]
