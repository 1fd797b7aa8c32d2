"""The kinds of landscape, and how a picture's number chooses one of each."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from pipeline.sources.landscapes.light import TIMES
from pipeline.sources.landscapes.scene import Hills, Mountains, Road, Scene, Water, Weather

Choice = TypeVar("Choice")


@dataclass(frozen=True, kw_only=True)
class Biome:
    """A kind of landscape, and the weather it is seen in."""

    plan: Callable[[np.random.Generator], Scene]
    times: tuple[str, ...]
    fog: float
    """How often there is a fog bank."""
    cloudy: float = 0.8
    """How often there are heaps of cloud."""


def choose(rng: np.random.Generator, index: int) -> Scene:
    """The plan of a picture. Kinds take turns with the index, so that any few pictures show most of them."""
    biome = BIOMES[index % len(BIOMES)]
    weather = _weather(rng, biome)
    shift = (_between(rng, 0, 200), _between(rng, 0, 200))
    return replace(biome.plan(rng), weather=weather, shift=shift, blooms=_count(rng, 0, 3))


def _alpine_lake(rng: np.random.Generator) -> Scene:
    side = _side(rng)
    shore = _pick(rng, ("gravel", "gravel", "sand", "dirt"))
    return Scene(
        place="alpine lake",
        season="summer",
        horizon=_between(rng, 0.42, 0.5),
        ground="grass",
        mountains=Mountains(
            height=_between(rng, 70, 110), snow_line=_between(rng, 24, 44), gap=_between(rng, -0.3, 0.3)
        ),
        hills=Hills(height=_between(rng, 2, 6), near=30),
        water=Water(
            kind="water",
            near=_between(rng, 3.2, 5.5),
            far=_between(rng, 24, 48),
            centre=side * _between(rng, 0, 5),
            half_width=_between(rng, 26, 40),
            shore=shore,
            shore_width=_between(rng, 0.5, 1.2),
            deep=(0.07, 0.26, 0.33),
        ),
        forest=_between(rng, 0.45, 0.8),
        conifers=_between(rng, 0.8, 1.0),
        trees=150,
        framing=_chance(rng, 0.6),
        bushes=_count(rng, 3, 8),
        rocks=_count(rng, 5, 14),
        houses=_count(rng, 1, 2) if _chance(rng, 0.35) else 0,
        flowers=_between(rng, 0.1, 0.4) if _chance(rng, 0.5) else 0.0,
    )


def _seaside(rng: np.random.Generator) -> Scene:
    side = _side(rng)
    return Scene(
        place="seaside",
        season="summer",
        horizon=_between(rng, 0.4, 0.5),
        ground=_pick(rng, ("sand", "sand", "grass")),
        undulation=0.35,
        hills=Hills(height=_between(rng, 5, 11), near=18, far=55),
        water=Water(
            kind="sea",
            near=_between(rng, 3.2, 5.0),
            centre=side * _between(rng, 0.2, 1.1),
            headland=side * _between(rng, 0.2, 1.0) if _chance(rng, 0.75) else 0.0,
            shore=_pick(rng, ("sand", "sand", "sand", "gravel")),
            shore_width=_between(rng, 1.6, 3.4),
            deep=_pick(rng, ((0.05, 0.28, 0.40), (0.06, 0.34, 0.42), (0.05, 0.20, 0.34))),
        ),
        forest=_between(rng, 0.1, 0.5),
        conifers=_between(rng, 0.0, 0.6),
        trees=_count(rng, 20, 70),
        bushes=_count(rng, 6, 18),
        rocks=_count(rng, 6, 20),
        houses=_count(rng, 1, 2) if _chance(rng, 0.35) else 0,
    )


def _meadow(rng: np.random.Generator) -> Scene:
    with_road = _chance(rng, 0.45)
    return Scene(
        place="flower meadow",
        season="summer",
        horizon=_between(rng, 0.4, 0.5),
        ground="grass",
        undulation=0.35,
        hills=Hills(height=_between(rng, 5, 9), near=14, far=70, length=_between(rng, 24, 40)),
        mountains=Mountains(height=_between(rng, 40, 80), near=110, snow_line=_between(rng, 30, 60))
        if _chance(rng, 0.5)
        else None,
        road=_road(rng, paved=0.5) if with_road else None,
        forest=_between(rng, 0.15, 0.45),
        conifers=_between(rng, 0.0, 0.4),
        trees=_count(rng, 50, 110),
        framing=_chance(rng, 0.4),
        bushes=_count(rng, 4, 12),
        rocks=_count(rng, 0, 5),
        houses=_count(rng, 1, 2) if _chance(rng, 0.6) else 0,
        flowers=_between(rng, 0.35, 0.65),
    )


def _dunes(rng: np.random.Generator) -> Scene:
    return Scene(
        place="sand dunes",
        season="summer",
        horizon=_between(rng, 0.36, 0.48),
        ground="sand",
        undulation=0.1,
        dunes=_between(rng, 1.6, 2.6),
        mountains=Mountains(height=_between(rng, 25, 55), near=150, far=300, snow_line=900, tree_line=-1)
        if _chance(rng, 0.5)
        else None,
        bushes=_count(rng, 2, 9),
        rocks=_count(rng, 1, 7),
    )


def _river_valley(rng: np.random.Generator) -> Scene:
    side = _side(rng)
    return Scene(
        place="river valley",
        season="summer",
        horizon=_between(rng, 0.36, 0.46),
        ground="grass",
        undulation=0.3,
        mountains=Mountains(
            height=_between(rng, 60, 105), near=50, snow_line=_between(rng, 25, 50), gap=-side * _between(rng, 0, 0.2)
        ),
        hills=Hills(height=_between(rng, 3, 8), near=20),
        water=Water(
            kind="river",
            centre=side * _between(rng, 0.3, 1.6),
            half_width=_between(rng, 1.3, 2.3),
            bend=_between(rng, 0.18, 0.3),
            shore=_pick(rng, ("gravel", "gravel", "dirt", "sand")),
            shore_width=_between(rng, 0.5, 1.1),
            deep=_pick(rng, ((0.12, 0.30, 0.32), (0.14, 0.27, 0.25))),
        ),
        forest=_between(rng, 0.35, 0.7),
        conifers=_between(rng, 0.5, 1.0),
        trees=140,
        framing=_chance(rng, 0.35),
        bushes=_count(rng, 6, 14),
        rocks=_count(rng, 6, 16),
        houses=1 if _chance(rng, 0.3) else 0,
        flowers=_between(rng, 0.1, 0.3) if _chance(rng, 0.35) else 0.0,
    )


def _winter(rng: np.random.Generator) -> Scene:
    lake = Water(
        kind="water",
        near=_between(rng, 3.5, 6),
        far=_between(rng, 18, 32),
        centre=_side(rng) * 6.0,
        half_width=_between(rng, 14, 26),
        shore="gravel",
        shore_width=0.3,
        deep=(0.10, 0.20, 0.28),
    )
    way = rng.uniform()
    return Scene(
        place="winter valley",
        season="winter",
        horizon=_between(rng, 0.4, 0.48),
        ground="snow",
        undulation=0.65,
        mountains=Mountains(height=_between(rng, 60, 100), snow_line=_between(rng, -5, 8), tree_line=14)
        if _chance(rng, 0.75)
        else None,
        hills=Hills(height=_between(rng, 4, 8)),
        water=lake if way < 0.45 else None,
        road=_road(rng, paved=0.6) if way > 0.7 else None,
        forest=_between(rng, 0.3, 0.65),
        conifers=_between(rng, 0.8, 0.97),
        trees=130,
        framing=_chance(rng, 0.5),
        bushes=_count(rng, 2, 8),
        rocks=_count(rng, 2, 8),
        houses=_count(rng, 1, 2) if _chance(rng, 0.6) else 0,
    )


def _autumn(rng: np.random.Generator) -> Scene:
    with_road = _chance(rng, 0.5)
    lake = Water(
        kind="water",
        near=_between(rng, 3.5, 5.5),
        far=_between(rng, 16, 30),
        centre=_side(rng) * _between(rng, 0, 8),
        half_width=_between(rng, 14, 30),
        shore=_pick(rng, ("dirt", "gravel", "sand")),
        shore_width=0.5,
        deep=(0.14, 0.20, 0.22),
    )
    return Scene(
        place="autumn road" if with_road else "autumn lake",
        season="autumn",
        horizon=_between(rng, 0.4, 0.48),
        ground="grass",
        undulation=0.35,
        hills=Hills(height=_between(rng, 7, 12), near=18, far=60),
        mountains=Mountains(height=_between(rng, 45, 80), near=120, snow_line=_between(rng, 20, 45))
        if _chance(rng, 0.4)
        else None,
        water=None if with_road else lake,
        road=_road(rng, paved=0.6) if with_road else None,
        forest=_between(rng, 0.5, 0.8),
        conifers=_between(rng, 0.1, 0.35),
        trees=150,
        framing=_chance(rng, 0.7),
        bushes=_count(rng, 4, 14),
        rocks=_count(rng, 1, 8),
        houses=_count(rng, 1, 2) if _chance(rng, 0.35) else 0,
        bare=_between(rng, 0.05, 0.25),
    )


def _forest(rng: np.random.Generator) -> Scene:
    brook = Water(
        kind="river",
        centre=_side(rng) * _between(rng, 0.3, 1.2),
        half_width=_between(rng, 0.8, 1.4),
        bend=_between(rng, 0.1, 0.2),
        shore=_pick(rng, ("dirt", "gravel")),
        shore_width=0.4,
        deep=(0.12, 0.20, 0.18),
    )
    with_brook = _chance(rng, 0.45)
    return Scene(
        place="forest brook" if with_brook else "forest clearing",
        season="summer",
        horizon=_between(rng, 0.42, 0.5),
        ground="grass",
        undulation=0.4,
        hills=Hills(height=_between(rng, 5, 10), near=14, far=45),
        mountains=Mountains(height=_between(rng, 50, 85), near=100, snow_line=_between(rng, 25, 50))
        if _chance(rng, 0.35)
        else None,
        water=brook if with_brook else None,
        road=None if with_brook else _road(rng, paved=0.15),
        forest=_between(rng, 0.75, 0.95),
        conifers=_between(rng, 0.3, 1.0),
        trees=170,
        framing=_chance(rng, 0.8),
        bushes=_count(rng, 8, 20),
        rocks=_count(rng, 3, 10),
        houses=1 if _chance(rng, 0.2) else 0,
        flowers=_between(rng, 0.1, 0.3) if _chance(rng, 0.4) else 0.0,
        bare=_between(rng, 0.15, 0.4),
    )


BIOMES = (
    Biome(plan=_alpine_lake, times=("noon", "noon", "afternoon", "dawn", "dusk", "overcast"), fog=0.35),
    Biome(plan=_meadow, times=("noon", "noon", "afternoon", "dawn", "dusk"), fog=0.15),
    Biome(plan=_seaside, times=("noon", "afternoon", "dawn", "dusk", "overcast"), fog=0.0),
    Biome(plan=_autumn, times=("afternoon", "afternoon", "dawn", "dusk", "overcast"), fog=0.4),
    Biome(plan=_river_valley, times=("noon", "noon", "afternoon", "dawn", "overcast", "dusk"), fog=0.3),
    Biome(plan=_dunes, times=("noon", "noon", "afternoon", "afternoon", "dawn", "dusk"), fog=0.0, cloudy=0.6),
    Biome(plan=_winter, times=("noon", "noon", "afternoon", "dawn", "dusk", "overcast"), fog=0.25),
    Biome(plan=_forest, times=("noon", "noon", "afternoon", "dawn", "overcast", "dusk"), fog=0.4),
)


def _weather(rng: np.random.Generator, biome: Biome) -> Weather:
    time = _pick(rng, biome.times)
    light = TIMES[time]
    side = _side(rng)
    sun_across = 0.5 + side * 1.2
    if light.glow > 0.5 and _chance(rng, 0.75):
        sun_across = 0.5 + side * _between(rng, 0.12, 0.42)
    clouds = _count(rng, 2, 6) if _chance(rng, biome.cloudy) else 0
    veil = _between(rng, 0.1, 0.45) if _chance(rng, 0.5) else 0.0
    fog = _between(rng, 0.75, 1.0) if _chance(rng, biome.fog) else 0.0
    if time == "overcast":
        clouds, veil = 0, _between(rng, 0.8, 0.95)
    return Weather(light=light, clouds=clouds, veil=veil, sun_across=sun_across, fog=fog)


def _road(rng: np.random.Generator, *, paved: float) -> Road:
    side = _side(rng)
    return Road(
        start=side * _between(rng, 0.2, 1.4),
        bend=side * _between(rng, -0.3, -0.12),
        half_width=_between(rng, 0.6, 0.95),
        paved=_chance(rng, paved),
    )


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _chance(rng: np.random.Generator, share: float) -> bool:
    return bool(rng.uniform() < share)


def _count(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def _side(rng: np.random.Generator) -> float:
    return 1.0 if rng.uniform() < 0.5 else -1.0


def _pick(rng: np.random.Generator, choices: tuple[Choice, ...]) -> Choice:
    return choices[int(rng.integers(len(choices)))]
