"""How this process gives memory back to the system: not between the steps of a training run."""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Parameters of glibc's mallopt, as its malloc.h numbers them."""


def keep_memory() -> bool:
    """Let this process keep memory that it has freed, for its next step; returns whether the system can be told.

    glibc gives every large tensor back as soon as it is freed, and the system clears the pages again for the next one,
    which costs more than many layers do. It is a matter of glibc: macOS and Windows keep memory by themselves.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(TRIM_THRESHOLD, -1)) and bool(mallopt(MMAP_MAX, 0))
