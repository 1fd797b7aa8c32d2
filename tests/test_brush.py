"""Label Studio's run lengths: known bits, and every mask back as it was."""

import contextlib

import numpy as np
import pytest

from pipeline.annotation.brush import decode, encode
from pipeline.errors import PhotoError

HEAD = f"{8:032b}" + f"{7:05b}" + "0010" + "0011" + "0111" + "1111"
"""Of a picture of two pixels: 8 values of 8 bits, counts of 3, 4, 8 and 16 bits."""


def from_bits(bits: str) -> list[int]:
    padded = bits + "0" * (-len(bits) % 8)
    return [int(padded[at : at + 8], 2) for at in range(0, len(padded), 8)]


def test_two_pixels_of_which_one_is_inside_are_two_runs_of_four():
    run = "1" + "00" + "011"

    assert encode(np.array([[False, True]])) == from_bits(HEAD + run + "00000000" + run + "11111111")


def test_a_large_empty_mask_begins_like_one_that_label_studio_has_exported():
    # Public export of a picture of 3332x2527, up to its second full run.
    assert encode(np.zeros((2527, 3332), bool))[:12] == [2, 1, 233, 240, 57, 27, 255, 255, 255, 0, 255, 255]


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (64, 64), (131, 257)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_every_mask_comes_back_as_it_was(shape, share):
    mask = np.random.default_rng(1).random(shape) < share

    assert np.array_equal(decode(encode(mask), *shape), mask)


@pytest.mark.parametrize("pixels", [2, 4, 5, 64, 65, 16384, 16385, 40000])
def test_runs_of_every_length_come_back(pixels):
    mask = np.zeros((1, pixels + 2), bool)
    mask[0, 1:-1] = True

    assert np.array_equal(decode(encode(mask), *mask.shape), mask)


def test_values_that_do_not_repeat_are_read():
    literal = "0" + "00" + "111" + "".join(f"{value:08b}" for value in (9, 9, 9, 127, 9, 9, 9, 128))

    assert decode(from_bits(HEAD + literal), 1, 2).tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "breaks off"),
        ([0, 0, 0], "breaks off"),
        (encode(np.zeros((3, 3), bool))[:-2], "breaks off"),
        (encode(np.zeros((9, 9), bool)), "324 values; a picture of 3x3 has 36"),
        ([300, 1], "no list of bytes"),
        (["a"], "no list of bytes"),
        (from_bits(f"{36:032b}" + f"{15:05b}" + "0" * 40), "16 bits"),
    ],
)
def test_what_is_no_mask_is_a_sentence(data, said):
    with pytest.raises(PhotoError, match=said):
        decode(data, 3, 3)


@pytest.mark.parametrize("seed", range(40))
def test_no_bytes_whatever_are_a_traceback(seed):
    rng = np.random.default_rng(seed)
    data = from_bits(f"{36:032b}") + rng.integers(0, 256, rng.integers(1, 60)).tolist()

    with contextlib.suppress(PhotoError):
        assert decode(data, 3, 3).shape == (3, 3)
