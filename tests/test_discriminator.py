"""The discriminator judges patches at several scales."""

import pytest
import torch

from gaugan.spade.conditions import Condition, condition
from gaugan.spade.discriminator import MultiscaleDiscriminator


def make(**settings) -> MultiscaleDiscriminator:
    torch.manual_seed(0)
    return MultiscaleDiscriminator(**({"condition_channels": 5, "width": 4} | settings))


def as_condition(labels: torch.Tensor) -> Condition:
    return condition(labels, classes=5, unknown=False, edges=None)


def pair(height: int = 64, width: int = 96) -> tuple[Condition, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 5, (2, height, width), generator=rng)
    return as_condition(labels), torch.rand(2, 3, height, width, generator=rng)


def test_every_scale_gives_every_layer():
    judged = make()(*pair())
    assert [[tuple(x.shape[1:]) for x in scale] for scale in judged] == [
        [(4, 33, 49), (8, 17, 25), (16, 9, 13), (32, 10, 14), (1, 11, 15)],
        [(4, 17, 25), (8, 9, 13), (16, 5, 7), (32, 6, 8), (1, 7, 9)],
    ]


def test_scales_and_layers_are_counted():
    judged = make(scales=3, layers=2)(*pair())
    assert [len(scale) for scale in judged] == [3, 3, 3]


def test_layers_have_no_more_than_512_channels():
    with torch.device("meta"):
        network = MultiscaleDiscriminator(condition_channels=5, width=64, layers=6)
    weights = [w for key, w in network.discriminator_0.named_parameters() if key.endswith(("weight", "weight_orig"))]
    assert [w.shape[0] for w in weights] == [64, 128, 256, 512, 512, 512, 1]


@pytest.mark.parametrize("norm", ["instance", "batch", "syncbatch", "none"])
@pytest.mark.parametrize("spectral", [True, False])
def test_gradients_reach_every_parameter(norm, spectral):
    network = make(norm=norm, spectral=spectral)
    sum(scale[-1].square().sum() for scale in network(*pair())).backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test_the_same_seed_gives_the_same_verdict():
    assert torch.equal(make()(*pair())[1][-1], make()(*pair())[1][-1])


def test_with_instance_norm_a_picture_is_judged_alone():
    network = make().eval()
    _, image = pair()
    labels = torch.randint(0, 5, (2, 64, 96), generator=torch.Generator().manual_seed(2))
    both, alone = network(as_condition(labels), image), network(as_condition(labels[:1]), image[:1])
    assert torch.allclose(both[0][-1][:1], alone[0][-1], atol=1e-5)


def test_the_border_of_a_smaller_scale_counts_only_pixels_of_the_picture():
    network = make(layers=2)
    ones = as_condition(torch.ones(1, 64, 64).long()), torch.ones(1, 3, 64, 64)
    half = as_condition(torch.ones(1, 32, 32).long()), torch.ones(1, 3, 32, 32)
    network.discriminator_0.load_state_dict(network.discriminator_1.state_dict())
    network.eval()
    assert torch.allclose(network(*ones)[1][-1], network(*half)[0][-1], atol=1e-6)


def test_pictures_of_the_same_maps_are_judged_in_one_pass():
    network = make().eval()
    seen, image = pair()
    both = network(seen, torch.cat([image, image.flip(3)]))
    for one, other in zip(network(seen, image) + network(seen, image.flip(3)), [*both, *both], strict=True):
        assert len(one[-1]) == 2
        assert len(other[-1]) == 4
    assert torch.allclose(both[0][-1][2:], network(seen, image.flip(3))[0][-1], atol=1e-5)


def test_an_unknown_normalisation_is_refused():
    with pytest.raises(ValueError, match="no normalisation 'layer'"):
        make(norm="layer")
