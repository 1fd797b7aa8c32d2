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

    gauganpipe run ./photos --segmenter torch:weights.pth --preset tiny
    """
    from pipeline import flow
    from pipeline.runs import Training

    console, place = Console(quiet=quiet, as_json=as_json), _workspace(workspace)
    asked, training = flow.Labelling(segmenter=segmenter), Training(preset=preset, assignments=tuple(assignments))
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
    redo: Annotated[bool, typer.Option("--redo", help="Label photos again that are labelled.")] = False,
    min_side: MinSide = None,
    max_side: MaxSide = None,
    workspace: Folder = HERE,
    workers: Workers = WORKERS,
    strict: Strict = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Take photos into the workspace, upright and in sRGB, and make a label map for each.

    Without SOURCE it labels what is in the workspace. The segmenter is kept until another is named.

    gauganpipe label drawn:120

    gauganpipe label ./photos --segmenter torch:weights.pth
    """
    from pipeline import flow

    console, place = Console(quiet=quiet, as_json=as_json), _workspace(workspace)
    asked = flow.Labelling(segmenter=segmenter, redo=redo, min_side_px=min_side, max_side_px=max_side)
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
    if dry_run:
        return _show_plan(flow.plan_edges(place, redo=redo), console)
    done = flow.build_edges(place, redo=redo, workers=workers, console=console)
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
def segmenters(workspace: Folder = HERE, as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List what can label photos: what each needs, its licence, and whether it was ever run on its real weights.

    gauganpipe segmenters

    gauganpipe segmenters --json
    """
    from pipeline.segmenters.registry import describe

    console = Console(quiet=quiet, as_json=as_json)
    choices = describe(_workspace(workspace).weights)
    for choice in choices:
        console.result(choice.spec)
        console.result(f"    {choice.what}")
        proven = "run on its real weights" if choice.proven else "never run on its real weights"
        console.result(
            f"    licence {choice.license}; {choice.origin}; {proven}; {'here' if choice.here else 'not here yet'}"
        )
    console.show_json(choices)


@app.command()
def classes(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Print the classes: id, colour, thing or stuff, name.

    gauganpipe classes

    gauganpipe classes --json
    """
    from pipeline.classes import UNKNOWN, load_taxonomy

    console = Console(quiet=quiet, as_json=as_json)
    categories = load_taxonomy().categories
    for one in categories:
        console.result(f"{one.id:>3}  #{bytes(one.colour).hex()}  {'thing' if one.thing else 'stuff'}  {one.name}")
    console.result(f"{UNKNOWN}  #000000         unknown")
    console.show_json(
        [
            {"id": one.id, "name": one.name, "colour": f"#{bytes(one.colour).hex()}", "thing": one.thing}
            for one in categories
        ]
    )


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
