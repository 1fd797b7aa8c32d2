"""Networks start with the weights they should start with."""

import math

import pytest
import torch

from gaugan.spade.class_norm import ClassNorm
from gaugan.spade.discriminator import MultiscaleDiscriminator
from gaugan.spade.generator import Generator
from gaugan.spade.initial import initialise


@pytest.fixture(scope="module")
def network() -> Generator:
    network = Generator(condition_channels=6, width=8)
    initialise(network, generator=torch.Generator().manual_seed(0))
    return network


def test_biases_are_zero(network):
    assert all(not p.any() for key, p in network.named_parameters() if key.endswith("bias"))


def test_constrained_convolutions_keep_the_default_range(network):
    weight = network.head_0.conv_0.weight_orig.detach()
    bound = 1 / math.sqrt(128 * 3 * 3)
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.01)


def test_other_layers_are_small(network):
    weight = network.head_0.norm_0.mlp_gamma.weight.detach()
    assert weight.std().item() == pytest.approx(0.02 * math.sqrt(2 / (2 * 128 * 3 * 3)), rel=0.01)


def test_the_vectors_of_spectral_normalisation_have_length_one(network):
    assert network.up_0.conv_s.weight_u.norm().item() == pytest.approx(1, abs=1e-5)
    assert network.up_0.conv_s.weight_v.norm().item() == pytest.approx(1, abs=1e-5)


def test_scales_of_batch_normalisation_are_near_one():
    network = MultiscaleDiscriminator(condition_channels=6, norm="batch")
    initialise(network, generator=torch.Generator().manual_seed(0))
    scale = network.discriminator_0.model3[0][1].weight.detach()
    assert scale.mean().item() == pytest.approx(1, abs=0.005)
    assert scale.std().item() == pytest.approx(0.02, abs=0.004)


def test_the_same_generator_draws_the_same_weights(network):
    other = Generator(condition_channels=6, width=8)
    initialise(other, generator=torch.Generator().manual_seed(0))
    state = other.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_the_global_seed_is_left_alone():
    network = MultiscaleDiscriminator(condition_channels=6, width=8)
    before = torch.get_rng_state()
    initialise(network, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_what_classes_add_to_scale_and_shift_stays_nothing():
    network = Generator(condition_channels=6, width=4, modulation="classes")
    initialise(network, generator=torch.Generator().manual_seed(0))
    norms = [layer for layer in network.modules() if isinstance(layer, ClassNorm)]
    assert len(norms) == 18
    assert not any(p.any() for layer in norms for p in layer.parameters())
