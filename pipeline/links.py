"""A file under a second name, where the disk can do that."""

import contextlib
import os
from pathlib import Path

from pipeline.workspace import write_atomically


def link(source: Path, place: Path) -> None:
    """The same file under a second name, or a copy where the disk cannot do that; whole at any moment."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(place.name + ".part")
    part.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), part)
    except OSError:
        write_atomically(place, source.read_bytes())
    else:
        part.replace(place)
        with contextlib.suppress(FileNotFoundError):
            part.unlink()  # two names of one file: renaming one to the other leaves both
