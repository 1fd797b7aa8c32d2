"""The command that paints."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline import options
from pipeline.console import Console
from pipeline.workspace import Workspace

Maps = Annotated[
    list[Path],
    typer.Argument(
        metavar="MAP.png|FOLDER|ROW",
        help="Label maps: PNG of class ids, or painted in the colours of gauganpipe classes; or ids of rows.",
    ),
]
Split = Annotated[str, typer.Option(metavar="NAME", help="Without maps: the rows to paint, train, val or test.")]
Run = Annotated[Path | None, typer.Option(metavar="DIR", help="The run that paints; without it, the newest.")]
Instances = Annotated[Path | None, typer.Option(metavar="DIR", help="Instance maps, named like the maps.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Where the pictures go; without it, into the run.")]
Size = Annotated[
    str,
    typer.Option(
        metavar="PX|WxH",
        help="Paint so large: 512 on the longer side, or 512x384; sides that are no multiple of 32 are continued and "
        "cut again. Without it, at the size of training, and scaled to that of the map.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="The style that is drawn.")]
Styles = Annotated[int, typer.Option(min=1, metavar="N", help="Pictures a map, each in a style of its own.")]
StylePhoto = Annotated[Path | None, typer.Option(metavar="FILE", help="A photo whose style is taken.")]
Interpolate = Annotated[
    tuple[str, str] | None,
    typer.Option(
        metavar="A B", help="From one style to another, seeds or photos: a strip as PNG and an animation as GIF a map."
    ),
]
Steps = Annotated[
    int | None, typer.Option(min=2, max=1000, metavar="N", help="Pictures from A to B, both counted; without it, 8.")
]
Batch = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Pictures painted at once, at most; without it, what is quick here."),
]
Precision = Annotated[
    Literal["float32", "bf16"],
    typer.Option(help="bf16 computes in halves, which is a grey level or two off."),
]


def generate(
    maps: Maps = [],  # noqa: B006
    split: Split = "val",
    run: Run = None,
    instances: Instances = None,
    out: Out = None,
    size: Size = "",
    seed: Seed = 0,
    styles: Styles = 1,
    style_photo: StylePhoto = None,
    interpolate: Interpolate = None,
    steps: Steps = None,
    batch: Batch = None,
    precision: Precision = "float32",
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Paint pictures from label maps, and print their paths.

    The same map, style and size give the same picture, however many are painted at once; pictures that are there
    stay, and files that are not from here are never overwritten.

    gauganpipe generate --split val

    gauganpipe generate map.png --out pictures --size 512 --seed 3
    """
    from pipeline import paint

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = paint.Painting(
        run=run,
        maps=tuple(maps),
        split=split,
        instances=instances,
        out=out,
        size=size,
        seed=seed,
        styles=styles,
        style_photo=style_photo,
        interpolate=interpolate,
        steps=steps,
        batch=batch,
        precision=precision,
    )
    if dry_run:
        lines = paint.plan(place, asked)
        return console.show(lines, {"plan": lines})
    done = paint.generate(place, asked, console=console)
    return console.show(map(str, done.pictures), done)
