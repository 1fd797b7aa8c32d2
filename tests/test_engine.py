"""The engine: the same rows whatever the number of workers, failures that are rows, and little in memory."""

import threading
import time
from dataclasses import dataclass, field

import pytest

from pipeline.engine import Summary, pending, walk
from pipeline.errors import PhotoError, WorkspaceError
from pipeline.manifest import read, writing
from pipeline.rows import FAILED, GIVEN, OK, REJECTED, Row

WORKERS = (0, 1, 4)


@dataclass(kw_only=True)
class Doubling:
    """A stage that takes numbers: the row of 3 says 6. It fails where `bad` says, and remembers what it was asked."""

    bad: dict[int, str] = field(default_factory=dict)
    error: type[Exception] = PhotoError
    read_numbers: list[int] = field(default_factory=list)
    computed: list[int] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    name = "doubling"

    def read(self, item: int) -> int:
        self.read_numbers.append(item)
        time.sleep(0.002 * (item % 3))
        self._step("read", item)
        return item

    def compute(self, work: list[int]) -> list[int]:
        [item] = work
        self.computed.append(item)
        self.threads.add(threading.get_ident())
        self._step("compute", item)
        return [2 * item]

    def write(self, item: int, result: int) -> Row | None:
        time.sleep(0.002 * (2 - item % 3))
        self._step("write", item)
        return Row(id=f"g{item:02d}", status=OK, width=result)

    def fail(self, item: int, error: PhotoError) -> Row:
        return Row(id=f"g{item:02d}").failed(self.name, "key", str(error))

    def _step(self, step: str, item: int) -> None:
        if self.bad.get(item) == step:
            raise self.error(f"{item} cannot be {step}")


