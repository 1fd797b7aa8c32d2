"""What a run has written down of its training: its photos, its scores, and how long it took."""

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.about import About
from pipeline.errors import RunError
from pipeline.manifest import Manifest
from pipeline.rows import Row
from pipeline.run_folders import ORIGIN, is_imported
from pipeline.samples import trained_rows
from pipeline.workspace import Workspace

LOG, STATISTICS = "log.txt", "stats.jsonl"
METRICS = Path("evaluation") / "metrics.jsonl"
BEGINS = re.compile(r"(begins|goes on at [\d,]+): ")
SCORE = "score/"


@dataclass(frozen=True, kw_only=True)
class History:
    """A run until a checkpoint.

    origin: what it was imported from, by the name of the file; empty for one that was trained here.
    trained, validated: the photos that it learned from, and those that it was scored on.    about: of their manifest.
    seconds: that it was trained; None where nobody knows.
    score: name and number of the score that the checkpoint got in training, or None.
    measured: lines of metrics.jsonl that speak of the checkpoint as a whole.
    """

    origin: tuple[str, ...]
    trained: tuple[Row, ...]
    validated: tuple[Row, ...]
    about: About
    seconds: float | None
    score: tuple[str, float] | None
    measured: tuple[Mapping[str, Any], ...]


def read_history(run: Path, *, images_shown: int) -> History:
    """images_shown: until the checkpoint.    Raises: ManifestError, RunError when a file of the run is damaged."""
    manifest = Manifest(Workspace(root=run))
    rows = trained_rows(manifest)
    return History(
        origin=_origin(run),
        trained=tuple(row for row in rows if row.split == "train"),
        validated=tuple(row for row in rows if row.split == "val"),
        about=manifest.about,
        seconds=_seconds(run),
        score=_score(run, images_shown),
        measured=_measured(run, images_shown),
    )


def _origin(run: Path) -> tuple[str, ...]:
    """Raises: RunError when the file was damaged."""
    if not is_imported(run):
        return ()
    path = run / ORIGIN
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return tuple(str(file["name"]) for file in said["files"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RunError(f"{path} is damaged. Move {run} away, and import it again") from None


def _seconds(run: Path) -> float | None:
    """From the first to the last word of every sitting; a sitting that was killed counts until its last word."""
    total, begun, last = 0.0, None, None
    for line in _lines(run / LOG):
        moment, _, words = line.partition(" ")
        try:
            now = datetime.datetime.fromisoformat(moment)
        except ValueError:
            continue
        if BEGINS.match(words):
            total += (last - begun).total_seconds() if begun else 0
            begun = now
        last = now
    return total + (last - begun).total_seconds() if begun else None


def _score(run: Path, images_shown: int) -> tuple[str, float] | None:
    found = None
    for said in _objects(run / STATISTICS):
        for name, value in said.items():
            if name.startswith(SCORE) and said.get("images_shown") == images_shown and value is not None:
                found = name.removeprefix(SCORE), value
    return found


def _measured(run: Path, images_shown: int) -> tuple[Mapping[str, Any], ...]:
    """The newest line of each metric, split and style."""
    newest = {}
    for said in _objects(run / METRICS):
        is_meant = said.get("of") == run.resolve().name and said.get("checkpoint") == images_shown
        if is_meant and not said.get("class") and isinstance(said.get("value"), int | float):
            newest[said.get("metric"), said.get("split"), said.get("style")] = said
    return tuple(newest.values())


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line; what is torn or none is left out."""
    for line in _lines(path):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict):
            yield said


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
