"""Scores while a run trains: against the photos of the validation maps, beside the floor."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from gaugan.data import Crops
from gaugan.errors import SettingsError
from gaugan.reading import Sample
from gaugan.settings import Data
from gaugan.validation import Validation, open_features

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Six photos of 40 px: blue above green, smooth, with a little grain."""
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    samples = []
    for k in range(6):
        labels = np.repeat(np.arange(40) > 12 + 3 * k, 40).reshape(40, 40).astype(np.uint8)
        colours = np.array([[120, 170, 230], [90, 120, 60]])[labels] + np.arange(40)[None, :, None]
        photo = (colours + random.normal(0, 3, colours.shape)).clip(0, 255).astype(np.uint8)
        sample = Sample(image=folder / f"{k}.png", labels=folder / f"{k}.ids.png")
        Image.fromarray(photo).save(sample.image)
        Image.fromarray(labels).save(sample.labels)
        samples.append(sample)
    return Crops(samples, settings=Data(crop_size=32, crop_margin=0.1, workers=0), classes=2, seed=0)


class Copyist:
    """Paints every map as its photo is, or with grain over it."""

    def __init__(self, crops, *, grain=0.0):
        self.photos = iter([crops.middle(k).image for k in range(len(crops.samples))])
        self.grain = grain

    def paint(self, labels, *, seeds, edges):
        random = torch.Generator().manual_seed(seeds[0])
        pictures = torch.cat([next(self.photos) for _ in seeds])
        return pictures + self.grain * torch.randn(pictures.shape, generator=random)


def validation(crops, weights="patches", **named):
    return Validation(crops, trained_on=crops, weights=weights, named_weights=named, device=CPU)


def test_pictures_that_are_the_photos_are_no_patch_apart(crops):
    assert validation(crops).score(Copyist(crops)).value == 0


def test_the_classes_in_their_mean_colours_are_farther_away_than_photos_with_grain(crops):
    scored = validation(crops).score(Copyist(crops, grain=0.02))

    assert 0 < scored.value < scored.floor


def test_a_score_says_what_it_is_of(crops):
    scored = validation(crops).score(Copyist(crops))

    assert (scored.name, scored.photos) == ("patch_distance", 6)


def test_photos_are_read_once(crops, monkeypatch):
    scores, read = validation(crops), []
    monkeypatch.setattr(crops, "middle", read.append)
    monkeypatch.setattr(Crops, "__getitem__", lambda crops, position: read.append(position))

    scores.score(Painter())

    assert read == []


def test_maps_are_painted_with_their_edges_in_styles_of_their_own(crops):
    painter = Painter()
    with_edges = Crops(
        crops.samples, settings=crops.settings, classes=2, seed=0, find_edges=lambda ids: (ids > 0)[:, None]
    )
    with_edges.samples = [replace(sample, instances=sample.labels) for sample in crops.samples]

    validation(with_edges).score(painter)

    (labels, seeds, edges) = painter.asked[0]
    assert labels.shape == (6, 32, 32)
    assert list(seeds) == [0, 1, 2, 3, 4, 5]
    assert torch.equal(edges[:, 0] != 0, labels != 0)


class Painter:
    """Paints grey, and remembers what it was asked to."""

    def __init__(self):
        self.asked = []

    def paint(self, labels, *, seeds, edges):
        self.asked.append((labels, seeds, edges))
        return torch.zeros(len(labels), 3, *labels.shape[1:])


def test_patches_are_compared_on_fewer_photos(crops, monkeypatch):
    monkeypatch.setattr("gaugan.validation.MOST_FOR_PATCHES", 4)

    assert validation(crops).photos == 4


@pytest.fixture
def weights(tmp_path):
    import torchvision

    torch.manual_seed(0)
    state = torchvision.models.squeezenet1_1(weights=None).features.state_dict()
    save_file({f"features.{key}": x for key, x in state.items()}, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def test_features_may_be_named(crops, weights):
    scored = validation(crops, "mine", mine=weights).score(Copyist(crops))

    assert scored.name == "kernel_distance_squeezenet1_1"
    assert scored.value <= 0 < scored.floor  # equal sets are as near as the unbiased estimate can say


def test_the_weights_file_is_known_by_its_digest(crops, weights):
    assert validation(crops, str(weights)).digest == open_features(str(weights), {}).digest != ""
    assert validation(crops).digest == ""


def test_patches_need_no_features():
    assert open_features("patches", {}) is None


def test_weights_that_are_not_there_are_a_sentence():
    with pytest.raises(SettingsError, match=r"training\.score_weights: .*nowhere\.pth"):
        open_features("nowhere.pth", {})
