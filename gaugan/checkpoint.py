"""Checkpoints of a run: written beside and renamed, free of code, the newest found again; and averaged weights.

    run_folder/checkpoints/000012800/
        averaged.safetensors      averaged weights, with all that is needed to build and use them in its header
        networks.safetensors      weights as they are trained
        optimizers.safetensors    what the optimizers remember
        progress.json             how far the run is: its scores, and the steps it skipped

Order, crops, changes and noise are functions of the seed and the images shown, so no state of a random generator is
kept, nor the place of a sampler, nor that of a schedule.
"""

import contextlib
import json
import math
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gaugan.config import dumps, loads
from gaugan.errors import CheckpointError
from gaugan.settings import Settings

AVERAGED, NETWORKS, OPTIMIZERS = "averaged.safetensors", "networks.safetensors", "optimizers.safetensors"
PROGRESS = "progress.json"


@dataclass(frozen=True, kw_only=True)
class About:
    """What must be known to build the networks of a checkpoint.

    classes: C.    unknown, edges: whether the condition has channels for unknown pixels and for edges.
    missing: networks that the settings speak of and nobody has weights of: "encoder", "discriminator". Their keys are
    left out, so that whoever trains on from here knows to draw them anew, and nobody takes a style with them.
    """

    settings: Settings
    classes: int
    unknown: bool
    edges: bool
    images_shown: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is, beside its weights.

    best_score, best_at: the lowest score, and the images shown until then; None before there is one.
    worse_in_a_row: scores since then.    ended_early: whether they were the end of it.    guard: as of `Guard.state`.
    """

    best_score: float | None = None
    best_at: int | None = None
    worse_in_a_row: int = 0
    ended_early: bool = False
    guard: Mapping[str, Any] = field(default_factory=dict)

    def scored(self, score: float, *, images_shown: int, patience: int) -> "Progress":
        """With one more score, lower being better; it ends the run when it is the last that patience waits for.

        A score that is no number is worse than any.
        """
        if math.isfinite(score) and (self.best_score is None or score < self.best_score):
            return replace(self, best_score=score, best_at=images_shown, worse_in_a_row=0)
        worse = self.worse_in_a_row + 1
        return replace(self, worse_in_a_row=worse, ended_early=0 < patience <= worse)


NO_PROGRESS = Progress()


def save(
    run_folder: Path,
    *,
    about: About,
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    averaged: nn.Module,
    keep: int,
    progress: Progress = NO_PROGRESS,
) -> Path:
    """Write a checkpoint, whole or not at all, and remove all but the newest `keep` and the best; returns it."""
    folder = run_folder / "checkpoints" / f"{about.images_shown:09d}"
    if folder.is_dir():
        return folder
    beside = folder.with_name(f".{folder.name}.part")
    for left in folder.parent.glob(".*.part"):
        shutil.rmtree(left, ignore_errors=True)
    beside.mkdir(parents=True)

    # Write the files, and wait until the disk has them.
    weights = {f"{name}/{key}": x for name, network in networks.items() for key, x in network.state_dict().items()}
    try:
        save_file(plain(averaged.state_dict()), beside / AVERAGED, metadata=header(about))
        save_file(plain(weights), beside / NETWORKS)
        save_file(plain(memories(optimizers)), beside / OPTIMIZERS)
        (beside / PROGRESS).write_text(json.dumps(asdict(progress)), encoding="utf-8")
        for file in beside.iterdir():
            sync(file)
        sync(beside)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise as_os_error(error, beside) from error

    # Give it its name, then remove the old ones.
    beside.rename(folder)
    sync(folder.parent)
    for old in whole_checkpoints(run_folder)[:-keep]:
        if images_shown(old) != progress.best_at:
            shutil.rmtree(old.rename(old.with_name(f".{old.name}.part")))
    return folder


def load(
    folder: Path,
    *,
    about: About,
    networks: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    averaged: nn.Module,
) -> None:
    """Put a checkpoint into networks and optimizers that are built like its own; about: of the run that goes on.

    Raises: CheckpointError when it is damaged or does not fit, before anything is changed.
    """
    refuse_other_networks(folder, read_about(folder), about)
    weights, averages = read_tensors(folder / NETWORKS), read_tensors(folder / AVERAGED)
    parts = {name: part(weights, name) for name in networks}
    for name, network in networks.items():
        refuse_other_shapes(folder / NETWORKS, parts[name], network)
    refuse_other_shapes(folder / AVERAGED, averages, averaged)
    remains = read_tensors(folder / OPTIMIZERS)
    states = {
        name: remembered(folder / OPTIMIZERS, part(remains, name), optimizer) for name, optimizer in optimizers.items()
    }

    for name, network in networks.items():
        network.load_state_dict(parts[name])
    averaged.load_state_dict(averages)
    for name, optimizer in optimizers.items():
        optimizer.load_state_dict(states[name])


def read_progress(folder: Path) -> Progress:
    """How far a run was at a checkpoint; nothing is known of one that was imported. Raises: CheckpointError."""
    path = folder / PROGRESS
    try:
        return Progress(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return NO_PROGRESS
    except (OSError, TypeError, ValueError) as error:
        raise unreadable(path, error) from error


def best(run_folder: Path) -> Path | None:
    """The checkpoint with the best score, the newest where there are no scores, or None."""
    newest = latest(run_folder)
    best_at = read_progress(newest).best_at if newest else None
    scored = [folder for folder in whole_checkpoints(run_folder) if images_shown(folder) == best_at]
    return scored[0] if scored else newest


def is_finished(run_folder: Path, *, images_in_all: int) -> bool:
    """Whether all images were shown, or the run ended before because it no longer got better."""
    newest = latest(run_folder)
    return newest is not None and (images_shown(newest) >= images_in_all or read_progress(newest).ended_early)


def latest(run_folder: Path) -> Path | None:
    """The newest whole checkpoint's folder, or None."""
    found = whole_checkpoints(run_folder)
    return found[-1] if found else None


