"""The commands that gather photos and choose among them."""

import typer

from pipeline import options
from pipeline.console import Console
from pipeline.workspace import Workspace


def download(
    source: options.AnySource,
    most: options.Most = None,
    license: options.Licence = "",
    min_side: options.MinSide = None,
    max_side: options.MaxSide = None,
    contact: options.Contact = "",
    per_host: options.PerHost = options.POLITE.per_host,
    per_second: options.PerSecond = options.POLITE.per_second,
    connections: options.Connections = options.POLITE.connections,
    retry_all: options.RetryAll = False,
    ignore_opt_out: options.IgnoreOptOut = False,
    allow_private: options.AllowPrivate = False,
    keep_all: options.KeepAll = None,
    workspace: options.Folder = options.HERE,
    workers: options.Workers = options.WORKERS,
    strict: options.Strict = False,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Take photos into the workspace, with their licences and makers, from a folder, an archive, a list, or a service.

    The same command again fetches what is new, and tries again what failed for a cause that passes by itself. Sites
    that close themselves to programs or to training are left alone.

    gauganpipe download ./photos --license CC0-1.0

    gauganpipe download "commons:Category:Fjords of Norway" --contact you@example.org --license cc0,by,by-sa --max 500
    """
    from pipeline import flow, intake

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    manners = options.POLITE.but(
        contact=contact,
        per_host=per_host,
        per_second=per_second,
        connections=connections,
        obeys_opt_out=not ignore_opt_out,
        allow_private=allow_private,
    )
    taking = intake.decide(source, license, manners, most=most, min_side_px=min_side, tries_settled=retry_all)
    asked = flow.Asked(min_side_px=min_side, max_side_px=max_side, keep_all=keep_all)
    if dry_run:
        lines = flow.plan_download(place, taking, asked)
        return console.show(lines, {"plan": lines})
    done = flow.download(place, taking, asked, workers=workers, console=console)
    console.show(done.lines(), done)
    console.note(f"next: {done.next}")
    if done.is_failure(strict=strict):
        raise typer.Exit(3)
    return None


def curate(
    rule: options.RuleLimits = [],  # noqa: B006
    keep_all: options.KeepAll = None,
    one_a_group: options.OneAGroup = None,
    sheets: options.RuleSheets = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Say what each rule makes of the photos and which of them look alike; reject and group them.

    Thresholds are kept until others are named. What you have said in the column keep beats every rule.

    gauganpipe curate --dry-run --sheets look

    gauganpipe curate --rule blur=0.3 --rule text=off --one-a-group
    """
    from pipeline import curation

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = curation.Curating(rules=tuple(rule), keep_all=keep_all, one_a_group=one_a_group, sheets=sheets)
    done = (curation.plan if dry_run else curation.curate)(place, asked, console=console)
    console.show(done.lines(), done)
    console.note(f"next: {done.next}")
