"""Probabilities whose borders follow those in the photo: a guided filter."""

import cv2
import numpy as np

from pipeline.segmenters.merge import resize

LONGEST_SIDE_PX = 1024
"""Photos are looked at up to this size."""
RADIUS_SHARE = 1 / 32
"""How far the filter looks, as a share of the longer side."""
FAINTEST = 1e-3
"""Variance of the grey levels, 0 to 1, under which no border is seen."""


def fit_to_photo(probabilities: np.ndarray, pixels: np.ndarray, *, align_corners: bool) -> np.ndarray:
    """Each class's probability as a local linear function of the photo's grey: (K, H', W') float32, which add up to 1.

    probabilities: (K, h, w) float32.    pixels: (H, W, 3) uint8 RGB.    align_corners: how they lie upon each other.
    Source: He, Sun and Tang 2013, Guided Image Filtering, algorithm 1.
    """
    shrink = min(1.0, LONGEST_SIDE_PX / max(pixels.shape[:2]))
    height, width = (max(1, round(side * shrink)) for side in pixels.shape[:2])
    small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    guide = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    side = 2 * max(1, round(max(height, width) * RADIUS_SHARE)) + 1

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)

    mean_guide = mean(guide)
    variance = mean(guide * guide) - mean_guide * mean_guide
    fitted = np.empty((len(probabilities), height, width), np.float32)
    for channel, values in enumerate(resize(probabilities, (height, width), align_corners=align_corners)):
        mean_values = mean(values)
        slope = (mean(guide * values) - mean_guide * mean_values) / (variance + FAINTEST)
        offset = mean_values - slope * mean_guide
        fitted[channel] = mean(slope) * guide + mean(offset)
    np.clip(fitted, 0, 1, out=fitted)
    return fitted / np.maximum(fitted.sum(axis=0), 1e-6)
