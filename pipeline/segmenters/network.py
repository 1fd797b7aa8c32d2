"""A trained network as a segmenter: it looks at a photo as often as asked, and its outputs are merged into classes."""

import copy
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.classes import UNKNOWN, Taxonomy, translate
from pipeline.errors import GauganpipeError, PhotoError, SegmenterError
from pipeline.segmenters.clean import absorb_small_regions, without_small_regions
from pipeline.segmenters.merge import label, merge, merged_ids
from pipeline.segmenters.refine import fit_to_photo
from pipeline.segmenters.segmenter import Labelling, Options

SHORTEST_SIDE_PX = 16
SCALES = {"fast": (1.0,), "balanced": (1.0,), "best": (1.25, 1.0, 0.75)}
"""Quality -> how large the photo is looked at, as a share of the network's own size; the largest first."""
MIRRORED = {"fast": (False,), "balanced": (False, True), "best": (False, True)}
"""Quality -> whether the photo and its mirror image are looked at."""

LABEL_OPTIONS = ("quality", "unknown_below", "smallest_share", "refine")
"""The options that change a label map."""

EXACT, ORDERED, SHORT = "float32", "float32 channels_last", "bfloat16 channels_last"
FORMATS = {
    EXACT: (torch.float32, torch.contiguous_format),
    ORDERED: (torch.float32, torch.channels_last),
    SHORT: (torch.bfloat16, torch.channels_last),
}
"""Way of computing -> type of the numbers, and their order in memory."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network and what one must know to run it."""

    module: nn.Module
    """(1, 3, h, w) -> logits (1, S, h / stride, w / stride)."""
    to_input: Callable[[np.ndarray, float], Tensor]
    """(H, W, 3) uint8 RGB, and a scale -> (1, 3, h, w) float32."""
    align_corners: bool
    """How its logits lie upon the photo."""
    longer_side_px: int
    """The longer side at which it looks at a photo at scale 1, about."""
    names: tuple[str, ...]
    """What its outputs are called."""
    never_trained: frozenset[str] = frozenset()
    """Names of outputs that mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A photo as the network takes it: (1, 3, h, w) float32 at each scale.

    pixels: the photo itself, where borders are fitted to it.    size: (height, width) of the label map.
    """

    views: tuple[Tensor, ...]
    pixels: np.ndarray | None
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """(K, h, w) float32 probabilities of the merged classes, and (S, h, w) those of all outputs if asked for."""

    probabilities: np.ndarray
    raw: np.ndarray | None
    photo: Prepared


