"""Which pictures of a folder were painted from what: pictures.jsonl, a line a picture, the last one counts."""

import contextlib
import json
from pathlib import Path
from typing import IO

from pipeline.workspace import write_atomically

FILE = "pictures.jsonl"


class MadePictures:
    """What was painted in a folder, by the names of the files; `with` closes the list.

    A line says a name and a key, which is another wherever the picture would be.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._keys: dict[str, str] = {}
        self._file: IO[bytes] | None = None
        self._is_torn = False
        if self._path.is_file():
            written = self._path.read_bytes()
            self._whole = written[: written.rfind(b"\n") + 1]
            self._is_torn = self._whole != written
            for line in self._whole.splitlines():
                # A line that says nothing names no picture: that one is painted again.
                with contextlib.suppress(ValueError, TypeError):
                    name, key = json.loads(line)
                    self._keys[name] = key

    def __enter__(self) -> "MadePictures":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def are_there(self, paths: tuple[Path, ...], key: str) -> bool:
        """Whether files of the folder were painted from what the key says, and are still there."""
        return all(self._keys.get(path.name) == key and path.is_file() for path in paths)

    def add(self, paths: tuple[Path, ...], key: str) -> None:
        """Writes down that files were painted from what the key says."""
        if self._file is None:
            if self._is_torn:
                # By a crash.
                write_atomically(self._path, self._whole)
            self._file = self._path.open("ab")
        for path in paths:
            self._keys[path.name] = key
            self._file.write(json.dumps([path.name, key]).encode() + b"\n")
        self._file.flush()
