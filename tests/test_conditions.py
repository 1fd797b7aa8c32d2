"""Label maps and instance maps become the tensor that the networks see."""

import pytest
import torch
from torch.nn import functional as F

from gaugan.spade.conditions import Condition, condition, condition_channels, edges
from gaugan.spade.windows import shifted


def test_edges_mark_both_pixels_of_a_differing_pair():
    ids = torch.tensor([[[1, 1, 1, 1], [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1]]])
    expected = torch.tensor([[[[0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0]]]]).float()
    assert torch.equal(edges(ids), expected)


def test_edges_do_not_wrap_around_the_border():
    ids = torch.tensor([[[5, 5, 5, 7]]])
    assert edges(ids).tolist() == [[[[0, 0, 1, 1]]]]


def test_a_map_of_one_instance_has_no_edge():
    assert not edges(torch.full((2, 3, 5), 9)).any()


def test_a_condition_is_one_hot_with_the_edges_last():
    labels = torch.tensor([[[0, 1], [2, 0]]])
    marked = torch.tensor([[[[1, 0], [0, 1]]]])
    seen = condition(labels, classes=3, unknown=False, edges=marked).one_hot()
    assert seen[0, :3].argmax(0).tolist() == [[0, 1], [2, 0]]
    assert torch.equal(seen[:, :3].sum(1), torch.ones(1, 2, 2))
    assert torch.equal(seen[:, 3:], marked.float())


def test_unknown_pixels_have_a_channel_of_their_own():
    seen = condition(torch.tensor([[[3, 0]]]), classes=3, unknown=True, edges=None).one_hot()
    assert seen[0, :, 0].T.tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("has_edges", [False, True])
def test_channels_are_counted_as_they_are_made(unknown, has_edges):
    labels = torch.zeros(1, 4, 6, dtype=torch.int64)
    marked = edges(labels) if has_edges else None
    seen = condition(labels, classes=7, unknown=unknown, edges=marked)
    assert seen.channels == condition_channels(classes=7, unknown=unknown, edges=has_edges)
    assert seen.one_hot(torch.float64).shape == (1, seen.channels, 4, 6)
    assert seen.one_hot(torch.float64).dtype == torch.float64


@pytest.mark.parametrize(("value", "unknown"), [(255, True), (3, False), (-1, False)])
def test_a_label_without_a_channel_is_named(value, unknown):
    labels = torch.tensor([[[0, value, 1]]])
    with pytest.raises(ValueError, match=f"holds the value {value}, but labels are 0..2"):
        condition(labels, classes=3, unknown=unknown, edges=None)


def patchwork(size: tuple[int, int] = (21, 30), *, classes: int = 6, has_edges: bool = True) -> Condition:
    """Two maps of small blocks, with the edges between them."""
    coarse = torch.randint(0, classes, (2, 1, 5, 7), generator=torch.Generator().manual_seed(3)).float()
    labels = F.interpolate(coarse, size=size)[:, 0].long()
    return condition(labels, classes=classes, unknown=False, edges=edges(labels) if has_edges else None)


@pytest.mark.parametrize("size", [(7, 10), (42, 60), (20, 31), (1, 1), (21, 30)])
def test_a_map_is_resized_to_the_nearest_pixels(size):
    seen = patchwork()
    assert torch.equal(seen.resized(size).one_hot(), F.interpolate(seen.one_hot(), size=size, mode="nearest"))


def test_a_size_is_made_once():
    seen = patchwork()
    assert seen.resized((7, 10)) is seen.resized((7, 10))
    assert seen.resized((21, 30)) is seen


def test_a_map_is_continued_by_its_last_pixels():
    seen = patchwork()
    expected = F.pad(seen.one_hot(), (0, 3, 0, 11), mode="replicate")
    assert torch.equal(seen.continued((32, 33)).one_hot(), expected)


