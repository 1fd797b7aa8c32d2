"""A run's averaged weights and label maps to pictures."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gaugan import checkpoint
from gaugan.allocator import keep_memory
from gaugan.checkpoint import About
from gaugan.data import to_bytes
from gaugan.errors import CheckpointError, DataError, SettingsError
from gaugan.reading import UNKNOWN, covering_size, nearest, size_text
from gaugan.spade.conditions import edges
from gaugan.spade.painter import SpadePainter, fold

PAINTERS: Mapping[str, Callable[..., nn.Module]] = {"spade": SpadePainter}


class Painter:
    """Paints label maps with the averaged weights of a run.

    settings: of the run.    classes: C.    edges: whether it was trained with instances.    images_shown: in training.
    unknown: whether maps may hold unknown pixels.    takes_photos: whether a photo can give the style.
    """

    def __init__(self, about: About, network: nn.Module, *, device: torch.device) -> None:
        self.settings = about.settings
        self.classes = about.classes
        self.edges = about.edges
        self.unknown = about.unknown
        self.images_shown = about.images_shown
        self.takes_photos = about.settings.model.style_encoder and "encoder" not in about.missing
        self.device = device
        fold(network)
        self.network = network.to(device, memory_format=torch.channels_last).eval()

    @property
    def has_style(self) -> bool:
        """Whether seeds make a difference."""
        return self.settings.model.style_encoder or self.settings.model.noise_size > 0

    def paint(
        self,
        labels: Tensor,
        *,
        instances: Tensor | None = None,
        seed: int = 0,
        style_photo: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """A picture of a label map, of its size; the same arguments give the same picture.

        labels: (H, W) uint8, 0..C-1, 255 unknown.    instances: (H, W) ids, or None: then labels stand in where needed.
        style_photo: (h, w, 3) uint8 RGB of any size, or None: then the seed draws a style.
        size: (height, width) in pixels that is painted, and then scaled to the map's; None is the size of training,
        where the run knows how large a tree is.    Returns (H, W, 3) uint8 RGB.
        Raises: DataError when the maps do not fit; SettingsError on a style photo for a run without style encoder.
        """
        is_lost = self.settings.model.style_encoder and not self.takes_photos
        if style_photo is not None and is_lost:
            raise SettingsError(
                "the style encoder of this run is not there, so it takes no style photo. It paints in drawn styles"
            )
        if style_photo is not None and not self.takes_photos:
            raise SettingsError(
                "this run has no style encoder, so it takes no style photo. Train one with model.style_encoder=true"
            )
        known = self.known(labels)
        if instances is not None and instances.shape != labels.shape:
            raise DataError(f"the instance map is {size_text(instances)}, its label map {size_text(labels)}")
        size = size or covering_size(labels.shape, crop=self.settings.data.crop, margin=0)

        # The maps at the size to paint; edges as those of training, of the scaled ids.
        ids = nearest(labels.to(torch.int32) if instances is None else instances.to(torch.int32), size)
        edge_map = edges(ids[None]).to(self.device) if self.edges else None  # (1, 1, h, w)
        on_device = nearest(known, size)[None].to(self.device)  # (1, h, w)
        photo = None
        if style_photo is not None:
            photo = (style_photo.permute(2, 0, 1)[None].float() / 127.5 - 1).to(self.device)  # (1, 3, h, w)

        picture = self.network.paint(on_device, seeds=[seed], edges=edge_map, photo=photo)
        if size != tuple(labels.shape):
            picture = interpolate(picture, size=tuple(labels.shape), mode="bicubic", antialias=True)
        return to_bytes(picture)[0].cpu()

    def known(self, labels: Tensor) -> Tensor:
        """(H, W) int64, 0..C-1, C unknown. Raises: DataError."""
        labels = labels.long()
        wrong = labels[(labels >= self.classes) & (labels != UNKNOWN)]
        if labels.dim() != 2:
            raise DataError(f"the label map has {labels.dim()} dimensions, expected height and width")
        if wrong.numel():
            raise DataError(
                f"the label map holds class {wrong[0]}, expected 0 to {self.classes - 1}, or {UNKNOWN} for unknown"
            )
        if not self.unknown and (labels == UNKNOWN).any():
            raise DataError("the label map has unknown pixels, which this run was trained without")
        return labels.masked_fill(labels == UNKNOWN, self.classes)


def load_painter(run_folder: Path, *, device: str | torch.device = "cpu") -> Painter:
    """The painter of a run's best checkpoint, its newest where there are no scores. Raises: CheckpointError."""
    keep_memory()
    best = checkpoint.best(run_folder)
    if best is None:
        raise CheckpointError(f"{run_folder} has no checkpoint yet")
    about = checkpoint.read_about(best)
    network = checkpoint.load_averaged(best, build)
    return Painter(about, network, device=torch.device(device))


def build(about: About) -> nn.Module:
    """The network that a checkpoint's averaged weights belong to."""
    painter = PAINTERS[about.settings.model.method]
    network = painter(about.settings, classes=about.classes, unknown=about.unknown, edges=about.edges)
    if "encoder" in about.missing:
        network.encoder = None
    return network
