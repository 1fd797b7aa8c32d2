"""Feature networks are known by their weights, and stay as they were read."""

import hashlib

import pytest
import torch
import torchvision
from safetensors.torch import load_file, save_file

from gaugan.features import Features, described_size, features_of, load_features
from gaugan.spade.losses import PERCEPTUAL_WEIGHTS
from pipeline.segmenters.embedded import network as embedded

NETWORKS = {
    "mobilenet_v2": (torchvision.models.mobilenet_v2, [16, 24, 32, 96, 320]),
    "squeezenet1_0": (torchvision.models.squeezenet1_0, [96, 128, 256, 512, 512]),
    "squeezenet1_1": (torchvision.models.squeezenet1_1, [64, 128, 256, 384, 512]),
}


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(weights=None).state_dict()


@pytest.fixture(scope="module")
def segmenter() -> Features:
    return load_features(embedded.WEIGHTS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_known_by_its_weights(name):
    build, channels = NETWORKS[name]
    network = features_of(build(weights=None).state_dict())
    maps = network(torch.rand(1, 3, 64, 96))
    assert network.name == name
    assert [x.shape[1] for x in maps] == channels
    assert len(network.weights) == len(maps)


def test_vgg_is_known_by_its_weights_and_weighs_as_in_the_reference():
    with torch.device("meta"):
        state = torchvision.models.vgg19(weights=None).state_dict()
    network = features_of(state)
    assert network.name == "vgg19"
    assert network.weights == PERCEPTUAL_WEIGHTS


def test_the_segmenter_is_known_by_its_weights(segmenter):
    maps = segmenter(torch.rand(1, 3, 97, 129))
    assert segmenter.name == "segmenter"
    assert [x.shape[1] for x in maps] == [16, 24, 32, 96, 320]
    assert len(segmenter.weights) == len(maps)


@torch.no_grad()
def test_maps_of_the_segmenter_are_those_that_it_labels_with(segmenter):
    whole = embedded.build(load_file(embedded.WEIGHTS))
    image = torch.rand(1, 3, 97, 129) * 2 - 1
    expected = [*whole.encoder(image)[1:5], whole.encoder.features[:18](image)]
    assert all(torch.allclose(*both, atol=1e-4) for both in zip(segmenter(image), expected, strict=True))


def test_the_segmenter_takes_pictures_as_they_are(segmenter):
    image = torch.rand(1, 3, 65, 65) * 2 - 1
    normalised = load_features(embedded.WEIGHTS, normalise=True)(image)
    assert torch.allclose(normalised[4], segmenter(image)[4], atol=1e-4)


def test_an_encoder_of_another_network_is_not_the_segmenter():
    state = {key: value for key, value in load_file(embedded.WEIGHTS).items() if key.startswith("encoder.")}
    with pytest.raises(ValueError, match=r"of no known feature network .*segmenter"):
        features_of(state)


def test_weights_of_half_precision_compute_in_float32(segmenter):
    assert {p.dtype for p in segmenter.parameters()} == {torch.float32}


def test_maps_are_those_of_torchvision(state):
    network = torchvision.models.squeezenet1_1(weights=None)
    network.load_state_dict(state)
    image = torch.rand(1, 3, 64, 96) * 2 - 1
    assert torch.equal(features_of(state)(image)[-1], network.features(image))


def test_weights_without_a_classifier_are_enough(state):
    kept = {key: value for key, value in state.items() if key.startswith("features.")}
    assert features_of(kept).name == "squeezenet1_1"


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_gives_the_network_that_was_saved(tmp_path, state, suffix):
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    image = torch.rand(1, 3, 64, 96)
    assert torch.equal(load_features(path)(image)[2], features_of(state)(image)[2])


def test_a_network_names_the_digest_of_its_file(tmp_path, state):
    torch.save(state, tmp_path / "weights.pth")
    digest = hashlib.sha256((tmp_path / "weights.pth").read_bytes()).hexdigest()
    assert load_features(tmp_path / "weights.pth").digest == digest[:12]
    assert features_of(state).digest == ""


def test_the_network_is_frozen_and_stays_in_evaluation(state):
    network = features_of(state)
    assert not any(p.requires_grad for p in network.parameters())
    assert not any(module.training for module in network.train().modules())


def test_gradients_reach_the_picture(state):
    image = torch.rand(1, 3, 64, 96, requires_grad=True)
    features_of(state)(image)[-1].sum().backward()
    assert image.grad.any()


def test_normalising_applies_the_constants_of_imagenet(state):
    image = torch.rand(1, 3, 64, 96)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    by_hand = (image - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    normalised = features_of(state, normalise=True)(2 * image - 1)
    assert torch.allclose(normalised[0], features_of(state)(by_hand)[0], atol=1e-5)


def test_another_network_is_refused_with_the_keys_it_has():
    with torch.device("meta"):
        state = torchvision.models.vgg16(weights=None).state_dict()
    with pytest.raises(ValueError, match=r"of no known feature network .*32 keys begin with: features.0.weight"):
        features_of(state)


def test_a_file_of_something_else_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match=r"list.pth holds a list, expected a state dict"):
        load_features(tmp_path / "list.pth")


@pytest.mark.parametrize("name", ["photo.pth", "photo.safetensors"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0 a photo, not weights")
    with pytest.raises(ValueError, match=f"{name} is no weights file"):
        load_features(tmp_path / name)


@pytest.mark.parametrize(
    ("size", "described"),
    [
        ((64, 64), (129, 129)),
        ((64, 96), (129, 193)),
        ((16, 16), (129, 129)),
        ((100, 50), (257, 129)),
        ((128, 128), (257, 257)),
        ((200, 256), (257, 353)),
        ((256, 256), (257, 257)),
        ((300, 600), (321, 609)),
    ],
)
def test_pictures_are_described_at_twice_their_size_up_to_a_limit(size, described):
    assert described_size(*size) == described


def test_pictures_are_described_by_mean_and_deviation_of_every_channel(state):
    network = features_of(state, normalise=True)
    image = torch.rand(2, 3, 129, 161) * 2 - 1
    maps = network(torch.nn.functional.interpolate(image, size=(257, 321), mode="bilinear"))
    first = torch.cat([maps[0].mean((2, 3)), maps[0].flatten(2).std(2)], dim=1)
    described = network.describe(image)
    assert described.shape == (2, 2 * sum(x.shape[1] for x in maps))
    assert torch.allclose(described[:, :128] / described[:, :1], first / first[:, :1], atol=1e-5)


def test_every_map_counts_by_its_weight_alone(state):
    network = features_of(state)
    network.maps = lambda x: [torch.ones(len(x), 2 ** (i + 1), 5, 5) for i in range(5)]
    described = network.describe(torch.zeros(1, 3, 64, 64))[0]
    # Five maps of ones, 62 channels: half of their entries are means of 1, the others deviations of 0.
    expected = sum(weight**2 for weight in network.weights) / 5 / 2
    assert described.shape == (124,)
    assert (described.square().sum() / 124).item() == pytest.approx(expected, rel=1e-6)


def test_pictures_are_described_in_the_colours_that_the_network_knows(state):
    image = torch.rand(1, 3, 64, 64) * 2 - 1
    described = features_of(state, normalise=True).describe(image)
    assert torch.allclose(features_of(state).describe(image), described)


def test_a_picture_is_described_alike_in_every_batch(state):
    network, images = features_of(state), torch.rand(3, 3, 48, 64) * 2 - 1
    assert torch.allclose(network.describe(images)[2:], network.describe(images[2:]), rtol=1e-4, atol=1e-6)
