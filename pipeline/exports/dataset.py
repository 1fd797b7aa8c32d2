"""The photos that an export holds, by id, and their maps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline import images
from pipeline.about import About
from pipeline.classes import Taxonomy
from pipeline.errors import PhotoError
from pipeline.rows import SPLITS, Row
from pipeline.workspace import Workspace

SIZE_ONLY_PX = 1
"""A photo of which only the size matters is decoded as coarsely as can be, to its end."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What a layout may know of a workspace.

    rows: the photos that are exported, by id.    about: as dataset.json says it.
    removed: what took photos out on the way, in words -> how many, most first.
    restricted: how many of the photos may not be handed on.
    earlier: finds a file by its name in the folder as an earlier export has left it; None where there is none.
    """

    workspace: Workspace
    about: About
    taxonomy: Taxonomy
    rows: tuple[Row, ...]
    removed: Mapping[str, int] = field(default_factory=dict)
    restricted: int = 0
    earlier: Callable[[str], Path | None] = lambda name: None

    def of(self, split: str) -> list[Row]:
        return [row for row in self.rows if row.split == split]

    @property
    def splits(self) -> dict[str, int]:
        """Photos a split; those without any are left out."""
        counts = {split: len(self.of(split)) for split in SPLITS}
        return {split: number for split, number in counts.items() if number}

    def photo(self, row: Row) -> Path:
        return self.workspace.resolve(row.file_name)


@dataclass(frozen=True, kw_only=True)
class Maps:
    """labels: (H, W) uint8, 255 unknown.    instances: (H, W) uint16, 0 unknown; of no size where nobody asked."""

    labels: np.ndarray
    instances: np.ndarray


def read_maps(dataset: Dataset, row: Row, *, instances: bool = True) -> Maps:
    """The maps of a photo, which was decoded to its end and has their size.

    Raises: PhotoError with the photo's name when one of them cannot be read, or has another size.
    """
    resolve = dataset.workspace.resolve
    try:
        labels = images.read_labels(resolve(row.label_file_name))
        _, size = images.read_photo_for(dataset.photo(row), SIZE_ONLY_PX)
        found = images.read_instances(resolve(row.instance_file_name)) if instances else np.zeros((0, 0), np.uint16)
    except PhotoError as error:
        raise PhotoError(f"{row.original_name} {error}. See gauganpipe inspect") from None
    if labels.shape != size or (instances and found.shape != size):
        raise PhotoError(f"{row.original_name} and its maps differ in size. See gauganpipe manifest check")
    return Maps(labels=labels, instances=found)
