"""A host and its tickets: when it may be asked for the next file, and which that is."""

import heapq
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(kw_only=True, eq=False)
class Ticket:
    """A file that waits to be fetched. number: its place in the order.    attempts: that it has had.

    asked_at: when it was last taken.
    """

    number: int
    url: str
    attempts: int = 0
    asked_at: float = 0.0

    @property
    def host(self) -> str:
        try:
            return urlsplit(self.url).hostname or ""
        except ValueError:  # an address that nobody can read is refused when it is fetched
            return ""


@dataclass(kw_only=True, eq=False)
class Host:
    """What is known of a host, and its tickets that wait.

    flying: files on their way from it.    free_at: no request before.    failures: since the last success.

    asked_at: its last request.    put_off_at: when it last put us off.    put_off_seconds: in all since then.
    owed_at: when the requests made so far would have been spread out evenly, which is how its token bucket is kept.
    burst: requests that may be made at once before they are spread out.    is_slow: the site has set the pace itself.
    closed: why it is left alone for the rest of the run, "" while it is not.    cause: of that.
    turn: of its one entry in the queue's heaps that counts.
    """

    name: str
    burst: int
    seconds_apart: float
    fresh: deque[Ticket] = field(default_factory=deque)
    again: list[tuple[float, int, Ticket]] = field(default_factory=list)
    flying: int = 0
    free_at: float = 0.0
    asked_at: float = 0.0
    owed_at: float = 0.0
    put_off_at: float = 0.0
    put_off_seconds: float = 0.0
    is_slow: bool = False
    failures: int = 0
    closed: str = ""
    cause: str = "busy"
    turn: int = 0

    @property
    def has_tickets(self) -> bool:
        """Whether any of its tickets waits."""
        return bool(self.fresh or self.again)

    @property
    def number(self) -> int:
        """The place in the order of the ticket that it would give."""
        numbers = [number for _, number, _ in self.again[:1]]
        if self.fresh:
            numbers.append(self.fresh[0].number)
        return min(numbers)

    def ready_at(self) -> float:
        """When it may be asked for the next of its tickets."""
        if self.closed:
            return 0.0
        waiting = 0.0 if self.fresh else self.again[0][0]
        return max(waiting, self.free_at, self.owed_at - (self.burst - 1) * self.seconds_apart)

    def pop(self, now: float) -> Ticket:
        """One that has waited for its next attempt, else the first of the others."""
        if self.again and (self.again[0][0] <= now or not self.fresh):
            return heapq.heappop(self.again)[2]
        return self.fresh.popleft()

    def close(self, why: str, cause: str = "busy") -> None:
        """Leaves it alone for the rest of the run; the first reason counts."""
        if not self.closed:
            self.closed, self.cause = why, cause
