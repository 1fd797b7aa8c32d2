"""Results on stdout; talk, bars and errors on stderr. Nobody else prints."""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any, TextIO

SECONDS_BEFORE_ESTIMATE = 3
"""How long a bar watches before it says, where stderr is no terminal, how long the whole will take,"""
SECONDS_BETWEEN_ESTIMATES = 60
"""and before it says so again."""


def is_first() -> bool:
    """Whether this is the first of the processes that were launched together, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@dataclass(frozen=True, kw_only=True)
class Console:
    """Where a command talks to: quiet leaves out all but results and errors, as_json leaves results to `show_json`.

    talks: the first of several processes says everything, the others nothing but errors.
    """

    quiet: bool = False
    as_json: bool = False
    talks: bool = field(default_factory=is_first)

    def result(self, line: str = "") -> None:
        """One fact, on stdout."""
        if self.talks and not self.as_json:
            _write(sys.stdout, line)

    def show(self, lines: Iterable[str], value: Any = None) -> None:
        """What a command found, one fact a line; where JSON was asked for, the one value instead, if there is one."""
        for line in lines:
            self.result(line)
        if value is not None:
            self.show_json(value)

    def show_json(self, value: Any) -> None:
        """The one JSON value of a command asked for JSON, dataclasses as objects; nothing otherwise."""
        if self.talks and self.as_json:
            _write(sys.stdout, json.dumps(value, indent=2, default=_as_json))

    def show_json_pieces(self, pieces: Iterable[str]) -> None:
        """The same of a value that is too large to be one text."""
        if self.talks and self.as_json:
            for piece in pieces:
                _write(sys.stdout, piece, end="")
            _write(sys.stdout, "")

    def note(self, line: str) -> None:
        """Talk, on stderr."""
        if self.talks and not self.quiet:
            _write(sys.stderr, line)

    def error(self, message: str) -> None:
        _write(sys.stderr, f"gauganpipe: {message}")

    @contextlib.contextmanager
    def bar(self, what: str, *, unit: str, total: int | None) -> Iterator["Bar"]:
        """A progress bar with rate and time left; where stderr is no terminal, a line how many and one how long.

        unit: what is counted, in the singular.
        """
        from tqdm import tqdm

        silent = True if self.quiet or not self.talks else None
        with tqdm(total=total, desc=what, unit=f" {unit}s", disable=silent, dynamic_ncols=True, smoothing=0.1) as bar:
            if bar.disable and total:
                self.note(f"{what}: {count(total, unit)}")
            yield Bar(bar=bar, what=what, unit=unit, note=self.note)

    @contextlib.contextmanager
    def transfer(self) -> Iterator[Callable[[str, int, int | None], None]]:
        """A bar for a download that may not happen: it appears at the first call, (file name, bytes here, in all)."""
        from tqdm import tqdm

        bars: dict[str, Any] = {}

        def on_bytes(name: str, here: int, total: int | None) -> None:
            if name not in bars:
                silent = True if self.quiet or not self.talks else None
                bars[name] = tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=silent, dynamic_ncols=True)
            bars[name].update(here - bars[name].n)

        try:
            yield on_bytes
        finally:
            for bar in bars.values():
                bar.close()


class Bar:
    """A bar that was begun; `step` counts one thing done."""

    def __init__(self, *, bar: Any, what: str, unit: str, note: Callable[[str], None]) -> None:
        self._bar, self._what, self._unit, self._note = bar, what, unit, note
        self._count_before = self._count = 0
        # Since when, and from which count on, the rate is measured: where stderr is no terminal, from line to line.
        self._since: tuple[float, int] | None = None
        self._patience_seconds = SECONDS_BEFORE_ESTIMATE

    def begin_at(self, count: int) -> None:
        """Things that were done in an earlier sitting, which say nothing of the rate of this one."""
        self._count_before = count
        if not self._bar.disable:
            self._bar.initial = self._bar.n = count
            self._bar.refresh()

    def note(self, line: str) -> None:
        """Talk, above the bar."""
        with self._bar.external_write_mode(file=sys.stderr):
            self._note(line)

    def step(self, count: int = 1, **shown: float | str) -> None:
        """shown: what stands behind the bar, by name."""
        self._count += count
        if not self._bar.disable:
            if shown:
                self._bar.set_postfix(shown, refresh=False)
            self._bar.update(count)
        elif self._since is None:
            # The first thing takes longer than the others: networks are loaded, caches are cold.
            self._since = time.monotonic(), self._count
        else:
            self._say_how_long(*self._since)

    def _say_how_long(self, since_seconds: float, since_count: int) -> None:
        now = time.monotonic()
        seconds, counted = now - since_seconds, self._count - since_count
        still = (self._bar.total or 0) - self._count_before - self._count
        if counted and still > 0 and seconds > self._patience_seconds:
            rate = f"{counted / seconds:.1f} {self._unit}s/s"
            self._note(f"{self._what}: {self._count:,} done, {rate}, about {duration(seconds / counted * still)} left")
            self._since, self._patience_seconds = (now, self._count), SECONDS_BETWEEN_ESTIMATES


def _write(stream: TextIO, line: str, *, end: str = "\n") -> None:
    """Letters that a pipe or a terminal cannot take are written out, as \\xfc."""
    encoding = stream.encoding or "utf-8"
    stream.write(line.encode(encoding, "backslashreplace").decode(encoding) + end)


def _as_json(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) else str(value)


def duration(seconds: float) -> str:
    """Seconds as a person says them: 42 s, 3 min 10 s, 2 h 5 min, 12 days."""
    seconds = max(1, round(seconds))
    if seconds < 100:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 100:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} days"


def count(number: int, unit: str) -> str:
    """1 photo, 1,234 photos."""
    return f"{number:,} {unit}" + ("" if number == 1 else "s")
