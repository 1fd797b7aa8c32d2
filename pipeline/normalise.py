"""The bytes of a photo, in any of seven formats -> upright 8-bit sRGB pixels."""

import hashlib
import io
import logging
import math
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from pipeline.effort import check_exif, check_work, foresee, holds_heavy_exif
from pipeline.errors import PhotoError

LIMIT_MEGAPIXELS = 200
"""The largest picture that is decoded. It takes 850 MB beside its file and about 5 seconds at most, so it is less for
some: of a PNG 150 with transparency and 100 with 16 bits; of a TIFF 178, and 106 where it must be turned; of a HEIC 94,
and 60 with more than 8 bits; of a WebP or AVIF 50, whose decoders hold several copies; of a progressive JPEG 140 with
colours at full size. `pipeline.effort` reckons it from the bytes."""

BAND_PIXELS = 1_000_000
"""Pixels of a large picture that are made ready at a time, so that all of it is in memory only once."""

REDUCING_GAP = 2.0
"""A picture is averaged down by a whole number as long as it keeps this many times the side wanted, then resampled."""

DRAFT_MARGIN = 1.4
"""A JPEG may be decoded at a half, a quarter or an eighth when that leaves at least this many times the side wanted."""

SAME_LEVELS = 2
"""A profile that moves no colour by more than this many levels is sRGB, whatever it calls itself."""

SIGNATURES: dict[str, bytes] = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF....WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    "AVIF": rb"....ftyp(?:avi[fs]|(?:mif1|msf1|miaf).{4}(?:.{4}){0,15}?avi[fs])",
    "HEIC": rb"....ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)",
}
"""The formats that are read, by the first bytes; no name is looked at."""

STRANGERS: dict[str, bytes] = {
    "a GIF": rb"GIF8",
    "a PDF": rb"%PDF",
    "a Photoshop file": rb"8BPS",
    "a JPEG 2000": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "a JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "an SVG drawing": rb"\s*(?:<\?xml[^>]*>\s*)?<svg",
    "a web page": rb"(?i)\s*<(?:!doctype\s+html|html|head|body)",
}
"""What else is met among photos."""

