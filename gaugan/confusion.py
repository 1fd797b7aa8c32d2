"""Confusion: of which class the pixels are, and of which class they are taken to be."""

import math

import torch
from torch import Tensor

from gaugan.errors import DataError
from gaugan.reading import UNKNOWN


class Confusion:
    """Counts, map by map, how a segmenter's classes agree with the classes that were asked for.

    Pixels that are unknown in the truth count nowhere. Those that the segmenter calls unknown count as missed, as in
    the benchmark of Cityscapes. A class that is in neither has no score, and a class that is only seen has 0.

    classes: C.    counts: (C, C+1) int64, pixels by class of the truth and class seen; the last column is unknown.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.counts = torch.zeros(classes, classes + 1, dtype=torch.int64)
        self._of_maps: list[Tensor] = []
        self._stacked: Tensor | None = None

    def add(self, truth: Tensor, seen: Tensor) -> None:
        """Count one more map.

        truth, seen: (H, W) integers, 0..C-1, 255 unknown.
        Raises: DataError when they are of different sizes, or hold another class.
        """
        truth, seen = self._known(truth, "the true map"), self._known(seen, "the map that is seen")
        if truth.shape != seen.shape:
            sizes = [f"{shape[1]}x{shape[0]}" for shape in (truth.shape, seen.shape)]
            raise DataError(f"the true map is {sizes[0]}, the map that is seen {sizes[1]}")
        pairs = (truth * (self.classes + 1) + seen)[truth < self.classes]
        counts = pairs.bincount(minlength=self.counts.numel()).view(self.counts.shape)
        self.counts += counts
        self._of_maps.append(_right_true_seen(counts))
        self._stacked = None

    def __len__(self) -> int:
        """So many maps were added."""
        return len(self._of_maps)

    @property
    def pixels(self) -> Tensor:
        """(C,) int64: how many pixels of each class the truth has."""
        return self.counts.sum(1)

    @property
    def iou(self) -> Tensor:
        """(C,) float64: pixels of each class in both, over those in either; nan for a class that is in neither."""
        return _iou(_right_true_seen(self.counts))

    @property
    def mean_iou(self) -> float:
        """The mean of `iou` over the classes that have one; nan where none has."""
        return _mean_iou(_right_true_seen(self.counts))

    @property
    def frequency_weighted_iou(self) -> float:
        """The mean of `iou`, each class counting by its pixels; nan where there are none."""
        iou, pixels = self.iou.nan_to_num(0), self.pixels.double()
        return ((iou * pixels).sum() / pixels.sum()).item()

    @property
    def pixel_accuracy(self) -> float:
        """The share of pixels that are seen as what they are; nan where there are none."""
        return _pixel_accuracy(_right_true_seen(self.counts))

    @property
    def pixel_accuracies(self) -> Tensor:
        """(N,) float64: `pixel_accuracy` of each map, in the order that they were added."""
        right, true, _ = self._maps().sum(2).double().unbind(1)
        return right / true

    def mean_iou_of(self, maps: Tensor) -> float:
        """`mean_iou` of some of the maps.

        maps: (n,) int64, counted from 0 in the order that they were added; one that is named twice counts twice.
        """
        return _mean_iou(self._maps()[maps].sum(0))

    def pixel_accuracy_of(self, maps: Tensor) -> float:
        """`pixel_accuracy` of some of the maps. maps: as of `mean_iou_of`."""
        return _pixel_accuracy(self._maps()[maps].sum(0))

    def _maps(self) -> Tensor:
        """(N, 3, C): pixels of each map by class, as `_right_true_seen` has them."""
        if self._stacked is None:
            nothing = torch.zeros(0, 3, self.classes, dtype=torch.int64)
            self._stacked = torch.stack(self._of_maps) if self._of_maps else nothing
        return self._stacked

    def _known(self, labels: Tensor, name: str) -> Tensor:
        """(H, W) int64, 0..C-1, C unknown."""
        if labels.dim() != 2:
            raise DataError(f"{name} has {labels.dim()} dimensions, expected height and width")
        labels = labels.cpu().long()
        wrong = labels[((labels < 0) | (labels >= self.classes)) & (labels != UNKNOWN)]
        if wrong.numel():
            raise DataError(
                f"{name} holds class {wrong[0]}, expected 0 to {self.classes - 1}, or {UNKNOWN} for unknown"
            )
        return labels.masked_fill(labels == UNKNOWN, self.classes)


def _right_true_seen(counts: Tensor) -> Tensor:
    """(3, C): pixels of each class in both, in the truth, and in what is seen of known pixels."""
    return torch.stack([counts.diagonal(), counts.sum(1), counts[:, :-1].sum(0)])


def _iou(right_true_seen: Tensor) -> Tensor:
    right, true, seen = right_true_seen.double()
    return right / (true + seen - right)


def _mean_iou(right_true_seen: Tensor) -> float:
    iou = _iou(right_true_seen)
    return iou.nanmean().item() if not iou.isnan().all() else math.nan


def _pixel_accuracy(right_true_seen: Tensor) -> float:
    right, true, _ = right_true_seen.sum(1).double()
    return (right / true).item()
