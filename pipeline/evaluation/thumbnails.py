"""Pictures that stand in the page itself: one, or several side by side."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pipeline.report_page.pictures import GAP_PX, QUALITY, Picture

HEIGHT_PX = 192
"""Of each picture in the page; smaller ones are enlarged a whole number of times, so that their pixels can be seen."""


def side_by_side(pictures: Sequence[np.ndarray]) -> Picture:
    """A picture of pictures, with nothing between them.    pictures: (H, W, 3) uint8 RGB, all of one height."""
    tiles = [_scaled(pixels) for pixels in pictures]
    height = tiles[0].shape[0]
    gap = np.zeros((height, GAP_PX, 4), np.uint8)
    parts = [gap]
    for tile in tiles:
        parts += [np.concatenate([tile, np.full((*tile.shape[:2], 1), 255, np.uint8)], axis=2), gap]
    pixels = np.concatenate(parts[1:-1], axis=1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", quality=QUALITY)
    address = f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
    return Picture(address=address, width=pixels.shape[1], height=pixels.shape[0])


def _scaled(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    times = HEIGHT_PX // height
    if times >= 1:
        return pixels.repeat(times, axis=0).repeat(times, axis=1)
    return np.asarray(Image.fromarray(pixels).resize((max(1, round(width * HEIGHT_PX / height)), HEIGHT_PX)))
