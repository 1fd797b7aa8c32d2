"""Networks of segmentation-models-pytorch, from a folder that its `save_pretrained` wrote."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import segmentation_models_pytorch as smp
import torch
from safetensors.torch import load_file
from torch import nn

from pipeline.errors import SegmenterError
from pipeline.segmenters.hub import CONFIG, WEIGHTS
from pipeline.segmenters.looks import Look
from pipeline.segmenters.names import NAMES_FILE, demand_names, read_config, read_names
from pipeline.segmenters.network import Network

LOOK = Look(shorter_px=512, longer_px=2048)
"""As the hub's own networks were trained; a user's network is shown photos so too."""


def open_folder(folder: Path, *, names: Sequence[str] = (), look: Look | None = None) -> tuple[Network, Look]:
    """The network in a folder of config.json and model.safetensors, and how it looks at photos.

    names: what its outputs are called; if empty, a classes.json in the folder says so.
    look: how it wants to see a photo; the hub's usual way if None.

    Raises: SegmenterError when the folder is incomplete or damaged, or nobody says what the outputs mean.
    """
    config = read_config(folder)
    whole = _build(folder, config)
    _load(folder, whole)
    outputs = int(config.get("classes", 1))
    if not names and (folder / NAMES_FILE).is_file():
        names = read_names(folder / NAMES_FILE)
    if outputs < 2:
        raise SegmenterError(f"{folder} has one output; a segmenter tells at least two classes apart. Choose another")
    demand_names(tuple(names), outputs, folder=folder)
    look = _fixed(config) or look or LOOK
    stride = whole.encoder.output_stride
    if not look.is_square and look.step_px % stride:
        look = replace(look, step_px=stride)
    network = Network(
        module=_coarse(whole),
        to_input=look.to_input,
        align_corners=True,
        longer_side_px=look.longer_px,
        names=tuple(names),
    )
    return network, look


def _build(folder: Path, config: dict) -> nn.Module:
    """The network of the config, with random weights and no download."""
    kinds = {kind.__name__: kind for kind in smp.MODEL_ARCHITECTURES_MAPPING.values()}
    kind = config.get("_model_class")
    if kind not in kinds:
        raise SegmenterError(
            f"{folder / CONFIG} is of no network of segmentation-models-pytorch: its _model_class is {kind!r}. "
            f"The known ones are {', '.join(kinds)}"
        )
    if config.get("in_channels", 3) != 3:
        raise SegmenterError(f"{folder} takes {config['in_channels']} channels; photos have 3. Choose another")
    fetching = [name for name in config if name.startswith(("pretrained", "checkpoint", "cache"))]
    if fetching or not re.fullmatch(r"[\w.-]+", str(config.get("encoder_name"))):
        shown = fetching[0] if fetching else f"encoder_name {config.get('encoder_name')!r}"
        raise SegmenterError(
            f"{folder / CONFIG} would fetch a network from elsewhere: {shown}. Save the network's own weights"
        )
    said = {name: value for name, value in config.items() if not name.startswith("_")}
    said |= {"encoder_weights": None, "activation": None}
    if kind == "DPT":
        said.setdefault("dynamic_img_size", True)
    try:
        return kinds[kind](**said)
    except Exception as error:
        raise SegmenterError(f"{folder / CONFIG} does not fit {kind}: {_first_line(error)}") from error


def _load(folder: Path, whole: nn.Module) -> None:
    path = folder / WEIGHTS
    try:
        state = load_file(path)
    except Exception as error:
        raise SegmenterError(f"{path} cannot be read as weights: {_first_line(error)}. Fetch it again") from error
    try:
        whole.load_state_dict(state, strict=True)
    except RuntimeError as error:
        complaint = " ".join(str(error).split())[:300]
        raise SegmenterError(f"{path} does not fit its config.json. {complaint}") from error
    for name, values in whole.state_dict().items():
        if not torch.isfinite(values).all():
            raise SegmenterError(f"{path}: {name} holds numbers that are not finite. Fetch the file again")


def _coarse(whole: nn.Module) -> nn.Module:
    """The network for inference, its logits at the stride of its decoder."""
    whole.classification_head = None
    head = whole.segmentation_head
    whole.segmentation_head = head.head if isinstance(head, smp.decoders.dpt.decoder.DPTSegmentationHead) else head[0]
    return whole.eval().requires_grad_(False)


def _fixed(config: dict) -> Look | None:
    """The look of a network that was built for one size of photo."""
    size = config.get("img_size")
    if isinstance(size, int):
        size = [size, size]
    if not isinstance(size, list) or len(size) != 2 or config.get("dynamic_img_size"):
        return None
    return Look(shorter_px=size[0], longer_px=size[1], is_square=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
