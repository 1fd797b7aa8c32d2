"""Photos in a folder and the folders below it."""

import os
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

from pipeline.errors import PhotoError, SourceError
from pipeline.sources.candidate import Candidate

SUFFIXES = frozenset(
    {*(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"), *(".tif", ".tiff", ".bmp", ".heic", ".heif", ".avif")}
)
"""Endings of the files that are taken for photos, whatever their case. The content decides what they are."""


def candidates(spec: str, *, without: Collection[Path] = ()) -> Iterator[Candidate]:
    """The photos of a folder in the order of their names, hidden files left out.

    without: folders that are not looked into.

    Raises: SourceError when there is no such folder, or no photo in it.
    """
    root = _folder(spec)
    found = (path for path in _files(root, without) if path.suffix.lower() in SUFFIXES)
    paths = sorted(found, key=lambda path: path.relative_to(root).as_posix())
    if not paths:
        raise SourceError(f"there is no photo in {spec}: no file ends in {' '.join(sorted(SUFFIXES))}")
    for path in paths:
        name = path.relative_to(root).as_posix()
        yield Candidate(name=name, read=partial(_read, path, root.resolve()), source="folder")


def left_out(spec: str, *, without: Collection[Path] = ()) -> Counter[str]:
    """Endings of the files that are not taken for photos, in small letters -> how many; hidden files do not count.

    Raises: SourceError when there is no such folder.
    """
    endings = (path.suffix.lower() for path in _files(_folder(spec), without))
    return Counter(ending for ending in endings if ending not in SUFFIXES)


def _folder(spec: str) -> Path:
    try:
        root = Path(spec).expanduser()
        if root.is_dir():
            return root
        if root.is_file():
            raise SourceError(f"{spec} is a file. Name the folder that it is in")
    except OSError as error:
        _refuse(error)
    except RuntimeError:  # ~photos is the home of a user called photos, whom nobody knows
        pass
    raise SourceError(f"there is no folder {spec}. Name a folder of photos, or drawn:120 for drawn landscapes")


def _refuse(error: OSError) -> NoReturn:
    raise SourceError(f"cannot look into {error.filename}: {error.strerror}. Give yourself the right to read it")


def _files(root: Path, without: Collection[Path]) -> Iterator[Path]:
    """Every file that is not hidden."""
    closed = {path.resolve() for path in without}
    for folder, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = [
            name for name in folders if not name.startswith(".") and (Path(folder) / name).resolve() not in closed
        ]
        yield from (Path(folder) / name for name in files if not name.startswith("."))


def _read(path: Path, root: Path) -> bytes:
    try:
        if not path.is_file():
            raise PhotoError("is not a regular file, or a link to nothing")
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            raise PhotoError(
                "is a link that leads out of the folder, which is not followed. Put the photo itself there"
            )
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(f"cannot be read: {error.strerror}") from None
