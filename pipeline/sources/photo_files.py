"""Photos in a folder and the folders below it: which files are photos, what is said of them, and how one is read."""

import os
import posixpath
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

from pipeline.errors import PhotoError, SourceError
from pipeline.sources.candidate import Candidate
from pipeline.sources.credits import SILENCE, credited, credits_beside, key_of

SUFFIXES = frozenset(
    {*(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp"), *(".tif", ".tiff", ".bmp", ".heic", ".heif", ".avif")}
)
"""Endings of the files that are taken for photos, whatever their case. The content decides what they are."""


def ending_of(name: str) -> str:
    """`.jpg` of `a/Lake.JPG`, "" for a name without an ending."""
    return posixpath.splitext(name)[1].lower().removesuffix(".")


def photos_in(
    root: Path, *, called: str, source: str, source_page: str = "", license: str = "", without: Collection[Path] = ()
) -> Iterator[Candidate]:
    """The photos of a folder in the order of their names, hidden files left out, with what a CSV file at its top says.

    called: the folder, in errors.    license: what all of them are under, where the CSV file does not say otherwise.
    without: folders that are not looked into.

    Raises: SourceError when there is no photo, or the CSV file cannot be read.
    """
    found = (path for path in files_in(root, without) if ending_of(path.name) in SUFFIXES)
    paths = sorted(found, key=lambda path: path.relative_to(root).as_posix())
    if not paths:
        raise SourceError(f"there is no photo in {called}: no file ends in {' '.join(sorted(SUFFIXES))}")
    said = credits_beside(_tables(root))
    for path in paths:
        name = path.relative_to(root).as_posix()
        photo = Candidate(name=name, read=partial(_read, path, root.resolve()), source=source, source_page=source_page)
        yield credited(photo, said.get(key_of(name), SILENCE), license=license)


def endings_left_out(root: Path, *, without: Collection[Path] = ()) -> Counter[str]:
    """Endings of the files that are not taken for photos, in small letters -> how many; hidden files do not count."""
    endings = (ending_of(path.name) for path in files_in(root, without))
    return Counter(ending for ending in endings if ending not in SUFFIXES)


def files_in(root: Path, without: Collection[Path]) -> Iterator[Path]:
    """Every file that is not hidden.

    Raises: SourceError when a folder cannot be looked into.
    """
    closed = {path.resolve() for path in without}
    for folder, folders, files in os.walk(root, onerror=refuse):
        folders[:] = [
            name for name in folders if not name.startswith(".") and (Path(folder) / name).resolve() not in closed
        ]
        yield from (Path(folder) / name for name in files if not name.startswith("."))


def refuse(error: OSError) -> NoReturn:
    """Says that a folder cannot be looked into."""
    raise SourceError(f"cannot look into {error.filename}: {error.strerror}. Give yourself the right to read it")


def _tables(root: Path) -> Iterator[tuple[str, str, BinaryIO]]:
    """The CSV files at the top of a folder, one open at a time."""
    paths = sorted(path for path in root.iterdir() if ending_of(path.name) == ".csv" and path.is_file())
    for path in paths:
        if path.name.startswith(".") or not path.resolve().is_relative_to(root.resolve()):
            continue
        try:
            file = path.open("rb")
        except OSError as error:
            raise SourceError(f"cannot read {path}: {error.strerror}. Give yourself the right to read it") from None
        with file:
            yield str(path), "", file


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
