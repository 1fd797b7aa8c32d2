"""From a source of photos to a trained model: the composition, one function a command."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline import curate, intake, labeller, paint, preferences, rules, runs
from pipeline.causes import summarise
from pipeline.console import Console, count
from pipeline.engine import RowStage, Summary, pending, walk
from pipeline.errors import SourceError
from pipeline.ingest import Ingest, settle
from pipeline.intake import Intake
from pipeline.manifest import About, Manifest, demand, read, rows_of_splits, writing
from pipeline.preferences import Asked
from pipeline.report import next_command
from pipeline.rows import FAILED, REJECTED, Row
from pipeline.segmenters.registry import DEFAULT, demand_known, is_here
from pipeline.segmenters.segmenter import Segmenter
from pipeline.sources.catalogue import brings_labels
from pipeline.stages.edges import Edges
from pipeline.stages.label import Label
from pipeline.stages.order import earlier
from pipeline.workspace import Workspace

FAILURES_SAID = 10
"""So many of the sentences why photos failed are said; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command did to the rows: what each walk counted, by name.

    rows: in the table. failed: the sentences of all rows that failed in the stages of this command, now or earlier.
    causes: why photos could not be had, as `pipeline.causes` calls it -> how many of the failed ones.
    next: the command to go on with.
    """

    walks: dict[str, Summary]
    rows: int
    failed: list[str]
    causes: dict[str, int]
    next: str

    def lines(self) -> list[str]:
        """One line a walk."""
        return [
            ", ".join(
                [f"{name} {count(summary.done, 'photo')}", *(f"{number:,} {word}" for word, number in summary.others())]
            )
            for name, summary in self.walks.items()
        ]

    def is_failure(self, *, strict: bool) -> bool:
        """Whether nobody may overlook what failed: every row did, or any row under `strict`."""
        return bool(self.failed) and (strict or len(self.failed) == self.rows)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What `run` did: the walks over the rows; the run, None when the photos failed; its pictures of the val maps."""

    done: Done
    trained: runs.Trained | None = None
    pictures: list[Path] = field(default_factory=list)

    def lines(self) -> list[str]:
        """One fact a line of what came after the walks."""
        if self.trained is None:
            return []
        pictures = f"pictures {len(self.pictures)} in {self.trained.folder / 'pictures'}"
        return [f"run {self.trained.folder}", pictures, f"samples {self.trained.sheet}"]


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which rows a stage takes: done ones too, only those that failed in it, and so many at most (None for all)."""

    redo: bool = False
    only_failed: bool = False
    limit: int | None = None


PENDING = Which()
"""The rows that the stage has not done yet."""


def download(workspace: Workspace, taking: Intake, asked: Asked, *, workers: int, console: Console) -> Done:
    """Photos of a source into the workspace, with all that is known of whose they are; nothing is labelled yet.

    Raises: SourceError, ManifestError and WorkspaceError, each with a sentence.
    """
    offer = intake.ask(workspace, taking)
    with writing(workspace) as manifest:
        manifest.choose(**vars(preferences.decide(manifest.about, asked)))
        ingest = _ingest_stage(manifest, taking)
        summary, broken = intake.take_in(offer, ingest, manifest, workers=workers, console=console)
        summary.rejected += _judge(manifest, console)
        _settle(manifest, ingest, console)
        done = _done(manifest, {"ingested": summary}, (ingest.name,), console)
    return _unless_broken(done, broken)


def label(
    workspace: Workspace, source: str, asked: Asked, which: Which = PENDING, *, workers: int, console: Console
) -> Done:
    """Photos of a source into the workspace, if one is named, and a label map for every photo that has none.

    Raises: SourceError, SegmenterError, ManifestError and WorkspaceError, each with a sentence.
    """
    offer = intake.ask(workspace, intake.decide(source)) if source else None
    if offer is None:
        demand(workspace)
    with writing(workspace) as manifest:
        # What the workspace is told. It keeps that once the segmenter is open: a wrong word changes nothing.
        about = preferences.decide(manifest.about, asked)
        preferences.refuse_other_classes(manifest, about)
        is_needed = _needs_segmenter(manifest, about, source, which)
        segmenter = labeller.open_chosen(workspace, about, asked, console, is_needed=is_needed)
        manifest.choose(**vars(labeller.named(about, segmenter) if segmenter else about))

        # Photos, and what their pixels alone tell, which costs no label map.
        walks: dict[str, Summary] = {}
        broken: SourceError | None = None
        ingest = _ingest_stage(manifest)
        if offer:
            walks["ingested"], broken = intake.take_in(offer, ingest, manifest, workers=workers, console=console)
        rejected = _judge(manifest, console)

        # Label maps, and what they tell.
        if segmenter is None:
            labelled = Summary(idle=sum(bool(row.label_file_name) for row in manifest.rows.values()))
        else:
            stage = _label_stage(manifest, labeller.with_numerics(manifest, segmenter, console))
            labelled = _walk_rows(stage, manifest, which, workers=workers, console=console)
        labelled.rejected += rejected + _judge(manifest, console)
        walks["labelled"] = labelled

        # Last, so that every split gets photos that are kept.
        _settle(manifest, ingest, console)
        done = _done(manifest, walks, (ingest.name, Label.name), console)
    return _unless_broken(done, broken)


def build_edges(workspace: Workspace, which: Which, *, workers: int, console: Console) -> Done:
    """Instance maps and edge maps for every label map that has none."""
    demand(workspace)
    with writing(workspace) as manifest:
        stage = Edges(workspace=workspace, taxonomy=manifest.taxonomy)
        summary = _walk_rows(stage, manifest, which, workers=workers, console=console)
        return _done(manifest, {"built": summary}, (stage.name,), console)


def run(
    workspace: Workspace,
    source: str,
    asked: Asked,
    training: runs.Training,
    *,
    workers: int,
    console: Console,
    on_done: Callable[[Done], None],
    strict: bool = False,
) -> Flow:
    """The whole flow, from photos to a run and its pictures of the validation maps; each part goes on where it stopped.

    on_done: called after each walk over the rows. strict: a failed photo ends the flow before training.
    """
    runs.check(workspace, training)
    labelled = label(workspace, source, asked, workers=workers, console=console)
    on_done(labelled)
    if labelled.is_failure(strict=strict):
        return Flow(done=labelled)
    built = build_edges(workspace, PENDING, workers=workers, console=console)
    on_done(built)
    trained = runs.train(workspace, training, console=console)
    split = "val" if any(row.label_file_name for row in rows_of_splits(read(workspace), "val")) else "train"
    painted = paint.generate(workspace, paint.Painting(run=trained.folder, split=split), console=console)
    done = replace(built, walks={**labelled.walks, **built.walks}, failed=[*labelled.failed, *built.failed])
    return Flow(done=done, trained=trained, pictures=painted.pictures)


def plan_run(workspace: Workspace, source: str, asked: Asked, training: runs.Training) -> list[str]:
    """What `run` would do, one fact a line; writes nothing."""
    runs.check(workspace, training)
    then = ["would build the edges of every labelled photo that has none", f"would train with {training.preset}"]
    return [*plan_label(workspace, source, asked), *then, "would paint the label maps of the validation photos"]


def plan_download(workspace: Workspace, taking: Intake, asked: Asked) -> list[str]:
    """What `download` would do, one fact a line; asks a service what it has, and fetches and writes nothing."""
    manifest = Manifest(workspace)
    manifest.about = preferences.decide(manifest.about, asked)
    lines, _ = intake.plan(workspace, taking, _ingest_stage(manifest))
    return lines


def plan_label(workspace: Workspace, source: str, asked: Asked, which: Which = PENDING) -> list[str]:
    """What `label` would do, one fact a line; writes nothing and downloads nothing."""
    if not source:
        demand(workspace)
    manifest = Manifest(workspace)
    about = preferences.decide(manifest.about, asked)
    preferences.refuse_other_classes(manifest, about)
    manifest.about = about

    lines, fresh = ([], [])
    if source:
        lines, fresh = intake.plan(workspace, intake.decide(source), _ingest_stage(manifest))

    # Photos that come with a label map need none.
    number = len(_would_label(manifest, source, asked, which))
    if not which.only_failed:
        number += sum(one.read_labels is None for one in fresh)
    number = number if which.limit is None else min(number, which.limit)
    lines.append(f"would label {count(number, 'photo')}" + f" with {about.segmenter or DEFAULT}" * bool(number))
    return [*lines, *_settled(Label(workspace=workspace, taxonomy=manifest.taxonomy, segmenter=None), manifest, which)]


def plan_edges(workspace: Workspace, which: Which) -> list[str]:
    """What `build_edges` would do, one fact a line; writes nothing."""
    manifest = read(workspace)
    stage = Edges(workspace=workspace, taxonomy=manifest.taxonomy)
    return [f"would build the edges of {count(len(_todo(stage, manifest, which)), 'photo')}"]


def _needs_segmenter(manifest: Manifest, about: About, source: str, which: Which) -> bool:
    """Whether a photo waits for its label map, or comes without one, or is to get another by the workspace's own."""
    comes = bool(source) and not brings_labels(source)
    waits = any(row.file_name and row.keep != "no" and not row.label_file_name for row in manifest.rows.values())
    return comes or waits or (which.redo and bool(about.segmenter))


