"""The generator paints maps of any size."""

import pytest
import torch
from torch.nn import functional as F

from benchmarks import dense
from gaugan.spade.conditions import Condition, condition
from gaugan.spade.generator import Generator
from gaugan.spade.initial import initialise


def make(**settings) -> Generator:
    torch.manual_seed(0)
    return Generator(**({"condition_channels": 5, "width": 4, "crop_size": 64} | settings)).eval()


def labels(height: int, width: int, *, batch: int = 1) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    coarse = torch.randint(0, 5, (batch, 1, 4, 4), generator=rng).float()
    return F.interpolate(coarse, size=(height, width)).long()[:, 0]


def as_condition(labels: torch.Tensor) -> Condition:
    return condition(labels, classes=5, unknown=False, edges=None)


def seen(height: int, width: int, *, batch: int = 1) -> Condition:
    return as_condition(labels(height, width, batch=batch))


@pytest.mark.parametrize("size", [(64, 96), (33, 47), (100, 60), (32, 32), (5, 130)])
def test_the_picture_is_as_large_as_the_map(size):
    picture = make()(seen(*size))
    assert picture.shape == (1, 3, *size)
    assert picture.abs().max() <= 1


@pytest.mark.parametrize(("upsampling", "doublings"), [("normal", 5), ("more", 6), ("most", 7)])
def test_more_upsampling_doubles_more_often(upsampling, doublings):
    network = make(upsampling=upsampling, crop_size=128)
    assert network.doublings == doublings
    assert network.latent_size == (128 // 2**doublings, 128 // 2**doublings)
    assert network(seen(64, 130)).shape == (1, 3, 64, 130)


def test_an_odd_map_is_continued_to_the_right_and_at_the_bottom():
    network, odd = make(), labels(40, 60)
    whole = F.pad(odd[None].float(), (0, 4, 0, 24), mode="replicate")[0].long()
    assert torch.equal(network(as_condition(odd)), network(as_condition(whole))[:, :, :40, :60])


def test_a_latent_size_is_obeyed_as_by_the_reference():
    network = make(crop_size=100)
    assert network.latent_size == (3, 3)
    map_100 = seen(100, 100)
    picture = network(map_100, latent_size=network.latent_size)
    assert picture.shape == (1, 3, 96, 96)
    assert torch.equal(picture, network(map_100.resized((96, 96))))


@pytest.mark.parametrize(("aspect", "latent_size"), [(2.0, (4, 8)), (1.5, (5, 8)), (3.2, (2, 8)), (16 / 9, (4, 8))])
def test_halves_are_rounded_to_even(aspect, latent_size):
    assert make(crop_size=256, aspect=aspect).latent_size == latent_size


@pytest.mark.parametrize(
    ("norm", "style_size", "upsampling", "size"),
    [("batch", None, "normal", (64, 96)), ("instance", 6, "more", (128, 64)), ("batch", 6, "most", (128, 256))],
)
def test_gradients_reach_every_parameter(norm, style_size, upsampling, size):
    network = make(norm=norm, style_size=style_size, upsampling=upsampling, crop_size=size[1]).train()
    style = None if style_size is None else torch.randn(2, style_size)
    network(seen(*size, batch=2), style).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    # A bias before a normalisation is subtracted again: its gradient is nothing but rounding.
    assert all(p.grad.any() for key, p in network.named_parameters() if not key.endswith("bias"))


def test_the_same_seed_gives_the_same_picture():
    assert torch.equal(make()(seen(64, 96)), make()(seen(64, 96)))


def test_another_map_gives_another_picture():
    network = make()
    assert not torch.equal(network(seen(64, 64)), network(as_condition(labels(64, 64).flip(1))))


def test_another_style_gives_another_picture():
    network = make(style_size=6)
    one, other = torch.randn(2, 1, 6)
    assert not torch.equal(network(seen(64, 64), one), network(seen(64, 64), other))


def test_a_styled_generator_paints_maps_of_other_sizes():
    network = make(style_size=6, crop_size=64)
    assert network(seen(70, 100), torch.randn(1, 6)).shape == (1, 3, 70, 100)


def test_a_crop_smaller_than_one_latent_pixel_still_has_one():
    network = make(style_size=6, crop_size=32, upsampling="most", aspect=4.0)
    assert network.latent_size == (1, 1)


def test_a_missing_style_is_refused():
    with pytest.raises(ValueError, match="needs a style of 6 numbers a picture, and none was given"):
        make(style_size=6)(seen(64, 64))


def test_a_superfluous_style_is_refused():
    with pytest.raises(ValueError, match="has no style, but a style was given"):
        make()(seen(64, 64), torch.randn(1, 6))


def test_an_unknown_upsampling_is_refused():
    with pytest.raises(ValueError, match=r"no upsampling 'least'\. Choose one of: normal, more, most"):
        make(upsampling="least")


def test_without_spectral_normalisation_weights_are_plain():
    keys = make(spectral=False).state_dict().keys()
    assert "head_0.conv_0.weight" in keys
    assert not any("weight_orig" in key for key in keys)


def test_a_generator_can_modulate_by_class_alone():
    network = make(modulation="classes")
    assert network(seen(40, 96)).shape == (1, 3, 40, 96)
    assert not any("mlp" in key for key in network.state_dict())
    assert network.up_3.norm_s.gamma.shape == (5, 8)


def test_gradients_reach_every_row_of_every_class():
    network = make(modulation="classes").train()
    network(seen(64, 96, batch=2)).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in network.parameters())
    assert all(p.grad.any() for key, p in network.named_parameters() if not key.endswith("bias"))


