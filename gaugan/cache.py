"""Photos kept decoded in a file that the processes of a run share: each is decoded once, the loader never waits again.

The file is mapped into memory, so what is used stays there as far as there is room, and the system does the rest.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from gaugan.reading import Sample, Scaled, covering_size, png_size
from gaugan.settings import Data

BYTES_A_PIXEL = 8
"""Three of the photo, one of the labels, four of an instance id or of nothing."""
ALIGNMENT = 8


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a cache will hold: the first samples of a run, as many as fit.

    sizes: (height, width) of each, scaled.
    """

    sizes: tuple[tuple[int, int], ...]

    @property
    def bytes(self) -> int:
        """Of the file: a mark a sample, then the samples."""
        marks = -(-len(self.sizes) // ALIGNMENT) * ALIGNMENT
        return marks + sum(BYTES_A_PIXEL * height * width for height, width in self.sizes)


def plan(samples: Sequence[Sample], *, settings: Data) -> Plan:
    """Plan a cache of at most `settings.cache_mb`; only the heads of label maps are read. Raises: DataError."""
    left, sizes = settings.cache_mb * 2**20, []
    for sample in samples:
        size = covering_size(png_size(sample.labels), crop=settings.crop, margin=settings.crop_margin)
        left -= BYTES_A_PIXEL * size[0] * size[1] + 1
        if left < ALIGNMENT:
            break
        sizes.append(size)
    return Plan(sizes=tuple(sizes))


def open_cache(path: Path, plan: Plan) -> "Cache | None":
    """Begin a cache in a file of its own; None where the plan, or the disk, has no room for one."""
    remove(path)
    return Cache(path, plan) if plan.sizes and reserve(path, plan.bytes) else None


def remove(path: Path) -> None:
    """Remove a cache's file. On Windows one that is mapped stays until its process ends; the next run removes it."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


class Cache:
    """Scaled samples by index, the same in every process that opened the file.    plan: what it has room for."""

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path, self.plan = path, plan
        marks = plan.bytes - sum(BYTES_A_PIXEL * height * width for height, width in plan.sizes)
        self._starts = list(accumulate((BYTES_A_PIXEL * h * w for h, w in plan.sizes), initial=marks))
        self._bytes: Tensor | None = None

    def __getstate__(self) -> dict[str, object]:
        """A worker opens the file itself."""
        return {**self.__dict__, "_bytes": None}

    def get(self, index: int) -> Scaled | None:
        """What was put there, or None."""
        if index >= len(self.plan.sizes) or not self._opened()[index]:
            return None
        ids, image, labels = self._places(index)
        return Scaled(image=image, labels=labels, instances=ids if self._opened()[index] == 2 else None)

    def put(self, index: int, scaled: Scaled) -> None:
        """Keep a sample, if there is room for it; it counts as kept once all of it is there."""
        if index >= len(self.plan.sizes) or scaled.labels.shape != self.plan.sizes[index]:
            return
        ids, image, labels = self._places(index)
        image.copy_(scaled.image)
        labels.copy_(scaled.labels)
        if scaled.instances is not None:
            ids.copy_(scaled.instances)
        self._opened()[index] = 1 if scaled.instances is None else 2

    def _places(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Where instances (h, w) int32, image (3, h, w) uint8 and labels (h, w) uint8 of a sample lie."""
        height, width = self.plan.sizes[index]
        pixels = height * width
        there = self._opened()[self._starts[index] : self._starts[index + 1]]
        ids, image, labels = there.split([4 * pixels, 3 * pixels, pixels])
        return ids.view(torch.int32).view(height, width), image.view(3, height, width), labels.view(height, width)

    def _opened(self) -> Tensor:
        if self._bytes is None:
            self._bytes = torch.from_file(str(self.path), shared=True, size=self.plan.bytes, dtype=torch.uint8)
        return self._bytes


def reserve(path: Path, size: int) -> bool:
    """Make a file of zeros whose room on the disk is taken now, not found missing later; False where there is none."""
    try:
        with path.open("xb") as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                for start in range(0, size, 2**20):
                    file.write(bytes(min(2**20, size - start)))
    except OSError:
        remove(path)
        return False
    return True
