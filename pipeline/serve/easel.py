"""The easel: many ask, one thing is done at a time; of each client the newest wish counts, who has left is dropped."""

import asyncio
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pipeline.errors import GauganpipeError

Made = TypeVar("Made")

MOST_WAITING = 100
"""Wishes that wait at once; more are turned away."""
MOST_WAITING_BYTES = 500_000_000
"""Of the maps and photos of all that wait."""
MOST_SECONDS = 60
"""So long a wish may wait and be worked on."""
SECONDS_TO_PUT_DOWN = 10
"""So long the end of the server waits for the brush to be put down; it is asked between any two layers."""
REMEMBERED = 20
"""So many of the last times are looked at when somebody asks how long it takes."""


class BusyError(GauganpipeError):
    """So many wait that no more are let in, or the server ends."""


class ReplacedError(GauganpipeError):
    """A newer wish of the same client has taken its place."""


class LateError(GauganpipeError):
    """It took too long."""


class _UnwantedError(Exception):
    """Nobody waits any more for what is being done."""


@dataclass(eq=False)
class _Wish:
    work: Callable[[], Any]
    bytes: int
    made: Future = field(default_factory=Future)
    is_wanted: bool = True


class Easel:
    """Does what clients wish, one wish after another, in a thread of its own.

    The first who asked is served first. A newer wish of a client takes the place of its older one in the line, unless
    that is being worked on. What is done is given up, where `demand_wanted` is called in it, once its client has left.

    most_waiting: wishes in the line.    most_seconds: that a wish may take from the beginning to the end.
    """

    def __init__(self, *, most_waiting: int = MOST_WAITING, most_seconds: float = MOST_SECONDS) -> None:
        self.most_waiting, self.most_seconds = most_waiting, most_seconds
        self._changed = threading.Condition()
        self._waiting: dict[str | _Wish, _Wish] = {}
        self._present: _Wish | None = None
        self._has_ended = False
        self._milliseconds: deque[float] = deque(maxlen=REMEMBERED)
        self._thread = threading.Thread(target=self._work, name="easel", daemon=True)
        self._thread.start()

    @property
    def latency_ms(self) -> float | None:
        """The median of the last times that were noted; None before the first."""
        return round(statistics.median(self._milliseconds), 1) if self._milliseconds else None

    def note(self, milliseconds: float) -> None:
        """Remembers how long something took."""
        self._milliseconds.append(milliseconds)

    def begin(self, work: Callable[[], Any]) -> None:
        """Does this first, without anybody waiting for it."""
        self._put("", _Wish(work, 0))

    async def do(self, work: Callable[[], Made], *, client: str = "", bytes: int = 0) -> Made:
        """What the work gives, and what it raises; when nobody waits for it any more, cancel it.

        client: whose wish it is; "" for one of nobody's, which replaces none.    bytes: of memory, while it waits.

        Raises: BusyError, ReplacedError; LateError when it is not done in time.
        """
        wish = _Wish(work, bytes)
        self._put(client or wish, wish)
        try:
            async with asyncio.timeout(self.most_seconds):
                return await asyncio.wrap_future(wish.made)
        except TimeoutError:
            raise LateError(f"it took more than {self.most_seconds:g} seconds. Try a smaller map") from None
        finally:
            wish.is_wanted = False
            self._take_back(wish)

    def demand_wanted(self) -> None:
        """To be called now and then in the work: ends it there when nobody waits for it any more."""
        wish = self._present
        if self._has_ended or (wish is not None and not wish.is_wanted):
            raise _UnwantedError

    def close(self) -> None:
        """Turns away all who wait, and ends the thread; more than once is fine."""
        with self._changed:
            self._has_ended = True
            waiting = [*self._waiting.values()]
            self._waiting.clear()
            self._changed.notify()
        for wish in waiting:
            _refuse(wish, BusyError("the server ends"))
        if self._thread is not threading.current_thread():
            self._thread.join(SECONDS_TO_PUT_DOWN)

    def _put(self, client: str | _Wish, wish: _Wish) -> None:
        with self._changed:
            if self._has_ended:
                raise BusyError("the server ends")
            older = self._waiting.get(client)
            taken = sum(one.bytes for one in self._waiting.values() if one is not older)
            if older is None and len(self._waiting) >= self.most_waiting:
                raise BusyError(f"{self.most_waiting} wait already. Ask again in a moment")
            if taken + wish.bytes > MOST_WAITING_BYTES:
                raise BusyError("what waits is too large already. Ask again in a moment")
            self._waiting[client] = wish
            self._changed.notify()
        if older is not None:
            _refuse(older, ReplacedError("a newer request of the same client has taken its place"))

    def _take_back(self, wish: _Wish) -> None:
        with self._changed:
            self._waiting = {client: one for client, one in self._waiting.items() if one is not wish}

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._has_ended)
                if self._has_ended:
                    return
                wish = self._waiting.pop(next(iter(self._waiting)))
                self._present = wish
            if wish.is_wanted and wish.made.set_running_or_notify_cancel():
                self._do(wish)
            self._present = None

    def _do(self, wish: _Wish) -> None:
        try:
            made = wish.work()
        except _UnwantedError:
            wish.made.set_exception(BusyError("the server ends"))
        except BaseException as error:
            wish.made.set_exception(error)
        else:
            wish.made.set_result(made)


def _refuse(wish: _Wish, error: GauganpipeError) -> None:
    if wish.made.set_running_or_notify_cancel():
        wish.made.set_exception(error)


def timed(work: Callable[[], Made]) -> tuple[Made, float]:
    """What the work gives, and how many milliseconds it took."""
    began = time.perf_counter()
    return work(), 1000 * (time.perf_counter() - began)
