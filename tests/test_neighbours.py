"""Neighbours are those that can be seen on a line of numbers."""

import math

import pytest
import torch
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from gaugan import neighbours
from gaugan.neighbours import density_coverage, nearest, precision_recall

BOTH = [precision_recall, density_coverage]


def line(*numbers: float) -> torch.Tensor:
    """(N, 1)."""
    return torch.tensor(numbers, dtype=torch.float64)[:, None]


def vectors(number: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(number, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_nearest_of_numbers():
    distances, indices = nearest(line(0, 4, 9), line(5, 1))
    assert distances.tolist() == [1, 1, 4]
    assert indices.tolist() == [1, 0, 0]


def test_of_equally_near_vectors_the_first_is_the_nearest():
    assert nearest(line(2), line(9, 3, 1, 3))[1].tolist() == [1]


def test_a_vector_is_no_distance_from_itself():
    x = vectors(50, 300) * 1e3 + 1e4
    distances, indices = nearest(x, x.flip(0))
    assert distances.tolist() == [0] * 50
    assert indices.tolist() == list(range(49, -1, -1))


def test_vectors_of_float32_are_compared_too():
    distances, _ = nearest(line(0).float(), line(3).float())
    assert distances.dtype == torch.float64
    assert distances.tolist() == [3]


def test_distances_are_those_of_torch(monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS_AT_ONCE", 3)
    x, among = vectors(10, 6), vectors(7, 6, seed=1)
    expected = torch.cdist(x, among).min(dim=1)
    distances, indices = nearest(x, among)
    assert torch.allclose(distances, expected.values)
    assert torch.equal(indices, expected.indices)


def test_no_vectors_have_no_nearest():
    distances, indices = nearest(vectors(0, 2), vectors(3, 2))
    assert (distances.shape, indices.shape, indices.dtype) == ((0,), (0,), torch.int64)


def test_nothing_is_the_nearest_of_none():
    with pytest.raises(ValueError, match="there are no vectors to look for the nearest among"):
        nearest(vectors(3, 2), vectors(0, 2))


def test_what_is_no_number_is_at_no_distance():
    distances, _ = nearest(line(0, math.nan), line(1, 2))
    assert distances[0] == 1
    assert distances[1].isnan()


def test_precision_and_recall_of_numbers():
    # The nearest other photo is 1, 1, 2 and 7 away, the nearest other picture 1.5, 1.5, 13 and 13.
    photos, pictures = line(0, 1, 3, 10), line(2.5, 4, 18, 31)
    assert precision_recall(photos, pictures, k=1) == (2 / 4, 3 / 4)


def test_a_vector_on_the_border_lies_inside():
    assert precision_recall(line(0, 1), line(2, 100), k=1).precision == 1 / 2


def test_more_neighbours_reach_further():
    photos, pictures = line(0, 1, 3), line(5.5, 6, 7, 8)
    assert precision_recall(photos, pictures, k=1).precision == 0
    assert precision_recall(photos, pictures, k=2).precision == 2 / 4


def test_pictures_all_alike_are_precise_and_recall_nothing():
    photos = vectors(40, 2)
    assert precision_recall(photos, photos[:1].expand(40, -1)) == (1, 1 / 40)


def test_precision_and_recall_change_places_with_the_sets():
    x, y = vectors(30, 4), vectors(40, 4, seed=1) * 0.7
    assert precision_recall(x, y) == precision_recall(y, x)[::-1]


@pytest.mark.parametrize("scale", [0.6, 1.5])
def test_precision_and_recall_are_those_of_torch_fidelity(scale):
    photos, pictures = vectors(150, 8), vectors(120, 8, seed=1) * scale
    expected = prc_features_to_metric(pictures, photos, verbose=False)
    found = precision_recall(photos, pictures)
    assert 0 < min(found) < 1
    assert found.precision == pytest.approx(expected[KEY_METRIC_PRECISION])
    assert found.recall == pytest.approx(expected[KEY_METRIC_RECALL])


def test_density_and_coverage_of_numbers():
    # The second nearest other photos are 3, 2 and 3 away; 0 has no picture that near.
    photos, pictures = line(0, 1, 3), line(4, 4.5, 3, 50)
    # 1 reaches 3; 3 reaches 4, 4.5 and 3; 0 reaches 3.
    assert density_coverage(photos, pictures, k=2) == (5 / (2 * 4), 1)
    assert density_coverage(photos, line(5, 5.5), k=2) == (2 / (2 * 2), 1 / 3)


def test_one_lonely_photo_makes_precision_and_hardly_density():
    photos, pictures = torch.cat([vectors(50, 2), torch.tensor([[30.0, 0.0]])]), vectors(50, 2, seed=1) + 12
    assert precision_recall(photos, pictures).precision > 0.5
    assert density_coverage(photos, pictures).density < 0.25


def test_sets_that_are_drawn_alike_have_a_density_of_one():
    photos, pictures = vectors(600, 3), vectors(600, 3, seed=1)
    assert density_coverage(photos, pictures).density == pytest.approx(1, abs=0.05)
    # 1 - 1 / 2 ** k in the mean.
    assert density_coverage(photos, pictures).coverage == pytest.approx(1 - 1 / 2**5, abs=0.03)


@pytest.mark.parametrize("measure", BOTH)
def test_a_set_is_among_itself(measure):
    x = vectors(40, 300) * 1e3 + 1e4
    found = measure(x, x)
    assert found[0] >= 1
    assert found[1] == 1


@pytest.mark.parametrize("measure", BOTH)
def test_photos_that_are_there_twice_are_among_themselves(measure):
    x = (vectors(20, 300) * 1e3 + 1e4).repeat(8, 1)
    assert measure(x, x)[1] == 1


@pytest.mark.parametrize("measure", BOTH)
def test_a_measure_does_not_depend_on_how_many_rows_are_taken_at_once(monkeypatch, measure):
    photos, pictures = vectors(20, 3), vectors(15, 3, seed=1)
    whole = measure(photos, pictures)
    monkeypatch.setattr(neighbours, "ROWS_AT_ONCE", 4)
    assert measure(photos, pictures) == whole


@pytest.mark.parametrize("measure", BOTH)
def test_a_number_that_is_none_leaves_nothing_to_say(measure):
    x = vectors(10, 3)
    assert all(map(math.isnan, measure(x, x.index_fill(0, torch.tensor([1]), math.nan))))


@pytest.mark.parametrize("measure", BOTH)
def test_fewer_photos_than_neighbours_are_refused(measure):
    with pytest.raises(ValueError, match="there are 4 photos, expected 5 or more"):
        measure(vectors(4, 3), vectors(10, 3), k=4)


def test_fewer_pictures_than_neighbours_are_refused_where_theirs_are_looked_for():
    with pytest.raises(ValueError, match="there are 3 pictures, expected 4 or more"):
        precision_recall(vectors(10, 3), vectors(3, 3))
    assert density_coverage(vectors(10, 3), vectors(3, 3), k=3).coverage >= 0


def test_no_pictures_are_refused():
    with pytest.raises(ValueError, match="there are 0 pictures, expected 1 or more"):
        density_coverage(vectors(10, 3), vectors(0, 3))


@pytest.mark.parametrize("measure", [nearest, *BOTH])
def test_vectors_of_different_lengths_are_refused(measure):
    with pytest.raises(ValueError, match=r"are \(6, 3\) and \(6, 2\), expected \(N, D\) and \(M, D\)"):
        measure(vectors(6, 3), vectors(6, 2))
