"""Networks that propose masks, each with a class: the label map they add up to, and the things they tell apart."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.segmenters.network import NetworkSegmenter, Prepared, Scores
from pipeline.segmenters.segmenter import Labelling
from pipeline.segmenters.things import Thing, paste

LEAST_SCORE = 0.8
"""Proposals that the network is less sure of make no thing."""
MASK_FROM = 0.5
"""Pixels that belong to a proposal with at least this probability are in its mask."""
LEAST_LEFT = 0.8
"""A proposal that loses more than the rest of its mask to surer ones makes no thing."""
FAINTEST = 1e-8


class Proposals(NamedTuple):
    """Probabilities of the Q masks that a network proposes.

    classes: (Q, S + 1) float32, the last for none.    masks: (Q, h, w) float32.
    """

    classes: Tensor
    masks: Tensor


class Proposing(nn.Module):
    """A network of proposals as one of logits for every pixel.

    Source: Cheng et al. 2021, Per-Pixel Classification is Not All You Need, section 3.4, semantic inference.
    """

    def __init__(
        self, whole: nn.Module, propose: Callable[[nn.Module, Tensor], Proposals], side_px: int | None
    ) -> None:
        """propose: the network, (1, 3, h, w) -> its proposals.    side_px: of the only size it takes, a square."""
        super().__init__()
        self.whole = whole
        self.propose = propose
        self.side_px = side_px
        self.latest: list[Proposals] = []
        """What it proposed since somebody emptied the list, where it saw the photo as a whole."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (1, 3, H, W).    Returns (1, S, h, w) float32, logarithms of what the proposals add up to."""
        if self.side_px is None or max(x.shape[2:]) <= self.side_px:
            seen = self._see(x)
            self.latest.append(seen)
            return _add_up(seen).clamp_min(FAINTEST).log()[None]
        return self._slide(x).clamp_min(FAINTEST).log()[None]

    def _see(self, x: Tensor) -> Proposals:
        """The proposals for a photo that may be smaller than the square: what was padded is cut off again."""
        if self.side_px is None:
            return self.propose(self.whole, x)
        height, width = x.shape[2:]
        seen = self.propose(self.whole, F.pad(x, (0, self.side_px - width, 0, self.side_px - height)))
        h, w = (max(1, round(side * seen.masks.shape[1] / self.side_px)) for side in (height, width))
        return Proposals(seen.classes, seen.masks[:, :h, :w])

    def _slide(self, x: Tensor) -> Tensor:
        """(S, h, w): the mean of what is seen in squares that overlap along the longer side."""
        along = 2 if x.shape[2] > x.shape[3] else 3
        length = x.shape[along]
        squares = math.ceil(length / self.side_px)
        starts = [round(index * (length - self.side_px) / (squares - 1)) for index in range(squares)]
        total = count = None
        for start in starts:
            part = _add_up(self._see(x.narrow(along, start, self.side_px)))
            if total is None:
                stride = self.side_px / part.shape[along - 1]
                shape = [len(part), *part.shape[1:]]
                shape[along - 1] = math.ceil(length / stride)
                total, count = part.new_zeros(shape), part.new_zeros(shape)
            first = min(round(start / stride), total.shape[along - 1] - part.shape[along - 1])
            total.narrow(along - 1, first, part.shape[along - 1]).add_(part)
            count.narrow(along - 1, first, part.shape[along - 1]).add_(1)
        return total / count.clamp_min(1)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the network says of each pixel, and what it proposes: (Q, S + 1) and (Q, h, w) float32 probabilities."""

    scores: Scores
    classes: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True, kw_only=True)
class PanopticSegmenter:
    """A network of proposals as a segmenter: its label maps are any network's, its things are segments upon them."""

    semantic: NetworkSegmenter
    """Its module is a `Proposing`."""
    thing_outputs: frozenset[int]
    """Outputs whose proposals are one thing each; of the others a proposal is all that there is in the photo."""

    @property
    def name(self) -> str:
        return self.semantic.name

    @property
    def digest(self) -> str:
        return self.semantic.digest

    @property
    def license(self) -> str:
        return self.semantic.license

    @property
    def reached(self) -> tuple[str, ...]:
        return self.semantic.reached

    @property
    def parameters(self) -> Mapping[str, str]:
        return self.semantic.parameters

    @property
    def looks_at_px(self) -> int:
        return self.semantic.looks_at_px

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.semantic.outputs

    @property
    def is_many_handed(self) -> bool:
        return False

    @property
    def numerics(self) -> str:
        return self.semantic.numerics

    @property
    def numerics_choices(self) -> tuple[str, ...]:
        return self.semantic.numerics_choices

    def computing(self, numerics: str) -> "PanopticSegmenter":
        return replace(self, semantic=self.semantic.computing(numerics))

    def input_digest(self, original_name: str) -> str:
        return self.semantic.input_digest(original_name)

    def prepare(self, pixels: np.ndarray, original_name: str, size: tuple[int, int]) -> Prepared:
        return self.semantic.prepare(pixels, original_name, size)

    @torch.inference_mode()
    def run(self, prepared: Prepared) -> Seen:
        module = self.semantic.network.module
        module.latest.clear()
        scores = self.semantic.run(prepared)
        # The first look is at the photo as it stands, and the largest.
        seen = module.latest[0]
        module.latest.clear()
        return Seen(scores=scores, classes=seen.classes.cpu().numpy(), masks=seen.masks.cpu().numpy())

    def finish(self, result: Seen) -> Labelling:
        labelling = self.semantic.finish(result.scores)
        found = tell_apart(result.classes, result.masks, labelling.ids.shape)
        things = (
            Thing(mask=mask, id=self.semantic.targets[output]) for output, mask in found if output in self.thing_outputs
        )
        return paste(labelling, things)


def tell_apart(classes: np.ndarray, masks: np.ndarray, size: tuple[int, int]) -> Iterator[tuple[int, np.ndarray]]:
    """The proposals that stand: the output of each, and (H, W) bool, where it is; no pixel is of two.

    classes: (Q, S + 1) float32, the last for none.    masks: (Q, h, w) float32.    size: (height, width) in pixels.
    Source: Cheng et al. 2021, Per-Pixel Classification is Not All You Need, section 3.4, general inference.
    """
    outputs, scores = classes.argmax(axis=1), classes.max(axis=1)
    kept = np.flatnonzero((outputs < classes.shape[1] - 1) & (scores >= LEAST_SCORE))
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    owners = np.full(size, -1, np.int32)
    best = np.zeros(size, np.float32)
    areas = {}
    for proposal in kept.tolist():
        mask = cv2.resize(masks[proposal], size[::-1], interpolation=cv2.INTER_LINEAR)
        areas[proposal] = np.count_nonzero(mask >= MASK_FROM)
        weighted = np.where(mask >= MASK_FROM, mask, 0) * scores[proposal]
        owners[weighted > best] = proposal
        np.maximum(best, weighted, out=best)
    for proposal, area in areas.items():
        mask = owners == proposal
        if area and np.count_nonzero(mask) > LEAST_LEFT * area:
            yield int(outputs[proposal]), mask


def _add_up(seen: Proposals) -> Tensor:
    """(S, h, w) float32: the probability of each output at each place, not yet of sum 1."""
    return torch.einsum("qs,qhw->shw", seen.classes[:, :-1].float(), seen.masks.float())
