"""What lies at one's feet: single blades of grass, the blossoms of the flower beds, the pebbles of a shore."""

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
    brushed = canvas.photo.copy()
    bright = np.clip(shade.mean(axis=1) / 105, 0.25, 1.25)
    blooms = np.float32(BLOOMS[scene.blooms]) * 255
    for number in chosen[np.argsort(-z[chosen], kind="stable")]:
        at = (float(column[number]), float(row[number]))
        scale = FOCAL / float(z[number]) * size
        if is_blossom[number]:
            colour = np.clip(blooms[int(dice[number, 2] * 3) % 3] * bright[number], 0, 255)
            _blossom(brushed, at, scale, colour, dice[number])
        elif is_blade[number]:
            _blade(brushed, at, scale, shade[number] * (0.78 + 0.55 * dice[number, 4]), dice[number])
        else:
            _pebble(brushed, at, scale, shade[number] * (0.70 + 0.75 * dice[number, 4]), dice[number])
    # Grass may hang over flowers, but nothing hangs over the road or into the water.
    is_meadow = np.isin(canvas.labels, meadow)
    canvas.photo[is_meadow] = brushed[is_meadow]
    if is_pebble.any():
        shore = np.isin(canvas.labels, [id_of(name) for name in PEBBLY])
        canvas.photo[shore] = brushed[shore]


def _blade(photo: np.ndarray, foot: tuple[float, float], scale: float, colour: np.ndarray, roll: np.ndarray) -> None:
    """A thin triangle; scale: pixels for one camera height."""
    long = (0.05 + 0.09 * float(roll[2])) * scale
    lean = (float(roll[3]) - 0.5) * 0.8 * long
    half = max(0.35, 0.0032 * scale)
    corners = [(foot[0] - half, foot[1]), (foot[0] + half, foot[1]), (foot[0] + lean, foot[1] - long)]
    pixels = np.rint(np.float32(corners) * 16).astype(np.int32)
    cv2.fillConvexPoly(photo, pixels, np.minimum(colour, 255).tolist(), cv2.LINE_AA, 4)


def _blossom(photo: np.ndarray, foot: tuple[float, float], scale: float, colour: np.ndarray, roll: np.ndarray) -> None:
    """A flat dab above the leaves, darker below."""
    wide = max(0.6, (0.010 + 0.012 * float(roll[3])) * scale)
    centre = (round(foot[0] * 16), round((foot[1] - 0.05 * scale) * 16))
    axes = (round(wide * 16), round(wide * 0.72 * 16))
    cv2.ellipse(photo, centre, axes, 0, 0, 360, (colour * 0.72).tolist(), -1, cv2.LINE_AA, 4)
    above = (centre[0], centre[1] - round(wide * 3.5))
    cv2.ellipse(photo, above, (round(wide * 13), round(wide * 8)), 0, 0, 360, colour.tolist(), -1, cv2.LINE_AA, 4)


def _pebble(photo: np.ndarray, foot: tuple[float, float], scale: float, colour: np.ndarray, roll: np.ndarray) -> None:
    """A flat stone, light above and dark below."""
    wide = max(0.5, (0.008 + 0.035 * float(roll[2]) ** 3) * scale)
    centre = (round(foot[0] * 16), round(foot[1] * 16))
    turn = 20 * (float(roll[3]) - 0.5)
    cv2.ellipse(
        photo, centre, (round(wide * 16), round(wide * 9)), turn, 0, 360, (colour * 0.5).tolist(), -1, cv2.LINE_AA, 4
    )
    above = (centre[0], centre[1] - round(wide * 3))
    lit = np.minimum(colour * 1.08, 255).tolist()
    cv2.ellipse(photo, above, (round(wide * 14), round(wide * 7)), turn, 0, 360, lit, -1, cv2.LINE_AA, 4)