@dataclass(frozen=True, kw_only=True)
class NetworkSegmenter:
    """A network whose outputs are translated into a taxonomy."""

    name: str
    digest: str
    license: str
    reached: tuple[str, ...]
    names_digest: str
    """16 hex digits of the SHA-256 of the file that names the classes; "" where none was read."""
    network: Network
    device: str
    targets: tuple[int, ...]
    """For each output the class id that it stands for, UNKNOWN for none."""
    masked: tuple[int, ...]
    """Outputs that were never trained."""
    options: Options
    numerics: str = EXACT
    numerics_choices: tuple[str, ...] = tuple(FORMATS)

    @property
    def parameters(self) -> Mapping[str, str]:
        asked = {name: str(getattr(self.options, name)) for name in LABEL_OPTIONS}
        return {**asked, "numerics": self.numerics, "names": self.names_digest}

    @property
    def looks_at_px(self) -> int:
        return 0 if self.options.refine else round(self.network.longer_side_px * SCALES[self.options.quality][0])

    @property
    def is_many_handed(self) -> bool:
        return self.device == "cpu"

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.network.names

    def computing(self, numerics: str) -> "NetworkSegmenter":
        dtype, order = FORMATS[numerics]
        module = copy.deepcopy(self.network.module).to(self.device, dtype=dtype, memory_format=order)
        return replace(self, network=replace(self.network, module=module), numerics=numerics)

    def input_digest(self, original_name: str) -> str:
        return ""

    def prepare(self, pixels: np.ndarray, original_name: str, size: tuple[int, int]) -> Prepared:
        height, width = size
        if min(height, width) < SHORTEST_SIDE_PX:
            raise PhotoError(f"is {width}x{height}, too narrow to be labelled: {SHORTEST_SIDE_PX} pixels are the least")
        views = tuple(self.network.to_input(pixels, scale) for scale in SCALES[self.options.quality])
        return Prepared(views=views, pixels=pixels if self.options.refine else None, size=size)

    @torch.inference_mode()
    def run(self, prepared: Prepared) -> Scores:
        if threading.current_thread() is not threading.main_thread():
            # One core a photo: threads that share a photo wait for one another at every layer.
            torch.set_num_threads(1)
        seen = [
            self._look(view, is_mirrored=is_mirrored)
            for view in prepared.views
            for is_mirrored in MIRRORED[self.options.quality]
        ]
        merged = self._average([merge(logits, self.targets, self.masked) for logits in seen])
        raw = self._average([logits[0].softmax(dim=0) for logits in seen]) if self.options.keep_raw else None
        return Scores(probabilities=merged, raw=raw, photo=prepared)

    def finish(self, result: Scores) -> Labelling:
        size, probabilities = result.photo.size, result.probabilities
        if result.photo.pixels is not None:
            probabilities = fit_to_photo(probabilities, result.photo.pixels, align_corners=self.network.align_corners)
        ids = merged_ids(self.targets)
        if not self.options.unknown_below:
            probabilities = without_small_regions(probabilities, ids, self.options.smallest_share)
        labelling = label(
            probabilities,
            ids,
            size,
            align_corners=self.network.align_corners,
            unknown_below=self.options.unknown_below,
            keep_confidences=self.options.keep_confidences,
        )
        if self.options.unknown_below:
            cleaned = absorb_small_regions(labelling.ids, probabilities, ids, self.options.smallest_share)
            labelling = replace(labelling, ids=cleaned)
        raw = None
        if result.raw is not None:
            own = range(len(result.raw))
            raw = label(result.raw, own, size, align_corners=self.network.align_corners).ids
        return replace(labelling, raw=raw)

    def forward(self, x: Tensor) -> Tensor:
        """The network itself: (1, 3, h, w) float32 -> logits (1, S, h', w'), in the numbers that it computes with."""
        dtype, order = FORMATS[self.numerics]
        return self.network.module(x.to(self.device, dtype=dtype, memory_format=order))

    def _look(self, view: Tensor, *, is_mirrored: bool) -> Tensor:
        """Logits (1, S, h, w) float32 of the photo as it stands, whichever way the network looked at it."""
        if is_mirrored:
            return self.forward(view.flip(3)).float().flip(3)
        return self.forward(view).float()

    def _average(self, views: list[Tensor]) -> np.ndarray:
        """The mean of probabilities (K, h, w) at the size of the first, which is the finest."""
        size = views[0].shape[1:]
        resized = [
            view
            if view.shape[1:] == size
            else F.interpolate(view[None], size=size, mode="bilinear", align_corners=self.network.align_corners)[0]
            for view in views
        ]
        mean = resized[0] if len(resized) == 1 else torch.stack(resized).mean(dim=0)
        return mean.cpu().numpy()


def open_network(
    network: Network,
    *,
    name: str,
    digest: str,
    license: str,
    taxonomy: Taxonomy,
    device: str,
    options: Options,
    where: str,
    names_digest: str = "",
) -> NetworkSegmenter:
    """A network as a segmenter of a taxonomy.

    name: what the manifest calls it.    digest: of its weights.    device: cpu or cuda.
    where: the file that names its outputs, for the messages.    names_digest: of that file, if it is not the weights.

    Raises: SegmenterError when nobody knows what its outputs mean, or none of them is a class of the taxonomy.
    """
    try:
        targets = translate(network.names, taxonomy)
    except GauganpipeError as error:
        raise SegmenterError(f"{where}: {error}") from None
    masked = tuple(i for i, one in enumerate(network.names) if one.replace("-", " ") in network.never_trained)
    targets = tuple(UNKNOWN if index in masked else id for index, id in enumerate(targets))
    reached = tuple(taxonomy.names[id] for id in merged_ids(targets)[:-1])
    if not reached:
        raise SegmenterError(f"{where} knows no class of {taxonomy.name}. Choose another: gauganpipe segmenters")
    # A thread that has not yet asked how many threads it computes with takes the number that another was given last:
    # the main thread, which may train later, would inherit the one of those that label.
    torch.get_num_threads()
    segmenter = NetworkSegmenter(
        name=name,
        digest=digest,
        license=license,
        reached=reached,
        names_digest=names_digest,
        network=network,
        device=device,
        targets=targets,
        masked=masked,
        options=options,
    )
    return segmenter.computing(EXACT)
