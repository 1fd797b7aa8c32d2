"""The commands about the manifest: check, ask, count and show it, split, compare, merge and repair it."""

import typer

from pipeline import manifest_options, options
from pipeline.console import Console
from pipeline.workspace import Workspace

manifest = typer.Typer(
    help="Check, ask, show, split, compare, hand on and take back the manifest.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@manifest.command()
def check(
    no_files: manifest_options.NoFiles = False,
    digests: manifest_options.Digests = False,
    shows_all: manifest_options.ShowAll = False,
    workspace: options.Folder = options.HERE,
    workers: options.Workers = options.WORKERS,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Find all that is wrong with the manifest and its files; exit with 1 if anything is. It writes nothing.

    Cells, double ids, what spreadsheets have changed, files that are gone or of the wrong size, ids that are no class,
    lines and files that belong to no row, groups in several splits, the journal of a killed command.

    gauganpipe manifest check

    gauganpipe manifest check --no-files --json
    """
    from pipeline.inspection import checking

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = checking.Checking(files=not no_files, digests=digests, shows_all=shows_all, workers=workers)
    found = checking.check(place, asked, console=console)
    console.show(found.lines(), found)
    if found.faults:
        raise typer.Exit(1)


@manifest.command()
def query(
    sql: manifest_options.Sql,
    as_csv: manifest_options.AsCsv = False,
    workspace: options.Folder = options.HERE,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Answer a SELECT over the tables dataset, classes and provenance, by DuckDB; nothing else can be read or written.

    Numbers are numbers, NULL where the cell is empty; all else is text, '' where it is empty.

    gauganpipe manifest query "SELECT split, count(*) AS photos FROM dataset GROUP BY split"

    gauganpipe manifest query "SELECT id, share FROM classes WHERE class = 'snow' ORDER BY share DESC LIMIT 5" --csv
    """
    from pipeline.inspection.query import query as ask
    from pipeline.manifest import read

    console = Console(quiet=quiet, as_json=as_json)
    answer = ask(read(Workspace(root=workspace)), sql)
    console.show(answer.csv_lines() if as_csv else answer.lines(), answer.as_json())


@manifest.command()
def stats(
    workspace: options.Folder = options.HERE, as_json: options.AsJson = False, quiet: options.Quiet = False
) -> None:
    """Count the photos that can be used, all of them and those of each split: licences, sizes, confidence, classes.

    gauganpipe manifest stats

    gauganpipe manifest stats --json
    """
    from pipeline.inspection.stats import measure
    from pipeline.manifest import read

    console = Console(quiet=quiet, as_json=as_json)
    found = measure(read(Workspace(root=workspace)))
    console.show(found.lines(), found)


@manifest.command()
def split(
    val: manifest_options.ValShare = None,
    test: manifest_options.TestShare = None,
    seed: manifest_options.SplitSeed = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw the split of every group of photos anew; photos that come later follow what is said here.

    What is not said stays as it was said last. Near-duplicates and bursts stay together, and nothing but `split`
    changes. Photos on which a run was trained may become photos that judge it: train another run afterwards.

    gauganpipe manifest split --val 5 --test 5

    gauganpipe manifest split --seed 7 --dry-run
    """
    from pipeline.inspection import splitting

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    asked = splitting.Splitting(val=val, test=test, seed=seed)
    done = splitting.plan(place, asked) if dry_run else splitting.split(place, asked)
    console.show(done.lines(), done)
    if done.runs:
        console.note(
            f"scores of {', '.join(done.runs)} are of the splits before. Train another: gauganpipe train --new"
        )


@manifest.command()
def diff(
    before: manifest_options.Before,
    after: manifest_options.After = None,
    workspace: options.Folder = options.HERE,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Show which rows were added, removed and changed from A to B, column by column.

    gauganpipe manifest diff runs/0001-tiny

    gauganpipe manifest diff yesterday.csv manifests/dataset.csv --json
    """
    from pipeline.inspection.differences import compare

    console = Console(quiet=quiet, as_json=as_json)
    found = compare(before, after or workspace)
    console.show(found.lines())
    console.show_json_pieces(found.json_pieces())


@manifest.command()
def show(
    row: manifest_options.RowSaid,
    out: manifest_options.PictureOut = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Show all that is known of one photo, and write a picture of it with its labels, instances and edges.

    gauganpipe manifest show g04da

    gauganpipe manifest show lake.jpg --out lake.png
    """
    from pipeline.inspection import showing
    from pipeline.manifest import read

    console = Console(quiet=quiet, as_json=as_json)
    found = showing.show(read(Workspace(root=workspace)), row, out=out, writes=not dry_run)
    console.show(found.lines(), found)


@manifest.command()
def sheet(
    by: manifest_options.SheetsBy = "",
    classes: manifest_options.SheetClasses = [],  # noqa: B006
    pages: manifest_options.SheetPages = 1,
    out: manifest_options.SheetsOut = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write contact sheets of photos beside their labels: by class, least certain first, rejected with the reason.

    gauganpipe manifest sheet --by confidence --pages 3

    gauganpipe manifest sheet --class snow --class water --out sheets
    """
    from pipeline.inspection import contact_sheets
    from pipeline.manifest import read

    console, rows = Console(quiet=quiet, as_json=as_json), read(Workspace(root=workspace))
    asked = contact_sheets.Sheeting(by=by, classes=tuple(classes), pages=pages, out=out)
    if dry_run:
        return _show_plan(contact_sheets.plan(rows, asked), console)
    done = contact_sheets.make_sheets(rows, asked, console=console)
    return console.show(done.lines(), done)


@manifest.command()
def merge(
    other: manifest_options.Other,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Take the photos of another workspace into this one, with their maps and all that is known of them.

    Rows that are here win. Photos that look alike in both become one group, and nothing is made again.

    gauganpipe manifest merge ../laptop

    gauganpipe manifest merge ../laptop --dry-run
    """
    from pipeline.inspection import merging

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    if dry_run:
        return _show_plan(merging.plan(place, other), console)
    done = merging.merge(place, other, console=console)
    console.show(done.lines(), done)
    return console.note(f"next: {done.next}")


@manifest.command()
def repair(
    even_many: manifest_options.EvenMany = False,
    undo: manifest_options.UndoList = None,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Take rows whose photo is gone, and lines that belong to no row, out of the manifest into a list beside it.

    The list, manifests/dropped-DATE.csv, also names the files that no row names; --undo puts its rows back. Classes
    that classes.csv has lost are counted anew. No file is deleted, and where many photos are gone nothing is changed.

    gauganpipe manifest repair --dry-run

    gauganpipe manifest repair
    """
    from pipeline.inspection import repairing, undoing

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    if undo:
        undone = undoing.plan(place, undo) if dry_run else undoing.undo(place, undo)
        return console.show(undone.lines(), undone)
    done = (repairing.plan if dry_run else repairing.repair)(place, even_many=even_many)
    return console.show(done.lines(), done)


@manifest.command()
def spreadsheet(
    out: manifest_options.SpreadsheetOut,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the manifest for a spreadsheet, which then takes no cell for a formula, a number or a date.

    An apostrophe stands before cells that it would rewrite. `gauganpipe manifest edits` takes your edits back.

    gauganpipe manifest spreadsheet photos.csv

    gauganpipe manifest spreadsheet photos.csv -C demo
    """
    from pipeline.inspection import spreadsheet as sheets
    from pipeline.manifest import demand

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    if dry_run:
        demand(place)
        return _show_plan([f"would write {out}"], console)
    done = sheets.write_spreadsheet(place, out)
    return console.show(done.lines(), done)


@manifest.command()
def edits(
    file: manifest_options.EditedFile,
    workspace: options.Folder = options.HERE,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Take back what was edited in a spreadsheet: split, keep, label_reviewed, credits, licences, columns of your own.

    What stages have filled stays as it is, whatever the spreadsheet made of it. Any fault is named with its line and
    column, and then nothing changes.

    gauganpipe manifest edits photos.csv --dry-run

    gauganpipe manifest edits photos.csv
    """
    from pipeline.inspection import spreadsheet as sheets

    console, place = Console(quiet=quiet, as_json=as_json), Workspace(root=workspace)
    done = sheets.plan(place, file) if dry_run else sheets.take_back(place, file)
    console.show(done.lines(), done)


def _show_plan(lines: list[str], console: Console) -> None:
    console.show(lines, {"plan": lines})
