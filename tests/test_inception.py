"""FID and KID are those of torch-fidelity, and nothing is fetched for them."""

import hashlib
import math
import socket

import pytest
import torch
import torchvision
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kernel_mmd, kid_features_to_metric

from gaugan.errors import SettingsError
from gaugan.inception import FILES, VARIABLE, Inception, find_inception, load_inception
from gaugan.metrics import frechet_distance, kernel_distance
from gaugan.score import Scorer
from tests.inception_file import write_inception


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_inception(tmp_path_factory.mktemp("weights") / "inception.pth")


@pytest.fixture(scope="module")
def network(weights) -> Inception:
    return load_inception(weights)


def pictures(number: int, seed: int) -> torch.Tensor:
    """(N, 3, 24, 40) in [-1, 1]."""
    return torch.rand(number, 3, 24, 40, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def vectors(number: int, size: int, seed: int) -> torch.Tensor:
    return torch.randn(number, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def torch_fidelity_fid(x: torch.Tensor, y: torch.Tensor) -> float:
    of_sets = [fid_features_to_statistics(features) for features in (x, y)]
    return fid_statistics_to_metric(*of_sets, verbose=False)[KEY_METRIC_FID]


def test_the_frechet_distance_of_its_features_is_that_of_torch_fidelity(network):
    scorer = Scorer(network, [pictures(6, seed=0)])
    # Fewer entries than pictures: torch-fidelity is exact there alone.
    x, y = scorer.photos[:, :3], scorer.describe([pictures(6, seed=1) * 0.5])[:, :3]
    assert torch_fidelity_fid(x, y) > 0
    assert frechet_distance(x, y) == pytest.approx(torch_fidelity_fid(x, y), rel=1e-6, abs=0)


def test_the_frechet_distance_of_many_vectors_is_that_of_torch_fidelity():
    x, y = vectors(300, 64, seed=0), vectors(200, 64, seed=1) * 1.5 + 0.2
    assert frechet_distance(x, y) == pytest.approx(torch_fidelity_fid(x, y), rel=1e-6, abs=0)


def test_the_kernel_distance_is_that_of_torch_fidelity_without_its_subsets():
    x, y = vectors(60, 32, seed=0), vectors(60, 32, seed=1) + 0.3
    assert kernel_distance(x, y) == pytest.approx(kernel_mmd(x.numpy(), y.numpy()), rel=1e-6, abs=0)


def test_the_kernel_distance_is_that_of_torch_fidelity_in_the_mean_over_its_subsets():
    x, y = vectors(200, 8, seed=0), vectors(100, 8, seed=1) + 0.5
    found = kid_features_to_metric(x, y, kid_subset_size=50, verbose=False)
    error = found[KEY_METRIC_KID_STD] / 100**0.5
    assert kernel_distance(x, y) == pytest.approx(found[KEY_METRIC_KID_MEAN], abs=3 * error)


def test_pictures_are_described_by_2048_numbers_that_differ(network):
    described = network.describe(pictures(2, seed=0))
    assert described.shape == (2, 2048)
    assert described.dtype == torch.float32
    assert (described[0] - described[1]).abs().max() > 0.01 * described.abs().max()


def test_pictures_are_rounded_to_8_bits_and_scaled_as_torch_fidelity_does(network):
    seen = []
    hook = network.network.Conv2d_1a_3x3.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network.describe(torch.tensor([-1.0, -0.5, 0.1, 1.0]).expand(1, 3, 2, 4))
    hook.remove()
    bytes_of = torch.tensor([0.0, 64.0, 140.0, 255.0]).expand(1, 3, 2, 4)
    scaled = interpolate_bilinear_2d_like_tensorflow1x(bytes_of, size=(299, 299), align_corners=False)
    assert torch.equal(seen[0], (scaled - 128) / 128)


def test_a_picture_that_is_no_numbers_is_described_by_none(network):
    image = pictures(2, seed=0)
    described = network.describe(image.index_put((torch.tensor(1), torch.tensor(0)), torch.tensor(math.nan)))
    assert described[1].isnan().all()
    assert torch.allclose(described[0], network.describe(image)[0], rtol=1e-4, atol=1e-6)


def test_it_names_the_digest_of_its_file(network, weights):
    assert network.name == "inception"
    assert network.digest == hashlib.sha256(weights.read_bytes()).hexdigest()[:12]


def test_only_the_released_file_gives_fid(network):
    assert not network.is_released
    assert Inception(network.network, digest="6726825d0123").is_released


def test_it_is_frozen_and_in_evaluation(network):
    assert not any(p.requires_grad for p in network.parameters())
    assert not any(module.training for module in network.modules())


def test_torchvisions_network_of_the_same_name_is_refused(tmp_path):
    torch.save({"Conv2d_1a_3x3.conv.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / "inception_v3.pth")
    with pytest.raises(
        ValueError, match=r"inception_v3.pth is not the network of FID, .*The 1 keys .* begin with: Conv"
    ):
        load_inception(tmp_path / "inception_v3.pth")


def test_a_file_that_is_cut_off_is_refused(tmp_path, weights):
    (tmp_path / "cut.pth").write_bytes(weights.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"cut.pth is no weights file"):
        load_inception(tmp_path / "cut.pth")


def test_a_file_that_would_execute_something_is_refused(tmp_path):
    torch.save({"fc.bias": torchvision.models.squeezenet1_1}, tmp_path / "code.pth")
    with pytest.raises(ValueError, match=r"code.pth is no weights file"):
        load_inception(tmp_path / "code.pth")


def test_the_file_that_is_asked_for_is_found_first(tmp_path):
    asked, named = tmp_path / "asked.pth", tmp_path / "named.pth"
    asked.touch()
    named.touch()
    assert find_inception(asked, environ={VARIABLE: str(named)}, torch_home=tmp_path) == asked
    assert find_inception(environ={VARIABLE: str(named)}, torch_home=tmp_path) == named


@pytest.mark.parametrize("name", FILES)
def test_the_folder_of_torch_is_looked_into(tmp_path, name):
    path = tmp_path / "hub" / "checkpoints" / name
    path.parent.mkdir(parents=True)
    path.touch()
    assert find_inception(environ={}, torch_home=tmp_path) == path


def test_torch_says_which_folder_that_is(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / FILES[0]
    path.parent.mkdir(parents=True)
    path.touch()
    assert find_inception(environ={}) == path


def test_nothing_is_fetched_where_there_is_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("asked the network"))
    message = r"not in .*checkpoints\. It is weights-inception-2015-12-05-6726825d\.pth, .* 6726825d, from https://"
    with pytest.raises(SettingsError, match=message):
        find_inception(environ={}, torch_home=tmp_path)


@pytest.mark.parametrize("is_asked", [True, False])
def test_a_file_that_is_named_and_missing_is_not_replaced_by_another(tmp_path, is_asked):
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / FILES[0]).touch()
    missing = tmp_path / "gone.pth"
    asked, environ = (missing, {}) if is_asked else (None, {VARIABLE: str(missing)})
    with pytest.raises(SettingsError, match=r"gone.pth .*there is no such file"):
        find_inception(asked, environ=environ, torch_home=tmp_path)
