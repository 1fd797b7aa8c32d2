"""What a stroke costs on the paint page: a first picture at 256 px, and later ones, with tables kept and without.

    python -m benchmarks.strokes
    python -m benchmarks.strokes --presets fast --strokes 20

Networks of each preset, 20 classes with unknown and edges, the weights that a training begins with, and normalisations
that have seen the maps. Strokes are drawn on label maps of photos of COCO-Stuff. All ways paint each map in turn in one
process: without anything kept, with tables kept between strokes, and with convolutions in bfloat16 besides, which
`gauganpipe serve` chooses where it finds it quicker and no more than a grey level off. Ratios are medians over the
strokes. Processor time, of all threads, says more than latency where other programs run: then take OMP_NUM_THREADS=1.
"""

import argparse
import copy
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.spade import DATA, processor
from gaugan.allocator import keep_memory
from gaugan.checkpoint import About
from gaugan.config import load_settings
from gaugan.generate import Painter
from gaugan.reading import nearest, read_labels
from gaugan.spade.conditions import edges
from gaugan.spade.initial import initialise
from gaugan.spade.painter import SpadePainter

CLASSES, SIDE, MAPS = 20, 256, 4
PRESETS = ("fast", "small", "spade")
KEPT_BYTES = 512 * 2**20
GOALS_MS = {"fast": 400}
"""Of later strokes, on two cores that do nothing else."""
BRUSH_PX, LENGTH_PX = 8, 40


@dataclass(frozen=True, kw_only=True)
class Stroke:
    """A label map, and whether it is the first of its drawing."""

    labels: Tensor
    is_first: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--strokes", type=int, default=8, help="on each of the maps")
    asked = parser.parse_args()

    keep_memory()
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}\n")
    strokes = draw(asked.strokes)
    for preset in asked.presets:
        report(preset, strokes)


def report(preset: str, strokes: list[Stroke]) -> None:
    """One table."""
    plain = build(preset, [stroke.labels for stroke in strokes if stroke.is_first])
    kept = copy.deepcopy(plain)
    tables = kept.network.generator.keep_tables(KEPT_BYTES)
    ways = {
        "nothing kept": lambda labels: paint(plain, labels, "float32"),
        "tables kept": lambda labels: paint(kept, labels, "float32"),
        "tables kept, bf16": lambda labels: paint(kept, labels, "bf16"),
    }
    for way in ways.values():
        way(strokes[0].labels)
    tables.forget()

    taken: dict[str, list[float]] = {name: [] for name in ways}
    worked: dict[str, list[float]] = {name: [] for name in ways}
    levels = dict.fromkeys(ways, 0)
    for stroke in strokes:
        pictures = {}
        for name, way in ways.items():
            began, began_work = time.perf_counter(), time.process_time()
            pictures[name] = way(stroke.labels)
            taken[name].append(1000 * (time.perf_counter() - began))
            worked[name].append(1000 * (time.process_time() - began_work))
        for name, picture in pictures.items():
            levels[name] = max(levels[name], int((picture.int() - pictures["nothing kept"].int()).abs().max()))

    first = [place for place, stroke in enumerate(strokes) if stroke.is_first]
    later = [place for place, stroke in enumerate(strokes) if not stroke.is_first]
    heads = ("first", "later", "least", "ratio", "processor", "ratio", "levels off")
    print(f"{preset + f' at {SIDE} px':<26}" + "".join(f"{head:>12}" for head in heads))
    for name in ways:
        middle = [statistics.median(taken[name][place] for place in places) for places in (first, later)]
        least = min(taken[name][place] for place in later)
        work = statistics.median(worked[name][place] for place in later)
        ratios = [
            statistics.median(times["nothing kept"][place] / times[name][place] for place in later)
            for times in (taken, worked)
        ]
        goal = f"   (goal {GOALS_MS[preset]} ms)" if preset in GOALS_MS and name != "nothing kept" else ""
        print(
            f"  {name:<24}{middle[0]:>9.0f} ms{middle[1]:>9.0f} ms{least:>9.0f} ms{ratios[0]:>10.2f} x"
            f"{work:>9.0f} ms{ratios[1]:>10.2f} x{levels[name]:>12}{goal}"
        )
    print(f"  {tables.bytes / 2**20:.0f} MB are kept\n", flush=True)


def build(preset: str, maps: list[Tensor]) -> Painter:
    """A painter with the weights of a start, whose normalisations have seen the maps."""
    settings = load_settings(preset, ["device=cpu"])
    network = SpadePainter(settings, classes=CLASSES, unknown=True, edges=True)
    initialise(network, generator=torch.Generator().manual_seed(0))
    labels = torch.stack([one.long().masked_fill(one == 255, CLASSES) for one in maps])
    with torch.no_grad():
        for norm in network.generator.modules():
            if isinstance(norm, torch.nn.BatchNorm2d):
                norm.momentum = None
        network.generator.train()(network.condition(labels, edges(labels)))
    about = About(settings=settings, classes=CLASSES, unknown=True, edges=True, images_shown=0)
    return Painter(about, network, device=torch.device("cpu"))


def paint(painter: Painter, labels: Tensor, precision: str) -> Tensor:
    (picture,) = painter.paint_all([(labels, None)], [None], size=(SIDE, SIDE), precision=precision)
    return picture


def draw(number: int) -> list[Stroke]:
    """Maps, each followed by strokes that were drawn on it one after another."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    strokes = []
    for labels in landscapes():
        strokes.append(Stroke(labels=labels, is_first=True))
        for _ in range(number):
            labels = labels.clone()
            place, angle, category = random.uniform(0, SIDE, 2), random.uniform(0, 2 * np.pi), random.integers(CLASSES)
            for step in range(LENGTH_PX):
                down, right = place + step * np.array([np.sin(angle), np.cos(angle)])
                labels[torch.from_numpy((y - down) ** 2 + (x - right) ** 2 < BRUSH_PX**2)] = int(category)
            strokes.append(Stroke(labels=labels, is_first=False))
    return strokes


def landscapes() -> list[Tensor]:
    """(H, W) uint8, hand-made label maps of photos, where there are some."""
    found = sorted(Path(DATA / "coco_stuff_sample").glob("*_label/*.png"))
    maps = [
        nearest(read_labels(path, classes=182), (SIDE, SIDE)) for path in found[:: max(1, len(found) // MAPS)][:MAPS]
    ]
    return [torch.where(one == 255, one, one % CLASSES) for one in maps]


if __name__ == "__main__":
    main()
