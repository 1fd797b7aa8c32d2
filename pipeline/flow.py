"""From a source of photos to a trained model: the composition, one function a command."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline import paint, runs
from pipeline.console import Console, count
from pipeline.engine import RowStage, Summary, pending, walk
from pipeline.errors import SegmenterError
from pipeline.ingest import MAX_SIDE_PX, MIN_SIDE_PX, Ingest, settle
from pipeline.manifest import Manifest, demand, read, rows_of_splits, writing
from pipeline.report import next_command
from pipeline.rows import FAILED, plain
from pipeline.segmenters.registry import demand_known, describe, from_any_folder, open_segmenter
from pipeline.segmenters.segmenter import Segmenter
from pipeline.sources.catalogue import brings_labels, left_out, open_source
from pipeline.stages.edges import Edges
from pipeline.stages.label import Label
from pipeline.stages.order import earlier
from pipeline.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """What `label` is asked for beside its source.

    segmenter: how the registry names it. redo: label rows again that are done.
    min_side_px, max_side_px: photos that are shorter are rejected, those that are longer are shrunk.
    What is left out is what the workspace was told last, and then the default.
    """

    segmenter: str = ""
    redo: bool = False
    min_side_px: int | None = None
    max_side_px: int | None = None


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command did to the rows: what each walk counted, by name.

    rows: in the table. failed: the sentences of all rows that failed in the stages of this command, now or earlier.
    next: the command to go on with.
    """

    walks: dict[str, Summary]
    rows: int
    failed: list[str]
    next: str

    def lines(self) -> list[str]:
        """One line a walk."""
        return [
            ", ".join(
                [f"{name} {count(summary.done, 'photo')}", *(f"{number:,} {word}" for word, number in summary.others())]
            )
            for name, summary in self.walks.items()
        ]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """What `run` did: the walks over the rows; the run, None when the photos failed; its pictures of the val maps."""

    done: Done
    trained: runs.Trained | None = None
    pictures: list[Path] = field(default_factory=list)


def label(workspace: Workspace, source: str, asked: Labelling, *, workers: int, console: Console) -> Done:
    """Photos of a source into the workspace, if one is named, and a label map for every photo that has none.

    Raises: SourceError, SegmenterError, ManifestError and WorkspaceError, each with a sentence.
    """
    walks: dict[str, Summary] = {}
    candidates = list(open_source(source, without=workspace.made_folders)) if source else []
    if source:
        _say_what_is_left_out(workspace, source, console)
    else:
        demand(workspace)
    with writing(workspace) as manifest:
        brings_photos = bool(source) and not brings_labels(source)
        segmenter = _open_segmenter(manifest, asked, console, brings_photos=brings_photos)
        ingest = Ingest(
            workspace=workspace, taxonomy=manifest.taxonomy, known=dict(manifest.rows), **_sizes(manifest, asked)
        )
        if source:
            with console.bar("ingest", unit="photo", total=len(candidates)) as bar:
                walks["ingested"] = walk(ingest, candidates, manifest, workers=workers, on_item=bar.step)
            walks["ingested"].duplicates = ingest.duplicates
        for row in settle(manifest, ingest.other_names):
            console.note(f"{row.original_name} moved to {row.split}: a new photo joined two groups of near-duplicates")
        walks["labelled"] = Summary(idle=sum(bool(row.label_file_name) for row in manifest.rows.values()))
        if segmenter is not None:
            stage = Label(workspace=workspace, taxonomy=manifest.taxonomy, segmenter=segmenter)
            walks["labelled"] = _walk_rows(stage, manifest, redo=asked.redo, workers=workers, console=console)
        return _done(manifest, walks, (ingest.name, "label"))


def build_edges(workspace: Workspace, *, redo: bool, workers: int, console: Console) -> Done:
    """Instance maps and edge maps for every label map that has none."""
    demand(workspace)
    with writing(workspace) as manifest:
        stage = Edges(workspace=workspace, taxonomy=manifest.taxonomy)
        summary = _walk_rows(stage, manifest, redo=redo, workers=workers, console=console)
        return _done(manifest, {"built": summary}, ("edges",))


