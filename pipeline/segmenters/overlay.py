"""The things of Mask R-CNN over the label maps of any other segmenter."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from pipeline.classes import UNKNOWN, Taxonomy, translate
from pipeline.segmenters.choices import OVERLAY
from pipeline.segmenters.segmenter import Labelling, Segmenter
from pipeline.segmenters.things import Thing, paste

LONGEST_SIDE_PX = 1333
"""Mask R-CNN shrinks larger photos to this anyway, and its masks are given at the size of what it was shown."""
NO_THINGS = ("__background__", "N/A")
"""What torchvision calls the labels that no thing has."""
MASK_FROM = 0.5
"""Pixels that belong to a thing with at least this probability are its own."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What both networks say of a photo.

    under: what the other segmenter found.    size: of the label map, (height, width).
    masks: (N, h, w) float32, probability of each thing at each place; classes, scores: N of them.
    """

    under: Any
    size: tuple[int, int]
    masks: np.ndarray
    classes: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """A segmenter and Mask R-CNN, looking at the same photo."""

    under: Segmenter
    network: nn.Module
    network_digest: str
    network_license: str
    device: str
    targets: tuple[int, ...]
    """For each label of Mask R-CNN the class id that it stands for, UNKNOWN for none."""
    reached: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.under.name}{OVERLAY}"

    @property
    def digest(self) -> str:
        return sha256(f"{self.under.digest} {self.network_digest}".encode()).hexdigest()[:16]

    @property
    def license(self) -> str:
        return f"{self.under.license} AND {self.network_license}"

    @property
    def parameters(self) -> Mapping[str, str]:
        return self.under.parameters

    @property
    def looks_at_px(self) -> int:
        return max(self.under.looks_at_px, LONGEST_SIDE_PX) if self.under.looks_at_px else 0

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.under.outputs

    @property
    def is_many_handed(self) -> bool:
        return False

    @property
    def numerics(self) -> str:
        return self.under.numerics

    @property
    def numerics_choices(self) -> tuple[str, ...]:
        return self.under.numerics_choices

    def computing(self, numerics: str) -> "Overlay":
        return replace(self, under=self.under.computing(numerics))

    def input_digest(self, original_name: str) -> str:
        return self.under.input_digest(original_name)

    def prepare(
        self, pixels: np.ndarray, original_name: str, size: tuple[int, int]
    ) -> tuple[Any, Tensor, tuple[int, int]]:
        """What the other segmenter prepared, the photo as (3, h, w) float32 RGB 0..1, and the size of the label map."""
        shrink = min(1.0, LONGEST_SIDE_PX / max(pixels.shape))
        height, width = (max(1, round(side * shrink)) for side in pixels.shape[:2])
        small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        image = torch.from_numpy(np.array(small, order="C")).permute(2, 0, 1).float() / 255
        return self.under.prepare(pixels, original_name, size), image, size

    @torch.inference_mode()
    def run(self, prepared: tuple[Any, Tensor, tuple[int, int]]) -> Found:
        under, image, size = prepared
        seen = self.network([image.to(self.device)])[0]
        return Found(
            under=self.under.run(under),
            size=size,
            masks=seen["masks"][:, 0].cpu().numpy(),
            classes=tuple(self.targets[label] for label in seen["labels"].tolist()),
            scores=tuple(seen["scores"].tolist()),
        )

    def finish(self, result: Found) -> Labelling:
        height, width = result.size
        surest_first = sorted(range(len(result.scores)), key=lambda index: -result.scores[index])
        masks = (cv2.resize(result.masks[i], (width, height), interpolation=cv2.INTER_LINEAR) for i in surest_first)
        things = (
            Thing(mask=mask >= MASK_FROM, id=result.classes[i]) for i, mask in zip(surest_first, masks, strict=True)
        )
        return paste(self.under.finish(result.under), things)


def over(
    under: Segmenter,
    network: nn.Module,
    *,
    names: tuple[str, ...],
    taxonomy: Taxonomy,
    digest: str,
    license: str,
    device: str,
) -> Overlay:
    """A segmenter with things upon its label maps.

    names: what the labels of Mask R-CNN mean, by number; those in no vocabulary are classes of nothing.
    """
    known = [name for name in names if name not in NO_THINGS]
    ids = dict(zip(known, translate(known, taxonomy), strict=True))
    targets = tuple(ids.get(name, UNKNOWN) for name in names)
    found = {taxonomy.names[id] for id in targets if id != UNKNOWN} | set(under.reached)
    return Overlay(
        under=under,
        network=network.to(device),
        network_digest=digest,
        network_license=license,
        device=device,
        targets=targets,
        reached=tuple(name for name in taxonomy.names if name in found),
    )
