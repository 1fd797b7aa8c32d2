"""Small pictures of every kind that is read, to be damaged."""

import io

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, TiffImagePlugin

from tests.bombs import bmp_in_runs, chunk, exif, jpeg, long, png, saved, short, tiff, tiff_of_pages

WIDTH, HEIGHT = 90, 70


def soft() -> np.ndarray:
    y, x = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]
    return (np.stack([x, y, 1 - x * y], axis=-1) * 255).astype(np.uint8)


def heic(mode: str = "RGB", **options: object) -> bytes:
    pixels = np.asarray(Image.fromarray(soft()).convert(mode[:4].strip(";")))
    pixels = pixels.astype(np.uint16) * 257 if mode.endswith("16") else pixels
    file = io.BytesIO()
    pillow_heif.encode(mode, (WIDTH, HEIGHT), pixels.tobytes(), file, **options)
    return file.getvalue()


def tiles() -> bytes:
    """A TIFF of two tiles that are the same."""
    places, sides = (long(1032), long(1040)), short(32)
    values = {273: (324, 4, 2, places[0]), 279: (325, 4, 2, places[1])}  # in the place of those of strips
    values |= {278: (322, 3, 1, sides), 323: (323, 3, 1, sides)}
    return tiff(64, 32, body=bytes(1024) + long(8) * 2 + long(1024) * 2, more=values)


def pictures() -> dict[str, bytes]:
    image = Image.fromarray(soft())
    grey, black, palette, inks = (image.convert(mode) for mode in ("L", "1", "P", "CMYK"))
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    clear = image.convert("RGBA")
    clear.putalpha(100)

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    shot = b"\1\0\3\x90\2\0\x14\0\0\0\x38\0\0\0\0\0\0\x002019:07:04 12:34:56\0"
    camera = b"Exif\0\0" + exif((274, 3, 1, short(6)), (0x8769, 4, 1, long(38)), body=shot)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x8769] = {0x9003: "2019:07:04 12:34:56"}
    turned = Image.Exif()
    turned[274] = 6
    told = {"exif": camera, "icc_profile": profile}
    several = {"save_all": True, "append_images": [image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)] * 2}
    return {
        "jpeg": saved(image, "JPEG", **told),
        "jpeg, progressive": saved(image, "JPEG", progressive=True, subsampling=2, **told),
        "jpeg, grey": saved(grey, "JPEG", restart_marker_blocks=1),
        "jpeg, inks": saved(inks, "JPEG"),
        "jpeg, scans": jpeg(width=WIDTH, height=HEIGHT, samplings=(0x22, 0x11, 0x11), scans=5),
        "png": saved(image, "PNG", **told),
        "png, palette": saved(palette, "PNG", transparency=3),
        "png, deep grey": saved(deep, "PNG", transparency=9),
        "png, clear": saved(clear, "PNG", xmp=b"<x/>"),
        "png, one bit": saved(black, "PNG"),
        "png, interlaced": png(chunk(b"tEXt", b"a\0b"), interlaced=True),
        "png, frames": saved(image, "PNG", **several),
        "webp": saved(image, "WEBP", **told),
        "webp, lossless": saved(image, "WEBP", lossless=True),
        "webp, clear": saved(clear, "WEBP", quality=50),
        "webp, frames": saved(image, "WEBP", **several),
        "tiff": saved(image, "TIFF", tiffinfo=tags, icc_profile=profile),
        "tiff, frames": saved(image, "TIFF", compression="tiff_lzw", **several),
        "tiff, turned": saved(image, "TIFF", compression="tiff_adobe_deflate", exif=turned),
        "tiff, jpeg": saved(image, "TIFF", compression="jpeg"),
        "tiff, clear": saved(clear, "TIFF", compression="packbits"),
        "tiff, inks": saved(inks, "TIFF", compression="lzma"),
        "tiff, deep grey": saved(deep, "TIFF", compression="zstd"),
        "tiff, fax": saved(black, "TIFF", compression="group4"),
        "tiff, palette": saved(palette, "TIFF"),
        "tiff, large": saved(image, "TIFF", big_tiff=True),
        "tiff, pages": tiff_of_pages(5),
        "tiff, tiles": tiles(),
        "bmp": saved(image, "BMP"),
        "bmp, palette": saved(palette, "BMP"),
        "bmp, run lengths": bmp_in_runs(WIDTH, HEIGHT),
        "avif": saved(image, "AVIF", **told),
        "avif, clear": saved(clear, "AVIF"),
        "avif, frames": saved(image, "AVIF", **several),
        "heic": heic(exif=camera, icc_profile=profile),
        "heic, clear": heic("RGBA"),
        "heic, deep": heic("RGB;16"),
        "heic, tiles": heic(tile_size=64),
    }


PICTURES = pictures()
"""Name -> file."""
