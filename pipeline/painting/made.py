"""Which pictures of a folder were painted from what: pictures.jsonl, a line a picture, the last one counts."""

import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from pipeline.workspace import write_atomically

FILE = "pictures.jsonl"


class MadePictures:
    """What was painted in a folder, by the names of the files; `with` closes the list.

    A line says a name, a key, which is another wherever the picture would be, and how many bytes the file has; or a
    name alone, of a file that is about to be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._made: dict[str, list] = {}
        self._file: IO[bytes] | None = None
        self._is_torn = False
        if self._path.is_file():
            written = self._path.read_bytes()
            self._whole = written[: written.rfind(b"\n") + 1]
            self._is_torn = self._whole != written
            for line in self._whole.splitlines():
                # A line that says nothing names no picture: that one is painted again.
                with contextlib.suppress(ValueError, TypeError):
                    name, *made = json.loads(line)
                    self._made[name] = made

    def __enter__(self) -> "MadePictures":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def are_there(self, paths: tuple[Path, ...], key: str) -> bool:
        """Whether files of the folder were painted from what the key says, and are there in full length."""
        return all(path.is_file() and self._made.get(path.name) == [key, path.stat().st_size] for path in paths)

    def is_free(self, path: Path) -> bool:
        """Whether nothing stands in the place of a file but what was painted here."""
        return path.name in self._made or not os.path.lexists(path)

    def claim(self, paths: tuple[Path, ...]) -> None:
        """Writes down that files are about to be painted: whatever happens then, they are known to be ours."""
        self._write([path.name] for path in paths)

    def add(self, paths: tuple[Path, ...], key: str) -> None:
        """Writes down that files were painted from what the key says."""
        self._write([path.name, key, path.stat().st_size] for path in paths)

    def _write(self, lines: Iterable[list]) -> None:
        if self._file is None:
            if self._is_torn:
                # By a crash.
                write_atomically(self._path, self._whole)
            self._file = self._path.open("ab")
        for line in lines:
            self._made[line[0]] = line[1:]
            self._file.write(json.dumps(line).encode() + b"\n")
        self._file.flush()
