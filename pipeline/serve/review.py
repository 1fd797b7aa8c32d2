"""The rows that a person looks through, and what they decide: journalled at once, with all that depends on it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import corrections, images
from pipeline.errors import GauganpipeError
from pipeline.manifest import Manifest, demand, writing
from pipeline.rows import REJECTED, Row
from pipeline.workspace import Workspace, hold

SHOWN = ("waiting", "reviewed", "rejected", "all")
"""Which rows can be asked for: nobody has looked at them; a person has; a person or a rule turned them down."""


class NoSuchPhotoError(GauganpipeError):
    """No row of this id has a photo and a label map."""


class ChangedMeanwhileError(GauganpipeError):
    """The label map is not the one that the person has seen."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Some of the rows that were asked for, the least certain first, and how many there are of each of SHOWN."""

    rows: list[Row]
    counts: dict[str, int]


class Review:
    """A workspace that a person looks through. It is held for writing only while a decision is written down.

    Methods may be called from any thread.
    """

    def __init__(self, workspace: Workspace) -> None:
        """Raises: ManifestError when there is no manifest, or one that cannot be read."""
        self.workspace = workspace
        self._lock = threading.RLock()
        self._load()

    @property
    def manifest(self) -> Manifest:
        return self._manifest

    def queue(self, show: str, *, first: int = 0, most: int | None = None) -> Queue:
        """show: one of SHOWN.    first, most: which part of it."""
        with self._lock:
            self._catch_up()
            rows = [row for row in self._manifest.rows.values() if _can_be_seen(row)]
        shown = {name: [row for row in rows if name in ("all", _state(row))] for name in SHOWN}
        ordered = sorted(shown[show], key=lambda row: (row.label_confidence or 0.0, row.id))
        end = None if most is None else first + most
        return Queue(rows=ordered[first:end], counts={name: len(found) for name, found in shown.items()})

    def find(self, id: str) -> Row:
        """Raises: NoSuchPhotoError."""
        with self._lock:
            if id not in self._manifest.rows:
                self._catch_up()
            row = self._manifest.rows.get(id)
        if row is None or not _can_be_seen(row):
            raise NoSuchPhotoError(f"there is no labelled photo '{id[:100]}'. Load the page again")
        return row

    def photo(self, id: str) -> Path:
        """The file of the photo.

        Raises: NoSuchPhotoError, also when the file is gone.
        """
        row = self.find(id)
        path = self.workspace.resolve(row.file_name)
        if not path.is_file():
            raise NoSuchPhotoError(f"{row.original_name} has lost its file, {row.file_name}. See gauganpipe inspect")
        return path

    def labels(self, id: str, *, machine: bool = False) -> np.ndarray:
        """The label map, (H, W) uint8; or the one that the machine had made before a person changed it.

        Raises: NoSuchPhotoError; PhotoError when it cannot be read or is not of the photo's size.
        """
        row = self.find(id)
        path = self.workspace.resolve(row.label_file_name)
        if machine and self.workspace.holds(corrections.MACHINE_LABELS, id):
            path = self.workspace.made(corrections.MACHINE_LABELS, id)
        ids = images.read_labels(path)
        corrections.demand_fitting(row, ids, self._manifest.taxonomy)
        return ids

    def has_machine_labels(self, row: Row) -> bool:
        return self.workspace.holds(corrections.MACHINE_LABELS, row.id)

    def accept(self, id: str, *, seen: str) -> Row:
        """seen: digest of the label map that the person looked at; "" for whichever it is.

        Raises: NoSuchPhotoError, ChangedMeanwhileError; WorkspaceError while another process writes.
        """
        with self._deciding(id, seen) as (manifest, row):
            manifest.record(corrections.accepted(row, manifest.about))
        return self.find(id)

    def turn_down(self, id: str) -> Row:
        """Raises: NoSuchPhotoError; WorkspaceError while another process writes."""
        with self._deciding(id, "") as (manifest, row):
            manifest.record(corrections.turned_down(row))
        return self.find(id)

    def paint(self, id: str, ids: np.ndarray, *, seen: str) -> Row:
        """Takes the label map that a person has painted, (H, W) uint8, and makes instances and edges of it.

        Raises: as `accept`; PhotoError when the map does not fit the photo or holds what is no class.
        """
        with self._deciding(id, seen) as (manifest, row):
            manifest.record(corrections.corrected(self.workspace, row, ids, manifest.about))
        return self.find(id)

    def close(self) -> None:
        """Folds the journal into the CSV files; where that cannot be now, the next command does it."""
        with self._lock, suppress(GauganpipeError):
            if self.workspace.journal.exists():
                with writing(self.workspace):
                    pass

    @contextmanager
    def _deciding(self, id: str, seen: str) -> Iterator[tuple[Manifest, Row]]:
        with self._lock, hold(self.workspace.manifests, f"the manifest of {self.workspace.root}"):
            self._catch_up()
            if not self._is_journal_ours and self.workspace.journal.exists():
                self._manifest.fold()  # its last line may be torn, and nothing may be written behind that
            row = self.find(id)
            if seen and seen != row.digests.get("label", ""):
                raise ChangedMeanwhileError(
                    f"the label map of {row.original_name} has changed since it was shown. Load it again, and decide"
                )
            self._seen = []  # read again, should this fail halfway
            try:
                yield self._manifest, row
            finally:
                self._manifest.close()
            self._is_journal_ours = True
            self._seen = self._state_on_disk()

    def _load(self) -> None:
        demand(self.workspace)
        self._is_journal_ours = False
        self._seen = self._state_on_disk()
        self._manifest = Manifest(self.workspace)

    def _catch_up(self) -> None:
        """Reads the table again where another process has written it."""
        if self._state_on_disk() != self._seen:
            self._load()

    def _state_on_disk(self) -> list[tuple[str, int, int]]:
        """Changes whenever somebody writes the table or its journal."""
        found = []
        for path in (
            *sorted(self.workspace.manifests.glob("*.csv")),
            self.workspace.dataset_json,
            self.workspace.journal,
        ):
            with suppress(FileNotFoundError):
                stat = path.stat()
                found.append((path.name, stat.st_mtime_ns, stat.st_size))
        return found


def _can_be_seen(row: Row) -> bool:
    return bool(row.file_name and row.label_file_name)


def _state(row: Row) -> str:
    """Which of SHOWN a row is, besides being one of all."""
    if row.keep == "no" or row.status == REJECTED:
        return "rejected"
    return "reviewed" if row.label_reviewed == "yes" else "waiting"
