"""Many files at once, each as soon as its host may be asked; what failed for a passing cause is tried again."""

import time
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Semaphore, Thread
from types import TracebackType
from typing import Protocol, Self

from pipeline.causes import passes
from pipeline.errors import PhotoError
from pipeline.fetch.exchange import Fetched, NotAskedError
from pipeline.fetch.manners import Manners
from pipeline.fetch.queue import Queue, Ticket

SECONDS_TO_LET_GO = 2.0
"""How long the threads, all together, may take to notice that nobody waits for their files any more."""


class Exchange(Protocol):
    """What gets one file; `pipeline.fetch.exchange` explains it."""

    def fetch(self, url: str, place: Path) -> Fetched: ...

    def seconds_apart(self, url: str) -> float: ...

    def close(self) -> None: ...


class Fetcher:
    """Gets files in threads of its own, in about the order in which they are asked for.

    Thousands may be asked for, so that a slow host holds up no other. Of these, no more than most_here are on their way
    or have come and were not taken: whoever asks says `taken` of each finished future, in any order, or none comes.
    Leaving its context gives up what is still on its way; a file is at its place in full or not at all.
    """

    def __init__(
        self, exchange: Exchange, manners: Manners, *, queue: Queue | None = None, most_here: int = 256
    ) -> None:
        self._exchange = exchange
        self._room = Semaphore(most_here)
        self._queue = queue or Queue(manners)
        self._numbers = count()
        self._asked: dict[int, tuple[Path, Future[Fetched]]] = {}
        # Daemons, so that a server that drips does not hold up the end of the program.
        self._threads = [
            Thread(target=self._work, name=f"fetch {number}", daemon=True) for number in range(manners.connections)
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, url: str, place: Path) -> Future[Fetched]:
        """A file that is to come to its place.

        The future raises PhotoError with the cause when the file cannot be had, and OSError when the disk does not
        take it.
        """
        ticket, future = Ticket(number=next(self._numbers), url=url), Future()
        self._asked[ticket.number] = place, future
        self._queue.add(ticket)
        return future

    def taken(self) -> None:
        """Says that one more finished future has been dealt with: there is room for another file."""
        self._room.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.close()
        self._room.release(len(self._threads))
        for _, future in list(self._asked.values()):
            future.cancel()
        self._exchange.close()
        ends_at = time.monotonic() + SECONDS_TO_LET_GO
        for thread in self._threads:
            thread.join(max(0.0, ends_at - time.monotonic()))

    def _work(self) -> None:
        while (ticket := self._next()) is not None:
            place, future = self._asked[ticket.number]
            outcome = self._fetched(ticket, place)
            if outcome is None:
                self._room.release()
                continue
            del self._asked[ticket.number]
            # Whoever asked may have gone, and cancelled what is on its way.
            with suppress(InvalidStateError):
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)

    def _next(self) -> Ticket | None:
        self._room.acquire()
        return self._queue.take()

    def _fetched(self, ticket: Ticket, place: Path) -> Fetched | Exception | None:
        """The file or why it cannot be had; None when it is tried again.

        A full disk, or a fault of ours, is told to whoever waits for the file, not to this thread.
        """
        if closed := self._queue.closed_because(ticket):
            self._queue.done(ticket, is_answered=False)
            return closed
        try:
            outcome: Fetched | Exception = self._exchange.fetch(ticket.url, place)
        except Exception as error:
            outcome = error
        if isinstance(outcome, NotAskedError):
            self._queue.done(ticket, is_answered=False)
            return outcome
        apart = self._exchange.seconds_apart(ticket.url)
        if isinstance(outcome, PhotoError) and passes(outcome.cause):
            put_off = getattr(outcome, "wait_seconds", None)
            is_kept = self._queue.try_again(ticket, cause=outcome.cause, put_off_seconds=put_off, seconds_apart=apart)
            return None if is_kept else outcome
        self._queue.done(ticket, seconds_apart=apart)
        return outcome
