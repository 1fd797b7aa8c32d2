"""Whether an exported file paints what we paint: inputs to try it with, and the largest difference."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline import images
from pipeline.classes import UNKNOWN
from pipeline.errors import PhotoError, WorkspaceError
from pipeline.rows import Row
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.generate import Painter

MOST_DIFFERENCE = 1e-4
"""Of numbers in [-1, 1]: an eightieth of a grey level."""
LOOKED_AT = 20
"""So many label maps are tried until one can be used."""
SEED = 0
BLOCK_PX = 8

Inputs = Mapping[str, "Tensor"]


def find_map(workspace: Workspace, rows: Sequence[Row], *, classes: int, unknown: bool) -> tuple[np.ndarray, str]:
    """A label map of the training set and the id of its photo; where none is there, one that is drawn, and ""."""
    for row in rows[:LOOKED_AT]:
        try:
            labels = images.read_labels(workspace.resolve(row.label_file_name))
        except (OSError, PhotoError, WorkspaceError):
            continue
        if np.isin(labels, [*range(classes), *([UNKNOWN] if unknown else [])]).all():
            return labels, row.id
    drawn = np.random.default_rng(SEED).integers(0, classes, (BLOCK_PX, BLOCK_PX), dtype=np.uint8)
    return drawn.repeat(BLOCK_PX, axis=0).repeat(BLOCK_PX, axis=1), ""


def examples(painter: "Painter", labels: np.ndarray) -> list[dict[str, "Tensor"]]:
    """Inputs of two sizes: one map at that of training; two, one of them mirrored, at a smaller one that is no
    multiple of anything."""
    import torch

    from gaugan.reading import nearest
    from gaugan.spade.conditions import edges

    network, drawn = painter.network, torch.Generator().manual_seed(SEED)
    (height, width), multiple = painter.settings.data.crop, painter.multiple
    odd = max(height // 2, multiple) + 9, max(width // 2, 2 * multiple) - 5
    made = []
    for size, number in (((height, width), 1), (odd, 2)):
        scaled = nearest(torch.from_numpy(labels), size)
        inputs = {"labels": torch.stack([scaled, scaled.flip(1)][:number])}  # (B, H, W)
        if network.edges:
            inputs["edges"] = edges(inputs["labels"]).byte()
        if numbers := network.style_size or network.noise_size:
            inputs["style"] = torch.randn(number, numbers, generator=drawn)
        made.append(inputs)
    return made


def largest_difference(painter: "Painter", paint: Callable[[Inputs], "Tensor"], tried: Sequence[Inputs]) -> float:
    """How far a number of a picture is at most from ours, where all are in [-1, 1]; inf where one is no number."""
    differences = [(paint(inputs) - _ours(painter, inputs)).abs() for inputs in tried]
    return max(x.nan_to_num(nan=float("inf")).max().item() for x in differences)


def _ours(painter: "Painter", inputs: Inputs) -> "Tensor":
    """What our own networks paint, (B, 3, H, W) float32."""
    labels = inputs["labels"].long().masked_fill(inputs["labels"] == UNKNOWN, painter.classes)
    return painter.network.paint_in(inputs.get("style"), labels, edges=inputs.get("edges"))
