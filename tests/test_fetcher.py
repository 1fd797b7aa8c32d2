"""Many files at once: what comes, what is tried again, and what is given up."""

import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

import pytest

from pipeline.errors import PhotoError
from pipeline.fetch.exchange import Exchange as RealExchange
from pipeline.fetch.exchange import NotAskedError
from pipeline.fetch.fetcher import SECONDS_TO_LET_GO, Fetcher
from pipeline.fetch.manners import Manners
from pipeline.fetch.queue import GIVEN_UP_AFTER, Queue


@dataclass(frozen=True)
class Got:
    """What the exchange of these tests gives for a file."""

    url: str


class Exchange:
    """In the place of the net: `bad` says what an address answers, attempt by attempt, before it gives its file."""

    def __init__(self, **bad: list[BaseException]) -> None:
        self.bad = {f"http://{name}.example/photo": list(errors) for name, errors in bad.items()}
        self.asked: Counter[str] = Counter()
        self.open = threading.Event()
        self.open.set()
        self.is_closed = False
        self.apart = 0.0

    def fetch(self, url: str, place: Path) -> Got:
        self.asked[url] += 1
        self.open.wait(10)
        if self.bad.get(url):
            raise self.bad[url].pop(0)
        place.write_bytes(url.encode())
        return Got(url)

    def seconds_apart(self, url: str) -> float:
        return self.apart

    def close(self) -> None:
        self.is_closed = True
        self.open.set()


def patient(**changes: object) -> tuple[Manners, Queue]:
    """Manners and a queue that waits for nothing."""
    manners = Manners(per_second=0).but(**changes)
    return manners, Queue(manners, jitter=lambda least, most: 0.0)


def fetcher_of(exchange: Exchange, *, most_here: int = 256, **changes: object) -> Fetcher:
    manners, queue = patient(**changes)
    return Fetcher(exchange, manners, queue=queue, most_here=most_here)


def late() -> PhotoError:
    return PhotoError("took too long", cause="timeout")


def test_every_file_comes_to_its_place(tmp_path):
    with fetcher_of(Exchange()) as fetcher:
        asked = {n: fetcher.ask(f"http://host{n % 7}.example/{n}", tmp_path / f"{n}.photo") for n in range(100)}
        got = {n: future.result(10).url for n, future in asked.items()}

    assert got == {n: f"http://host{n % 7}.example/{n}" for n in range(100)}
    assert (tmp_path / "42.photo").read_text() == "http://host0.example/42"


def test_what_fails_for_a_passing_cause_is_tried_again(tmp_path):
    exchange = Exchange(slow=[late(), late()])
    with fetcher_of(exchange) as fetcher:
        fetcher.ask("http://slow.example/photo", tmp_path / "a").result(10)

    assert exchange.asked["http://slow.example/photo"] == 3


def test_after_so_many_attempts_the_last_reason_is_told(tmp_path):
    exchange = Exchange(slow=[late(), late(), PhotoError("answers 500", cause="server"), late()])
    with fetcher_of(exchange, attempts=3) as fetcher, pytest.raises(PhotoError, match="answers 500") as caught:
        fetcher.ask("http://slow.example/photo", tmp_path / "a").result(10)

    assert caught.value.cause == "server"
    assert exchange.asked.total() == 3


def test_what_is_settled_is_not_tried_again(tmp_path):
    exchange = Exchange(gone=[PhotoError("answers 404", cause="not_found")])
    with fetcher_of(exchange) as fetcher, pytest.raises(PhotoError, match="answers 404"):
        fetcher.ask("http://gone.example/photo", tmp_path / "a").result(10)

    assert exchange.asked.total() == 1


def test_a_host_that_puts_us_off_for_an_hour_is_not_asked_for_its_other_files(tmp_path):
    put_off = PhotoError("has too much to do", cause="busy")
    put_off.wait_seconds = 3600.0
    exchange = Exchange(busy=[put_off])
    with fetcher_of(exchange, connections=1) as fetcher:
        futures = [fetcher.ask("http://busy.example/photo", tmp_path / str(number)) for number in range(5)]
        errors = [future.exception(10) for future in futures]

    assert str(errors[0]) == "has too much to do"
    assert {str(error) for error in errors[1:]} == {
        "was not asked for: busy.example asks not to be asked again for 3,600 seconds"
    }
    assert {error.cause for error in errors} == {"busy"}
    assert exchange.asked.total() == 1


def test_what_a_dead_host_was_not_asked_for_has_the_cause_of_what_it_was(tmp_path):
    dead = [PhotoError("cannot be reached", cause="unreachable") for _ in range(GIVEN_UP_AFTER)]
    exchange = Exchange(dead=dead)
    with fetcher_of(exchange, attempts=1) as fetcher:
        futures = [fetcher.ask("http://dead.example/photo", tmp_path / str(number)) for number in range(30)]
        errors = [future.exception(10) for future in futures]

    assert {error.cause for error in errors} == {"unreachable"}
    assert str(errors[-1]) == f"was not asked for: dead.example failed {GIVEN_UP_AFTER} times in a row"
    assert exchange.asked.total() <= GIVEN_UP_AFTER + 1


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        PhotoError("answers 404", cause="not_found"),
        PhotoError("answers 500", cause="server"),
        ZeroDivisionError(),
    ],
)
def test_the_delay_that_a_site_asks_for_is_told_after_every_outcome(tmp_path, outcome):
    exchange = Exchange(slow=[outcome] if outcome else [])
    exchange.apart = 86_400.0
    with fetcher_of(exchange, connections=1, per_host=1, attempts=1) as fetcher:
        futures = [fetcher.ask("http://slow.example/photo", tmp_path / str(number)) for number in range(2)]
        error = futures[1].exception(10)

    assert str(error) == "was not asked for: slow.example asks for 86,400 seconds between two files"


