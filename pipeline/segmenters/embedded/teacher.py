"""The teacher: what a DeepLabv3+ of ADE20K believes about each photo, asked at three scales and in the mirror."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.classes import load_taxonomy, translate
from pipeline.segmenters import deeplabv3plus
from pipeline.segmenters.deeplabv3plus import ALIGN_CORNERS
from pipeline.segmenters.embedded.network import resize
from pipeline.segmenters.merge import merged_ids

SCALES = (0.75, 1.0, 1.25)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the teacher says of one photo. The corners of both grids are the photo's corners.

    beliefs: (K, h, w) float16, probabilities of its classes of landscape, on every fourth pixel.
    words: (151, h/2, w/2) float16, probabilities of all its outputs, on every eighth.
    """

    beliefs: np.ndarray
    words: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """`names` are the classes of landscape that it can find, in the order of landscape, and unknown."""

    network: nn.Module
    targets: tuple[int, ...]
    names: tuple[str, ...]

    @torch.inference_mode()
    def ask(self, pixels: np.ndarray, longer_side_px: int) -> Answer:
        """The mean of its probabilities over mirrors, and for its beliefs over three scales.

        pixels: (H, W, 3) uint8 RGB.    longer_side_px: at scale 1.
        """
        views = {scale: self._view(resize(pixels, round(longer_side_px * scale), step_px=8)) for scale in SCALES}
        size = views[1.0].shape[1:]
        merged = [
            F.interpolate(self._merge(view)[None], size=size, mode="bilinear", align_corners=ALIGN_CORNERS)[0]
            for view in views.values()
        ]
        return Answer(
            beliefs=torch.stack(merged).mean(dim=0).half().numpy(), words=views[1.0][:, ::2, ::2].half().numpy()
        )

    def _view(self, x: Tensor) -> Tensor:
        """x: (1, 3, H, W).    Returns (151, h, w), the mean of the photo as it is and of its mirror image."""
        both = torch.cat([x, x.flip(3)]).contiguous(memory_format=torch.channels_last)
        straight, mirrored = self.network(both).softmax(dim=1)
        return (straight + mirrored.flip(2)) / 2

    def _merge(self, probabilities: Tensor) -> Tensor:
        """(151, h, w) -> (K, h, w): the outputs that stand for the same class of landscape are summed."""
        members = torch.tensor(self.targets) == torch.tensor(merged_ids(self.targets))[:, None]
        return torch.tensordot(members.float(), probabilities, dims=1)


def open_teacher(folder: Path) -> Teacher:
    """The teacher in the folder of weights."""
    taxonomy = load_taxonomy()
    state = torch.load(folder / "deeplabv3plus_mobilenetv2_ade20k.pth", weights_only=True)
    words = json.loads((folder / "ade20k_classes.json").read_text(encoding="utf-8"))
    targets = translate([words[str(index)] for index in range(len(words))], taxonomy)
    found = merged_ids(targets)[:-1]
    return Teacher(
        network=deeplabv3plus.build(state).to(memory_format=torch.channels_last),
        targets=tuple(targets),
        names=(*(taxonomy.names[id] for id in found), "unknown"),
    )