def _would_label(manifest: Manifest, source: str, asked: Asked, which: Which) -> list[Row]:
    """The rows of the table that `label` would label now, if there were no limit."""
    about, workspace = manifest.about, manifest.workspace
    which = replace(which, limit=None)
    if not manifest.rows:
        demand_known(about.segmenter or DEFAULT)
        return []
    if not is_here(about.segmenter or DEFAULT, workspace.weights):
        # Weights that are still to come have labelled nothing here.
        stage = Label(workspace=workspace, taxonomy=manifest.taxonomy, segmenter=None)
        return _todo(stage, manifest, replace(which, redo=True))
    is_needed = _needs_segmenter(manifest, about, source, which)
    segmenter = labeller.open_chosen(workspace, about, asked, Console(quiet=True), is_needed=is_needed)
    if segmenter is None:
        return []
    return _todo(_label_stage(manifest, labeller.with_kept_numerics(about, segmenter)), manifest, which)


def _ingest_stage(manifest: Manifest, taking: Intake | None = None) -> Ingest:
    kept = preferences.kept(manifest.about)
    return Ingest(
        workspace=manifest.workspace,
        taxonomy=manifest.taxonomy,
        known=dict(manifest.rows),
        min_side_px=kept.min_side_px,
        max_side_px=kept.max_side_px,
        keep_all=kept.keep_all,
        tries=taking.tries if taking else (),
    )


