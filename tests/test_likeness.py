"""Pictures are as like each other as was worked out by hand, and as networks see them."""

import math
import sys

import pytest
import torch
import torchvision
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from gaugan.errors import SettingsError
from gaugan.features import Features, features_of
from gaugan.likeness import diversity, feature_distance, psnr, ssim


@pytest.fixture(scope="module")
def features() -> Features:
    torch.manual_seed(0)
    return features_of(torchvision.models.squeezenet1_1(weights=None).state_dict())


def plain(*values: float) -> Tensor:
    """(B, 3, 16, 20), each picture of one grey."""
    return torch.tensor(values).view(-1, 1, 1, 1).expand(-1, 3, 16, 20)


def patches(number: int, seed: int) -> Tensor:
    """(N, 3, 32, 48) in [-1, 1], patchworks of random colours."""
    coarse = torch.rand(number, 3, 4, 6, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return interpolate(coarse, scale_factor=8)


def blurred(pictures: Tensor, side: int) -> Tensor:
    return interpolate(avg_pool2d(pictures, side), scale_factor=side, mode="bilinear")


def with_maps(features: Features, maps: dict[float, list[Tensor]], monkeypatch) -> None:
    """Let the network answer with given maps (channels, h, w), by the grey of a picture."""

    def look(image: Tensor) -> list[Tensor]:
        of_pictures = [maps[round(value, 3)] for value in image[:, 0, 0, 0].tolist()]
        return [torch.stack(level) for level in zip(*of_pictures, strict=True)]

    monkeypatch.setattr(features, "look", look)


def test_psnr_of_greys_is_that_of_their_difference():
    # Of a range of 2: 10 * log10(2**2 / d**2).
    assert psnr(plain(0, -1), plain(0.2, 1)).tolist() == pytest.approx([20, 0], abs=1e-5)


def test_psnr_of_equal_pictures_is_infinite():
    assert psnr(plain(0.3), plain(0.3)).tolist() == [math.inf]


def test_ssim_of_greys_is_that_of_their_brightness():
    # Nothing varies, so what is left is (2 a b + c) / (a^2 + b^2 + c), of [-1, 1] with c = (0.01 * 2) ** 2.
    expected = (2 * 0.5 * 0.25 + 4e-4) / (0.5**2 + 0.25**2 + 4e-4)
    assert ssim(plain(0.5), plain(0.25)).tolist() == pytest.approx([expected], abs=1e-4)


def test_ssim_of_equal_pictures_is_one():
    assert ssim(patches(2, seed=0), patches(2, seed=0)).tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize("likeness", [psnr, ssim])
def test_the_more_a_picture_is_blurred_the_less_it_is_alike(likeness):
    photo = patches(3, seed=0)
    near, far = likeness(blurred(photo, 2), photo), likeness(blurred(photo, 8), photo)
    assert near.shape == (3,)
    assert near.dtype == torch.float64
    assert (near > far).all()


@pytest.mark.parametrize("likeness", [psnr, ssim])
def test_a_pair_is_alike_whatever_else_is_in_the_batch(likeness):
    a, b = patches(3, seed=0), patches(3, seed=1)
    assert torch.allclose(likeness(a, b)[1:2], likeness(a[1:2], b[1:2]))


def test_a_picture_smaller_than_the_window_has_no_ssim():
    assert ssim(patches(1, seed=0)[..., :11, :11], patches(1, seed=1)[..., :11, :11]).isfinite().all()
    with pytest.raises(ValueError, match="the pictures are 10x32, expected 11 pixels or more a side"):
        ssim(patches(1, seed=0)[..., :10], patches(1, seed=1)[..., :10])


@pytest.mark.parametrize("likeness", [psnr, ssim])
def test_what_is_missing_is_named(likeness, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchmetrics.functional.image", None)
    with pytest.raises(SettingsError, match=r"need torchmetrics, .*pip install 'gauganpipe\[evaluate\]'"):
        likeness(plain(0), plain(0))


def test_pictures_whose_maps_share_no_channel_are_one_apart(features, monkeypatch):
    red, blue = torch.tensor([3.0, 0.0]).view(2, 1, 1), torch.tensor([0.0, 0.1]).view(2, 1, 1)
    with_maps(features, {0.0: [red.expand(2, 2, 2), red], 1.0: [blue.expand(2, 2, 2), blue]}, monkeypatch)
    assert feature_distance(features, plain(0), plain(1)).tolist() == pytest.approx([1])


def test_every_map_and_every_place_counts_alike(features, monkeypatch):
    red, blue = torch.tensor([1.0, 0.0]).view(2, 1, 1), torch.tensor([0.0, 1.0]).view(2, 1, 1)
    half = torch.cat([red, blue], dim=2)  # (2, 1, 2)
    with_maps(features, {0.0: [red.expand(2, 1, 2), red], 1.0: [half, red]}, monkeypatch)
    assert feature_distance(features, plain(0), plain(1)).tolist() == pytest.approx([1 / 4])


def test_a_channel_between_two_is_as_far_as_its_cosine_says(features, monkeypatch):
    red, violet = torch.tensor([2.0, 0.0]).view(2, 1, 1), torch.tensor([5.0, 5.0]).view(2, 1, 1)
    with_maps(features, {0.0: [red], 1.0: [violet]}, monkeypatch)
    assert feature_distance(features, plain(0), plain(1)).tolist() == pytest.approx([1 - 0.5**0.5])


def test_equal_pictures_are_no_distance_apart(features):
    assert feature_distance(features, patches(2, seed=0), patches(2, seed=0)).tolist() == [0, 0]


def test_another_photo_is_farther_than_a_blurred_one(features):
    photo = patches(3, seed=0)
    near = feature_distance(features, photo, blurred(photo, 2))
    far = feature_distance(features, photo, patches(3, seed=1))
    assert near.dtype == torch.float64
    assert (near < far).all()


def test_diversity_is_the_mean_distance_of_all_pairs(features):
    pictures = patches(4, seed=0)
    first, second = torch.triu_indices(4, 4, 1)
    expected = feature_distance(features, pictures[first], pictures[second]).mean().item()
    assert diversity(features, pictures) == pytest.approx(expected, rel=1e-4)


def test_pictures_all_alike_have_no_diversity(features):
    assert diversity(features, patches(1, seed=0).expand(3, -1, -1, -1)) == pytest.approx(0, abs=1e-6)


def test_a_single_picture_has_no_diversity(features):
    with pytest.raises(ValueError, match="there is 1 picture, expected 2 or more to differ"):
        diversity(features, patches(1, seed=0))


@pytest.mark.parametrize("likeness", [psnr, ssim, lambda a, b: feature_distance(None, a, b)])
def test_pictures_of_different_shapes_are_refused(likeness):
    with pytest.raises(ValueError, match=r"are \(2, 3, 32, 48\) and \(1, 3, 32, 48\), expected \(B, 3, H, W\) of both"):
        likeness(patches(2, seed=0), patches(1, seed=0))
