"""Walks items through a stage, one by one or in a pool of threads; it knows no stage by name."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.errors import PhotoError
from pipeline.manifest import Manifest
from pipeline.rows import GIVEN, OK, Row
from pipeline.workspace import explained_disk_errors

Item = Any
"""What a stage takes: a Row, or, where rows begin, a Candidate."""


class Stage(Protocol):
    """Three steps from an item to its row. A step that raises PhotoError makes the row a failed one.

    read and write run in many threads; compute runs in one, in the order of the items, so it may own a network or
    remember what it saw. What stands in a row never depends on its neighbours.
    """

    name: str

    def read(self, item: Item) -> Any: ...

    def compute(self, work: list[Any]) -> list[Any]: ...

    def write(self, item: Item, result: Any) -> Row | None:
        """The row with more cells filled; None where there is nothing to do."""

    def fail(self, item: Item, error: PhotoError) -> Row: ...


@dataclass(kw_only=True)
class Summary:
    """What a walk did: rows done, rows turned down by a rule, rows failed, items that needed nothing.

    duplicates: items that are another item's row, which only the stage knows.
    """

    done: int = 0
    rejected: int = 0
    failed: int = 0
    idle: int = 0
    duplicates: int = 0

    def count(self, row: Row | None) -> None:
        if row is None:
            self.idle += 1
        elif row.status == OK:
            self.done += 1
        elif row.error:
            self.failed += 1
        else:
            self.rejected += 1

    def others(self) -> list[tuple[str, int]]:
        """What is worth saying beside `done`: a word and how many."""
        named = (
            *(("rejected", self.rejected), ("failed", self.failed)),
            *(("unchanged", self.idle - self.duplicates), ("seen twice", self.duplicates)),
        )
        return [(word, number) for word, number in named if number]


def walk(
    stage: Stage,
    items: Iterable[Item],
    manifest: Manifest,
    *,
    workers: int,
    on_item: Callable[[], None] = lambda: None,
) -> Summary:
    """Takes every item through the stage and records its row; the files and rows are the same for any `workers`.

    workers: threads that read and write; 0 does one item after another in this thread.
    """
    summary = Summary()
    rows = _in_threads(stage, items, workers) if workers else _one_by_one(stage, items)
    with explained_disk_errors(), contextlib.closing(rows):
        for row in rows:
            if row is not None:
                manifest.record(row)
            summary.count(row)
            on_item()
    return summary


def _one_by_one(stage: Stage, items: Iterable[Item]) -> Iterator[Row | None]:
    for item in items:
        try:
            [result] = stage.compute([stage.read(item)])
            yield stage.write(item, result)
        except PhotoError as error:
            yield stage.fail(item, error)


def _in_threads(stage: Stage, items: Iterable[Item], workers: int) -> Iterator[Row | None]:
    """Results in the order of the items; at most a few items a thread are in memory at any moment."""
    ahead = 2 * workers
    reading: deque[tuple[Item, Future]] = deque()
    writing: deque[tuple[Item, Future]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix=stage.name)
    try:
        for item in items:
            reading.append((item, pool.submit(stage.read, item)))
            if len(reading) > ahead:
                _compute_next(stage, reading, writing, pool)
            if len(writing) > ahead:
                yield _result(stage, *writing.popleft())
        while reading:
            _compute_next(stage, reading, writing, pool)
            if len(writing) > ahead:
                yield _result(stage, *writing.popleft())
        while writing:
            yield _result(stage, *writing.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _compute_next(stage: Stage, reading: deque, writing: deque, pool: ThreadPoolExecutor) -> None:
    item, future = reading.popleft()
    try:
        [result] = stage.compute([future.result()])
        writing.append((item, pool.submit(stage.write, item, result)))
    except PhotoError as error:
        failed: Future = Future()
        failed.set_exception(error)
        writing.append((item, failed))


def _result(stage: Stage, item: Item, future: Future) -> Row | None:
    try:
        return future.result()
    except PhotoError as error:
        return stage.fail(item, error)


class RowStage(Stage, Protocol):
    """A stage from row to row: the columns it needs and makes, and the key that says whether a row is done."""

    needs: tuple[str, ...]
    makes: tuple[str, ...]

    def key(self, row: Row) -> str:
        """Changes whenever the stage would make something else of the row."""

    def is_there(self, row: Row) -> bool:
        """Whether the files are there that the row says the stage made."""

    def is_settled(self, row: Row) -> bool:
        """Whether what the stage would make is there from a person's hand, which nothing makes again."""


def pending(stage: RowStage, rows: Iterable[Row], earlier: Sequence[str], *, redo: bool = False) -> list[Row]:
    """The rows that a stage has to do: it can, and what it would make is not there already.

    earlier: names of the stages before it; a row that failed in one of them is left alone.
    redo: rows that are done count too, but for files that came with their photo, or that a person has settled.
    """
    able = [row for row in rows if _is_able(stage, row, earlier)]
    return [row for row in able if redo or not _is_done(stage, row)]


def _is_able(stage: RowStage, row: Row, earlier: Sequence[str]) -> bool:
    if row.keep == "no" or row.keys.get(stage.name) == GIVEN or stage.is_settled(row):
        return False
    return all(getattr(row, name) for name in stage.needs) and (row.status == OK or row.stage not in earlier)


def _is_done(stage: RowStage, row: Row) -> bool:
    if row.keys.get(stage.name) != stage.key(row):
        return False
    is_made = all(getattr(row, name) for name in stage.makes) and stage.is_there(row)
    return is_made or (row.status != OK and row.stage == stage.name)
