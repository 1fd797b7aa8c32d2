"""Candidate: a photo that a source offers, before anyone has looked at it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What a source knows of one photo: the columns it can fill, and how to get the bytes.

    read: gives the bytes of the file. Raises PhotoError with a sentence when they cannot be had.
    read_labels: the label map that comes with the photo, (H, W) uint8, class ids of `landscape`, 255 unknown.
    fixed: the same name always means the same bytes, so a known name need not be read again.
    """

    name: str
    read: Callable[[], bytes]
    read_labels: Callable[[], np.ndarray] | None = None
    fixed: bool = False
    source: str
    source_url: str = ""
    source_page: str = ""
    title: str = ""
    creator: str = ""
    creator_url: str = ""
    license: str = "unknown"
    license_url: str = ""
    redistributable: str = ""
