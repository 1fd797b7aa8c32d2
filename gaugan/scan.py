"""Every label map read once before training: all their classes are known, and so is how much of each a photo has."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from gaugan.reading import UNKNOWN, Sample, mute_torchvision, read_labels

AT_ONCE = 1000
"""Label maps handed to the threads before all of them are waited for."""
COUNTED_PIXELS = 30_000
"""Torch counts fewer than 32,768 elements without threads of its own, which would be in each other's way."""


def known_shares(
    path: Path, samples: Sequence[Sample], *, classes: int, on_item: Callable[[], object] | None = None
) -> Tensor:
    """What `scan` gives, from a file if it was kept there, else scanned and kept."""
    shares = load_shares(path, samples)
    if shares is None or shares.shape[1] != classes + 1:
        shares = scan(samples, classes=classes, on_item=on_item)
        save_shares(path, shares, samples)
    return shares


def scan(
    samples: Sequence[Sample],
    *,
    classes: int,
    workers: int | None = None,
    on_item: Callable[[], object] | None = None,
) -> Tensor:
    """The share of each class in each sample's label map: (N, C+1) float32, the last of unknown.

    classes: C.    workers: threads; None for as many as suit the machine.    on_item: called once a label map.
    Raises: DataError on the first label map, in the order of samples, that cannot be read or holds a class that is
    none.
    """
    shares = torch.empty(len(samples), classes + 1)
    mute_torchvision()  # once here, so that no two threads do it at once
    with ThreadPoolExecutor(workers) as threads:
        try:
            for start in range(0, len(samples), AT_ONCE):
                some = samples[start : start + AT_ONCE]
                rows = threads.map(lambda sample: read_shares(sample.labels, classes=classes), some)
                for index, row in enumerate(rows, start):
                    shares[index] = row
                    if on_item:
                        on_item()
        finally:
            # After an error or Ctrl-C only what is being read is waited for.
            threads.shutdown(cancel_futures=True)
    return shares


def read_shares(path: Path, *, classes: int) -> Tensor:
    """The share of each class in a label map: (C+1,) float32, the last of unknown. Raises: DataError."""
    labels = read_labels(path, classes=classes).flatten()
    counts = torch.stack([part.bincount(minlength=256) for part in labels.split(COUNTED_PIXELS)]).sum(0)  # (256,)
    return torch.cat([counts[:classes], counts[UNKNOWN:]]) / len(labels)


def save_shares(path: Path, shares: Tensor, samples: Sequence[Sample]) -> None:
    """Keep what `scan` gave, so that the same label maps need not be read again; written beside and renamed."""
    held = {"shares": shares.contiguous(), "seal": seal(shares, samples)}
    beside = path.with_name(f".{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with beside.open("wb") as file:
            file.write(save(held))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_shares(path: Path, samples: Sequence[Sample]) -> Tensor | None:
    """What was kept; None where there is nothing, or it is damaged or of label maps that are other ones by now."""
    try:
        held = load(path.read_bytes())
        is_whole = torch.equal(held["seal"], seal(held["shares"], samples))
    except (OSError, SafetensorError, KeyError):
        return None
    return held["shares"] if is_whole else None


def seal(shares: Tensor, samples: Sequence[Sample]) -> Tensor:
    """A digest of shares and of what the system says of the label maps: (32,) uint8. Raises: OSError."""
    digest = hashlib.blake2b(repr(tuple(shares.shape)).encode() + shares.contiguous().numpy().tobytes(), digest_size=32)
    for sample in samples:
        status = sample.labels.stat()
        digest.update(repr((sample.labels.as_posix(), status.st_size, status.st_mtime_ns)).encode())
    return torch.tensor(list(digest.digest()), dtype=torch.uint8)
