"""The generator paints maps of any size."""

import pytest
import torch
from torch.nn import functional as F

from gaugan.spade.conditions import Condition, condition
from gaugan.spade.generator import Generator


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
