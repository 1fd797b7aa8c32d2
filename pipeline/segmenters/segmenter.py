"""Segmenter: what the label stage asks of anything that can tell which class each pixel of a photo belongs to."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """The label map of one photo.

    ids: (H, W) uint8, class ids of the taxonomy, 255 unknown.
    confidence: mean over the pixels of the winning class's probability, 0 to 1; 1 for a map that was given.
    """

    ids: np.ndarray
    confidence: float


class Segmenter(Protocol):
    """Labels one photo at a time, in three steps that may overlap with those of other photos.

    Decoder threads call `prepare`, one thread owns the model and calls `run`, writer threads call `finish`. What comes
    out depends on the photo, the weights and `input_digest`, and on nothing else.
    """

    name: str
    """What stands in the column label_model: deeplabv2-cocostuff164k, torch:FILE'S STEM, maps:FOLDER'S NAME."""
    digest: str
    """16 hex digits of the SHA-256 of the weights file; "" for maps, which have no weights."""
    license: str
    """SPDX-like id of the weights' licence, or unknown."""
    reached: tuple[str, ...]
    """The classes of the taxonomy that it can find, in the taxonomy's order."""

    def input_digest(self, original_name: str) -> str:
        """What the label map depends on besides photo and weights: 16 hex digits, or "" for nothing."""
        ...

    def prepare(self, pixels: np.ndarray, original_name: str) -> Any:
        """pixels: (H, W, 3) uint8 RGB, the photo as it is trained on. original_name: what the user calls it.

        Raises: PhotoError when this photo cannot be labelled; its message goes on after the photo's name.
        """
        ...

    def run(self, prepared: Any) -> Any:
        """The model itself."""
        ...

    def finish(self, result: Any) -> Labelling:
        """The label map, at the size of the photo."""
        ...
