"""A row as pictures: its photo, labels, instances and edges, as far as they are there and can be read."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from pipeline import images
from pipeline.classes import Taxonomy
from pipeline.errors import GauganpipeError, PhotoError
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

GAP_PX = 12
INK, PAPER = "black", "white"
SIGNATURE = ("Software", "gauganpipe manifest")
"""What a page says of itself, so that it is known again."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A picture and the line above it; None where there is nothing to show.

    picture: (H, W, 3) uint8 RGB.    is_map: its colours stand for ids, and are never mixed.
    """

    caption: str
    picture: np.ndarray | None = None
    is_map: bool = False


def photo_of(workspace: Workspace, name: str, longer_side_px: int) -> np.ndarray:
    """(H, W, 3) uint8 RGB, at about this size.    Raises: PhotoError, or WorkspaceError."""
    return images.read_photo_for(workspace.resolve(name), longer_side_px)[0]


def labels_of(workspace: Workspace, name: str, taxonomy: Taxonomy) -> np.ndarray:
    """A label map in the colours of its classes: (H, W, 3) uint8 RGB.    Raises: PhotoError, or WorkspaceError."""
    return images.colourise(images.read_labels(workspace.resolve(name)), taxonomy.palette)


def instances_of(workspace: Workspace, name: str) -> np.ndarray:
    """An instance map in colours that tell neighbours apart: (H, W, 3) uint8 RGB, unknown pixels black.

    Raises: PhotoError, or WorkspaceError.
    """
    ids = images.read_instances(workspace.resolve(name))
    colours = np.random.default_rng(0).integers(48, 256, (65536, 3), dtype=np.uint8)
    colours[0] = 0
    return colours[ids]


def edges_of(workspace: Workspace, name: str) -> np.ndarray:
    """An edge map, (H, W, 3) uint8 RGB.    Raises: PhotoError, or WorkspaceError."""
    return np.repeat(images.read_edges(workspace.resolve(name))[..., None], 3, axis=2)


def tiles_of(workspace: Workspace, files: dict[str, str], taxonomy: Taxonomy, longer_side_px: int) -> list[Tile]:
    """Photo, labels, instances and edges, each with its caption; what cannot be shown says why.

    files: column -> path, "" where there is none.
    """
    painters = {
        "photo": ("file_name", lambda name: photo_of(workspace, name, longer_side_px)),
        "labels": ("label_file_name", lambda name: labels_of(workspace, name, taxonomy)),
        "instances": ("instance_file_name", lambda name: instances_of(workspace, name)),
        "edges": ("edge_file_name", lambda name: edges_of(workspace, name)),
    }
    tiles = []
    for title, (column, paint) in painters.items():
        if not files[column]:
            tiles.append(Tile(caption=f"{title}: none yet"))
            continue
        try:
            is_map = title in ("labels", "instances")
            tiles.append(Tile(caption=title, picture=paint(files[column]), is_map=is_map))
        except PhotoError as error:
            tiles.append(Tile(caption=f"{title} {error}"))
        except GauganpipeError as error:
            tiles.append(Tile(caption=f"{title}: {error}"))
    return tiles


def side_by_side(tiles: Sequence[Tile], *, tile_px: int, across: int) -> Image.Image:
    """Tiles in lines, each below its caption, which is cut where it is too long for its tile.

    tile_px: the longer side of a picture.    across: tiles in a line.
    """
    font = ImageFont.load_default(size=max(11, tile_px // 18))
    head_px = round(font.size * 1.6)
    shrunk = [(tile.caption, None if tile.picture is None else _fit(tile, tile_px)) for tile in tiles]
    lines = [shrunk[start : start + across] for start in range(0, len(shrunk), across)]
    heights = [max((image.height for _, image in line if image), default=tile_px // 2) for line in lines]
    width = min(across, max(1, len(tiles))) * (tile_px + GAP_PX) + GAP_PX
    page = Image.new("RGB", (width, GAP_PX + sum(head_px + height + GAP_PX for height in heights)), PAPER)
    pen, top = ImageDraw.Draw(page), GAP_PX
    for line, height in zip(lines, heights, strict=True):
        for place, (caption, image) in enumerate(line):
            left = GAP_PX + place * (tile_px + GAP_PX)
            pen.text((left, top), cut(caption, font, tile_px), fill=INK, font=font)
            if image:
                page.paste(image, (left, top + head_px))
            else:
                pen.rectangle((left, top + head_px, left + tile_px - 1, top + head_px + height - 1), fill="#dddddd")
        top += head_px + height + GAP_PX
    return page


def with_legend(page: Image.Image, shares: Sequence[tuple[str, float]], taxonomy: Taxonomy) -> Image.Image:
    """The page, and below it the classes with their colours.    shares: name and share, 0 to 1, in their order."""
    font = ImageFont.load_default(size=16)
    words = [(name, f"{name} {share:.1%}") for name, share in shares]
    wide = max((round(font.getlength(text)) for _, text in words), default=0) + 44
    across = max(1, (page.width - 2 * GAP_PX) // wide)
    lines = -(-len(words) // across)
    whole = Image.new("RGB", (page.width, page.height + lines * 26 + GAP_PX * bool(words)), PAPER)
    whole.paste(page)
    pen, colours = ImageDraw.Draw(whole), {one.name: one.colour for one in taxonomy.categories}
    for place, (name, text) in enumerate(words):
        left, top = GAP_PX + place % across * wide, page.height + place // across * 26
        pen.rectangle((left, top, left + 20, top + 18), fill=colours.get(name, (0, 0, 0)), outline=INK)
        pen.text((left + 28, top), text, fill=INK, font=font)
    return whole


def write_page(path: Path, page: Image.Image) -> bool:
    """Writes a page as a PNG, unless it stands there already; whether it did.    Raises: WorkspaceError."""
    file, signed = io.BytesIO(), PngInfo()
    signed.add_text(*SIGNATURE)
    page.save(file, "PNG", pnginfo=signed)
    with explained_disk_errors():
        if path.is_file() and path.read_bytes() == file.getvalue():
            return False
        write_atomically(path, file.getvalue())
    return True


def is_page(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a page that was written here."""
    return head.startswith(b"\x89PNG") and b"\0".join(word.encode() for word in SIGNATURE) in head


def cut(text: str, font: ImageFont.FreeTypeFont, width_px: int) -> str:
    """Text that fits, its middle left out where it is too long."""
    kept = len(text)
    shown = text
    while font.getlength(shown) > width_px and kept > 4:
        kept -= 1
        shown = f"{text[: -(-kept // 2)]}…{text[len(text) - kept // 2 :]}"
    return shown


def _fit(tile: Tile, side_px: int) -> Image.Image:
    image = Image.fromarray(tile.picture)
    scale = side_px / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.NEAREST if tile.is_map else Image.Resampling.LANCZOS)
