"""How large pictures are wanted: `512` for the longer side, or `512x384`."""

import re
from dataclasses import dataclass

from pipeline.errors import RunError

LONGEST_SIDE = 16384


@dataclass(frozen=True, kw_only=True)
class PictureSize:
    """A size in pixels; without `height`, `width` is the longer side, whichever that is."""

    width: int
    height: int | None = None

    def of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the picture of a map of this (height, width)."""
        if self.height is not None:
            return self.height, self.width
        height, width = (max(1, round(side * self.width / max(size))) for side in size)
        return height, width


def read_size(text: str) -> PictureSize | None:
    """The size that was asked for, None for "".

    Raises: RunError when it is none.
    """
    if not text:
        return None
    said = re.fullmatch(r"([0-9]{1,5})(?:x([0-9]{1,5}))?", text.strip().lower())
    sides = [int(side) for side in said.groups() if side] if said else []
    if not sides or not all(1 <= side <= LONGEST_SIDE for side in sides):
        raise RunError(
            f"--size is '{text}', expected the longer side as in 512, or width and height as in 512x384, "
            f"of 1 to {LONGEST_SIDE} pixels"
        )
    return PictureSize(width=sides[0], height=sides[1] if len(sides) > 1 else None)
