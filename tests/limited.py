"""A process that is given little memory once it has started; tests/test_memory.py starts it.

    python -m tests.limited train|auto MEGABYTES FOLDER

`train` begins a run that needs more; `auto` prints the batch that fits, and takes a step with it.
"""

import resource
import sys
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image

from gaugan.config import load_settings
from gaugan.errors import OutOfMemoryError
from gaugan.measure import find_batch, measure
from gaugan.reading import Sample
from gaugan.train import train

SIZE = ("crop_size=64", "model.width=16", "discriminator_width=16", "device=cpu", "workers=0", "cache_mb=0")


def main() -> None:
    what, megabytes, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    torch.zeros(8, 64, 64, 64).square().sum()  # threads and their stacks are there before the limit is
    grown = psutil.Process().memory_info().vms + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (grown, grown))
    if what == "train":
        try:
            begin(folder, batch_size=256)
        except OutOfMemoryError as error:
            sys.stdout.write(f"{error}\n")
        return
    settings = load_settings("tiny", (*SIZE, "images=256"))
    cost = measure(settings, classes=3, edges=False)
    batch_size = find_batch(settings, cost, photos=1000, classes=3, edges=False)
    sys.stdout.write(f"{batch_size}\n")
    begin(folder, batch_size=batch_size)


def begin(folder: Path, *, batch_size: int) -> None:
    photo, labels = folder / "photo.png", folder / "labels.png"
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(photo)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(labels)
    settings = load_settings("tiny", (*SIZE, f"batch_size={batch_size}", f"images={batch_size}"))
    sample = Sample(image=photo, labels=labels)
    train(settings, train_samples=[sample], fixed_samples=(), classes=3, run_folder=folder)


if __name__ == "__main__":
    main()
