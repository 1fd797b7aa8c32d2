"""What a run has written down of its training: its photos, its scores, and how long it took."""

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.about import About
from pipeline.manifest import Manifest
from pipeline.model_exports.facts import Facts
from pipeline.model_exports.scores import REAL, Evaluation, find_evaluation
from pipeline.rows import Row
from pipeline.run_ancestry import Ancestry, ancestry_of
from pipeline.workspace import Workspace

LOG, STATISTICS = "log.txt", "stats.jsonl"
EVALUATION, REFERENCES, METRICS = "evaluation", "references", "metrics.jsonl"
BEGINS = re.compile(r"(begins|goes on at [\d,]+): ")
SCORE = "score/"


@dataclass(frozen=True, kw_only=True)
class TrainingScore:
    """The score that a checkpoint got in training.    photos: it was taken on these; None where nobody knows."""

    name: str
    value: float
    photos: int | None


@dataclass(frozen=True, kw_only=True)
class History:
    """A run until a checkpoint.

    about: of its manifest.    seconds: that it was trained; None where nobody knows.
    score, evaluation: of the checkpoint; None where there is none.
    """

    ancestry: Ancestry
    about: About
    seconds: float | None
    score: TrainingScore | None
    evaluation: Evaluation | None

    @property
    def trained(self) -> tuple[Row, ...]:
        """The photos that the run itself learned from."""
        return self.ancestry.runs[0].trained_on


def read_history(run: Path, facts: Facts, *, runs: Path) -> History:
    """facts: of the checkpoint.    runs: the folder of the workspace where the run was evaluated.

    Raises: ManifestError, RunError when a file of the run is damaged.
    """
    return History(
        ancestry=ancestry_of(run),
        about=Manifest(Workspace(root=run)).about,
        seconds=_seconds(run),
        score=_score(run, facts.images_shown),
        evaluation=_evaluation(run, facts, runs),
    )


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


def _score(run: Path, images_shown: int) -> TrainingScore | None:
    found = None
    for said in _objects(run / STATISTICS):
        for name, value in said.items():
            if name.startswith(SCORE) and said.get("images_shown") == images_shown and value is not None:
                found = TrainingScore(name=name.removeprefix(SCORE), value=value, photos=said.get("photos"))
    return found


def _evaluation(run: Path, facts: Facts, runs: Path) -> Evaluation | None:
    named = (said for said in _objects(run / EVALUATION / METRICS) if said.get("of") == facts.run)
    lines = [said for said in named if said.get("checkpoint") == facts.images_shown]
    real = [said for said in _objects(runs / REFERENCES / METRICS) if said.get("of") == REAL]
    return find_evaluation(lines, real, size=(facts.width, facts.height))


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
