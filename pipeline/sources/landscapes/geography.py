"""The land as functions of the place: how high it is, where water lies, where the road runs, where trees grow.

x is sideways and z is away from the camera, both in camera heights, float32. Water lies at height 0, the camera at 1.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.sources.landscapes.noise import fractal, noise, ridged, smoothstep
from pipeline.sources.landscapes.scene import Mountains, Scene, Water

NOWHERE = np.float32(-30)

LAST_SHORE = np.float32(115)
"""Beyond this distance there is only open sea, or only land."""

LAST_WAY = np.float32(75)
"""The distance at which a road is lost from sight."""


@dataclass(frozen=True, kw_only=True)
class Relief:
    """Heights: of the whole land, and the parts of it that are mountain and hill."""

    land: np.ndarray
    mountain: np.ndarray
    hill: np.ndarray


def relief(scene: Scene, x: np.ndarray, z: np.ndarray, depth: np.ndarray) -> Relief:
    """x: (S, W).  z: (S, 1), a distance a row, near to far.  depth: (S, W), the water field at the same places."""
    east, south = scene.shift
    land, mountain, hill = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    near = slice(0, int(np.searchsorted(z[:, 0], 130.0)))
    land[near] = _meadow(scene, x[near], z[near])
    if scene.hills:
        far = slice(int(np.searchsorted(z[:, 0], scene.hills.near)), None)
        across, away = x[far] / scene.hills.length + east, z[far] / scene.hills.length - south
        swell = 0.5 + 0.75 * fractal(across, away, 3, gain=0.4)
        rise = smoothstep(z[far], scene.hills.near, scene.hills.far)
        hill[far] = scene.hills.height * rise * np.maximum(swell, 0.02)
    if scene.mountains:
        far = slice(int(np.searchsorted(z[:, 0], scene.mountains.near)), None)
        mountain[far] = _mountains(scene.mountains, x[far], z[far], east, south)
    if scene.dunes:
        land += _dunes(scene.dunes, x, z, east, south)
    land += hill + mountain
    if scene.water:
        land = _shore(scene.water, land, depth, z)
    return Relief(land=land, mountain=mountain, hill=hill)


def _meadow(scene: Scene, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Gentle ups and downs, less at one's feet, none on a road."""
    east, south = scene.shift
    waves = fractal(x / 7 + east, z / 7 + south, 3)
    waves *= (0.35 + smoothstep(z, 6, 30)) * smoothstep(-z, -130, -90)
    if scene.road:
        waves *= 1 - 0.8 * smoothstep(road_distance(scene, x, z), -2.2 - 0.04 * z, 0.0)
    return scene.undulation * (waves - 0.5 * smoothstep(-z, -12, -3))


