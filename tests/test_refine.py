"""A guided filter moves the borders of a label map to those of the photo."""

import numpy as np
import pytest

from pipeline.segmenters.refine import fit_to_photo


@pytest.fixture
def photo() -> np.ndarray:
    """Dark left of column 70, light right of it: (96, 128, 3) uint8."""
    pixels = np.full((96, 128, 3), 40, np.uint8)
    pixels[:, 70:] = 200
    return pixels


def halves(border: int) -> np.ndarray:
    """Two classes that meet at a column of 32: (2, 24, 32) float32."""
    left = np.zeros((24, 32), np.float32)
    left[:, :border] = 1
    return np.stack([left, 1 - left])


def test_a_border_beside_one_in_the_photo_moves_there(photo):
    fitted = fit_to_photo(halves(17), photo, align_corners=False)

    border = (fitted.argmax(axis=0)[48] == 1).argmax()
    assert abs(border - 70) <= 1


def test_without_a_border_in_the_photo_it_stays():
    fitted = fit_to_photo(halves(16), np.full((96, 128, 3), 90, np.uint8), align_corners=False)

    border = (fitted.argmax(axis=0)[48] == 1).argmax()
    assert abs(border - 64) <= 2


def test_probabilities_add_up_to_one_and_stay_between_zero_and_one(photo):
    fitted = fit_to_photo(halves(17), photo, align_corners=True)

    assert fitted.shape == (2, 96, 128)
    assert fitted.min() >= 0
    assert fitted.sum(axis=0) == pytest.approx(np.ones((96, 128)), abs=1e-5)


def test_a_large_photo_is_looked_at_smaller():
    fitted = fit_to_photo(halves(16), np.zeros((1536, 2048, 3), np.uint8), align_corners=False)

    assert fitted.shape == (2, 768, 1024)
