"""The commands with a page in them: the report, the review in a browser, and the way to annotation tools and back."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline import options
from pipeline.console import Console
from pipeline.errors import GauganpipeError
from pipeline.workspace import Workspace

PORT = 8123

ReportOut = Annotated[
    Path | None,
    typer.Option("--out", metavar="FILE", help="Where to write it; report.html in the workspace if unsaid."),
]
Run = Annotated[Path | None, typer.Argument(metavar="RUN", help="The run to paint with; the newest if unsaid.")]
Review = Annotated[bool, typer.Option("--review", help="Look through the label maps, and correct them.")]
Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="The port; 0 takes any that is free.")]
Opens = Annotated[bool, typer.Option("--open", help="Show the page in a browser.")]
Tool = Annotated[str, typer.Option("--tool", metavar="NAME", help="cvat or label-studio.")]
AnnotateOut = Annotated[Path, typer.Argument(metavar="OUT", help="The zip for CVAT, the folder for Label Studio.")]
AnnotatedSplit = Annotated[str, typer.Option("--split", metavar="NAME", help="Only train, val or test.")]
MostAnnotated = Annotated[
    int | None, typer.Option("--limit", min=1, metavar="N", help="So many photos at most, the least certain first.")
]
AnnotatedFile = Annotated[Path, typer.Argument(metavar="FILE", help="The zip of CVAT, or the JSON of Label Studio.")]


def report(
    out: ReportOut = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the whole data set on one page: counts, classes, licences, sizes, doubts, duplicates, what was rejected.

    One HTML file that loads nothing from elsewhere, to be opened in any browser or sent to somebody.

    gauganpipe manifest report

    gauganpipe manifest report --out review/report.html
    """
    from pipeline.report_page import page

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    if dry_run:
        lines = page.plan(place, out)
        return console.show(lines, {"plan": lines})
    done = page.write_report(place, out, console=console)
    return console.show(done.lines(), done)


def serve(
    run: Run = None,
    review: Review = False,
    port: Port = PORT,
    opens: Opens = False,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Serve a page on this machine alone, to draw a landscape that a run paints. Ctrl-C ends it.

    Nothing that is drawn leaves this machine or is written by the server. What others can ask of it stands at
    /openapi.json.

    With --review the page is for looking through the label maps, the least certain first, and for painting what is
    wrong. What is decided there is written at once: label_reviewed, keep, and the label map with its instances and
    edges. The machine's own map stays beside it.

    gauganpipe serve --open

    gauganpipe serve --review --port 0
    """
    from pipeline.serve import painting, reviewing

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    if review and run:
        raise GauganpipeError(f"the review needs no run. Leave out {run}, or --review")
    if dry_run:
        lines = reviewing.plan_review(place, port=port) if review else painting.plan_paint(place, run, port=port)
        return console.show(lines, {"plan": lines})
    if review:
        return reviewing.serve_review(place, port=port, opens=opens, console=console)
    return painting.serve_paint(place, run, port=port, opens=opens, console=console)


def annotate(
    out: AnnotateOut,
    tool: Tool,
    split: AnnotatedSplit = "",
    limit: MostAnnotated = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write photos and label maps for an annotation tool, in which they are corrected.

    CVAT gets a zip of Segmentation mask 1.1, Label Studio a folder with brush masks. Files are named after the ids of
    the rows, by which they are known when they come back.

    gauganpipe manifest annotate cvat.zip --tool cvat

    gauganpipe manifest annotate studio --tool label-studio --limit 50
    """
    from pipeline.annotation import tools
    from pipeline.annotation.exchange import Sending

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    sending = Sending(out=out, split=split, limit=limit)
    if dry_run:
        lines = tools.plan_sending(place, tool, sending)
        return console.show(lines, {"plan": lines})
    done = tools.send(place, tool, sending, console=console)
    console.show(done.lines(), done)
    for sentence in done.how:
        console.note(sentence)
    return None


def corrections(
    file: AnnotatedFile,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Take label maps back that were corrected in CVAT or Label Studio; those that were not stay as they are.

    A corrected map is marked label_reviewed=yes, its instances and edges are made again, and the machine's own map is
    kept beside it. All maps are checked before the first is taken.

    gauganpipe manifest corrections cvat.zip

    gauganpipe manifest corrections project-1.json --dry-run
    """
    from pipeline.annotation import tools

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    done = tools.bring_back(place, file, console=console, dry_run=dry_run)
    console.show(done.lines(), done)
