"""Beginning with the weights of another run, whose classes may be others: what speaks of a class is moved with it."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gaugan.checkpoint import AVERAGED, NETWORKS, About, part, read_about, read_tensors
from gaugan.errors import CheckpointError

SAME = ("method", "width", "upsampling", "norm", "modulation", "kernel_size", "style_encoder", "spectral")
"""Settings of the model that make a painter's weights fit another."""
SAME_OF_STYLES = (("model", "style_size"), ("data", "crop_size"), ("data", "aspect"))
"""What must be the same too where there is a style encoder."""
SAME_OF_DISCRIMINATORS = (
    "discriminator",
    "discriminator_width",
    "discriminator_layers",
    "discriminator_norm",
    "scales",
    "spectral",
)


class Axis(NamedTuple):
    """Where a weight speaks of classes: the axis, and how many of its entries stand before them and behind."""

    axis: int
    before: int = 0
    behind: int = 0


AXES: Mapping[str, Axis] = {
    "mlp_shared.0.weight": Axis(1),
    "fc.weight": Axis(1),
    "gamma": Axis(0),
    "beta": Axis(0),
    "model0.0.weight": Axis(1, behind=3),
    "to_logits.weight": Axis(0, before=1),
    "to_logits.bias": Axis(0, before=1),
}
"""By the end of a weight's name: behind the labels a discriminator of patches sees the three colours; before the
classes a discriminator of segments has a channel for painted pixels."""


@dataclass(frozen=True, kw_only=True)
class Channels:
    """What the channels of a condition stand for."""

    classes: int
    unknown: bool
    edges: bool
    noise: int

    @staticmethod
    def of(about: About) -> "Channels":
        noise = about.settings.model.noise_size
        return Channels(classes=about.classes, unknown=about.unknown, edges=about.edges, noise=noise)

    def places(self) -> tuple[range, range, range]:
        """Of the unknown pixels, the edges and the noise."""
        ends = [self.classes]
        for size in (int(self.unknown), int(self.edges), self.noise):
            ends.append(ends[-1] + size)
        unknown, edges, noise = (range(a, b) for a, b in itertools.pairwise(ends))
        return unknown, edges, noise


def refuse_unlike(old: About, new: About) -> None:
    """Raises: CheckpointError when a painter's weights can have no place in another."""
    names = [("model", name) for name in SAME]
    if new.settings.model.style_encoder:
        names += SAME_OF_STYLES
    before, after = ([written(about, *name) for name in names] for about in (old, new))
    unlike = [(was, now) for was, now in zip(before, after, strict=True) if was != now]
    if unlike:
        raise CheckpointError(
            f"the run to begin from was trained with {', '.join(was for was, _ in unlike)}, this one is to have "
            f"{', '.join(now for _, now in unlike)}. Begin with {' '.join(f'--set {was}' for was, _ in unlike)}"
        )


def written(about: About, section: str, name: str) -> str:
    """A setting, as it is set."""
    value = getattr(getattr(about.settings, section), name)
    return f"{section}.{name}={str(value).lower() if isinstance(value, bool) else value}"


def has_like_discriminator(old: About, new: About) -> bool:
    """Whether the discriminator can go on where the other's was left."""
    same = all(
        getattr(old.settings.model, name) == getattr(new.settings.model, name) for name in SAME_OF_DISCRIMINATORS
    )
    return same and "discriminator" not in old.missing


def moved(
    state: Mapping[str, Tensor], fresh: Mapping[str, Tensor], *, old: About, new: About, classes: Sequence[int | None]
) -> dict[str, Tensor]:
    """The weights of a network for other classes.

    state: of the old network, by name.    fresh: of the new one, as it was drawn.
    classes: for each new class the old one that it continues; None begins with the mean of all old classes.
    Raises: CheckpointError when something else does not fit.
    """
    was, now = Channels.of(old), Channels.of(new)
    result = {}
    for name, drawn in fresh.items():
        if name not in state:
            raise CheckpointError(f"the run to begin from lacks the weights {name}")
        axis = next((axis for end, axis in AXES.items() if is_named(name, end)), None)
        is_style = name.endswith("fc.weight") and drawn.dim() == 2
        result[name] = (
            state[name].clone()
            if axis is None or is_style
            else move(state[name], drawn, axis, was=was, now=now, classes=classes)
        )
        if result[name].shape != drawn.shape:
            raise CheckpointError(
                f"the run to begin from has {name} as {list(state[name].shape)}, expected {list(drawn.shape)}"
            )
    return result


def is_named(name: str, end: str) -> bool:
    """Whether a weight has this name, in whatever part of the network it stands."""
    return name == end or name.endswith(f".{end}")


def move(
    weight: Tensor, drawn: Tensor, axis: Axis, *, was: Channels, now: Channels, classes: Sequence[int | None]
) -> Tensor:
    """One weight, its entries along an axis in the order of the new channels."""
    entries, fresh = weight.movedim(axis.axis, 0), drawn.movedim(axis.axis, 0)
    before, inner, behind = entries.tensor_split((axis.before, len(entries) - axis.behind))
    fresh = fresh[axis.before : len(fresh) - axis.behind]
    mean = inner[: was.classes].mean(0, keepdim=True)
    parts = [before, *(mean if source is None else inner[source : source + 1] for source in classes)]

    # A discriminator of segments has channels for classes alone, one of patches sees no noise.
    for old, new, other in zip(was.places(), now.places(), (mean, 0 * mean, None), strict=True):
        if len(fresh) > new.start:
            drawn_anew = fresh[new.start : new.stop] if other is None else other.expand(len(new), *mean.shape[1:])
            parts.append(inner[old.start : old.stop] if len(old) == len(new) else drawn_anew)
    return torch.cat([*parts, behind]).movedim(0, axis.axis).contiguous()


def begin_from(
    folder: Path,
    *,
    about: About,
    classes: Sequence[int | None],
    painter: nn.Module,
    averaged: nn.Module,
    discriminator: nn.Module,
) -> tuple[str, ...]:
    """Put the averaged weights of another run's checkpoint into new networks, and its discriminator where it fits.

    about: of the new run.    classes: as of `moved`.    Returns the names of the networks that begin so.
    Raises: CheckpointError when the painter does not fit.
    """
    old = read_about(folder)
    refuse_unlike(old, about)
    fresh = on_cpu(painter)
    averages = read_tensors(folder / AVERAGED)
    if "encoder" in old.missing:
        averages |= {name: x for name, x in fresh.items() if name.startswith("encoder.")}
    now = {"old": old, "new": about, "classes": classes}
    state = moved(averages, fresh, **now)
    painter.load_state_dict(state)
    averaged.load_state_dict(state)
    if not has_like_discriminator(old, about):
        return ("generator",)
    weights = part(read_tensors(folder / NETWORKS), "discriminator")
    discriminator.load_state_dict(moved(weights, on_cpu(discriminator), **now))
    return ("generator", "discriminator")


def on_cpu(network: nn.Module) -> dict[str, Tensor]:
    """The weights of a network on any device, where those of a checkpoint are."""
    return {name: x.cpu() for name, x in network.state_dict().items()}
