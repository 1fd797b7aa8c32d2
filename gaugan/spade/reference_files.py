"""Files of the reference implementation of SPADE: read without executing anything, and known by their keys."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gaugan.errors import CheckpointError

MARKS = {"generator": "head_0.conv_0.", "discriminator": "discriminator_0.model0.", "encoder": "fc_mu."}
"""What some key of a network begins with, and none of the others' does."""
LONGEST_LIST = 3


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A file's tensors by name, in today's names."""

    path: Path
    tensors: Mapping[str, Tensor]

    def shape(self, name: str, *, dims: int) -> tuple[int, ...]:
        """Raises: CheckpointError when the tensor is not there, or has other dimensions."""
        if name not in self.tensors:
            raise CheckpointError(f"{self.path} lacks {name}, so it does not say what its network is like")
        shape = tuple(self.tensors[name].shape)
        if len(shape) != dims:
            raise CheckpointError(f"{self.path}: {name} is {list(shape)}, expected {dims} numbers there")
        return shape


def read_networks(paths: Sequence[Path]) -> dict[str, Weights]:
    """Files of one model by the network that each holds, which its keys tell: generator, discriminator, encoder.

    Raises: CheckpointError when one cannot be read or is another network's, and when there are two of one or no
    generator.
    """
    found: dict[str, Weights] = {}
    for path in paths:
        weights = Weights(path=path, tensors=in_todays_names(path, read_tensors(path)))
        kinds = [kind for kind, mark in MARKS.items() if any(name.startswith(mark) for name in weights.tensors)]
        if len(kinds) != 1:
            raise CheckpointError(
                f"{path} holds {few(weights.tensors)}: that is none of the networks of SPADE. Name a latest_net_G.pth"
            )
        if kinds[0] in found:
            raise CheckpointError(
                f"{found[kinds[0]].path} and {path} are two {kinds[0]}s. Name the files of one model, each once"
            )
        found[kinds[0]] = weights
    if "generator" not in found:
        held = ", ".join(f"{weights.path} (a {kind})" for kind, weights in found.items())
        raise CheckpointError(f"there is no generator among {held}. Name its latest_net_G.pth as well")
    return found


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors that torch.save wrote, by name; nothing in the file is executed. Raises: CheckpointError."""
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder. Name the files in it, such as {path / 'latest_net_G.pth'}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of archives that hold programs, which are refused below
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no file {path}. Name one that is there") from error
    except OSError as error:
        if error.errno is None:
            raise CheckpointError(unreadable(path)) from error
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:
        raise CheckpointError(unreadable(path)) from error
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    is_state = isinstance(state, Mapping) and all(
        isinstance(name, str) and isinstance(x, Tensor) and is_plain(x) for name, x in state.items()
    )
    if not is_state or not state:
        raise CheckpointError(f"{path} is no table of tensors by name, as the reference saves a network")
    return dict(state)


def is_plain(x: Tensor) -> bool:
    return x.layout == torch.strided and not x.is_quantized and not x.is_complex()


def unreadable(path: Path) -> str:
    return (
        f"{path} cannot be read as weights: it is damaged, no file of PyTorch, or holds more than tensors. "
        "Fetch it again, or save the network's state_dict"
    )


def in_todays_names(path: Path, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without what wrappers for several devices put before a name, and with one spelling of spectral normalisation."""
    names = {name: name for name in tensors}
    while all(name.startswith("module.") for name in names.values()):
        names = {old: name.removeprefix("module.") for old, name in names.items()}
    for spelling, suffix in (("original", "_orig"), ("0._u", "_u"), ("0._v", "_v")):
        ending = f".parametrizations.weight.{spelling}"
        names = {
            old: name.removesuffix(ending) + f".weight{suffix}" if name.endswith(ending) else name
            for old, name in names.items()
        }
    if len(set(names.values())) < len(names):
        twice = next(name for name in names.values() if list(names.values()).count(name) > 1)
        raise CheckpointError(f"{path} holds {twice} twice, under two names")
    return {names[old]: x for old, x in tensors.items()}


def few(names: Collection[str]) -> str:
    """The first names of many, and how many more there are."""
    shown = list(names)[:LONGEST_LIST]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