def _label_stage(manifest: Manifest, segmenter: Segmenter) -> Label:
    kept = preferences.kept(manifest.about)
    wanted = {"confidences": kept.keep_confidences, "raw_labels": kept.keep_raw}
    keep = tuple(kind for kind, is_wanted in wanted.items() if is_wanted and segmenter.outputs)
    return Label(workspace=manifest.workspace, taxonomy=manifest.taxonomy, segmenter=segmenter, keep=keep)


def _judge(manifest: Manifest, console: Console) -> int:
    """Rejects the photos that a rule finds to be no landscapes, and takes back those that it no longer finds so.

    Returns: how many it rejected.
    """
    keep_all = preferences.kept(manifest.about).keep_all
    ours = preferences.rules_of(manifest.about)
    changed = rules.judge(manifest.rows.values(), manifest.taxonomy, keep_all=keep_all, rules=ours)
    for row in changed:
        manifest.record(row)
    rejected = sum(row.status == REJECTED for row in changed)
    if rejected < len(changed):
        console.note(f"{count(len(changed) - rejected, 'photo')} taken back that a rule had rejected")
    return rejected


def _unless_broken(done: Done, broken: SourceError | None) -> Done:
    """What the source gave is here to stay before anybody hears why it ended."""
    if broken is not None:
        raise broken
    return done


def _settle(manifest: Manifest, ingest: Ingest, console: Console) -> None:
    for row in settle(manifest, ingest):
        console.note(f"{row.original_name} moved to {row.split}: a new photo joined two groups of look-alikes")
    for row in curate.thin(manifest.rows.values(), one_a_group=preferences.keeps_one_a_group(manifest.about)):
        manifest.record(row)


def _todo(stage: RowStage, manifest: Manifest, which: Which) -> list[Row]:
    rows = sorted(manifest.rows.values(), key=lambda row: row.id)
    todo = pending(stage, rows, earlier(stage.name), redo=which.redo or which.only_failed)
    if which.only_failed:
        todo = [row for row in todo if row.status == FAILED and row.stage == stage.name]
    return todo[: which.limit]


def _settled(stage: RowStage, manifest: Manifest, which: Which) -> list[str]:
    """What is said of the rows that `redo` passes over, as a person has settled them."""
    number = sum(map(stage.is_settled, manifest.rows.values())) if which.redo else 0
    what = f"left alone: {count(number, 'map')} that a person has reviewed"
    return [f"{what}. To have one made again, empty its cell in label_reviewed"] if number else []


def _walk_rows(stage: RowStage, manifest: Manifest, which: Which, *, workers: int, console: Console) -> Summary:
    todo = _todo(stage, manifest, which)
    for line in _settled(stage, manifest, which):
        console.note(line)
    with console.bar(stage.name, unit="photo", total=len(todo)) as bar:
        summary = walk(stage, todo, manifest, workers=workers, on_item=bar.step)
    summary.idle += len(manifest.rows) - len(todo)
    return summary


def _done(manifest: Manifest, walks: dict[str, Summary], stages: tuple[str, ...], console: Console) -> Done:
    rows = [row for row in manifest.rows.values() if row.status == FAILED and row.stage in stages]
    failed = sorted(row.error for row in rows)
    for sentence in failed[:FAILURES_SAID]:
        console.note(f"failed: {sentence}")
    if (more := len(failed) - FAILURES_SAID) > 0:
        every = manifest.workspace.from_here("gauganpipe inspect --json")
        console.note(f"failed: {more:,} more; all of them: {every}")
    causes = Counter(row.cause for row in rows if row.cause)
    for line in summarise(causes):
        console.note(line)
    return Done(walks=walks, rows=len(manifest.rows), failed=failed, causes=dict(causes), next=next_command(manifest))
