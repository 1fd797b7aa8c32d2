"""`gauganpipe manifest sheet`: contact sheets of photos and labels: by class, least certain first, rejected by rule."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.console import Console, count
from pipeline.errors import GauganpipeError, PhotoError
from pipeline.inspection import pictures
from pipeline.inspection.pictures import Tile
from pipeline.manifest import Manifest
from pipeline.rows import FAILED, REJECTED, Row
from pipeline.workspace import Workspace

FOLDER = "data/sheets"
"""Where the sheets go if nobody says where."""
KINDS = ("classes", "confidence", "rejected")
ACROSS, DOWN, TILE_PX = 3, 5, 240
"""Photos beside and below one another, each with its labels on its right; the longer side of each picture."""
ON_A_PAGE = ACROSS * DOWN


@dataclass(frozen=True, kw_only=True)
class Sheeting:
    """What `sheet` is asked for: by, one of KINDS or "" for all; classes, only these, none for all of them.

    pages: of each class, rule or kind, at most.    out: folder, None for data/sheets in the workspace.
    """

    by: str = ""
    classes: tuple[str, ...] = ()
    pages: int = 1
    out: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """A sheet: its file, and its rows with what is said of each."""

    file: str
    rows: list[tuple[Row, str]]


@dataclass(frozen=True, kw_only=True)
class Sheets:
    """pages: the files, in order.    written: those that did not stand there already."""

    pages: list[Path]
    photos: int
    written: int

    def lines(self) -> list[str]:
        """One fact a line."""
        if not self.pages:
            return ["no photo to show"]
        unchanged = len(self.pages) - self.written
        words = f"wrote {count(self.written, 'sheet')}" + f", {unchanged:,} unchanged" * bool(unchanged)
        return [f"{words}, of {count(self.photos, 'photo')}", *(f"sheet {path}" for path in self.pages)]


def make_sheets(manifest: Manifest, asked: Sheeting, *, console: Console) -> Sheets:
    """Writes the sheets, PNGs of at most 15 photos each.

    A photo that cannot be read is a grey tile with the reason.

    Raises: GauganpipeError when there is no such kind or class; WorkspaceError when a sheet cannot be written, or would
    replace a file that is none.
    """
    pages = choose(manifest, asked)
    files = _places(manifest.workspace, asked.out, pages)
    written = 0
    with console.bar("sheet", unit="page", total=len(pages)) as bar:
        for page, file in zip(pages, files, strict=True):
            tiles = [tile for row, said in page.rows for tile in _pair(manifest, row, said)]
            sheet = pictures.side_by_side(tiles, tile_px=TILE_PX, across=2 * ACROSS)
            written += pictures.write_page(file, sheet)
            bar.step()
    photos = len({row.id for page in pages for row, _ in page.rows})
    return Sheets(pages=files, photos=photos, written=written)


def plan(manifest: Manifest, asked: Sheeting) -> list[str]:
    """What `make_sheets` would write, one fact a line; writes nothing."""
    folder = asked.out or manifest.workspace.resolve(FOLDER)
    files = _places(manifest.workspace, asked.out, choose(manifest, asked))
    return [f"would write {count(len(files), 'sheet')} to {folder}", *(f"sheet {file}" for file in files)]


def choose(manifest: Manifest, asked: Sheeting) -> list[Page]:
    """Which rows stand on which page.    Raises: GauganpipeError when there is no such kind or class."""
    if asked.by and asked.by not in KINDS:
        raise GauganpipeError(f"there are no sheets by '{asked.by}'. Take one of {', '.join(KINDS)}")
    for name in asked.classes:
        if name not in manifest.taxonomy.names:
            known = ", ".join(manifest.taxonomy.names)
            raise GauganpipeError(f"there is no class '{name}' here. The classes are {known}")
    by = (asked.by,) if asked.by else ("classes",) if asked.classes else KINDS
    rows = [manifest.rows[id] for id in sorted(manifest.rows)]
    usable = [row for row in rows if row.is_usable and row.file_name]
    named: dict[str, list[tuple[Row, str]]] = {}
    if "classes" in by:
        named |= {f"class-{name}": _by_share(usable, name) for name in asked.classes or manifest.taxonomy.names}
    if "confidence" in by:
        named["confidence"] = _by_confidence(usable)
    if "rejected" in by:
        named |= _by_reason(rows)
    return [page for name, said in named.items() for page in _pages(name, said, asked.pages)]


def _places(workspace: Workspace, out: Path | None, pages: Sequence[Page]) -> list[Path]:
    """Where the pages go.    Raises: WorkspaceError when one would replace a file that is no sheet."""
    if out is None:
        return [workspace.resolve(FOLDER) / page.file for page in pages]
    return [workspace.writable_out(out / page.file, is_ours=pictures.is_page) for page in pages]


def _by_share(rows: Sequence[Row], name: str) -> list[tuple[Row, str]]:
    having = sorted((row for row in rows if row.shares.get(name)), key=lambda row: (-row.shares[name], row.id))
    return [(row, f"{name} {row.shares[name]:.1%}") for row in having]


def _by_confidence(rows: Sequence[Row]) -> list[tuple[Row, str]]:
    unsure = [row for row in rows if row.label_confidence is not None and row.label_reviewed != "yes"]
    unsure.sort(key=lambda row: (row.label_confidence, row.id))
    return [(row, f"{row.label_confidence:.3f} {row.flags}".rstrip()) for row in unsure]


def _by_reason(rows: Sequence[Row]) -> dict[str, list[tuple[Row, str]]]:
    turned = [row for row in rows if row.file_name and (row.status in (REJECTED, FAILED) or row.keep == "no")]
    reasons = sorted({_reason(row) for row in turned})
    return {
        f"rejected-{reason}": [(row, _words(row)) for row in turned if _reason(row) == reason] for reason in reasons
    }


def _reason(row: Row) -> str:
    if row.keep == "no":
        return "by-you"
    return row.rule if row.status == REJECTED else "failed"


def _words(row: Row) -> str:
    if row.keep == "no":
        return "keep=no"
    if row.status == FAILED:
        return row.error
    return f"{row.rule} {row.rule_value:g}" if row.rule_value is not None else row.rule


def _pages(name: str, rows: Sequence[tuple[Row, str]], most: int) -> list[Page]:
    """name: what the files are called; letters that no file name takes become '-'."""
    plain = re.sub(r"[^\w-]+", "-", name)
    starts = range(0, len(rows), ON_A_PAGE)[:most]
    return [
        Page(file=f"{plain}-{number}.png", rows=list(rows[start : start + ON_A_PAGE]))
        for number, start in enumerate(starts, start=1)
    ]


def _pair(manifest: Manifest, row: Row, said: str) -> list[Tile]:
    """A photo and its labels, with what is said of it above the one and its name above the other."""
    workspace: Workspace = manifest.workspace
    try:
        tiles = [Tile(caption=said, picture=pictures.photo_of(workspace, row.file_name, TILE_PX))]
    except (PhotoError, GauganpipeError) as error:
        tiles = [Tile(caption=str(error))]
    try:
        labels = pictures.labels_of(workspace, row.label_file_name, manifest.taxonomy) if row.label_file_name else None
    except (PhotoError, GauganpipeError):
        labels = None
    return [*tiles, Tile(caption=row.original_name, picture=labels, is_map=True)]
