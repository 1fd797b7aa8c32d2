"""How much memory there is, how much was used, and what to say when it does not suffice."""

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch
from torch import distributed

from gaugan.errors import OutOfMemoryError
from gaugan.settings import Settings

Result = TypeVar("Result")

GROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Where Linux says how much memory groups of processes may have, and in which of them this one is."""
SIGNS_OF_AN_END = (
    *("can't allocate memory", "not enough memory", "out of memory", "Cannot allocate memory"),
    *("STATUS_ALLOC_FAILED", "bad_alloc"),  # of the libraries of a GPU, as CUBLAS_STATUS_ALLOC_FAILED, and of C++
)
SMALLEST_PX, NARROWEST = 32, 4
"""Nobody is told to go below this crop_size and width."""


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


def explains_memory(function: Callable[..., Result]) -> Callable[..., Result]:
    """The same for all of a function whose first argument is the settings."""

    @functools.wraps(function)
    def explained(settings: Settings, *given: Any, **named: Any) -> Result:
        with explained_memory(settings):
            return function(settings, *given, **named)

    return explained


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
    """What to lower, the least harm first; only what these settings allow."""
    training = settings.training
    size, width = max(SMALLEST_PX, settings.data.crop_size // 2), max(NARROWEST, settings.model.width // 2)
    processes = distributed.get_world_size() if distributed.is_initialized() else 1
    more_parts = range(2 * training.accumulate, training.batch_size // processes + 1)
    ways = [
        *(("learn it in more parts", "training", "accumulate", parts) for parts in more_parts),
        ("compute in halves", "training", "precision", "bf16"),
        ("show smaller pictures", "data", "crop_size", min(size, settings.data.crop_size)),
        ("make the networks narrower", "model", "width", min(width, settings.model.width)),
    ]
    found: dict[str, str] = {}
    for words, section, name, value in ways:
        is_even = name != "accumulate" or training.batch_size % (value * processes) == 0
        if words not in found and is_even and _may_be(settings, section, name, value):
            found[words] = f"{words}: --set {'model.' if name == 'width' else ''}{name}={value}"
    if not found:
        return "There is nothing left to lower: end other programs, or train where there is more memory"
    return "The least harm first, " + "; ".join(found.values())


def _may_be(settings: Settings, section: str, name: str, value: Any) -> bool:
    """Whether a setting has another value than this, and may have it."""
    values = settings.model_dump()
    if values[section][name] == value:
        return False
    values[section][name] = value
    try:
        Settings.model_validate(values)
    except ValueError:
        return False
    return True


def _left_to_the_group() -> list[int]:
    """What each group that this process is in may still have, where it has a limit; files kept in memory can go."""
    left = []
    for folder in _groups():
        is_old = (folder / "memory.limit_in_bytes").exists()  # cgroups of version 1
        limit, used = ("memory.limit_in_bytes", "memory.usage_in_bytes") if is_old else ("memory.max", "memory.current")
        with contextlib.suppress(OSError, ValueError):
            may_go = _files_in_memory(folder / "memory.stat", prefix="total_" if is_old else "")
            left.append(int((folder / limit).read_text()) - int((folder / used).read_text()) + may_go)
    return [max(0, few) for few in left]


def _groups() -> list[Path]:
    """Folders of the groups that this process is in: its own, those around it, and the root, which a container sees."""
    folders = [GROUPS, GROUPS / "memory"]
    with contextlib.suppress(OSError):
        for line in OWN_GROUPS.read_text().splitlines():
            _, kinds, path = line.split(":", 2)
            if kinds and "memory" not in kinds.split(","):
                continue
            root = GROUPS / "memory" if kinds else GROUPS
            own = root / path.lstrip("/")
            folders += [own, *(around for around in own.parents if around.is_relative_to(root))]
    return list(dict.fromkeys(folders))


def _files_in_memory(statistics: Path, *, prefix: str) -> int:
    try:
        lines = dict(line.split(" ", 1) for line in statistics.read_text().splitlines())
    except OSError:
        return 0
    return sum(int(lines.get(f"{prefix}{name}", 0)) for name in ("inactive_file", "active_file"))


def _left_to_the_process() -> list[int]:
    if sys.platform == "win32":
        return []
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return [] if limit == resource.RLIM_INFINITY else [max(0, limit - psutil.Process().memory_info().vms)]
