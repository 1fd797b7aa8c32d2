"""The commands about models: hand one on to other programs, and take one in from elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import options
from pipeline.console import Console
from pipeline.workspace import Workspace

model = typer.Typer(
    help="Hand models on to other programs, and take them in from elsewhere.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

# What is exported

ExportedRun = Annotated[Path | None, typer.Argument(metavar="[RUN]", help="The run; without it, the newest.")]
ExportFormat = Annotated[str, typer.Option("--to", metavar="FORMAT", help="onnx, torchscript or safetensors.")]
ModelOut = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Where it goes: empty, or exported to before; without it, into the run."),
]

# What is imported

ModelFiles = Annotated[
    list[Path], typer.Argument(metavar="FILE", help="latest_net_G.pth and, if you have them, ..._D.pth, ..._E.pth.")
]
CropSize = Annotated[int, typer.Option(metavar="PX", help="The width of its pictures in training: crop_size.")]
Aspect = Annotated[float, typer.Option(metavar="A", help="Their width divided by their height: aspect_ratio.")]
Upsampling = Annotated[
    str, typer.Option(metavar="NAME", help="normal, more or most; without it, what the file says, else normal.")
]
HasEdges = Annotated[
    bool, typer.Option("--edges", help="It was trained with instance maps: the last channel is edges.")
]
HasUnknown = Annotated[bool, typer.Option("--unknown", help="Its last channel, but for edges, is unknown pixels.")]
HasUnknownFirst = Annotated[
    bool, typer.Option("--unknown-first", help="Its first channel is unknown pixels, as in the reference's ADE20K.")
]
ClassTable = Annotated[
    str, typer.Option("--classes", metavar="TABLE", help="cocostuff, ade20k, or a CSV file; else class 0, class 1, ...")
]


@model.command("export")
def export_model(
    to: ExportFormat,
    run: ExportedRun = None,
    out: ModelOut = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write a run's generator as a file that other programs run, with its classes and a model card beside it.

    Averaged weights, spectral norm folded; pictures of any size. Before it is written, the file paints a label map of
    the training set, and the picture has to be ours. The card, README.md, says how to use it, in a few lines of Python.

    gauganpipe model export --to onnx --out lakes

    gauganpipe model export runs/0001-small --to safetensors
    """
    from pipeline import model_export

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = model_export.Exporting(run=run, to=to, out=out)
    if dry_run:
        lines = model_export.plan(place, asked)
        return console.show(lines, {"plan": lines})
    done = model_export.export_model(place, asked, console=console)
    return console.show(done.lines(), done)


@model.command("import")
def import_model(
    files: ModelFiles,
    crop_size: CropSize,
    aspect: Aspect = 1.0,
    upsampling: Upsampling = "",
    edges: HasEdges = False,
    unknown: HasUnknown = False,
    unknown_first: HasUnknownFirst = False,
    classes: ClassTable = "",
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a run of a model that the reference implementation of SPADE has trained, and print its folder.

    The files say nearly everything of their network themselves; the options say the rest. Nothing in them is executed.

    gauganpipe model import latest_net_G.pth --crop-size 256

    gauganpipe model import latest_net_G.pth latest_net_D.pth --crop-size 256 --unknown --edges --classes cocostuff
    """
    from pipeline import models

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = models.Importing(
        files=tuple(files),
        crop_size=crop_size,
        aspect=aspect,
        upsampling=upsampling,
        edges=edges,
        unknown=unknown,
        unknown_first=unknown_first,
        classes=classes,
    )
    if dry_run:
        lines = models.plan(place, asked)
        return console.show(lines, {"plan": lines})
    done = models.import_model(place, asked, console=console)
    return console.show([str(done.folder)], done)
