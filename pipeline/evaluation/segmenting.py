"""A segmenter reads pictures, and photos of their size: what it finds is compared with the maps they are of."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import preferences
from pipeline.console import Console
from pipeline.errors import PhotoError, RunError
from pipeline.evaluation.asked import Asked
from pipeline.evaluation.photos import Photos, Pictures
from pipeline.labeller import with_kept_numerics
from pipeline.manifest import Manifest
from pipeline.segmenters.registry import DEFAULT, demand_known, is_here, open_segmenter, takes_instances
from pipeline.segmenters.segmenter import Segmenter
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.confusion import Confusion

WORKERS = min(8, os.cpu_count() or 1)
SELF_CONSISTENCY = "self_consistency"


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A segmenter that reads pictures.    is_labeller: whether the label maps are its own word."""

    segmenter: Segmenter
    is_labeller: bool

    @property
    def prefix(self) -> str:
        """What its scores are called by."""
        return SELF_CONSISTENCY if self.is_labeller else f"read_by_{self.segmenter.name}"

    @property
    def key(self) -> tuple[Any, ...]:
        return self.prefix, self.segmenter.name, self.segmenter.digest, sorted(self.segmenter.parameters.items())


def open_reader(workspace: Workspace, manifest: Manifest, photos: Photos, asked: Asked, console: Console) -> Reader:
    """The segmenter that was asked for, or the one of the workspace; the default where its maps were given.

    Raises: SegmenterError when there is none of that name, or its weights are not here and may not be fetched.
    """
    own = manifest.about.segmenter or DEFAULT
    spec = asked.segmenter or (DEFAULT if takes_instances(own) else own)
    demand_known(spec)
    if takes_instances(spec):
        raise RunError(
            f"{spec} holds the maps of photos, and cannot read a painted picture. Name a network: --segmenter"
        )
    if not asked.downloads and not is_here(spec, workspace.weights):
        raise RunError(f"the weights of {spec} are not here. Fetch them with --download, or take --segmenter {DEFAULT}")
    with console.transfer() as on_bytes:
        segmenter = open_segmenter(
            spec,
            taxonomy=manifest.taxonomy,
            weights_folder=workspace.weights,
            on_bytes=on_bytes,
            options=preferences.options(manifest.about),
        )
    segmenter = with_kept_numerics(manifest.about, segmenter)
    return Reader(segmenter=segmenter, is_labeller=segmenter.name == photos.labelled_by)


def read_pictures(reader: Reader, pictures: Pictures, photos: Photos, *, on_picture: Callable[[], None]) -> "Confusion":
    """What the segmenter finds in the pictures, against the maps that they were painted from.

    Raises: RunError when a picture cannot be labelled.
    """
    import torch

    from gaugan.confusion import Confusion

    def look(place: int) -> "Tensor":
        pixels = pictures.read(place).permute(1, 2, 0).contiguous().numpy()
        name = photos.cases[place].name
        try:
            prepared = reader.segmenter.prepare(pixels, name, photos.size)
            return torch.from_numpy(reader.segmenter.finish(reader.segmenter.run(prepared)).ids)
        except PhotoError as error:
            raise RunError(f"{reader.segmenter.name} cannot read the picture of {name}: it {error}") from error

    confusion = Confusion(photos.classes)
    pool = ThreadPoolExecutor(WORKERS if reader.segmenter.is_many_handed else 1)
    try:
        for place, found in enumerate(pool.map(look, range(len(pictures)))):
            confusion.add(photos.read(place).labels, found)
            on_picture()
    finally:
        pool.shutdown(cancel_futures=True)
    return confusion
