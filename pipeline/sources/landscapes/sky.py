"""The sky: its colours, the sun, heaps of cloud and thin veils."""

from dataclasses import dataclass

import numpy as np

from pipeline.sources.landscapes.light import squared
from pipeline.sources.landscapes.noise import fractal, noise, smoothstep
from pipeline.sources.landscapes.scene import Scene


@dataclass(frozen=True, kw_only=True)
class SkyView:
    """colour: (3, h, W) float32, an amount of light, for the rows above `h`.  clouds: (h, W) float32, how opaque, 0..1.

    haze: (3, 1, W) float32, what distant land fades into.
    """

    colour: np.ndarray
    clouds: np.ndarray
    haze: np.ndarray


def paint_sky(scene: Scene, rng: np.random.Generator, size: int, height: int) -> SkyView:
    """The first `height` rows of a square picture."""
    x = (np.arange(size, dtype=np.float32)[None, :] + 0.5) / size
    y = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / size
    colour = _clear_sky(scene, x, y)
    haze = _clear_sky(scene, x, np.float32([[scene.horizon - 0.01]]))
    x, y = np.broadcast_to(x, (height, size)), np.broadcast_to(y, (height, size))
    veil = _veil(scene, x, y)
    heaps, lightness = _heaps(scene, rng, x, y)
    weather = scene.weather
    lit = np.sqrt(squared(weather.light.sun) * 0.85 + squared(weather.light.ambient) * 0.3)
    lit = (0.7 * np.minimum(lit, 1.0) + 0.3 * float(lit.mean())) ** 2
    shade = squared(weather.light.cloud_shade)

    # Thin cloud glows where the sun shines through; under an overcast sky it is the ceiling, dark and light in turns.
    if weather.veil > 0.6:
        belly = fractal(x * 2.2 + scene.shift[0], y * 7, 4)
        veil_colour = shade + (squared((0.80, 0.82, 0.84)) - shade) * np.clip(0.55 + 0.55 * belly, 0, 1)
    else:
        veil_colour = 0.35 * colour + 0.65 * lit
    colour += veil * (veil_colour - colour)

    heap_colour = shade + (lit - shade) * lightness
    towards_horizon = smoothstep(y, scene.horizon - 0.30, scene.horizon) * 0.55
    heap_colour += towards_horizon * (haze - heap_colour)
    colour += heaps * (heap_colour - colour)
    return SkyView(colour=colour, clouds=np.maximum(veil, heaps), haze=haze)


def _clear_sky(scene: Scene, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(3, h, W): the gradient from zenith to horizon and the glow around the sun."""
    light = scene.weather.light
    up = np.clip((scene.horizon - y) / 0.48, 0, 1.2) + np.zeros_like(x)
    zenith, middle, horizon = squared(light.zenith), squared(light.middle), squared(light.horizon)
    colour = horizon + (middle - horizon) * smoothstep(up, 0.0, 0.42) + (zenith - middle) * smoothstep(up, 0.25, 1.15)
    if light.glow:
        sun_x, sun_y = scene.weather.sun_across, scene.horizon - _sun_height(scene)
        away = np.sqrt(np.square(x - sun_x) + np.square((y - sun_y) * 1.25))
        near = light.glow * (0.55 * np.exp(-away / 0.10) + 0.5 * np.exp(-away / 0.42))
        colour = colour + near * (squared(light.sun) * 1.15 - colour * 0.35)
        if 0 < sun_x < 1:
            disc = smoothstep(-np.hypot(x - sun_x, y - sun_y), -0.028, -0.023)
            colour = colour + disc * (np.float32(1.1) - colour)
    return colour.astype(np.float32)


def _sun_height(scene: Scene) -> float:
    return 0.13 if 0 < scene.weather.sun_across < 1 else 0.3


def _veil(scene: Scene, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Thin cloud on a ceiling that comes down to the horizon, drawn out sideways."""
    cover = scene.weather.veil
    if not cover:
        return np.zeros_like(x)
    far = 0.22 / (np.maximum(scene.horizon - y, 0) + 0.11)
    streaks = fractal((x - 0.5) * far * 1.7 + scene.shift[0], far * 5.2 + scene.shift[1], 5, gain=0.52)
    if cover > 0.6:
        return smoothstep(streaks, 0.2 - 2.2 * cover, 0.9 - 1.6 * cover) * (
            1 - 0.35 * smoothstep(y, scene.horizon - 0.12, scene.horizon)
        )
    thin = smoothstep(streaks, 0.75 - 1.2 * cover, 1.5 - 1.2 * cover)
    return 0.85 * thin * (1 - 0.7 * smoothstep(y, scene.horizon - 0.2, scene.horizon))


def _heaps(scene: Scene, rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cumulus with flat feet and swelling tops: how opaque, and how light, both (h, W) in 0..1."""
    plans = rng.uniform(size=(8, 5)).astype(np.float32)[: scene.weather.clouds]
    if not len(plans):
        return np.zeros_like(x), np.zeros_like(x)
    size = x.shape[1]
    body, foot = np.full_like(x, -4), np.full_like(x, 0)
    for place, rise, width, tall, _ in plans:
        above = scene.horizon * (0.22 + 0.66 * rise)
        near = 0.35 + 1.1 * above / scene.horizon
        half_width, height = (0.10 + 0.15 * width) * near, (0.045 + 0.06 * tall) * near
        base = scene.horizon - above + height * 0.5
        up = (base - y) / height
        # Above its foot a heap is a dome, below it ends at once.
        heap = 1 - np.square((x - place) / half_width) - np.where(up > 0, np.square(up) * 0.9, np.square(up * 4.5))
        foot = np.where(heap > body, np.clip(up, -0.3, 1.3), foot)
        body = np.maximum(body, heap)
    fine = 7.0
    puffs = 1 - np.abs(fractal(x * fine + scene.shift[0], y * fine * 1.25 + scene.shift[1], 5, gain=0.55)) * 1.6
    mass = body * 0.9 + 0.95 * (puffs - 0.75)
    cover = smoothstep(mass, 0.0, 0.22)

    # Light falls from the side of the sun: mass towards it means shade.
    reach = max(size // 45, 1)
    side = reach if scene.weather.sun_across > 0.5 else -reach
    towards = np.roll(np.roll(mass, -side, axis=1), reach, axis=0)
    towards[:reach] = mass[:reach]
    lightness = 0.50 + 0.5 * np.clip(mass - towards, -0.6, 0.6) + 0.42 * np.clip(foot, -0.3, 1)
    lightness += 0.08 * noise(x * 40, y * 40)
    thin_edge = 0.25 * (1 - smoothstep(mass, 0.0, 0.5))
    return cover, np.clip(lightness + thin_edge, 0, 1)