def run(
    workspace: Workspace,
    source: str,
    asked: Labelling,
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
    if labelled.failed and (strict or len(labelled.failed) == labelled.rows):
        return Flow(done=labelled)
    built = build_edges(workspace, redo=False, workers=workers, console=console)
    on_done(built)
    trained = runs.train(workspace, training, console=console)
    split = "val" if any(row.label_file_name for row in rows_of_splits(read(workspace), "val")) else "train"
    pictures = paint.generate(workspace, paint.Painting(run=trained.folder, split=split), console=console)
    done = replace(built, walks={**labelled.walks, **built.walks}, failed=[*labelled.failed, *built.failed])
    return Flow(done=done, trained=trained, pictures=pictures)


def plan_run(workspace: Workspace, source: str, asked: Labelling, training: runs.Training) -> list[str]:
    """What `run` would do, one fact a line; writes nothing."""
    runs.check(workspace, training)
    then = ["would build the edges of every labelled photo that has none", f"would train with {training.preset}"]
    return [*plan_label(workspace, source, asked), *then, "would paint the label maps of the validation photos"]


def plan_label(workspace: Workspace, source: str, asked: Labelling) -> list[str]:
    """What `label` would do, one fact a line; writes nothing."""
    if not source:
        demand(workspace)
    manifest = Manifest(workspace)
    rows = manifest.rows.values()
    if asked.segmenter:
        demand_known(asked.segmenter)
    if not asked.segmenter and not manifest.about.segmenter and source and not brings_labels(source):
        raise SegmenterError(segmenter_needed())
    names = {(row.source, row.original_name) for row in rows}
    listed = list(open_source(source, without=workspace.made_folders)) if source else []
    fresh = [one for one in listed if (one.source, plain(one.name)) not in names]
    waiting = [row for row in rows if row.file_name and (asked.redo or not row.label_file_name)]
    with_labels = sum(one.read_labels is not None for one in fresh)
    lines = [f"would ingest {count(len(fresh), 'photo')} of {len(listed):,} in {source}"] if source else []
    return [*lines, f"would label {count(len(fresh) - with_labels + len(waiting), 'photo')}"]


def plan_edges(workspace: Workspace, *, redo: bool) -> list[str]:
    """What `build_edges` would do, one fact a line; writes nothing."""
    manifest = read(workspace)
    stage = Edges(workspace=workspace, taxonomy=manifest.taxonomy)
    todo = pending(stage, manifest.rows.values(), earlier(stage.name), redo=redo)
    return [f"would build the edges of {count(len(todo), 'photo')}"]


def segmenter_needed() -> str:
    """The sentence that lists what can label, for a user who named nothing."""
    lines = [f"  {choice.spec:<26}{choice.what}" for choice in describe()]
    return "\n".join(["nothing says which segmenter labels the photos. Name one with --segmenter:", *lines])


def _say_what_is_left_out(workspace: Workspace, source: str, console: Console) -> None:
    endings = left_out(source, without=workspace.made_folders)
    if endings:
        what = ", ".join(f"{number:,} {ending or 'without an ending'}" for ending, number in endings.most_common())
        console.note(f"left out {count(endings.total(), 'file')} that do not end like photos: {what}")


def _sizes(manifest: Manifest, asked: Labelling) -> dict[str, int]:
    """The sizes of photos that are asked for, else the workspace's own, else the defaults; they are kept."""
    kept = manifest.about.parameters.get(Ingest.name, {})
    defaults = {"min_side_px": MIN_SIDE_PX, "max_side_px": MAX_SIDE_PX}
    sizes = {name: getattr(asked, name) or int(kept.get(name, default)) for name, default in defaults.items()}
    parameters = {name: str(size) for name, size in sizes.items()}
    manifest.choose(parameters={**manifest.about.parameters, Ingest.name: parameters})
    return sizes


def _open_segmenter(manifest: Manifest, asked: Labelling, console: Console, *, brings_photos: bool) -> Segmenter | None:
    """The segmenter that is named, or the workspace's own; None where nothing waits for one.

    Opened before any photo is taken in, so that a wrong name costs no time.
    brings_photos: whether the source has photos without label maps.
    """
    name = asked.segmenter or manifest.about.segmenter
    waiting = [row for row in manifest.rows.values() if row.file_name and row.keep != "no" and not row.label_file_name]
    is_needed = brings_photos or bool(waiting)
    if not name:
        if is_needed:
            raise SegmenterError(segmenter_needed())
        return None
    name, folder = from_any_folder(name), manifest.workspace.weights
    try:
        with console.transfer() as on_bytes:
            segmenter = open_segmenter(name, taxonomy=manifest.taxonomy, weights_folder=folder, on_bytes=on_bytes)
    except SegmenterError as error:
        if is_needed or asked.segmenter or asked.redo:
            raise
        console.note(f"{error}. No photo waits for it, so the label maps stay as they are")
        return None
    said = {"digest": segmenter.digest, "license": segmenter.license}
    manifest.choose(segmenter=name, models={**manifest.about.models, segmenter.name: said})
    missing = [name for name in manifest.taxonomy.names if name not in segmenter.reached]
    if missing:
        console.note(f"{segmenter.name} knows no {', '.join(missing)}: no pixel will be labelled so")
    return segmenter


def _walk_rows(stage: RowStage, manifest: Manifest, *, redo: bool, workers: int, console: Console) -> Summary:
    before = earlier(stage.name)
    rows = sorted(manifest.rows.values(), key=lambda row: row.id)
    todo = pending(stage, rows, before, redo=redo)
    with console.bar(stage.name, unit="photo", total=len(todo)) as bar:
        summary = walk(stage, todo, manifest, workers=workers, on_item=bar.step)
    summary.idle += len(rows) - len(todo)
    return summary


def _done(manifest: Manifest, walks: dict[str, Summary], stages: tuple[str, ...]) -> Done:
    failed = sorted(row.error for row in manifest.rows.values() if row.status == FAILED and row.stage in stages)
    return Done(walks=walks, rows=len(manifest.rows), failed=failed, next=next_command(manifest))
