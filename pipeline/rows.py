"""Row: one photo and everything made from it."""

import hashlib
import json
import sys
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import repeat
from operator import attrgetter
from typing import Any

from pipeline.garbage import uncollected

OK, REJECTED, FAILED = "ok", "rejected", "failed"
GIVEN = "given"
"""The key of a stage whose files came with the photo: no stage makes them again."""


INSIDE = r"(?!/)(?!(?:.*/)?\.\.(?:/|$))[^\\:\x00-\x1f\x7f-\x9f]+"
"""Pattern of a path that stays inside the workspace: relative, forward slashes, no '..'."""

_NAME = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'

KINDS: dict[str, tuple[str, str]] = {
    "text": (r"[^\x00-\x1f\x7f-\x9f]+", "text without control characters"),
    "id": (r"[A-Za-z][0-9A-Za-z_-]*", "a letter, then letters, digits, '-' and '_'"),
    "integer": (r"[0-9]{1,9}", "a number"),
    "number": (r"-?[0-9]{1,15}(?:\.[0-9]{0,30})?(?:e(?:-[0-9]{1,3}|\+?[0-9]{1,2}))?", "a number"),
    "share": (
        r"-?0(?:\.0{0,30})?|0\.[0-9]{1,30}|[0-9](?:\.[0-9]{0,30})?e-0{0,2}[1-9][0-9]{0,2}|1(?:\.0{0,30})?",
        "a number from 0 to 1",
    ),
    "moment": (
        r"[0-9]{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01])"
        r"(?:T(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?",
        "a time as in 2021-05-06T07:08:09, which spreadsheets like to rewrite",
    ),
    "path": (INSIDE, "a path inside the workspace: relative, forward slashes, no '..'"),
    "list": (rf"\[{_NAME}(?:, ?{_NAME})*\]", "a JSON list of names"),
    "pairs": (r"[^ =]+=[^ =]+(?: [^ =]+=[^ =]+)*", "name=value pairs separated by spaces"),
}
"""Kind of a column -> the pattern that a cell of it matches when it is not empty, and that in words."""