UPRIGHT: dict[int, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> what sets the picture upright. From 5 on width and height change places."""

REDUCED, DNG_VERSION = 254, 50706
"""TIFF tags: bit 0 of the first is set when the picture is a smaller copy of another; the second marks a raw file."""

LAID_ON_WHITE = "transparency laid on white"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo as it is trained on."""

    pixels: np.ndarray
    """(H, W, 3) uint8 RGB, upright, sRGB, 0..255."""
    changes: tuple[str, ...]
    """What was changed to make it so, each in a few words: 'rotated upright'."""
    captured_at: str
    """When the camera says it was taken, ISO 8601; '' when it does not say."""
    camera: str
    """Which camera took it: make and model, and a digest of its serial number; '' when it says neither of these two."""


def decode_photo(data: bytes, *, max_side_px: int = 2048) -> Photo:
    """The photo in these bytes, whatever its name says; a larger one is shrunk until its longest side is max_side_px.

    May be called from several threads. Pillow's warnings are muted in this process from the first call on.
    Colours that are described by anything but an ICC profile (gAMA, cICP, nclx) are taken for sRGB.

    Raises: PhotoError whose sentence begins with the verb, as in "is empty: 0 bytes"; the caller says what is.
    """
    _mute_pillow()
    form = _form_of(data)
    changes: list[str] = []

    # The header
    work = foresee(form, data)
    image = _open(form, data)
    sides = image.size
    if sides[0] * sides[1] > LIMIT_MEGAPIXELS * 1_000_000:
        raise PhotoError(
            f"is {sides[0]} x {sides[1]} pixels, more than the {LIMIT_MEGAPIXELS} megapixels that are read"
        )
    if form == "TIFF" and (data[8:10] == b"CR" or _tag(image, DNG_VERSION, 0) or _tag(image, REDUCED, 0) & 1):
        raise PhotoError("is a camera's raw file, of which only the preview could be read. Export it as JPEG or TIFF")
    frames = work.pages if form == "TIFF" else getattr(image, "n_frames", 1)
    bits = _bits_of(form, image, data)
    if frames > 1:
        changes.append(f"{'main' if form == 'HEIC' else 'first'} of {frames} pictures in the file")
    if bits > 8:
        changes.append(f"{bits} bit to 8 bit")
    turned = _tag(image, ExifTags.Base.Orientation, 1) if form == "TIFF" else None

    # The whole picture, a large JPEG at half its size or less
    box = _draft(image, max_side_px) if form == "JPEG" else None
    check_work(work, form, image.size, mode=image.mode, bits=bits)
    check_exif(image.info.get("exif"))
    _load(form, image, data)
    if box is None:
        sides = image.size
    orientation, captured_at, camera = _read_exif(image)
    profile = image.info.get("icc_profile")

    # 8 bits, opaque, small, sRGB
    image = _shrink(image, sides, max_side_px, box, lambda part: _lay_on_white(_to_8_bit(form, part, bits), changes))
    image = _to_srgb(image, profile, changes)

    # Upright, as Pillow has set a TIFF already
    if turned is None and orientation in UPRIGHT:
        image = image.transpose(UPRIGHT[orientation])
        sides = sides[::-1] if orientation >= 5 else sides
    if (turned or orientation) in UPRIGHT:
        changes.append("rotated upright")
    if max(sides) > max_side_px:
        changes.append(f"shrunk from {sides[0]}x{sides[1]}")
    return Photo(pixels=np.array(image), changes=tuple(changes), captured_at=captured_at, camera=camera)


def _mute_pillow() -> None:
    """What Pillow warns of is checked here, and told in our words.

    A filter for its modules, put in place once: warnings.catch_warnings would swap the filters of every other thread.
    """
    modules = r"(?:PIL|pillow_heif)\."
    if ("ignore", None, Warning, re.compile(modules), 0) not in warnings.filters:
        warnings.filterwarnings("ignore", module=modules)
    logger = logging.getLogger("PIL")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())


def _form_of(data: bytes) -> str:
    if not data:
        raise PhotoError("is empty: 0 bytes")
    for form, signature in SIGNATURES.items():
        if re.match(signature, data, re.DOTALL):
            return form
    for stranger, signature in STRANGERS.items():
        if re.match(signature, data, re.DOTALL):
            raise PhotoError(f"is {stranger}; what is read is {', '.join(SIGNATURES)}")
    raise PhotoError("is not a picture: no known format in its first bytes")


def _open(form: str, data: bytes) -> ImageFile.ImageFile:
    """The picture with only its header read, by the format's own opener: Image.open has a smaller limit of its own."""
    import pillow_heif

    openers: dict[str, type[ImageFile.ImageFile]] = {
        "JPEG": JpegImagePlugin.JpegImageFile,
        "PNG": PngImagePlugin.PngImageFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "HEIC": pillow_heif.HeifImageFile,
    }
    if form == "AVIF":
        return _open_avif(data)
    try:
        return openers[form](io.BytesIO(data))
    except Exception as error:
        raise _explained(form, data, error) from error


def _open_avif(data: bytes) -> ImageFile.ImageFile:
    """Pillow reads the EXIF data of an AVIF at once, and stumbles over bad ones; the picture is good without them."""
    without = data.replace(b"Exif", b"none", 1)
    for tried in (without,) if holds_heavy_exif(data) else (data, without):
        try:
            return AvifImagePlugin.AvifImageFile(io.BytesIO(tried))
        except Exception as error:
            failure = error
    raise _explained("AVIF", data, failure) from failure


def _load(form: str, image: ImageFile.ImageFile, data: bytes) -> None:
    try:
        image.load()
    except Exception as error:
        raise _explained(form, data, error) from error


