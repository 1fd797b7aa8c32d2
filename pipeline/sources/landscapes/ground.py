"""What lies on the land, from the meadow at one's feet to the snow on the summits, and the light on it."""

import numpy as np

from pipeline.sources.landscapes.canvas import id_of
from pipeline.sources.landscapes.geography import forest_share, road_distance
from pipeline.sources.landscapes.light import squared
from pipeline.sources.landscapes.near import BLOOMS
from pipeline.sources.landscapes.noise import fractal, noise, ridged, smoothstep
from pipeline.sources.landscapes.scene import Scene
from pipeline.sources.landscapes.surface import Surface, bare_surface, blend, coverage
from pipeline.sources.landscapes.terrain import Sunlight, Terrain

GRASS = {
    "summer": ((0.25, 0.40, 0.13), (0.46, 0.58, 0.22), (0.62, 0.62, 0.30)),
    "autumn": ((0.38, 0.36, 0.15), (0.60, 0.52, 0.24), (0.72, 0.58, 0.28)),
}
"""Dark, common and light grass of a season."""

FOREST = {
    "summer": ((0.09, 0.19, 0.10), (0.22, 0.36, 0.15)),
    "autumn": ((0.30, 0.20, 0.08), (0.66, 0.42, 0.14)),
    "winter": ((0.16, 0.22, 0.22), (0.50, 0.56, 0.60)),
}

SHORES = {
    "sand": ((0.72, 0.60, 0.42), (0.90, 0.80, 0.60)),
    "gravel": ((0.36, 0.34, 0.32), (0.72, 0.69, 0.65)),
    "dirt": ((0.30, 0.22, 0.15), (0.50, 0.38, 0.26)),
}
DUNES = ((0.76, 0.50, 0.27), (0.95, 0.75, 0.49))
SNOW, FAR_SNOW = ((0.46, 0.55, 0.75), (0.86, 0.89, 0.93)), ((0.80, 0.85, 0.93), (0.98, 0.98, 1.0))
ROCK, DESERT_ROCK = ((0.34, 0.31, 0.29), (0.58, 0.54, 0.50)), ((0.42, 0.30, 0.24), (0.66, 0.48, 0.36))
CLIFF = ((0.40, 0.34, 0.28), (0.70, 0.62, 0.52))
ASPHALT, TRACK = ((0.26, 0.26, 0.28), (0.40, 0.40, 0.42)), ((0.46, 0.38, 0.29), (0.66, 0.57, 0.45))
TRODDEN_SNOW = ((0.75, 0.78, 0.83), (0.88, 0.90, 0.94))
LEAVES = np.float32([[[0.62]], [[0.74]], [[0.80]]])
"""What the leaves of flowers take from the colour of grass."""
PAINT = (0.92, 0.91, 0.86)


def cover_ground(scene: Scene, terrain: Terrain, sunlight: Sunlight) -> Surface:
    """All land that is seen, with its materials."""
    surface = bare_surface(scene, terrain, sunlight)
    _open_ground(scene, surface)
    if scene.bare:
        _lay_dirt(scene, surface.between(0, 26))
    if scene.flowers:
        _lay_flowers(scene, surface.between(0, 26))
    if scene.hills and scene.ground != "snow":
        _lay_hills(scene, surface.between(26, 1e3))
    if scene.forest:
        _lay_forest(scene, surface.between(44, 1e3))
    if scene.mountains:
        _lay_mountains(scene, surface.between(scene.mountains.near, 1e3))
    if scene.road:
        _lay_road(scene, surface.between(0, 80))
    if scene.water:
        _lay_shore(scene, surface)
    return surface


