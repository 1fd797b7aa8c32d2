"""What all layouts offer: Layout, a format of somebody else's; Piece, files of it that are written together."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from pipeline.rows import Row, digest

if TYPE_CHECKING:
    from pipeline.exports.dataset import Dataset

Content = bytes | Path | Callable[[BinaryIO], None]
"""What a file holds: these bytes, those of a file of the workspace, or what is written into it bit by bit."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Files that are written together: those of a photo, a shard of many, a table of all.

    files: their names, relative to the folder, with forward slashes.
    made_from: another text whenever the files would come out otherwise; "" where nobody can say.
    make: gives the content of each file. Raises PhotoError when a photo or a map cannot be read.
    photos: how many photos they bring into the folder.
    is_finished_by_hand: what a person has written into the file since is left alone.
    """

    files: tuple[str, ...]
    made_from: str
    make: Callable[[], Mapping[str, Content]]
    photos: int = 0
    is_finished_by_hand: bool = False


class Layout(Protocol):
    """A module of this package. What comes out of it depends on the dataset alone, never on the folder's place."""

    NAME: str
    TEXT: str
    """What it is, in a line."""
    NEEDS: tuple[str, ...]
    """Columns that a photo must have to be exported."""
    READING: str
    """How the folder is read, in Markdown, for the dataset card."""
    CONFIGS: Mapping[str, str]
    """Split as the Hugging Face hub calls it -> the pattern of its files; empty for what the hub cannot show."""

    def places(self, row: Row) -> dict[str, str]:
        """Column of the manifest -> where that file of a photo stands; empty where photos have no file of their own."""

    def pieces(self, dataset: "Dataset") -> Iterable[Piece]:
        """All files but those that stand in every export."""

    def advice(self, dataset: "Dataset", folder: Path) -> list[str]:
        """What a person may type next, a line each.    folder: absolute."""


def text_piece(name: str, data: bytes, *, is_finished_by_hand: bool = False) -> Piece:
    """A file whose bytes are known."""
    return Piece(
        files=(name,), made_from=digest(data), make=lambda: {name: data}, is_finished_by_hand=is_finished_by_hand
    )


def made_from(layout: str, version: int, rows: Iterable[Row], kinds: Iterable[str], *others: object) -> str:
    """What files of these photos were made from: "" when a file of one was never looked at.

    kinds: of the files that matter: image, label, instance, edge.    others: what else matters.
    """
    kinds = tuple(kinds)
    inputs = [tuple(row.digests.get(kind, "") for kind in kinds) for row in rows]
    return digest(repr((layout, version, inputs, others)).encode()) if all(map(all, inputs)) else ""
