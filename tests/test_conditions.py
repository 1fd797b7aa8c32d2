"""Label maps and instance maps become the tensor that the networks see."""

import pytest
import torch

from gaugan.spade.conditions import condition, condition_channels, edges


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
    seen = condition(labels, classes=3, unknown=False, edges=marked)
    assert seen[0, :3].argmax(0).tolist() == [[0, 1], [2, 0]]
    assert torch.equal(seen[:, :3].sum(1), torch.ones(1, 2, 2))
    assert torch.equal(seen[:, 3:], marked.float())


def test_unknown_pixels_have_a_channel_of_their_own():
    seen = condition(torch.tensor([[[3, 0]]]), classes=3, unknown=True, edges=None)
    assert seen[0, :, 0].T.tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("has_edges", [False, True])
def test_channels_are_counted_as_they_are_made(unknown, has_edges):
    labels = torch.zeros(1, 4, 6, dtype=torch.int64)
    marked = edges(labels) if has_edges else None
    seen = condition(labels, classes=7, unknown=unknown, edges=marked, dtype=torch.float64)
    assert seen.shape == (1, condition_channels(classes=7, unknown=unknown, edges=has_edges), 4, 6)
    assert seen.dtype == torch.float64


@pytest.mark.parametrize(("value", "unknown"), [(255, True), (3, False), (-1, False)])
def test_a_label_without_a_channel_is_named(value, unknown):
    labels = torch.tensor([[[0, value, 1]]])
    with pytest.raises(ValueError, match=f"holds the value {value}, but labels are 0..2"):
        condition(labels, classes=3, unknown=unknown, edges=None)
