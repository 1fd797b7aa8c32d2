"""Ctrl-C, and the signal that ends a process: they wait until a step is whole, then they are a KeyboardInterrupt."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def terminating() -> Iterator[None]:
    """The signal by which systems end a process interrupts the block as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class Held:
    """Interrupts that wait.    asked: whether there was one."""

    asked = False


@contextlib.contextmanager
def hold_interrupt() -> Iterator[Held]:
    """Interrupts wait until the end of the block, or until it looks whether there was one; a second does not wait."""
    held = Held()
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    if threading.current_thread() is not threading.main_thread() or not handlers:
        yield held
        return

    def hold(number: int, frame: Any) -> None:
        if held.asked:
            handlers[number](number, frame)
        held.asked = True

    for number in handlers:
        signal.signal(number, hold)
    try:
        yield held
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if held.asked:
        raise KeyboardInterrupt


def interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt
