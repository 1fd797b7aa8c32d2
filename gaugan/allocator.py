"""How this process gives memory back to the system: not between the steps of a training run."""

import ctypes
import sys
from collections.abc import Callable

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt, as its malloc.h numbers them."""


def keep_memory() -> bool:
    """Let this process keep memory that it has freed, for its next step; returns whether the system can be told.

    glibc gives every large tensor back as soon as it is freed, and the system clears the pages again for the next one,
    which costs more than many layers do. It is a matter of glibc: macOS and Windows keep memory by themselves.
    """
    mallopt = of_glibc("mallopt")
    return mallopt is not None and bool(mallopt(TRIM_THRESHOLD, -1)) and bool(mallopt(MMAP_MAX, 0))


def give_back_memory() -> None:
    """Give back, once, what was kept and is not in use: so that what a process uses from now on can be measured."""
    trim = of_glibc("malloc_trim")
    if trim is not None:
        trim(0)


def of_glibc(name: str) -> Callable[..., int] | None:
    """A function of glibc; None where this system has another library."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
