"""The commands that tell: what is in a workspace, whose its photos are, what can label them, which classes exist."""

from pipeline import options
from pipeline.console import Console
from pipeline.workspace import Workspace


def inspect(
    workspace: options.Folder = options.HERE, as_json: options.AsJson = False, quiet: options.Quiet = False
) -> None:
    """Show what there is, what is missing, what failed and why, and the next command.

    gauganpipe inspect

    gauganpipe inspect --json
    """
    from pipeline import report
    from pipeline.manifest import read

    console = Console(quiet=quiet, as_json=as_json)
    found = report.report(read(Workspace(root=workspace)))
    console.show(report.as_lines(found), found)


def attribution(
    out: options.AttributionOut = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write ATTRIBUTION.csv: for every photo its title, creator, page and licence, and what was changed.

    gauganpipe attribution

    gauganpipe attribution --out release/ATTRIBUTION.csv
    """
    from pipeline import attribution as attributing

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    if dry_run:
        lines = attributing.plan(place, out)
        return console.show(lines, {"plan": lines})
    done = attributing.attribute(place, out)
    return console.show(done.lines(), done)


def segmenters(
    taxonomy: options.TaxonomyName = "",
    workspace: options.Folder = options.HERE,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """List what can label photos: how many classes each finds, its licence, and whether it was ever run on its weights.

    Without --taxonomy the classes are the workspace's.

    gauganpipe segmenters

    gauganpipe segmenters --taxonomy cocostuff --json
    """
    from pipeline.classes import load_taxonomy
    from pipeline.manifest import Manifest
    from pipeline.segmenters.registry import as_lines, describe

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    meant = load_taxonomy(taxonomy) if taxonomy else Manifest(place).taxonomy
    described = describe(place.weights, taxonomy=meant)
    console.show(as_lines(described), described)


def classes(
    taxonomy: options.ShownTaxonomy = "landscape",
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
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