def shine_on(scene: Scene, surface: Surface, terrain: Terrain, sunlight: Sunlight, haze: np.ndarray) -> np.ndarray:
    """(3, h, W) float32: the light that comes from the land to the camera, with the air between."""
    light = scene.weather.light
    direct = 1.25 * terrain.pick(sunlight.direct, surface.top)
    open_sky = terrain.pick(sunlight.open, surface.top)
    colour = squared(light.sun) * direct
    colour += squared(light.ambient) * open_sky
    colour *= surface.albedo
    air = 1 - np.exp(-np.maximum(surface.z - 6, 0) / np.float32(light.sight))
    veil = haze - colour
    veil *= air
    colour += veil
    # What is brighter than the film holds its shape: a shoulder instead of a cut.
    over = np.subtract(colour, np.float32(0.68), out=veil)
    np.maximum(over, 0, out=over)
    colour -= over
    shoulder = over * np.float32(2.6)
    shoulder += 1
    over /= shoulder
    colour += over
    return colour


def _open_ground(scene: Scene, surface: Surface) -> None:
    x, z, fine, broad = surface.x, surface.z, surface.fine, surface.broad
    if scene.ground == "snow":
        drift = ridged(x / 3.4 + 0.4 * z, z / 1.7, 3) * smoothstep(-z, -40, -10)
        surface.albedo[:] = blend(SNOW, 0.30 + 0.25 * broad + 0.22 * fine + 0.75 * drift)
    elif scene.dunes:
        bend = z + 0.35 * x + 1.3 * noise(x / 3, z / 3) + broad
        ripples = np.sin(bend * np.float32(11)) * np.clip(1.3 - z / 9, 0, 1)
        ripples += np.sin(bend * np.float32(3.2)) * np.clip(1.2 - z / 24, 0, 1)
        surface.albedo[:] = blend(DUNES, 0.55 + 0.25 * broad + 0.17 * ripples + 0.12 * fine)
    elif scene.ground == "sand":
        ripples = noise(x * 0.8 + 2 * broad, z * 3.5) * smoothstep(-z, -12, -5)
        surface.albedo[:] = blend(SHORES["sand"], 0.55 + 0.3 * broad + 0.3 * fine + 0.22 * ripples)
    else:
        dark, common, light = GRASS[scene.season]
        surface.albedo[:] = blend((dark, common), 0.55 + 0.7 * fine + 0.2 * broad)
        dry = smoothstep(broad + 0.4 * fine, 0.1, 0.9)
        straw = blend((common, light), 0.5 + 0.5 * fine)
        straw -= surface.albedo
        straw *= dry
        surface.albedo[:] += straw
        near = surface.between(0, 18)
        near.albedo[:] *= 1 + _blades(near)


def _blades(surface: Surface) -> np.ndarray:
    """(h, W): how much lighter upright grass makes a pixel, -0.4..0.4, in tufts that grow with nearness."""
    x, z = surface.x, surface.z
    away = np.log(z)
    ragged = away * 6 + 0.6 * noise(x * 26, away * 5) + 0.5 * noise(x * 3, away * 3)
    row = np.floor(ragged)
    # Within a row of tufts a blade stands upright in the picture: its place is that of its foot.
    along = x / z * np.exp(row / 6) * 30 + row * np.float32(7.7)
    upright = 0.36 * noise(along, row * 3.3) + 0.24 * (ragged - row - 0.5)
    return upright * np.clip(1.5 - z / 12, 0, 1)


def _lay_dirt(scene: Scene, surface: Surface) -> None:
    x, z = surface.x, surface.z
    patch = noise(x / 3.1 - 9, z / 4.3) * 0.7 + 0.3 * surface.broad + 0.25 * surface.fine
    cover = smoothstep(patch, 0.75 - scene.bare * 1.6, 0.95 - scene.bare * 1.6) * smoothstep(-z, -26, -18)
    surface.lay(cover, blend(SHORES["dirt"], 0.5 + 0.7 * surface.fine), "dirt")


