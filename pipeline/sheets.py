"""Sheets of pictures to look at: rows of them side by side, and how a sheet changes over time."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.errors import PhotoError
from pipeline.normalise import decode_photo
from pipeline.workspace import write_atomically

FRAMES = 60
"""Sheets in an animation: twelve seconds, after which nobody looks any longer."""
FRAME_MS, LAST_FRAME_MS = 200, 3000
SHEET_PX, CAPTION_PX = 1000, 24
"""The longer side of a sheet in an animation, and the height of the line below it."""
COLOURS, SEEN_EVERY_PX = 255, 4
"""Colours of an animation, chosen by every fourth pixel both ways; the 256th stands for what stays as it was."""


def contact_sheet(
    rows: Sequence[Sequence[np.ndarray]], *, titles: Sequence[str] = (), tile_px: int = 256
) -> np.ndarray:
    """Pictures laid out in rows on white, each shrunk or enlarged to fit its tile: (H, W, 3) uint8 RGB.

    rows: of pictures (h, w, 3) uint8 RGB of any sizes.    titles: one a column, above it.    tile_px: the tile's side.
    """
    gap = max(2, tile_px // 32)
    head = tile_px // 8 if titles else 0
    tiles = [[_fit(picture, tile_px) for picture in row] for row in rows]
    heights = [max((tile.height for tile in row), default=0) for row in tiles]
    columns = max([len(titles), *(len(row) for row in tiles)])
    size = (columns * (tile_px + gap) + gap, head + sum(heights) + (len(heights) + 1) * gap)
    sheet = Image.new("RGB", size, "white")

    if titles:
        pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=tile_px // 12)
        for column, title in enumerate(titles):
            place = (gap + column * (tile_px + gap) + tile_px // 2, (gap + head) // 2 + 1)
            pen.text(place, title, fill="black", font=font, anchor="mm")
    top = head + gap
    for row, height in zip(tiles, heights, strict=True):
        for column, tile in enumerate(row):
            left = gap + column * (tile_px + gap)
            sheet.paste(tile, (left + (tile_px - tile.width) // 2, top + (height - tile.height) // 2))
        top += height + gap
    return np.array(sheet)


def write_animation(path: Path, sheets: Sequence[tuple[Path, str]]) -> list[Path]:
    """Writes an animated GIF of sheets, the last one held, beside its place and then renamed.

    sheets: each with the caption below it, the first first; many are thinned out evenly.
    Returns those that could not be read, which are left out; where none could be, nothing is written.
    """
    frames, unreadable = [], []
    for sheet, caption in _thinned(sheets, FRAMES):
        try:
            pixels = decode_photo(sheet.read_bytes(), max_side_px=SHEET_PX).pixels
        except (OSError, PhotoError):
            unreadable.append(sheet)
        else:
            frames.append(_captioned(pixels, caption))
    if frames:
        # One palette for all, so that what does not change does not flicker.
        seen = [np.asarray(frame)[::SEEN_EVERY_PX, ::SEEN_EVERY_PX].reshape(-1, 3) for frame in frames]
        palette = Image.fromarray(np.concatenate(seen)[None]).quantize(COLOURS)
        first, *others = [frame.quantize(palette=palette) for frame in frames]
        shown_ms = [*[FRAME_MS] * len(others), LAST_FRAME_MS]
        file = io.BytesIO()
        first.save(file, "GIF", save_all=True, append_images=others, duration=shown_ms, loop=0)
        write_atomically(path, file.getvalue())
    return unreadable


def _thinned(sheets: Sequence[tuple[Path, str]], most: int) -> list[tuple[Path, str]]:
    """At most so many, evenly spaced, the first and the last among them."""
    if len(sheets) <= most:
        return list(sheets)
    return [sheets[round(k * (len(sheets) - 1) / (most - 1))] for k in range(most)]


def _captioned(pixels: np.ndarray, caption: str) -> Image.Image:
    height, width = pixels.shape[:2]
    frame = Image.new("RGB", (width, height + CAPTION_PX), "white")
    frame.paste(Image.fromarray(pixels))
    place, font = (width // 2, height + CAPTION_PX // 2), ImageFont.load_default(size=CAPTION_PX * 2 // 3)
    ImageDraw.Draw(frame).text(place, caption, fill="black", font=font, anchor="mm")
    return frame


def _fit(picture: np.ndarray, side_px: int) -> Image.Image:
    image = Image.fromarray(picture)
    scale = side_px / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
