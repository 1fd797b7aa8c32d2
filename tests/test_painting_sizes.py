"""What a size on the command line means for a map."""

import pytest

from pipeline.errors import RunError
from pipeline.painting.sizes import PictureSize, read_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", None),
        ("512", PictureSize(width=512)),
        ("512x384", PictureSize(width=512, height=384)),
        (" 512X384 ", PictureSize(width=512, height=384)),
        ("1x16384", PictureSize(width=1, height=16384)),
    ],
)
def test_a_size_is_the_longer_side_or_both(text, expected):
    assert read_size(text) == expected


@pytest.mark.parametrize("text", ["0", "-5", "16385", "5x", "x5", "5x0", "5x5x5", "5.5", "99999999", "²", "a"])
def test_what_is_no_size_is_a_sentence(text):
    with pytest.raises(RunError, match=r"--size is '.*', expected the longer side as in 512"):
        read_size(text)


@pytest.mark.parametrize(
    ("map_size", "expected"),
    [((300, 600), (50, 100)), ((600, 300), (100, 50)), ((1, 1000), (1, 100)), ((7, 7), (100, 100))],
)
def test_the_longer_side_keeps_the_proportions(map_size, expected):
    assert PictureSize(width=100).of(map_size) == expected


def test_both_sides_are_both_sides():
    assert PictureSize(width=3, height=4).of((100, 200)) == (4, 3)