def _lay_flowers(scene: Scene, surface: Surface) -> None:
    """Beds of flowers in the near meadow; a bed is of the class flower, leaves and all."""
    x, z = surface.x, surface.z
    blooms = BLOOMS[scene.blooms]
    bed = noise(x / 2.6 + 5, z / 4.2 - 3) * 0.75 + 0.35 * noise(x * 1.1, z * 0.8) + 0.10 * surface.fine
    cover = smoothstep(bed, 0.62 - 1.25 * scene.flowers, 0.70 - 1.25 * scene.flowers) * smoothstep(-z, -26, -18)
    speck = fractal(x * 15, z * 7, 2, gain=0.8, footprint=surface.footprint * 15)
    hue = noise(x * 1.7 + 3, z * 1.2)
    petals = blend((blooms[0], blooms[1]), 0.5 + 1.6 * hue)
    petals += smoothstep(hue, 0.35, 0.5) * (squared(blooms[2]) - petals)
    # Far beds melt into one colour; the near ones get single blossoms later.
    share = 0.85 * smoothstep(speck, 0.1, 0.5) * smoothstep(z, 2.5, 6.5) + 0.42 * smoothstep(z, 4, 13)
    leaves = surface.albedo * LEAVES
    surface.lay(cover, leaves + np.minimum(share, 0.85) * (petals - leaves), "flower")


def _lay_hills(scene: Scene, surface: Surface) -> None:
    """Distant grass on rising ground is a hill: fields in different greens. Where it is steep by the sea, a cliff."""
    dark, common, light = GRASS[scene.season]
    field = 0.5 + 0.55 * surface.broad
    albedo = blend((dark, common), 0.35 + 0.5 * field + 0.3 * surface.fine)
    albedo += smoothstep(field, 0.6, 0.75) * 0.7 * (blend((common, light), 0.6 + 0.3 * surface.fine) - albedo)
    surface.lay(smoothstep(surface.z, 27, 31) * smoothstep(surface.hill, 0.5, 0.8), albedo, "hill")
    if scene.water and scene.water.kind == "sea":
        strata = noise(surface.x / 9, surface.height * 2.2 + 0.12 * surface.x)
        cliff = blend(CLIFF, 0.5 + 0.4 * strata + 0.35 * surface.fine)
        steep = smoothstep(surface.slope + 0.25 * surface.broad, 1.45, 1.8) * smoothstep(surface.z, 27, 31)
        surface.lay(steep, cliff, "mountain")


def _lay_forest(scene: Scene, surface: Surface) -> None:
    """Forest too far away for single trees: a dark coat on hills and lower slopes."""
    x, z, height = surface.x, surface.z, surface.height
    tree_line = scene.mountains.tree_line if scene.mountains else 99.0
    crowns = noise(x / (4 * surface.footprint), height / (3 * surface.footprint) + z)
    cover = forest_share(scene, x, z) * smoothstep(z, 44, 60)
    cover *= smoothstep(-height + 2 * noise(x / 5, z / 9), -tree_line, -tree_line * 0.75)
    surface.lay(smoothstep(cover, 0.35, 0.65), blend(FOREST[scene.season], 0.40 + 0.55 * crowns), "tree")


def _lay_mountains(scene: Scene, surface: Surface) -> None:
    """Rock above the woods, and snow where it is high and not too steep."""
    assert scene.mountains is not None
    plan = scene.mountains
    x, z, height = surface.x, surface.z, surface.height
    rough = fractal(x / 7, (height * 1.6 + z) / 7, 4, gain=0.6, footprint=surface.footprint / 7)
    strata = noise(x / 40, height / 2.5 + 0.1 * x + 2 * rough)
    rock = blend(DESERT_ROCK if scene.dunes else ROCK, 0.5 + 0.45 * rough + 0.2 * strata)
    if plan.tree_line > 0 and scene.ground == "grass":
        green = smoothstep(-height + 5 * rough, -plan.tree_line * 1.9, -plan.tree_line)
        green *= 0.75 * smoothstep(-surface.slope, -2.2, -1.3)
        rock += green * (blend(GRASS[scene.season][:2], 0.3 + 0.5 * rough) - rock)
    is_open = surface.labels != id_of("tree")
    surface.lay(smoothstep(surface.mountain + 0.8 * rough, 2.0, 4.0) * is_open, rock, "mountain")
    steep = np.clip(surface.slope - 1.5, 0, 2.5)
    snow = smoothstep(height - plan.snow_line - 7 * rough - 9 * steep, 0, 5) * (is_open & (surface.mountain > 2))
    surface.lay(snow, blend(FAR_SNOW, 0.7 + 0.3 * rough), "snow")


