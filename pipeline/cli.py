"""The commands: read options, call one function, show the result."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.console import Console
from pipeline.errors import GauganpipeError, WorkspaceError
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

Folder = Annotated[
    Path, typer.Option("-C", "--workspace", metavar="DIR", help="The workspace; nothing outside it is written.")
]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Say what would be done, and write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print results and errors only.")]
Workers = Annotated[
    int, typer.Option(min=0, metavar="N", help="Threads that read and write; 0 does one photo after another.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 if any photo failed.")]
SegmenterName = Annotated[
    str, typer.Option("--segmenter", metavar="NAME", help="What labels the photos; gauganpipe segmenters lists them.")
]
MinSide = Annotated[
    int | None, typer.Option(min=1, metavar="PX", help="Reject photos whose shorter side is shorter; 64, and kept.")
]
MaxSide = Annotated[
    int | None, typer.Option(min=64, metavar="PX", help="Shrink photos whose longer side is longer; 2048, and kept.")
]
TaxonomyName = Annotated[
    str, typer.Option("--taxonomy", metavar="NAME", help="The classes: landscape, another of them, or a CSV file.")
]
Quality = Annotated[
    str | None, typer.Option(metavar="NAME", help="How a network looks: fast, balanced (mirrored too), best (3 sizes).")
]
KeepAll = Annotated[
    bool | None, typer.Option("--keep-all/--use-rules", help="Keep photos that the rules find to be no landscapes.")
]
AcceptLicense = Annotated[
    bool, typer.Option("--accept-license", help="Allow weights that are for non-commercial use only.")
]
OnlyFailed = Annotated[bool, typer.Option("--only-failed", help="Only the photos that failed here before.")]
Limit = Annotated[int | None, typer.Option(min=0, metavar="N", help="So many photos at most.")]
Preset = Annotated[str, typer.Option(metavar="NAME", help="tiny, spade, or a TOML file of settings.")]
Assignments = Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="Change one setting; repeatable.")]
HERE = Path()
FAILURES_SHOWN = 10
INTERRUPTED = 130
"""The exit code that typer gives a Ctrl-C."""
WORKERS = min(8, os.cpu_count() or 1)


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
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder of photos, or drawn:120.")],
    segmenter: SegmenterName = "",
    taxonomy: TaxonomyName = "",
    quality: Quality = None,
    keep_all: KeepAll = None,
    accept_license: AcceptLicense = False,
    preset: Preset = "spade",
    assignments: Assignments = [],  # noqa: B006
    workspace: Folder = HERE,
    workers: Workers = WORKERS,
    strict: Strict = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """The whole flow: photos, label maps, edge maps, a trained run, and its pictures of the validation maps.

    The same command again goes on where it stopped; a finished flow makes nothing.

    gauganpipe run drawn:120 --preset tiny

    gauganpipe run ./photos --preset tiny
    """
    from pipeline import flow
    from pipeline.runs import Training

    console, place = Console(quiet=quiet, as_json=as_json), _workspace(workspace)
    asked = flow.Asked(
        segmenter=segmenter, taxonomy=taxonomy, quality=quality, keep_all=keep_all, accept_license=accept_license
    )
    training = Training(preset=preset, assignments=tuple(assignments))
    if dry_run:
        return _show_plan(flow.plan_run(place, source, asked, training), console)
    options = {"workers": workers, "console": console, "on_done": _printer(console), "strict": strict}
    done = flow.run(place, source, asked, training, **options)
    if done.trained:
        console.result(f"run {done.trained.folder}")
        console.result(f"pictures {len(done.pictures)} in {done.trained.folder / 'pictures'}")
        console.result(f"samples {done.trained.sheet}")
    console.show_json(done)
    return _exit(done.done, strict)


@app.command()
def label(
    source: Annotated[str, typer.Argument(metavar="[SOURCE]", help="A folder of photos, or drawn:120.")] = "",
    segmenter: SegmenterName = "",
    taxonomy: TaxonomyName = "",
    quality: Quality = None,
    unknown_below: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="P", help="Pixels become unknown whose class is less probable."),
    ] = None,
    min_region: Annotated[
        float | None,
        typer.Option(min=0, max=0.5, metavar="SHARE", help="Regions of less than this share of the photo go; 0.001."),
    ] = None,
    refine: Annotated[
        bool | None, typer.Option("--refine/--no-refine", help="Fit borders to those in the photo; slower.")
    ] = None,
    instances: Annotated[
        str | None, typer.Option(metavar="PATH", help="With maps: a folder of instance maps, or a COCO JSON.")
    ] = None,
    confidence_maps: Annotated[
        bool | None, typer.Option("--confidence-maps/--no-confidence-maps", help="Keep them in data/confidences.")
    ] = None,
    raw_labels: Annotated[
        bool | None, typer.Option("--raw-labels/--no-raw-labels", help="Keep the network's own ids in data/raw_labels.")
    ] = None,
    keep_all: KeepAll = None,
    accept_license: AcceptLicense = False,
    min_side: MinSide = None,
    max_side: MaxSide = None,
    redo: Annotated[bool, typer.Option("--redo", help="Label photos again that are labelled.")] = False,
    only_failed: OnlyFailed = False,
    limit: Limit = None,
    workspace: Folder = HERE,
    workers: Workers = WORKERS,
    strict: Strict = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Take photos into the workspace, upright and in sRGB, and make a label map for each.

    Without SOURCE it labels what is in the workspace. What is said of segmenter, taxonomy, quality and sizes is kept
    until something else is said; photos whose label maps would come out otherwise are labelled again.

    gauganpipe label ./photos

    gauganpipe label ./photos --quality best --segmenter upernet-convnext-tiny
    """
    from pipeline import flow

    console, place = Console(quiet=quiet, as_json=as_json), _workspace(workspace)
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
        redo=redo,
        only_failed=only_failed,
        limit=limit,
    )
    if dry_run:
        return _show_plan(flow.plan_label(place, source, asked), console)
    done = flow.label(place, source, asked, workers=workers, console=console)
    _printer(console)(done)
    console.note(f"next: {done.next}")
    console.show_json(done)
    return _exit(done, strict)


