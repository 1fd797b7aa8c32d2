"""Which photos a person is shown, and in what order: lists that are sorted once, and kept up to date row by row."""

from bisect import bisect_left, insort
from collections.abc import Iterable

from pipeline.rows import REJECTED, Row

SHOWN = ("waiting", "reviewed", "rejected", "all")
"""Which rows can be asked for: nobody has looked at them; a person has; a person or a rule turned them down."""


class Order:
    """The ids of the rows that can be seen, the least certain label map first, in a list for each of SHOWN."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._lists: dict[str, list[tuple[float, str]]] = {name: [] for name in SHOWN}
        # Id of each row that can be seen -> the lists that it is in, and how certain its label map is.
        self._known: dict[str, tuple[str, float]] = {}
        for row in rows:
            if can_be_seen(row):
                state, certainty = self._known[row.id] = state_of(row), row.label_confidence or 0.0
                for name in (state, "all"):
                    self._lists[name].append((certainty, row.id))
        for found in self._lists.values():
            found.sort()

    @property
    def counts(self) -> dict[str, int]:
        """How many rows there are of each of SHOWN."""
        return {name: len(found) for name, found in self._lists.items()}

    def part(self, show: str, *, first: int = 0, most: int | None = None) -> list[str]:
        """show: one of SHOWN.    first, most: which part of it."""
        end = None if most is None else first + most
        return [id for _, id in self._lists[show][first:end]]

    def renew(self, row: Row) -> None:
        """Puts a row where it belongs now."""
        if row.id in self._known:
            state, certainty = self._known.pop(row.id)
            for name in (state, "all"):
                del self._lists[name][bisect_left(self._lists[name], (certainty, row.id))]
        if can_be_seen(row):
            state, certainty = self._known[row.id] = state_of(row), row.label_confidence or 0.0
            for name in (state, "all"):
                insort(self._lists[name], (certainty, row.id))


def can_be_seen(row: Row) -> bool:
    """Whether there is something to look at: a photo and its label map."""
    return bool(row.file_name and row.label_file_name)


def state_of(row: Row) -> str:
    """Which of SHOWN a row is, besides being one of all."""
    if row.keep == "no" or row.status == REJECTED:
        return "rejected"
    return "reviewed" if row.label_reviewed == "yes" else "waiting"
