"""Networks of transformers, from a folder that its `save_pretrained` wrote."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.classes import vocabulary_names
from pipeline.errors import SegmenterError
from pipeline.segmenters.hub import CONFIG, PREPROCESSOR
from pipeline.segmenters.looks import IMAGENET_MEAN, IMAGENET_STD, Look
from pipeline.segmenters.names import NAMES_FILE, demand_names, read_config, read_names
from pipeline.segmenters.network import Network
from pipeline.segmenters.panoptic import Proposals, Proposing

PROPOSING = ("eomt", "eomt_dinov3", "mask2former", "maskformer")
"""Kinds of networks that propose masks; the others give logits for every pixel."""
ONE_SIZE = ("eomt",)
"""Kinds that take squares of the size of their config only."""
STANDARDS = ("ade20k", "cocopanoptic")
"""Vocabularies whose classes networks count in the same order, and write in ways of their own."""
MOST_SIDE_PX = 4096


class PerPixel(nn.Module):
    """A network that gives logits for every pixel, without the rest of what it gives."""

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, x: Tensor) -> Tensor:
        return self.whole(pixel_values=x).logits


def open_folder(folder: Path, *, names: Sequence[str] = ()) -> tuple[Network, Look]:
    """The network in a folder of config.json, model.safetensors and, as a rule, preprocessor_config.json, and its look.

    names: what its outputs are called; if empty, a classes.json in the folder or the config says so.

    Raises: SegmenterError when the folder is incomplete or damaged, of a kind that is no segmenter, or nobody says what
    its outputs mean.
    """
    config = read_config(folder)
    whole = _load(folder, config)
    outputs = int(whole.config.num_labels)
    names = tuple(names) or _find_names(folder, whole)
    demand_names(names, outputs, folder=folder)
    kind = config["model_type"]
    side_px = _side(folder, whole) if kind in ONE_SIZE else None
    preprocessor = read_config(folder, PREPROCESSOR) if (folder / PREPROCESSOR).is_file() else {}
    look = _look(folder, preprocessor, side_px=side_px, patch_px=_patch(whole))
    module = Proposing(whole, _propose, side_px) if kind in PROPOSING else PerPixel(whole)
    network = Network(
        module=module, to_input=look.to_input, align_corners=False, longer_side_px=look.longer_px, names=names
    )
    return network, look


def _load(folder: Path, config: dict) -> nn.Module:
    """The network with the weights of the folder, complete; nothing in the folder is executed."""
    import transformers

    kind = config.get("model_type")
    semantic = transformers.models.auto.modeling_auto.MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES
    if kind in PROPOSING:
        loader = transformers.AutoModelForUniversalSegmentation
    elif kind in semantic:
        loader = transformers.AutoModelForSemanticSegmentation
    else:
        known = ", ".join(sorted({*PROPOSING, *semantic}))
        raise SegmenterError(f"{folder} holds a network of kind {kind!r}, which labels no pixels. Known are {known}")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    said = {"local_files_only": True, "use_safetensors": True, "trust_remote_code": False, "dtype": torch.float32}
    try:
        whole, told = loader.from_pretrained(str(folder), output_loading_info=True, **said)
    except Exception as error:
        complaint = " ".join(str(error).split())[:300]
        raise SegmenterError(
            f"{folder} cannot be read as a network: {complaint}. Fetch the whole folder again"
        ) from error
    wrong = {word: [name for name in told[word] if "criterion." not in str(name)] for word in told}
    for word in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if wrong.get(word):
            shown = ", ".join(sorted(map(str, wrong[word]))[:3])
            raise SegmenterError(
                f"{folder} does not fit its config.json: {word.replace('_', ' ')} {shown}. Fetch the whole folder again"
            )
    for name, values in whole.state_dict().items():
        if not torch.isfinite(values).all():
            raise SegmenterError(f"{folder}: {name} holds numbers that are not finite. Fetch the whole folder again")
    return whole.eval().requires_grad_(False)


def _propose(whole: nn.Module, x: Tensor) -> Proposals:
    seen = whole(pixel_values=x)
    return Proposals(
        classes=seen.class_queries_logits[0].float().softmax(dim=-1),
        masks=seen.masks_queries_logits[0].float().sigmoid(),
    )


def _find_names(folder: Path, whole: nn.Module) -> tuple[str, ...]:
    """What the folder says that the outputs are called; () if it says nothing."""
    if (folder / NAMES_FILE).is_file():
        return read_names(folder / NAMES_FILE)
    said = whole.config.id2label
    names = tuple(str(said.get(index, "")).strip() for index in range(len(said)))
    for vocabulary in map(vocabulary_names, STANDARDS):
        if len(names) == len(vocabulary) and names[:3] == vocabulary[:3]:
            return vocabulary
    return () if all(name == f"LABEL_{index}" for index, name in enumerate(names)) else names


def _look(folder: Path, said: dict, *, side_px: int | None, patch_px: int) -> Look:
    """How the network's own preprocessor shows it a photo.

    side_px: of the only square that the network takes.    patch_px: sides are multiples of it.
    """
    try:
        rescale = float(said.get("rescale_factor") or 1 / 255) if said.get("do_rescale", True) else 1.0
        mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        if said.get("do_normalize", True):
            mean = tuple(map(float, said.get("image_mean") or (value / 255 for value in IMAGENET_MEAN)))
            std = tuple(map(float, said.get("image_std") or (value / 255 for value in IMAGENET_STD)))
        shorter, longer, is_square = _size(said.get("size") or 512)
        splits = bool(said.get("do_split_image"))
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise SegmenterError(f"{folder / PREPROCESSOR} cannot be understood: {error}. Fetch the folder again") from None
    if side_px is not None:
        # What fits the square is padded to it; where the preprocessor splits the photo, the shorter side fits.
        shorter, longer, is_square = side_px, 4 * side_px if splits else side_px, False
    numbers = (rescale, *mean, *std, shorter, longer)
    if len(mean) != 3 or len(std) != 3 or not all(map(isfinite, numbers)) or min(*std, rescale) <= 0:
        raise SegmenterError(f"{folder / PREPROCESSOR} has a mean, std or factor of no use. Fetch the folder again")
    if not patch_px <= shorter <= MOST_SIDE_PX or not patch_px <= longer <= 4 * MOST_SIDE_PX:
        raise SegmenterError(f"{folder / PREPROCESSOR} wants photos of {shorter} x {longer}. Fetch the folder again")
    return Look(
        shorter_px=shorter,
        longer_px=longer,
        step_px=patch_px,
        is_square=is_square,
        is_fixed=side_px is not None,
        channel_order="BGR" if said.get("do_flip_channel_order") else "RGB",
        divisor=1 / rescale,
        mean=mean,
        std=std,
    )


def _size(said: dict | int) -> tuple[int, int, bool]:
    """Shorter side, longer side, and whether photos are squashed to it."""
    if not isinstance(said, dict):
        return int(said), int(said), True
    if "height" in said:
        return int(said["height"]), int(said["width"]), True
    shorter = int(said["shortest_edge"])
    return shorter, int(said.get("longest_edge") or 4 * shorter), False


def _side(folder: Path, whole: nn.Module) -> int:
    side = whole.config.image_size
    side = side if isinstance(side, int) else side[0]
    if side > MOST_SIDE_PX:
        raise SegmenterError(f"{folder / CONFIG} wants photos of {side} x {side}. Fetch the folder again")
    return side


def _patch(whole: nn.Module) -> int:
    """What both sides of a photo must be multiples of."""
    patch = getattr(whole.config, "patch_size", None)
    return patch if isinstance(patch, int) else 32