def _explained(form: str, data: bytes, error: Exception) -> PhotoError:
    """A decoder's exception as a sentence. They raise nearly every kind there is, and few say what is wrong."""
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        return PhotoError(f"is a {form} of more than {limit} megapixels in one piece, more than are read")
    if isinstance(error, MemoryError):
        return PhotoError(f"is a {form} that needs more memory than there is")
    promised = {"WEBP": int.from_bytes(data[4:8], "little") + 8, "BMP": int.from_bytes(data[2:6], "little")}
    missing = promised.get(form, 0) - len(data)
    if missing > 0:
        return PhotoError(f"is cut off: {missing:,} of the picture's bytes are missing")
    return PhotoError(f"is cut off or damaged: the {form} cannot be read to its end")


def _tag(image: ImageFile.ImageFile, tag: int, otherwise: int) -> int:
    """A number in the header of a TIFF; the largest where there are several."""
    value = image.tag_v2.get(tag, otherwise)
    numbers = [number for number in (value if isinstance(value, tuple) else (value,)) if isinstance(number, int)]
    return max(numbers, default=otherwise)


def _bits_of(form: str, image: ImageFile.ImageFile, data: bytes) -> int:
    """Bits a channel, where the header says so."""
    if form == "PNG":
        return data[24]
    if form == "TIFF":
        return _tag(image, ExifTags.Base.BitsPerSample, 8)
    return image.info.get("bit_depth", 8)


def _draft(image: JpegImagePlugin.JpegImageFile, max_side_px: int) -> Box | None:
    """Has a large JPEG decoded at a fraction of its size; the place of the whole photo in what will be decoded."""
    scale = max_side_px * DRAFT_MARGIN / max(image.size)
    if scale >= 1:
        return None
    drafted = image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
    return drafted and drafted[1]


