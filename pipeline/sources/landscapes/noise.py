"""Smooth noise on the plane: one lattice of random numbers, sampled anywhere."""

import math
from collections.abc import Iterator
from functools import cache

import numpy as np

CELLS = 64
"""The lattice repeats after this many cells."""

PART = 32768
"""So many places are worked out at a time: with all that is made of them they stay in the processor's cache."""


def noise(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Value noise in [-1, 1] with features one unit wide. x: float32.  y: float32 of the same shape, or (h, 1)."""
    value = np.empty(x.shape, np.float32)
    for part in _parts(x.shape):
        value[part] = _sample(x[part], y[part])
    return value


def fractal(
    x: np.ndarray, y: np.ndarray, octaves: int, *, gain: float = 0.5, footprint: np.ndarray | None = None
) -> np.ndarray:
    """Noise upon noise, each octave half as wide, about [-1, 1].

    footprint: how many units one pixel covers; octaves too fine for a pixel fade out.
    """
    total = np.zeros(x.shape, np.float32)
    for part in _parts(x.shape):
        if footprint is None:
            _add_octaves(total[part], x[part], y[part], octaves, gain)
        else:
            _add_fading_octaves(total[part], x[part], y[part], octaves, gain, footprint[part])
    total *= 1.4 / _reach(octaves, gain)
    return total


def ridged(x: np.ndarray, y: np.ndarray, octaves: int, *, gain: float = 0.5) -> np.ndarray:
    """Noise folded into crests, about [0, 1]; the heights carry finer crests, the valleys are smooth."""
    total = np.zeros(x.shape, np.float32)
    for part in _parts(x.shape):
        _add_crests(total[part], x[part], y[part], octaves, gain)
    total *= 1.5 / _reach(octaves, gain)
    return total


def _parts(shape: tuple[int, ...]) -> Iterator[slice]:
    """The rows of an array, a few at a time."""
    rows = max(1, PART // max(1, math.prod(shape[1:])))
    return (slice(begin, begin + rows) for begin in range(0, shape[0], rows))


def _reach(octaves: int, gain: float) -> float:
    """The sum of the weights of all octaves."""
    weight, reach = 1.0, 0.0
    for _ in range(octaves):
        reach += weight
        weight *= gain
    return reach


def _sample(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    corner, right, down, both = _lattice()
    column, row = np.floor(x), np.floor(y)
    right_share, down_share = x - column, y - row
    across, cell = column.astype(np.int32), row.astype(np.int32)
    across &= CELLS - 1
    cell &= CELLS - 1
    cell *= CELLS
    cell = cell + across
    # Whole numbers as wide as an address spare each look-up a conversion.
    cell = cell.astype(np.intp)
    right_share, down_share = _ease(right_share, out=column), _ease(down_share, out=row)
    value = both.take(cell, mode="wrap")
    value *= right_share
    more = down.take(cell, mode="wrap")
    value += more
    value *= down_share
    value += corner.take(cell, mode="wrap", out=more)
    right.take(cell, mode="wrap", out=more)
    more *= right_share
    value += more
    return value


def _add_octaves(total: np.ndarray, x: np.ndarray, y: np.ndarray, octaves: int, gain: float) -> None:
    weight = 1.0
    for octave in range(octaves):
        if octave:
            x, y = turn(x, y)
            weight *= gain
        layer = _sample(x, y)
        layer *= weight
        total += layer


def _add_fading_octaves(
    total: np.ndarray, x: np.ndarray, y: np.ndarray, octaves: int, gain: float, footprint: np.ndarray
) -> None:
    finest, coarsest = footprint.min(), footprint.max()
    weight = 1.0
    for octave in range(octaves):
        fading = 1.6 * 2**octave
        # Finer octaves than one that nowhere shows are not worked out.
        if 1.6 - finest * fading <= 0:
            return
        if octave:
            x, y = turn(x, y)
            weight *= gain
        layer = _sample(x, y)
        if 1.6 - coarsest * fading < 1:
            shown = footprint * fading
            np.subtract(1.6, shown, out=shown)
            layer *= np.clip(shown, 0, 1, out=shown)
        layer *= weight
        total += layer


def _add_crests(total: np.ndarray, x: np.ndarray, y: np.ndarray, octaves: int, gain: float) -> None:
    strength: np.ndarray | None = None
    weight = 1.0
    for octave in range(octaves):
        if strength is not None:
            x, y = turn(x, y)
            weight *= gain
        fold = _sample(x, y)
        fold *= 1.5
        # The widest crests are blunt, so that summits are shaped by the finer ones.
        fold *= fold
        fold += np.float32(0.05 * 0.4**octave)
        crest = np.sqrt(fold, out=fold)
        np.minimum(crest, 1, out=crest)
        np.subtract(1, crest, out=crest)
        if strength is not None:
            crest *= strength
        total += weight * crest
        crest *= 1.8
        strength = np.clip(crest, 0.1, 1, out=crest)


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
    share = value - low
    share /= high - low
    return _ease(np.clip(share, 0, 1))


def _ease(share: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    slope = np.multiply(share, 2, out=out)
    slope = np.subtract(3, slope, out=out)
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
