"""How long a training image takes on this device, and how much memory: measured on a step before a run begins."""

import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

from gaugan.allocator import give_back_memory
from gaugan.data import Batch
from gaugan.errors import OutOfMemoryError
from gaugan.memory import explained_memory, free_bytes
from gaugan.processes import accelerate, least, shared
from gaugan.settings import Settings, Training
from gaugan.train import METHODS, NO_NAMES

MEASURED_BATCH_SIZE = 2
"""Images in the measured step: the fewest that every normalisation can be trained with."""
MEASURED_STEPS = (2, 5)
"""Steps taken, at least and at most: the first ones warm up, so the quickest is believed."""
MEASURED_SECONDS = 6
"""No step beyond the least is begun after this long."""
SECONDS_BETWEEN_LOOKS = 0.01
BYTES_A_PARAMETER = 20
"""Weight, gradient, two moments and the average, four bytes each."""
SPARED = 0.8
"""Share of the free memory that a chosen batch may take: photos, the system and other programs want some too."""
LARGEST_SHARE = 256
"""Of one process; with more, few photos are a few steps an epoch, and nothing is gained."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What training costs on one device.

    bytes_per_image: of a step, on top of fixed_bytes.    free_bytes: what the device has left.
    device: cpu, cuda or mps.    processes: how many devices share a batch.
    """

    seconds_per_image: float
    bytes_per_image: int
    fixed_bytes: int
    free_bytes: int
    device: str
    processes: int

    def needed_bytes(self, training: Training) -> int:
        """The memory of a step."""
        at_once = -(-training.batch_size // (training.accumulate * self.processes))
        return self.fixed_bytes + self.bytes_per_image * at_once

    def fits(self, training: Training) -> bool:
        return self.needed_bytes(training) <= self.free_bytes

    def largest_batch(self, *, photos: int) -> int:
        """The most that fits with room to spare, in one part: a power of two a process, no more than the photos."""
        left = SPARED * self.free_bytes - self.fixed_bytes
        share = min(left / max(1, self.bytes_per_image), photos / self.processes, LARGEST_SHARE)
        return self.processes * 2 ** int(math.log2(max(1, share)))


def measure(settings: Settings, *, classes: int, edges: bool, named_weights: Mapping[str, Path] = NO_NAMES) -> Cost:
    """Takes a few training steps on random labels and throws the networks away; all processes find the same.

    classes: C.    edges: whether samples have instances.    named_weights: as of gaugan.train.train.
    Raises: OutOfMemoryError when not even these fit.
    """
    accelerator = accelerate(settings)
    device = accelerator.device
    free = least(free_bytes(device))
    whole = with_batch(settings, MEASURED_BATCH_SIZE * accelerator.num_processes)
    seconds: list[float] = []
    fewest, most = MEASURED_STEPS
    with explained_memory(whole):
        method = METHODS[settings.model.method](
            whole,
            classes=classes,
            unknown=True,
            edges=edges,
            accelerator=accelerator,
            named_weights=named_weights,
        )
        with _Memory(device) as memory:
            # Whether to take another step is for the first process to say: all must take as many.
            while shared(len(seconds) < fewest or (len(seconds) < most and sum(seconds) < MEASURED_SECONDS)):
                batch = _random_batch(settings, MEASURED_BATCH_SIZE, classes=classes, edges=edges).to(device)
                began = time.perf_counter()
                for loss in method.step(batch).losses.values():
                    loss.item()
                seconds.append(time.perf_counter() - began)
    parameters = sum(p.numel() for network in method.networks.values() for p in network.parameters())
    return Cost(
        seconds_per_image=shared(min(seconds) / (MEASURED_BATCH_SIZE * accelerator.num_processes)),
        bytes_per_image=-least(-memory.grown_bytes // MEASURED_BATCH_SIZE),
        fixed_bytes=BYTES_A_PARAMETER * parameters,
        free_bytes=free,
        device=device.type,
        processes=accelerator.num_processes,
    )


def find_batch(
    settings: Settings,
    cost: Cost,
    *,
    photos: int,
    classes: int,
    edges: bool,
    named_weights: Mapping[str, Path] = NO_NAMES,
) -> int:
    """The largest batch that fits: as `cost` says, and on one GPU no larger than one that a step was taken with.

    photos: to train on.    The others as of `measure`.
    """
    batch_size = cost.largest_batch(photos=photos)
    while cost.device == "cuda" and cost.processes == 1 and batch_size > 1:
        attempt = with_batch(settings, batch_size)
        accelerator = accelerate(attempt)
        shape = {"classes": classes, "unknown": True, "edges": edges, "named_weights": named_weights}
        try:
            with explained_memory(attempt):
                method = METHODS[settings.model.method](attempt, **shape, accelerator=accelerator)
                method.step(_random_batch(attempt, batch_size, classes=classes, edges=edges).to(accelerator.device))
            break
        except OutOfMemoryError:
            batch_size //= 2
        finally:
            method = None
            torch.cuda.empty_cache()
    return batch_size


def with_batch(settings: Settings, batch_size: int) -> Settings:
    """The same settings with another batch, learned in one part."""
    training = settings.training.model_copy(update={"batch_size": batch_size, "accumulate": 1})
    return settings.model_copy(update={"training": training})


def _random_batch(settings: Settings, size: int, *, classes: int, edges: bool) -> Batch:
    height, width = settings.data.crop
    shape = (size, height, width)
    random = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, classes, (size, 1, 8, 8), generator=random).float()
    labels = torch.nn.functional.interpolate(coarse, size=(height, width))[:, 0].byte()  # (B, H, W)
    image = torch.rand((size, 3, height, width), generator=random) * 2 - 1
    edge_map = torch.zeros(shape, dtype=torch.uint8)[:, None] if edges else None
    return Batch(image=image, labels=labels, edges=edge_map, positions=tuple(range(size)))


class _Memory:
    """How far memory grew at most while a block ran. The peak of a process says nothing of it: it may be older."""

    def __init__(self, device: torch.device) -> None:
        self.grown_bytes = 0
        give_back_memory()
        self._device, self._process, self._ended = device, psutil.Process(), threading.Event()
        self._before = self._used_bytes()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Memory":
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        else:
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._device.type == "cuda":
            self.grown_bytes = max(0, torch.cuda.max_memory_allocated(self._device) - self._before)
        else:
            self._ended.set()
            self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_LOOKS):
            self.grown_bytes = max(self.grown_bytes, self._used_bytes() - self._before)

    def _used_bytes(self) -> int:
        if self._device.type == "cuda":
            return torch.cuda.memory_allocated(self._device)
        return self._process.memory_info().rss