def _lay_road(scene: Scene, surface: Surface) -> None:
    """A strip of bare ground, and on it asphalt with lines, or a track with ruts and grass between them."""
    assert scene.road is not None
    road, fine, footprint = scene.road, surface.fine, surface.footprint
    inside = road_distance(scene, surface.x, surface.z)
    soft = footprint + 0.02
    verge = smoothstep(inside + 0.25 + 0.2 * fine, -soft, soft)
    bare = "snow" if scene.ground == "snow" else "dirt"
    colours = TRODDEN_SNOW if bare == "snow" else SHORES["dirt"]
    surface.lay(verge * 0.9, blend(colours, 0.5 + 0.5 * fine), bare)
    centre = road.half_width - inside
    if road.paved:
        albedo = blend(ASPHALT, 0.5 + 0.6 * fine)
        edge_line = np.clip(0.5 - (np.abs(inside - 0.13) - 0.035) / footprint, 0, 1)
        dash = smoothstep(np.abs(surface.z * 0.5 - np.floor(surface.z * 0.5) - 0.5), 0.22, 0.26)
        white = edge_line + dash * np.clip(0.5 - (centre - 0.03) / footprint, 0, 1)
        albedo += np.clip(white, 0, 1) * 0.9 * (squared(PAINT) - albedo)
    else:
        albedo = blend(TRACK, 0.5 + 0.6 * fine)
        if scene.season != "winter":
            middle = 0.5 * smoothstep(-centre, -0.22, -0.08)
            albedo += middle * (blend(GRASS[scene.season][:2], 0.5 + 0.5 * fine) - albedo)
        ruts = np.abs(road.half_width * 0.5 - inside)
        albedo *= 1 - 0.25 * smoothstep(-ruts, -0.15, 0)
    surface.lay(coverage(inside if road.paved else inside + 0.08 * fine), albedo, "road")


def _lay_shore(scene: Scene, surface: Surface) -> None:
    """The strip beside the water, wet at its edge, and the bed of the water itself, still without its mirror."""
    assert scene.water is not None
    water = scene.water
    # However rough its edge is, the strip is less than twice as wide as planned.
    strip = surface.around(surface.depth > -2 * water.shore_width * (1 + 0.02 * surface.z) - surface.footprint)
    x, z, footprint = strip.x, strip.z, strip.footprint
    inland = -strip.depth
    width = water.shore_width * (1 + 0.02 * z) * (1 + 0.35 * noise(x / 3, z / 3))
    if water.kind == "sea" and water.headland:
        width *= 1 - 0.85 * smoothstep(z, 16, 26)
    grain = 0.5 + 0.5 * strip.fine
    if water.shore == "gravel":
        grain += 0.45 * noise(x * 13, z * 8) * np.clip(1.6 - footprint * 14, 0, 1)
    albedo = blend(SHORES[water.shore], grain)
    albedo *= 1 - 0.55 * smoothstep(-inland, -0.30 * width, -0.05 * width)
    soft = 0.08 * width + footprint
    strip.lay(smoothstep(width - inland + 0.25 * width * strip.fine, -soft, soft), albedo, water.shore)
    surface.water[:] = coverage(surface.depth)
    surface.lay(surface.water, squared(water.deep), water.kind)
