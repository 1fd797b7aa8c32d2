"""Which file is fetched next: hosts take turns, none is asked too often, and what failed waits for its next attempt."""

import heapq
import random
import time
from collections.abc import Callable
from itertools import count
from threading import Condition
from typing import TypeVar

from pipeline.errors import PhotoError
from pipeline.fetch.host import Host, Ticket
from pipeline.fetch.manners import Manners

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 1.0, 60.0
GIVEN_UP_AFTER = 8
"""A host that failed or put us off so often without one success in between is left alone until the next run."""

Key = TypeVar("Key", int, float)


class Queue:
    """Tickets on their way, safe for many threads: each takes one, and says at the end how it went.

    What it costs to take one hardly depends on how many hosts and tickets wait.
    """

    def __init__(
        self,
        manners: Manners,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._manners = manners
        self._clock, self._jitter = clock, jitter
        self._hosts: dict[str, Host] = {}
        # In each heap an entry whose turn is not its host's any more is passed over.
        self._turns = count(1)
        self._later: list[tuple[float, int, Host]] = []  # by the second from which they may be asked
        self._ready: list[tuple[int, int, Host]] = []  # by the number of their ticket
        self._idle: list[tuple[float, int, Host]] = []  # by the second from which they may be forgotten
        self._is_closed = False
        self._changed = Condition()

    def add(self, ticket: Ticket) -> None:
        """Puts a ticket at the end of its host's queue."""
        with self._changed:
            host = self._host_of(ticket)
            host.fresh.append(ticket)
            if len(host.fresh) == 1:
                self._file(host)
                self._changed.notify()

    def take(self) -> Ticket | None:
        """The next ticket, as soon as its host may be asked; None once the queue is closed."""
        with self._changed:
            while not self._is_closed:
                ticket, seconds = self.next()
                if ticket is not None:
                    # Another thread looks until when to wait from now on, since this one does not wait any more.
                    self._changed.notify()
                    return ticket
                self._changed.wait(seconds)
        return None

    def next(self) -> tuple[Ticket | None, float | None]:
        """A ticket that may go now; or none, and the seconds until one may, None while all depends on those flying."""
        now = self._clock()
        while (idle := _first(self._idle)) and idle[0] <= now:
            heapq.heappop(self._idle)
            del self._hosts[idle[2].name]
        while (later := _first(self._later)) and later[0] <= now:
            _, turn, host = heapq.heappop(self._later)
            heapq.heappush(self._ready, (host.number, turn, host))
        if not (ready := _first(self._ready)):
            return None, later[0] - now if later else None
        host = ready[2]
        ticket = host.pop(now)
        host.flying += 1
        ticket.asked_at = host.asked_at = now
        host.owed_at = max(now, host.owed_at) + host.seconds_apart
        self._file(host)
        return ticket, 0.0

    def closed_because(self, ticket: Ticket) -> PhotoError | None:
        """Why the host of a ticket is left alone for the rest of the run; None when it is not."""
        with self._changed:
            host = self._host_of(ticket)
            again = " again" if ticket.attempts else ""
            said = f"was not asked for{again}: {host.name} {host.closed}"
            return PhotoError(said, cause=host.cause) if host.closed else None

    def done(self, ticket: Ticket, *, is_answered: bool = True, seconds_apart: float = 0.0) -> None:
        """A ticket that needs no other attempt.

        is_answered: its host was asked, and said something definite.
        seconds_apart: that the site wants between two requests, 0 where it does not say.
        """
        with self._changed:
            host = self._host_of(ticket)
            if is_answered:
                host.failures, host.put_off_seconds = 0, 0.0
            else:
                host.owed_at = min(host.owed_at, host.asked_at)
            self._slow_down(host, seconds_apart)
            self._land(host)

    def try_again(
        self,
        ticket: Ticket,
        *,
        cause: str = "busy",
        put_off_seconds: float | None = None,
        seconds_apart: float = 0.0,
    ) -> bool:
        """A ticket that failed for a cause that passes; False when it has no attempt left in this run.

        put_off_seconds: that the server asks everybody to wait, None where it says nothing.
        seconds_apart: as `done`.
        """
        with self._changed:
            host, now = self._host_of(ticket), self._clock()
            ticket.attempts += 1
            self._slow_down(host, seconds_apart)
            if put_off_seconds is not None:
                self._put_off(host, ticket, put_off_seconds)
            else:
                host.failures += 1
                if host.failures >= GIVEN_UP_AFTER:
                    host.close(f"failed {host.failures} times in a row", cause)
                elif host.failures > 1:
                    # Not this file alone: the host has trouble, and is spared.
                    host.free_at = max(host.free_at, now + self._backoff_seconds(host.failures - 1))
            has_attempt = ticket.attempts < self._manners.attempts and not host.closed
            if has_attempt:
                at = now + self._backoff_seconds(ticket.attempts)
                heapq.heappush(host.again, (at, ticket.number, ticket))
            self._land(host)
            return has_attempt

    def close(self) -> None:
        """Nobody takes a ticket any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _backoff_seconds(self, failures: int) -> float:
        """Anything up to a time that doubles with every failure: full jitter."""
        return self._jitter(0, min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** (failures - 1)))

    def _put_off(self, host: Host, ticket: Ticket, seconds: float) -> None:
        now, most = self._clock(), self._manners.most_wait_seconds
        # What was on its way when the host put us off could not obey, and is not held against it.
        host.failures += ticket.asked_at >= host.put_off_at
        host.put_off_seconds += max(0.0, now + seconds - max(now, host.free_at))
        host.put_off_at, host.free_at = now, max(host.free_at, now + seconds)
        if seconds > most:
            host.close(f"asks not to be asked again for {round(seconds):,} seconds")
        elif host.failures >= GIVEN_UP_AFTER:
            host.close(f"failed or put us off {host.failures} times in a row")
        elif host.put_off_seconds > most:
            host.close(f"puts us off again and again, for {round(host.put_off_seconds):,} seconds in all")

    def _slow_down(self, host: Host, seconds_apart: float) -> None:
        if seconds_apart <= 0:
            return
        host.is_slow, host.burst = True, 1
        host.seconds_apart = max(host.seconds_apart, seconds_apart)
        host.owed_at = max(host.owed_at, host.asked_at + host.seconds_apart)
        if seconds_apart > self._manners.most_wait_seconds:
            host.close(f"asks for {round(seconds_apart):,} seconds between two files")

    def _host_of(self, ticket: Ticket) -> Host:
        name, manners = ticket.host, self._manners
        if name not in self._hosts:
            apart = 1 / manners.per_second if manners.per_second else 0.0
            self._hosts[name] = Host(name=name, burst=manners.per_host, seconds_apart=apart)
        return self._hosts[name]

    def _land(self, host: Host) -> None:
        host.flying -= 1
        self._file(host)
        self._changed.notify()

    def _file(self, host: Host) -> None:
        """Puts a host that has changed where it is found at its time."""
        host.turn = next(self._turns)
        if host.has_tickets:
            if host.flying < self._manners.per_host or host.closed:
                heapq.heappush(self._later, (host.ready_at(), host.turn, host))
        elif not (host.flying or host.failures or host.closed or host.is_slow):
            heapq.heappush(self._idle, (max(host.free_at, host.owed_at), host.turn, host))


def _first(heap: list[tuple[Key, int, Host]]) -> tuple[Key, int, Host] | None:
    """The first entry of a heap that counts."""
    while heap and heap[0][1] != heap[0][2].turn:
        heapq.heappop(heap)
    return heap[0] if heap else None
