"""How fast photos are labelled: against the bare network on ready tensors, and against the plain way.

    python benchmarks/label.py ../shared/data/pixabay_landscapes
    python benchmarks/label.py ../shared/data/pixabay_landscapes --segmenter torch:weights.pth
    python benchmarks/label.py ../shared/data/pixabay_landscapes --segmenter deeplabv2 --number 8

The plain way takes one photo at a time in float32, resizes the logits of all classes to the photo's size, and takes the
softmax there. deeplabv2 is DeepLabV2 of ResNet-101 at three scales with random weights: enough to measure its time.
The three are timed in turns, and the medians of the rounds are printed.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from pipeline import flow, labeller, preferences
from pipeline.classes import load_taxonomy, vocabulary_names
from pipeline.console import Console
from pipeline.engine import walk
from pipeline.images import read_photo
from pipeline.manifest import Manifest, writing
from pipeline.rows import Row
from pipeline.segmenters import deeplabv2
from pipeline.segmenters.network import EXACT, Network, NetworkSegmenter, open_network
from pipeline.segmenters.registry import open_segmenter
from pipeline.segmenters.segmenter import Options
from pipeline.stages.label import Label
from pipeline.workspace import Workspace

QUIET = Console(quiet=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", help="a folder of photos")
    parser.add_argument("--segmenter", default="embedded", help="as gauganpipe label takes it, or deeplabv2")
    parser.add_argument("--quality", default="fast")
    parser.add_argument("--number", type=int, default=48, help="photos that are labelled")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(root=Path(folder))
        rows = _ingest(workspace, asked.photos, asked.number)
        with writing(workspace) as manifest:
            segmenter = _open(asked.segmenter, Options(quality=asked.quality), workspace)
            segmenter = labeller.with_numerics(manifest, segmenter, Console())
            measured = _measure(manifest, segmenter, rows, rounds=asked.rounds)
    print(f"{segmenter.name} at {asked.quality}, {len(rows)} photos, {segmenter.numerics}, {asked.rounds} rounds")
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}\n")
    print(f"{'':<34}{'photos/s':>10}{'ours is':>10}")
    ours = measured["gauganpipe label"]
    for name, seconds in measured.items():
        ratio = statistics.median(other / own for own, other in zip(ours, seconds, strict=True))
        print(f"{name:<34}{len(rows) / statistics.median(seconds):>10.2f}{ratio:>9.2f}x")


def _ingest(workspace: Workspace, photos: str, number: int) -> list[Row]:
    """Photos that stand in the workspace, spread over the folder, without labels."""
    maps = workspace.root / "none"
    maps.mkdir()
    Image.new("L", (1, 1)).save(maps / "none.png")
    flow.label(workspace, photos, preferences.Asked(segmenter=f"maps:{maps}"), workers=2, console=QUIET)
    rows = [row for row in Manifest(workspace).rows.values() if row.file_name]
    return sorted(rows, key=lambda row: row.id)[:: max(1, len(rows) // number)][:number]


def _open(spec: str, options: Options, workspace: Workspace) -> NetworkSegmenter:
    taxonomy = load_taxonomy()
    if spec != "deeplabv2":
        return open_segmenter(spec, taxonomy=taxonomy, weights_folder=workspace.weights, options=options)
    torch.manual_seed(0)
    network = Network(
        module=deeplabv2.MultiScale(deeplabv2.DeepLabV2(deeplabv2.COCOSTUFF_CLASSES)).eval(),
        to_input=deeplabv2.to_input,
        align_corners=deeplabv2.ALIGN_CORNERS,
        longer_side_px=deeplabv2.LONGER_SIDE_PX,
        names=vocabulary_names("cocostuff"),
    )
    said = {"name": "deeplabv2 of random weights", "digest": "", "license": "", "where": spec}
    return open_network(network, taxonomy=taxonomy, device="cpu", options=options, **said)


def _measure(
    manifest: Manifest, segmenter: NetworkSegmenter, rows: list[Row], *, rounds: int
) -> dict[str, list[float]]:
    """Seconds of each round, by what was timed; the first round warms up and is left out."""
    workspace = manifest.workspace
    stage = Label(workspace=workspace, taxonomy=manifest.taxonomy, segmenter=segmenter)
    exact = segmenter.computing(EXACT)
    photos = [read_photo(workspace.resolve(row.file_name)) for row in rows]
    ready = [segmenter.prepare(photo, "", photo.shape[:2]) for photo in photos]
    ways: dict[str, Callable[[], None]] = {
        "gauganpipe label": lambda: _label(stage, rows, manifest),
        "the bare network, tensors ready": lambda: _run_bare(segmenter, ready),
        "the plain way": lambda: _label_plainly(exact, rows, workspace),
    }
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            if turn:
                measured[name].append(time.perf_counter() - began)
    return measured


def _label(stage: Label, rows: list[Row], manifest: Manifest) -> None:
    """As the command does it: decoder threads, the network, writer threads, the journal."""
    walk(stage, rows, manifest, workers=2)


@torch.inference_mode()
def _run_bare(segmenter: NetworkSegmenter, ready: list) -> None:
    for prepared in ready:
        for view in prepared.views:
            segmenter.forward(view)


@torch.inference_mode()
def _label_plainly(segmenter: NetworkSegmenter, rows: list[Row], workspace: Workspace) -> None:
    lookup = np.array(segmenter.targets, np.uint8)
    for row in rows:
        pixels = np.array(Image.open(workspace.resolve(row.file_name)).convert("RGB"))
        logits = segmenter.network.module(segmenter.network.to_input(pixels, 1.0))
        logits = F.interpolate(logits, size=pixels.shape[:2], mode="bilinear", align_corners=False)
        probabilities = logits.softmax(dim=1)
        ids = lookup[probabilities.argmax(dim=1)[0].numpy()]
        Image.fromarray(ids).save(workspace.root / "plain.png")


if __name__ == "__main__":
    main()
