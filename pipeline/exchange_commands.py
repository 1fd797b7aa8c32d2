"""The commands that hand the dataset on in other people's formats, and take it back."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import options
from pipeline.console import Console
from pipeline.workspace import Workspace

ExportedLayout = Annotated[
    str,
    typer.Option("--to", metavar="LAYOUT", help="spade, hf, webdataset, coco-panoptic, mmseg, fiftyone or croissant."),
]
WithRestricted = Annotated[
    bool,
    typer.Option("--include-restricted", help="Also photos that may not be handed on, for a folder that stays here."),
]
ImportFolder = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that was exported as spade or hf.")]


def export_dataset(
    folder: options.ExportFolder,
    to: ExportedLayout,
    split: options.ExportedSplit = "",
    include_restricted: WithRestricted = False,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the photos with their maps in a layout of somebody else's, and say how it is read there.

    Beside them stand a dataset card to finish (README.md), ATTRIBUTION.csv, and photos.csv with a line a photo. Photos
    that may not be handed on stay out. Files are second names of the workspace's where the disk allows it, else
    copies: do not edit them there.

    gauganpipe manifest export dataset --to hf

    gauganpipe manifest export for-coco --to coco-panoptic --split val
    """
    from pipeline import export

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = export.Exporting(out=folder, layout=to, split=split, with_restricted=include_restricted)
    if dry_run:
        lines = export.plan(place, asked)
        return console.show(lines, {"plan": lines})
    done = export.export(place, asked, console=console)
    return console.show(done.lines(), done)


def import_dataset(
    folder: ImportFolder,
    workspace: options.Folder = options.HERE,
    workers: options.Workers = options.WORKERS,
    strict: options.Strict = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Take an export back into a workspace: photos, label maps, instance maps, splits and credits, as they were.

    Photos that the workspace has already stay as they are there, and photos that look like them join their group and
    split. An empty workspace takes over the classes too.

    gauganpipe manifest import dataset

    gauganpipe manifest import dataset -C another --dry-run
    """
    from pipeline import importing

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    if dry_run:
        lines = importing.plan(place, folder)
        return console.show(lines, {"plan": lines})
    done = importing.import_dataset(place, folder, workers=workers, console=console)
    console.show(done.lines(), done)
    console.note(f"next: {done.next}")
    if done.is_failure(strict=strict):
        raise typer.Exit(3)
    return None
