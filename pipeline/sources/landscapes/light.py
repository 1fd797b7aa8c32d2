"""The light of a time of day: the colours of the sky, where the sun stands, how far one sees."""

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Light:
    """Colours are RGB in 0..1. They are squared when light is added up, and the root is taken at the end."""

    title: str
    zenith: Colour
    middle: Colour
    horizon: Colour
    sun: Colour
    """Colour and strength of what the sun adds; above 1 is allowed."""
    ambient: Colour
    """Colour and strength of what comes from all sides."""
    elevation: float
    """Rise of the sun over the distance to it: 0.3 is low, 1 is high."""
    sight: float
    """The distance, in camera heights, at which two thirds of a colour are lost in haze."""
    cloud_shade: Colour
    glow: float = 0.0
    """How much the sky burns around the sun."""


TIMES = {
    "noon": Light(
        title="at noon",
        zenith=(0.20, 0.42, 0.76),
        middle=(0.42, 0.65, 0.90),
        horizon=(0.78, 0.88, 0.95),
        sun=(1.08, 1.03, 0.93),
        ambient=(0.50, 0.57, 0.68),
        elevation=0.85,
        sight=650,
        cloud_shade=(0.62, 0.68, 0.78),
        glow=0.12,
    ),
    "afternoon": Light(
        title="in the afternoon",
        zenith=(0.25, 0.45, 0.72),
        middle=(0.52, 0.68, 0.84),
        horizon=(0.92, 0.88, 0.78),
        sun=(1.15, 1.00, 0.74),
        ambient=(0.47, 0.50, 0.60),
        elevation=0.5,
        sight=560,
        cloud_shade=(0.62, 0.64, 0.72),
        glow=0.35,
    ),
    "dawn": Light(
        title="at dawn",
        zenith=(0.36, 0.47, 0.70),
        middle=(0.72, 0.70, 0.79),
        horizon=(0.99, 0.82, 0.68),
        sun=(1.08, 0.78, 0.56),
        ambient=(0.48, 0.48, 0.60),
        elevation=0.38,
        sight=360,
        cloud_shade=(0.62, 0.54, 0.66),
        glow=0.7,
    ),
    "dusk": Light(
        title="at dusk",
        zenith=(0.19, 0.22, 0.42),
        middle=(0.58, 0.40, 0.52),
        horizon=(0.99, 0.62, 0.36),
        sun=(1.10, 0.62, 0.36),
        ambient=(0.38, 0.36, 0.52),
        elevation=0.34,
        sight=420,
        cloud_shade=(0.36, 0.29, 0.42),
        glow=0.9,
    ),
    "overcast": Light(
        title="under an overcast sky",
        zenith=(0.56, 0.61, 0.67),
        middle=(0.68, 0.72, 0.76),
        horizon=(0.80, 0.83, 0.85),
        sun=(0.40, 0.40, 0.40),
        ambient=(0.68, 0.71, 0.75),
        elevation=0.9,
        sight=330,
        cloud_shade=(0.50, 0.53, 0.58),
    ),
}


def squared(colour: Colour) -> np.ndarray:
    """(3, 1, 1) float32: a colour as an amount of light, ready to be multiplied with planes."""
    return np.square(np.float32(colour)).reshape(3, 1, 1)
