"""What stands where in one landscape, in camera heights: the plan that everything else paints."""

from dataclasses import dataclass

from pipeline.sources.landscapes.light import TIMES, Light

Colour = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Water:
    """A lake between two distances, a sea beyond one, or a river that winds away."""

    kind: str
    """water (a lake), sea or river: the class of its pixels."""
    near: float = 5.0
    far: float = 40.0
    centre: float = 0.0
    """Sideways, of a lake; where a river passes the camera; how slanted the shore of a sea runs."""
    half_width: float = 30.0
    bend: float = 0.2
    """How far a river swings to the side, as a share of the distance."""
    headland: float = 0.0
    """The side on which a cape runs out into the sea, -1 or 1; 0 for none."""
    shore: str = "gravel"
    shore_width: float = 1.0
    deep: Colour = (0.10, 0.24, 0.30)


@dataclass(frozen=True, kw_only=True)
class Mountains:
    height: float
    near: float = 60.0
    far: float = 240.0
    snow_line: float = 40.0
    tree_line: float = 12.0
    gap: float = 0.0
    """Where, sideways as a share of the distance, a valley lets one look through."""


@dataclass(frozen=True, kw_only=True)
class Hills:
    height: float
    near: float = 16.0
    far: float = 60.0
    length: float = 30.0


@dataclass(frozen=True, kw_only=True)
class Road:
    start: float
    bend: float
    half_width: float = 0.75
    paved: bool = True


@dataclass(frozen=True, kw_only=True)
class Weather:
    light: Light = TIMES["noon"]
    clouds: int = 0
    """How many heaps of cloud."""
    veil: float = 0.0
    """Share of the sky under thin cloud."""
    sun_across: float = 1.7
    """Where the sun stands, as a share of the width; outside 0..1 it is not in the picture."""
    fog: float = 0.0
    """Density of the fog bank, 0..1."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    place: str
    season: str
    """summer, autumn or winter."""
    horizon: float
    """Row of the horizon, as a share of the height."""
    ground: str
    """The class of open ground: grass, sand or snow."""
    undulation: float = 0.3
    dunes: float = 0.0
    mountains: Mountains | None = None
    hills: Hills | None = None
    water: Water | None = None
    road: Road | None = None
    forest: float = 0.0
    """Share of the land under trees."""
    conifers: float = 0.5
    """Share of the trees that are conifers."""
    trees: int = 0
    framing: bool = False
    """Whether a large tree stands near the camera at a side."""
    bushes: int = 0
    rocks: int = 0
    houses: int = 0
    flowers: float = 0.0
    """Share of the near meadow under flowers."""
    blooms: int = 0
    """Which flowers grow here, 0..3."""
    bare: float = 0.0
    """Share of the near ground that is bare dirt."""
    weather: Weather = Weather()
    shift: tuple[float, float] = (0.0, 0.0)
    """Where in the endless noise this landscape lies."""

    @property
    def title(self) -> str:
        return f"{self.place} {self.weather.light.title}"