def test_what_a_site_closes_to_us_does_not_wait_for_the_delay_of_the_site(tmp_path):
    exchange = Exchange(shut=[NotAskedError("is closed", cause="opted_out") for _ in range(20)])
    exchange.apart = 60.0
    with fetcher_of(exchange) as fetcher:
        futures = [fetcher.ask("http://shut.example/photo", tmp_path / str(number)) for number in range(20)]

        assert {future.exception(10).cause for future in futures} == {"opted_out"}


def test_no_more_files_come_than_there_is_room_for(tmp_path):
    exchange, came = Exchange(), SimpleQueue()
    with fetcher_of(exchange, most_here=5) as fetcher:
        for number in range(12):
            future = fetcher.ask(f"http://{number}.example/photo", tmp_path / str(number))
            future.add_done_callback(came.put)
        for _ in range(5):
            came.get(timeout=10)
        with pytest.raises(Empty):
            came.get(timeout=0.05)
        asked = exchange.asked.total()
        for _ in range(7):
            fetcher.taken()
            came.get(timeout=10)

    assert asked == 5
    assert exchange.asked.total() == 12


def test_hundreds_that_wait_for_their_host_hold_up_no_other(tmp_path):
    exchange = Exchange()
    exchange.apart = 60.0
    with fetcher_of(exchange, most_here=4) as fetcher:
        slow = [fetcher.ask("http://slow.example/photo", tmp_path / f"slow{number}") for number in range(300)]
        slow[0].result(10)
        quick = [fetcher.ask(f"http://{number}.example/photo", tmp_path / str(number)) for number in range(20)]
        for future in (*slow, *quick):
            future.add_done_callback(lambda _: fetcher.taken())
        for future in quick:
            future.result(10)

    assert exchange.asked["http://slow.example/photo"] <= 2


def test_what_is_tried_again_takes_no_room_while_it_waits(tmp_path):
    exchange = Exchange(slow=[late()])
    manners = Manners(per_second=0)
    queue = Queue(manners, jitter=lambda least, most: 0.05)
    with Fetcher(exchange, manners, queue=queue, most_here=1) as fetcher:
        slow = fetcher.ask("http://slow.example/photo", tmp_path / "a")
        quick = fetcher.ask("http://quick.example/photo", tmp_path / "b")
        quick.result(10)
        fetcher.taken()
        slow.result(10)

    assert exchange.asked.total() == 3


def test_the_end_does_not_wait_for_room(tmp_path):
    started_at = time.monotonic()
    with fetcher_of(Exchange(), most_here=1) as fetcher:
        futures = [fetcher.ask(f"http://{number}.example/photo", tmp_path / str(number)) for number in range(9)]
        futures[0].result(10)

    assert time.monotonic() - started_at < SECONDS_TO_LET_GO
    assert all(future.cancelled() for future in futures[1:])


def test_an_address_that_nobody_can_read_stops_no_thread(tmp_path):
    with RealExchange(Manners()) as exchange, Fetcher(exchange, Manners(connections=1)) as fetcher:
        errors = [fetcher.ask("http://[oops/1", tmp_path / str(number)).exception(10) for number in range(2)]

    assert [error.cause for error in errors] == ["bad_address"] * 2


def test_a_disk_that_takes_nothing_is_no_fault_of_the_photo(tmp_path):
    exchange = Exchange(full=[OSError(28, "No space left on device")])
    with fetcher_of(exchange) as fetcher, pytest.raises(OSError, match="No space"):
        fetcher.ask("http://full.example/photo", tmp_path / "a").result(10)


def test_a_bug_is_told_to_whoever_waits_for_the_file(tmp_path):
    with fetcher_of(Exchange(odd=[ZeroDivisionError()])) as fetcher, pytest.raises(ZeroDivisionError):
        fetcher.ask("http://odd.example/photo", tmp_path / "a").result(10)


def test_the_end_does_not_wait_for_files_on_their_way(tmp_path):
    exchange = Exchange()
    exchange.open.clear()
    with fetcher_of(exchange) as fetcher:
        futures = [fetcher.ask("http://a.example/photo", tmp_path / str(number)) for number in range(9)]

    assert exchange.is_closed
    assert all(future.cancelled() for future in futures)


def test_never_more_at_once_than_the_connections(tmp_path):
    exchange = Exchange()
    exchange.open.clear()
    with fetcher_of(exchange, connections=3, per_host=9) as fetcher:
        futures = [fetcher.ask(f"http://{number}.example/photo", tmp_path / str(number)) for number in range(9)]
        while exchange.asked.total() < 3:
            pass
        most = exchange.asked.total()
        exchange.open.set()
        [future.result(10) for future in futures]

    assert most == 3
