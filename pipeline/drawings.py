"""Label maps that others have drawn, with ids or in the colours of classes, in the ids of a taxonomy."""

from dataclasses import dataclass

import numpy as np

from pipeline.classes import UNKNOWN, Taxonomy, translate_classes, translate_ids
from pipeline.errors import PhotoError
from pipeline.images import Drawing

COLOURS_SHOWN = 3
EVERY_COLOUR = 1 << 24
BLACK = 0
"""What unknown pixels are painted with."""


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What drawings say: ids those of `source`, colours those of the first of `palettes` that has them all.

    target: the taxonomy that their classes are wanted in.
    """

    target: Taxonomy
    source: Taxonomy
    palettes: tuple[Taxonomy, ...]

    def read(self, drawing: Drawing, *, hint: str = "") -> np.ndarray:
        """The ids of a drawing, (H, W) uint8, UNKNOWN where the target has no such class.

        hint: what is said to someone whose ids are none, as "; say more".
        Raises: PhotoError that goes on behind the drawing's name: has the id 20 at x=2, y=1. ...
        """
        if drawing.pixels.ndim == 3:
            return self._ids_of_colours(_pack(drawing.pixels))
        if drawing.palette is not None and self._is_painted(drawing):
            return self._ids_of_colours(_pack(drawing.palette)[drawing.pixels])
        self._check_ids(drawing.pixels, hint)
        return translate_ids(drawing.pixels, self.source, self.target)

    def _is_painted(self, drawing: Drawing) -> bool:
        """Whether an indexed map shows the colours of classes while its bytes are only places in its palette."""
        counts = np.bincount(drawing.pixels.ravel(), minlength=256)
        used = np.flatnonzero(counts)
        shown = _pack(drawing.palette)[used]
        means_ids = [_pack(_colours(self.source)), np.arange(256, dtype=np.uint32) * 0x010101]
        if any(np.array_equal(shown, colours[used]) for colours in means_ids):
            return False
        pixels = np.where(shown == BLACK, 0, counts[used])
        known = max(pixels[np.isin(shown, _pack(_colours(one)))].sum() for one in self.palettes)
        return known > 0 and 2 * known >= pixels.sum()

    def _ids_of_colours(self, colours: np.ndarray) -> np.ndarray:
        """colours: (H, W) uint32, 0xrrggbb."""
        is_there = np.zeros(EVERY_COLOUR, dtype=bool)
        is_there[colours] = True
        found = np.flatnonzero(is_there)
        strangers = [found[~np.isin(found, _pack(_colours(one)))] for one in self.palettes]
        fewest = min(range(len(strangers)), key=lambda index: len(strangers[index]))
        if len(strangers[fewest]):
            raise _strange_colours(colours, strangers[fewest], self.palettes[fewest], self.palettes)
        painted = self.palettes[fewest]
        ids = np.full(EVERY_COLOUR, UNKNOWN, dtype=np.uint8)
        ids[_pack(_colours(painted))[: len(painted)]] = translate_classes(painted, self.target)
        return ids[colours]

    def _check_ids(self, ids: np.ndarray, hint: str) -> None:
        wrong = (ids >= len(self.source)) & (ids != UNKNOWN)
        if wrong.any():
            y, x = divmod(int(wrong.argmax()), wrong.shape[1])
            raise PhotoError(
                f"has the id {ids[y, x]} at x={x}, y={y}. The classes of {self.source.name} are "
                f"0..{len(self.source) - 1}, and {UNKNOWN} is unknown{hint}"
            )


def _strange_colours(
    colours: np.ndarray, strangers: np.ndarray, nearest: Taxonomy, palettes: tuple[Taxonomy, ...]
) -> PhotoError:
    """Names the colours that the nearest taxonomy does not have, the most frequent first."""
    is_strange = np.zeros(EVERY_COLOUR, dtype=bool)
    is_strange[strangers] = True
    found, counts = np.unique(colours[is_strange[colours]], return_counts=True)
    shown = found[np.argsort(-counts, kind="stable")][:COLOURS_SHOWN]
    y, x = divmod(int((colours == shown[0]).argmax()), colours.shape[1])
    listed = ", ".join(f"#{colour:06x}" for colour in shown)
    known = " or ".join(one.name for one in palettes)
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    return PhotoError(
        f"is painted with {listed}{more}, the first at x={x}, y={y}, "
        f"which {nearest.name} does not have. A map has exactly the colours of {known}; an anti-aliased one, "
        "or one that was a JPEG, cannot be read. gauganpipe classes lists the colours"
    )


def _colours(taxonomy: Taxonomy) -> np.ndarray:
    """(256, 3) uint8 RGB, black where there is no class."""
    return np.frombuffer(taxonomy.palette, dtype=np.uint8).reshape(256, 3)


def _pack(pixels: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 RGB -> (...) uint32, 0xrrggbb."""
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    return red << 16 | green << 8 | blue
