"""Ids of segments in 8 bits: the edges that the reference implementation finds in them are ours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import images
from pipeline.exports.ids import encode_packed, from_8_bit, to_8_bit
from pipeline.instances import find_edges


def quilt(rows: int, columns: int, side_px: int = 3) -> np.ndarray:
    """Squares that each have an id of their own, from 1."""
    ids = np.arange(1, rows * columns + 1, dtype=np.uint16).reshape(rows, columns)
    return ids.repeat(side_px, axis=0).repeat(side_px, axis=1)


def a_lawn_with_houses(houses: int) -> np.ndarray:
    """One large segment that has so many neighbours."""
    ids = np.full((5, 2 * houses + 1), houses + 1, dtype=np.uint16)
    ids[2, 1::2] = np.arange(1, houses + 1)
    return ids


def test_ids_that_fit_stay_what_they_are():
    ids = np.array([[0, 7, 255], [7, 7, 3]], dtype=np.uint16)

    assert to_8_bit(ids).tolist() == ids.tolist()
    assert to_8_bit(ids).dtype == np.uint8


def test_few_large_ids_are_numbered_in_their_order_and_unknown_stays_0():
    assert to_8_bit(np.array([[300, 0, 40_000, 299]], dtype=np.uint16)).tolist() == [[2, 0, 3, 1]]


def test_few_large_ids_without_unknown_begin_at_1():
    assert to_8_bit(np.array([[300, 40_000]], dtype=np.uint16)).tolist() == [[1, 2]]


@pytest.mark.parametrize("ids", [quilt(20, 30), a_lawn_with_houses(700), np.zeros((1, 1), np.uint16)])
def test_neighbours_always_differ_so_that_the_edges_are_the_same(ids):
    assert np.array_equal(find_edges(to_8_bit(ids)), find_edges(ids))


def test_of_many_segments_unknown_alone_is_0():
    ids = quilt(20, 30)
    ids[:7, :7] = 0

    assert np.array_equal(to_8_bit(ids) == 0, ids == 0)


def test_segments_near_one_another_differ_too_so_that_smaller_photos_keep_their_edges():
    ids = quilt(20, 30, side_px=2)

    assert np.array_equal(find_edges(to_8_bit(ids)[::4, ::4]), find_edges(ids[::4, ::4]))


@pytest.mark.parametrize("ids", [quilt(20, 30), quilt(3, 5), a_lawn_with_houses(300), quilt(20, 30) + np.uint16(9000)])
def test_what_was_8_bit_becomes_the_same_8_bit_again(ids):
    small = to_8_bit(ids)

    assert np.array_equal(to_8_bit(from_8_bit(small)), small)


def test_many_segments_are_apart_again_when_they_come_back():
    assert len(np.unique(from_8_bit(to_8_bit(quilt(20, 30))))) == 600


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.sampled_from([2, 60, 300, 2000]))
def test_every_map_keeps_its_edges_and_survives_the_way_there_and_back(seed, height, width, most):
    ids = np.random.default_rng(seed).integers(0, most, (height, width), dtype=np.uint16)
    small = to_8_bit(ids)

    assert np.array_equal(find_edges(small), find_edges(ids))
    assert np.array_equal(to_8_bit(from_8_bit(small)), small)
    assert np.array_equal(find_edges(from_8_bit(small)), find_edges(ids))


def test_packed_ids_are_red_and_256_green_and_65536_blue(tmp_path):
    (tmp_path / "ids.png").write_bytes(encode_packed(np.array([[1, 258, 3 << 16 | 2 << 8 | 1]])))

    assert images.read_drawing(tmp_path / "ids.png").pixels.tolist() == [[[1, 0, 0], [2, 1, 0], [1, 2, 3]]]