JOINERS = "\u200c\u200d"
"""Letters without a shape of their own, which words and emoji are made with."""
LONGEST_CELL = 32_767
"""Letters of a cell; no spreadsheet keeps more."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """How a field of a row stands in its CSV file: `kind` is one of KINDS, or choice. Any cell may be empty."""

    name: str
    kind: str
    text: str
    choices: tuple[str, ...] = ()
    file: str = "dataset"

    @property
    def pattern(self) -> str:
        return "|".join(self.choices) if self.choices else KINDS[self.kind][0]

    @property
    def expected(self) -> str:
        return f"nothing or one of {', '.join(self.choices)}" if self.choices else KINDS[self.kind][1]


def _names_of(cell: str) -> tuple[str, ...]:
    return tuple(json.loads(cell))


def _pairs_of(cell: str) -> dict[str, str]:
    # The names are the same in every row, and are kept once.
    return {sys.intern(name): value for name, value in (pair.split("=") for pair in cell.split(" "))}


FROM_CELL: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "number": float,
    "share": float,
    "list": _names_of,
    "pairs": _pairs_of,
}
"""Kind of a column -> what reads a cell of it that is not empty; cells of other kinds are what they say."""
WHEN_EMPTY: dict[str, Callable[[], Any]] = {
    "integer": lambda: None,
    "number": lambda: None,
    "share": lambda: None,
    "list": tuple,
    "pairs": dict,
}


def _column(kind: str, text: str, *, choices: tuple[str, ...] = (), file: str = "dataset") -> Any:
    about = {"kind": kind, "text": text, "choices": choices, "file": file}
    return field(default_factory=WHEN_EMPTY.get(kind, str), metadata=about)


YES_NO = ("yes", "no")
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One photo: its columns in manifests/dataset.csv, its line in manifests/provenance.csv, its shares a class.

    A stage takes a row and gives the row back with more cells filled; `failed` is how it says that it could not.
    """

    id: str = _column("id", '"g" and 16 hex digits of the SHA-256 of the original bytes')
    original_name: str = _column("text", "what the user calls the photo: its path in the source")
    file_name: str = _column("path", "the photo as it is trained on: upright, sRGB, 8-bit RGB JPEG")
    label_file_name: str = _column("path", "label map, 8-bit PNG: class id per pixel, 255 = unknown")
    instance_file_name: str = _column("path", "instance map, 16-bit PNG: instance id per pixel, 0 = unknown")
    edge_file_name: str = _column("path", "edge map, 8-bit PNG: 255 where two instances meet, else 0")
    width: int | None = _column("integer", "pixels, after normalisation")
    height: int | None = _column("integer", "pixels, after normalisation")
    split: str = _column("choice", "which part of the data set the photo is in", choices=SPLITS)
    group: str = _column("text", "near-duplicates share a group, named after its oldest row; a group is never split")
    status: str = _column("choice", "how far the photo got", choices=(OK, REJECTED, FAILED))
    stage: str = _column("text", "the stage that rejected or failed it")
    error: str = _column("text", "why it failed, in a sentence")
    rule: str = _column("text", "the rule that rejected it")
    rule_value: float | None = _column("number", "the number that the rule looked at")
    keep: str = _column("choice", "yours: yes or no beats every rule", choices=YES_NO)
    label_model: str = _column("text", "the segmenter that made the label map")
    label_confidence: float | None = _column("share", "mean probability of the winning class, 0 to 1")
    label_unknown: float | None = _column("share", "share of pixels that belong to no class, 0 to 1")
    label_reviewed: str = _column("choice", "whether a person looked at the label map", choices=YES_NO)
    flags: str = _column("text", "doubts about the label map, separated by spaces")
    source: str = _column("text", "where the photo came from: folder, drawn, ...")
    source_url: str = _column("text", "address of the file")
    source_page: str = _column("text", "address of the page that shows it")
    title: str = _column("text", "the photo's title at its source")
    creator: str = _column("text", "who made the photo")
    creator_url: str = _column("text", "the creator's page")
    license: str = _column("text", "SPDX-like id (CC-BY-4.0, CC0-1.0, LicenseRef-...), or unknown")
    license_url: str = _column("text", "address of the licence text")
    redistributable: str = _column("choice", "whether the photo may be handed on", choices=YES_NO)
    captured_at: str = _column("moment", "when the photo was taken, ISO 8601, as the camera says")
    retrieved_at: str = _column("moment", "when it was downloaded, ISO 8601; empty for local files")

    sha256: str = _column("text", "SHA-256 of the original bytes", file="provenance")
    dhash: str = _column("text", "256-bit difference hash of the photo, 64 hex digits", file="provenance")
    dhash_mirror: str = _column("text", "the same of its mirror image", file="provenance")
    sharpness: float | None = _column(
        "number", "share of an edge's step that is made within one pixel at 256 px, 0 to 1", file="provenance"
    )
    colourfulness: float | None = _column(
        "number", "0 for a photo in grey levels, about 30 for an ordinary one", file="provenance"
    )
    flatness: float | None = _column(
        "number", "share of the photo without the slightest grain, 0 to 1", file="provenance"
    )
    layers: float | None = _column(
        "number",
        "share of the variance of its colours that the height in the photo explains, 0 to 1",
        file="provenance",
    )
    icy: float | None = _column(
        "number", "share of the photo in the colours of snow and ice, 0 to 1", file="provenance"
    )
    border: float | None = _column(
        "number", "share of the photo that is a frame or bars of one colour, 0 to 1", file="provenance"
    )
    lettering: float | None = _column(
        "number", "share of the photo that rows of letters cover, 0 to 1", file="provenance"
    )
    added: int | None = _column("integer", "the how-manieth ingest brought the photo", file="provenance")
    cause: str = _column(
        "text", "what kind of failure `error` tells of, where the photo could not be had", file="provenance"
    )
    camera: str = _column("text", "make and model of the camera, and a digest of its serial number", file="provenance")
    changes: str = _column("text", "what normalisation changed, separated by '; '", file="provenance")
    other_names: tuple[str, ...] = _column("list", "other names of the same bytes, JSON", file="provenance")
    digests: Mapping[str, str] = _column("pairs", "kind=SHA-256 of each file made (16 hex digits)", file="provenance")
    keys: Mapping[str, str] = _column("pairs", "stage=key of each stage that has done the row", file="provenance")

    shares: Mapping[str, float] = field(default_factory=dict)
    """Class name -> share of pixels, 0 to 1; a line each in manifests/classes.csv."""
    extras: Mapping[str, str] = field(default_factory=dict)
    """Columns of the user's own, kept as they are."""

    @property
    def is_usable(self) -> bool:
        """Whether the photo can be used: done so far, and not turned down by the user."""
        return self.status == OK and self.keep != "no"

    def done(self, stage: str, key: str, **cells: Any) -> "Row":
        """The row after a stage has done it: these cells filled, the stage's key kept, older complaints of it gone.

        digests: of the files made; "" for a file that an earlier time made and this one did not.
        """
        fresh = {"status": OK, "stage": "", "error": "", "cause": "", "rule": "", "rule_value": None}
        digests = {kind: value for kind, value in {**self.digests, **cells.pop("digests", {})}.items() if value}
        return replace(self, **fresh, **cells, digests=digests, keys={**self.keys, stage: key})

    def failed(self, stage: str, key: str, error: str, *, cause: str = "") -> "Row":
        """The row after a stage could not do it; `error` is a sentence, `cause` one of `pipeline.causes` or ""."""
        cells = {"status": FAILED, "stage": stage, "error": plain(error), "cause": cause}
        return replace(self, **cells, keys={**self.keys, stage: key})

    def rejected(self, stage: str, key: str, rule: str, value: float) -> "Row":
        """The row after a rule has turned the photo down; `value` is the number that the rule looked at."""
        cells = {"status": REJECTED, "stage": stage, "rule": rule, "rule_value": value, "error": "", "cause": ""}
        return replace(self, **cells, keys={**self.keys, stage: key})


