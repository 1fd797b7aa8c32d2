"""The source `unsplash:PATH`: photos of the Unsplash Dataset, by the tables in its archive.

Source: https://github.com/unsplash/datasets, DOCS.md and TERMS.md.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from pipeline.errors import SourceError
from pipeline.licences import normalise
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted
from pipeline.sources.delimited import table_lines

LICENSE = "LicenseRef-Unsplash-Lite"
TERMS = "https://unsplash.com/data-terms"
"""What the data set may be used for: to train on, not to hand on."""

_PATTERNS = ("photos.tsv*", "photos.csv*")
"""Names of the tables of photos: both endings were published, both with tabs between the cells."""
_MAX_SIDE_PX = 2048
"""Originals have up to 50 megapixels, and no more than this of their longest side is kept of any photo."""
_SIZED = f"w={_MAX_SIDE_PX}&h={_MAX_SIDE_PX}&fit=max&fm=jpg&q=90"
"""Asks their server for a JPEG that fits into a square of that side; fit=max enlarges and crops nothing."""
_COLUMNS = (
    *("photo_id", "photo_url", "photo_image_url", "photo_width", "photo_height", "photo_description"),
    *("photographer_username", "photographer_first_name", "photographer_last_name", "ai_description"),
)


def candidates(spec: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The photos of the tables photos.tsv000, ... in a folder, of one of them, or of a pattern of names; each id once.

    They are under the terms of the Lite dataset, unless `wanted.license` says otherwise, as it must for the Full one,
    which is not for commercial use; neither may be handed on.

    Raises: SourceError when there is no such table, a column of it is missing, or a line is not as it should be.
    """
    seen = set()
    for path in _tables(spec):
        for cells in _lines(path):
            if cells["photo_id"] not in seen:
                seen.add(cells["photo_id"])
                yield _candidate(cells, wanted)


def _tables(spec: str) -> list[Path]:
    try:
        path = Path(spec).expanduser()
        if path.is_file():
            return [path]
        folder, patterns = (path, _PATTERNS) if path.is_dir() else (path.parent, (path.name or "none",))
        tables = sorted({one for pattern in patterns for one in folder.glob(pattern) if one.is_file()})
    except OSError as error:
        raise SourceError(f"cannot look into {spec}: {error.strerror}. Give yourself the right to read it") from None
    except (RuntimeError, ValueError):  # the home of a user whom nobody knows, or ** among other letters
        tables = []
    if not tables:
        raise SourceError(
            f"there is no table of Unsplash photos at {spec}. Get the Lite dataset from https://unsplash.com/data, "
            "unpack it, and name its folder: unsplash:FOLDER"
        )
    return tables


def _lines(path: Path) -> Iterator[Mapping[str, str]]:
    """Each line of a table: name of a column -> cell."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}. Give yourself the right to read it") from None
    with file:
        lines = table_lines(file, str(path))
        _, header = next(lines, (0, []))
        for name in _COLUMNS:
            if name not in header:
                raise SourceError(f"{path} has no column '{name}': it is no table of photos, or of another version")
        places = {name: header.index(name) for name in _COLUMNS}
        for number, cells in lines:
            line = {name: cells[place].strip() for name, place in places.items()}
            _check(line, f"{path}, line {number}")
            yield line


def _check(line: Mapping[str, str], where: str) -> None:
    for name in ("photo_id", "photo_image_url"):
        if not line[name]:
            raise SourceError(f"{where}: {name} is empty")
    for name in ("photo_width", "photo_height"):
        if not re.fullmatch("[0-9]{1,9}", line[name]):
            raise SourceError(f"{where}: {name} is {line[name]!r}, expected a number")


def _candidate(cells: Mapping[str, str], wanted: Wanted) -> Candidate:
    width, height = int(cells["photo_width"]), int(cells["photo_height"])
    scale = min(1, _MAX_SIDE_PX / max(width, height, 1))
    address, username = cells["photo_image_url"], cells["photographer_username"]
    return Candidate(
        name=f"unsplash/{cells['photo_id']}",
        fixed=True,
        source="unsplash",
        source_url=f"{address}{'&' if '?' in address else '?'}{_SIZED}",
        source_page=cells["photo_url"],
        title=cells["photo_description"] or cells["ai_description"],
        creator=f"{cells['photographer_first_name']} {cells['photographer_last_name']}".strip() or username,
        creator_url=f"https://unsplash.com/@{quote(username, safe='')}" if username else "",
        license=normalise(wanted.license or LICENSE),
        license_url=TERMS,
        redistributable="no",
        width=round(width * scale),
        height=round(height * scale),
    )
