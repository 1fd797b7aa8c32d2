"""A small workspace with runs that nobody has trained, for the tests of how runs are judged."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
import torchvision

from gaugan import checkpoint
from gaugan.checkpoint import About
from gaugan.config import load_settings
from gaugan.processes import accelerate
from gaugan.spade.method import SpadeMethod
from pipeline.manifest import read, writing
from pipeline.run_folders import write_beginning
from pipeline.segmenters.segmenter import Labelling
from pipeline.workspace import Workspace
from tests.annotated import LANDSCAPE, SEA, SKY, row_of, sky_above_sea

SMALL = ("crop_size=32", "width=4", "discriminator_width=4", "device=cpu", "losses.perceptual=0")
TESTED, TRAINED = 12, 6


def patchwork(seed: int) -> np.ndarray:
    """(96, 102, 3) uint8 RGB."""
    patches = np.random.default_rng(seed).integers(0, 256, (8, 17, 3), dtype=np.uint8)
    return patches.repeat(12, axis=0).repeat(6, axis=1)


def make_workspace(root: Path) -> Workspace:
    """Twelve labelled photos for test, six for train, two for val."""
    workspace = Workspace(root=root)
    splits = ["test"] * TESTED + ["train"] * TRAINED + ["val"] * 2
    with writing(workspace) as manifest:
        manifest.choose(segmenter="embedded")
        for number, split in enumerate(splits):
            ids = sky_above_sea(horizon=30 + 2 * number)
            row = row_of(workspace, f"g{number:03d}", patchwork(number), ids, 0.9)
            manifest.record(replace(row, split=split))
    return workspace


def make_run(workspace: Workspace, name: str, *assignments: str, classes: int = len(LANDSCAPE)) -> Path:
    """A run folder with weights as they are drawn, and the manifest as it stands."""
    folder = workspace.runs / name
    write_beginning(folder, load_settings("spade", [*SMALL, *assignments]), read(workspace))
    save_checkpoint(folder, *assignments, images_shown=16, classes=classes)
    return folder


def save_checkpoint(folder: Path, *assignments: str, images_shown: int, classes: int = len(LANDSCAPE)) -> None:
    """Adds weights as they are drawn."""
    settings = load_settings("spade", [*SMALL, *assignments])
    shape = {"classes": classes, "unknown": True, "edges": True}
    method = SpadeMethod(settings, **shape, accelerator=accelerate(settings))
    for parameter in method.averaged.parameters():
        if parameter.dim() > 1:
            parameter.mul_(3)  # so that pictures differ by more than a grey level
    about = About(settings=settings, **shape, images_shown=images_shown)
    state = {"networks": method.networks, "optimizers": method.optimizers, "averaged": method.averaged}
    checkpoint.save(folder, about=about, keep=2, **state)


class SkyAboveSea:
    """A segmenter that sees sky in the upper half of every picture, and sea in the lower one."""

    name, digest, license = "embedded", "0123456789abcdef", "CC0-1.0"
    parameters: ClassVar[dict[str, str]] = {}
    numerics, numerics_choices = "", ()
    is_many_handed = True

    def prepare(self, pixels: np.ndarray, original_name: str, size: tuple[int, int]) -> tuple[int, int]:
        return size

    def run(self, prepared: tuple[int, int]) -> tuple[int, int]:
        return prepared

    def finish(self, result: tuple[int, int]) -> Labelling:
        ids = np.full(result, SKY, np.uint8)
        ids[result[0] // 2 :] = SEA
        return Labelling(ids=ids, confidence=1.0)


def write_features(path: Path) -> Path:
    """Weights of a SqueezeNet that has learned nothing."""
    torch.manual_seed(0)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), path)
    return path


def everything_in(root: Path) -> dict[str, bytes]:
    """All files but locks, by path."""
    paths = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name[0] != ".")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
