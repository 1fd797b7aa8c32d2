"""How long a drawn landscape takes: at most 50 ms at 256 px on one core, whatever it shows."""

import statistics
import time
from collections import defaultdict

import cv2

from pipeline.sources.landscapes import describe, draw
from pipeline.sources.landscapes.light import TIMES

PICTURES, SIZES = 160, (256, 512)


def main() -> None:
    cv2.setNumThreads(1)
    print(f"first picture of a process, {SIZES[0]} px: {_milliseconds(0, SIZES[0]):.0f} ms")
    for size in SIZES:
        # The first pictures also paint the plants that all later ones share.
        for index in range(32):
            draw(index, seed=1, size=size)
        times = defaultdict(list)
        for index in range(PICTURES):
            times[_kind(index)].append(_milliseconds(index, size))
        _show(times, size)


def _show(times: dict[str, list[float]], size: int) -> None:
    kinds = sorted(times, key=lambda kind: -statistics.median(times[kind]))
    print(f"\n{f'at {size} px':16s}   median ms   slowest ms   pictures")
    for kind in kinds:
        print(_line(kind, times[kind]))
    print(_line("all", [one for kind in kinds for one in times[kind]]))
    print(f"slowest kind: {kinds[0]}, {statistics.median(times[kinds[0]]):.1f} ms")


def _line(name: str, times: list[float]) -> str:
    return f"{name:16s}   {statistics.median(times):9.1f}   {max(times):10.1f}   {len(times):8d}"


def _kind(index: int) -> str:
    """What the title names before the time of day: forest brook, alpine lake, ..."""
    title = describe(index)
    return next(title.removesuffix(f" {light.title}") for light in TIMES.values() if title.endswith(light.title))


def _milliseconds(index: int, size: int) -> float:
    """Time of the processor, so that other work on the machine does not count."""
    begin = time.process_time()
    draw(index, size=size)
    return (time.process_time() - begin) * 1000


if __name__ == "__main__":
    main()
