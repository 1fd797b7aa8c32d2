"""A weights file as a segmenter: the network is known by the file's entries, the classes by a JSON beside it."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from pipeline.classes import Taxonomy, vocabulary_names
from pipeline.errors import SegmenterError
from pipeline.segmenters import deeplabv2, deeplabv3plus
from pipeline.segmenters.embedded import network as embedded
from pipeline.segmenters.names import NAMES_FORM, read_names
from pipeline.segmenters.network import Network, NetworkSegmenter, open_network
from pipeline.segmenters.segmenter import Options
from pipeline.segmenters.weights import sha256_of


def open_file(
    path: Path,
    *,
    taxonomy: Taxonomy,
    device: str,
    name: str = "",
    license: str = "unknown",
    names: Sequence[str] = (),
    options: Options = Options(),  # noqa: B008
) -> NetworkSegmenter:
    """The segmenter in a weights file of PyTorch or safetensors.

    device: cpu or cuda.    name: what the manifest calls it; torch:STEM if empty.
    names: what its outputs are called; if empty, a JSON beside the file says so.

    Raises: SegmenterError when the file is missing, broken, of no known network, or nobody says what its outputs mean.
    """
    state = _read_state(path)
    names_path = None if names else _find_names(path)
    names = tuple(names or (read_names(names_path) if names_path else ()))
    network = _build(path, state, names, where=names_path or path)
    return open_network(
        network,
        name=name or f"torch:{path.stem}",
        digest=sha256_of(path)[:16],
        license=license,
        names_digest=sha256_of(names_path)[:16] if names_path else "",
        where=str(names_path or path),
        taxonomy=taxonomy,
        device=device,
        options=options,
    )


def _build(path: Path, state: dict[str, Tensor], names: tuple[str, ...], *, where: Path) -> Network:
    """The network that a file's entries are of.    where: the file that `names` come from, for the message."""
    family = next((family for family in (deeplabv3plus, deeplabv2, embedded) if family.is_state_of_it(state)), None)
    if family is None:
        raise SegmenterError(
            f"{path} holds {len(state)} entries of a network that is not known here. "
            "The known ones are DeepLabv3+ MobileNetV2 and DeepLabV2 ResNet-101"
        )
    try:
        module, outputs = family.build(state), family.count_outputs(state)
    except RuntimeError as error:
        complaint = " ".join(str(error).split())[:300]
        raise SegmenterError(f"{path} does not fit its network. {complaint}") from error
    is_cocostuff = family is deeplabv2 and outputs == deeplabv2.COCOSTUFF_CLASSES
    names = names or (vocabulary_names("cocostuff") if is_cocostuff else ())
    if len(names) != outputs:
        said = f"{where} names {len(names)} outputs" if names else "nothing beside it says what they mean"
        raise SegmenterError(
            f"{path} has {outputs} outputs, and {said}. Make {path.with_suffix('.json')}: {NAMES_FORM}"
        )
    return Network(
        module=module,
        to_input=family.to_input,
        align_corners=family.ALIGN_CORNERS,
        longer_side_px=family.LONGER_SIDE_PX,
        names=names,
        never_trained=deeplabv2.NEVER_TRAINED if is_cocostuff else frozenset(),
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
