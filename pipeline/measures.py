"""What is measured on the pixels of a photo: sharpness, colour, grain, borders, text, and how it is laid out."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.lettering import SIDE_PX as LETTERING_SIDE_PX
from pipeline.lettering import find_lettering

SIDE_PX = 256
"""The longer side of the copy that is measured; smaller photos are measured as they are."""
AROUND_PX = 9
"""Side of the window in which the step of an edge is looked for."""
STEEPEST = 0.05
"""Share of the windows, those with the largest steps, that speak for the sharpness of the photo."""
FLAT_LEVELS = 3.0
"""A line of pixels belongs to a border when its deviation, and its distance to the first line, are at most this."""
STEP_LEVELS = 8.0
"""How far the pixels behind a border must be from it in the median: a clear sky fades, a border ends."""
BEHIND_PX = 3
"""How far behind a border the picture is looked at: the line in between is a mixture of both."""
GRAINLESS_LEVELS = 1
"""A pixel is without grain when no colour differs by more than this among it and its eight neighbours."""

PALE = ((0, 0, 100), (180, 20, 255))
BLUISH = ((80, 0, 100), (125, 190, 255))
"""Least and most hue (180 for the whole circle), saturation and value (255) of the colours that snow and ice have."""
NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What the rules ask of the pixels.

    sharpness: share of an edge's step that is made from one pixel to the next, 0 to 1; the mean over the largest edges.
    colourfulness: 0 for grey levels, about 30 for an ordinary photo, above 60 for a gaudy one.
    flatness: share of pixels without grain, 0 to 1; high for graphics, silhouettes and space.
    layers: share of the variance of the colours that the height in the photo explains, 0 to 1; high where sky, land and
    water lie above one another, low where a thing stands before something.
    icy: share of pixels in the colours of snow and ice, 0 to 1; skies and clouds have them too.
    border: share of the photo that lies in bars of one colour along two opposite sides, or all four, 0 to 1.
    lettering: share of the photo that rows of letters cover, 0 to 1; high for pages, screens and captions.
    """

    sharpness: float
    colourfulness: float
    flatness: float
    layers: float
    icy: float
    border: float
    lettering: float


def measure(pixels: np.ndarray) -> Measures:
    """pixels: (H, W, 3) uint8 RGB."""
    large = _halved(np.ascontiguousarray(pixels), LETTERING_SIDE_PX)
    grey = cv2.cvtColor(large, cv2.COLOR_RGB2GRAY)
    small = _shrunk(_halved(large, SIDE_PX), SIDE_PX, cv2.INTER_AREA)
    return Measures(
        sharpness=round(_sharpness(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)), 4),
        colourfulness=round(_colourfulness(small), 2),
        flatness=round(_flatness(small), 4),
        layers=round(_layers(small), 4),
        icy=round(_icy(small), 4),
        border=round(_border(small), 4),
        lettering=round(find_lettering(_shrunk(grey, LETTERING_SIDE_PX, cv2.INTER_LINEAR)), 4),
    )


def _halved(pixels: np.ndarray, side_px: int) -> np.ndarray:
    """Halved as often as the longer side stays at side_px or above: what cv2 does fastest, and a mean over cells."""
    while max(pixels.shape[:2]) >= 2 * side_px and min(pixels.shape[:2]) > 1:
        height, width = pixels.shape[0] // 2, pixels.shape[1] // 2
        pixels = cv2.resize(pixels[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return pixels


def _shrunk(pixels: np.ndarray, side_px: int, interpolation: int) -> np.ndarray:
    scale = side_px / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return cv2.resize(pixels, size, interpolation=interpolation)


def _sharpness(grey: np.ndarray) -> float:
    """Of the edges with the largest steps, so that a soft sky or fog around them says nothing.

    grey: (h, w) uint8.
    """
    window = np.ones((AROUND_PX, AROUND_PX), np.uint8)
    steps = cv2.subtract(cv2.dilate(grey, window), cv2.erode(grey, window))
    near = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    slopes = cv2.subtract(cv2.dilate(grey, near), grey)  # to the brightest of the four neighbours
    slopes = cv2.dilate(slopes, window)
    large = steps >= max(1.0, float(np.quantile(steps, 1 - STEEPEST)))
    return float((slopes[large] / steps[large].astype(np.float32)).mean()) if large.any() else 0.0


def _colourfulness(small: np.ndarray) -> float:
    """Source: Hasler and Suesstrunk 2003, Measuring Colourfulness in Natural Images, section 6."""
    red, green, blue = (small[..., channel].astype(np.float32) for channel in range(3))
    opponents = np.stack([red - green, (red + green) / 2 - blue])  # (2, h, w)
    means, deviations = opponents.mean(axis=(1, 2)), opponents.std(axis=(1, 2))
    return float(np.hypot(*deviations) + 0.3 * np.hypot(*means))


def _flatness(small: np.ndarray) -> float:
    ranges = cv2.subtract(cv2.dilate(small, NEIGHBOURS), cv2.erode(small, NEIGHBOURS))
    return cv2.countNonZero(cv2.inRange(ranges, (0,) * 3, (GRAINLESS_LEVELS,) * 3)) / (small.shape[0] * small.shape[1])


def _layers(small: np.ndarray) -> float:
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    rows = cv2.reduce(lab, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)  # (h, 1, 3)
    by_height, whole = (float((cv2.meanStdDev(colours)[1] ** 2).sum()) for colours in (rows, lab))
    return min(by_height / max(whole, 1e-3), 1.0)


def _icy(small: np.ndarray) -> float:
    hsv = cv2.cvtColor(small, cv2.COLOR_RGB2HSV)
    icy = cv2.bitwise_or(cv2.inRange(hsv, *PALE), cv2.inRange(hsv, *BLUISH))
    return cv2.countNonZero(icy) / icy.size


def _border(small: np.ndarray) -> float:
    upright = min(_bar(small), _bar(small[::-1])) / small.shape[0]
    lying = min(_bar(small.swapaxes(0, 1)), _bar(small.swapaxes(0, 1)[::-1])) / small.shape[1]
    return 1 - (1 - 2 * upright) * (1 - 2 * lying)


def _bar(small: np.ndarray) -> int:
    """How many of the first rows are a bar of one colour that ends abruptly; 0 for none."""
    first = small[0].reshape(-1, 3)
    colour = first.mean(axis=0)
    if first.std(axis=0).max() > FLAT_LEVELS:
        return 0
    height = small.shape[0]
    away = np.abs(small.astype(np.float32) - colour).max(axis=2)  # (h, w)
    flat = np.sqrt((away**2).mean(axis=1)) <= FLAT_LEVELS
    rows = height if flat.all() else int(np.argmin(flat))
    if rows + BEHIND_PX >= height // 2:
        return min(rows, height // 2)
    return rows if float(np.median(away[rows + BEHIND_PX])) >= STEP_LEVELS else 0
