"""How long a drawn landscape takes: at most 50 ms at 256 px on one core."""

import statistics
import time

import cv2

from pipeline.sources.landscapes import draw

PICTURES, SIZES = 64, (256, 512)


def main() -> None:
    cv2.setNumThreads(1)
    print("size px   median ms   slowest ms   pictures")
    for size in SIZES:
        # The first pictures also paint the plants that all later ones share.
        for index in range(16):
            draw(index, size=size)
        times = [_milliseconds(index, size) for index in range(PICTURES)]
        print(f"{size:7d}   {statistics.median(times):9.1f}   {max(times):10.1f}   {PICTURES:8d}")


def _milliseconds(index: int, size: int) -> float:
    begin = time.perf_counter()
    draw(index, size=size)
    return (time.perf_counter() - begin) * 1000


if __name__ == "__main__":
    main()
