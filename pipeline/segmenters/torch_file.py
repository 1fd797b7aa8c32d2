"""A weights file as a segmenter: the network is known by the file's entries, the classes by a JSON beside it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.classes import UNKNOWN, Taxonomy, translate, vocabulary_names
from pipeline.errors import GauganpipeError, PhotoError, SegmenterError
from pipeline.segmenters import deeplabv2, deeplabv3plus
from pipeline.segmenters.merge import label, merge, merged_ids
from pipeline.segmenters.segmenter import Labelling
from pipeline.segmenters.weights import sha256_of

SHORTEST_SIDE_PX = 16
NAMES_FORM = '{"0": "other", "1": "wall", ...}'


@dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network and what one must know to run it."""

    module: nn.Module
    """(1, 3, h, w) -> logits (1, S, h / stride, w / stride)."""
    to_input: Callable[[np.ndarray], Tensor]
    """(H, W, 3) uint8 RGB -> (1, 3, h, w) float32."""
    align_corners: bool
    """How its logits lie upon the photo."""
    outputs: int
    names: tuple[str, ...] = ()
    """What its outputs are called where no file says."""
    never_trained: frozenset[str] = frozenset()
    """Names of outputs that mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A photo as the network takes it, and (height, width) of the photo."""

    x: Tensor
    size: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """(K, h, w) float32 probabilities of the merged classes, and (height, width) of the photo."""

    probabilities: np.ndarray
    size: tuple[int, int]


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

    def input_digest(self, original_name: str) -> str:
        return self.names_digest

    def prepare(self, pixels: np.ndarray, original_name: str) -> Prepared:
        height, width = pixels.shape[:2]
        if min(height, width) < SHORTEST_SIDE_PX:
            raise PhotoError(f"is {width}x{height}, too narrow to be labelled: {SHORTEST_SIDE_PX} pixels are the least")
        return Prepared(x=self.network.to_input(pixels), size=(height, width))

    @torch.inference_mode()
    def run(self, prepared: Prepared) -> Scores:
        x = prepared.x.to(self.device, memory_format=torch.channels_last)
        probabilities = merge(self.network.module(x), self.targets, self.masked)
        return Scores(probabilities=probabilities.cpu().numpy(), size=prepared.size)

    def finish(self, result: Scores) -> Labelling:
        ids = merged_ids(self.targets)
        return label(result.probabilities, ids, result.size, align_corners=self.network.align_corners)


def open_file(
    path: Path,
    *,
    taxonomy: Taxonomy,
    device: str,
    name: str = "",
    license: str = "unknown",
    names: Sequence[str] = (),
) -> NetworkSegmenter:
    """The segmenter in a weights file of PyTorch or safetensors.

    device: cpu or cuda.    name: what the manifest calls it; torch:STEM if empty.
    names: what its outputs are called; if empty, a JSON beside the file says so.

    Raises: SegmenterError when the file is missing, broken, of no known network, or nobody says what its outputs mean.
    """
    network = _build(path, _read_state(path))
    names_path = None if names else _find_names(path)
    names = tuple(names or (_read_names(names_path) if names_path else network.names))
    where = names_path or path
    if len(names) != network.outputs:
        said = f"{where} names {len(names)} outputs" if names else "nothing beside it says what they mean"
        raise SegmenterError(
            f"{path} has {network.outputs} outputs, and {said}. Make {path.with_suffix('.json')}: {NAMES_FORM}"
        )
    try:
        translated = translate(names, taxonomy)
    except GauganpipeError as error:
        raise SegmenterError(f"{where}: {error}") from None
    masked = tuple(index for index, name in enumerate(names) if name.replace("-", " ") in network.never_trained)
    targets = tuple(UNKNOWN if index in masked else id for index, id in enumerate(translated))
    reached = tuple(taxonomy.names[id] for id in merged_ids(targets)[:-1])
    if not reached:
        raise SegmenterError(f"{path} knows no class of {taxonomy.name}. Choose another: gauganpipe segmenters")

    network.module.to(device, memory_format=torch.channels_last)
    return NetworkSegmenter(
        name=name or f"torch:{path.stem}",
        digest=sha256_of(path)[:16],
        license=license,
        reached=reached,
        names_digest=sha256_of(names_path)[:16] if names_path else "",
        network=network,
        device=device,
        targets=targets,
        masked=masked,
    )


def _build(path: Path, state: dict[str, Tensor]) -> Network:
    try:
        if deeplabv3plus.is_state_of_it(state):
            module = deeplabv3plus.build(state)
            return Network(
                module=module,
                to_input=deeplabv3plus.to_input,
                align_corners=deeplabv3plus.ALIGN_CORNERS,
                outputs=module.cls.out_channels,
            )
        if deeplabv2.is_state_of_it(state):
            module = deeplabv2.build(state)
            outputs = module.base.aspp.c0.out_channels
            is_cocostuff = outputs == deeplabv2.COCOSTUFF_CLASSES
            return Network(
                module=module,
                to_input=deeplabv2.to_input,
                align_corners=deeplabv2.ALIGN_CORNERS,
                outputs=outputs,
                names=vocabulary_names("cocostuff") if is_cocostuff else (),
                never_trained=deeplabv2.NEVER_TRAINED if is_cocostuff else frozenset(),
            )
    except RuntimeError as error:
        complaint = " ".join(str(error).split())[:300]
        raise SegmenterError(f"{path} does not fit its network. {complaint}") from error
    raise SegmenterError(
        f"{path} holds {len(state)} entries of a network that is not known here. "
        "The known ones are DeepLabv3+ MobileNetV2 and DeepLabV2 ResNet-101"
    )


def _read_state(path: Path) -> dict[str, Tensor]:
    """The file's float32 entries by name. Nothing in the file is executed."""
    if not path.is_file():
        raise SegmenterError(f"there is no weights file at {path}. Check the path after torch:")
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise SegmenterError(
            f"{path} cannot be read as weights: it is damaged, or holds more than tensors. "
            "Fetch it again, or save the network's state_dict"
        ) from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(values, Tensor) for name, values in state.items()
    ):
        raise SegmenterError(f"{path} holds something else than a state_dict. Save the network's state_dict")
    state = {name: values.float() if values.is_floating_point() else values for name, values in state.items()}
    for name, values in state.items():
        if not values.isfinite().all():
            raise SegmenterError(f"{path}: {name} holds numbers that are not finite. Fetch the file again")
    return state


def _find_names(path: Path) -> Path | None:
    """The JSON that names the outputs: the weights file's namesake, else the only one about classes beside it."""
    own = path.with_suffix(".json")
    if own.is_file():
        return own
    others = [other for other in path.parent.glob("*.json") if "classes" in other.name]
    return others[0] if len(others) == 1 else None


def _read_names(path: Path) -> list[str]:
    """A JSON list of names, or an object of names under the outputs' numbers from 0."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SegmenterError(f"{path} is no JSON: {error}. Write {NAMES_FORM}") from None
    if isinstance(found, dict):
        found = [found.get(str(index)) for index in range(len(found))]
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise SegmenterError(f"{path} does not name the outputs from 0 on without a gap. Write {NAMES_FORM}")
    return found
