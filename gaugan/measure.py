"""How long a training image takes on this device, and how much memory: measured on a step before a run begins."""

import threading
import time
from dataclasses import dataclass

import psutil
import torch

from gaugan.allocator import give_back_memory
from gaugan.config import Settings
from gaugan.data import Batch
from gaugan.train import METHODS, accelerate

MEASURED_BATCH_SIZE = 2
"""Images in the measured step: the fewest that every normalisation can be trained with."""
MEASURED_STEPS = (2, 5)
"""Steps taken, at least and at most: the first ones warm up, so the quickest is believed."""
MEASURED_SECONDS = 6
"""No step beyond the least is begun after this long."""
SECONDS_BETWEEN_LOOKS = 0.01


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What training costs.    needed_bytes: the memory of a step at the batch size of the settings.

    free_bytes: what the device has left for it.    device: cpu, cuda or mps.
    """

    seconds_per_image: float
    needed_bytes: int
    free_bytes: int
    device: str


def measure(settings: Settings, *, classes: int, edges: bool) -> Cost:
    """Takes a few training steps on random labels and throws the networks away.

    classes: C.    edges: whether samples have instances.
    """
    accelerator = accelerate(settings)
    device = accelerator.device
    free_bytes = _free_bytes(device)
    shape = {"classes": classes, "unknown": True, "edges": edges}
    method = METHODS[settings.model.method](settings, **shape, accelerator=accelerator)
    seconds: list[float] = []
    least, most = MEASURED_STEPS
    with _Memory(device) as memory:
        while len(seconds) < least or (len(seconds) < most and sum(seconds) < MEASURED_SECONDS):
            batch = _random_batch(settings, classes=classes, edges=edges).to(device)
            began = time.perf_counter()
            for loss in method.step(batch).values():
                loss.item()
            seconds.append(time.perf_counter() - began)
    bytes_per_image = memory.grown_bytes / MEASURED_BATCH_SIZE
    parameters = sum(p.numel() for network in method.networks.values() for p in network.parameters())
    # Weights, gradients, two moments and the average, four bytes each.
    needed_bytes = round(20 * parameters + bytes_per_image * settings.training.batch_size)
    return Cost(
        seconds_per_image=min(seconds) / MEASURED_BATCH_SIZE,
        needed_bytes=needed_bytes,
        free_bytes=free_bytes,
        device=device.type,
    )


def _random_batch(settings: Settings, *, classes: int, edges: bool) -> Batch:
    height, width = settings.data.crop
    shape = (MEASURED_BATCH_SIZE, height, width)
    random = torch.Generator().manual_seed(0)
    coarse = torch.randint(0, classes, (MEASURED_BATCH_SIZE, 1, 8, 8), generator=random).float()
    labels = torch.nn.functional.interpolate(coarse, size=(height, width))[:, 0].byte()  # (B, H, W)
    image = torch.rand((MEASURED_BATCH_SIZE, 3, height, width), generator=random) * 2 - 1
    edge_map = torch.zeros(shape, dtype=torch.uint8)[:, None] if edges else None
    return Batch(image=image, labels=labels, edges=edge_map, positions=tuple(range(MEASURED_BATCH_SIZE)))


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


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available
