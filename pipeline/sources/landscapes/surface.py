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
        is_there = ((self.z > nearest) & (self.z < farthest)).any(axis=1)
        begin = int(np.argmax(is_there))
        rows = slice(begin, len(is_there) - int(np.argmax(is_there[::-1]))) if is_there.any() else slice(0, 0)
        arrays = {field.name: getattr(self, field.name)[..., rows, :] for field in fields(self) if field.name != "top"}
        return replace(self, top=self.top + begin, **arrays)

    def lay(self, cover: np.ndarray, albedo: np.ndarray, name: str) -> None:
        """Lay a material over the rest. cover: (h, W) in 0..1; what covers half of a pixel is its class."""
        difference = albedo - self.albedo
        difference *= cover
        self.albedo[:] += difference
        # Whole-number arithmetic instead of a mask: uint8 wraps, so adding the difference sets the id.
        self.labels[:] += (cover >= 0.5).view(np.uint8) * (np.uint8(id_of(name)) - self.labels)


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


def blend(colours: tuple[Colour, ...], share: np.ndarray) -> np.ndarray:
    """(3, h, W): squared colours, from the first at 0 to the second at 1."""
    dark, light = squared(colours[0]), squared(colours[1])
    return dark + (light - dark) * np.clip(share, 0, 1)


def coverage(field: np.ndarray) -> np.ndarray:
    """(h, W): the share of each pixel in which a field, whose zero is an edge, is positive."""
    change = np.full_like(field, 1e-6)
    change[1:] += np.abs(field[1:] - field[:-1])
    change[:, 1:] += np.abs(field[:, 1:] - field[:, :-1])
    return np.clip(field / change + np.float32(0.5), 0, 1)
