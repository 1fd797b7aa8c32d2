"""Plants and rocks, painted once in neutral light: trees are stamped from them in every size and colour.

A sprite is (h, w, 4) uint8: how light the paint is, how much of it is wood, how much snow would lie there, how opaque.
The light comes from the left and from above.
"""

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

LIGHTNESS, WOOD, SNOW, COVER = range(4)

VARIANTS = 6
"""How many sprites there are of a kind."""

SUBPIXEL_BITS = 4


@cache
def sprites(kind: str, variant: int, detail: int) -> tuple[np.ndarray, ...]:
    """A plant or rock at full size, then half as large, and so on; the full size of a tree is 96 x detail pixels high.

    kind: conifer, broadleaf, bare, bush or rock.
    """
    painter, width, fineness, seed = KINDS[kind]
    rng = np.random.Generator(np.random.PCG64([seed, variant]))
    height = round(96 * detail * fineness)
    brush = Brush(height=2 * height, width=2 * round(height * width))
    painter(rng, brush)
    levels = [cv2.resize(brush.paint, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)]
    while levels[-1].shape[0] > 8:
        levels.append(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    return tuple(levels)


class Brush:
    """Strokes on an empty sprite. Places are (x, y) in heights of the sprite: x from its middle, y down from 0 to 1."""

    def __init__(self, *, height: int, width: int) -> None:
        self.paint = np.zeros((height, width, 4), np.uint8)
        # Where nothing is painted the light is middling, so that shrinking does not darken the edges.
        self.paint[:, :, LIGHTNESS] = 110
        self.height, self.width = height, width

    def polygon(self, places: np.ndarray, light: float, *, wood: float = 0, snow: float = 0) -> None:
        cv2.fillPoly(self.paint, [self._pixels(places)], _values(light, wood, snow), shift=SUBPIXEL_BITS)

    def dabs(
        self,
        x: np.ndarray,
        y: np.ndarray,
        radii: np.ndarray,
        light: np.ndarray,
        *,
        turn: np.ndarray,
        snow: np.ndarray,
    ) -> None:
        """Ellipses, one after the other. radii: (n, 2).  turn: in degrees.  The others are (n,) too."""
        centres = self._pixels(np.stack([x, y], 1).astype(np.float32)).tolist()
        axes = np.rint(radii.astype(np.float32) * self.height * 2**SUBPIXEL_BITS).astype(int).tolist()
        paints = zip(light.tolist(), snow.tolist(), strict=True)
        for centre, axis, way, (shine, white) in zip(centres, axes, turn.tolist(), paints, strict=True):
            values = _values(shine, 0, white)
            cv2.ellipse(self.paint, centre, axis, way, 0, 360, values, -1, cv2.LINE_8, SUBPIXEL_BITS)

    def _pixels(self, places: np.ndarray) -> np.ndarray:
        pixels = np.asarray(places, np.float64) * self.height + (self.width / 2, 0)
        return np.rint(pixels * 2**SUBPIXEL_BITS).astype(np.int32)


def _values(light: float, wood: float, snow: float) -> tuple[float, float, float, float]:
    return (min(max(float(light), 0.0), 1.0) * 255, wood * 255, snow * 255, 255)


def _conifer(rng: np.random.Generator, brush: Brush) -> None:
    """Whorls of drooping branches from the foot to the tip, each with its shade below."""
    reach, whorls = rng.uniform(0.19, 0.27), int(rng.integers(12, 17))
    slim = rng.uniform(0.8, 1.1)
    brush.polygon(np.float32([(-0.006, 0.3), (0.006, 0.3), (0.022, 1.0), (-0.022, 1.0)]), 0.35, wood=1)
    for whorl in range(whorls, -1, -1):
        share = (whorl + 0.5) / (whorls + 1)
        y = 0.03 + 0.88 * share
        half_width = reach * share**slim * rng.uniform(0.85, 1.12)
        drop = 0.035 + 0.06 * share
        hem = [
            (-half_width * 0.85, y + drop * 0.9),
            (0, y + drop * 1.5),
            (half_width * 0.85, y + drop * 0.9),
            (0, y - 0.03),
        ]
        brush.polygon(np.float32(hem), 0.10)
        for side in rng.permutation(np.linspace(-1, 1, 9 + 2 * (whorl > 4))):
            tip_x = side * half_width * rng.uniform(0.85, 1.1)
            tip_y = y + drop * (1 - 0.35 * abs(side)) + rng.uniform(-0.012, 0.02)
            root = side * half_width * 0.12
            thick = 0.018 + 0.016 * share
            light = 0.46 - 0.36 * side + rng.uniform(-0.14, 0.14)
            brush.polygon(
                np.float32(
                    [(root, y - thick), (tip_x, tip_y), (tip_x * 0.72, tip_y + thick), (root * 0.6, y + thick * 1.3)]
                ),
                light * 0.55,
            )
            upper = np.float32([(root, y - thick), (tip_x, tip_y), (tip_x * 0.6, tip_y - thick * 0.1), (root, y)])
            brush.polygon(upper, light, snow=0.9)
    brush.polygon(np.float32([(0, 0.0), (0.012, 0.06), (-0.012, 0.06)]), 0.6, snow=0.7)


def _broadleaf(rng: np.random.Generator, brush: Brush) -> None:
    """A trunk that forks, and a crown of leafy heaps, the lit ones painted last."""
    lean = rng.uniform(-0.03, 0.03)
    brush.polygon(np.float32([(lean - 0.018, 0.5), (lean + 0.018, 0.5), (0.032, 1.0), (-0.032, 1.0)]), 0.42, wood=1)
    brush.polygon(np.float32([(lean - 0.018, 0.5), (lean - 0.004, 0.5), (-0.012, 1.0), (-0.032, 1.0)]), 0.75, wood=1)
    for side in (-1, 1):
        limb = [(0.0, 0.80), (side * 0.15, 0.58), (side * 0.17, 0.59), (0.022, 0.84)]
        brush.polygon(np.float32(limb), 0.4, wood=1)
    width, tall = rng.uniform(0.29, 0.37), rng.uniform(0.32, 0.38)
    _crown(rng, brush, centre=(lean, 0.06 + tall), reach=(width, tall), heaps=int(rng.integers(13, 18)))


def _bare(rng: np.random.Generator, brush: Brush) -> None:
    """A tree without leaves: every branch forks until it is a twig."""

    def branch(x: float, y: float, angle: float, length: float, thick: float) -> None:
        end_x, end_y = x + np.sin(angle) * length, y - np.cos(angle) * length
        aside = np.float32([np.cos(angle), np.sin(angle)]) * thick
        start, end = np.float32([x, y]), np.float32([end_x, end_y])
        sides = [start - aside, start + aside, end + 0.7 * aside, end - 0.7 * aside]
        brush.polygon(np.float32(sides), 0.45 + rng.uniform(-0.08, 0.08), wood=1)
        if abs(angle) > 0.5:
            brush.polygon(np.float32([start - aside, start, end, end - 0.7 * aside]), 0.9, snow=0.9)
        if length < 0.035:
            return
        for turn in (-0.42, 0.0, 0.42) if length > 0.14 else (-0.38, 0.38):
            branch(
                end_x, end_y, angle + turn + rng.uniform(-0.22, 0.22), length * rng.uniform(0.62, 0.80), thick * 0.62
            )

    branch(0.0, 1.0, rng.uniform(-0.06, 0.06), 0.27, 0.020)


def _bush(rng: np.random.Generator, brush: Brush) -> None:
    _crown(rng, brush, centre=(0, 0.60), reach=(rng.uniform(0.50, 0.62), 0.42), heaps=int(rng.integers(10, 14)))
    _round_foot(rng, brush)
    for _ in range(36):
        x = rng.uniform(-0.36, 0.36)
        tip = (x + rng.uniform(-0.08, 0.08), rng.uniform(0.80, 0.93))
        brush.polygon(np.float32([(x - 0.016, 0.985), tip, (x + 0.016, 0.985)]), rng.uniform(0.12, 0.3))


def _round_foot(rng: np.random.Generator, brush: Brush) -> None:
    """Take the lower corners away, so that it does not look cut off."""
    x = (np.arange(brush.width, dtype=np.float32) + 0.5 - brush.width / 2) / brush.height
    foot = 0.99 - 0.55 * np.clip(np.abs(x) - 0.22, 0, 1) ** 1.3 + 0.02 * np.sin(x * 23 + rng.uniform(0, 6))
    y = (np.arange(brush.height, dtype=np.float32)[:, None] + 0.5) / brush.height
    brush.paint[:, :, COVER][y > foot] = 0


def _crown(
    rng: np.random.Generator, brush: Brush, *, centre: tuple[float, float], reach: tuple[float, float], heaps: int
) -> None:
    """Heaps of leaves within an ellipse, each a ball in the light."""
    angles = (np.arange(heaps) + rng.uniform(-0.3, 0.3, heaps)) * 2.4  # the golden angle leaves no gaps
    away = np.sqrt((np.arange(heaps) + 0.5) / heaps) * rng.uniform(0.62, 0.80, heaps)
    places = np.stack([np.cos(angles) * away, np.sin(angles) * away], 1)
    places = places[np.argsort(-places[:, 1] + 0.6 * places[:, 0])]
    radii = np.float64([min(reach) * rng.uniform(0.36, 0.52) for _ in places])
    middles = centre + places * reach
    still = np.zeros(heaps)
    shadows = np.stack([radii * 0.95, radii * 0.9], 1)
    brush.dabs(middles[:, 0], middles[:, 1], shadows, np.full(heaps, 0.12), turn=still, snow=still)
    for place, (x, y), radius in zip(places, middles, radii, strict=True):
        leaves = 46
        turns, ways = rng.uniform(0, 2 * np.pi, leaves), np.sqrt(rng.uniform(0, 1, leaves))
        side, fall = np.cos(turns) * ways, np.sin(turns) * ways
        low_first = np.argsort(-fall, kind="stable")
        side, fall = side[low_first], fall[low_first]
        rolls = rng.uniform((-0.13, 0.012, 0), (0.13, 0.027, 180), (leaves, 3))
        ball = -0.42 * side - 0.62 * fall
        crown = -0.45 * (place[0] + side * 0.3) - 0.55 * (place[1] + fall * 0.3)
        size = rolls[:, 1] * (min(reach) / 0.27) ** 0.5
        brush.dabs(
            x + side * radius * 1.12,
            y + fall * radius * 1.08,
            np.stack([size * 1.4, size], 1),
            0.40 + 0.36 * ball + 0.34 * crown + rolls[:, 0],
            turn=rolls[:, 2],
            snow=((fall < -0.45) & (place[1] < 0.4)) * 0.8,
        )


def _rock(rng: np.random.Generator, brush: Brush) -> None:
    """A boulder cut by planes: every pixel shows the plane that lies lowest there."""
    x = (np.arange(brush.width, dtype=np.float32)[None, :] + 0.5 - brush.width / 2) / brush.height
    y = (np.arange(brush.height, dtype=np.float32)[:, None] + 0.5) / brush.height - 0.72
    shape = brush.height, brush.width
    planes = 22
    normals = rng.normal(size=(planes, 3))
    normals[:, 2] = np.abs(normals[:, 2]) + 0.35
    normals[:3] = [(-0.8, -0.6, 0.4), (0.1, -1, 0.3), (0.8, -0.5, 0.4)]  # so that no boulder leaves its sprite
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    reach = np.sqrt((normals[:, 0] * 0.66) ** 2 + (normals[:, 1] * 0.60) ** 2 + (normals[:, 2] * 0.5) ** 2)
    reach *= rng.uniform(0.74, 0.95, planes)
    lowest, light = np.full(shape, np.inf), np.zeros(shape)
    for normal, distance in zip(normals, reach, strict=True):
        front = (distance - normal[0] * x) - normal[1] * y
        front /= normal[2]
        facing = 0.34 - 0.50 * normal[0] - 0.62 * normal[1] + 0.12 * normal[2] + rng.uniform(-0.05, 0.05)
        np.copyto(light, facing, where=front < lowest)
        np.minimum(front, lowest, out=lowest)
    grain = cv2.resize(rng.normal(size=(56, 84)).astype(np.float32), shape[::-1], interpolation=cv2.INTER_CUBIC)
    light = light + 0.035 * grain - 0.35 * np.clip((y - 0.12) / 0.16, 0, 1)
    foot = 0.25 + 0.02 * np.sin(x * 17 + rng.uniform(0, 6))
    brush.paint[:, :, LIGHTNESS] = np.clip(light, 0.04, 1) * 255
    brush.paint[:, :, SNOW] = np.clip(light * 3 - 1.5, 0, 1) * (y < -0.05) * 235
    brush.paint[:, :, COVER] = ((lowest > 0) & (y < foot)) * np.uint8(255)


KINDS: dict[str, tuple[Callable[[np.random.Generator, Brush], None], float, float, int]] = {
    "conifer": (_conifer, 0.62, 1.0, 101),
    "broadleaf": (_broadleaf, 0.86, 1.0, 102),
    "bare": (_bare, 0.9, 1.0, 105),
    "bush": (_bush, 1.45, 0.75, 103),
    "rock": (_rock, 1.5, 0.5, 104),
}
"""Painter, width over height, how large it is beside a tree, and the seed of its random numbers."""
