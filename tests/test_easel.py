"""One thing is done at a time; the newest wish of a client counts; what nobody waits for is given up."""

import asyncio
import threading
import time

import pytest

from pipeline.serve import easel as module
from pipeline.serve.easel import BusyError, Easel, LateError, ReplacedError


@pytest.fixture
def easel():
    easel = Easel(most_waiting=3, most_seconds=5)
    yield easel
    easel.close()


class Held:
    """Work that goes on until it is let go, and asks all the while whether it is wanted."""

    def __init__(self, easel: Easel) -> None:
        self.easel, self.gate, self.begun, self.ended = easel, threading.Event(), threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        try:
            while not self.gate.wait(0.005):
                self.easel.demand_wanted()
            return "done"
        finally:
            self.ended.set()


async def begun(easel: Easel, client: str = "held") -> tuple[Held, asyncio.Task]:
    """Work that the easel has begun with."""
    held = Held(easel)
    task = asyncio.ensure_future(easel.do(held, client=client))
    await asyncio.to_thread(held.begun.wait, 5)
    return held, task


async def waiting(easel: Easel, work, **named) -> asyncio.Task:
    """A wish that waits in the line."""
    task = asyncio.ensure_future(easel.do(work, **named))
    await asyncio.sleep(0.01)
    return task


def test_what_the_work_gives_is_given(easel):
    assert asyncio.run(easel.do(lambda: 3)) == 3


def test_what_the_work_raises_is_raised(easel):
    def work():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(easel.do(work))
    assert asyncio.run(easel.do(lambda: 3)) == 3


def test_wishes_are_done_in_the_order_in_which_they_came(easel):
    async def ask() -> list[int]:
        done = []
        held, first = await begun(easel)
        others = [await waiting(easel, lambda number=number: done.append(number)) for number in range(3)]
        held.gate.set()
        await asyncio.gather(first, *others)
        return done

    assert asyncio.run(ask()) == [0, 1, 2]


def test_a_newer_wish_of_a_client_takes_the_place_of_the_older_one(easel):
    async def ask() -> list:
        held, first = await begun(easel)
        older = await waiting(easel, lambda: "older", client="a")
        other = await waiting(easel, lambda: "other", client="b")
        newer = await waiting(easel, lambda: "newer", client="a")
        held.gate.set()
        return await asyncio.gather(first, older, other, newer, return_exceptions=True)

    first, older, other, newer = asyncio.run(ask())

    assert (first, other, newer) == ("done", "other", "newer")
    assert isinstance(older, ReplacedError)


def test_what_is_being_done_is_not_given_up_for_a_newer_wish(easel):
    async def ask() -> list:
        held, first = await begun(easel, client="a")
        newer = await waiting(easel, lambda: "newer", client="a")
        held.gate.set()
        return await asyncio.gather(first, newer)

    assert asyncio.run(ask()) == ["done", "newer"]


def test_no_more_than_the_most_wait(easel):
    async def ask() -> None:
        held, first = await begun(easel)
        others = [await waiting(easel, lambda: 0) for _ in range(3)]
        with pytest.raises(BusyError, match="3 wait already"):
            await easel.do(lambda: 0)
        held.gate.set()
        await asyncio.gather(first, *others)

    asyncio.run(ask())


def test_what_waits_has_a_limit_in_bytes(easel, monkeypatch):
    monkeypatch.setattr(module, "MOST_WAITING_BYTES", 100)

    async def ask() -> None:
        held, first = await begun(easel)
        other = await waiting(easel, lambda: 0, client="a", bytes=60)
        with pytest.raises(BusyError, match="too large already"):
            await easel.do(lambda: 0, client="b", bytes=60)
        newer = await waiting(easel, lambda: 1, client="a", bytes=60)
        held.gate.set()
        await asyncio.gather(first, newer)
        with pytest.raises(ReplacedError):
            await other

    asyncio.run(ask())


def test_a_wish_whose_client_has_left_is_never_done(easel):
    async def ask() -> list[str]:
        done: list[str] = []
        held, first = await begun(easel)
        left = await waiting(easel, lambda: done.append("left"))
        left.cancel()
        stayed = await waiting(easel, lambda: done.append("stayed"))
        held.gate.set()
        await asyncio.gather(first, stayed)
        return done

    assert asyncio.run(ask()) == ["stayed"]


def test_what_is_being_done_is_given_up_when_its_client_leaves(easel):
    async def ask() -> bool:
        held, first = await begun(easel)
        first.cancel()
        return await asyncio.to_thread(held.ended.wait, 5)

    assert asyncio.run(ask())
    assert asyncio.run(easel.do(lambda: 3)) == 3


def test_what_takes_too_long_is_given_up():
    easel = Easel(most_seconds=0.05)

    async def ask() -> bool:
        held = Held(easel)
        with pytest.raises(LateError, match=r"more than 0\.05 seconds"):
            await easel.do(held)
        return await asyncio.to_thread(held.ended.wait, 5)

    assert asyncio.run(ask())
    easel.close()


def test_an_end_is_at_once_even_in_the_middle(easel):
    async def ask() -> list:
        _, first = await begun(easel)
        other = await waiting(easel, lambda: 0)
        began = time.perf_counter()
        easel.close()
        answers = await asyncio.gather(first, other, return_exceptions=True)
        return [time.perf_counter() - began, *answers]

    seconds, *answers = asyncio.run(ask())

    assert seconds < 2
    assert all(isinstance(answer, BusyError) and str(answer) == "the server ends" for answer in answers)
    with pytest.raises(BusyError, match="the server ends"):
        asyncio.run(easel.do(lambda: 0))


def test_the_latency_is_the_median_of_the_last_times(easel):
    assert easel.latency_ms is None

    for milliseconds in (10, 1000, 30):
        easel.note(milliseconds)

    assert easel.latency_ms == 30
