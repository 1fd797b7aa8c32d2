"""`gauganpipe manifest show`: all that is known of one row, and a picture of its files side by side."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.inspection import pictures
from pipeline.inspection.finding import find_row
from pipeline.manifest import Manifest
from pipeline.rows import PROVENANCE_COLUMNS, ROW_FILES
from pipeline.workspace import Workspace

FILES = tuple(one.column for one in ROW_FILES)
FOLDER = "data/shown"
"""Where the pictures go if nobody says where."""
TILE_PX = 560
UNSAID = ("dhash", "dhash_mirror")
"""Columns that tell a person nothing."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A row: what stands in its columns where anything does, its classes, and the picture of its files.

    shares: class -> share, most first.    picture: None where there is nothing to show, or none is wanted.
    """

    cells: dict[str, str]
    shares: dict[str, float]
    picture: Path | None

    def lines(self) -> list[str]:
        """A line a column, a line a class, and where the picture is."""
        lines = [f"{name:<20}{cell}" for name, cell in self.cells.items()]
        shares = [f"{name} {share:.1%}" for name, share in self.shares.items()]
        lines += [f"{'classes':<20}{', '.join(shares)}"] if shares else []
        return lines + [f"{'picture':<20}{self.picture}"] * bool(self.picture)


def show(manifest: Manifest, said: str, *, out: Path | None = None, writes: bool = True) -> Shown:
    """Tells of one row, and writes a PNG of its photo, labels, instances and edges.

    said: its id, the beginning of it, or a part of what the photo is called.
    out: where the picture goes; None for data/shown in the workspace.    writes: whether it is written.

    Raises: GauganpipeError when no row or several are meant; WorkspaceError when the picture cannot be written, or
    would replace a file that is no such picture.
    """
    workspace, row = manifest.workspace, find_row(manifest, said)
    names = (*manifest.names, *(one.name for one in PROVENANCE_COLUMNS if one.name not in UNSAID))
    cells = {name: manifest.column(name)[row] for name in names}
    lines = sorted((-share, name) for _, name, share in manifest.shares().of({cells["id"]}))
    shares = {name: -share for share, name in lines}
    picture = None
    if any(cells[column] for column in FILES):
        picture = _place(workspace, cells["id"], out)
        if writes:
            _write(workspace, manifest, cells, shares, picture)
    return Shown(cells={name: cell for name, cell in cells.items() if cell}, shares=shares, picture=picture)


def _place(workspace: Workspace, id: str, out: Path | None) -> Path:
    if out is None:
        return workspace.resolve(f"{FOLDER}/{id}.png")
    return workspace.writable_out(out, is_ours=pictures.is_page)


def _write(
    workspace: Workspace, manifest: Manifest, cells: dict[str, str], shares: dict[str, float], picture: Path
) -> None:
    files = {column: cells[column] for column in FILES}
    taxonomy = manifest.taxonomy
    tiles = pictures.tiles_of(workspace, files, taxonomy, TILE_PX)
    page = pictures.side_by_side(tiles, tile_px=TILE_PX, across=len(tiles) if _is_upright(tiles) else 2)
    page = pictures.with_legend(page, list(shares.items()), taxonomy)
    pictures.write_page(picture, page)


def _is_upright(tiles: list[pictures.Tile]) -> bool:
    """Whether the pictures are so narrow that four of them fit side by side."""
    shapes = [tile.picture.shape for tile in tiles if tile.picture is not None]
    return all(height > width for height, width, _ in shapes)
