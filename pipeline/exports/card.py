"""The dataset card, README.md: a head for the Hugging Face hub, and the questions that datasheets for datasets ask."""

import json
from importlib.metadata import version
from statistics import median

from pipeline.attribution import FILE_NAME as ATTRIBUTION
from pipeline.attribution import asks_for_a_name
from pipeline.classes import UNKNOWN, entries_of
from pipeline.console import count
from pipeline.exports import photos
from pipeline.exports.dataset import Dataset
from pipeline.exports.folder import ABOUT
from pipeline.exports.labelled_by import describe_models
from pipeline.exports.layout import Layout
from pipeline.exports.markdown import table
from pipeline.exports.origins import licenses_table, sources_table
from pipeline.licences import UNKNOWN as UNKNOWN_LICENSE

FILE_NAME = "README.md"
TITLE = "Landscapes with label maps"
HUB_LICENSES = frozenset(
    {
        *("apache-2.0", "mit", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0"),
        *("cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0"),
        *("cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "odbl", "pddl", "unknown"),
    }
)
"""Licences of photos that the hub has a word for; all others are `other` there."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGEST_SIZE = "1M<n<10M"
CLASS_HEAD = ("id", "class", "colour", "thing or stuff", "share of pixels", "photos that show it")


def as_markdown(dataset: Dataset, layout: Layout) -> bytes:
    """The card of an export. It depends on the dataset alone, so that the same dataset has the same card."""
    parts = (
        *(_head(dataset, layout), _summary(dataset, layout), _motivation(), _composition(dataset)),
        *(_collection(dataset), _preprocessing(dataset), _uses(dataset), _distribution(dataset), _maintenance()),
    )
    return ("\n\n".join("\n".join(part) for part in parts) + "\n").encode()


def _head(dataset: Dataset, layout: Layout) -> list[str]:
    """The front matter: JSON values are YAML too."""
    reviewed = sum(row.label_reviewed == "yes" for row in dataset.rows)
    makers = ["expert-generated"] * bool(reviewed) + ["machine-generated"] * (reviewed < len(dataset.rows))
    licenses = sorted({_hub_license(row.license) for row in dataset.rows}) or ["unknown"]
    size = next((word for limit, word in SIZES if len(dataset.rows) < limit), LARGEST_SIZE)
    said = {
        "pretty_name": TITLE,
        "license": licenses[0] if len(licenses) == 1 else licenses,
        "task_categories": ["image-segmentation", "image-to-image"],
        "annotations_creators": makers,
        "source_datasets": ["original"],
        "size_categories": [size],
        "tags": ["landscapes", "semantic-segmentation", "gaugan", "spade", "gauganpipe"],
    }
    lines = ["---", *(f"{name}: {json.dumps(value)}" for name, value in said.items())]
    patterns = [(name, pattern) for name, pattern in layout.CONFIGS.items() if _has(dataset, name)]
    if patterns:
        lines += ["configs:", "- config_name: default", "  data_files:"]
        lines += [f'  - split: {name}\n    path: "{pattern}"' for name, pattern in patterns]
    return [*lines, "---"]


def _has(dataset: Dataset, name: str) -> bool:
    return any(name.startswith(split) for split in dataset.splits)


def _summary(dataset: Dataset, layout: Layout) -> list[str]:
    splits = ", ".join(f"{number:,} for {split}" for split, number in dataset.splits.items())
    what = f"{count(len(dataset.rows), 'photo')} of landscapes ({splits or 'none'}), each with a map of classes"
    return [
        f"# {TITLE}",
        "",
        f"{what}{' and a map of segments' if 'instance_file_name' in layout.NEEDS else ''}.",
        *_warning(dataset),
        "",
        "## How to read it",
        "",
        *layout.READING.replace("{classes}", str(len(dataset.taxonomy))).splitlines(),
        "",
        f"`{photos.FILE_NAME}` has a line a photo: what it is, whose it is, and where its files are. `{ATTRIBUTION}`",
        f"has the makers and their terms, and `{ABOUT}` the classes for programs.",
    ]


def _warning(dataset: Dataset) -> list[str]:
    if not dataset.restricted:
        return []
    return [
        "",
        f"**{count(dataset.restricted, 'photo')} of these may not be handed on. Keep this folder to yourself.**",
    ]


def _motivation() -> list[str]:
    return [
        "## Motivation",
        "",
        "Such sets train networks of the GauGAN kind, which paint a landscape from a map of what is where. Why this",
        "one was gathered, by whom, and who paid for it, only its makers can say: write it here.",
    ]


def _composition(dataset: Dataset) -> list[str]:
    rows = dataset.rows
    sides = sorted(max(row.width or 0, row.height or 0) for row in rows) or [0]
    groups = len({row.group for row in rows if row.group})
    lines = [
        "## Composition",
        "",
        *table(("split", "photos"), ((split, f"{number:,}") for split, number in dataset.splits.items())),
        "",
        f"The longer side of a photo is {sides[0]:,} to {sides[-1]:,} pixels; the median is {median(sides):,.0f}.",
        f"Photos that look alike, and bursts, share a group, of which there are {groups:,}; no group is in two splits.",
        "",
    ]
    cells = []
    for one in entries_of(dataset.taxonomy):
        shares = [row.shares[one["name"]] for row in rows if row.shares.get(one["name"])]
        share = sum(shares) / max(len(rows), 1)
        kind = "thing" if one["thing"] else "stuff"
        cells.append((one["id"], one["name"], one["colour"], kind, f"{share:.2%}", f"{len(shares):,}"))
    unknown = [row.label_unknown for row in rows if row.label_unknown]
    share = sum(unknown) / max(len(rows), 1)
    cells.append((UNKNOWN, "unknown", "#000000", "", f"{share:.2%}", f"{len(unknown):,}"))
    return [*lines, *table(CLASS_HEAD, cells, code=[2])]


def _collection(dataset: Dataset) -> list[str]:
    pages = sum(bool(row.source_page or row.source_url) for row in dataset.rows)
    return [
        "## Collection",
        "",
        *sources_table(dataset.rows),
        "",
        f"`{ATTRIBUTION}` says where {pages:,} of the {count(len(dataset.rows), 'photo')} can be found. People who may",
        "be seen in them were not asked.",
    ]


def _preprocessing(dataset: Dataset) -> list[str]:
    reviewed = sum(row.label_reviewed == "yes" for row in dataset.rows)
    begun = len(dataset.rows) + sum(dataset.removed.values())
    removed = [(reason, f"-{number:,}") for reason, number in dataset.removed.items()]
    lines = [
        "## Preprocessing, cleaning and labelling",
        "",
        "Photos were turned upright, brought to 8-bit sRGB, stripped of EXIF, and shrunk where they were larger than",
        f"was wanted. `{photos.FILE_NAME}` tells photo by photo what was changed.",
        "",
        *table(("filter", "photos"), [("there were", f"{begun:,}"), *removed, ("are here", f"{len(dataset.rows):,}")]),
        "",
        f"A person has looked at {count(reviewed, 'label map')}; all others stand as they were made.",
        "",
    ]
    return [*lines, *describe_models(dataset.rows, dataset.about)]


def _uses(dataset: Dataset) -> list[str]:
    lines = [
        "## Uses",
        "",
        "To train and judge generators that paint landscapes from label maps, and to look at what segmenters make of",
        "landscapes. Label maps made by a network carry its errors: what is trained on them learns these, and a score",
        "against them measures agreement with that network, not truth.",
    ]
    if any("-NC" in row.license for row in dataset.rows):
        lines += ["Some photos may not be used for commerce."]
    if any("-ND" in row.license for row in dataset.rows):
        lines += ["Some photos may not be handed on changed."]
    return lines


def _distribution(dataset: Dataset) -> list[str]:
    unnamed = sum(asks_for_a_name(row) and not row.creator for row in dataset.rows)
    lines = [
        "## Distribution",
        "",
        "Every photo is under its own licence:",
        "",
        *licenses_table(dataset.rows),
    ]
    if any(map(asks_for_a_name, dataset.rows)):
        lines += ["", f"Some ask for the maker's name: `{ATTRIBUTION}` has it, and goes wherever the photos go."]
    if unnamed:
        lines.append(f"Of {count(unnamed, 'photo')} the licence asks for a name that nobody has.")
    if unsaid := sum((row.license or UNKNOWN_LICENSE) == UNKNOWN_LICENSE for row in dataset.rows):
        lines += ["", f"Of {count(unsaid, 'photo')} nobody wrote down the licence: ask before you hand them on."]
    return [*lines, *_warning(dataset)]


def _maintenance() -> list[str]:
    return [
        "## Maintenance",
        "",
        f"Made with gauganpipe {version('gauganpipe')}. Who keeps this set, where errors are told, and whether there",
        "will be another version, only its makers can say: write it here. A card that somebody wrote in is left alone",
        "when the set is exported again; the new one then stands beside it.",
    ]


def _hub_license(name: str) -> str:
    word = (name or "unknown").lower()
    return word if word in HUB_LICENSES else "other"