def images_shown(folder: Path) -> int:
    """Images shown until a checkpoint."""
    return int(folder.name)


def read_about(folder: Path) -> About:
    """What a checkpoint says of its networks. Raises: CheckpointError."""
    path = folder / AVERAGED
    with explained(path), safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    try:
        facts = json.loads(metadata["gaugan"])
        missing = tuple(facts.get("missing", ()))
        return About(**{**facts, "settings": loads(facts["settings"]), "missing": missing})
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not say what it was trained with: it is no checkpoint of gaugan") from error


def load_averaged(folder: Path, build: Callable[[About], nn.Module]) -> nn.Module:
    """The network that `build` makes, with a checkpoint's averaged weights, on the CPU. Raises: CheckpointError."""
    network = build(read_about(folder))
    tensors = read_tensors(folder / AVERAGED)
    refuse_other_shapes(folder / AVERAGED, tensors, network)
    network.load_state_dict(tensors)
    return network


@torch.no_grad()
def average(averaged: nn.Module, trained: nn.Module, *, keep: float) -> None:
    """Move averaged weights towards the trained ones, keeping a share of what they were; buffers are copied."""
    for mean, now in zip(averaged.parameters(), trained.parameters(), strict=True):
        mean.lerp_(now, 1 - keep)
    for mean, now in zip(averaged.buffers(), trained.buffers(), strict=True):
        mean.copy_(now)


def half_life_keep(*, images: int, images_shown: int, half_life_images: float, rampup: float) -> float:
    """Share of an average that stays when `images` more are shown; the half-life is at most rampup * images_shown.

    Source: Karras et al., Analyzing and Improving the Image Quality of StyleGAN, its published training loop.
    """
    half_life = min(half_life_images, rampup * images_shown)
    return 0.5 ** (images / half_life) if half_life > 0 else 0.0


def whole_checkpoints(run_folder: Path) -> list[Path]:
    found = [path for path in (run_folder / "checkpoints").glob("[0-9]*") if path.name.isdigit() and path.is_dir()]
    return sorted(found, key=images_shown)


