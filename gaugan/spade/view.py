"""What a discriminator is shown of a batch: photos, pictures and maps changed alike, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gaugan.augment import Changes, draw_changes
from gaugan.data import Batch
from gaugan.randomness import generator
from gaugan.settings import Settings


@dataclass(frozen=True, kw_only=True)
class View:
    """A batch as a discriminator sees it.

    photo: (B, 3, H, W) float in [-1, 1], changed.    labels: (B, H, W) integers, 0..C-1, C unknown, changed alike.
    edges: (B, 1, H, W), 0 or 1, or None.    known: (B, 1, H, W) bool, where pixels may teach; None: everywhere.
    """

    photo: Tensor
    labels: Tensor
    edges: Tensor | None
    known: Tensor | None
    _batch: Batch
    _changes: Changes
    _taught: Tensor | None
    _seed: int

    def complete(self, picture: Tensor) -> Tensor:
        """The picture with the photo's own pixels where the labels know nothing: what is the same teaches nothing."""
        return picture if self._taught is None else torch.where(self._taught, picture, self._batch.image)

    def of(self, picture: Tensor) -> Tensor:
        """The picture (B, 3, H, W), completed, and changed as the photo is."""
        return self._changes.picture(self.complete(picture))

    def generators(self, purpose: str) -> list[torch.Generator]:
        """One for each picture: a function of the seed, the purpose, and the picture's place in the run."""
        return generators(self._seed, purpose, self._batch.positions)


def view(batch: Batch, settings: Settings, *, classes: int) -> View:
    """See a batch.    classes: C."""
    seed, unknown_teaches = settings.training.seed, settings.losses.unknown_teaches
    changes = draw_changes(
        settings.augmentation,
        generators=generators(seed, "look", batch.positions) if settings.augmentation.is_on else (),
        size=tuple(batch.labels.shape[1:]),
    )
    labels, edges = changes.maps(batch.labels, batch.edges, unknown=classes)
    return View(
        photo=changes.picture(batch.image),
        labels=labels,
        edges=edges,
        known=None if unknown_teaches else known_pixels(labels, classes),
        _batch=batch,
        _changes=changes,
        _taught=None if unknown_teaches else known_pixels(batch.labels, classes),
        _seed=seed,
    )


def generators(seed: int, purpose: str, positions: Sequence[int]) -> list[torch.Generator]:
    return [generator(seed, purpose, position) for position in positions]


def known_pixels(labels: Tensor, classes: int) -> Tensor | None:
    """(B, 1, H, W) bool, where labels have a class; None where all have."""
    known = (labels != classes)[:, None]
    return None if known.all() else known
