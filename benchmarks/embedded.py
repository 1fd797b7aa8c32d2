"""How well the embedded segmenter labels: scores of every quality, and how often each class is right.

    python benchmarks/embedded.py ../shared/data

It labels as `gauganpipe label` does, its clean-up included, and computes in the exact way. The first table counts the
validation photos of Stanford Background in their eight hand-made classes. The second has the precision of each class
at one quality, and in brackets the share of all pixels that are said to be of it, and on how many photos it is said:
judged by the eight hand-made classes, by the corrected teacher, and by the hand-made labels of COCO photos. Below it
stands what the pixels of the less precise classes are instead.
"""

import argparse
import time
from pathlib import Path

import torch

from pipeline.segmenters.embedded import judge, network
from pipeline.segmenters.embedded.score import as_table, open_weights, score
from pipeline.segmenters.segmenter import Options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="the folder that holds stanford_background and the others")
    parser.add_argument("--weights", type=Path, default=network.WEIGHTS, help="default: those in the package")
    parser.add_argument("--quality", default=Options.quality, help="of the second table")
    asked = parser.parse_args()

    began = time.perf_counter()
    print(as_table(score(asked.weights, asked.data, "val"), "val"), flush=True)
    segmenter = open_weights(asked.weights, asked.quality)
    print(f"\nprecision at {asked.quality} (share of the pixels, photos)\n")
    judged = judge.judge(segmenter, judge.list_truths(segmenter, asked.data))
    print(judge.as_table(judged), end="\n\n")
    print("\n".join(judge.list_mistakes(judged)))
    print(f"\n{time.perf_counter() - began:.0f} s on {torch.get_num_threads()} threads")


if __name__ == "__main__":
    main()
