"""The presets at equal images shown: how far their pictures are from the photos, in features that none learned from.

    python -m benchmarks.presets WORKSPACE --judge squeezenet1_0_imagenet.pth
    python -m benchmarks.presets WORKSPACE --judge FILE --only small fast --set data.warp=0 --images 6000

Each preset trains on the workspace's train split at 64 px, in batches of at most 8 and without a device other than the
CPU unless --gpu; its averaged weights paint the val split. The score is the kernel distance in the features of --judge;
the floor paints each class in its mean colour, with noise.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from gaugan.config import load_settings, presets
from gaugan.reports import Scored, Step
from gaugan.train import train
from pipeline.console import Console
from pipeline.manifest import read
from pipeline.runs import NAMED_WEIGHTS
from pipeline.samples import Samples, read_samples, sky_classes
from pipeline.workspace import Workspace

MOST_AT_ONCE = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--judge", required=True, help="a weights file of SqueezeNet, MobileNetV2 or VGG-19")
    parser.add_argument("--only", nargs="+", default=presets(), metavar="PRESET")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="for all of them")
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder for the runs; else they are thrown away")
    asked = parser.parse_args()

    workspace = Workspace(root=asked.workspace)
    manifest = read(workspace)
    samples = read_samples(workspace, manifest, edges=True, console=Console())
    if len(samples.val) < 2:
        parser.error(f"{asked.workspace} has {len(samples.val)} labelled photos of val, expected 2 or more to score on")
    print(
        f"{len(samples.train)} photos of train, {len(samples.val)} of val, {asked.images} images at {asked.size} px, "
        f"seed 0, kernel distance in {Path(asked.judge).stem}, torch {torch.__version__}, "
        f"{torch.get_num_threads()} threads\n"
    )
    print(f"{'preset':<10}{'distance':>10}{'floor':>10}{'parameters':>12}{'minutes':>9}{'images/s':>10}{'peak GB':>9}")
    for preset in asked.only:
        given = [f"crop_size={asked.size}", f"images={asked.images}", *([] if asked.gpu else ["device=cpu"])]
        settings = load_settings(preset, [*given, *asked.set])
        if not any("batch_size" in one for one in asked.set):
            given.append(f"batch_size={min(MOST_AT_ONCE, settings.training.batch_size)}")
        given += [f"score_weights={asked.judge}", f"score_every_images={asked.images}"]
        given += [f"sample_every_images={asked.images}", f"checkpoint_every_images={asked.images}"]
        show(
            preset,
            [*given, *asked.set],
            samples,
            sky=sky_classes(manifest.taxonomy),
            classes=len(manifest.taxonomy),
            keep=asked.keep,
        )


def show(
    preset: str, given: list[str], samples: Samples, *, sky: frozenset[int], classes: int, keep: Path | None
) -> None:
    """Trains one and prints its line."""
    settings = load_settings(preset, given)
    scores: list[Scored] = []
    steps: list[Step] = []
    weights: dict[str, int] = {}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        train(
            settings,
            train_samples=samples.train,
            val_samples=samples.val,
            fixed_samples=(),
            classes=classes,
            run_folder=keep / preset if keep else Path(folder),
            sky=sky,
            named_weights=NAMED_WEIGHTS,
            on_start=lambda start: weights.update(start.parameters),
            on_step=steps.append,
            on_score=scores.append,
        )
    minutes = (time.perf_counter() - began) / 60
    rate = sorted(step.images_per_second for step in steps)[len(steps) // 2]
    print(
        f"{preset:<10}{scores[-1].value:>10.4f}{scores[-1].floor:>10.4f}{sum(weights.values()) / 1e6:>10.1f} M"
        f"{minutes:>9.1f}{rate:>10.1f}{steps[-1].peak_memory_bytes / 1e9:>9.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