@pytest.mark.parametrize(("kernel_size", "stride", "padding"), [(3, 1, 1), (5, 1, 2), (4, 2, 2), (1, 1, 0)])
@pytest.mark.parametrize("has_edges", [False, True])
def test_windows_are_convolved_as_the_one_hot_map_is(kernel_size, stride, padding, has_edges):
    seen = patchwork(has_edges=has_edges)
    weight, bias = torch.randn(8, seen.channels, kernel_size, kernel_size).double(), torch.randn(8).double()
    views = shifted(seen.numbers, kernel_size=kernel_size, outside=len(seen.columns), stride=stride, padding=padding)
    rows = torch.stack(views, dim=-1)
    made = seen.convolve(rows.flatten(0, 2), weight, bias).view(*rows.shape[:3], 8).permute(0, 3, 1, 2)
    expected = F.conv2d(seen.one_hot(torch.float64), weight, bias, stride=stride, padding=padding)
    assert torch.allclose(made, expected, rtol=0, atol=1e-12)


def test_shares_are_those_of_average_pooling():
    seen = patchwork()
    shares = seen.shares(torch.float64)
    of_channels = torch.einsum("bphw,pc->bchw", shares, seen.columns.double())
    expected = F.avg_pool2d(seen.one_hot(torch.float64), 3, stride=2, padding=1, count_include_pad=False)
    assert torch.allclose(of_channels, expected, rtol=0, atol=1e-12)


def test_noise_stands_behind_the_channels_and_is_constant_over_its_picture():
    seen = condition(torch.tensor([[[0, 1, 1]], [[1, 1, 0]]]), classes=2, unknown=False, edges=None)
    noisy = seen.with_noise(torch.tensor([[5.0, 6.0], [7.0, 8.0]]))
    assert noisy.channels == 4
    assert noisy.one_hot()[0, :, 0].T.tolist() == [[1, 0, 5, 6], [0, 1, 5, 6], [0, 1, 5, 6]]
    assert noisy.one_hot()[1, :, 0].T.tolist() == [[0, 1, 7, 8], [0, 1, 7, 8], [1, 0, 7, 8]]


def test_only_labels_that_a_picture_has_are_numbered_with_its_noise():
    seen = condition(torch.tensor([[[0, 1]], [[2, 2]]]), classes=3, unknown=False, edges=None)
    assert len(seen.with_noise(torch.zeros(2, 4)).columns) == 3


def test_noise_keeps_its_precision():
    noise = torch.randn(2, 3).double()
    noisy = patchwork().with_noise(noise)
    assert torch.equal(noisy.one_hot(torch.float64)[:, -3:, 0, 0], noise)


def test_the_maps_of_a_noisy_condition_stay_as_they_were():
    seen = patchwork()
    assert torch.equal(seen.with_noise(torch.randn(2, 3)).one_hot()[:, :-3], seen.one_hot())


def test_noise_follows_a_map_to_other_sizes():
    noisy = patchwork().with_noise(torch.randn(2, 3))
    smaller = F.interpolate(noisy.one_hot(), size=(7, 10), mode="nearest")
    larger = F.pad(noisy.one_hot(), (0, 3, 0, 11), mode="replicate")
    assert torch.equal(noisy.resized((7, 10)).one_hot(), smaller)
    assert torch.equal(noisy.continued((32, 33)).one_hot(), larger)


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_noisy_windows_are_convolved_as_noisy_maps_are(kernel_size):
    seen = patchwork().with_noise(torch.randn(2, 3).double())
    weight, bias = torch.randn(8, seen.channels, kernel_size, kernel_size).double(), torch.randn(8).double()
    windows, _ = seen.windows(kernel_size)
    made = seen.convolve(windows.rows, weight, bias)[windows.index].permute(0, 3, 1, 2)
    expected = F.conv2d(seen.one_hot(torch.float64), weight, bias, padding="same")
    assert torch.allclose(made, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 4), (4,), (1, 4)])
def test_noise_for_other_maps_is_refused(shape):
    with pytest.raises(ValueError, match=r"there are 2 maps and noise of shape .* expected a row a map"):
        patchwork().with_noise(torch.zeros(shape))
