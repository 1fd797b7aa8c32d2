"""Feature networks are known by their weights, and stay as they were read."""

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from gaugan.spade.features import features_of, load_features

NETWORKS = {
    "mobilenet_v2": (torchvision.models.mobilenet_v2, [16, 24, 32, 96, 320]),
    "squeezenet1_0": (torchvision.models.squeezenet1_0, [96, 128, 256, 512, 512]),
    "squeezenet1_1": (torchvision.models.squeezenet1_1, [64, 128, 256, 384, 512]),
}


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return torchvision.models.squeezenet1_1(weights=None).state_dict()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_known_by_its_weights(name):
    build, channels = NETWORKS[name]
    network = features_of(build(weights=None).state_dict())
    maps = network(torch.rand(1, 3, 64, 96))
    assert network.name == name
    assert [x.shape[1] for x in maps] == channels
    assert len(network.weights) == len(maps)


def test_vgg_is_known_by_its_weights():
    with torch.device("meta"):
        state = torchvision.models.vgg19(weights=None).state_dict()
    assert features_of(state).name == "vgg19"


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
