"""The training loop, from samples to checkpoints: it knows a method by step(batch) -> losses, and what it paints."""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor, nn

from gaugan import cache, checkpoint
from gaugan.allocator import keep_memory
from gaugan.checkpoint import About
from gaugan.config import Settings
from gaugan.data import Batch, Crops, Positions, batches, have_instances, stack, to_bytes
from gaugan.errors import SettingsError
from gaugan.reading import UNKNOWN, Sample
from gaugan.spade.conditions import edges
from gaugan.spade.method import SpadeMethod

SETTLE_IMAGES, SETTLE_BATCH_SIZE = 64, 8
PHOTOS = "photos-{}.cache"
"""The file in a run's folder that each process keeps decoded photos in."""

METHODS: Mapping[str, Callable[..., "Method"]] = {"spade": SpadeMethod}


class Method(Protocol):
    """What the loop asks of a method.

    networks, optimizers: what a checkpoint holds, by name.    painter: what is averaged into `averaged`.
    averaged: a network with paint(labels, seeds=, edges=), as SpadePainter has it.
    """

    optimizers: Mapping[str, torch.optim.Optimizer]
    painter: nn.Module
    averaged: Any

    @property
    def networks(self) -> Mapping[str, nn.Module]: ...

    def step(self, batch: Batch) -> dict[str, Tensor]: ...

    def settle(self, batches: Iterable[Batch]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Start:
    """What is about to be trained.

    images_shown: 0, or where the run was left.    parameters: by network.
    photos: to train on.    photos_kept: so many of them stay decoded.
    """

    images_shown: int
    images_in_all: int
    parameters: dict[str, int]
    edges: bool
    device: str
    processes: int
    photos: int
    photos_kept: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One training step.    losses: weighted means over the batch, by name.    learning_rate: the generator's."""

    images_shown: int
    images_in_all: int
    losses: dict[str, float]
    seconds: float
    images_per_second: float
    peak_memory_bytes: int
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What the averaged weights paint of the fixed samples.

    labels: (N, H, W) uint8, 0..C-1, 255 unknown.    photos, generated: (N, H, W, 3) uint8.
    """

    images_shown: int
    labels: Tensor
    photos: Tensor
    generated: Tensor


def train(
    settings: Settings,
    *,
    train_samples: Sequence[Sample],
    fixed_samples: Sequence[Sample],
    classes: int,
    run_folder: Path,
    on_start: Callable[[Start], None] | None = None,
    on_step: Callable[[Step], None] | None = None,
    on_samples: Callable[[Samples], None] | None = None,
) -> int:
    """Train, or go on where run_folder/checkpoints was left; returns the images shown.

    fixed_samples: painted at the start, now and then, and at the end; may be empty.    classes: C.
    on_start, on_step, on_samples: called on the first process only. A KeyboardInterrupt, theirs too, saves first.
    Raises: SettingsError, DataError, CheckpointError.
    """
    plan, images_in_all = settings.training, settings.training.images_in_all(len(train_samples))
    newest = checkpoint.latest(run_folder)
    if newest and checkpoint.images_shown(newest) >= images_in_all:
        for left in run_folder.glob(PHOTOS.format("*")):
            cache.remove(left)
        return checkpoint.images_shown(newest)

    # The device, or this process's share of several.
    accelerator = accelerate(settings)
    leads = accelerator.is_main_process
    if plan.batch_size % accelerator.num_processes:
        raise SettingsError(
            f"training.batch_size is {plan.batch_size}, "
            f"expected a multiple of the {accelerator.num_processes} processes that were launched"
        )

    # Crops by position; edges only where every sample has instances.
    has_edges = settings.data.edges and have_instances([*train_samples, *fixed_samples])
    reading = {
        "settings": settings.data,
        "classes": classes,
        "seed": plan.seed,
        "find_edges": edges if has_edges else None,
    }
    crops = Crops(train_samples, **reading)
    fixed = Crops(fixed_samples, **reading) if fixed_samples else None

    # Networks, from the seed or from the newest checkpoint.
    shape = {"classes": classes, "unknown": True, "edges": has_edges}
    method = METHODS[settings.model.method](settings, **shape, accelerator=accelerator)
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in method.optimizers.items()}
    state = {"networks": method.networks, "optimizers": method.optimizers, "averaged": method.averaged}
    images_shown = checkpoint.images_shown(newest) if newest else 0
    if newest:
        checkpoint.load(newest, about=About(settings=settings, **shape, images_shown=images_shown), **state)

    def settle() -> None:
        settling = range(SETTLE_IMAGES)
        method.settle(
            stack([crops[k] for k in settling[i : i + SETTLE_BATCH_SIZE]]).to(accelerator.device)
            for i in settling[::SETTLE_BATCH_SIZE]
        )

    def save() -> None:
        about = About(settings=settings, **shape, images_shown=images_shown)
        checkpoint.save(run_folder, about=about, keep=plan.keep_checkpoints, **state)

    # Say what is about to happen, when it is known what the disk has room for.
    keeping = run_folder / PHOTOS.format(accelerator.process_index)
    crops.cache = cache.open_cache(keeping, cache.plan(train_samples, settings=settings.data))
    if leads and on_start:
        on_start(
            Start(
                images_shown=images_shown,
                images_in_all=images_in_all,
                parameters=parameters(method),
                edges=has_edges,
                device=device_name(accelerator.device),
                processes=accelerator.num_processes,
                photos=len(train_samples),
                photos_kept=len(crops.cache.plan.sizes) if crops.cache else 0,
            )
        )
    if leads and on_samples and fixed and not images_shown:
        on_samples(paint(method, fixed, images_shown=0))

    positions = Positions(
        start=images_shown,
        stop=images_in_all,
        batch_size=plan.batch_size,
        rank=accelerator.process_index,
        ranks=accelerator.num_processes,
    )
    is_whole = True
    try:
        started = time.perf_counter()
        for batch in batches(crops, positions, device=accelerator.device):
            # One step, never left half done by Ctrl-C.
            with hold_interrupt():
                is_whole = False
                factor = learning_rate_factor(images_shown, images_in_all, decay_from=plan.decay_from)
                set_learning_rates(method.optimizers, rates, factor=factor)
                losses = method.step(batch)
                images_shown += plan.batch_size
                keep = checkpoint.half_life_keep(
                    images=plan.batch_size,
                    images_shown=images_shown,
                    half_life_images=plan.ema_images,
                    rampup=plan.ema_rampup,
                )
                checkpoint.average(method.averaged, method.painter, keep=keep)
                is_whole = True
            losses = {name: loss.item() for name, loss in losses.items()}
            seconds = time.perf_counter() - started

            # Report, before the checkpoint that makes this step one of those that are not repeated.
            if leads and on_step:
                on_step(
                    Step(
                        images_shown=images_shown,
                        images_in_all=images_in_all,
                        losses=losses,
                        seconds=seconds,
                        images_per_second=plan.batch_size / seconds,
                        peak_memory_bytes=peak_memory_bytes(accelerator.device),
                        learning_rate=rates["generator"] * factor,
                    )
                )

            # Samples and checkpoints, when their number of images is full.
            is_last = images_shown >= images_in_all
            sample_is_due = is_last or is_due(images_shown, plan.sample_every_images, plan.batch_size)
            checkpoint_is_due = is_last or is_due(images_shown, plan.checkpoint_every_images, plan.batch_size)
            if leads and (sample_is_due or checkpoint_is_due):
                settle()
            if leads and sample_is_due and on_samples and fixed:
                on_samples(paint(method, fixed, images_shown=images_shown))
            if leads and checkpoint_is_due:
                save()
            started = time.perf_counter()
    except KeyboardInterrupt:
        if leads and is_whole and images_shown:
            settle()
            save()
        raise
    finally:
        cache.remove(keeping)
    return images_shown


def accelerate(settings: Settings) -> Accelerator:
    """This process among those that were launched together, or alone; it keeps its memory from step to step."""
    keep_memory()
    if not torch.distributed.is_initialized():
        AcceleratorState._reset_state(
            reset_partial_state=True
        )  # an earlier run in this process may have had another precision
    precision = "no" if settings.training.precision == "float32" else settings.training.precision
    return Accelerator(cpu=settings.training.device == "cpu", mixed_precision=precision)


def learning_rate_factor(images_shown: int, images_in_all: int, *, decay_from: float) -> float:
    """1 until a share of all images is shown, then down to 0 in a line."""
    left = 1 - images_shown / images_in_all
    return min(1.0, left / (1 - decay_from)) if decay_from < 1 else 1.0


def set_learning_rates(
    optimizers: Mapping[str, torch.optim.Optimizer], rates: Mapping[str, float], *, factor: float
) -> None:
    for name, optimizer in optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = rates[name] * factor


def is_due(images_shown: int, every_images: int, batch_size: int) -> bool:
    """Whether the last batch reached or passed a multiple of `every_images`."""
    return images_shown // every_images > (images_shown - batch_size) // every_images


def paint(method: Method, fixed: Crops, *, images_shown: int) -> Samples:
    """Samples of the fixed label maps, each with a style of its own that stays the same."""
    device = next(method.averaged.parameters()).device
    crops = [fixed.middle(index) for index in range(len(fixed.samples))]
    pictures = []
    for seed, crop in enumerate(crops):
        on_device = crop.to(device)
        pictures.append(method.averaged.paint(on_device.labels, seeds=[seed], edges=on_device.edges).cpu())
    batch = stack(crops)
    return Samples(
        images_shown=images_shown,
        labels=batch.labels.masked_fill(batch.labels == fixed.classes, UNKNOWN).to(torch.uint8),
        photos=to_bytes(batch.image),
        generated=to_bytes(torch.cat(pictures)),
    )


def parameters(method: Method) -> dict[str, int]:
    """Numbers learned, by network."""
    return {name: sum(p.numel() for p in network.parameters()) for name, network in method.networks.items()}


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory so far: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@contextlib.contextmanager
def hold_interrupt() -> Iterator[None]:
    """Ctrl-C waits until the end of the block; a second one does not wait."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    interrupts = []

    def hold(number: int, frame: Any) -> None:
        if interrupts:
            before(number, frame)
        interrupts.append((number, frame))

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        before(*interrupts[0])
