"""Trees, bushes and rocks: which there are and where they stand."""

from dataclasses import dataclass

import numpy as np

from pipeline.sources.landscapes.geography import forest_share, road_distance, water_depth
from pipeline.sources.landscapes.light import Colour
from pipeline.sources.landscapes.noise import smoothstep
from pipeline.sources.landscapes.scene import Scene
from pipeline.sources.landscapes.sprites import VARIANTS
from pipeline.sources.landscapes.terrain import FOCAL, Terrain

NEAREST_TREE, FARTHEST_TREE = 7.0, 95.0


@dataclass(frozen=True, kw_only=True)
class Plant:
    """kind: conifer, broadleaf, bare, bush or rock.  x, z: its place.  height: in camera heights.

    dark, light: its paint in shade and in the sun, RGB in 0..1.
    """

    kind: str
    x: float
    z: float
    height: float
    variant: int
    dark: Colour
    light: Colour
    is_snowy: bool = False

    @property
    def name(self) -> str:
        """The class of its pixels."""
        return self.kind if self.kind in ("bush", "rock") else "tree"


LEAVES = {
    "summer": (
        ((0.10, 0.22, 0.08), (0.46, 0.62, 0.20)),
        ((0.08, 0.20, 0.10), (0.34, 0.54, 0.20)),
        ((0.12, 0.24, 0.08), (0.58, 0.66, 0.26)),
    ),
    "autumn": (
        ((0.42, 0.20, 0.06), (0.95, 0.66, 0.20)),
        ((0.40, 0.14, 0.06), (0.92, 0.46, 0.16)),
        ((0.34, 0.10, 0.08), (0.80, 0.28, 0.18)),
        ((0.30, 0.26, 0.08), (0.78, 0.72, 0.26)),
    ),
    "winter": (((0.24, 0.20, 0.18), (0.56, 0.48, 0.42)),),
}
NEEDLES = (((0.05, 0.13, 0.10), (0.30, 0.46, 0.24)), ((0.06, 0.15, 0.09), (0.36, 0.48, 0.20)))
STONES = (((0.20, 0.19, 0.19), (0.72, 0.69, 0.65)), ((0.24, 0.21, 0.18), (0.74, 0.66, 0.56)))
DESERT_STONES = (((0.26, 0.15, 0.10), (0.82, 0.56, 0.38)),)
DRY_LEAVES = (((0.22, 0.22, 0.10), (0.62, 0.58, 0.30)),)


def plan_plants(
    scene: Scene, terrain: Terrain, rng: np.random.Generator, houses: list[tuple[float, float]]
) -> list[Plant]:
    """All plants and rocks of the scene. houses: places (x, z) that stay clear."""
    # The same numbers are drawn whatever grows, so that a scene is the same at every size.
    dice = rng.uniform(size=(2600, 8)).astype(np.float32)
    plants = _framing(scene, terrain, dice[0]) if scene.framing else []
    plants += _trees(scene, terrain, dice[100:1700], houses)
    plants += _strewn(scene, "bush", scene.bushes, dice[1700:2100], houses)
    plants += _strewn(scene, "rock", scene.rocks, dice[2100:2500], houses)
    return sorted(plants, key=lambda plant: -plant.z)


def _trees(scene: Scene, terrain: Terrain, dice: np.ndarray, houses: list[tuple[float, float]]) -> list[Plant]:
    """Trees where the forest is thick, spread evenly over the picture rather than over the land."""
    if not scene.trees:
        return []
    z = NEAREST_TREE * (FARTHEST_TREE / NEAREST_TREE) ** np.sqrt(dice[:, 0])
    x = (dice[:, 1] * 1.16 - 0.58) * z / np.float32(FOCAL)
    depth = water_depth(scene, x, z)
    share = forest_share(scene, x, z)
    beside_water = smoothstep(-depth, 0.5, 1.5)
    if scene.water and scene.water.kind == "water":
        # The far shore is lined with trees, which the lake mirrors.
        share = np.maximum(share, 0.9 * smoothstep(z, 10, 14) * smoothstep(depth, -9, -3) * min(1, 2 * scene.forest))
    share *= beside_water * smoothstep(-road_distance(scene, x, z), 0.9, 1.6)
    # Close to the camera the view stays open in the middle.
    share *= np.maximum(smoothstep(z, 14, 24), smoothstep(np.abs(x) / z, 0.30, 0.42))
    height = terrain.look_up(terrain.relief.mountain, x, z)
    if scene.mountains:
        share *= smoothstep(-height, -scene.mountains.tree_line, -0.6 * scene.mountains.tree_line)
    if scene.ground == "sand":
        share *= smoothstep(terrain.look_up(terrain.relief.land, x, z), 0.8, 1.6)
    grows = np.flatnonzero(dice[:, 2] < share)[: scene.trees]
    plants = []
    for number in grows:
        roll = dice[number]
        if _is_taken(float(x[number]), float(z[number]), houses, 2.2):
            continue
        plants.append(_tree(scene, float(x[number]), float(z[number]), roll[3:]))
    return plants


