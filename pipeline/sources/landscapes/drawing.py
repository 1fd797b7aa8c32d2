"""One landscape from beginning to end."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.sources.landscapes.biomes import choose
from pipeline.sources.landscapes.canvas import Canvas, id_of
from pipeline.sources.landscapes.finish import finish, smooth_ridges
from pipeline.sources.landscapes.fog import lay_fog
from pipeline.sources.landscapes.gardener import Gardener, Potted
from pipeline.sources.landscapes.ground import cover_ground, shine_on
from pipeline.sources.landscapes.houses import House, Mason, plan_houses
from pipeline.sources.landscapes.near import strew
from pipeline.sources.landscapes.planting import plan_plants
from pipeline.sources.landscapes.sky import SkyView, paint_sky
from pipeline.sources.landscapes.surface import Surface
from pipeline.sources.landscapes.terrain import Terrain, shine, survey
from pipeline.sources.landscapes.water import first_rows, flood


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """photo: (H, W, 3) uint8 RGB.  labels: (H, W) uint8, class ids of `landscape`; no pixel is unknown.

    instances: (H, W) uint16, the things (rock, bush, building) numbered from 1, 0 elsewhere.

    A pixel has the class of what covers half of it. Clouds and fog count from half their opacity, a bed of flowers with
    its leaves; blades of grass and pebbles do not count.
    """

    photo: np.ndarray
    labels: np.ndarray
    instances: np.ndarray


def describe(index: int, *, seed: int = 0) -> str:
    """The title of a picture."""
    return choose(_generator(index, seed), index).title


def draw(index: int, *, seed: int = 0, size: int = 256) -> Drawing:
    """The picture with this index of the series that the seed names: size x size pixels, the same scene at any size."""
    rng = _generator(index, seed)
    scene = choose(rng, index)
    terrain = survey(scene, size)
    sunlight = shine(scene, terrain)

    # Behind everything: the sky and the bare land.
    sky = paint_sky(scene, rng, size, _rows_with_sky(terrain))
    surface = cover_ground(scene, terrain, sunlight)
    land = shine_on(scene, surface, terrain, sunlight, sky.haze)
    canvas = _compose(terrain, sky, surface, land)
    strew(scene, terrain, canvas, rng)

    # What stands on it, far to near; the water is painted when all that it mirrors is there.
    gardener = Gardener(scene, terrain, sunlight, sky.haze)
    mason = Mason(scene, terrain, gardener)
    houses = plan_houses(scene, terrain, rng)
    plants = gardener.pot(plan_plants(scene, terrain, rng, [(house.x, house.z) for house in houses]))
    gardener.shade(canvas, plants)
    standing = [(house.z, mason.foot(house), house) for house in houses]
    standing += [(potted.plant.z, (potted.column, potted.row), potted) for potted in plants]
    standing.sort(key=lambda one: -one[0])
    shore = first_rows(canvas, scene.water.kind) if scene.water else np.full(size, size)
    before_water = []
    for thing, (_, (column, row), one) in enumerate(standing, start=1):
        if row > shore[min(max(int(column), 0), size - 1)]:
            before_water.append((thing, one))
        else:
            _put(canvas, gardener, mason, one, thing)
    fog = lay_fog(scene, canvas, rng)
    if scene.water:
        flood(scene, surface, canvas)
        fog.settle(canvas, scene.water.kind)
    for thing, one in before_water:
        _put(canvas, gardener, mason, one, thing)
    return Drawing(photo=finish(canvas.photo), labels=canvas.labels, instances=_numbered(canvas.things))


def _put(canvas: Canvas, gardener: Gardener, mason: Mason, one: House | Potted, thing: int) -> None:
    if isinstance(one, House):
        mason.put(canvas, one, thing)
    else:
        gardener.put(canvas, one, 0 if one.plant.name == "tree" else thing)


def _rows_with_sky(terrain: Terrain) -> int:
    return int(np.flatnonzero(~terrain.is_land.all(axis=1)).max(initial=0)) + 1


def _compose(terrain: Terrain, sky: SkyView, surface: Surface, land: np.ndarray) -> Canvas:
    size, top, end = terrain.size, terrain.top, sky.colour.shape[1]
    light = np.empty((3, size, size), np.float32)
    labels = np.empty((size, size), np.uint8)
    light[:, :end] = sky.colour
    labels[:end] = np.where(sky.clouds >= 0.5, np.uint8(id_of("clouds")), np.uint8(id_of("sky")))
    # Between the highest land and the lowest sky both occur; below there is only land.
    is_land = terrain.is_land[top:end]
    np.copyto(light[:, top:end], land[:, : end - top], where=is_land)
    np.copyto(labels[top:end], surface.labels[: end - top], where=is_land)
    light[:, end:], labels[end:] = land[:, end - top :], surface.labels[end - top :]
    photo = np.sqrt(np.clip(light, 0, 1, out=light), out=light)
    photo *= 255
    photo = smooth_ridges(cv2.merge(tuple(photo.astype(np.uint8))), terrain)
    return Canvas(photo=photo, labels=labels, distance=terrain.distance.copy())


def _numbered(things: np.ndarray) -> np.ndarray:
    """The things that are seen, numbered from 1 without gaps, far to near."""
    seen = np.flatnonzero(np.bincount(things.ravel()))
    numbers = np.zeros(int(seen[-1]) + 1, np.uint16)
    seen = seen[seen > 0]
    numbers[seen] = np.arange(1, len(seen) + 1)
    return numbers[things]


def _generator(index: int, seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([seed, index]))
