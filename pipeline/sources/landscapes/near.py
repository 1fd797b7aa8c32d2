"""What lies at one's feet: single blades of grass, the blossoms of the flower beds, the pebbles of a shore."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.sources.landscapes.canvas import Canvas, id_of
from pipeline.sources.landscapes.scene import Scene
from pipeline.sources.landscapes.terrain import FOCAL, Terrain

BLADES, BLOSSOMS = 500, 900
"""How many places are tried for each."""

PEBBLES = 900
"""So many of the same places may carry a pebble instead."""

MEADOW = ("grass", "flower")

BLOOMS = (
    ((0.95, 0.80, 0.22), (0.96, 0.95, 0.90), (0.90, 0.55, 0.20)),
    ((0.86, 0.20, 0.22), (0.95, 0.36, 0.25), (0.97, 0.93, 0.86)),
    ((0.52, 0.36, 0.78), (0.74, 0.52, 0.86), (0.96, 0.92, 0.97)),
    ((0.92, 0.46, 0.66), (0.98, 0.78, 0.85), (0.98, 0.90, 0.50)),
)
"""Three colours that flower together."""


PEBBLY = {"gravel": 1.0, "dirt": 0.25, "sand": 0.06}
"""How many of the places on bare ground carry a pebble."""


def strew(scene: Scene, terrain: Terrain, canvas: Canvas, rng: np.random.Generator) -> None:
    """Strokes that stay on the ground they belong to: no label changes."""
    dice = rng.uniform(size=(BLADES + BLOSSOMS, 6)).astype(np.float32)
    size = canvas.size
    z = 1.3 * (13 / 1.3) ** dice[:, 0]
    x = (dice[:, 1] - 0.5) * z / np.float32(FOCAL)
    column, row = terrain.project(x, terrain.look_up(terrain.relief.land, x, z), z)
    on = np.clip(row.astype(int), 0, size - 1), np.clip(column.astype(int), 0, size - 1)
    ground = canvas.labels[on]
    shade = canvas.photo[on].astype(np.float32)
    meadow = [id_of(name) for name in MEADOW]
    is_blossom = (np.arange(len(dice)) >= BLADES) & (ground == id_of("flower")) & (row < size)
    is_blade = (np.arange(len(dice)) < BLADES) & np.isin(ground, meadow) & (row < 1.15 * size)
    share = np.zeros(256, np.float32)
    if not scene.dunes:
        share[[id_of(name) for name in PEBBLY]] = list(PEBBLY.values())
    is_pebble = (dice[:, 5] < share[ground]) & (row < size) & (np.arange(len(dice)) < PEBBLES)
    chosen = np.flatnonzero(is_blossom | is_blade | is_pebble)
    if not len(chosen):
        return
    chosen = chosen[np.argsort(-z[chosen], kind="stable")]
    strokes = Strokes(
        column=column[chosen].astype(np.float64),
        row=row[chosen].astype(np.float64),
        scale=FOCAL / z[chosen].astype(np.float64) * size,
        colour=shade[chosen],
        dice=dice[chosen],
    )
    bright = np.clip(shade[chosen].mean(axis=1) / 105, 0.25, 1.25)
    blooms = np.float32(BLOOMS[scene.blooms]) * 255
    blades, pebbles = _blades(strokes), _pebbles(strokes)
    blossoms = _blossoms(strokes, blooms[(dice[chosen, 2] * 3).astype(int) % 3] * bright[:, None])
    brushed = canvas.photo.copy()
    for number, place in enumerate(chosen.tolist()):
        if is_blossom[place]:
            _dab(brushed, *blossoms[number])
        elif is_blade[place]:
            pixels, colour = blades[number]
            cv2.fillConvexPoly(brushed, pixels, colour, cv2.LINE_AA, 4)
        else:
            _dab(brushed, *pebbles[number])
    # Grass may hang over flowers, but nothing hangs over the road or into the water.
    brushes_over = (*MEADOW, *PEBBLY) if is_pebble.any() else MEADOW
    cv2.copyTo(brushed, canvas.shows(*brushes_over).view(np.uint8), canvas.photo)


@dataclass(frozen=True, kw_only=True)
class Strokes:
    """The feet of n strokes, in pixels, far to near.

    column, row, scale: (n,) float64; a camera height is `scale` pixels there.  colour: (n, 3) of the ground, 0..255.
    dice: (n, 6) float32.
    """

    column: np.ndarray
    row: np.ndarray
    scale: np.ndarray
    colour: np.ndarray
    dice: np.ndarray


Dab = tuple[list[int], list[int], list[float], list[int], list[int], list[float], float]
"""Centre, half axes and colour of an ellipse below and of one above, and their turn in degrees."""


def _blades(strokes: Strokes) -> list[tuple[np.ndarray, list[float]]]:
    """Thin triangles: corners in sixteenths of a pixel, and their colour."""
    foot, scale, roll = strokes.column, strokes.scale, strokes.dice.astype(np.float64)
    long = (0.05 + 0.09 * roll[:, 2]) * scale
    lean = (roll[:, 3] - 0.5) * 0.8 * long
    half = np.maximum(0.35, 0.0032 * scale)
    across = np.stack([foot - half, foot + half, foot + lean], 1)
    down = np.stack([strokes.row, strokes.row, strokes.row - long], 1)
    corners = np.stack([across, down], 2).astype(np.float32)  # (n, 3, 2)
    colours = np.minimum(strokes.colour * (0.78 + 0.55 * strokes.dice[:, 4:5]), 255)
    return list(zip(np.rint(corners * 16).astype(np.int32), colours.tolist(), strict=True))


def _blossoms(strokes: Strokes, colours: np.ndarray) -> list[Dab]:
    """Flat dabs above the leaves, darker below."""
    wide = np.maximum(0.6, (0.010 + 0.012 * strokes.dice[:, 3].astype(np.float64)) * strokes.scale)
    column, row = _sixteenths(strokes.column * 16), _sixteenths((strokes.row - 0.05 * strokes.scale) * 16)
    below = np.stack([_sixteenths(wide * 16), _sixteenths(wide * 0.72 * 16)], 1)
    above = np.stack([_sixteenths(wide * 13), _sixteenths(wide * 8)], 1)
    colours = np.clip(colours, 0, 255)
    lifted = row - _sixteenths(wide * 3.5)
    return _dabs(column, row, lifted, below, above, colours * 0.72, colours, np.zeros(len(wide)))


def _pebbles(strokes: Strokes) -> list[Dab]:
    """Flat stones, light above and dark below."""
    roll = strokes.dice.astype(np.float64)
    wide = np.maximum(0.5, (0.008 + 0.035 * roll[:, 2] ** 3) * strokes.scale)
    column, row = _sixteenths(strokes.column * 16), _sixteenths(strokes.row * 16)
    below = np.stack([_sixteenths(wide * 16), _sixteenths(wide * 9)], 1)
    above = np.stack([_sixteenths(wide * 14), _sixteenths(wide * 7)], 1)
    colours = strokes.colour * (0.70 + 0.75 * strokes.dice[:, 4:5])
    lit = np.minimum(colours * 1.08, 255)
    lifted = row - _sixteenths(wide * 3)
    return _dabs(column, row, lifted, below, above, colours * 0.5, lit, 20 * (roll[:, 3] - 0.5))


def _dabs(
    column: np.ndarray,
    row: np.ndarray,
    lifted: np.ndarray,
    below: np.ndarray,
    above: np.ndarray,
    dark: np.ndarray,
    light: np.ndarray,
    turn: np.ndarray,
) -> list[Dab]:
    parts = (np.stack([column, row], 1), below, dark, np.stack([column, lifted], 1), above, light, turn)
    return list(zip(*(part.tolist() for part in parts), strict=True))


def _sixteenths(places: np.ndarray) -> np.ndarray:
    return np.rint(places).astype(int)


def _dab(
    photo: np.ndarray,
    centre: list[int],
    below: list[int],
    dark: list[float],
    lifted: list[int],
    above: list[int],
    light: list[float],
    turn: float,
) -> None:
    cv2.ellipse(photo, centre, below, turn, 0, 360, dark, -1, cv2.LINE_AA, 4)
    cv2.ellipse(photo, lifted, above, turn, 0, 360, light, -1, cv2.LINE_AA, 4)
