"""Small pictures that stand in the page itself: photos, and photos beside their label maps."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline import images
from pipeline.errors import PhotoError, WorkspaceError
from pipeline.rows import Row
from pipeline.workspace import Workspace

HEIGHT_PX = 150
WIDEST = 2.2
"""Wider photos are cut to so many times their height."""
QUALITY = 72
GAP_PX = 3


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as a `data:` address, "" where it cannot be read, and its size in pixels."""

    address: str = ""
    width: int = HEIGHT_PX
    height: int = HEIGHT_PX


class Pictures:
    """Pictures of rows, to stand in the page."""

    def __init__(self, workspace: Workspace, palette: bytes, *, on_unreadable: Callable[[str], None]) -> None:
        """on_unreadable: told in a sentence of a picture that cannot be shown."""
        self._workspace = workspace
        self._palette = palette
        self._on_unreadable = on_unreadable

    def photo(self, row: Row) -> Picture:
        """The photo."""
        return self._drawn(row, lambda: self._read_photo(row))

    def overlay(self, row: Row) -> Picture:
        """The photo, and beside it the photo with its label map laid over it."""

        def draw() -> np.ndarray:
            photo = self._read_photo(row)
            labels = images.read_labels(self._workspace.resolve(row.label_file_name))
            height, width = photo.shape[:2]
            y = np.arange(height) * labels.shape[0] // height
            scale = labels.shape[0] / height
            x = np.minimum((np.arange(width) * scale).astype(int), labels.shape[1] - 1)
            beside = images.overlay(photo, labels[y][:, x], self._palette, opacity=0.6)
            both = np.concatenate([photo, np.zeros((height, GAP_PX, 3), np.uint8), beside], axis=1)
            is_there = np.full((height, 2 * width + GAP_PX, 1), 255, np.uint8)
            is_there[:, width : width + GAP_PX] = 0
            return np.concatenate([both, is_there], axis=2)

        return self._drawn(row, draw)

    def _read_photo(self, row: Row) -> np.ndarray:
        """(HEIGHT_PX, W, 3) uint8 RGB, cut at the right where it is very wide.

        Raises: PhotoError when it cannot be read.
        """
        path = self._workspace.resolve(row.file_name)
        shape = max(1.0, (row.width or 1) / (row.height or 1))
        pixels, _ = images.read_photo_for(path, round(2 * HEIGHT_PX * shape))
        height, width = pixels.shape[:2]
        small = Image.fromarray(pixels).resize((max(1, round(width * HEIGHT_PX / height)), HEIGHT_PX))
        return np.asarray(small)[:, : round(WIDEST * HEIGHT_PX)]

    def _drawn(self, row: Row, draw: Callable[[], np.ndarray]) -> Picture:
        try:
            pixels = draw()
        except PhotoError as error:
            self._on_unreadable(f"{row.original_name} {error}")
            return Picture()
        except WorkspaceError as error:
            self._on_unreadable(f"{row.original_name}: {error}")
            return Picture()
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "WEBP", quality=QUALITY)
        address = f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
        return Picture(address=address, width=pixels.shape[1], height=pixels.shape[0])
