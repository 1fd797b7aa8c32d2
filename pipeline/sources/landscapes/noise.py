"""Smooth noise on the plane: one lattice of random numbers, sampled anywhere."""

from functools import cache

import numpy as np

CELLS = 64
"""The lattice repeats after this many cells."""


def noise(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Value noise in [-1, 1] with features one unit wide. x, y: float32 of one shape."""
    corner, right, down, both = _lattice()
    column, row = np.floor(x), np.floor(y)
    right_share, down_share = _ease(x - column), _ease(y - row)
    cell = (row.astype(np.int32) & (CELLS - 1)) * CELLS + (column.astype(np.int32) & (CELLS - 1))
    value = both.take(cell, mode="clip")
    value *= right_share
    value += down.take(cell, mode="clip")
    value *= down_share
    value += corner.take(cell, mode="clip")
    value += right.take(cell, mode="clip") * right_share
    return value


def fractal(
    x: np.ndarray, y: np.ndarray, octaves: int, *, gain: float = 0.5, footprint: np.ndarray | None = None
) -> np.ndarray:
    """Noise upon noise, each octave half as wide, about [-1, 1].

    footprint: how many units one pixel covers; octaves too fine for a pixel fade out.
    """
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    weight, reach = 1.0, 0.0
    for octave in range(octaves):
        layer = noise(x, y)
        if footprint is not None:
            layer *= np.clip(1.6 - footprint * (1.6 * 2**octave), 0, 1)
        layer *= weight
        total += layer
        reach += weight
        weight *= gain
        if octave < octaves - 1:
            x, y = turn(x, y)
    total *= 1.4 / reach
    return total


def ridged(x: np.ndarray, y: np.ndarray, octaves: int, *, gain: float = 0.5) -> np.ndarray:
    """Noise folded into crests, about [0, 1]; the heights carry finer crests, the valleys are smooth."""
    total = np.zeros(np.broadcast_shapes(x.shape, y.shape), np.float32)
    strength: float | np.ndarray = 1.0
    weight, reach = 1.0, 0.0
    for octave in range(octaves):
        fold = noise(x, y) * 1.5
        # The widest crests are blunt, so that summits are shaped by the finer ones.
        crest = 1 - np.minimum(np.sqrt(fold * fold + np.float32(0.05 * 0.4**octave)), 1)
        crest *= strength
        total += weight * crest
        reach += weight
        weight *= gain
        strength = np.clip(crest * 1.8, 0.1, 1)
        x, y = turn(x, y)
    total *= 1.5 / reach
    return total


def turn(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The plane at twice the frequency, turned and moved, so that the lattices of octaves never lie upon each other."""
    turned_x = x * np.float32(1.6)
    turned_x -= y * np.float32(1.2)
    turned_x += np.float32(37.4)
    turned_y = x * np.float32(1.2)
    turned_y += y * np.float32(1.6)
    turned_y += np.float32(11.7)
    return turned_x, turned_y


def smoothstep(value: np.ndarray, low: float | np.ndarray, high: float | np.ndarray) -> np.ndarray:
    """0 below low, 1 above high, an even slope between."""
    return _ease(np.clip((value - low) / (high - low), 0, 1))


def _ease(share: np.ndarray) -> np.ndarray:
    slope = np.float32(3) - 2 * share
    slope *= share
    slope *= share
    return slope


@cache
def _lattice() -> tuple[np.ndarray, ...]:
    """Flat tables of one cell each: its corner, and what is added to the right, downwards, and for both."""
    corner = np.random.Generator(np.random.PCG64(20)).uniform(-1, 1, (CELLS, CELLS)).astype(np.float32)
    right, down = np.roll(corner, -1, axis=1), np.roll(corner, -1, axis=0)
    diagonal = np.roll(right, -1, axis=0)
    return corner.ravel(), (right - corner).ravel(), (down - corner).ravel(), (diagonal - right - down + corner).ravel()
