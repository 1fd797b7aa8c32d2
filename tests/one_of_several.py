"""One of several processes that take training steps together; tests/test_processes.py starts them.

    RANK=0 WORLD_SIZE=2 ... python -m tests.one_of_several FOLDER

One step of each of SETTINGS, in double precision, so that nothing but the way of computing differs. The first process
writes down what it learned from, a file a step.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from gaugan.config import load_settings
from gaugan.data import Batch
from gaugan.processes import accelerate
from gaugan.randomness import generator
from gaugan.spade.method import SpadeMethod

SMALL = (
    *("crop_size=64", "width=4", "discriminator_width=4", "batch_size=8", "device=cpu", "style_size=8"),
    *("augmentation.colour=true", "augmentation.translation=0.125", "warp=0.05", "unknown_teaches=false"),
)
CLASSES = 3
SETTINGS = {
    "spade": ("norm=syncbatch", "style_encoder=true", "discriminator_norm=syncbatch"),
    "parts": ("norm=syncbatch", "accumulate=2"),
    "oasis": ("norm=syncbatch", "discriminator=segments", "noise_size=4", "features=0"),
    "instance": ("norm=instance",),
}


def main() -> None:
    torch.set_default_dtype(torch.float64)
    for name, assignments in SETTINGS.items():
        learn(assignments, Path(sys.argv[1]) / f"{name}.safetensors")


def learn(assignments: tuple[str, ...], place: Path) -> None:
    """Takes one step with these settings."""
    settings = load_settings("spade", (*SMALL, *assignments))
    accelerator = accelerate(settings)
    method = SpadeMethod(settings, classes=CLASSES, unknown=True, edges=True, accelerator=accelerator)

    learned: dict[str, torch.Tensor] = {}
    own_learn = method.learn

    def listen(name: str, network: torch.nn.Module) -> bool:
        found = {f"{name}/{key}": weight.grad for key, weight in network.named_parameters() if weight.grad is not None}
        learned.update({key: gradient.clone() for key, gradient in found.items()})
        return own_learn(name, network)

    method.learn = listen
    lesson = method.step(share(whole(), accelerator.process_index, accelerator.num_processes))
    assert not lesson.skipped
    if accelerator.is_main_process:
        statistics = {f"statistics/{key}": x.clone() for key, x in method.painter.named_buffers()}
        save_file({**learned, **statistics}, place)


def whole() -> Batch:
    """Eight pictures with labels of blocks, some of them unknown, the same in every process."""
    random = generator(0, "pictures")
    blocks = (
        torch.randint(0, CLASSES + 1, (8, 1, 8, 8), generator=random).repeat_interleave(8, 2).repeat_interleave(8, 3)
    )
    image = torch.rand(8, 3, 64, 64, generator=random) * 2 - 1
    edges = torch.randint(0, 2, (8, 1, 16, 16), generator=random).byte()
    edges = edges.repeat_interleave(4, 2).repeat_interleave(4, 3)
    return Batch(image=image, labels=blocks[:, 0].byte(), edges=edges, positions=tuple(range(8)))


def share(batch: Batch, rank: int, ranks: int) -> Batch:
    """As gaugan.data.Positions deals them out."""
    own = slice(rank, None, ranks)
    dealt = {"image": batch.image[own], "labels": batch.labels[own], "edges": batch.edges[own]}
    return replace(batch, **dealt, positions=batch.positions[own])


if __name__ == "__main__":
    main()
