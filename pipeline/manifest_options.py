"""What the commands about the manifest can be told, beside what all commands can."""

from pathlib import Path
from typing import Annotated

import typer

# check

NoFiles = Annotated[bool, typer.Option("--no-files", help="Look at the CSV files alone.")]
Digests = Annotated[bool, typer.Option("--digests", help="Read every byte, and compare it with what was written.")]
ShowAll = Annotated[bool, typer.Option("--all", help="Show every fault, not only the first ten of each kind.")]

# query

Sql = Annotated[str, typer.Argument(metavar="SQL", help="A SELECT over the tables dataset, classes and provenance.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")]

# split

ValShare = Annotated[float | None, typer.Option("--val", metavar="P", help="Photos in a hundred to judge by; 10.")]
TestShare = Annotated[float | None, typer.Option("--test", metavar="P", help="Photos in a hundred to test with; 10.")]
SplitSeed = Annotated[int | None, typer.Option("--seed", min=0, metavar="N", help="The draw; another seed is another.")]

# diff, show, sheet

Before = Annotated[Path, typer.Argument(metavar="A", help="A workspace, a run, or a CSV file like dataset.csv.")]
After = Annotated[Path | None, typer.Argument(metavar="[B]", help="Another one; without it, the workspace.")]
RowSaid = Annotated[
    str, typer.Argument(metavar="ID", help="An id, the beginning of one, or a part of what the photo is called.")
]
PictureOut = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where the picture goes; data/shown/ID.png if unsaid.")
]
SheetsBy = Annotated[str, typer.Option("--by", metavar="NAME", help="classes, confidence or rejected; all if unsaid.")]
SheetClasses = Annotated[list[str], typer.Option("--class", metavar="NAME", help="Only this class; repeatable.")]
SheetPages = Annotated[int, typer.Option("--pages", min=1, metavar="N", help="Pages of each class, rule or kind.")]
SheetsOut = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Where the sheets go; data/sheets if unsaid.")
]

# repair

EvenMany = Annotated[bool, typer.Option("--even-many", help="Take rows out even if a disk may be missing.")]
UndoList = Annotated[
    Path | None, typer.Option("--undo", metavar="LIST", help="Put back the rows that this list of a repair names.")
]

# merge, spreadsheet, edits

Other = Annotated[Path, typer.Argument(metavar="DIR", help="The other workspace; it is only read.")]
SpreadsheetOut = Annotated[Path, typer.Argument(metavar="FILE.csv", help="Where it goes; a file there is replaced.")]
EditedFile = Annotated[Path, typer.Argument(metavar="FILE.csv", help="What gauganpipe manifest spreadsheet wrote.")]
