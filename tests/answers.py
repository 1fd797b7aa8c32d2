"""What the tests of services share: answers one after another, and an Api that waits for nothing and remembers it."""

from collections.abc import Callable

import pytest

from pipeline.fetch.api import Api
from pipeline.fetch.manners import Manners
from tests.misbehaving import Answer, Request

HERE = Manners(allow_private=True, per_second=0, silent_seconds=0.3, most_seconds=0.6)
"""For services on this machine."""


class Patience:
    """slept: the seconds that were waited for."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def api(self, manners: Manners = HERE, *, name: str = "Photo House", chance: float = 0.5, **named) -> Api:
        return Api(name=name, manners=manners, sleep=self.slept.append, chance=lambda: chance, **named)

    def has_waited(self, *seconds: float) -> bool:
        """Less is waited than was asked for by the time that has passed in between."""
        return self.slept == pytest.approx(seconds, abs=0.5)


def one_after_another(*answers: Answer) -> Callable[[Request], Answer]:
    """The last one again and again."""
    left = list(answers)
    return lambda request: left.pop(0) if len(left) > 1 else left[0]
