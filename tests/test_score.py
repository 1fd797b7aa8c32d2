"""Scores tell pictures that look like the photos from pictures that do not."""

import math

import pytest
import torch
import torchvision
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from gaugan.errors import DataError
from gaugan.features import Features, features_of
from gaugan.score import Score, Scorer


@pytest.fixture(scope="module")
def features() -> Features:
    torch.manual_seed(0)
    return features_of(torchvision.models.squeezenet1_1(weights=None).state_dict(), digest="0123456789ab")


def patches(number: int, seed: int) -> Tensor:
    """(N, 3, 32, 48) in [-1, 1], patchworks of random colours."""
    coarse = torch.rand(number, 3, 4, 6, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return interpolate(coarse, scale_factor=8)


@pytest.fixture(scope="module")
def scorer(features) -> Scorer:
    return Scorer(features, patches(12, seed=0).split(5))


def test_other_photos_are_nearer_than_blurred_ones(scorer):
    others = patches(12, seed=1)
    blurred = interpolate(avg_pool2d(others, 4), scale_factor=4, mode="bilinear")
    like, unlike = scorer.score([others]), scorer.score([blurred])
    assert like.kernel_distance < unlike.kernel_distance
    assert like.frechet_distance < unlike.frechet_distance


def test_the_photos_themselves_are_no_distance_apart(scorer):
    score = scorer.score([patches(12, seed=0)])
    assert score.kernel_distance < 0
    assert score.frechet_distance == pytest.approx(0, abs=1e-9)


def test_a_score_names_what_it_was_taken_with(scorer):
    score = scorer.score(patches(5, seed=1).split(2))
    assert (score.features, score.digest) == ("squeezenet1_1", "0123456789ab")
    assert (score.pictures, score.photos) == (5, 12)


def test_distances_are_named_after_the_network():
    score = Score(
        kernel_distance=0.5, frechet_distance=2.0, pictures=5, photos=12, features="segmenter", digest="0123456789ab"
    )
    assert score.named == {"kernel_distance_segmenter": 0.5, "frechet_distance_segmenter": 2.0}


def test_the_same_pictures_have_the_same_score(scorer):
    assert scorer.score([patches(6, seed=1)]) == scorer.score([patches(6, seed=1)])


def test_batches_make_no_difference(scorer):
    pictures = patches(20, seed=1)
    whole, in_parts = scorer.score([pictures]), scorer.score(part for part in pictures.split(3))
    assert whole.kernel_distance == pytest.approx(in_parts.kernel_distance, rel=1e-4)
    assert whole.pictures == in_parts.pictures == 20


def test_what_is_compared_keeps_the_order_of_the_pictures(scorer):
    pictures = patches(3, seed=1)
    described = scorer.describe([pictures])
    assert described.dtype == torch.float64
    assert torch.allclose(scorer.describe([pictures.flip(0)]), described.flip(0), rtol=1e-4, atol=1e-6)


def test_pictures_that_are_no_numbers_have_no_score(scorer):
    score = scorer.score([patches(4, seed=1) * math.nan])
    assert math.isnan(score.kernel_distance)
    assert math.isnan(score.frechet_distance)


@pytest.mark.parametrize("number", [0, 1])
def test_fewer_than_two_pictures_are_refused(scorer, number):
    with pytest.raises(DataError, match=f"one of them has {number}. Give it 2 or more"):
        scorer.score([patches(number, seed=1)] if number else [])


def test_fewer_than_two_photos_are_refused(features):
    with pytest.raises(DataError, match="one of them has 1"):
        Scorer(features, [patches(1, seed=0)])
