"""Finding every pair of near-duplicates among 100,000 photos on one core: at most 20 seconds, and none is missed.

    python -m benchmarks.duplicates
    python -m benchmarks.duplicates --photos 30000

The hashes are those of drawn brightness, as rough as that of photos of landscapes: a tenth of the photos are copies of
others, saved again or mirrored, and a tenth have cells that are equally bright. The plain way multiplies vectors of +1
and -1 as floats of 32 bits. It is timed on a tenth of the photos against all; its time is scaled by the pairs.

Then the worst case of grouping: frames of one camera that does not move, of which nearly every two look alike.
"""

import argparse
import os
import time
import tracemalloc
from collections.abc import Callable
from functools import reduce
from typing import TypeVar

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy reads it when it is imported

import numpy as np

from pipeline.curate import settle
from pipeline.look_alikes import NEAR_BITS, find_pairs
from pipeline.rows import OK, Row

Result = TypeVar("Result")

GOAL_SECONDS = 20
ROUNDS = 3
ROUGHNESS = 1.65
"""How fast the spectrum falls: distances of such hashes scatter as those of photos do, by 12 bits."""
BLOCK, CHECKED = 1024, 2000
FRAMES, FRAMES_GOAL_SECONDS = (4_000, 20_000), 20
FRAME_NOISE = 0.1
"""How much two frames of one scene differ, as a share of how much the scene itself does."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000)
    photos = parser.parse_args().photos
    hashes, mirrors = _drawn(photos, np.random.default_rng(0))
    print(f"{photos:,} photos, {_scatter(hashes):.1f} bits of scatter, the quickest of {ROUNDS} rounds, one core")

    seconds, pairs = _quickest(lambda: _found(hashes, mirrors))

    tenth = photos // 10
    plain_seconds, _ = _quickest(lambda: _plainly_found(hashes[:tenth], hashes, mirrors[:tenth]))
    plain_seconds *= photos / tenth
    checked = _demand_same(pairs, hashes, mirrors)

    print(f"{'':28}  {'seconds':>8}  million pairs/s")
    for name, taken in (("product of floats, scaled", plain_seconds), ("gauganpipe", seconds)):
        print(f"{name:28}  {taken:8.1f}  {photos**2 / 2 / taken / 1e6:15,.0f}")
    print(f"{plain_seconds / seconds:.1f} times as fast; goal of {GOAL_SECONDS} s: {seconds:.1f} s")
    # Looked at while the last photos are compared with all.
    peak = _peak_mb(lambda: list(find_pairs(hashes, mirrors, known=len(hashes) - CHECKED)))
    print(f"{len(pairs):,} pairs found, {checked:,} of them checked; {peak:.0f} MB beside the hashes")

    print(f"\n{'frames of one camera, grouped':28}  {'seconds':>8}  {'MB':>15}")
    for frames in FRAMES:
        rows = _frames(frames, np.random.default_rng(0))
        seconds, settled = _quickest(lambda rows=rows: settle(rows, seed=0))
        if len({row.group for row in settled}) != 1 or len(settled) != frames:
            raise SystemExit(f"{frames:,} frames of one scene are not one group: their time means nothing")
        print(f"{frames:28,}  {seconds:8.1f}  {_peak_mb(lambda rows=rows: settle(rows, seed=0)):15.0f}")
    print(f"goal for {FRAMES[-1]:,}: {FRAMES_GOAL_SECONDS} s")


def _drawn(photos: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(N, 32) uint8 each: hashes, and those of the mirror images."""
    own = photos - photos // 10
    cells = np.concatenate([_brightness(min(4096, own - start), rng) for start in range(0, own, 4096)])
    cells[::10] = np.minimum(cells[::10], np.quantile(cells[::10], 0.9, axis=(1, 2), keepdims=True))
    copies = cells[rng.integers(own, size=photos - own)]
    copies += rng.normal(size=copies.shape) * rng.uniform(0, 0.3, (len(copies), 1, 1)) * cells.std()
    copies[::2] = copies[::2, :, ::-1]
    cells = np.concatenate([cells, copies])[rng.permutation(photos)]
    return _hashes(cells), _hashes(cells[..., ::-1])


