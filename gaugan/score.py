"""Scores: how far painted pictures are from photos, as a network sees both."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from gaugan.errors import DataError
from gaugan.features import Features
from gaugan.metrics import frechet_distance, kernel_distance

AT_ONCE = 16
"""So many pictures are looked at together, however many a batch has."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """How far pictures are from photos; less is better.

    kernel_distance: without bias, so it can be compared at any number of pictures, and is below 0 now and then where
    they are as good as photos.    frechet_distance: larger the fewer the pictures are; compare it at equal numbers.
    pictures, photos: so many were compared.    features, digest: the network, and its weights file.
    Both distances are nan where a picture has pixels that are no numbers.
    """

    kernel_distance: float
    frechet_distance: float
    pictures: int
    photos: int
    features: str
    digest: str

    @property
    def named(self) -> dict[str, float]:
        """The distances by names that say in whose features: kernel_distance_squeezenet1_0, and so on."""
        return {
            f"kernel_distance_{self.features}": self.kernel_distance,
            f"frechet_distance_{self.features}": self.frechet_distance,
        }


class Scorer:
    """Scores sets of pictures against one set of photos, which is looked at once.

    features: on the device that is to be computed on.    photos: batches (B, 3, H, W) float in [-1, 1].
    Raises: DataError when there are fewer than two photos.
    """

    def __init__(self, features: Features, photos: Iterable[Tensor]) -> None:
        self.features = features
        self.photos = self.describe(photos)

    def score(self, pictures: Iterable[Tensor]) -> Score:
        """pictures: batches as of photos, and of their size. Raises: DataError when there are fewer than two."""
        described = self.describe(pictures)
        return Score(
            kernel_distance=kernel_distance(described, self.photos),
            frechet_distance=frechet_distance(described, self.photos),
            pictures=len(described),
            photos=len(self.photos),
            features=self.features.name,
            digest=self.features.digest,
        )

    def describe(self, pictures: Iterable[Tensor]) -> Tensor:
        """What is compared of pictures, in their order: (N, D) float64 on the CPU."""
        described = [self.features.describe(few).cpu().double() for batch in pictures for few in batch.split(AT_ONCE)]
        number = sum(len(few) for few in described)
        if number < 2:
            raise DataError(f"a score compares sets of pictures, and one of them has {number}. Give it 2 or more")
        return torch.cat(described)