def header(about: About) -> dict[str, str]:
    """One entry, because safetensors writes several in any order."""
    facts = {
        "settings": dumps(about.settings),
        "classes": about.classes,
        "unknown": about.unknown,
        "edges": about.edges,
        "images_shown": about.images_shown,
        **({"missing": about.missing} if about.missing else {}),
    }
    return {"gaugan": json.dumps(facts)}


def plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of their own memory, as safetensors wants them."""
    return {name: x.detach().cpu().contiguous() for name, x in tensors.items()}


def part(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}/"): x for key, x in tensors.items() if key.startswith(f"{name}/")}


def memories(optimizers: Mapping[str, torch.optim.Optimizer]) -> dict[str, Tensor]:
    """What optimizers remember, by optimizer/parameter/name. Their numbers come from the settings."""
    return {
        f"{name}/{index}/{key}": x
        for name, optimizer in optimizers.items()
        for index, memory in optimizer.state_dict()["state"].items()
        for key, x in memory.items()
    }


def remembered(path: Path, tensors: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of an optimizer, as its load_state_dict wants it."""
    sizes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, x in tensors.items():
        index, _, what = key.partition("/")
        if int(index) >= len(sizes) or (x.dim() and x.shape != sizes[int(index)]):
            raise CheckpointError(f"{path} does not fit these networks at parameter {index}")
        # A copy: the file it lies in is thrown away while the optimizer still lives.
        state.setdefault(int(index), {})[what] = x.clone()
    return {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}


def refuse_other_networks(folder: Path, saved: About, now: About) -> None:
    for what in ("classes", "unknown", "edges"):
        if getattr(saved, what) != getattr(now, what):
            raise CheckpointError(
                f"{folder} was trained with {what} = {getattr(saved, what)}, now it is {getattr(now, what)}"
            )
    pairs = [("model", name) for name in type(now.settings.model).model_fields] + [
        ("data", "crop_size"),
        ("data", "aspect"),
    ]
    for section, name in pairs:
        before, after = (getattr(getattr(about.settings, section), name) for about in (saved, now))
        if before != after:
            raise CheckpointError(f"{folder} was trained with {section}.{name} = {before}, now it is {after}")


def refuse_other_shapes(path: Path, tensors: Mapping[str, Tensor], network: nn.Module) -> None:
    wanted = network.state_dict()
    for name in [*wanted, *tensors]:
        if name not in tensors:
            raise CheckpointError(f"{path} lacks {name}")
        if name not in wanted:
            raise CheckpointError(f"{path} holds {name}, which these settings have no place for")
        if tensors[name].shape != wanted[name].shape:
            raise CheckpointError(f"{path}: {name} is {list(tensors[name].shape)}, expected {list(wanted[name].shape)}")


def read_tensors(path: Path) -> dict[str, Tensor]:
    with explained(path):
        return load_file(path)


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Errors of reading a file, as sentences."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """What is wrong with a file of a checkpoint and, where that is damaged, how the run goes on without it."""
    sentence, folder = f"{path} cannot be read: {error}", path.parent
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return CheckpointError(sentence)
    others = [other for other in whole_checkpoints(folder.parent.parent) if other != folder]
    then = f"goes on from {others[-1]}" if others else "begins anew"
    return CheckpointError(f"{sentence}. Remove {folder}, and the run {then}")


def as_os_error(error: OSError | SafetensorError, path: Path) -> OSError:
    """What the system said of a file, which safetensors only quotes: "I/O error: ... (os error 28)"."""
    quoted = re.search(r"os error (\d+)", str(error))
    if isinstance(error, OSError) or not quoted:
        return error if isinstance(error, OSError) else OSError(str(error))
    number = int(quoted[1])
    return OSError(number, os.strerror(number), str(path))


def sync(path: Path) -> None:
    """Wait until the disk has a file or, where the system can, the names in a folder."""
    if path.is_dir() and os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
