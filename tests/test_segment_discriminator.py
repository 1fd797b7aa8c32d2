"""The discriminator of OASIS gives every pixel of a picture logits, whatever its size."""

import pytest
import torch
from torch import nn

from gaugan.spade.initial import initialise
from gaugan.spade.segment_discriminator import DownBlock, SegmentDiscriminator, UpBlock, halve


def make(**settings) -> SegmentDiscriminator:
    torch.manual_seed(0)
    return SegmentDiscriminator(**({"classes": 5, "width": 4} | settings))


def photos(height: int = 40, width: int = 56) -> torch.Tensor:
    return 2 * torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) - 1


@pytest.mark.parametrize(("height", "width"), [(16, 16), (40, 56), (64, 64), (100, 36), (17, 131)])
def test_every_pixel_has_a_logit_for_each_class_and_for_fake(height, width):
    assert make()(photos(height, width)).shape == (2, 6, height, width)


@pytest.mark.parametrize("spectral", [True, False])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (40, 56)])
def test_gradients_reach_every_parameter(height, width, spectral):
    network = make(spectral=spectral)
    network(photos(height, width)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test_gradients_reach_every_pixel_of_the_picture():
    image = photos().requires_grad_()
    make()(image).square().sum().backward()
    assert (image.grad.abs().sum(1) > 0).all()


def test_the_same_seed_gives_the_same_logits():
    assert torch.equal(make()(photos()), make()(photos()))


def test_a_picture_is_judged_alone():
    network = make()
    network(photos())  # the first pass in training finds the spectral norms
    network.eval()
    assert torch.allclose(network(photos())[:1], network(photos()[:1]), rtol=1e-4, atol=1e-5)


def test_the_channels_are_those_of_the_paper():
    with torch.device("meta"):
        network = SegmentDiscriminator(classes=5, width=64, spectral=False)
    assert [block.conv_1.out_channels for block in network.down] == [128, 128, 256, 256, 512, 512]
    assert [block.conv_1.out_channels for block in network.up] == [512, 256, 256, 128, 128, 64]
    assert [block.conv_0.in_channels for block in network.up] == [512, 1024, 512, 512, 256, 256]


def test_convolutions_of_all_blocks_have_spectral_vectors():
    network = make()
    with_vectors = [hasattr(layer, "weight_u") for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert with_vectors == 36 * [True] + [False]


def test_without_spectral_normalisation_there_are_no_vectors():
    assert not any(key.endswith(("weight_u", "weight_v", "weight_orig")) for key in make(spectral=False).state_dict())


def test_first_weights_are_a_function_of_the_generator():
    one, other = make(), SegmentDiscriminator(classes=5, width=4)
    for network in (one, other):
        initialise(network, generator=torch.Generator().manual_seed(2))
    state = other.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in one.state_dict().items() if "weight" in key)


def test_halving_averages_the_pixels_that_are_there():
    x = torch.arange(1.0, 10).view(1, 1, 3, 3)
    assert halve(x).tolist() == [[[[3, 4.5], [7.5, 9]]]]


def test_one_pixel_is_not_halved():
    assert halve(torch.full((1, 1, 1, 1), 7.0)).tolist() == [[[[7]]]]


def test_the_first_block_does_not_bend_colours():
    block = DownBlock(3, 4, spectral=False, sees_picture=True)
    for conv in (block.conv_0, block.conv_1):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)
        conv.weight.data[:3, :3, 1, 1] = torch.eye(3)
    nn.init.zeros_(block.conv_s.weight)
    # -1 comes through the first convolution as it is, and is bent once, before the second.
    assert torch.allclose(block(-torch.ones(1, 3, 2, 2))[0, :, 0, 0], torch.tensor([-0.2, -0.2, -0.2, 0]))


def test_growing_to_an_odd_size_repeats_the_nearest_pixels():
    block = UpBlock(1, 1, spectral=False)
    for p in block.parameters():
        nn.init.zeros_(p)
    nn.init.ones_(block.conv_s.weight)
    assert block(torch.tensor([[[[1.0, 2, 3]]]]), (2, 5)).tolist() == [[2 * [[1, 1, 2, 2, 3]]]]
