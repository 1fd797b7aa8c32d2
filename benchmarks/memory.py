"""Peak memory of taking photos in and labelling them, of few and of many: it hardly grows with their number.

    python benchmarks/memory.py
    python benchmarks/memory.py --numbers 200 2000

The photos are drawn landscapes of 64 px, saved as files, so that a segmenter must label them. Each number is a
`gauganpipe label` of its own, in an empty workspace; the peak is what the system says of that process.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipeline.images import write_picture
from pipeline.sources.landscapes import draw

SIZE_PX = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, nargs="+", default=[200, 20_000], help="how many photos")
    parser.add_argument("--segmenter", default="embedded")
    asked = parser.parse_args()

    print(f"{'photos':>10}{'peak MB':>10}{'KB a photo more':>18}{'photos/s':>10}")
    first: tuple[int, int] | None = None
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        drawn = 0
        for number in sorted(asked.numbers):
            for index in range(drawn, number):
                write_picture(photos / f"{index:06d}.png", draw(index, seed=7, size=SIZE_PX).photo)
            drawn = number
            began = time.perf_counter()
            peak_kb = _label(photos, Path(folder) / f"workspace of {number}", asked.segmenter)
            rate = number / (time.perf_counter() - began)
            more = f"{(peak_kb - first[1]) / (number - first[0]):.1f}" if first else ""
            first = first or (number, peak_kb)
            print(f"{number:>10,}{peak_kb / 1000:>10.0f}{more:>18}{rate:>10.1f}", flush=True)


def _label(photos: Path, workspace: Path, segmenter: str) -> int:
    """Peak of the process's memory in KB."""
    program = Path(sys.executable).with_name("gauganpipe")
    options = ["--segmenter", segmenter, "--quality", "fast", "--keep-all", "--quiet", "-C", str(workspace)]
    process = subprocess.Popen([program, "label", str(photos), *options], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"gauganpipe label failed with {os.waitstatus_to_exitcode(status)}")
    return used.ru_maxrss


if __name__ == "__main__":
    main()
