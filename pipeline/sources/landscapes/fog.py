"""A bank of fog that lies in the valley, before what is far and behind what is near."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.sources.landscapes.canvas import Canvas, id_of
from pipeline.sources.landscapes.light import squared
from pipeline.sources.landscapes.noise import fractal, smoothstep
from pipeline.sources.landscapes.scene import Scene
from pipeline.sources.landscapes.water import WATERS

DISTANCE = 16.0
"""Where it begins, in camera heights."""


@dataclass(frozen=True, kw_only=True)
class Fog:
    """density: (h, W) float32 in 0..1, of the rows from `top` on.  colour: (3,), 0..255."""

    top: int
    density: np.ndarray
    colour: np.ndarray

    def settle(self, canvas: Canvas, name: str) -> None:
        """Lie on the pixels of one class too: the water, once it is painted."""
        if self.density.size:
            self._lie(canvas, canvas.shows(name, rows=self._rows))

    def lie(self, canvas: Canvas) -> None:
        self._lie(canvas, np.ones(self.density.shape, bool))

    @property
    def _rows(self) -> slice:
        return slice(self.top, self.top + self.density.shape[0])

    def _lie(self, canvas: Canvas, where: np.ndarray) -> None:
        density = self.density * where
        photo = canvas.photo[self._rows]
        photo[:] = photo + cv2.merge((density, density, density)) * (self.colour - photo)
        is_fog = density >= 0.5
        canvas.labels[self._rows][is_fog] = id_of("fog")
        canvas.things[self._rows][is_fog] = 0


def lay_fog(scene: Scene, canvas: Canvas, rng: np.random.Generator) -> Fog:
    """Lay the bank over everything but water, which mirrors it first."""
    lift = float(rng.uniform(0.01, 0.04))
    size = canvas.size
    top, bottom = (round((scene.horizon + edge) * size) for edge in (-0.27, 0.12))
    top = max(top, 0)
    light = scene.weather.light
    colour = np.sqrt(0.55 * squared(light.horizon) + 0.45 * squared((0.88, 0.90, 0.92))).ravel() * 255
    if not scene.weather.fog:
        return Fog(top=top, density=np.zeros((0, size), np.float32), colour=colour)
    y = (np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5) / size
    x = np.broadcast_to((np.arange(size, dtype=np.float32)[None, :] + 0.5) / size, (bottom - top, size))
    drift = fractal(x * 2.2 + scene.shift[1], y * 9 + scene.shift[0], 4)
    up = scene.horizon - y + lift * 0.5 + 0.035 * drift
    density = scene.weather.fog * smoothstep(up, -0.05, 0.01) * smoothstep(-up, -0.13 - lift, -0.02)
    density = (
        density * smoothstep(canvas.distance[top:bottom], DISTANCE, 2.2 * DISTANCE) * smoothstep(drift, -1.0, -0.1)
    )
    fog = Fog(top=top, density=density, colour=colour)
    is_water = canvas.shows(*WATERS, rows=slice(top, bottom))
    Fog(top=top, density=density * ~is_water, colour=colour).lie(canvas)
    return fog
