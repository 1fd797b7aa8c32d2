"""Scores of a run while it trains: how far the pictures of its validation maps are from their photos."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gaugan.data import Crops, stack
from gaugan.errors import SettingsError
from gaugan.features import Features, digest_of, load_features
from gaugan.floor import class_means, painted_in_class_means
from gaugan.patches import Slices, describe
from gaugan.randomness import generator
from gaugan.reports import Scored
from gaugan.score import Scorer
from gaugan.settings import Settings

PATCHES = "patches"
"""What score_weights is called where no features are asked for, but small patches are compared."""
AT_ONCE = 8
COLOUR_IMAGES = 128
"""Training crops that the mean colours of the classes are taken from."""
MOST_PHOTOS, MOST_FOR_PATCHES = 1000, 256
"""More would make a score slower and hardly steadier; of patches there are many in one photo."""


def open_features(weights: str, named_weights: Mapping[str, Path]) -> Features | None:
    """The network that scores are taken in, on the CPU; None for `patches`, which needs none.

    Raises: SettingsError when the weights cannot be read.
    """
    if weights == PATCHES:
        return None
    try:
        return load_features(named_weights.get(weights, Path(weights)), normalise=True)
    except (OSError, ValueError) as error:
        raise SettingsError(f"training.score_weights: {error}") from error


def is_scored(settings: Settings, *, photos: int) -> bool:
    """Whether a run with so many validation photos is scored while it trains."""
    return bool(settings.training.score_every_images and settings.training.score_weights and photos > 1)


def refuse_scores(settings: Settings, *, photos: int, named_weights: Mapping[str, Path]) -> None:
    """Raises: SettingsError when scores are waited for that will not come, or would say nothing, or cannot be taken.

    photos: to score on.    named_weights: as of `open_features`.
    """
    training, losses = settings.training, settings.losses
    if not is_scored(settings, photos=photos):
        if training.patience:
            raise SettingsError(
                f"training.patience is {training.patience}, but nothing is scored. Set training.score_every_images "
                "and training.score_weights, and see that there are two validation photos or more"
            )
        return
    judge = open_features(training.score_weights, named_weights)
    learned_from = named_weights.get(losses.perceptual_weights, Path(losses.perceptual_weights))
    is_used = judge is not None and losses.perceptual and losses.perceptual_weights and learned_from.is_file()
    if is_used and digest_of(learned_from) == judge.digest:
        raise SettingsError(
            "training.score_weights and losses.perceptual_weights are the same network, and what is learned from says "
            "nothing of how well it is learned. Set training.score_weights=patches"
        )


class Validation:
    """Compares what a network paints of the validation maps with their photos, which are read once.

    crops: of the validation photos, whose middles are painted.    trained_on: where the colours of the floor are from.
    weights, named_weights: as of `open_features`.    photos: so many are compared.
    digest: of the weights file that scores are taken in, "" for `patches`.
    Raises: SettingsError when the weights cannot be read.
    """

    def __init__(
        self, crops: Crops, *, trained_on: Crops, weights: str, named_weights: Mapping[str, Path], device: torch.device
    ) -> None:
        features = open_features(weights, named_weights)
        self.crops, self.trained_on, self.device = crops, trained_on, device
        self.photos = min(MOST_PHOTOS if features else MOST_FOR_PATCHES, len(crops.samples))
        self.digest = features.digest if features else ""
        self.maps: list[tuple[Tensor, Tensor | None]] = []
        self.measured: Any = (
            KernelDistance(features.to(device), self.look())
            if features
            else PatchDistance(self.look(), seed=crops.seed)
        )
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

    def look(self) -> Iterator[Tensor]:
        """The photos, in batches; their label maps and edges are kept, to be painted at every score."""
        for start in range(0, self.photos, AT_ONCE):
            indices = range(start, min(start + AT_ONCE, self.photos))
            batch = stack([self.crops.middle(index) for index in indices])
            self.maps.append((batch.labels, batch.edges))
            yield batch.image.to(self.device)

    def painted(self, painter: Any) -> Iterator[Tensor]:
        """Pictures of the maps, each in a style of its own that stays the same."""
        first = 0
        for labels, edges in self.maps:
            seeds = range(first, first + len(labels))
            first += len(labels)
            on_device = None if edges is None else edges.to(self.device)
            yield painter.paint(labels.to(self.device), seeds=seeds, edges=on_device)

    def in_class_means(self) -> Iterator[Tensor]:
        """Pictures of the maps by nobody who learned: each class in its mean colour, with noise as wide as it is."""
        shown = (self.trained_on[position] for position in range(COLOUR_IMAGES))
        means, deviations = class_means(((crop.image, crop.labels) for crop in shown), classes=self.crops.classes)
        first = 0
        for labels, _ in self.maps:
            noise = [generator(self.crops.seed, "floor", first + k) for k in range(len(labels))]
            first += len(labels)
            yield painted_in_class_means(labels.to(self.device), means, deviations, generators=noise)


class PatchDistance:
    """The distance of small patches of the pictures from those of the photos."""

    name = "patch_distance"

    def __init__(self, photos: Iterator[Tensor], *, seed: int) -> None:
        self.seed = seed
        self.scales = [Slices(patches, seed=seed) for patches in describe(photos, seed=seed)]

    def of(self, pictures: Iterator[Tensor]) -> float:
        scales = zip(self.scales, describe(pictures, seed=self.seed), strict=True)
        distances = [photos.distance(patches) for photos, patches in scales]
        return sum(distances) / len(distances)


class KernelDistance:
    """The kernel distance of the pictures from the photos in the features of a network."""

    def __init__(self, features: Features, photos: Iterator[Tensor]) -> None:
        self.name = f"kernel_distance_{features.name}"
        self.scorer = Scorer(features, photos)

    def of(self, pictures: Iterator[Tensor]) -> float:
        return self.scorer.score(pictures).kernel_distance
