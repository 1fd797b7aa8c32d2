"""The commands: read options, call one function, show the result."""

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import (
    evaluation_commands,
    exchange_commands,
    gather,
    manifest_commands,
    model_commands,
    options,
    paint_commands,
    serve_commands,
    views,
)
from pipeline.console import Console
from pipeline.errors import GauganpipeError
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline import flow

app = typer.Typer(
    name="gauganpipe",
    help="From a folder of landscape photos to a GauGAN that paints them.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

app.add_typer(model_commands.model, name="model")

manifest = manifest_commands.manifest
manifest.command("export")(exchange_commands.export_dataset)
manifest.command("import")(exchange_commands.import_dataset)
manifest.command()(serve_commands.report)
manifest.command()(serve_commands.annotate)
manifest.command()(serve_commands.corrections)
app.add_typer(manifest, name="manifest")

INTERRUPTED = 130
"""The exit code that typer gives a Ctrl-C."""


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        Console().result(f"gauganpipe {version('gauganpipe')}")
        raise typer.Exit


@app.callback()
def gauganpipe(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """From a folder of landscape photos to a GauGAN that paints them."""


def main() -> None:
    """Runs a command; what a user can mend is one sentence on stderr and exit code 1."""
    # Threads that wait for one another in a busy loop take the cores from other programs, and from each other. This
    # short a loop costs training a twentieth where nobody else computes, and saves most of it where somebody does.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    console = Console()
    try:
        app()
    except GauganpipeError as error:
        console.error(str(error))
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            console.error("interrupted. The same command goes on where it stopped")
        raise


@app.command()
def run(
    source: options.RunSource,
    segmenter: options.SegmenterName = "",
    taxonomy: options.TaxonomyName = "",
    quality: options.Quality = None,
    keep_all: options.KeepAll = None,
    accept_license: options.AcceptLicense = False,
    preset: options.Preset = "auto",
    assignments: options.Assignments = [],  # noqa: B006
    workspace: options.Folder = options.HERE,
    workers: options.Workers = options.WORKERS,
    strict: options.Strict = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """The whole flow: photos, label maps, edge maps, a trained run, and its pictures of the validation maps.

    The same command again goes on where it stopped; a finished flow makes nothing.

    gauganpipe run drawn:120 --preset tiny

    gauganpipe run ./photos --preset tiny
    """
    from pipeline import flow
    from pipeline.run_choice import Training

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = flow.Asked(
        segmenter=segmenter, taxonomy=taxonomy, quality=quality, keep_all=keep_all, accept_license=accept_license
    )
    training = Training(preset=preset, assignments=tuple(assignments))
    if dry_run:
        return _show_plan(flow.plan_run(place, source, asked, training), console)
    said = {"workers": workers, "strict": strict, "console": console}
    done = flow.run(place, source, asked, training, on_done=lambda part: console.show(part.lines()), **said)
    console.show(done.lines(), done)
    return _exit(done.done, strict)


app.command()(gather.download)
app.command()(gather.curate)


@app.command()
def label(
    source: options.Source = "",
    segmenter: options.SegmenterName = "",
    taxonomy: options.TaxonomyName = "",
    quality: options.Quality = None,
    unknown_below: options.UnknownBelow = None,
    min_region: options.MinRegion = None,
    refine: options.Refine = None,
    instances: options.GivenInstances = None,
    confidence_maps: options.ConfidenceMaps = None,
    raw_labels: options.RawLabels = None,
    keep_all: options.KeepAll = None,
    accept_license: options.AcceptLicense = False,
    min_side: options.MinSide = None,
    max_side: options.MaxSide = None,
    redo: options.LabelAgain = False,
    only_failed: options.OnlyFailed = False,
    limit: options.Limit = None,
    workspace: options.Folder = options.HERE,
    workers: options.Workers = options.WORKERS,
    strict: options.Strict = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Take photos into the workspace, upright and in sRGB, and make a label map for each.

    Without SOURCE it labels what is in the workspace. What is said of segmenter, taxonomy, quality and sizes is kept
    until something else is said; photos whose label maps would come out otherwise are labelled again.

    gauganpipe label ./photos

    gauganpipe label ./photos --quality best --segmenter upernet-convnext-tiny
    """
    from pipeline import flow

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = flow.Asked(
        segmenter=segmenter,
        taxonomy=taxonomy,
        min_side_px=min_side,
        max_side_px=max_side,
        quality=quality,
        unknown_below=unknown_below,
        smallest_share=min_region,
        refine=refine,
        instances=instances,
        keep_confidences=confidence_maps,
        keep_raw=raw_labels,
        keep_all=keep_all,
        accept_license=accept_license,
    )
    which = flow.Which(redo=redo, only_failed=only_failed, limit=limit)
    if dry_run:
        return _show_plan(flow.plan_label(place, source, asked, which), console)
    done = flow.label(place, source, asked, which, workers=workers, console=console)
    console.show(done.lines(), done)
    console.note(f"next: {done.next}")
    return _exit(done, strict)


@app.command("build-edges")
def build_edges(
    redo: options.BuildAgain = False,
    only_failed: options.OnlyFailed = False,
    limit: options.Limit = None,
    workspace: options.Folder = options.HERE,
    workers: options.Workers = options.WORKERS,
    strict: options.Strict = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Split every label map into instances, and mark where two of them meet.

    gauganpipe build-edges

    gauganpipe build-edges --redo --workers 4
    """
    from pipeline import flow

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    which = flow.Which(redo=redo, only_failed=only_failed, limit=limit)
    if dry_run:
        return _show_plan(flow.plan_edges(place, which), console)
    done = flow.build_edges(place, which, workers=workers, console=console)
    console.show(done.lines(), done)
    console.note(f"next: {done.next}")
    return _exit(done, strict)


app.command()(views.inspect)


@app.command()
def train(
    preset: options.Preset = "auto",
    assignments: options.Assignments = [],  # noqa: B006
    batch: options.BatchSize = "",
    init_from: options.InitFrom = None,
    continues: options.Continues = [],  # noqa: B006
    run: options.UnfinishedRun = None,
    new: options.NewRun = False,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Train SPADE on the label maps and photos of the train split.

    The same command again goes on with an unfinished run, and says so of a finished one. With --dry-run it lists every
    setting and its value. Started by `torchrun --nproc-per-node N -m pipeline train` it trains on N devices.

    gauganpipe train

    gauganpipe train --preset small --set model.style_encoder=true --batch auto
    """
    from pipeline import runs

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = runs.Training(
        preset=preset,
        assignments=tuple(assignments),
        batch=batch,
        init_from=init_from,
        continues=tuple(continues),
        run=run,
        new=new,
    )
    if dry_run:
        return _show_plan(runs.plan(place, asked), console)
    done = runs.train(place, asked, console=console)
    console.result(f"run {done.folder}")
    console.result(f"samples {done.sheet}")
    console.note(f"next: {place.from_here('gauganpipe generate --split val')}")
    console.show_json(done)
    return None


app.command()(paint_commands.generate)
app.command()(evaluation_commands.evaluate)
app.command()(serve_commands.serve)
app.command()(views.attribution)
app.command()(views.segmenters)
app.command()(views.classes)


def _show_plan(lines: list[str], console: Console) -> None:
    console.show(lines, {"plan": lines})


def _exit(done: "flow.Done", strict: bool) -> None:
    """Exit code 3 when rows failed and nobody may overlook it, or when every row did."""
    if done.is_failure(strict=strict):
        raise typer.Exit(3)
