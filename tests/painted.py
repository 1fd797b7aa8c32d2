"""A painter that paints at once and exactly, and an untrained run, for the tests of what serves them."""

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from gaugan import checkpoint
from gaugan.checkpoint import About
from gaugan.config import dumps, load_settings
from gaugan.processes import accelerate
from gaugan.spade.method import SpadeMethod
from pipeline.serve.easel import Easel
from pipeline.serve.model import Model
from pipeline.workspace import Workspace

CLASSES, STYLE_SIZE = 20, 6


class Painter:
    """Paints class c in the grey level 10 * c, unknown white; `gate` holds it up while it is not set.

    The style's first number is added to the red of every pixel.
    """

    classes, unknown, edges, images_shown, multiple = CLASSES, True, True, 640, 32
    takes_photos = has_style = True
    device = torch.device("cpu")

    def __init__(self, *, crop: tuple[int, int] = (64, 64)) -> None:
        self.settings = SimpleNamespace(
            data=SimpleNamespace(crop=crop),
            training=SimpleNamespace(images=640),
            model=SimpleNamespace(method="spade"),
        )
        self.network = SimpleNamespace(modules=lambda: [self.layer])
        self.layer = nn.Identity()
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)
        self.painted: list[np.ndarray] = []

    def remember(self, most_bytes: int) -> None:
        pass

    def style(self, seed: int = 0) -> torch.Tensor:
        return torch.full((STYLE_SIZE,), float(seed))

    def style_of(self, photo: torch.Tensor) -> torch.Tensor:
        return photo.float().mean((0, 1)).repeat(2)

    def paint_all(self, maps, styles, *, size=None, precision="float32") -> list[torch.Tensor]:
        self.begun.release()
        while not self.gate.wait(0.01):
            self.layer(torch.zeros(1))
        made = []
        for (labels, _), style in zip(maps, styles, strict=True):
            self.painted.append(labels.numpy())
            grey = torch.where(labels == 255, 255, 10 * labels.int()).clamp(max=255)
            colours = torch.stack([grey + (0 if style is None else int(style[0])), grey, grey], dim=2)
            made.append(colours.clamp(0, 255).to(torch.uint8))
        return made


def make_run(folder: Path, *assignments: str) -> Path:
    """A run of the preset tiny whose weights are those that a training begins with."""
    settings = load_settings("tiny", ["device=cpu", "model.width=4", "discriminator_width=4", *assignments])
    shape = {"classes": CLASSES, "unknown": True, "edges": True}
    method = SpadeMethod(settings, **shape, accelerator=accelerate(settings))
    about = About(settings=settings, **shape, images_shown=400)
    state = {"networks": method.networks, "optimizers": method.optimizers, "averaged": method.averaged}
    checkpoint.save(folder, about=about, keep=1, **state)
    (folder / "config.toml").write_text(dumps(settings), encoding="utf-8")
    return folder


class Segmenter:
    """Labels a square photo as class 3, others as class 4."""

    def prepare(self, pixels: np.ndarray, name: str, size: tuple[int, int]) -> np.ndarray:
        return np.full(size, 3 if pixels.shape[0] == pixels.shape[1] else 4, np.uint8)

    def run(self, prepared: np.ndarray) -> np.ndarray:
        return prepared

    def finish(self, result: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(ids=result)


class Stage:
    """A painter, its easel, and the model over them."""

    def __init__(self, folder: Path, *, painter: Painter | None = None, **easel: float) -> None:
        self.painter = painter or Painter()
        self.easel = Easel(**easel)
        run, workspace = folder / "0001-tiny", Workspace(root=folder)
        self.model = Model(self.painter, weights="0123456789abcdef", run=run, workspace=workspace)
        self.painter.layer.register_forward_pre_hook(lambda *_: self.easel.demand_wanted())
