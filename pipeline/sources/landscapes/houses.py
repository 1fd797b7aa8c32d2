"""Houses: a box and a gable roof, seen through the same camera as the land."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.sources.landscapes.canvas import Canvas
from pipeline.sources.landscapes.gardener import Gardener
from pipeline.sources.landscapes.geography import road_distance, water_depth
from pipeline.sources.landscapes.light import Colour
from pipeline.sources.landscapes.scene import Scene
from pipeline.sources.landscapes.terrain import FOCAL, Terrain

OVERSAMPLING = 4

WALLS = ((0.92, 0.90, 0.84), (0.62, 0.20, 0.15), (0.86, 0.74, 0.50), (0.52, 0.36, 0.24), (0.70, 0.76, 0.78))
ROOFS = ((0.52, 0.24, 0.18), (0.30, 0.29, 0.31), (0.42, 0.29, 0.22))
LAMP = (1.0, 0.82, 0.48)
GLASS = (0.22, 0.28, 0.34)


@dataclass(frozen=True, kw_only=True)
class House:
    """x, z: the middle of its front.  Lengths in camera heights; it is `length` wide, and its gables look sideways."""

    x: float
    z: float
    length: float
    width: float
    wall: float
    roof: float
    turn: float
    """Radians, counterclockwise from above."""
    wall_colour: Colour
    roof_colour: Colour
    has_chimney: bool


def plan_houses(scene: Scene, terrain: Terrain, rng: np.random.Generator) -> list[House]:
    """The houses of the scene, far to near; a second one leans on the first or stands beside it."""
    dice = rng.uniform(size=(60, 3)).astype(np.float32)
    kinds = rng.uniform(size=(2, 8))
    if not scene.houses:
        return []
    z = 11 + 15 * dice[:, 0]
    x = (dice[:, 1] * 0.7 - 0.35) * z / np.float32(FOCAL)
    height = terrain.look_up(terrain.relief.land, x, z)
    is_dry = np.ones(len(dice), bool)
    for side in (-3.0, 0.0, 3.0):
        is_dry &= water_depth(scene, x + np.float32(side), z) < -1.2
        is_dry &= road_distance(scene, x + np.float32(side), z) < -0.8
    row, column = terrain.horizon + FOCAL * (1 - height) / z, 0.5 + FOCAL * x / z
    pixel = np.clip(np.stack([row, column]) * terrain.size, 0, terrain.size - 1).astype(int)
    is_seen = np.abs(terrain.distance[pixel[0], pixel[1]] - z) < 0.15 * z
    places = np.flatnonzero(is_dry & is_seen & (height < 3))
    if not len(places):
        return []
    first = _house(float(x[places[0]]), float(z[places[0]]), kinds[0], None)
    houses = [first]
    if scene.houses > 1:
        touches = kinds[1, 7] < 0.6
        aside = np.sign(-first.x or 1.0) * (first.length * (0.92 if touches else 1.7))
        houses.append(_house(first.x + aside, first.z + (0.25 if touches else 1.5), kinds[1], first))
    return sorted(houses, key=lambda house: -house.z)


def _house(x: float, z: float, roll: np.ndarray, neighbour: House | None) -> House:
    wall = WALLS[int(roll[0] * len(WALLS))]
    if neighbour and wall == neighbour.wall_colour:
        wall = WALLS[(int(roll[0] * len(WALLS)) + 1) % len(WALLS)]
    return House(
        x=x,
        z=z,
        length=1.7 + 0.8 * roll[1],
        width=1.2 + 0.4 * roll[2],
        wall=0.72 + 0.4 * roll[3],
        roof=0.55 + 0.35 * roll[4],
        turn=neighbour.turn if neighbour else np.sign(roll[5] - 0.5) * (0.25 + 0.9 * abs(roll[5] - 0.5)),
        wall_colour=wall,
        roof_colour=ROOFS[int(roll[6] * len(ROOFS))],
        has_chimney=bool(roll[7] < 0.7),
    )


class Mason:
    """Puts houses into a picture."""

    def __init__(self, scene: Scene, terrain: Terrain, gardener: Gardener) -> None:
        self.scene = scene
        self.terrain = terrain
        self.gardener = gardener

    def foot(self, house: House) -> tuple[float, float]:
        """Column and row, in pixels, of the middle of its front."""
        at = np.float32([house.x]), np.float32([house.z])
        column, row = self.terrain.project(at[0], self.terrain.look_up(self.terrain.relief.land, *at), at[1])
        return float(column[0]), float(row[0])

    def put(self, canvas: Canvas, house: House, thing: int) -> None:
        ground = float(self.terrain.look_up(self.terrain.relief.land, np.float32([house.x]), np.float32([house.z]))[0])
        faces = self._faces(house, ground)
        places = np.concatenate([face for face, _ in faces])
        left, top = np.floor(places.min(axis=0)).astype(int) - 1
        right, bottom = np.ceil(places.max(axis=0)).astype(int) + 1
        size = (right - left, bottom - top)
        window = canvas.window(row=top, column=left, height=size[1], width=size[0], distance=house.z)
        if window is None:
            return
        shape = (size[1] * OVERSAMPLING, size[0] * OVERSAMPLING)
        paint, cover = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
        for face, colour in faces:
            pixels = np.rint((face - (left, top)) * OVERSAMPLING * 16).astype(np.int32)
            cv2.fillPoly(paint, [pixels], tuple(float(part) for part in colour), shift=4)
            cv2.fillPoly(cover, [pixels], 255, shift=4)
        share = cv2.resize(cover, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        colour = cv2.resize(paint.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        colour /= np.maximum(share, 1 / 255)[:, :, None]
        colour, share = np.minimum(colour, 255)[window.there], share[window.there]
        canvas.stamp(window, colour, np.ascontiguousarray(share), name="building", thing=thing)

    def _faces(self, house: House, ground: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """What is seen of the house, back to front: (n, 2) columns and rows in pixels, and a colour, 0..255."""
        half, deep, wall, top = house.length / 2, house.width, house.wall, house.wall + house.roof
        sun_x, sun_y, sun_z = self.gardener.sun_direction
        right, away = (np.cos(house.turn), np.sin(house.turn)), (-np.sin(house.turn), np.cos(house.turn))

        def place(across: float, up: float, back: float) -> tuple[float, float]:
            x = house.x + across * right[0] + back * away[0]
            z = house.z + across * right[1] + back * away[1]
            return self.terrain.project(x, ground + up, z)

        def lit(normal: tuple[float, float, float]) -> float:
            return 0.15 + 0.95 * max(0.0, normal[0] * sun_x + normal[1] * sun_y + normal[2] * sun_z)

        def seen(colour: Colour, share: float) -> np.ndarray:
            return self.gardener.seen_once(colour, house.x, house.z, share)

        def patch(face: list[tuple[float, float, float]], colour: np.ndarray) -> None:
            faces.append((np.float64([place(*corner) for corner in face]), colour))

        faces: list[tuple[np.ndarray, np.ndarray]] = []
        # The gable on the side that faces the camera.
        side = -1.0 if house.x * right[0] + house.z * right[1] > 0 else 1.0
        gable_light = lit((side * right[0], 0, side * right[1]))
        front_light = lit((-away[0], 0, -away[1]))
        roof_light = lit((-away[0] * 0.6, 0.8, -away[1] * 0.6))
        end = side * half
        is_dark = self.scene.weather.light.title in ("at dusk", "at dawn")
        roof_colour = (0.93, 0.95, 0.99) if self.scene.season == "winter" else house.roof_colour

        # From the back: chimney, gable with its window, front with windows and door.
        if house.has_chimney:
            at, sides = -side * half * 0.45, 0.09
            shaft = [(at - sides, top + 0.22), (at + sides, top + 0.22), (at + sides, wall), (at - sides, wall)]
            patch([(a, u, deep / 2) for a, u in shaft], seen((0.46, 0.30, 0.25), front_light))
        gable = [(end, -0.3, 0), (end, wall, 0), (end, top, deep / 2), (end, wall, deep), (end, -0.3, deep)]
        patch(gable, seen(house.wall_colour, gable_light))
        hatch = [(0.42, 0.62), (0.58, 0.62), (0.58, 0.85), (0.42, 0.85)]
        glow = np.float32(LAMP) * 255
        glass = glow if is_dark else seen(GLASS, front_light)
        patch([(end, up * wall * 1.25, share * deep) for share, up in hatch], glass)
        patch(
            [(-half, -0.3, 0), (-half, wall, 0), (half, wall, 0), (half, -0.3, 0)], seen(house.wall_colour, front_light)
        )
        for share in (-0.62, -0.22, 0.58):
            for frame, colour in ((0.16, seen((0.95, 0.95, 0.93), front_light)), (0.125, glass)):
                corners = [
                    (-frame, 0.36 + frame * 0.4),
                    (-frame, 0.96 - frame),
                    (frame, 0.96 - frame),
                    (frame, 0.36 + frame * 0.4),
                ]
                patch([(share * half + a, up * wall, 0) for a, up in corners], colour)
        door = [(0.10, 0), (0.10, 0.68), (0.32, 0.68), (0.32, 0)]
        patch([(a * half * 1.1, up * wall, 0) for a, up in door], seen((0.34, 0.22, 0.16), front_light))

        # The near half of the roof, its rows of tiles, and the boards at its edges.
        over, hang = 0.10, 0.12
        eave = wall - hang * house.roof / (deep / 2)
        slab = [
            (-half - over, eave, -hang),
            (-half - over, top, deep / 2),
            (half + over, top, deep / 2),
            (half + over, eave, -hang),
        ]
        patch(slab, seen(roof_colour, roof_light))
        for share in (0.25, 0.5, 0.75):
            up, back = eave + share * (top - eave), -hang + share * (deep / 2 + hang)
            line = [
                (-half - over, up, back),
                (half + over, up, back),
                (half + over, up - 0.025, back),
                (-half - over, up - 0.025, back),
            ]
            patch(line, seen(roof_colour, roof_light * 0.75))
        edge = [
            (-half - over, eave, -hang),
            (half + over, eave, -hang),
            (half + over, eave - 0.06, -hang),
            (-half - over, eave - 0.06, -hang),
        ]
        patch(edge, seen(roof_colour, roof_light * 0.4))
        rim_side = end + side * over
        rim = [
            (rim_side, eave, -hang),
            (rim_side, top, deep / 2),
            (rim_side, top - 0.09, deep / 2),
            (rim_side, eave - 0.07, -hang),
        ]
        patch(rim, seen((0.93, 0.92, 0.9), gable_light))
        far_rim = [
            (rim_side, top, deep / 2),
            (rim_side, eave, deep + hang),
            (rim_side, eave - 0.07, deep + hang),
            (rim_side, top - 0.09, deep / 2),
        ]
        patch(far_rim, seen((0.93, 0.92, 0.9), gable_light))
        return faces
