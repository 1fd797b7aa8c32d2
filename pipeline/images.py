"""Our own files: photos, label maps, instance maps and edge maps to bytes and back; hashes; pictures to look at."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, JpegImagePlugin, PngImagePlugin

from pipeline.classes import UNKNOWN
from pipeline.effort import foresee
from pipeline.errors import PhotoError
from pipeline.normalise import LIMIT_MEGAPIXELS, Photo, decode_photo
from pipeline.workspace import write_atomically

__all__ = [
    "Drawing",
    "Photo",
    "colourise",
    "decode_photo",
    "dhash",
    "encode_edges",
    "encode_grey",
    "encode_instances",
    "encode_labels",
    "encode_photo",
    "encode_picture",
    "overlay",
    "read_drawing",
    "read_edges",
    "read_instances",
    "read_labels",
    "read_photo",
    "read_photo_for",
    "write_gif",
    "write_picture",
]

GREY, RGB, INDEXED, RGBA = 0, 2, 3, 6
COLOUR_TYPES = {
    GREY: "grey",
    RGB: "RGB",
    INDEXED: "indexed",
    4: "grey with transparency",
    RGBA: "RGB with transparency",
}
"""Colour type in the header of a PNG -> in words."""
DRAWN_IN = {GREY: "L", RGB: "RGB", INDEXED: "P", RGBA: "RGBA"}
"""Colour types of label maps that others make -> how Pillow calls them."""

FLAT_PNG = (
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
)
"""How maps of few, wide regions are packed: in a third of the time that an ordinary PNG takes, and smaller."""

GIF_PASSES = 2
"""How often the colours of a GIF are moved to the middle of what they stand for."""

HASH_SIDE = 16
"""A difference hash compares 16 rows of 17 grey cells: 256 bits."""


def encode_photo(pixels: np.ndarray) -> bytes:
    """A photo as a JPEG of quality 95, 4:4:4, without metadata; the same pixels always give the same bytes.

    pixels: (H, W, 3) uint8 RGB.
    """
    return _save(Image.fromarray(pixels), "JPEG", quality=95, subsampling=0)


def read_photo(path: Path) -> np.ndarray:
    """A photo that encode_photo has written: (H, W, 3) uint8 RGB.

    Raises: PhotoError when the file is gone or is no such JPEG.
    """
    data = _read(path)
    try:
        return np.array(JpegImagePlugin.JpegImageFile(io.BytesIO(data)).convert("RGB"))
    except Exception as error:
        raise PhotoError(f"cannot be used: {path.name} is no JPEG that can be read to its end") from error


def read_photo_for(path: Path, longer_side_px: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A photo at a longer side of at least so many pixels, and (height, width) of the whole.

    A JPEG is decoded at a half, a quarter or an eighth of its size in a fraction of the time.
    longer_side_px: 0 for the whole photo.    Returns (H, W, 3) uint8 RGB, and the size.
    Raises: PhotoError when the file is gone or is no such JPEG.
    """
    data = _read(path)
    try:
        image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        width, height = image.size
        if longer_side_px:
            image.draft("RGB", tuple(-(-side * longer_side_px // max(width, height)) for side in (width, height)))
        return np.array(image.convert("RGB")), (height, width)
    except Exception as error:
        raise PhotoError(f"cannot be used: {path.name} is no JPEG that can be read to its end") from error


def encode_grey(values: np.ndarray) -> bytes:
    """A grey PNG of 8 or 16 bits, for maps: most rows repeat the row above, so each is stored as the difference to it.

    values: (H, W) uint8 or uint16; the same values always give the same bytes.
    """
    _, encoded = cv2.imencode(".png", values, FLAT_PNG)
    return encoded.tobytes()


def encode_labels(ids: np.ndarray, palette: bytes) -> bytes:
    """A label map as an 8-bit indexed PNG: a pixel's index is its class id, the palette gives the class its colour.

    ids: (H, W) uint8.    palette: 256 RGB triples.
    """
    image = Image.fromarray(ids)
    image.putpalette(palette)
    return _save(image, "PNG", compress_level=1)


def read_labels(path: Path) -> np.ndarray:
    """A label map: (H, W) uint8 class ids, the raw indices of an indexed PNG or the levels of a grey one.

    Raises: PhotoError when the file is gone, or is anything but an 8-bit indexed or grey PNG.
    """
    return _read_png(path, bits=8, colours=(INDEXED, GREY), wanted="a label map is an 8-bit indexed or grey PNG")


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A label map that others have made, as it is stored.

    pixels: (H, W) uint8, ids or places in the palette; or (H, W, 3) uint8 RGB colours.
    palette: (256, 3) uint8 RGB, what an indexed PNG is shown in; None for others.
    """

    pixels: np.ndarray
    palette: np.ndarray | None = None


def read_drawing(path: Path) -> Drawing:
    """A label map of ids, or of colours that stand for them.

    Raises: PhotoError when the file is gone, or is anything but a PNG: indexed, 8-bit grey, or opaque 8-bit RGB.
    """
    wanted = "a label map is a PNG: indexed, 8-bit grey, or 8-bit RGB in the colours of classes"
    image, bits, colours = _open_png(path, wanted=wanted)
    if colours not in DRAWN_IN or (bits != 8 and colours != INDEXED):
        raise _other_png(path, bits, colours, wanted=wanted)
    if image.mode != DRAWN_IN[colours]:
        raise PhotoError(f"cannot be used: {path.name} is cut off or damaged")
    pixels = _decode(path, image)
    if colours == INDEXED:
        shown = bytes(image.getpalette("RGB") or []).ljust(768, b"\0")
        return Drawing(pixels=pixels, palette=np.frombuffer(shown, dtype=np.uint8).reshape(256, 3))
    if colours == RGBA:
        if pixels[..., 3].min() < 255:
            raise PhotoError(f"cannot be used: {path.name} is transparent in places. Save it without transparency")
        pixels = pixels[..., :3]
    return Drawing(pixels=pixels)


def encode_instances(ids: np.ndarray) -> bytes:
    """An instance map as a 16-bit grey PNG.

    ids: (H, W) uint16.
    """
    return encode_grey(ids)


def read_instances(path: Path) -> np.ndarray:
    """An instance map: (H, W) uint16 instance ids, 0 unknown.

    Raises: PhotoError when the file is gone, or is anything but a 16-bit grey PNG.
    """
    return _read_png(path, bits=16, colours=(GREY,), wanted="an instance map is a 16-bit grey PNG")


def read_ids(path: Path) -> np.ndarray:
    """An instance map as others write them: (H, W) uint8 or uint16, any number an instance.

    Raises: PhotoError when the file is gone, or is anything but a grey PNG of 8 or 16 bits, or an 8-bit indexed one.
    """
    wanted = "an instance map is a grey PNG of 8 or 16 bits"
    image, bits, colours = _open_png(path, wanted=wanted)
    if (bits, colours) not in ((8, GREY), (8, INDEXED), (16, GREY)):
        raise _other_png(path, bits, colours, wanted=wanted)
    return _decode(path, image)


def encode_edges(edges: np.ndarray) -> bytes:
    """An edge map as an 8-bit grey PNG: 255 where there is an edge, else 0.

    edges: (H, W) bool or uint8; whatever is not 0 is an edge.
    """
    return encode_grey(np.where(edges, np.uint8(255), np.uint8(0)))


def read_edges(path: Path) -> np.ndarray:
    """An edge map: (H, W) uint8, 0 or 255.

    Raises: PhotoError when the file is gone, or is anything but an 8-bit grey PNG.
    """
    return _read_png(path, bits=8, colours=(GREY,), wanted="an edge map is an 8-bit grey PNG")


def dhash(pixels: np.ndarray) -> tuple[str, str]:
    """256-bit difference hashes of a photo and of its mirror image, 64 hex digits each.

    The hashes of the mirrored photo are exactly these two the other way round.
    pixels: (H, W, 3) uint8 RGB.
    """
    # Whole numbers below 2**24, then below 2**53: no sum is ever rounded, so left and right are treated alike.
    grey = np.asarray(Image.fromarray(pixels).convert("L")).astype(np.float32)
    height, width = grey.shape
    rows = _overlaps(height, HASH_SIDE).astype(np.float32) @ grey
    cells = rows.astype(np.float64) @ _overlaps(width, HASH_SIDE + 1).T  # (16, 17)
    brighter = cells[:, :-1] < cells[:, 1:]
    darker = cells[:, :-1] > cells[:, 1:]
    return np.packbits(brighter).tobytes().hex(), np.packbits(darker[:, ::-1]).tobytes().hex()


def colourise(ids: np.ndarray, palette: bytes) -> np.ndarray:
    """A label map in the colours of its classes: (H, W, 3) uint8 RGB, unknown pixels black.

    ids: (H, W) uint8.    palette: 256 RGB triples.
    """
    colours = np.frombuffer(palette, dtype=np.uint8).reshape(256, 3).copy()
    colours[UNKNOWN] = 0
    return colours[ids]


def overlay(photo: np.ndarray, ids: np.ndarray, palette: bytes, opacity: float = 0.5) -> np.ndarray:
    """A photo with its label map laid over it: (H, W, 3) uint8 RGB, unknown pixels left as they are.

    photo: (H, W, 3) uint8 RGB.    ids: (H, W) uint8.    palette: 256 RGB triples.    opacity: of the labels, 0 to 1.
    """
    mixed = photo + (colourise(ids, palette).astype(np.float32) - photo) * opacity
    return np.where((ids == UNKNOWN)[..., None], photo, np.rint(mixed).astype(np.uint8))


def encode_picture(pixels: np.ndarray) -> bytes:
    """A picture as a PNG, packed quickly.    pixels: (H, W, 3) uint8 RGB."""
    return _save(Image.fromarray(pixels), "PNG", compress_level=1)


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Writes a picture to look at as a PNG, beside its place and then renamed.

    pixels: (H, W, 3) uint8 RGB, or (H, W) uint8 grey.
    """
    write_atomically(path, _save(Image.fromarray(pixels), "PNG"))


def write_gif(path: Path, pictures: Sequence[np.ndarray], *, shown_ms: Sequence[int]) -> None:
    """Writes an animation that begins again and again, beside its place and then renamed.

    pictures: (H, W, 3) uint8 RGB each, all of one size; one array may stand there several times.
    shown_ms: how long each stays, in milliseconds.
    """
    # Each in 256 colours of its own: of what changes as a whole, one palette for all shows bands, or grain.
    different = {id(one): one for one in pictures}
    reduced = {key: Image.fromarray(one).quantize(256, kmeans=GIF_PASSES) for key, one in different.items()}
    first, *others = [reduced[id(one)] for one in pictures]
    options = {"save_all": True, "append_images": others, "duration": list(shown_ms), "loop": 0}
    write_atomically(path, _save(first, "GIF", **options))


def _save(image: Image.Image, form: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise PhotoError(f"cannot be used: {path.name} is not there") from error
    except OSError as error:
        raise PhotoError(f"cannot be used: {path.name} cannot be read ({error.strerror})") from error


def _read_png(path: Path, *, bits: int, colours: tuple[int, ...], wanted: str) -> np.ndarray:
    """The raw numbers of a PNG with this many bits a pixel, in one of these colour types."""
    image, found_bits, found_colours = _open_png(path, wanted=wanted)
    if found_bits != bits or found_colours not in colours:
        raise _other_png(path, found_bits, found_colours, wanted=wanted)
    return _decode(path, image)


def _open_png(path: Path, *, wanted: str) -> tuple[Image.Image, int, int]:
    """A PNG whose pixels are not decoded yet, its bits a number and its colour type."""
    data = _read(path)
    if not data.startswith(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR") or len(data) < 26:
        raise PhotoError(f"cannot be used: {path.name} is no PNG; {wanted}")
    try:
        foresee("PNG", data)
        image = PngImagePlugin.PngImageFile(io.BytesIO(data))
    except PhotoError as error:
        raise PhotoError(f"cannot be used: {path.name} {error}") from None
    except Exception as error:
        raise PhotoError(f"cannot be used: {path.name} is cut off or damaged") from error
    if image.width * image.height > LIMIT_MEGAPIXELS * 1_000_000:
        size = f"{image.width}x{image.height}"
        raise PhotoError(f"cannot be used: {path.name} is {size}, and {LIMIT_MEGAPIXELS} megapixels at most are read")
    return image, data[24], data[25]


def _other_png(path: Path, bits: int, colours: int, *, wanted: str) -> PhotoError:
    return PhotoError(f"cannot be used: {path.name} is {bits}-bit {COLOUR_TYPES.get(colours, 'unknown')}; {wanted}")


def _decode(path: Path, image: Image.Image) -> np.ndarray:
    try:
        return np.array(image)
    except Exception as error:
        raise PhotoError(f"cannot be used: {path.name} is cut off or damaged") from error


def _overlaps(pixels: int, cells: int) -> np.ndarray:
    """How much of each pixel lies in each of the cells that share a side: (cells, pixels) float64 whole numbers."""
    pixel, cell = np.arange(pixels), np.arange(cells)[:, None]
    ends = np.minimum((pixel + 1) * cells, (cell + 1) * pixels)
    starts = np.maximum(pixel * cells, cell * pixels)
    return (ends - starts).clip(min=0).astype(np.float64)
