"""Measures of a photo: what blur, grey levels, flat colours and frames do to them, and what they leave alone."""

from dataclasses import asdict, astuple
from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline.measures import Measures, measure
from pipeline.sources.landscapes import draw


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return draw(3, size=512).photo


def framed(photo: np.ndarray, *, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0, colour=(0, 0, 0)):
    return cv2.copyMakeBorder(photo, top, bottom, left, right, cv2.BORDER_CONSTANT, value=colour)


def test_an_edge_within_one_pixel_is_perfectly_sharp():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 32:] = 200

    assert measure(pixels).sharpness == 1


def test_an_edge_over_four_pixels_has_a_quarter_of_the_sharpness():
    levels = np.clip((np.arange(64) - 30) * 50, 0, 200).astype(np.uint8)
    pixels = np.repeat(np.repeat(levels[None, :, None], 64, axis=0), 3, axis=2)

    assert measure(pixels).sharpness == pytest.approx(1 / 4, abs=0.001)


def test_the_more_a_photo_is_blurred_the_less_sharp_it_is(photo):
    sharpness = [measure(cv2.GaussianBlur(photo, (0, 0), sigma)).sharpness for sigma in (1, 2, 4, 8)]

    assert all(before > after for before, after in pairwise([measure(photo).sharpness, *sharpness]))


def test_sharpness_does_not_depend_on_contrast(photo):
    hazy = (photo * 0.3 + 150).astype(np.uint8)

    assert measure(hazy).sharpness == pytest.approx(measure(photo).sharpness, abs=0.1)


def test_sharpness_hardly_depends_on_the_size_of_the_photo(photo):
    large = cv2.resize(photo, (2000, 2000), interpolation=cv2.INTER_LANCZOS4)

    assert measure(large).sharpness == pytest.approx(measure(photo).sharpness, abs=0.1)


def test_a_photo_of_one_colour_is_flat_without_edges_and_all_border():
    pixels = np.full((40, 60, 3), (90, 120, 200), np.uint8)

    measured = measure(pixels)

    assert (measured.sharpness, measured.flatness, measured.border) == (0, 1, 1)


def test_grey_levels_have_no_colourfulness(photo):
    grey = np.repeat(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)

    assert measure(grey).colourfulness == 0


def test_the_colourfulness_of_half_red_and_half_green_is_known():
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16, :, 0] = 100
    pixels[16:, :, 1] = 100

    # Red less green is 100 or -100: mean 0, deviation 100. Yellow less blue is 50 everywhere.
    assert measure(pixels).colourfulness == pytest.approx(100 + 0.3 * 50)


def test_a_drawing_of_flat_colours_is_flat_and_a_photo_is_not(photo):
    shapes = np.full((256, 256, 3), 230, np.uint8)
    cv2.circle(shapes, (128, 128), 60, (200, 30, 30), -1)

    assert (measure(shapes).flatness > 0.9, measure(photo).flatness < 0.3) == (True, True)


def test_bands_one_above_another_are_all_layers():
    bands = np.random.default_rng(0).integers(0, 256, (64, 1, 3), dtype=np.uint8).repeat(64, axis=1)

    assert measure(bands).layers == pytest.approx(1, abs=0.001)


def test_bands_side_by_side_are_no_layers():
    bands = np.random.default_rng(0).integers(0, 256, (1, 64, 3), dtype=np.uint8).repeat(64, axis=0)

    assert measure(bands).layers == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize(
    ("colour", "is_icy"),
    [
        ((245, 245, 250), True),
        ((150, 200, 220), True),
        ((40, 60, 70), False),
        ((120, 160, 60), False),
        ((220, 170, 120), False),
    ],
    ids=["snow", "glacier", "dark water", "grass", "sand"],
)
def test_snow_and_ice_are_known_by_their_colours(colour, is_icy):
    assert measure(np.full((8, 8, 3), colour, np.uint8)).icy == is_icy


def test_a_photo_without_a_border_has_none(photo):
    assert measure(photo).border == 0


def test_bars_above_and_below_are_counted(photo):
    assert measure(framed(photo, top=64, bottom=64)).border == pytest.approx(128 / 640, abs=0.01)


def test_a_white_frame_is_counted(photo):
    framed_photo = framed(photo, top=32, bottom=32, left=32, right=32, colour=(255, 255, 255))

    assert measure(framed_photo).border == pytest.approx(1 - (512 / 576) ** 2, abs=0.01)


def test_a_frame_that_was_saved_as_a_jpeg_is_counted(photo):
    _, data = cv2.imencode(".jpg", framed(photo, top=64, bottom=64), [cv2.IMWRITE_JPEG_QUALITY, 60])

    assert measure(cv2.imdecode(data, cv2.IMREAD_COLOR)).border == pytest.approx(0.2, abs=0.02)


def test_a_clear_sky_is_no_border(photo):
    sky = photo.copy()
    sky[:200] = (120, 170, 230)

    assert measure(sky).border == 0


def test_a_white_sky_that_fades_into_snow_is_no_border():
    levels = 255 - 40 * np.exp(-(((np.arange(256) - 128) / 40.0) ** 2))
    pixels = np.repeat(np.repeat(levels.astype(np.uint8)[:, None, None], 256, axis=1), 3, axis=2)

    assert measure(pixels).border == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (2, 3000), (5, 4), (64, 2048)])
def test_photos_of_any_size_are_measured(size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)

    measured = measure(pixels)

    assert isinstance(measured, Measures)
    assert np.isfinite(astuple(measured)).all()


def test_shares_stay_between_0_and_1(photo):
    pictures = (photo, photo[:, :3], np.zeros((9, 9, 3), np.uint8), np.full((300, 2, 3), 255, np.uint8))

    shares = [{**asdict(measure(pixels)), "colourfulness": 0} for pixels in pictures]

    assert all(0 <= share <= 1 for measured in shares for share in measured.values())


def test_the_photo_itself_is_left_as_it_is(photo):
    before = photo.copy()

    measure(photo)

    assert np.array_equal(photo, before)
