"""Scores of a run while it trains: how far the pictures of its validation maps are from their photos."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gaugan.data import Batch, Crops, stack
from gaugan.errors import SettingsError
from gaugan.features import Features, load_features
from gaugan.floor import class_means, painted_in_class_means
from gaugan.patches import describe, sliced_wasserstein
from gaugan.randomness import generator
from gaugan.reports import Scored
from gaugan.score import Scorer

PATCHES = "patches"
"""What score_weights is called where no features are asked for, but small patches are compared."""
AT_ONCE = 8
COLOUR_IMAGES = 128
"""Training crops that the mean colours of the classes are taken from."""
MOST_PHOTOS = 1000
"""More would make a score slower and hardly steadier."""


class Validation:
    """Compares what a network paints of the validation maps with their photos.

    crops: of the validation photos, whose middles are painted.    trained_on: where the colours of the floor are from.
    weights: a file, a name of `named_weights`, or `patches`.    photos: so many are compared.
    Raises: SettingsError when the weights cannot be read.
    """

    def __init__(
        self, crops: Crops, *, trained_on: Crops, weights: str, named_weights: Mapping[str, Path], device: torch.device
    ) -> None:
        self.crops, self.trained_on, self.device = crops, trained_on, device
        self.photos = min(MOST_PHOTOS, len(crops.samples))
        if weights == PATCHES:
            self.measured: Any = PatchDistance(self.images(), seed=crops.seed)
        else:
            try:
                features = load_features(named_weights.get(weights, Path(weights)), normalise=True).to(device)
            except (OSError, ValueError) as error:
                raise SettingsError(f"training.score_weights: {error}") from error
            self.measured = KernelDistance(features, self.images())
        self.floor = self.measured.of(self.in_class_means())

    def score(self, painter: Any) -> Scored:
        """How far a painter is, with paint(labels, seeds=, edges=) as SpadePainter has it."""
        return Scored(
            images_shown=0,
            name=self.measured.name,
            value=self.measured.of(self.painted(painter)),
            floor=self.floor,
            photos=self.photos,
            is_best=False,
        )

    def batches(self) -> Iterator[Batch]:
        for start in range(0, self.photos, AT_ONCE):
            indices = range(start, min(start + AT_ONCE, self.photos))
            yield stack([self.crops.middle(index) for index in indices])

    def images(self) -> Iterator[Tensor]:
        return (batch.to(self.device).image for batch in self.batches())

    def painted(self, painter: Any) -> Iterator[Tensor]:
        """Pictures of the maps, each in a style of its own that stays the same."""
        first = 0
        for batch in self.batches():
            batch = batch.to(self.device)
            seeds = range(first, first + len(batch.labels))
            first += len(batch.labels)
            yield painter.paint(batch.labels, seeds=seeds, edges=batch.edges)

    def in_class_means(self) -> Iterator[Tensor]:
        """Pictures of the maps by nobody who learned: each class in its mean colour, with noise as wide as it is."""
        shown = (self.trained_on[position] for position in range(COLOUR_IMAGES))
        means, deviations = class_means(((crop.image, crop.labels) for crop in shown), classes=self.crops.classes)
        first = 0
        for batch in self.batches():
            noise = [generator(self.crops.seed, "floor", first + k) for k in range(len(batch.labels))]
            first += len(batch.labels)
            yield painted_in_class_means(batch.to(self.device).labels, means, deviations, generators=noise)


class PatchDistance:
    """The distance of small patches of the pictures from those of the photos."""

    name = "patch_distance"

    def __init__(self, photos: Iterator[Tensor], *, seed: int) -> None:
        self.seed = seed
        self.photos = describe(photos, seed=seed)

    def of(self, pictures: Iterator[Tensor]) -> float:
        scales = zip(self.photos, describe(pictures, seed=self.seed), strict=True)
        distances = [sliced_wasserstein(*patches, seed=self.seed) for patches in scales]
        return sum(distances) / len(distances)


class KernelDistance:
    """The kernel distance of the pictures from the photos in the features of a network."""

    def __init__(self, features: Features, photos: Iterator[Tensor]) -> None:
        self.name = f"kernel_distance_{features.name}"
        self.scorer = Scorer(features, photos)

    def of(self, pictures: Iterator[Tensor]) -> float:
        return self.scorer.score(pictures).kernel_distance
