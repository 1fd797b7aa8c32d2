"""Segmenter: what the label stage asks of anything that can tell which class each pixel of a photo belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

QUALITIES = ("fast", "balanced", "best")
"""How often a network looks at a photo: once; at its mirror image too; at both in three sizes."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How photos are labelled, whatever labels them.

    quality: one of QUALITIES.
    unknown_below: pixels whose class is less probable than this become unknown, 0 to 1.
    smallest_share: regions of less than this share of the photo go to the class around them, 0 to 1; 0 keeps all.
    refine: fit the borders of the label map to those in the photo.
    instances: a folder of instance maps, or a COCO annotation file, that belongs to the label maps of `maps:`.
    keep_confidences, keep_raw: give the map of confidences, and the network's own ids, beside the label map.
    """

    quality: str = "balanced"
    unknown_below: float = 0.0
    smallest_share: float = 0.001
    refine: bool = False
    instances: Path | None = None
    keep_confidences: bool = False
    keep_raw: bool = False


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """The label map of one photo, and what else its segmenter knows.

    ids: (H, W) uint8, class ids of the taxonomy, 255 unknown.
    confidence: mean over the pixels of the winning class's probability, 0 to 1; 1 for a map that was given.
    segments: (H, W) uint16, numbers of the things that it told apart, 0 where there is none; None where it tells none
    apart.
    confidences: (H, W) uint8, the winning class's probability, 255 for 1; None unless asked for.
    raw: (H, W) uint8, the network's own ids before any translation; None unless asked for.
    """

    ids: np.ndarray
    confidence: float
    segments: np.ndarray | None = None
    confidences: np.ndarray | None = None
    raw: np.ndarray | None = None


class Segmenter(Protocol):
    """Labels one photo at a time, in three steps that may overlap with those of other photos.

    Decoder threads call `prepare`, writer threads call `finish`. One thread owns the model and calls `run`, unless
    `is_many_handed`: then it is run in each of the writer threads. What comes out depends on the photo, the weights,
    `parameters` and `input_digest`, and on nothing else.
    """

    name: str
    """What stands in the column label_model: embedded, torch:STEM OF THE FILE, maps:NAME OF THE FOLDER."""
    digest: str
    """16 hex digits of the SHA-256 of the weights file; "" for maps, which have no weights."""
    license: str
    """SPDX-like id of the weights' licence, or unknown."""
    reached: tuple[str, ...]
    """The classes of the taxonomy that it can find, in the taxonomy's order."""
    parameters: Mapping[str, str]
    """What its label maps depend on besides photo, weights and `input_digest`, by name: options, numerics."""
    looks_at_px: int
    """The longer side of a photo that it can make use of, in pixels; 0 when it needs the photo whole."""
    outputs: tuple[str, ...]
    """What the ids of `Labelling.raw` mean; () where there are none."""
    is_many_handed: bool
    """Whether several threads may call `run` at once, each with a photo of its own: quicker on a processor of cores."""
    numerics: str
    """How it computes, one of `numerics_choices`; "" where there is nothing to choose."""
    numerics_choices: tuple[str, ...]
    """Ways of computing, the exact one first; () where there is nothing to choose."""

    def computing(self, numerics: str) -> "Segmenter":
        """The same segmenter, computing in another way."""
        ...

    def input_digest(self, original_name: str) -> str:
        """What the label map of this photo depends on alone: 16 hex digits, or "" for nothing."""
        ...

    def prepare(self, pixels: np.ndarray, original_name: str, size: tuple[int, int]) -> Any:
        """pixels: (H, W, 3) uint8 RGB, the photo as it is trained on, or smaller with a longer side of `looks_at_px`.

        original_name: what the user calls it.    size: (height, width) of the label map to be made, in pixels.
        Raises: PhotoError when this photo cannot be labelled; its message goes on after the photo's name.
        """
        ...

    def run(self, prepared: Any) -> Any:
        """The model itself."""
        ...

    def finish(self, result: Any) -> Labelling:
        """The label map, at the size that was asked for."""
        ...
