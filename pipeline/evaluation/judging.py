"""`gauganpipe evaluate`: paints the judged maps, measures what is not measured yet, writes the page, compares runs."""

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.console import Console, count
from pipeline.evaluation import comparison, page, words
from pipeline.evaluation.asked import Asked
from pipeline.evaluation.job import COMPARED, Job, prepare
from pipeline.evaluation.judges import device
from pipeline.evaluation.results import Measured
from pipeline.run_folders import explained_runs
from pipeline.workspace import Workspace, explained_disk_errors, hold


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What was found.    files: of numbers, pages, sheets and tables.    unchanged: everything was there already."""

    runs: list[str]
    columns: list[str]
    numbers: list[Measured]
    verdicts: list[str]
    warnings: list[str]
    files: list[Path]
    unchanged: bool

    def lines(self) -> list[str]:
        """A table, what must be known of it, and the files."""
        first = next(one for one in self.numbers if one.style)
        how = (
            f"{first.split}: {first.pictures} pictures of {first.width}x{first.height} pixels, averaged weights; ± 95 %"
        )
        return [
            how,
            *words.table(self.numbers, self.columns),
            *self.verdicts,
            *(f"note: {warning}" for warning in self.warnings),
            *(f"{'unchanged' if self.unchanged else 'written'} {file}" for file in self.files),
        ]


@explained_runs()
def evaluate(workspace: Workspace, asked: Asked, *, console: Console) -> Evaluated:
    """Measures the runs, and gives their numbers; what is there and would come out the same is not made again.

    Raises: ManifestError, SegmenterError, WorkspaceError; RunError when runs, photos and words do not fit.
    """
    job = prepare(workspace, asked, console=console)
    with contextlib.ExitStack() as held:
        held.enter_context(explained_disk_errors())
        if not job.is_done:
            for results in job.results.values():
                held.enter_context(hold(results.folder, f"the evaluation {results.folder}"))
            job.read_again()
        is_idle = job.is_done
        if not is_idle:
            for judge in job.bench.judges:
                job.bench.descriptions.network(judge)
            _paint(job, console)
        for results, measurement in job.measurements():
            if not results.knows(measurement):
                results.take(measurement)
        numbers = job.numbers()
        files = [job.results[subject.name].path for subject in job.subjects]
        is_written = False
        if asked.has_page:
            for painted in job.painted:
                file, is_new = page.write_page(job, painted, numbers, console=console)
                files.append(file)
                is_written |= is_new
        if COMPARED in job.results:
            made, is_new = comparison.write(job, numbers)
            files += made
            is_written |= is_new
    return Evaluated(
        runs=[subject.name for subject in job.subjects],
        columns=job.columns,
        numbers=numbers,
        verdicts=words.verdicts(numbers),
        warnings=words.warnings_of(numbers),
        files=files,
        unchanged=is_idle and not is_written,
    )


@explained_runs()
def plan(workspace: Workspace, asked: Asked) -> list[str]:
    """What `evaluate` would do, one fact a line; writes nothing."""
    job = prepare(workspace, replace(asked, downloads=False), console=Console(quiet=True))
    height, width = job.bench.photos.size
    runs = ", ".join(subject.name for subject in job.subjects)
    return [
        f"would judge {runs} by {count(len(job.bench.photos), 'photo')} of {asked.split} at {width}x{height} pixels",
        f"would look through {', '.join(str(judge.path) for judge in job.bench.judges)}",
        f"would paint {count(job.unpainted, 'picture')}",
        f"would take {count(job.missing, 'measurement')}",
    ]


def _paint(job: Job, console: Console) -> None:
    from gaugan.generate import load_painter

    for painted in job.painted:
        number = len(painted.missing())
        if number:
            painter = load_painter(painted.subject.folder, device=device(), checkpoint=painted.subject.checkpoint)
            with console.bar(f"paint {painted.subject.name}", unit="picture", total=number) as bar:
                painted.paint(painter, bar)
