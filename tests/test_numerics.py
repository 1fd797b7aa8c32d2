"""The quickest way of computing is taken, if it says the same."""

import threading
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from pipeline.segmenters import numerics
from pipeline.segmenters.numerics import fastest_numerics
from pipeline.segmenters.segmenter import Labelling

PREPARED = [(10, 10)] * 2
"""Two photos, of which the segmenter needs to know no more than the size."""


@dataclass
class Clock:
    now: float = 0.0

    def perf_counter(self) -> float:
        return self.now


@dataclass(frozen=True, kw_only=True)
class Ways:
    """A segmenter each of whose ways takes so many seconds, and labels so many of 100 pixels wrong."""

    seconds: dict[str, float]
    wrong: dict[str, int] = field(default_factory=dict)
    clock: Clock
    numerics: str = ""
    is_many_handed: bool = False
    hands: set[threading.Thread] = field(default_factory=set)
    """The threads that ran it."""

    @property
    def numerics_choices(self) -> tuple[str, ...]:
        return tuple(self.seconds)

    def computing(self, numerics: str) -> "Ways":
        return replace(self, numerics=numerics)

    def run(self, prepared: Any) -> Any:
        self.hands.add(threading.current_thread())
        self.clock.now += self.seconds[self.numerics]
        return prepared

    def finish(self, result: tuple[int, int]) -> Labelling:
        ids = np.zeros(result, np.uint8)
        ids.ravel()[: self.wrong.get(self.numerics, 0)] = 1
        return Labelling(ids=ids, confidence=1.0)


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(numerics, "time", clock)
    return clock


@pytest.mark.parametrize(
    ("seconds", "wrong", "chosen"),
    [
        ({"exact": 2.0, "short": 1.0}, {}, "short"),
        ({"exact": 2.0, "short": 1.0}, {"short": 1}, "short"),
        ({"exact": 2.0, "short": 1.0}, {"short": 2}, "exact"),
        ({"exact": 1.0, "short": 0.95}, {}, "exact"),
        ({"exact": 3.0, "ordered": 2.0, "short": 1.0}, {}, "short"),
        ({"exact": 3.0, "ordered": 2.0, "short": 1.0}, {"short": 50}, "ordered"),
        ({"exact": 1.0}, {}, "exact"),
    ],
)
def test_the_quickest_way_that_agrees_is_taken(seconds, wrong, chosen, clock):
    assert fastest_numerics(Ways(seconds=seconds, wrong=wrong, clock=clock), PREPARED) == chosen


def test_where_there_is_no_choice_none_is_made(clock):
    assert fastest_numerics(Ways(seconds={}, clock=clock), PREPARED) == ""


@pytest.mark.parametrize("is_many_handed", [False, True])
def test_one_of_many_hands_is_measured_in_a_thread_of_its_own_as_it_labels(is_many_handed, clock):
    ways = Ways(seconds={"exact": 2.0, "short": 1.0}, clock=clock, is_many_handed=is_many_handed)

    assert fastest_numerics(ways, PREPARED) == "short"

    assert len(ways.hands) == 1
    assert (threading.main_thread() not in ways.hands) == is_many_handed
