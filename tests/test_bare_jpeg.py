"""What stands in a JPEG beside its picture is seen, whatever it is."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline import images
from pipeline.bare_jpeg import is_bare

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 52, 3), dtype=np.uint8)
OURS = images.encode_photo(PIXELS)
JFIF_END = 4 + 16


def saved(**options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "JPEG", quality=95, **options)
    return file.getvalue()


def exif() -> bytes:
    said = Image.Exif()
    said[0x010E] = "my garden"
    return said.tobytes()


@pytest.mark.parametrize("size", [(1, 1), (8, 300), (640, 480)])
def test_our_own_photos_are_bare(size):
    assert is_bare(images.encode_photo(np.zeros((*size, 3), np.uint8)))


def test_so_are_those_of_other_quality_and_subsampling():
    assert is_bare(saved(subsampling=2))


@pytest.mark.parametrize(
    "data",
    [
        saved(exif=exif()),
        saved(icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
        saved(comment=b"my garden"),
        saved(xmp=b"<x/>"),
        saved(progressive=True),
        OURS + b"my garden",
        OURS + OURS,
        OURS[:-2],
        OURS[:-40],
        OURS[:JFIF_END],
        OURS[:2] + b"\xff\xe0\x00\x09secret\0" + OURS[2:],
        b"",
        b"text",
        b"\xff\xd8\xff",
    ],
)
def test_what_stands_beside_the_picture_is_seen(data):
    assert not is_bare(data)