@app.command("build-edges")
def build_edges(
    redo: Annotated[bool, typer.Option("--redo", help="Build maps again that are built.")] = False,
    only_failed: OnlyFailed = False,
    limit: Limit = None,
    workspace: Folder = HERE,
    workers: Workers = WORKERS,
    strict: Strict = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Split every label map into instances, and mark where two of them meet.

    gauganpipe build-edges

    gauganpipe build-edges --redo --workers 4
    """
    from pipeline import flow

    console, place = Console(quiet=quiet, as_json=as_json), _workspace(workspace)
    which = flow.Which(redo=redo, only_failed=only_failed, limit=limit)
    if dry_run:
        return _show_plan(flow.plan_edges(place, which), console)
    done = flow.build_edges(place, which, workers=workers, console=console)
    _printer(console)(done)
    console.note(f"next: {done.next}")
    console.show_json(done)
    return _exit(done, strict)


@app.command()
def inspect(workspace: Folder = HERE, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Show what there is, what is missing, what failed and why, and the next command.

    gauganpipe inspect

    gauganpipe inspect --json
    """
    from pipeline import report
    from pipeline.manifest import read

    console = Console(quiet=quiet, as_json=as_json)
    found = report.report(read(_workspace(workspace)))
    for line in report.as_lines(found):
        console.result(line)
    console.show_json(found)


@app.command()
def train(
    preset: Preset = "spade",
    assignments: Assignments = [],  # noqa: B006
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="Go on with this run, by its own settings.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Begin another run, even if one has these settings.")] = False,
    workspace: Folder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train SPADE on the label maps and photos of the train split.

    The same command again goes on with an unfinished run, and says so of a finished one. With --dry-run it lists every
    setting and its value.

    gauganpipe train --preset tiny

    gauganpipe train --set batch_size=4 --set model.style_encoder=true
    """
    from pipeline import runs

    console, place = Console(quiet=quiet, as_json=as_json), _workspace(workspace)
    asked = runs.Training(preset=preset, assignments=tuple(assignments), run=run, new=new)
    if dry_run:
        return _show_plan(runs.plan(place, asked), console)
    done = runs.train(place, asked, console=console)
    console.result(f"run {done.folder}")
    console.result(f"samples {done.sheet}")
    console.note(f"next: {place.from_here('gauganpipe generate --split val')}")
    console.show_json(done)
    return None


@app.command()
def generate(
    maps: Annotated[
        list[Path], typer.Argument(metavar="[MAP.png|FOLDER]...", help="Label maps: PNG of class ids.")
    ] = [],  # noqa: B006
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Without maps: the rows to paint, train, val or test.")
    ] = "val",
    run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run that paints; without it, the newest.")
    ] = None,
    instances: Annotated[Path | None, typer.Option(metavar="DIR", help="Instance maps, named like the maps.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the pictures go; without it, into the run.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The style that is drawn.")] = 0,
    styles: Annotated[int, typer.Option(min=1, metavar="N", help="Pictures a map, each in a style of its own.")] = 1,
    style_photo: Annotated[Path | None, typer.Option(metavar="FILE", help="A photo whose style is taken.")] = None,
    workspace: Folder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Paint pictures from label maps, and print their paths.

    gauganpipe generate --split val

    gauganpipe generate map.png --out pictures --seed 3
    """
    from pipeline import paint

    console, place = Console(quiet=quiet, as_json=as_json), _workspace(workspace)
    asked = paint.Painting(
        run=run,
        maps=tuple(maps),
        split=split,
        instances=instances,
        out=out,
        seed=seed,
        styles=styles,
        style_photo=style_photo,
    )
    if dry_run:
        return _show_plan(paint.plan(place, asked), console)
    paths = paint.generate(place, asked, console=console)
    for path in paths:
        console.result(str(path))
    console.show_json({"pictures": paths})
    return None


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where it goes: empty, or exported to before.")],
    layout: Annotated[str, typer.Option(metavar="NAME", help="spade: train_img, train_label, train_inst, ...")],
    split: Annotated[str, typer.Option(metavar="NAME", help="Only train, val or test; without it, all three.")] = "",
    workspace: Folder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write the photos with their label and instance maps as the reference implementation of SPADE reads them.

    Photos that may not be handed on stay out. Photos and instance maps are second names of the workspace's files where
    the disk allows it, else copies: do not edit them there.

    gauganpipe export dataset --layout spade

    gauganpipe export dataset --layout spade --split train
    """
    from pipeline import export as exporting

    console, place = Console(quiet=quiet, as_json=as_json), _workspace(workspace)
    asked = exporting.Exporting(out=folder, layout=layout, split=split)
    if dry_run:
        return _show_plan(exporting.plan(place, asked), console)
    done = exporting.export(place, asked, console=console)
    for line in done.lines():
        console.result(line)
    console.show_json(done)
    return None


@app.command()
def segmenters(
    taxonomy: TaxonomyName = "", workspace: Folder = HERE, as_json: AsJson = False, quiet: Quiet = False
) -> None:
    """List what can label photos: how many classes each finds, its licence, and whether it was ever run on its weights.

    Without --taxonomy the classes are the workspace's.

    gauganpipe segmenters

    gauganpipe segmenters --taxonomy cocostuff --json
    """
    from pipeline.classes import load_taxonomy
    from pipeline.manifest import Manifest
    from pipeline.segmenters.registry import as_lines, describe

    console, place = Console(quiet=quiet, as_json=as_json), _workspace(workspace)
    meant = load_taxonomy(taxonomy) if taxonomy else Manifest(place).taxonomy
    described = describe(place.weights, taxonomy=meant)
    for line in as_lines(described):
        console.result(line)
    console.show_json(described)


@app.command()
def classes(
    taxonomy: Annotated[
        str, typer.Argument(metavar="[NAME]", help="landscape, gaugan12, cocostuff, ade20k, or a CSV file of yours.")
    ] = "landscape",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print the classes of a taxonomy: id, colour, thing or stuff, name. A file of yours is checked.

    gauganpipe classes

    gauganpipe classes cocostuff --json
    """
    from pipeline.classes import UNKNOWN, entries_of, load_taxonomy

    console = Console(quiet=quiet, as_json=as_json)
    entries = entries_of(load_taxonomy(taxonomy))
    for one in entries:
        console.result(f"{one['id']:>3}  {one['colour']}  {'thing' if one['thing'] else 'stuff'}  {one['name']}")
    console.result(f"{UNKNOWN}  #000000         unknown")
    console.show_json(entries)


def _workspace(folder: Path) -> Workspace:
    """Raises: WorkspaceError when the folder is none."""
    if folder.exists() and not folder.is_dir():
        raise WorkspaceError(f"{folder} is a file. Name a folder with -C")
    return Workspace(root=folder)


def _show_plan(lines: list[str], console: Console) -> None:
    for line in lines:
        console.result(line)
    console.show_json({"plan": lines})


def _printer(console: Console) -> "Callable[[flow.Done], None]":
    """Shows what a command did to the rows: a line a walk, and the first of the sentences why rows failed."""

    def show(done: "flow.Done") -> None:
        for line in done.lines():
            console.result(line)
        for sentence in done.failed[:FAILURES_SHOWN]:
            console.note(f"failed: {sentence}")
        if len(done.failed) > FAILURES_SHOWN:
            console.note(f"failed: {len(done.failed) - FAILURES_SHOWN} more; all of them: gauganpipe inspect")

    return show


def _exit(done: "flow.Done", strict: bool) -> None:
    """Exit code 3 when rows failed and nobody may overlook it, or when every row did."""
    if done.failed and (strict or len(done.failed) == done.rows):
        raise typer.Exit(3)