def _tree(scene: Scene, x: float, z: float, roll: np.ndarray) -> Plant:
    tall = 2.0 + 1.7 * float(roll[1])
    kind = "conifer" if roll[0] < scene.conifers else "broadleaf"
    if kind == "broadleaf" and scene.season == "winter":
        kind = "bare"
    palette = NEEDLES if kind == "conifer" else LEAVES[scene.season]
    dark, light = _tinted(palette, roll[1:])
    return Plant(
        kind=kind,
        x=x,
        z=z,
        height=tall * (1.15 if kind == "conifer" else 0.95),
        variant=int(roll[3] * VARIANTS) % VARIANTS,
        dark=dark,
        light=light,
        is_snowy=scene.season == "winter",
    )


def _framing(scene: Scene, terrain: Terrain, roll: np.ndarray) -> list[Plant]:
    """One or two large trees at a side, close to the camera."""
    side = 1.0 if roll[0] < 0.5 else -1.0
    plants = []
    for number in range(1 + int(roll[1] < 0.5)):
        z = 5.2 + 2.6 * float(roll[2]) + 2.4 * number
        x = side * (0.33 + 0.10 * float(roll[3]) + 0.07 * number) * z / FOCAL
        at = np.float32([x]), np.float32([z])
        if water_depth(scene, *at)[0] > -0.25 or road_distance(scene, *at)[0] > -0.7:
            continue
        plants.append(_tree(scene, x, z, np.roll(roll[3:], number)))
    return plants


def _strewn(scene: Scene, kind: str, count: int, dice: np.ndarray, houses: list[tuple[float, float]]) -> list[Plant]:
    """Bushes and rocks on open ground, most of them close to the camera; rocks like the water's edge."""
    z = 2.7 * 10 ** (dice[:, 0] * (1.0 if kind == "rock" else 1.1))
    z = np.maximum(z, 3.4) if kind == "bush" else z
    x = (dice[:, 1] * 1.1 - 0.55) * z / np.float32(FOCAL)
    depth = water_depth(scene, x, z)
    fits = (depth < (-0.1 if kind == "rock" else -0.8)) & (road_distance(scene, x, z) < -0.5)
    fits &= (z > 4.5) | (np.abs(x) / z > 0.2)
    if kind == "rock" and scene.water:
        shore = np.clip(1.6 / (1.0 + np.abs(depth)), 0.12, 1)
        fits &= dice[:, 2] < shore
    plants = []
    for number in np.flatnonzero(fits)[:count]:
        roll = dice[number, 3:]
        if _is_taken(float(x[number]), float(z[number]), houses, 1.6):
            continue
        if kind == "rock":
            palette = DESERT_STONES if scene.dunes else STONES
            tall = (0.14 + 0.62 * float(roll[0]) ** 2.5) * min(1.0, 0.4 + 0.1 * float(z[number]))
        else:
            palette = DRY_LEAVES if scene.ground == "sand" else LEAVES[scene.season]
            tall = 0.35 + 0.45 * float(roll[0])
        dark, light = _tinted(palette, roll)
        plants.append(
            Plant(
                kind=kind,
                x=float(x[number]),
                z=float(z[number]),
                height=tall,
                variant=int(roll[2] * VARIANTS) % VARIANTS,
                dark=dark,
                light=light,
                is_snowy=scene.season == "winter",
            )
        )
    return plants


def _tinted(palette: tuple, roll: np.ndarray) -> tuple[Colour, Colour]:
    """A pair of colours, dark and light, each plant a little different."""
    dark, light = palette[int(roll[1] * len(palette)) % len(palette)]
    shift = 0.88 + 0.24 * float(roll[3])
    return tuple(part * shift for part in dark), tuple(min(part * shift, 1) for part in light)


def _is_taken(x: float, z: float, houses: list[tuple[float, float]], room: float) -> bool:
    """Whether a house stands there, or would be hidden from there."""
    for house_x, house_z in houses:
        stands_there = abs(x - house_x) < room and abs(z - house_z) < room
        hides_it = z < house_z and abs(x / z - house_x / house_z) < 1.6 / house_z
        if stands_there or hides_it:
            return True
    return False
