"""How plants and rocks are put into the picture, each under the light of its place."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.sources.landscapes.canvas import Canvas
from pipeline.sources.landscapes.light import Colour, squared
from pipeline.sources.landscapes.planting import Plant
from pipeline.sources.landscapes.scene import Scene
from pipeline.sources.landscapes.sprites import COVER, LIGHTNESS, SNOW, WOOD, sprites
from pipeline.sources.landscapes.terrain import FOCAL, Sunlight, Terrain, sun_direction

BARK, SNOW_COLOUR = (0.46, 0.36, 0.28), (0.97, 0.98, 1.0)


@dataclass(frozen=True, kw_only=True)
class Potted:
    """A plant ready to be put: its foot and height in pixels, its paints as they are seen there, (3,) in 0..255."""

    plant: Plant
    column: float
    row: float
    height_px: float
    dark: np.ndarray
    light: np.ndarray
    bark: np.ndarray
    snow: np.ndarray


class Gardener:
    """Knows the land and its light, and puts things on it."""

    def __init__(self, scene: Scene, terrain: Terrain, sunlight: Sunlight, haze: np.ndarray) -> None:
        self.terrain = terrain
        self.sunlight = sunlight
        self.light = scene.weather.light
        self.haze = np.ascontiguousarray(haze.reshape(3, -1).T)  # (W, 3)
        self.sun_direction = sun_direction(scene)
        # Larger sprites take seconds to paint, and only the nearest tree would show the difference.
        self.detail = min(2 ** max(0, int(np.ceil(np.log2(terrain.size / 128)))), 8)

    def seen(self, colours: np.ndarray, x: np.ndarray, z: np.ndarray, lit: np.ndarray) -> np.ndarray:
        """(n, 3) float32, 0..255: paints at n places, `lit` of each in the sun, with the air between."""
        size = self.terrain.size
        columns = np.clip(((0.5 + FOCAL * x / z) * size).astype(int), 0, size - 1)
        lit = lit[:, None]
        received = squared(self.light.ambient).ravel() * (0.45 + 0.35 * lit) + squared(self.light.sun).ravel() * lit
        amount = np.square(np.float32(colours)) * received
        air = 1 - np.exp(-np.maximum(z - 6, 0) / np.float32(self.light.sight))
        amount += air[:, None] * (self.haze[columns] - amount)
        return np.sqrt(np.clip(amount, 0, 1)) * 255

    def seen_once(self, colour: Colour, x: float, z: float, lit: float) -> np.ndarray:
        """(3,) float32, 0..255: the same for one place."""
        return self.seen(np.float32([colour]), np.float32([x]), np.float32([z]), np.float32([lit]))[0]

    def pot(self, plants: list[Plant]) -> list[Potted]:
        """All plants at once, for their arithmetic is the same."""
        if not plants:
            return []
        x, z = np.float32([plant.x for plant in plants]), np.float32([plant.z for plant in plants])
        ground = self.terrain.look_up(self.terrain.relief.land, x, z)
        columns, rows = self.terrain.project(x, ground, z)
        heights = np.float32([plant.height for plant in plants]) * FOCAL / z * self.terrain.size
        direct = 0.25 + 0.75 * np.minimum(1.0, 1.8 * self.terrain.look_up(self.sunlight.direct, x, z))
        dark = self.seen(np.float32([plant.dark for plant in plants]), x, z, 0.25 * direct)
        light = self.seen(np.float32([plant.light for plant in plants]), x, z, direct)
        bark = self.seen(np.float32([BARK]), x, z, 0.8 * direct)
        snow = self.seen(np.float32([SNOW_COLOUR]), x, z, direct)
        return [
            Potted(
                plant=plant,
                column=float(columns[number]),
                row=float(rows[number]),
                height_px=float(heights[number]),
                dark=dark[number],
                light=light[number],
                bark=bark[number],
                snow=snow[number],
            )
            for number, plant in enumerate(plants)
        ]

    def put(self, canvas: Canvas, potted: Potted, thing: int) -> None:
        plant = potted.plant
        levels = sprites(plant.kind, plant.variant, self.detail)
        sprite = levels[0]
        for level in levels:
            if level.shape[0] < potted.height_px:
                break
            sprite = level
        rows = max(round(potted.height_px), 1)
        columns = max(round(potted.height_px * sprite.shape[1] / sprite.shape[0]), 1)
        way = cv2.INTER_AREA if rows < sprite.shape[0] else cv2.INTER_LINEAR
        window = canvas.window(
            row=round(potted.row) - rows + max(1, rows // 24),
            column=round(potted.column - columns / 2),
            height=rows,
            width=columns,
            distance=plant.z,
        )
        if window is None:
            return
        way = cv2.INTER_AREA if rows < sprite.shape[0] else cv2.INTER_LINEAR
        sprite = cv2.resize(sprite, (columns, rows), interpolation=way)
        if self.sun_direction[0] > 0:
            sprite = sprite[:, ::-1]
        planes = sprite[window.there].transpose(2, 0, 1).astype(np.float32, order="C")  # (4, h, w)
        planes *= 1 / 255
        canvas.stamp(window, _paint(potted, planes, rows > 12), planes[COVER], name=plant.name, thing=thing)

    def shade(self, canvas: Canvas, pots: list[Potted]) -> None:
        """The shadows that plants throw on the ground, before any of them is painted."""
        size = canvas.size
        shadow = np.zeros((size, size), np.uint8)
        sun_x, sun_y, _ = self.sun_direction
        for potted in pots:
            is_tree = potted.plant.name == "tree"
            wide = potted.height_px * (0.26 if is_tree else 0.50)
            throw = -sun_x / max(sun_y, 0.35) * potted.height_px * (0.34 if is_tree else 0.24)
            axes = (max(wide + abs(throw) * 0.7, 1), max(wide * 0.15, 0.7))
            centre = (round((potted.column + throw) * 16), round(potted.row * 16))
            cv2.ellipse(shadow, centre, (round(axes[0] * 16), round(axes[1] * 16)), 0, 0, 360, 255, -1, cv2.LINE_AA, 4)
        shadow = cv2.GaussianBlur(shadow, (0, 0), size / 160)
        sun, ambient = float(np.mean(self.light.sun)), float(np.mean(self.light.ambient))
        strength = 0.62 * sun / (sun + ambient)
        shaded = np.flatnonzero(shadow.any(axis=1))
        if not len(shaded):
            return
        rows = slice(int(shaded[0]), int(shaded[-1]) + 1)
        left = 1 - strength / 255 * (shadow[rows] * (canvas.distance[rows] < 500)).astype(np.float32)
        photo = canvas.photo[rows]
        photo[:] = photo * cv2.merge((left, left, left))


def _paint(potted: Potted, planes: np.ndarray, shows_wood: bool) -> np.ndarray:
    """(h, w, 3) float32, 0..255: a sprite's light and wood and snow, (4, h, w) in 0..1, as colours."""
    lightness = planes[LIGHTNESS]
    dark, light = potted.dark[:, None, None], potted.light[:, None, None]
    colour = lightness * (light - dark)  # (3, h, w)
    colour += dark
    if potted.plant.name == "tree" and shows_wood:
        wood = lightness * potted.bark[:, None, None]
        wood -= colour
        wood *= planes[WOOD]
        colour += wood
    if potted.plant.is_snowy:
        snow = (0.55 + 0.45 * lightness) * potted.snow[:, None, None]
        snow -= colour
        snow *= planes[SNOW]
        colour += snow
    return cv2.merge(tuple(colour))