class Recorder:
    """In the place of a manifest: the rows in the order in which they were recorded."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def record(self, row: Row) -> None:
        self.rows.append(row)


def widths(recorder: Recorder) -> list[int | None]:
    return [row.width for row in recorder.rows]


@pytest.mark.parametrize("workers", WORKERS)
def test_every_item_becomes_its_row_in_the_order_of_the_items(workers):
    recorder = Recorder()

    walk(Doubling(), range(30), recorder, workers=workers)

    assert widths(recorder) == list(range(0, 60, 2))


@pytest.mark.parametrize("workers", WORKERS)
def test_nothing_to_do_is_done(workers):
    assert walk(Doubling(), [], Recorder(), workers=workers) == Summary()


@pytest.mark.parametrize("workers", WORKERS)
def test_items_are_computed_in_their_order(workers):
    stage = Doubling()

    walk(stage, range(30), Recorder(), workers=workers)

    assert stage.computed == list(range(30))


@pytest.mark.parametrize("workers", WORKERS)
def test_one_thread_computes(workers):
    stage = Doubling()

    walk(stage, range(30), Recorder(), workers=workers)

    assert stage.threads == {threading.get_ident()}


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("step", ["read", "compute", "write"])
def test_a_photo_that_cannot_be_used_is_a_failed_row_and_the_walk_goes_on(step, workers):
    recorder = Recorder()

    walk(Doubling(bad={3: step}), range(6), recorder, workers=workers)

    assert [row.error for row in recorder.rows] == ["", "", "", f"3 cannot be {step}", "", ""]


@pytest.mark.parametrize("workers", WORKERS)
def test_every_photo_may_fail(workers):
    recorder = Recorder()

    summary = walk(Doubling(bad=dict.fromkeys(range(20), "read")), range(20), recorder, workers=workers)

    assert (len(recorder.rows), summary) == (20, Summary(failed=20))


@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize("step", ["read", "compute", "write"])
def test_any_other_error_stops_the_walk_and_what_was_recorded_stays(step, workers):
    recorder = Recorder()

    with pytest.raises(ZeroDivisionError):
        walk(Doubling(bad={25: step}, error=ZeroDivisionError), range(30), recorder, workers=workers)

    recorded = widths(recorder)
    assert recorded == list(range(0, 2 * len(recorded), 2))
    assert 25 - 4 * workers - 2 <= len(recorded) <= 25


def test_what_was_recorded_before_an_error_is_in_the_manifest(workspace):
    with pytest.raises(ZeroDivisionError), writing(workspace) as manifest:
        walk(Doubling(bad={3: "write"}, error=ZeroDivisionError), range(6), manifest, workers=0)

    assert sorted(read(workspace).rows) == ["g00", "g01", "g02"]


@pytest.mark.parametrize("workers", WORKERS)
def test_an_error_leaves_no_thread_behind(workers):
    before = threading.active_count()

    with pytest.raises(ZeroDivisionError):
        walk(Doubling(bad={5: "read"}, error=ZeroDivisionError), range(30), Recorder(), workers=workers)

    assert threading.active_count() == before


@pytest.mark.parametrize("workers", WORKERS)
def test_an_error_of_the_manifest_stops_the_walk(workers):
    recorder = Recorder()

    def record(row: Row) -> None:
        raise WorkspaceError("the disk is full")

    recorder.record = record
    stage = Doubling()

    with pytest.raises(WorkspaceError):
        walk(stage, range(100), recorder, workers=workers)

    assert len(stage.read_numbers) < 100


@pytest.mark.parametrize("workers", WORKERS)
def test_a_full_disk_is_a_sentence(workers):
    class Full(Doubling):
        def write(self, item: int, result: int) -> Row:
            raise OSError(28, "No space left on device", "data/a.jpg")

    with pytest.raises(WorkspaceError, match=r"the disk is full at data/a\.jpg"):
        walk(Full(), range(3), Recorder(), workers=workers)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_few_items_are_read_before_they_are_computed(workers):
    most = 0

    class Watching(Doubling):
        def compute(self, work: list[int]) -> list[int]:
            nonlocal most
            most = max(most, len(self.read_numbers) - len(self.computed))
            return super().compute(work)

    walk(Watching(), range(60), Recorder(), workers=workers)

    assert most <= 2 * workers + 1


@pytest.mark.parametrize("workers", [0, 1, 2, 4])
def test_few_items_are_taken_from_the_source_before_their_rows_are_recorded(workers):
    taken, recorder, most = 0, Recorder(), 0

    def source():
        nonlocal taken, most
        for item in range(60):
            taken += 1
            most = max(most, taken - len(recorder.rows))
            yield item

    walk(Doubling(), source(), recorder, workers=workers)

    assert most <= 2 * (2 * workers + 1)


@pytest.mark.parametrize("workers", WORKERS)
def test_each_item_is_told_once(workers):
    told = []

    walk(Doubling(bad={3: "read"}), range(10), Recorder(), workers=workers, on_item=lambda: told.append(1))

    assert len(told) == 10


def test_done_rejected_failed_and_idle_are_counted():
    rows = {
        0: Row(status=OK),
        1: Row(status=REJECTED, rule="min_side"),
        2: Row(status=FAILED, error="is gone"),
        3: None,
    }

    class Given(Doubling):
        def write(self, item: int, result: int) -> Row | None:
            return rows[item]

    summary = walk(Given(), range(4), Recorder(), workers=0)

    assert summary == Summary(done=1, rejected=1, failed=1, idle=1)


def test_nothing_is_recorded_of_an_item_that_needs_nothing():
    class Idle(Doubling):
        def write(self, item: int, result: int) -> None:
            return None

    recorder = Recorder()

    walk(Idle(), range(4), recorder, workers=0)

    assert recorder.rows == []


def test_only_what_is_there_is_worth_saying():
    assert Summary(done=5, failed=2, idle=1).others() == [("failed", 2), ("unchanged", 1)]


# Which rows a stage has to do


@dataclass(kw_only=True)
class Colouring:
    """A row stage that needs `file_name`; its key is "now", and its files are there unless they are lost.

    A person settles a row with `label_reviewed`.
    """

    lost: bool = False

    name = "colouring"
    needs = ("file_name",)
    makes = ("title",)

    def key(self, row: Row) -> str:
        return "now"

    def is_there(self, row: Row) -> bool:
        return not self.lost

    def is_settled(self, row: Row) -> bool:
        return row.label_reviewed == "yes"


DONE = {"file_name": "a.jpg", "title": "red", "status": OK, "keys": {"colouring": "now"}}


@pytest.mark.parametrize(
    ("cells", "is_pending"),
    [
        ({"keys": {}}, True),
        ({"keys": {"colouring": "before"}}, True),
        ({}, False),
        ({"title": ""}, True),
        ({"keys": {"colouring": GIVEN}}, False),
        ({"keys": {}, "file_name": ""}, False),
        ({"keys": {}, "keep": "no"}, False),
        ({"keys": {}, "keep": "yes"}, True),
        ({"keys": {}, "status": FAILED, "stage": "ingest"}, False),
        ({"keys": {}, "status": REJECTED, "stage": "ingest"}, False),
        ({"keys": {}, "status": FAILED, "stage": "later"}, True),
        ({"status": FAILED, "stage": "colouring"}, False),
        ({"status": FAILED, "stage": "colouring", "keys": {"colouring": "before"}}, True),
    ],
)
def test_a_row_is_pending_when_it_can_be_done_and_is_not(cells, is_pending):
    row = Row(id="g1", **{**DONE, **cells})

    assert bool(pending(Colouring(), [row], ["ingest"])) == is_pending


def test_a_row_whose_files_are_lost_is_pending():
    row = Row(id="g1", **DONE)

    assert pending(Colouring(lost=True), [row], []) == [row]


def test_a_row_that_failed_is_not_tried_again_for_its_missing_files():
    row = Row(id="g1", **{**DONE, "status": FAILED, "stage": "colouring"})

    assert pending(Colouring(lost=True), [row], []) == []


@pytest.mark.parametrize(
    ("cells", "is_pending"),
    [
        ({}, True),
        ({"keys": {"colouring": GIVEN}}, False),
        ({"keep": "no"}, False),
        ({"label_reviewed": "yes"}, False),
        ({"label_reviewed": "yes", "keys": {}}, False),
    ],
)
def test_redoing_takes_rows_that_are_done_but_not_what_was_given_or_settled_by_a_person(cells, is_pending):
    row = Row(id="g1", **{**DONE, **cells})

    assert bool(pending(Colouring(), [row], [], redo=True)) == is_pending
