"""Scores of label maps are those that were counted by hand on 4x4 maps."""

import math

import pytest
import torch

from gaugan.bootstrap import interval
from gaugan.confusion import Confusion
from gaugan.errors import DataError

SKY, SEA, SAND, TREE = range(4)
NONE = 255

TRUTH = (
    (SKY, SKY, SKY, SKY),
    (SKY, SKY, SKY, NONE),
    (SEA, SEA, SEA, SEA),
    (SEA, SAND, SAND, NONE),
)
SEEN = (
    (SKY, SKY, SKY, SKY),
    (SKY, SEA, SEA, SKY),
    (SEA, SEA, SEA, SEA),
    (SAND, SAND, NONE, SAND),
)
"""Right: 5 sky, 4 sea, 1 sand. Taken for others: 2 sky for sea, 1 sea for sand. Missed: 1 sand."""


def pixels(rows: tuple[tuple[int, ...], ...]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.uint8)


def confusion(*pairs: tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]], classes: int = 4) -> Confusion:
    counted = Confusion(classes)
    for truth, seen in pairs:
        counted.add(pixels(truth), pixels(seen))
    return counted


def test_pixels_are_counted_by_true_and_seen_class():
    assert confusion((TRUTH, SEEN)).counts.tolist() == [
        [5, 2, 0, 0, 0],
        [0, 4, 1, 0, 0],
        [0, 0, 1, 0, 1],
        [0, 0, 0, 0, 0],
    ]


def test_pixel_accuracy_counts_known_pixels_alone():
    assert confusion((TRUTH, SEEN)).pixel_accuracy == 10 / 14


def test_iou_of_each_class_and_none_of_a_class_that_is_in_neither():
    iou = confusion((TRUTH, SEEN)).iou
    # Sand: 2 true, 2 seen where the truth is known, 1 in both.
    assert iou[:3].tolist() == [5 / 7, 4 / 7, 1 / 3]
    assert iou[TREE].isnan()


def test_mean_iou_is_that_of_the_classes_that_have_one():
    assert confusion((TRUTH, SEEN)).mean_iou == pytest.approx((5 / 7 + 4 / 7 + 1 / 3) / 3)


def test_frequency_weighted_iou_counts_classes_by_their_pixels():
    expected = (7 * 5 / 7 + 5 * 4 / 7 + 2 * 1 / 3) / 14
    assert confusion((TRUTH, SEEN)).frequency_weighted_iou == pytest.approx(expected)


def test_pixels_of_each_class_of_the_truth():
    assert confusion((TRUTH, SEEN)).pixels.tolist() == [7, 5, 2, 0]


def test_what_is_seen_where_the_truth_is_unknown_counts_nowhere():
    row = (SKY,) * 4
    nothing = (NONE,) * 4
    counted = confusion(((row, nothing), (row, (TREE,) * 4)))
    assert counted.iou[SKY] == 1
    assert counted.iou[TREE].isnan()


def test_an_unknown_pixel_where_there_is_a_class_is_missed_and_no_class_is_wrongly_seen():
    row = (SKY, SKY, SKY, SEA)
    counted = confusion(((row,), ((SKY, SKY, NONE, SEA),)))
    assert counted.iou[:2].tolist() == [2 / 3, 1]
    assert counted.pixel_accuracy == 3 / 4


def test_a_class_that_is_only_seen_has_an_iou_of_zero():
    counted = confusion((((SKY, SKY),), ((SKY, TREE),)))
    assert counted.iou[TREE] == 0
    assert counted.mean_iou == pytest.approx((1 / 2 + 0) / 2)


def test_maps_add_up_whatever_their_sizes():
    counted = confusion((TRUTH, SEEN), (((SAND, SAND),), ((SAND, SKY),)))
    assert len(counted) == 2
    assert counted.pixel_accuracy == 11 / 16
    assert counted.iou[SAND] == 2 / 5


def test_a_map_that_is_seen_as_it_is_scores_one():
    counted = confusion((TRUTH, TRUTH))
    assert (counted.pixel_accuracy, counted.mean_iou, counted.frequency_weighted_iou) == (1, 1, 1)


def test_the_order_of_maps_is_kept_in_their_accuracies():
    nothing_known = ((NONE, NONE),)
    counted = confusion((TRUTH, SEEN), (nothing_known, ((SKY, SKY),)), (TRUTH, TRUTH))
    assert counted.pixel_accuracies[[0, 2]].tolist() == [10 / 14, 1]
    assert counted.pixel_accuracies[1].isnan()


def test_some_maps_are_scored_as_if_they_were_all():
    others = (((SAND, SAND),), ((SAND, SKY),))
    counted = confusion((TRUTH, SEEN), others, (TRUTH, TRUTH))
    some = confusion((TRUTH, SEEN), others, others)
    assert counted.mean_iou_of(torch.tensor([0, 1, 1])) == some.mean_iou
    assert counted.pixel_accuracy_of(torch.tensor([0, 1, 1])) == some.pixel_accuracy


def test_an_interval_of_the_mean_iou_lies_about_it():
    counted = confusion(*[(TRUTH, SEEN), (TRUTH, TRUTH)] * 10)
    low, high = interval(counted.mean_iou_of, len(counted), seed=0, rounds=100)
    assert low < counted.mean_iou < high


def test_maps_of_other_integers_are_taken():
    counted = Confusion(300)
    counted.add(torch.tensor([[299, 255]]), torch.tensor([[299, 1]], dtype=torch.int16))
    assert counted.pixel_accuracy == 1


def test_without_maps_there_is_no_score():
    counted = Confusion(4)
    scores = [counted.pixel_accuracy, counted.mean_iou, counted.frequency_weighted_iou]
    assert all(map(math.isnan, scores))
    assert counted.iou.isnan().all()
    assert len(counted.pixel_accuracies) == len(counted) == 0


@pytest.mark.parametrize("wrong", [4, 254])
def test_a_class_that_there_is_not_is_refused_wherever_it_stands(wrong):
    with pytest.raises(DataError, match=f"the true map holds class {wrong}, expected 0 to 3, or 255 for unknown"):
        confusion((((SKY, wrong),), ((SKY, SKY),)))
    with pytest.raises(DataError, match=f"the map that is seen holds class {wrong}, expected 0 to 3"):
        confusion((((NONE, SKY),), ((wrong, SKY),)))


def test_a_negative_class_is_refused():
    with pytest.raises(DataError, match="the true map holds class -1"):
        Confusion(4).add(torch.tensor([[-1]]), torch.tensor([[0]]))


def test_a_map_that_is_refused_leaves_the_counts_as_they_were():
    counted = confusion((TRUTH, SEEN))
    with pytest.raises(DataError):
        counted.add(pixels(TRUTH), pixels(((9,) * 4,) * 4))
    assert (len(counted), counted.counts.sum()) == (1, 14)


def test_maps_of_different_sizes_are_refused():
    with pytest.raises(DataError, match="the true map is 4x4, the map that is seen 2x1"):
        confusion((TRUTH, ((SKY, SKY),)))


def test_maps_in_batches_are_refused():
    with pytest.raises(DataError, match="the true map has 3 dimensions, expected height and width"):
        Confusion(4).add(pixels(TRUTH)[None], pixels(SEEN)[None])
