"""metrics.jsonl: every number that was measured, a line each, with all it depends on; nothing is measured twice."""

import datetime
import json
import math
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline.errors import RunError
from pipeline.workspace import write_atomically

METRICS = "metrics.jsonl"
DETAILS = "details"
CLASS = "class"
"""How the column is called whose name no field can have."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A number; None where it is no finite one.

    low, high: between which 95 of 100 measurements lie on other maps, by bootstrap, or None.

    of_class: the class that it speaks of; "" for all.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    of_class: str = ""


@dataclass(frozen=True, kw_only=True)
class Measured(Found):
    """A number as it is kept.

    of: a run, or what is measured beside it.    style: prior, self, or "" for what has none.
    pictures, photos: so many were compared.    width, height: in pixels.    seed: of the styles.
    judge, judge_digest: the network that looked, and its weights.    learned_from: whether the run was taught by it.
    weights: averaged; weights_digest: of the file.    checkpoint: images shown until then.
    seconds: that this and those measured with it took; `together` of them, which share a `key`.
    """

    of: str
    split: str
    style: str
    pictures: int
    photos: int
    width: int
    height: int
    seed: int
    judge: str
    judge_digest: str
    learned_from: bool
    weights: str
    weights_digest: str
    checkpoint: int | None
    version: str
    commit: str
    seconds: float
    at: str
    key: str
    together: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one measurement gives: numbers, and what it knows of each picture, by its id.

    judge: the network that looked; "" for none.
    """

    found: Sequence[Found]
    judge: str = ""
    of_pictures: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Something to be measured.    key: the same when all that it depends on is.    said: fields of Measured."""

    key: str
    said: Mapping[str, Any]
    measure: Callable[[], Outcome]


class Results:
    """The numbers of a run, and those that are still to be measured."""

    def __init__(self, folder: Path) -> None:
        """Raises: as `read`."""
        self.folder, self.path = folder, folder / METRICS
        self.read()

    def read(self) -> None:
        """Reads what is there; a measurement that was written down in part is as if it had never been.

        Raises: RunError when the file is none of ours.
        """
        self._by_key: dict[str, list[Measured]] = {}
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.is_file() else []
        for number, line in enumerate(lines, 1):
            if line.endswith(b"\n"):
                one = self._read(number, line)
                self._by_key.setdefault(one.key, []).append(one)
        torn = {key for key, found in self._by_key.items() if len(found) < found[0].together}
        self._by_key = {key: found for key, found in self._by_key.items() if key not in torn}
        self._is_torn = bool(torn) or any(not line.endswith(b"\n") for line in lines)

    def knows(self, measurement: Measurement) -> bool:
        return measurement.key in self._by_key

    def of(self, measurement: Measurement) -> list[Measured]:
        return self._by_key[measurement.key]

    def of_pictures(self, measurement: Measurement) -> dict[str, dict[str, Any]]:
        """What is known of each picture, by its id."""
        path = self._details(measurement)
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def take(self, measurement: Measurement) -> None:
        """Measures, and writes down what was found."""
        begun = time.monotonic()
        outcome = measurement.measure()
        seconds, installed = round(time.monotonic() - begun, 3), version("gauganpipe")
        measured = [
            Measured(
                **_finite(asdict(found)),
                **measurement.said,
                judge=outcome.judge,
                version=installed,
                commit=commit(),
                seconds=seconds,
                at=datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
                key=measurement.key,
                together=len(outcome.found),
            )
            for found in outcome.found
        ]
        if outcome.of_pictures:
            write_atomically(self._details(measurement), json.dumps(outcome.of_pictures, indent=1).encode())
        if self._is_torn:
            write_atomically(self.path, b"".join(_line(one) for known in self._by_key.values() for one in known))
            self._is_torn = False
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b"".join(map(_line, measured)))
        self._by_key[measurement.key] = measured

    def _details(self, measurement: Measurement) -> Path:
        return self.folder / DETAILS / f"{measurement.key}.json"

    def _read(self, number: int, line: bytes) -> Measured:
        try:
            said = json.loads(line)
            values = {one.name: said[CLASS if one.name == "of_class" else one.name] for one in fields(Measured)}
            return Measured(**values)
        except (ValueError, KeyError, TypeError):
            raise RunError(
                f"{self.path}, line {number}: this is no number that was measured. Move the file away, and the same "
                "command measures again"
            ) from None


def _finite(said: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in said.items()
    }


def _line(one: Measured) -> bytes:
    said = asdict(one)
    ordered = {"metric": said.pop("metric"), CLASS: said.pop("of_class"), **said}
    return json.dumps(ordered, ensure_ascii=False).encode() + b"\n"


@cache
def commit() -> str:
    """The commit of the source that is running, with + where it was changed since; "" where it is no checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short=12", "HEAD") + (
            "+" if git("status", "--porcelain", "--", "gaugan", "pipeline") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return ""