def _frames(count: int, rng: np.random.Generator) -> list[Row]:
    """Rows of photos of one scene that differ by their noise."""
    scene = _brightness(1, rng)
    cells = scene + rng.normal(size=(count, *scene.shape[1:])) * FRAME_NOISE * scene.std()
    both = zip(_hashes(cells), _hashes(cells[..., ::-1]), strict=True)
    return [
        Row(
            id=f"g{place:06}",
            file_name="a.jpg",
            status=OK,
            dhash=one.tobytes().hex(),
            dhash_mirror=other.tobytes().hex(),
        )
        for place, (one, other) in enumerate(both)
    ]


def _hashes(cells: np.ndarray) -> np.ndarray:
    """(N, 32) uint8 of (N, 16, 17) brightness."""
    return np.packbits(cells[..., :-1] < cells[..., 1:], axis=2).reshape(-1, 32)


def _brightness(photos: int, rng: np.random.Generator) -> np.ndarray:
    """(N, 16, 17) float32 cells of a rough surface that is larger than the photo."""
    frequency = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.rfftfreq(32))
    frequency[0, 0] = np.inf
    waves = rng.normal(size=(2, photos, 32, 17))
    return np.fft.irfft2((waves[0] + 1j * waves[1]) * frequency**-ROUGHNESS)[:, :16, :17].astype(np.float32)


def _scatter(hashes: np.ndarray) -> float:
    """Standard deviation of the distances between photos."""
    signs = _signs(hashes[:2000])
    return float(((256 - signs @ signs.T) / 2)[np.triu_indices(len(signs), 1)].std())


def _found(hashes: np.ndarray, mirrors: np.ndarray) -> np.ndarray:
    return np.concatenate([np.empty((0, 2), np.int64), *find_pairs(hashes, mirrors)])


def _peak_mb(work: Callable[[], object]) -> float:
    """What the work takes at most."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


def _plainly_found(some: np.ndarray, others: np.ndarray, *more: np.ndarray) -> set[tuple[int, int]]:
    """Some photos against others: places of those whose hashes are near.    more: other hashes of the same photos."""
    known, found = _signs(others).T, set()
    for start in range(0, len(some), BLOCK):
        near = [_signs(one[start : start + BLOCK]) @ known >= 256 - 2 * NEAR_BITS for one in (some, *more)]
        one, other = np.nonzero(reduce(np.logical_or, near))
        found.update(zip((one + start).tolist(), other.tolist(), strict=True))
    return found


def _demand_same(pairs: np.ndarray, hashes: np.ndarray, mirrors: np.ndarray) -> int:
    """How many pairs of the first photos the plain way finds too; it must find all of them and no other."""
    some = slice(CHECKED)
    near = _plainly_found(hashes[some], hashes, mirrors[some]) | _plainly_found(hashes[some], mirrors)
    plain = {(max(pair), min(pair)) for pair in near if pair[0] != pair[1]}
    ours = {(one, other) for one, other in pairs.tolist() if other < CHECKED}
    if ours != plain:
        raise SystemExit(f"the two ways find different pairs of the first {CHECKED:,} photos: their times mean nothing")
    return len(ours)


def _signs(hashes: np.ndarray) -> np.ndarray:
    """(N, 256) float32 of +1 and -1."""
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1


def _quickest(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds that the processor worked for us, so that other work on the machine hardly counts; and the result."""
    times, result = [], None
    for _ in range(ROUNDS):
        begin = time.process_time()
        result = work()
        times.append(time.process_time() - begin)
    return min(times), result


if __name__ == "__main__":
    main()
