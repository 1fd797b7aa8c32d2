"""Runs with drawn weights that paint something, in a workspace of small photos, for the tests of model exports."""

import json
from pathlib import Path

import torch

from gaugan import checkpoint
from gaugan.checkpoint import About
from gaugan.config import load_settings
from gaugan.spade.conditions import edges
from gaugan.spade.initial import initialise
from gaugan.spade.painter import SpadePainter
from pipeline.manifest import read
from pipeline.run_folders import write_beginning
from pipeline.workspace import Workspace

SMALL = ("crop_size=64", "width=4")


def painter_of(*assignments: str, classes: int, unknown: bool = True, has_edges: bool = True) -> SpadePainter:
    """A painter whose weights are drawn, and whose norms have seen some maps; still to be folded."""
    settings = load_settings("spade", [*SMALL, *assignments])
    painter = SpadePainter(settings, classes=classes, unknown=unknown, edges=has_edges)
    initialise(painter, generator=torch.Generator().manual_seed(0))
    drawn = torch.Generator().manual_seed(1)
    for weight in painter.generator.parameters():
        if weight.dim() > 1:  # those of the start make no difference that is seen
            torch.nn.init.normal_(weight, std=weight[0].numel() ** -0.5, generator=drawn)
    painter.train()
    labels = torch.randint(0, classes + unknown, (2, 8, 8), generator=drawn)
    labels = labels.repeat_interleave(32, 1).repeat_interleave(32, 2)
    style = torch.randn(2, painter.style_size or painter.noise_size or 1, generator=drawn)
    with torch.no_grad():
        seen = painter.condition(labels, edges(labels))
        if painter.noise_size:
            painter.generator(seen.with_noise(style))
        else:
            painter.generator(seen, style if painter.style_size else None)
    return painter.eval()


def make_run(
    workspace: Workspace, name: str, *assignments: str, images_shown: int = 16, has_edges: bool = True
) -> Path:
    """A run folder of a workspace, as `train` leaves it."""
    manifest, folder = read(workspace), workspace.runs / name
    shape = {"classes": len(manifest.taxonomy), "unknown": True}
    painter = painter_of(*assignments, **shape, has_edges=has_edges)
    settings = load_settings("spade", [*SMALL, *assignments])
    write_beginning(folder, settings, manifest)
    about = About(settings=settings, **shape, edges=has_edges, images_shown=images_shown)
    state = {"networks": {"generator": painter.generator}, "optimizers": {}, "averaged": painter}
    checkpoint.save(folder, about=about, keep=1, **state)
    (folder / "log.txt").write_text(
        "2026-01-01T10:00:00+00:00 begins: 16 images in all, on cpu\n"
        "2026-01-01T10:01:00+00:00 interrupted at 8 images\n"
        "2026-01-02T10:00:00+00:00 goes on at 8: 16 images in all, on cpu\n"
        "2026-01-02T10:00:30+00:00 finished at 16 images\n"
    )
    score = {"images_shown": images_shown, "score/kernel_distance_patches": 0.0125}
    (folder / "stats.jsonl").write_text(json.dumps(score) + "\n")
    return folder
