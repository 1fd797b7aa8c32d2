"""The command that judges runs."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import options
from pipeline.console import Console
from pipeline.workspace import Workspace

Runs = Annotated[
    list[Path], typer.Argument(metavar="[RUN]...", help="Runs to judge, several side by side; without one, the newest.")
]
JudgedSplit = Annotated[str, typer.Option(metavar="NAME", help="The photos to judge by: test, val or train.")]
Inception = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Inception's weights, for FID and KID; GAUGANPIPE_INCEPTION too.")
]
Download = Annotated[bool, typer.Option("--download", help="Fetch Inception, or the segmenter, where it is not here.")]
FeatureFiles = Annotated[
    list[Path],
    typer.Option(metavar="FILE", help="Weights of SqueezeNet, MobileNetV2 or VGG-19 to see through; repeatable."),
]
Reader = Annotated[
    str, typer.Option("--segmenter", metavar="NAME", help="What reads the pictures; else what labelled the photos.")
]
MostJudged = Annotated[int | None, typer.Option("--limit", min=2, metavar="N", help="So many photos at most.")]
Size = Annotated[
    int | None, typer.Option(min=8, max=4096, metavar="PX", help="Their width; else that of the training.")
]
StyleSeed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Of the styles that are drawn.")]
StyleMode = Annotated[
    str, typer.Option("--style", metavar="NAME", help="prior: drawn by seed; self: of each photo itself; or both.")
]
HasPage = Annotated[bool, typer.Option("--page/--no-page", help="Write evaluation.html.")]
EvaluationOut = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Where everything goes; without it, into the runs.")
]


def evaluate(
    runs: Runs = [],  # noqa: B006
    split: JudgedSplit = "test",
    inception: Inception = None,
    download: Download = False,
    features: FeatureFiles = [],  # noqa: B006
    segmenter: Reader = "",
    limit: MostJudged = None,
    size: Size = None,
    seed: StyleSeed = 0,
    style: StyleMode = "prior",
    has_page: HasPage = True,
    out: EvaluationOut = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge runs by photos they have not seen: how far their pictures are from photos, and whether they fit the maps.

    Every number stands beside a floor, the mean colours of the classes, and a ceiling, the photos themselves. Pictures
    and numbers are kept: the same command goes on where it stopped, and makes nothing twice.

    gauganpipe evaluate --split test

    gauganpipe evaluate runs/0001-small runs/0002-tiny --features squeezenet1_0_imagenet.pth
    """
    from pipeline.evaluation import judging
    from pipeline.evaluation.asked import Asked

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = Asked(
        runs=tuple(runs),
        split=split,
        inception=inception,
        downloads=download,
        features=tuple(features),
        segmenter=segmenter,
        limit=limit,
        width_px=size,
        seed=seed,
        style=style,
        has_page=has_page,
        out=out,
    )
    if dry_run:
        lines = judging.plan(place, asked)
        return console.show(lines, {"plan": lines})
    done = judging.evaluate(place, asked, console=console)
    return console.show(done.lines(), done)
