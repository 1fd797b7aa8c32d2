"""How much memory there is, how much was used, and what to say when it does not suffice."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import torch

from gaugan.errors import OutOfMemoryError
from gaugan.settings import Settings

LIMITS_OF_A_GROUP = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
"""Where Linux says how much memory a container may have, and has."""
SIGNS_OF_AN_END = ("can't allocate memory", "not enough memory", "out of memory", "Cannot allocate memory")


def free_bytes(device: torch.device) -> int:
    """Memory that the device has left: of the GPU; else of the machine, the container and the process, the least."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min([psutil.virtual_memory().available, *_left_to_the_group(), *_left_to_the_process()])


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory so far: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


@contextlib.contextmanager
def explained_memory(settings: Settings) -> Iterator[None]:
    """Turns the end of the memory into a sentence with the settings to lower. Raises: OutOfMemoryError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_end_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"the memory does not suffice for {what_needs_it(settings)}. {remedies(settings)}"
        ) from error


def is_end_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has come to its end, of a GPU or of the machine."""
    ends = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return ends or (isinstance(error, RuntimeError) and any(sign in str(error) for sign in SIGNS_OF_AN_END))


def what_needs_it(settings: Settings) -> str:
    """A batch, as a sentence speaks of it."""
    parts = settings.training.accumulate
    learned = f" in {parts} parts" if parts > 1 else ""
    return f"a batch of {settings.training.batch_size} images{learned} at {settings.data.crop_size} px"


def remedies(settings: Settings) -> str:
    """What to lower, the least harm first."""
    training, ways = settings.training, []
    if training.batch_size > training.accumulate:
        parts = next(n for n in range(2 * training.accumulate, training.batch_size + 1) if training.batch_size % n == 0)
        ways.append(f"learn it in more parts: --set accumulate={parts}")
    if training.precision == "float32":
        ways.append("compute in halves: --set precision=bf16")
    ways.append(f"show smaller pictures: --set crop_size={max(32, settings.data.crop_size // 2)}")
    ways.append(f"make the networks narrower: --set model.width={max(4, settings.model.width // 2)}")
    return "The least harm first, " + "; ".join(ways)


def _left_to_the_group() -> list[int]:
    for limit, used in LIMITS_OF_A_GROUP:
        with contextlib.suppress(OSError, ValueError):
            return [max(0, int(limit.read_text()) - int(used.read_text()))]
    return []


def _left_to_the_process() -> list[int]:
    if sys.platform == "win32":
        return []
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return [] if limit == resource.RLIM_INFINITY else [max(0, limit - psutil.Process().memory_info().vms)]
