"""The folder of an export: what in it is ours, and writing there without harm to anything else."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.console import count
from pipeline.errors import GauganpipeError, WorkspaceError
from pipeline.exports.layout import Content, Piece
from pipeline.links import link
from pipeline.rows import digest
from pipeline.workspace import write_atomically

ABOUT = "export.json"
"""What makes a folder ours: it says the layout, the classes, of every file what it was made from, and whether all is
there."""
PART = ".part"
SECONDS_BETWEEN_RECORDS = 30


@dataclass(frozen=True, kw_only=True)
class Marker:
    """What ABOUT says in every layout.    complete: False from the first file that is written until the last one.

    splits: that are there.    files: name -> what it was made from, "" for one that may be there or not.
    sizes: name -> bytes of it, when it was written.
    """

    layout: str
    files: dict[str, str]
    sizes: dict[str, int] = field(default_factory=dict)
    splits: list[str] = field(default_factory=list)
    complete: bool = False


class ExportFolder:
    """A folder that is empty, or was exported to before in the same layout."""

    def __init__(self, path: Path, layout: str) -> None:
        """Reads what is there; writes nothing.

        Raises: GauganpipeError when it is a file, or holds another layout; WorkspaceError when ABOUT cannot be read.
        """
        if path.exists() and not path.is_dir():
            raise GauganpipeError(f"{path} is a file. Name a folder that is empty or not there yet")
        said = read_about(path)
        if said and said["layout"] != layout:
            raise GauganpipeError(f"{path} holds an export as {said['layout']}. Name another folder for {layout}")
        self.path = path
        self.is_ours = bool(said)
        self.splits: tuple[str, ...] = tuple(said.get("splits", ()))
        self._known: dict[str, str] = dict(said.get("files", {}))
        self._sizes: dict[str, int] = dict(said.get("sizes", {}))
        self._is_complete = True
        self._recorded_at = time.monotonic()

    def demand_own(self, pieces: Iterable[Piece]) -> None:
        """Raises: GauganpipeError when the folder holds anything that this export would not write.

        What begins with a dot, as .git does, is nobody's photo and nothing of ours: it is not looked at.
        """
        wanted = {name for piece in pieces for own in piece.files for name in (own, _beside(own))}
        left = []
        for path in _files(self.path):
            name = path.relative_to(self.path).as_posix().removesuffix(PART)
            if name == ABOUT or (self.is_ours and name in wanted):
                continue
            if name not in self._known:
                raise GauganpipeError(
                    f"{self.path} holds other files: {path}. Name a folder that is empty or not there yet"
                )
            left.append(path)
        if left:
            others = f" and {count(len(left) - 1, 'other')}" if len(left) > 1 else ""
            raise GauganpipeError(
                f"{left[0]} was exported once and is no longer part of the data set, or has moved to another split. "
                f"Take it{others} away, or export to an empty folder"
            )

    def has(self, piece: Piece) -> bool:
        """Whether the files of a piece are there, whole, and would come out the same."""
        if not piece.made_from or any(self._known.get(name) != piece.made_from for name in piece.files):
            return False
        if piece.is_finished_by_hand:
            return all((self.path / name).is_file() for name in piece.files)
        return all(map(self._is_whole, piece.files))

    def left_by_an_earlier_export(self, name: str) -> Path | None:
        """A file as an export that was finished has left it; None where there is none."""
        return self.path / name if self._known.get(name) and self._is_whole(name) else None

    def begin(self, said: Mapping[str, Any], pieces: Iterable[Piece]) -> None:
        """Writes down that the folder is not complete, and the files of these pieces: from now on all may be there."""
        self._is_complete = False
        for piece in pieces:
            for name in piece.files:
                if piece.is_finished_by_hand:
                    self._known.setdefault(name, piece.made_from)
                else:
                    self._known[name] = ""
        self.record(said)

    def finish(self, said: Mapping[str, Any]) -> None:
        """Writes down that all is there."""
        self._is_complete = True
        self.record(said)

    def write(self, piece: Piece) -> list[str]:
        """Writes the files of a piece; gives the names of those that stand beside one that a person has changed."""
        beside = []
        for name, content in piece.make().items():
            place = self.path / name
            if piece.is_finished_by_hand and self._is_changed(name):
                beside.append(_beside(name))
                place = self.path / _beside(name)
            _put(place, content)
            self._known[name] = piece.made_from
            self._sizes[name] = place.stat().st_size
        return beside

    def record(self, said: Mapping[str, Any], *, is_due: bool = True) -> None:
        """Writes down what the folder holds.    is_due: False where once in a while is enough."""
        if not is_due and time.monotonic() - self._recorded_at < SECONDS_BETWEEN_RECORDS:
            return
        is_listed = (lambda name: (self.path / name).is_file()) if self._is_complete else bool
        files = {name: self._known[name] for name in sorted(self._known) if is_listed(name)}
        sizes = {name: self._sizes[name] for name in files if name in self._sizes}
        about = {**said, "complete": self._is_complete, "files": files, "sizes": sizes}
        data = (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()
        place = self.path / ABOUT
        if not place.is_file() or place.read_bytes() != data:
            write_atomically(place, data)
        self.is_ours = True
        self._recorded_at = time.monotonic()

    def _is_whole(self, name: str) -> bool:
        """Whether a file is there, of as many bytes as were written."""
        try:
            return (self.path / name).stat().st_size == self._sizes.get(name)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _is_changed(self, name: str) -> bool:
        """Whether a file whose key is the digest of its bytes has others now."""
        place = self.path / name
        return name in self._known and place.is_file() and digest(place.read_bytes()) != self._known[name]


def read_about(folder: Path) -> dict[str, Any]:
    """What an earlier export says of itself; nothing where there was none.

    Raises: WorkspaceError when the file is damaged.
    """
    from pydantic import TypeAdapter

    path = folder / ABOUT
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        about = asdict(TypeAdapter(Marker).validate_python(said))
        return {**said, **{name: about[name] for name in about.keys() & said.keys()}}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, RecursionError):
        raise WorkspaceError(f"{path} cannot be read. Export to an empty folder, or move that file away") from None


def _beside(name: str) -> str:
    """README.md -> README.new.md"""
    stem, _, suffix = name.rpartition(".")
    return f"{stem}.new.{suffix}"


def _files(folder: Path) -> Iterator[Path]:
    """Everything in a folder that is no folder, a linked folder included; nothing that begins with a dot."""
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.name.startswith("."):
                continue
            if path.is_dir() and not path.is_symlink():
                yield from _files(path)
            else:
                yield path


def _put(place: Path, content: Content) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        write_atomically(place, content)
    elif isinstance(content, Path):
        link(content, place)
    else:
        part = place.with_name(place.name + PART)
        try:
            with part.open("wb") as file:
                content(file)
            part.replace(place)
        finally:
            part.unlink(missing_ok=True)
