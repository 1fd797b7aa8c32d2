"""Runs that nobody trained, for tests of what paints with them."""

from dataclasses import replace
from pathlib import Path

import torch

from gaugan import checkpoint
from gaugan.checkpoint import About
from gaugan.config import load_settings
from gaugan.randomness import generator
from gaugan.settings import Settings
from gaugan.spade.initial import initialise
from gaugan.spade.painter import SpadePainter, release
from pipeline.classes import Taxonomy, entries_of, load_taxonomy
from pipeline.manifest import Manifest
from pipeline.run_folders import new_run_folder, write_beginning
from pipeline.workspace import Workspace

SMALL = ("crop_size=32", "width=4", "discriminator_width=4", "device=cpu")
STYLED = ("style_encoder=true", "style_size=8")
LOUD = 3
"""What weights are multiplied by, so that pictures differ by more than a grey level."""


def save_checkpoint(
    folder: Path, *assignments: str, classes: int = 3, unknown: bool = True, edges: bool = False
) -> Settings:
    """A checkpoint of a network that nobody trained, in a run folder."""
    settings = load_settings("spade", [*SMALL, *assignments])
    shape = {"classes": classes, "unknown": unknown, "edges": edges}
    painter = SpadePainter(settings, **shape)
    initialise(painter, generator=generator(settings.training.seed, "painter"))
    release(painter)
    with torch.no_grad():
        for parameter in painter.parameters():
            if parameter.dim() > 1:
                parameter.mul_(LOUD)
    about = About(settings=settings, **shape, images_shown=16)
    networks = {"generator": painter.generator}
    checkpoint.save(folder, about=about, networks=networks, optimizers={}, averaged=painter, keep=1)
    return settings


def make_run(
    workspace: Workspace,
    *assignments: str,
    taxonomy: Taxonomy | None = None,
    classes: int | None = None,
    unknown: bool = True,
    edges: bool = False,
) -> Path:
    """A run in a workspace, of the classes of `landscape` unless said.    classes: of its network, if others."""
    taxonomy = taxonomy or load_taxonomy()

    def write(folder: Path) -> None:
        shape = {"classes": classes or len(taxonomy), "unknown": unknown, "edges": edges}
        settings = save_checkpoint(folder, *assignments, **shape)
        manifest = Manifest(Workspace(root=folder))
        manifest.about = replace(manifest.about, taxonomy=taxonomy.name, classes=entries_of(taxonomy))
        write_beginning(folder, settings, manifest)

    return new_run_folder(workspace, "small", write)
