"""A process that decodes what it is sent, one file after another; tests/test_fuzz.py starts it.

    python -m tests.decoding MAX_SIDE

Every file comes as 8 bytes of its length and then itself. For each one line goes back: what became of it, and the
seconds of computing that it took.
"""

import struct
import sys
import time
from pathlib import Path

import numpy as np

from pipeline.errors import PhotoError
from pipeline.normalise import decode_photo

MOST_BYTES = 8 * 2**30
"""Of address space: a picture that takes more ends as one for which there is not enough memory."""


def main() -> None:
    import resource  # none on Windows

    max_side_px = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    source, answers = sys.stdin.buffer, sys.stdout
    while length := source.read(8):
        data = source.read(struct.unpack(">Q", length)[0])
        forget_the_highest_memory()
        begun = time.process_time()
        became = outcome(data, max_side_px)
        answers.write(f"{time.process_time() - begun:.3f} {became}\n")
        answers.flush()


def outcome(data: bytes, max_side_px: int) -> str:
    try:
        pixels = decode_photo(data, max_side_px=max_side_px).pixels
    except PhotoError as error:
        return f"refused {error}" if str(error).isprintable() else f"unprintable {error!r}"
    except BaseException as error:
        return f"escaped {error!r}".replace("\n", " ")
    is_photo = pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
    is_small = min(pixels.shape) > 0 and max(pixels.shape) <= max_side_px
    return f"photo {pixels.shape}" if is_photo and is_small else f"escaped as {pixels.dtype} {pixels.shape}"


def forget_the_highest_memory() -> None:
    """So that VmHWM in /proc/self/status tells of one file alone."""
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