def water_depths(scene: Scene, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """water_depth of whole rows, (h, W), near to far or far to near; the far ones cost nothing.

    x: (h, W).  z: (h, W) or (h, 1).
    """
    is_sea = scene.water is not None and scene.water.kind == "sea"
    depths = np.full_like(x, -NOWHERE if is_sea else NOWHERE)
    if scene.water:
        near = z.min(axis=1) < LAST_SHORE
        begin, end = int(np.argmax(near)), len(near) - int(np.argmax(near[::-1]))
        depths[begin:end] = water_depth(scene, x[begin:end], z[begin:end])
    return np.clip(depths, NOWHERE, -NOWHERE)


def water_depth(scene: Scene, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """How far inside the water a place lies, negative on land: a distance on the ground."""
    water = scene.water
    if water is None:
        return np.full_like(x, NOWHERE)
    east, south = scene.shift
    rough = fractal(x / 9 - south, z / 9 + east, 4, gain=0.55)
    if water.kind == "river":
        inside = _half_width(water, z) + 0.28 * (1 + 0.04 * z) * rough - np.abs(x - river_centre(scene, z))
        return np.minimum(inside, 3 * (100 - z))
    near = z - water.near - (0.9 + 0.02 * z) * rough
    if water.kind == "sea":
        near -= 0.35 * water.centre * x
        if not water.headland:
            return near
        along = np.sign(water.headland) * x - 3.0 - 0.28 * z * (1.5 - abs(water.headland))
        cape = np.minimum(along, 0.8 * (66 - z)) + 2.2 * rough * (0.4 + z / 30)
        return np.minimum(near, -cape)
    far = (water.far - z) * 0.8 + 3.0 * rough
    sides = water.half_width * (0.5 + 0.5 * z / water.far) - np.abs(x - water.centre) + 2.5 * rough
    return np.minimum(np.minimum(near, far), sides)


def river_centre(scene: Scene, z: np.ndarray) -> np.ndarray:
    assert scene.water is not None
    east, south = scene.shift
    return scene.water.centre + _winding(scene.water.bend, z, east + south)


def road_distance(scene: Scene, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """How far inside the road a place lies, negative beside it."""
    road = scene.road
    if road is None:
        return np.full_like(x, NOWHERE)
    east, south = scene.shift
    inside = road.half_width - np.abs(x - road.start - _winding(road.bend, z, east - south))
    return np.minimum(inside, LAST_WAY - z)


def forest_share(scene: Scene, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """How thick the trees stand, 0..1, whatever else is there."""
    if not scene.forest:
        return np.zeros_like(x)
    east, south = scene.shift
    grove = fractal(x / 16 - east, z / 16 - south, 3)
    return smoothstep(grove + 1.6 * scene.forest - 0.8, -0.12, 0.22)


def _half_width(water: Water, z: np.ndarray) -> np.ndarray:
    return water.half_width * (1 + 0.012 * z)


def _winding(bend: float, z: np.ndarray, phase: float) -> np.ndarray:
    """Sideways swing that grows with the distance, in longer and longer turns."""
    turns = np.log1p(z / np.float32(7))
    return bend * z * np.sin(3.1 * turns + phase) + 0.35 * bend * z * np.sin(6.3 * turns + 2 * phase)


def _mountains(plan: Mountains, x: np.ndarray, z: np.ndarray, east: float, south: float) -> np.ndarray:
    bend = 14 * fractal(x / 55 + south, z / 55 + east, 2)
    crest = ridged((x + bend) / 120 + east, (z - bend) / 95 + south, 6, gain=0.46)
    broad = 0.62 + 0.5 * noise(x / 170 + east, z / 120 - south)
    # The range ends before the slices grow coarse.
    rise = smoothstep(z, plan.near, plan.far) * smoothstep(-z, -335, -300)
    valley = 1 - 0.7 * np.exp(-np.square((x / z - plan.gap) / 0.16)) * smoothstep(-z, -plan.far * 1.6, -plan.far)
    return plan.height * rise * (0.1 + crest) * np.maximum(broad, 0.1) * valley


def _dunes(height: float, x: np.ndarray, z: np.ndarray, east: float, south: float) -> np.ndarray:
    """Long crests with a gentle side and a steep one, higher in the distance."""
    total = np.zeros_like(x)
    for length, share, angle in ((30.0, 1.0, 0.7), (13.0, 0.22, -0.5)):
        warp = 0.8 * fractal(x / (1.5 * length) + east, z / (1.5 * length) + south, 2)
        phase = (x * np.float32(angle) + z) / np.float32(length) + warp + np.float32(east)
        phase -= np.floor(phase)
        gentle, steep = phase / 0.66, (1 - phase) / 0.34
        rise = np.maximum(0.5 * (gentle + steep - np.sqrt(np.square(gentle - steep) + 0.01)), 0)
        broad = 0.6 + 0.55 * noise(x / (1.9 * length) - south, z / (1.9 * length) + east)
        total += share * broad * rise**1.15
    return height * total * (0.06 + 3.4 * smoothstep(z, 4, 34)) * smoothstep(-z, -330, -200) - 0.15


def _shore(water: Water, land: np.ndarray, depth: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The land lowered towards the water, and flat upon it."""
    inland = np.maximum(-depth, 0)
    reach = {"water": 2.5, "sea": 7.0, "river": 5.0}[water.kind] + 0.12 * z
    rise = smoothstep(inland, 0, reach)
    bank = 0.16 * (1 - np.exp(-inland / 1.2))
    if water.kind == "sea" and water.headland:
        # The cape falls steeply into the sea.
        steep = smoothstep(z, 14, 24)
        rise = rise + steep * (smoothstep(inland, 0, 2.5) - rise)
        land = land + steep * 2.2
    return np.where(depth < 0, np.maximum(land, 0.12) * rise + bank, 0).astype(np.float32)