def _read_exif(image: ImageFile.ImageFile) -> tuple[int, str, str]:
    """Orientation, 1 when it is not known; the time of the shot, ISO 8601 or ''; the camera or ''."""
    try:
        exif = image.getexif()
        details = exif.get_ifd(ExifTags.IFD.Exif)
        orientation = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:  # a damaged block raises nearly anything, and the photo is good without it
        return 1, "", ""
    moment = str(details.get(ExifTags.Base.DateTimeOriginal, "")).strip("\0 ")
    zone = str(details.get(ExifTags.Base.OffsetTimeOriginal, "")).strip("\0 ")
    try:
        captured_at = datetime.strptime(moment, "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        captured_at = ""
    if captured_at and re.fullmatch(r"[+-]\d\d:\d\d", zone):
        captured_at += zone
    return orientation if isinstance(orientation, int) else 1, captured_at, _camera(exif, details)


def _camera(exif: Image.Exif, details: Mapping[int, object]) -> str:
    tags = (exif.get(ExifTags.Base.Make), exif.get(ExifTags.Base.Model), details.get(ExifTags.Base.BodySerialNumber))
    make, model, serial = (_in_a_few_words(tag) if isinstance(tag, str) else "" for tag in tags)
    if not model and not serial:
        return ""
    # The number itself would lead to all that its owner has published, and the row may be.
    serial = hashlib.sha256(serial.encode()).hexdigest()[:8] if serial else ""
    return " ".join(part for part in (make, model, serial) if part)


def _to_8_bit(form: str, image: Image.Image, bits: int) -> Image.Image:
    """The picture in a mode of 8-bit channels: L, LA, RGB, RGBA, CMYK, or P that is still to be looked up."""
    if image.mode.startswith("I;16"):
        white = 4095 if bits == 12 and form == "TIFF" else 65535  # a HEIC of 12 bits comes as 16
        levels = np.asarray(image).astype(np.uint32)
        grey = Image.fromarray(((levels * 255 + white // 2) // white).clip(max=255).astype(np.uint8))
        clear = image.info.get("transparency")
        if isinstance(clear, int):
            grey.putalpha(Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8)))
        return grey
    if image.mode in ("I", "F"):
        raise PhotoError("has pixels of 32 bits, whose black and white are not known. Save it with 8 or 16 bits")
    if image.mode in ("P", "PA") and image.palette is None:
        raise PhotoError("is cut off or damaged: its palette is missing")
    modes = {"1": "L", "YCbCr": "RGB", "La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
    image = image.convert(modes[image.mode]) if image.mode in modes else image
    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK", "P"):
        raise PhotoError(f"has pixels of a kind that is not read, {image.mode}. Save it as RGB")
    return image


def _lay_on_white(image: Image.Image, changes: list[str]) -> Image.Image:
    """The picture without transparency and without a palette: L, RGB or CMYK."""
    if not image.has_transparency_data:
        return image.convert("RGB") if image.mode == "P" else image
    image = image.convert("RGBA")
    if image.getchannel("A").getextrema()[0] < 255:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        if LAID_ON_WHITE not in changes:
            changes.append(LAID_ON_WHITE)
    return image.convert("RGB")


def _shrink(
    image: Image.Image,
    sides: tuple[int, int],
    max_side_px: int,
    box: Box | None,
    prepare: Callable[[Image.Image], Image.Image],
) -> Image.Image:
    """The picture made ready, with no side above max_side_px.

    sides: (width, height) of the photo in pixels.    box: its place in the picture, None for all of it.
    prepare: makes a part of the picture, or all of it, one that may be resampled.
    """
    scale = max_side_px / max(sides)
    if scale >= 1:
        return prepare(image)
    size = (max(1, round(sides[0] * scale)), max(1, round(sides[1] * scale)))
    width, height = image.size
    x, y = (max(1, int(now / then / REDUCING_GAP)) for now, then in zip(image.size, size, strict=True))
    rows = y * max(1, BAND_PIXELS // (width * y))
    small = None
    for top in range(0, height, rows):
        band = prepare(image.crop((0, top, width, min(height, top + rows)))).reduce((x, y))
        if small is None:
            small = Image.new(band.mode, (-(-width // x), -(-height // y)))
        small.paste(band, (0, top // y))
    _, _, right, bottom = box or (0, 0, width, height)
    return small.resize(size, Image.Resampling.LANCZOS, box=(0, 0, right / x, bottom / y))


def _to_srgb(image: Image.Image, profile: bytes | None, changes: list[str]) -> Image.Image:
    """The picture in RGB, its colours read as its ICC profile says."""
    if not profile:
        if image.mode == "CMYK":
            changes.append("CMYK to sRGB")
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}[source.profile.xcolor_space.strip()]
        if (mode == "CMYK") != (image.mode == "CMYK"):
            raise ValueError(f"a profile for {mode} in a picture of {image.mode}")
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        if mode != "CMYK" and _moves_nothing(transform, mode):
            return image.convert("RGB")
        description = _in_a_few_words(ImageCms.getProfileDescription(source)) or "a profile without a name"
        image = ImageCms.applyTransform(image.convert(mode), transform)
    except (ImageCms.PyCMSError, OSError, ValueError, KeyError, TypeError):  # of a TIFF it may even be a number
        changes.append("colour profile that cannot be used left out")
        return image.convert("RGB")
    changes.append(f"colours from {description} to sRGB")
    return image


def _moves_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    axes = np.meshgrid(levels, levels, levels) if mode == "RGB" else [levels] * 3
    probe = np.stack(axes, axis=-1).reshape(1, -1, 3)
    moved = np.asarray(ImageCms.applyTransform(Image.fromarray(probe).convert(mode), transform))
    return np.abs(moved.astype(int) - probe).max() <= SAME_LEVELS


def _in_a_few_words(description: str) -> str:
    words = "".join(letter if letter.isprintable() and letter != ";" else " " for letter in description).split()
    return " ".join(words)[:60]
