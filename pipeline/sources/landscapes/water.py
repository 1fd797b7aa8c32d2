"""Water: it mirrors what stands behind it, moves in ripples, and foams at the shore of a sea."""

import cv2
import numpy as np

from pipeline.sources.landscapes.canvas import Canvas, id_of
from pipeline.sources.landscapes.light import Colour, squared
from pipeline.sources.landscapes.noise import fractal, noise, smoothstep
from pipeline.sources.landscapes.scene import Scene
from pipeline.sources.landscapes.surface import Surface
from pipeline.sources.landscapes.terrain import BEYOND, FOCAL

WATERS = ("water", "sea", "river")

MIRROR_STEPS = 15


def first_rows(canvas: Canvas, kind: str) -> np.ndarray:
    """(W,) int: in each column the first row of water, the height of the picture where there is none."""
    is_water = canvas.labels == id_of(kind)
    return np.where(is_water.any(axis=0), np.argmax(is_water, axis=0), canvas.size)


def flood(scene: Scene, surface: Surface, canvas: Canvas) -> None:
    """Paint the surface of the water over its bed; what is painted afterwards stands before the water."""
    assert scene.water is not None
    size = canvas.size
    share = np.where(canvas.distance[surface.top :] == surface.z, surface.water, 0)
    # From here on there are only the pixels that show water, in one row: (n,) each.
    wet = np.flatnonzero(share)
    if not len(wet):
        return
    x, z, depth, share, footprint = (
        array.ravel()[wet] for array in (surface.x, surface.z, surface.depth, share, surface.footprint)
    )
    row, column = np.divmod(wet.astype(np.int32), np.int32(size))
    rows, columns = (row + surface.top).astype(np.float32) + np.float32(0.5), column.astype(np.float32)
    calm = {"water": 0.5, "river": 0.6, "sea": 1.4}[scene.water.kind]
    swell = fractal(x * 0.9 + scene.shift[0], z * 0.55, 3, gain=0.6, footprint=footprint * np.clip(z, 1, 8))
    below = rows - scene.horizon * size
    wobble = swell * calm * (0.003 * size + 0.06 * below)
    from_row = _mirrored_rows(canvas, scene.horizon, column, rows + wobble, z)
    from_row = np.where(from_row < 0, from_row * -0.6, from_row) - 0.5
    mirror = _mirror(canvas, np.clip(columns + wobble * 0.35, 0, size - 1), from_row)

    # The steeper one looks down, the more one sees of the water itself.
    glance = np.clip((rows / size - scene.horizon) / FOCAL, 0.002, 1)
    strength = 0.30 + 0.62 * np.exp(-glance * 3.6)
    light = scene.weather.light
    bright = _amount(light.ambient) + 0.6 * _amount(light.sun)
    shallow = np.exp(-np.maximum(depth, 0) / (1.4 if scene.water.kind != "sea" else 3.0))
    deep = _amount(scene.water.deep)
    colour = shallow * (_amount((0.36, 0.48, 0.42)) - deep)  # (3, n)
    colour *= 0.6
    colour += deep
    colour *= bright
    strength = strength + 0.22 * swell * (0.3 + calm)
    mirror *= 0.94
    mirror -= colour
    mirror *= np.clip(strength, 0.08, 0.95)
    colour += mirror

    crest = smoothstep(swell, 0.45, 0.95) * np.clip(1.4 - z / 60, 0, 1)
    gleam = np.subtract(_amount(light.horizon), colour, out=mirror)
    gleam *= 0.10 * calm * crest
    colour += gleam
    if scene.water.kind == "sea":
        colour = _foam(scene, colour, x, z, depth, swell, bright, footprint)
    painted = np.sqrt(np.clip(colour, 0, 1, out=colour), out=colour)
    painted *= 255
    photo = canvas.photo[surface.top :].reshape(-1, 3)
    bed = photo.take(wet, axis=0).T
    painted -= bed
    painted *= share
    painted += bed
    painted += 0.5
    photo[wet] = painted.T.astype(np.uint8)


def _amount(colour: Colour) -> np.ndarray:
    """(3, 1): a colour as an amount of light, ready to be multiplied with rows of pixels."""
    return squared(colour)[:, 0]


def _mirror(canvas: Canvas, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(3, n): the light that comes from n places of the picture, each a little blurred."""
    size, count = canvas.size, len(rows)
    softened = cv2.blur(canvas.photo, (1, 2 * max(1, size // 170) + 1))
    places = np.zeros((2, -(-count // size), size), np.float32)
    places.reshape(2, -1)[0, :count] = columns
    places.reshape(2, -1)[1, :count] = rows
    mirror = cv2.remap(softened, places[0], places[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    amounts = np.square(np.arange(256, dtype=np.float32) / 255)
    return np.ascontiguousarray(cv2.LUT(mirror, amounts).reshape(-1, 3)[:count].T)


def _mirrored_rows(canvas: Canvas, horizon: float, column: np.ndarray, rows: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(n,): the row that shows what the water of each of n pixels mirrors.

    What stands at a distance appears as far below the line where water would be at that distance as it rises above it.
    The ray from the water goes from near to far until it meets something nearer than itself, else it ends in the sky.
    """
    size = canvas.size
    distance = np.where(canvas.shows(*WATERS), BEYOND, canvas.distance).ravel()
    met = np.full(z.shape, BEYOND)
    # Far to near, so that what the ray meets first is noted last.
    for far in np.geomspace(3.0, 600.0, MIRROR_STEPS, dtype=np.float32)[::-1]:
        row = 2 * (horizon + FOCAL / far) * size - rows
        place = np.clip(row, 0, size - 1, out=row).astype(np.intp)
        place *= size
        place += column
        found = distance.take(place, mode="wrap")
        np.copyto(met, found, where=(found <= far) & (far > z))
    return np.clip(2 * (horizon + FOCAL / met) * size - rows, -size + 1, size)


def _foam(
    scene: Scene,
    colour: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    depth: np.ndarray,
    swell: np.ndarray,
    bright: np.ndarray,
    footprint: np.ndarray,
) -> np.ndarray:
    """White water where the waves run out, and two or three breakers behind."""
    ragged = noise(x * 0.7 + 3, z * 0.7) + 0.4 * swell
    lace = 0.6 + 0.5 * noise(x * 6, z * 5)
    edge = smoothstep(-depth + 0.18 * ragged, -0.42, -0.10)
    rolled = depth * 0.42 + 0.35 * ragged
    phase = rolled - np.floor(rolled)
    breaker = smoothstep(phase, 0.72, 0.90) * smoothstep(-phase, -1.0, -0.92)
    breaker *= smoothstep(-depth, -9, -3) * smoothstep(noise(x * 0.25, z * 0.6 + 7), -0.35, 0.25)
    white = np.clip(edge * lace * 1.2 + 0.75 * breaker * lace, 0, 0.95) * np.clip(1.8 - footprint * 9, 0.25, 1)
    return colour + white * (np.minimum(bright * 0.95, 1) - colour)
