"""The rows that a person looks through, and what they decide: journalled at once, with all that depends on it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import corrections, images
from pipeline.classes import Taxonomy
from pipeline.errors import GauganpipeError, PhotoError
from pipeline.manifest import Manifest, demand, writing
from pipeline.rows import Row, to_cells
from pipeline.serve.review_order import Order, can_be_seen
from pipeline.workspace import Workspace, hold


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

    def taxonomy(self) -> Taxonomy:
        """The classes that the label maps speak."""
        with self._lock:
            self._catch_up()
            return self._manifest.taxonomy

    def queue(self, show: str, *, first: int = 0, most: int | None = None) -> Queue:
        """show: one of SHOWN.    first, most: which part of it."""
        with self._lock:
            self._catch_up()
            rows = [self._manifest.rows[id] for id in self._order.part(show, first=first, most=most)]
            return Queue(rows=rows, counts=self._order.counts)

    def find(self, id: str) -> Row:
        """Raises: NoSuchPhotoError."""
        with self._lock:
            if id not in self._manifest.rows:
                self._catch_up()
            row = self._manifest.rows.get(id)
        if row is None or not can_be_seen(row):
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
        if machine and corrections.has_machine_labels(row):
            path = self.workspace.made(corrections.MACHINE_LABELS, id)
        ids = images.read_labels(path)
        corrections.demand_fitting(row, ids, self._manifest.taxonomy)
        return ids

    def accept(self, id: str, *, seen: str) -> Row:
        """seen: digest of the label map that the person looked at; "" for whichever it is.

        Raises: NoSuchPhotoError, ChangedMeanwhileError; WorkspaceError while another process writes.
        """
        with self._deciding(id, seen) as row:
            self._record(corrections.accepted(row, self._manifest.about))
        return self.find(id)

    def turn_down(self, id: str) -> Row:
        """Raises: NoSuchPhotoError; WorkspaceError while another process writes."""
        with self._deciding(id, "") as row:
            self._record(corrections.turned_down(row))
        return self.find(id)

    def paint(self, id: str, ids: np.ndarray, *, seen: str) -> Row:
        """Takes the label map that a person has painted, (H, W) uint8, and makes instances and edges of it.

        Raises: as `accept`; PhotoError when the map does not fit the photo or holds what is no class.
        """
        with self._deciding(id, seen) as row:
            about = self._manifest.about
            self._record(corrections.corrected(self.workspace, row, ids, about, meanwhile=self._record))
        return self.find(id)

    def finish_paintings(self) -> int:
        """Goes on with paintings that were cut off in the middle. Returns how many.

        What cannot be finished now, as another process writes, is finished when it is decided on.
        """
        finished = 0
        with self._lock:
            cut_off = [row.id for row in self._manifest.rows.values() if row.error == corrections.CUT_OFF]
            for id in cut_off:
                with suppress(GauganpipeError), self._deciding(id, "") as row:
                    finished += row.error != corrections.CUT_OFF
        return finished

    def close(self) -> None:
        """Folds the journal into the CSV files; where that cannot be now, the next command does it."""
        with self._lock, suppress(GauganpipeError):
            if self.workspace.journal.exists():
                with writing(self.workspace):
                    pass

    @contextmanager
    def _deciding(self, id: str, seen: str) -> Iterator[Row]:
        """The row as it stands on the disk, which nobody else changes while the block runs."""
        with self._lock, hold(self.workspace.manifests, f"the manifest of {self.workspace.root}"):
            self._catch_up()
            if not self._is_journal_ours and self.workspace.journal.exists():
                self._manifest.fold()  # its last line may be torn, and nothing may be written behind that
                self._seen = self._state_on_disk()
            try:
                row = self._finished(self.find(id))
                if seen and seen != row.digests.get("label", ""):
                    what = f"the label map of {row.original_name} has changed since it was shown"
                    raise ChangedMeanwhileError(f"{what}. Load it again, and decide")
                yield row
            finally:
                self._manifest.close()
            self._order.renew(self._manifest.rows[id])
            self._is_journal_ours = True
            self._seen = self._state_on_disk()

    def _finished(self, row: Row) -> Row:
        """The row with a painting of it that was cut off gone on with, where the label map can be read."""
        with suppress(PhotoError):
            if row.error == corrections.CUT_OFF:
                self._record(corrections.finished(self.workspace, row, self._manifest.about))
        return self._manifest.rows[row.id]

    def _record(self, row: Row) -> None:
        """Journals a row. The CSV files wait for the end: where there are many rows, they take seconds to write."""
        self._seen = []  # read again, should this or what comes behind it fail
        before = self._manifest.rows[row.id]
        if row.shares != before.shares:
            self._manifest.record(row)
            return
        said = to_cells(before)
        cells = {name: cell for name, cell in to_cells(row).items() if cell != said[name]}
        self._manifest.amend({row.id: cells})

    def _load(self) -> None:
        demand(self.workspace)
        seen = self._state_on_disk()
        manifest = Manifest(self.workspace, folds=False)
        order = Order(manifest.rows.values())
        self._is_journal_ours, self._manifest, self._order = False, manifest, order
        # Last of all: what could not be read is complained of until it can be.
        self._seen = seen

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