def test_an_unknown_modulation_is_refused():
    with pytest.raises(ValueError, match=r"no modulation 'pixels'\. Choose one of: windows, classes"):
        make(modulation="pixels")


def noisy(**settings) -> Generator:
    """One that hears seven numbers of noise, with weights that are large enough to make a difference."""
    network = make(condition_channels=5 + 7, **settings).double()
    for key, weight in network.named_parameters():
        if "mlp" in key or key.endswith(("gamma", "beta")):
            torch.nn.init.normal_(weight, std=0.3, generator=torch.Generator().manual_seed(len(key)))
    return network


def numbers(batch: int) -> torch.Tensor:
    return torch.randn(batch, 7, generator=torch.Generator().manual_seed(2)).double()


@pytest.mark.parametrize("is_training", [False, True])
def test_noise_is_painted_as_maps_of_it_beside_the_one_hot_map_are(is_training):
    ours, plain = (noisy().train(is_training) for _ in range(2))
    maps, noise = seen(32, 64, batch=2), numbers(2)
    beside = torch.cat([maps.one_hot(torch.float64), noise[:, :, None, None].expand(2, 7, 32, 64)], dim=1)
    assert torch.allclose(ours(maps.with_noise(noise)), dense.paint(plain, beside), rtol=0, atol=1e-12)


@pytest.mark.parametrize("modulation", ["windows", "classes"])
def test_other_noise_gives_another_picture(modulation):
    network, maps = noisy(modulation=modulation), as_condition(labels(40, 64).expand(2, 40, 64))
    one, other = network(maps.with_noise(numbers(2)))
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize("modulation", ["windows", "classes"])
def test_a_map_with_two_noises_is_painted_as_with_each_alone(modulation):
    network, map_, noise = noisy(modulation=modulation), labels(40, 64), numbers(2)
    together = network(as_condition(map_.expand(2, 40, 64)).with_noise(noise))
    alone = [network(as_condition(map_).with_noise(one[None])) for one in noise]
    assert torch.allclose(together, torch.cat(alone), rtol=0, atol=1e-12)


def test_noise_that_nobody_has_learned_from_changes_no_class():
    network = make(condition_channels=5 + 7, modulation="classes", style_size=6)
    initialise(network, generator=torch.Generator().manual_seed(0))
    map_, style = seen(64, 64), torch.ones(1, 6)
    pictures = [network(map_.with_noise(one[None].float()), style) for one in numbers(2)]
    assert torch.equal(*pictures)
