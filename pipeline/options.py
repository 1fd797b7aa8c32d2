"""What the commands can be told: arguments and options, each with its limits and its help."""

import os
from pathlib import Path
from typing import Annotated

import typer

from pipeline.fetch.manners import POLITE as POLITE

HERE = Path()
WORKERS = min(8, os.cpu_count() or 1)

# Of every command

Folder = Annotated[
    Path, typer.Option("-C", "--workspace", metavar="DIR", help="The workspace; nothing outside it is written.")
]
DryRun = Annotated[bool, typer.Option("-n", "--dry-run", help="Say what would be done, and write nothing.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print results and errors only.")]

# Of those that walk over photos

SOURCES = "A folder of photos, drawn:120, or any other source of gauganpipe download."
RunSource = Annotated[str, typer.Argument(metavar="SOURCE", help=SOURCES)]
Source = Annotated[str, typer.Argument(metavar="[SOURCE]", help=SOURCES)]
Workers = Annotated[
    int, typer.Option(min=0, metavar="N", help="Threads that read and write; 0 does one photo after another.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 3 if any photo failed.")]
OnlyFailed = Annotated[bool, typer.Option("--only-failed", help="Only the photos that failed here before.")]
Limit = Annotated[int | None, typer.Option(min=0, metavar="N", help="So many photos at most.")]
LabelAgain = Annotated[
    bool, typer.Option("--redo", help="Label photos again that are labelled, but for maps that a person has reviewed.")
]
BuildAgain = Annotated[bool, typer.Option("--redo", help="Build maps again that are built.")]

# Where photos come from

AnySource = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="./photos, photos.zip, addresses.csv, openverse:WORDS, commons:WORDS, commons:Category:NAME, "
        "flickr:WORDS, unsplash:photos.tsv000, kaggle:OWNER/NAME or drawn:120.",
    ),
]
Most = Annotated[int | None, typer.Option("--max", min=1, metavar="N", help="Ask for so many photos at most.")]
Licence = Annotated[
    str,
    typer.Option(
        "--license",
        metavar="IDS",
        help="Only photos under these: cc0,by,by-sa. Of photos that are here: what they are under.",
    ),
]
Contact = Annotated[
    str,
    typer.Option(
        envvar="GAUGANPIPE_CONTACT", metavar="ADDRESS", help="Where those who run a server can reach you; Commons asks."
    ),
]
PerHost = Annotated[int, typer.Option(min=1, max=16, metavar="N", help="Files at once from one host.")]
PerSecond = Annotated[
    float, typer.Option(min=0, metavar="N", help="Requests a second to one host, on average; 0 for no limit.")
]
Connections = Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Files at once in all.")]
RetryAll = Annotated[bool, typer.Option("--retry-all", help="Try all again that failed, not only what may pass.")]
IgnoreOptOut = Annotated[
    bool, typer.Option("--ignore-opt-out", help="Fetch what robots.txt or a header closes to programs or to training.")
]
AllowPrivate = Annotated[
    bool, typer.Option("--allow-private", help="Fetch from hosts of a private network, which is refused for safety.")
]

# Which photos are kept

RuleLimits = Annotated[
    list[str],
    typer.Option("--rule", metavar="NAME=N", help="The threshold of a rule: blur=0.3, text=off, blur=default."),
]
OneAGroup = Annotated[
    bool | None,
    typer.Option("--one-a-group/--all-of-a-group", help="Keep the best photo alone of those that look alike."),
]
RuleSheets = Annotated[
    Path | None, typer.Option("--sheets", metavar="DIR", help="Draw a contact sheet a rule, worst first, there.")
]

# How photos are taken in and labelled

SegmenterName = Annotated[
    str, typer.Option("--segmenter", metavar="NAME", help="What labels the photos; gauganpipe segmenters lists them.")
]
TaxonomyName = Annotated[
    str, typer.Option("--taxonomy", metavar="NAME", help="The classes: landscape, another of them, or a CSV file.")
]
ShownTaxonomy = Annotated[
    str, typer.Argument(metavar="[NAME]", help="landscape, gaugan12, cocostuff, ade20k, or a CSV file of yours.")
]
Quality = Annotated[
    str | None, typer.Option(metavar="NAME", help="How a network looks: fast, balanced (mirrored too), best (3 sizes).")
]
UnknownBelow = Annotated[
    float | None, typer.Option(min=0, max=1, metavar="P", help="Pixels become unknown whose class is less probable.")
]
MinRegion = Annotated[
    float | None,
    typer.Option(min=0, max=0.5, metavar="SHARE", help="Regions of less than this share of the photo go; 0.001."),
]
Refine = Annotated[bool | None, typer.Option("--refine/--no-refine", help="Fit borders to those in the photo; slower.")]
GivenInstances = Annotated[
    str | None, typer.Option(metavar="PATH", help="With maps: a folder of instance maps, or a COCO JSON.")
]
ConfidenceMaps = Annotated[
    bool | None, typer.Option("--confidence-maps/--no-confidence-maps", help="Keep them in data/confidences.")
]
RawLabels = Annotated[
    bool | None, typer.Option("--raw-labels/--no-raw-labels", help="Keep the network's own ids in data/raw_labels.")
]
KeepAll = Annotated[
    bool | None, typer.Option("--keep-all/--use-rules", help="Keep photos that the rules find to be no landscapes.")
]
AcceptLicense = Annotated[
    bool, typer.Option("--accept-license", help="Allow weights that are for non-commercial use only.")
]
MinSide = Annotated[
    int | None, typer.Option(min=1, metavar="PX", help="Reject photos whose shorter side is shorter; 64, and kept.")
]
MaxSide = Annotated[
    int | None, typer.Option(min=64, metavar="PX", help="Shrink photos whose longer side is longer; 2048, and kept.")
]

# How a run is trained

Preset = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="tiny, small, spade, oasis, fast, or a TOML file of settings; auto looks at the photos and the device.",
    ),
]
Assignments = Annotated[list[str], typer.Option("--set", metavar="NAME=VALUE", help="Change one setting; repeatable.")]
UnfinishedRun = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Go on with this run, by its own settings; --set accumulate=N needs less memory."),
]
BatchSize = Annotated[
    str, typer.Option("--batch", metavar="N|auto", help="Photos a step; auto takes as many as the memory holds.")
]
InitFrom = Annotated[
    Path | None, typer.Option(metavar="RUN", help="Begin with the weights of another run, instead of random ones.")
]
Continues = Annotated[
    list[str],
    typer.Option(metavar="NEW=OLD", help="With --init-from: a class that was called otherwise there; repeatable."),
]
NewRun = Annotated[bool, typer.Option("--new", help="Begin another run, even if one has these settings.")]

# What is exported

AttributionOut = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where it goes; ATTRIBUTION.csv in the workspace.")
]

ExportFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Where it goes: empty, or exported to before.")]
ExportedSplit = Annotated[str, typer.Option(metavar="NAME", help="Only train, val or test; without it, all three.")]
