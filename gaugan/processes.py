"""The processes that train one run together, each on a device of its own; or this one alone."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.state import AcceleratorState
from torch import Tensor, distributed

from gaugan.allocator import keep_memory
from gaugan.errors import TrainingError
from gaugan.settings import Settings

SIGNS_OF_A_LOST_PROCESS = (
    *("connection closed", "connection was likely closed", "connection reset", "broken pipe"),
    "ncclremoteerror",  # what NCCL calls a connection that another process closed or reset
)
"""In small letters."""


def accelerate(settings: Settings) -> Accelerator:
    """This process among those that were launched together, or alone; it keeps its memory from step to step."""
    keep_memory()
    if not distributed.is_initialized():
        # An earlier run in this process may have had another precision.
        AcceleratorState._reset_state(reset_partial_state=True)
    precision = "no" if settings.training.precision == "float32" else settings.training.precision
    return Accelerator(cpu=settings.training.device == "cpu", mixed_precision=precision)


def meet(*, cpu: bool) -> int:
    """This process's number, 0 for the first, once all that were launched together are there.

    cpu: whether they compute without their GPUs.
    """
    return PartialState(cpu=cpu or not torch.accelerator.is_available()).process_index


def shared(fact: Any) -> Any:
    """What the first process says, on all of them; it waits for all."""
    if not distributed.is_initialized():
        return fact
    facts = [fact]
    distributed.broadcast_object_list(facts, src=0)
    return facts[0]


def least(number: int) -> int:
    """The least that any process has."""
    if not distributed.is_initialized():
        return number
    numbers = [0] * distributed.get_world_size()
    distributed.all_gather_object(numbers, number)
    return min(numbers)


def summed(x: Tensor) -> Tensor:
    """The sum over all processes; without gradients."""
    if not distributed.is_initialized():
        return x
    total = x.detach().clone()
    distributed.all_reduce(total)
    return total


@contextlib.contextmanager
def explained_processes() -> Iterator[None]:
    """Turns the loss of another process into a sentence. Raises: TrainingError."""
    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if not distributed.is_initialized() or not any(sign in said.lower() for sign in SIGNS_OF_A_LOST_PROCESS):
            raise
        raise TrainingError(
            "another process of this run has ended, so this one cannot go on. The same command goes on from the last "
            f"checkpoint, with as many processes as you like. It was noticed by: {said.splitlines()[0]}"
        ) from error
