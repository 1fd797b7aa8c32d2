"""What is said of a photo beside it, in columns of many names: whose it is, where it stands, under which licence."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import BinaryIO

from pipeline.errors import SourceError
from pipeline.licences import UNKNOWN, address_of, may_be_handed_on, normalise
from pipeline.sources.candidate import Candidate
from pipeline.sources.delimited import table_lines

_SPELLINGS = {
    "file_name": ("filename", "file", "name", "path"),
    "source_url": (
        *("sourceurl", "url", "imageurl", "photoimageurl", "photourl", "fileurl", "downloadurl"),
        *("imagelink", "link", "uri"),
    ),
    "source_page": ("sourcepage", "page", "pageurl", "landingurl", "landingpage", "foreignlandingurl"),
    "title": ("title", "caption", "alttext", "alt", "text"),
    "creator": ("creator", "author", "artist", "photographer"),
    "creator_url": ("creatorurl", "creatorpage", "authorurl", "authorpage", "artisturl", "photographerurl"),
    "license": ("license", "licence", "licensename", "licencename"),
    "license_url": ("licenseurl", "licenceurl", "licenselink", "licencelink"),
    "redistributable": ("redistributable",),
    "width": ("width", "originalwidth"),
    "height": ("height", "originalheight"),
    "sha1": ("sha1",),
}
"""Our name of a column -> what others call it, in small letters and digits; of several, the first counts."""

_ANSWERS = {**dict.fromkeys(("yes", "true", "1"), "yes"), **dict.fromkeys(("no", "false", "0"), "no")}
_NOTHING = frozenset({"", "nan", "none", "null"})
"""What tools write into a cell of numbers or answers that is empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credits:
    """What a line says of a photo: the cells of a Candidate, and the file that is meant; "" or None where it is silent.

    license: as it stands there.    redistributable: "yes" or "no".
    """

    file_name: str = ""
    source_url: str = ""
    source_page: str = ""
    title: str = ""
    creator: str = ""
    creator_url: str = ""
    license: str = ""
    license_url: str = ""
    redistributable: str = ""
    width: int | None = None
    height: int | None = None
    sha1: str = ""


SILENCE = Credits()
_CELLS = tuple(field.name for field in fields(Credits) if field.name != "file_name")
_OF_FILES_AFAR = frozenset({"width", "height", "sha1"})
"""Columns that say nothing of a photo that lies beside them."""


def columns_of(header: Sequence[str]) -> dict[str, int]:
    """Our name of each column that a header has, and where it stands: neither case, spaces nor marks matter."""
    names = [re.sub(r"[\W_]+", "", name.lower()) for name in header]
    found = {ours: [names.index(one) for one in theirs if one in names] for ours, theirs in _SPELLINGS.items()}
    return {ours: places[0] for ours, places in found.items() if places}


def credits_of(cells: Sequence[str], columns: Mapping[str, int], where: str) -> Credits:
    """What a line says, its columns being those of `columns_of`.

    Raises: SourceError, beginning with `where`, for a width, height, digest or answer that is none.
    """
    said = {name: cells[place].strip() for name, place in columns.items()}
    for name in ("width", "height"):
        if name in said:
            said[name] = _number(said[name], f"{where}: {name}")
    if (answer := said.get("redistributable", "").lower()) in _NOTHING:
        said["redistributable"] = ""
    elif answer in _ANSWERS:
        said["redistributable"] = _ANSWERS[answer]
    else:
        raise SourceError(f"{where}: redistributable is {answer!r}, expected yes or no")
    digest = said.get("sha1", "").lower()
    said["sha1"] = "" if digest in _NOTHING else digest
    if not re.fullmatch(r"([0-9a-f]{40})?", said["sha1"]):
        raise SourceError(f"{where}: sha1 is {digest!r}, expected 40 hex digits")
    return Credits(**said)


def credits_beside(tables: Iterable[tuple[str, str, BinaryIO]]) -> dict[str, Credits]:
    """What CSV files beside photos say of them: `key_of` a photo's path -> its credits.

    Every file is read that has a column naming the photo's file, and one that says something of it; all others are
    left alone. Where several lines speak of one photo, the first that says a thing counts.

    tables: what each file is called in errors, the folder from which its paths lead, and the file.

    Raises: SourceError naming file and line, for two licences of one photo too.
    """
    known: dict[str, Credits] = {}
    for where, folder, file in tables:
        lines = table_lines(file, where)
        _, header = next(lines, (0, []))
        columns = {name: place for name, place in columns_of(header).items() if name not in _OF_FILES_AFAR}
        if "file_name" not in columns or len(columns) == 1:
            continue
        for number, cells in lines:
            said = credits_of(cells, columns, f"{where}, line {number}")
            key = key_of(f"{folder}/{said.file_name}")
            known[key] = _joined(known.get(key, SILENCE), said, f"{where}, line {number}")
    return known


def key_of(path: str) -> str:
    """The same for every way to write the path of a photo: with backslashes, `./`, composed letters or not."""
    parts = unicodedata.normalize("NFC", path).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", "."))


def credited(candidate: Candidate, said: Credits, *, license: str) -> Candidate:
    """The candidate with what is said of it.

    license: what the whole batch is under, for a photo of which no licence is said; "" where nobody says.
    """
    id, address, handed_on = _licence(said.license, said.license_url)
    if id == UNKNOWN:
        id, address, handed_on = _licence(license, "")
    cells = {name: getattr(said, name) for name in _CELLS}
    cells |= {"license": id, "license_url": address, "redistributable": said.redistributable or handed_on}
    return replace(candidate, **{name: cell for name, cell in cells.items() if cell})


@lru_cache(maxsize=1000)
def _licence(text: str, url: str) -> tuple[str, str, str]:
    """Id, address and whether photos may be handed on, found once for the thousands of photos that share them."""
    id = normalise(text, url=url)
    return id, url or address_of(id), may_be_handed_on(id)


def _number(text: str, where: str) -> int | None:
    """Pixels, as pandas may have written them: 1280.0."""
    if text.lower() in _NOTHING:
        return None
    if not re.fullmatch(r"[0-9]{1,9}(\.0*)?", text, re.ASCII):
        raise SourceError(f"{where} is {text!r}, expected a number")
    return int(text.partition(".")[0]) or None


def _joined(known: Credits, said: Credits, where: str) -> Credits:
    licences = [_licence(one.license, one.license_url)[0] for one in (known, said)]
    if UNKNOWN not in licences and licences[0] != licences[1]:
        raise SourceError(f"{where}: {said.file_name} is under {licences[1]} here and {licences[0]} before. Remove one")
    return Credits(**{name: getattr(known, name) or getattr(said, name) for name in _CELLS})