COLUMNS: tuple[Column, ...] = tuple(Column(name=f.name, **f.metadata) for f in fields(Row) if f.metadata)
DATASET_COLUMNS: tuple[Column, ...] = tuple(column for column in COLUMNS if column.file == "dataset")
PROVENANCE_COLUMNS: tuple[Column, ...] = tuple(column for column in COLUMNS if column.file == "provenance")


@dataclass(frozen=True, kw_only=True)
class File:
    """One of the files of a row.    column: that names it.    folder: in data/.    digest: what `digests` calls it.

    stage: that makes it.
    """

    column: str
    folder: str
    digest: str
    stage: str


ROW_FILES = (
    File(column="file_name", folder="images", digest="image", stage="ingest"),
    File(column="label_file_name", folder="labels", digest="label", stage="label"),
    File(column="instance_file_name", folder="instances", digest="instance", stage="edges"),
    File(column="edge_file_name", folder="edges", digest="edge", stage="edges"),
)
"""The files that the columns of a row name, the photo first."""

_KINDS_BY_NAME = {column.name: column.kind for column in COLUMNS}


def digest(data: bytes) -> str:
    """The first 16 hex digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def stage_key(stage: str, version: int, **parts: object) -> str:
    """The key of a row in a stage: the same when stage, version and all that the result depends on are the same."""
    return digest(repr((stage, version, sorted(parts.items()))).encode())


def to_cells(row: Row) -> dict[str, str]:
    """Every column of the row as the text that stands in its CSV file."""
    return {column.name: _to_cell(column.kind, getattr(row, column.name)) for column in COLUMNS}


def cells_of(rows: Iterable[Row], name: str) -> list[str]:
    """The cells of one column, which may be one of the user's own, as the text that stands in its CSV file."""
    if name not in _KINDS_BY_NAME:
        return [row.extras.get(name, "") for row in rows]
    values = map(attrgetter(name), rows)
    kind = _KINDS_BY_NAME[name]
    return [_to_cell(kind, value) for value in values] if kind in FROM_CELL else list(values)


def from_cells(cells: Mapping[str, str]) -> Row:
    """The row whose columns say this; cells that belong to no column become `extras`.

    Raises: ValueError for a cell of numbers, names or pairs that does not match its column's pattern.
    """
    known: dict[str, Any] = {}
    extras: dict[str, str] = {}
    for name, cell in cells.items():
        if name not in _KINDS_BY_NAME:
            extras[name] = cell
        elif cell:
            read = FROM_CELL.get(_KINDS_BY_NAME[name])
            known[name] = read(cell) if read else cell
    return Row(**known, extras=extras)


def from_columns(columns: Mapping[str, Sequence[str]], shares: Sequence[Mapping[str, float]]) -> list[Row]:
    """The rows whose columns say this, from top to bottom: as `from_cells` makes them, in a fraction of the time.

    shares: of each row.    Raises: ValueError as `from_cells` does.
    """
    with uncollected():
        rows = [object.__new__(Row) for _ in shares]
        for column in COLUMNS:
            empty, read = WHEN_EMPTY.get(column.kind, str), FROM_CELL.get(column.kind)
            cells = columns.get(column.name) or [""] * len(rows)
            _fill(rows, column.name, (read(cell) if cell else empty() for cell in cells) if read else cells)
        own = {name: cells for name, cells in columns.items() if name not in _KINDS_BY_NAME}
        lines = zip(*own.values(), strict=True) if own else repeat((), len(rows))
        _fill(rows, "extras", (dict(zip(own, cells, strict=True)) for cells in lines))
        _fill(rows, "shares", shares)
    return rows


def plain(text: str) -> str:
    """Text that may stand in a CSV cell: control characters and undecodable bytes are written out as \\n, \\x1b, ...

    Of text that is longer than a cell may be, the beginning is kept.
    """
    shown = "".join(
        letter if _can_be_shown(letter) else letter.encode("unicode_escape", "surrogatepass").decode()
        for letter in text[: LONGEST_CELL + 1]
    )
    return shown if len(shown) <= LONGEST_CELL else shown[: LONGEST_CELL - 1] + "…"


def _fill(rows: Iterable[Row], name: str, values: Iterable[Any]) -> None:
    """Sets one field of all rows. A frozen class sets its own one by one, which takes long where there are fifty."""
    deque(map(getattr(Row, name).__set__, rows, values), maxlen=0)


def _can_be_shown(letter: str) -> bool:
    return letter.isprintable() or letter in JOINERS or unicodedata.category(letter) == "Zs"


def _to_cell(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if kind in ("number", "share"):
        return f"{value:.6g}"
    if kind == "list":
        return json.dumps(value, ensure_ascii=False) if value else ""
    if kind == "pairs":
        return " ".join(f"{name}={value[name]}" for name in sorted(value))
    return str(value)
