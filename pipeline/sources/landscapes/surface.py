"""Surface: the land that is seen, its places and its materials, row by row."""

from dataclasses import dataclass, fields, replace

import numpy as np

from pipeline.sources.landscapes.canvas import id_of
from pipeline.sources.landscapes.geography import water_depths
from pipeline.sources.landscapes.light import Colour, squared
from pipeline.sources.landscapes.noise import fractal
from pipeline.sources.landscapes.scene import Scene
from pipeline.sources.landscapes.terrain import FOCAL, Sunlight, Terrain


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Arrays are (h, W) float32, one value a pixel, from row `top` of the picture on; a pixel of the sky has any value.

    x, z, height: the place that a pixel shows, in camera heights.  footprint: how wide a pixel is there.
    mountain, hill: how much of the height is of that kind.  slope: the length of the land's normal, 1 on flat land.
    depth: how far inside the water it lies.  fine, broad: noise of a hand's width and of a few steps, -1..1.
    albedo: (3, h, W), squared colours.  labels: (h, W) uint8.  water: the share of each pixel that is water.
    """

    top: int
    x: np.ndarray
    z: np.ndarray
    height: np.ndarray
    footprint: np.ndarray
    mountain: np.ndarray
    hill: np.ndarray
    slope: np.ndarray
    depth: np.ndarray
    fine: np.ndarray
    broad: np.ndarray
    albedo: np.ndarray
    labels: np.ndarray
    water: np.ndarray

    def between(self, nearest: float, farthest: float) -> "Surface":
        """The rows that show any land at such distances, as a view: laying on it changes the whole."""
        return self._part(_span(((self.z > nearest) & (self.z < farthest)).any(axis=1)), slice(None))

    def around(self, is_there: np.ndarray) -> "Surface":
        """The smallest rectangle with all these pixels, as a view too. is_there: (h, W) bool."""
        return self._part(_span(is_there.any(axis=1)), _span(is_there.any(axis=0)))

    def _part(self, rows: slice, columns: slice) -> "Surface":
        names = [field.name for field in fields(self) if field.name != "top"]
        arrays = {name: getattr(self, name)[..., rows, columns] for name in names}
        return replace(self, top=self.top + rows.start, **arrays)

    def lay(self, cover: np.ndarray, albedo: np.ndarray, name: str) -> None:
        """Lay a material over the rest. cover: (h, W) in 0..1; what covers half of a pixel is its class."""
        there = _span(cover.any(axis=1)), _span(cover.any(axis=0))
        cover, below = cover[there], self.albedo[:, *there]
        difference = (albedo[:, *there] if albedo.shape == self.albedo.shape else albedo) - below
        difference *= cover
        below += difference
        np.copyto(self.labels[there], id_of(name), where=cover >= 0.5)


def bare_surface(scene: Scene, terrain: Terrain, sunlight: Sunlight) -> Surface:
    """The land before anything is laid on it: black, and of the class of open ground."""
    top = terrain.top
    z = np.where(terrain.is_land[top:], terrain.distance[top:], np.float32(600))
    x = terrain.across(z)
    footprint = z / np.float32(FOCAL * terrain.size)
    fine, broad = np.zeros_like(z), np.zeros_like(z)
    # Noise of a few steps is too fine to be seen on land that is far away.
    near = slice(int(np.argmax(z.min(axis=1) < 160)), None)
    # Seen at a low angle a pixel covers more ground away from the camera than sideways.
    long = footprint[near] * np.clip(z[near] * 0.5, 1, 8)
    fine[near] = fractal(x[near] * 2.2, z[near] * 1.1, 5, gain=0.62, footprint=long * 1.1)
    east, south = scene.shift
    broad[near] = fractal(x[near] / 6 + south, z[near] / 9 + east, 3, footprint=long / 6)
    height = terrain.pick(terrain.relief.land, top)
    # A cliff between two slices rises out of the water: its face is land.
    depth = np.minimum(water_depths(scene, x, z), (np.float32(0.3) - height) * 4)
    return Surface(
        top=top,
        x=x,
        z=z,
        height=height,
        footprint=footprint,
        mountain=terrain.pick(terrain.relief.mountain, top),
        hill=terrain.pick(terrain.relief.hill, top),
        slope=terrain.pick(sunlight.slope, top),
        depth=depth,
        fine=fine,
        broad=broad,
        albedo=np.zeros((3, *z.shape), np.float32),
        labels=np.full(z.shape, id_of(scene.ground), np.uint8),
        water=np.zeros_like(z),
    )


def _span(is_there: np.ndarray) -> slice:
    """From the first True to the last."""
    if not is_there.any():
        return slice(0, 0)
    return slice(int(np.argmax(is_there)), len(is_there) - int(np.argmax(is_there[::-1])))


def blend(colours: tuple[Colour, ...], share: np.ndarray) -> np.ndarray:
    """(3, h, W): squared colours, from the first at 0 to the second at 1."""
    dark, light = squared(colours[0]), squared(colours[1])
    mixed = (light - dark) * np.clip(share, 0, 1)
    mixed += dark
    return mixed


def coverage(field: np.ndarray) -> np.ndarray:
    """(h, W): the share of each pixel in which a field, whose zero is an edge, is positive."""
    change = np.full_like(field, 1e-6)
    change[1:] += np.abs(field[1:] - field[:-1])
    change[:, 1:] += np.abs(field[:, 1:] - field[:, :-1])
    share = np.divide(field, change, out=change)
    share += np.float32(0.5)
    return np.clip(share, 0, 1, out=share)
