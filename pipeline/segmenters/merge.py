"""From a network's outputs to label ids: probabilities summed per class at the network's stride, then upsampled."""

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor

from pipeline.classes import UNKNOWN
from pipeline.segmenters.segmenter import Labelling

BLOCK_PIXELS = 1 << 17
"""How many pixels are upsampled at a time: one class of so many stays in a processor's cache."""


def merged_ids(targets: Sequence[int]) -> tuple[int, ...]:
    """The class id of each merged channel: the reached classes in ascending order, then UNKNOWN.

    targets: for each output of the network the class id that it stands for, UNKNOWN for none.
    """
    return (*sorted(set(targets) - {UNKNOWN}), UNKNOWN)


def merge(logits: Tensor, targets: Sequence[int], masked: Collection[int] = ()) -> Tensor:
    """Sum the probabilities of the outputs that stand for the same class.

    Summing before the decision is the right one for the merged classes: three outputs for water, each at 0.2, beat sky
    at 0.4. The outputs that stand for no class of ours are one channel too, so that they can win together.

    logits: (1, S, h, w) float32.    targets: S class ids, UNKNOWN for none.
    masked: outputs that were never trained; they get no probability.
    Returns (K, h, w) float32, which add up to 1, in the order of `merged_ids`.
    """
    if logits.shape[1] != len(targets):
        raise ValueError(f"there are {logits.shape[1]} outputs and {len(targets)} targets")
    if masked:
        never = torch.zeros(len(targets), dtype=torch.bool)
        never[list(masked)] = True
        logits = logits.masked_fill(never.to(logits.device)[:, None, None], -torch.inf)
    members = torch.tensor(targets) == torch.tensor(merged_ids(targets))[:, None]  # (K, S)
    probabilities = logits[0].softmax(dim=0)  # (S, h, w)
    return torch.tensordot(members.to(probabilities), probabilities, dims=1)  # (K, h, w)


def label(
    probabilities: np.ndarray,
    ids: Sequence[int],
    size: tuple[int, int],
    *,
    align_corners: bool,
    unknown_below: float = 0.0,
    keep_confidences: bool = False,
    block_pixels: int = BLOCK_PIXELS,
) -> Labelling:
    """Upsample the probabilities bilinearly to the size of the photo and take the winner at each pixel.

    It goes block by block of rows, so that the probabilities are never all at full size; the blocks change nothing.

    probabilities: (K, h, w) float32, which add up to 1.    ids: K class ids, the first wins a tie.
    size: (height, width) in pixels.    align_corners: whether the centres of the corner pixels lie upon each other.
    unknown_below: winners of less than this probability become UNKNOWN.    keep_confidences: give the map of them too.
    """
    height, width = size
    channels = len(ids)
    names = np.asarray(ids, dtype=np.uint8)
    above, below, row_shares = _neighbours(probabilities.shape[1], height, align_corners)
    left, right, column_shares = _neighbours(probabilities.shape[2], width, align_corners)
    wide = _lerp(probabilities[:, :, left], probabilities[:, :, right], column_shares)  # (K, h, W)

    labels = np.empty(size, dtype=np.uint8)
    confidences = np.empty(size, dtype=np.uint8) if keep_confidences else None
    total = 0.0
    block_rows = max(1, block_pixels // width)
    for top in range(0, height, block_rows):
        rows = slice(top, min(top + block_rows, height))
        used = wide[:, above[rows.start] : below[rows.stop - 1] + 1]
        best = np.full((rows.stop - rows.start, width), -1.0, dtype=np.float32)
        winners = np.zeros(best.shape, dtype=np.uint8)
        for channel in range(channels):
            # The winner of K probabilities has at least 1/K, and no pixel has more than its neighbours.
            if used[channel].max() < 0.99 / channels:
                continue
            values = _lerp(wide[channel, above[rows]], wide[channel, below[rows]], row_shares[rows, None])
            np.copyto(winners, channel, where=values > best)
            np.maximum(best, values, out=best)
        labels[rows] = names[winners]
        if unknown_below > 0:
            labels[rows][best < unknown_below] = UNKNOWN
        if confidences is not None:
            confidences[rows] = (best.clip(0, 1) * 255).round()
        total += float(best.sum(dtype=np.float64))
    return Labelling(ids=labels, confidence=min(total / (height * width), 1.0), confidences=confidences)


def resize(probabilities: np.ndarray, size: tuple[int, int], *, align_corners: bool) -> np.ndarray:
    """(K, h, w) float32 -> (K, height, width) float32, bilinear."""
    above, below, row_shares = _neighbours(probabilities.shape[1], size[0], align_corners)
    left, right, column_shares = _neighbours(probabilities.shape[2], size[1], align_corners)
    wide = _lerp(probabilities[:, :, left], probabilities[:, :, right], column_shares)  # (K, h, width)
    return _lerp(wide[:, above], wide[:, below], row_shares[:, None])


def _neighbours(source: int, target: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of `target` pixels along a side: the one of `source` before it, the one after it, that one's share."""
    if align_corners:
        places = np.arange(target) * ((source - 1) / max(target - 1, 1))
    else:
        places = np.clip((np.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    before = np.minimum(places.astype(np.int64), source - 1)
    after = np.minimum(before + 1, source - 1)
    return before, after, (places - before).astype(np.float32)


def _lerp(first: np.ndarray, second: np.ndarray, shares: np.ndarray) -> np.ndarray:
    second = second - first
    second *= shares
    second += first
    return second
