"""Water: it mirrors what stands behind it, moves in ripples, and foams at the shore of a sea."""

import cv2
import numpy as np

from pipeline.sources.landscapes.canvas import Canvas, id_of
from pipeline.sources.landscapes.light import squared
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
    begin = int(np.argmax((surface.water > 0).any(axis=1)))
    top = surface.top + begin
    x, z, depth, share, footprint = (
        array[begin:] for array in (surface.x, surface.z, surface.depth, surface.water, surface.footprint)
    )
    share = np.where(canvas.distance[top:] == z, share, 0)
    if not share.any():
        return
    rows = np.arange(top, size, dtype=np.float32)[:, None] + 0.5
    calm = {"water": 0.5, "river": 0.6, "sea": 1.4}[scene.water.kind]
    swell = fractal(x * 0.9 + scene.shift[0], z * 0.55, 3, gain=0.6, footprint=footprint * np.clip(z, 1, 8))
    below = rows - scene.horizon * size
    wobble = swell * calm * (0.003 * size + 0.06 * below)
    from_row = _mirrored_rows(canvas, scene.horizon, top, rows + wobble, z)
    from_column = np.arange(size, dtype=np.float32)[None, :] + wobble * 0.35
    softened = cv2.blur(canvas.photo, (1, 2 * max(1, size // 170) + 1))
    mirror = cv2.remap(
        softened,
        np.clip(from_column, 0, size - 1),
        np.where(from_row < 0, from_row * -0.6, from_row) - 0.5,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    mirror = np.square(mirror.transpose(2, 0, 1).astype(np.float32) / 255)  # (3, h, W), an amount of light

    # The steeper one looks down, the more one sees of the water itself.
    glance = np.clip((rows / size - scene.horizon) / FOCAL, 0.002, 1)
    strength = 0.30 + 0.62 * np.exp(-glance * 3.6)
    light = scene.weather.light
    bright = squared(light.ambient) + 0.6 * squared(light.sun)
    shallow = np.exp(-np.maximum(depth, 0) / (1.4 if scene.water.kind != "sea" else 3.0))
    deep = squared(scene.water.deep)
    body = (deep + shallow * (squared((0.36, 0.48, 0.42)) - deep) * 0.6) * bright
    strength = strength + 0.22 * swell * (0.3 + calm)
    colour = body + np.clip(strength, 0.08, 0.95) * (mirror * 0.94 - body)

    crest = smoothstep(swell, 0.45, 0.95) * np.clip(1.4 - z / 60, 0, 1)
    colour += 0.10 * calm * crest * (squared(light.horizon) - colour)
    if scene.water.kind == "sea":
        colour = _foam(scene, colour, x, z, depth, swell, bright, footprint)
    painted = np.sqrt(np.clip(colour, 0, 1)).transpose(1, 2, 0) * 255
    photo = canvas.photo[top:]
    photo[:] = photo + share[:, :, None] * (painted - photo) + 0.5


def _mirrored_rows(canvas: Canvas, horizon: float, top: int, rows: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The row that shows what the water of each pixel mirrors, (h, W).

    What stands at a distance appears as far below the line where water would be at that distance as it rises above it.
    The ray from the water goes from near to far until it meets something nearer than itself, else it ends in the sky.
    """
    size = canvas.size
    distance = np.where(np.isin(canvas.labels, [id_of(name) for name in WATERS]), BEYOND, canvas.distance).ravel()
    columns = np.arange(size, dtype=np.int32)[None, :]
    met = np.full(z.shape, BEYOND)
    for far in np.geomspace(3.0, 600.0, MIRROR_STEPS, dtype=np.float32):
        row = 2 * (horizon + FOCAL / far) * size - rows
        row = np.clip(row, 0, size - 1).astype(np.int32)
        found = distance.take(row * size + columns, mode="clip")
        met = np.where((found <= far) & (met == BEYOND) & (far > z), found, met)
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
