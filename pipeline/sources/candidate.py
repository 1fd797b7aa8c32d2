"""Candidate: a photo that a source offers, before anyone has looked at it; Wanted: what is asked of a source."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What a source knows of one photo: the columns it can fill, and how to get the bytes.

    name: the same photo has the same name every time the source is asked, and no other photo of it has.
    read: gives the bytes of the file, which is here. Raises PhotoError with a sentence when they cannot be had. None
    where the file must be fetched from `source_url` first.
    read_labels: the label map that comes with the photo, (H, W) uint8, class ids of `landscape`, 255 unknown.
    fixed: the same name always means the same bytes, so a known name need not be read again.
    license: as `pipeline.licences` writes them.
    width, height, size_bytes: of the file at source_url, as the source says; None where it does not.
    sha1: 40 hex digits of the file at source_url, "" where the source does not say.
    """

    name: str
    read: Callable[[], bytes] | None = None
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
    retrieved_at: str = ""
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    sha1: str = ""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of a source. A source that cannot choose gives all it has; whoever asked looks at each candidate.

    most: no more candidates are needed than these, so that a source need not look further; None for all.
    licenses: SPDX-like ids, none for any.    license: what a batch of local files is under, "" where nobody says.
    min_side_px: of the shorter side.    contact: an address at which a service may reach whoever asks.
    without: folders in which nothing is a photo of the user's.
    """

    most: int | None = None
    licenses: frozenset[str] = frozenset()
    license: str = ""
    min_side_px: int = 0
    contact: str = ""
    without: Collection[Path] = ()


ANYTHING = Wanted()
