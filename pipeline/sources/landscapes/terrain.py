"""The land as the camera sees it: which place each pixel shows, and how the sun falls on it.

The land is cut into slices of equal distance, sampled once a column. A pixel shows the nearest slice that rises to its
line of sight, so hills hide what lies behind them.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from pipeline.sources.landscapes.geography import Relief, relief, water_depths
from pipeline.sources.landscapes.noise import smoothstep
from pipeline.sources.landscapes.scene import Scene

FOCAL = 0.95
"""Focal length as a share of the picture's height."""

STRETCHES = ((0.7, 86), (50.0, 96), (330.0, 8), (620.0, 1))
"""Where a stretch of slices begins, and how many it has: most where mountains stand."""

DUNE_STRETCHES = ((0.7, 40), (9.0, 112), (110.0, 38), (620.0, 1))
"""Dunes have sharp crests close by."""

BEYOND = np.float32(1e6)
"""The distance of the sky."""


@dataclass(frozen=True, kw_only=True)
class Terrain:
    """Slices are (S, W) float32, near to far; pixels are (H, W)."""

    size: int
    horizon: float
    distances: np.ndarray
    """(S,) of each slice, in camera heights."""
    relief: Relief
    """(S, W) each."""
    depth: np.ndarray
    """(S, W): the water field."""
    rows: np.ndarray
    """(S, W): the row, in pixels, at which a slice's land appears."""
    nearer: np.ndarray
    """(H, W): the place, in the slices laid end to end, before the one that a pixel shows."""
    share: np.ndarray
    """(H, W): how far from that slice to the next."""
    is_land: np.ndarray
    """(H, W) bool: land or water; sky elsewhere."""

    @cached_property
    def top(self) -> int:
        """The first row that shows any land."""
        return int(np.argmax(self.is_land.any(axis=1)))

    @cached_property
    def distance(self) -> np.ndarray:
        """(H, W): how far away what a pixel shows lies."""
        distance = self.pick(np.repeat(self.distances, self.size))
        return np.where(self.is_land, distance, BEYOND)

    def across(self, distance: np.ndarray) -> np.ndarray:
        """x of the places that the columns show at a distance."""
        columns = (np.arange(self.size, dtype=np.float32) + 0.5) / self.size - 0.5
        return columns * distance / np.float32(FOCAL)

    def pick(self, slices: np.ndarray, top: int = 0) -> np.ndarray:
        """A field of the slices as the pixels from row `top` on show it, (H - top, W)."""
        field = slices.ravel()
        here = self.nearer[top:]
        near = field.take(here, mode="wrap")
        rise = field[self.size :].take(here, mode="wrap")
        rise -= near
        rise *= self.share[top:]
        rise += near
        return rise

    def project(self, x: float, height: float, z: float) -> tuple[float, float]:
        """Column and row, in pixels, of a place."""
        column = (0.5 + FOCAL * x / z) * self.size
        return column, (self.horizon + FOCAL * (1 - height) / z) * self.size

    def look_up(self, slices: np.ndarray, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """A field of the slices at some places, which may lie beside the picture."""
        columns = np.clip(((0.5 + FOCAL * x / z) * self.size).astype(np.int32), 0, self.size - 1)
        return slices[np.clip(np.searchsorted(self.distances, z), 0, len(self.distances) - 1), columns]


def survey(scene: Scene, size: int) -> Terrain:
    """What each pixel of a square picture of the scene shows."""
    distances = _slice_distances(DUNE_STRETCHES if scene.dunes else STRETCHES)
    slices = len(distances)
    columns = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    z = distances[:, None]
    x = columns * z / np.float32(FOCAL)
    depth = water_depths(scene, x, z)
    land = relief(scene, x, z, depth)
    rows = (np.float32(scene.horizon) + FOCAL * (1 - land.land) / z) * size

    # A slice counts where it rises above every nearer one; a pixel shows the first that reaches its centre.
    skyline = np.minimum.accumulate(rows, axis=0)
    first_row = np.clip(np.ceil(skyline - 0.5), 0, size).astype(np.int32)
    places = first_row * size + np.arange(size, dtype=np.int32)
    counts = np.bincount(places.ravel(), minlength=(size + 1) * size).reshape(size + 1, size)
    reached = np.cumsum(counts[:0:-1].astype(np.int32), axis=0, dtype=np.int32)[::-1]  # (H, W)
    is_land = reached < slices

    nearer = np.clip(reached - 1, 0, slices - 2).astype(np.intp)
    nearer *= size
    nearer += np.arange(size)
    flat = rows.ravel()
    near_row, far_row = flat.take(nearer, mode="wrap"), flat[size:].take(nearer, mode="wrap")
    centre = np.arange(size, dtype=np.float32)[:, None] + 0.5
    share = np.clip((near_row - centre) / np.maximum(near_row - far_row, 1e-4), 0, 1)
    return Terrain(
        size=size,
        horizon=scene.horizon,
        distances=distances,
        relief=land,
        depth=depth,
        rows=rows,
        nearer=nearer,
        share=share,
        is_land=is_land,
    )


def _slice_distances(stretches: tuple[tuple[float, int], ...]) -> np.ndarray:
    parts = [np.geomspace(begin, end, count, endpoint=False) for (begin, count), (end, _) in pairwise(stretches)]
    return np.concatenate([*parts, [stretches[-1][0]]]).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class Sunlight:
    """What reaches the slices, (S, W) float32.

    direct: how much of the sun, 0..1.  open: how much of the sky, about 1.  slope: length of the normal, from 1.
    """

    direct: np.ndarray
    open: np.ndarray
    slope: np.ndarray


def shine(scene: Scene, terrain: Terrain) -> Sunlight:
    """The sun on the land, with the shadows that ridges throw sideways."""
    height = terrain.relief.land
    z = terrain.distances[:, None]
    spacing = z / np.float32(FOCAL * terrain.size)
    across, along = np.empty_like(height), np.empty_like(height)
    across[:, 1:-1] = (height[:, 2:] - height[:, :-2]) / (2 * spacing)
    across[:, 0], across[:, -1] = across[:, 1], across[:, -2]
    along[1:-1] = (height[2:] - height[:-2]) / (z[2:] - z[:-2])
    along[0], along[-1] = along[1], along[-2]
    along -= across * terrain.across(z) / z

    sun_x, sun_y, sun_z = sun_direction(scene)
    length = np.sqrt(1 + across * across + along * along)
    direct = np.clip((sun_y - sun_x * across - sun_z * along) / length, 0, 1)

    # Along a slice, a place lies in shadow when something towards the sun stands above its ray.
    rise = np.float32(sun_y / abs(sun_x)) * terrain.across(z) * np.float32(np.sign(sun_x))
    rays = height - rise
    towards_sun = rays if sun_x < 0 else rays[:, ::-1]
    blocked = np.maximum.accumulate(towards_sun, axis=1)
    blocked = blocked if sun_x < 0 else blocked[:, ::-1]
    direct *= 1 - 0.8 * smoothstep(blocked - rays, 0.05 + 0.004 * z, 0.3 + 0.03 * z)
    return Sunlight(direct=direct, open=0.55 + 0.45 / length, slope=length)


def sun_direction(scene: Scene) -> tuple[float, float, float]:
    """A unit vector towards the sun: right, up, away from the camera."""
    weather = scene.weather
    across = float(np.clip((weather.sun_across - 0.5) * 2, -1.0, 1.0))
    across = float(np.copysign(max(abs(across), 0.75), across))
    away = 0.15 if 0 < weather.sun_across < 1 else -0.45
    length = float(np.sqrt(across**2 + weather.light.elevation**2 + away**2))
    return across / length, weather.light.elevation / length, away / length
