"""Any photo in, upright 8-bit sRGB out; or a sentence that says what is wrong with it."""

import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, TiffImagePlugin

from pipeline import normalise
from pipeline.errors import PhotoError
from pipeline.images import encode_photo
from pipeline.normalise import decode_photo
from tests import bombs

ORIENTATION, EXIF, GPS, SHOT, SHOT_ZONE = 0x0112, 0x8769, 0x8825, 0x9003, 0x9011


def saved(picture: Image.Image | np.ndarray, form: str, **options: object) -> bytes:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def heic(pixels: np.ndarray, exif: Image.Exif | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    picture = pillow_heif.from_pillow(Image.fromarray(pixels))
    if exif:
        picture.info["exif"] = exif.tobytes()
    picture.save(file, **options)
    return file.getvalue()


def meadow(height: int, width: int) -> np.ndarray:
    """A blue to green slope with soft hills: compresses well, and has no two equal corners."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    hills = 40 * np.sin(9 * x + 4 * y) * y
    return (
        np.stack([60 + 120 * x + hills, 90 + 100 * y + hills, 220 - 160 * y - 30 * x], axis=-1)
        .clip(0, 255)
        .astype(np.uint8)
    )


def camera_data(**tags: object) -> Image.Exif:
    exif = Image.Exif()
    if "orientation" in tags:
        exif[ORIENTATION] = tags["orientation"]
    details = {SHOT: tags.get("shot"), SHOT_ZONE: tags.get("zone")}
    exif.get_ifd(EXIF).update({tag: value for tag, value in details.items() if value})
    if "latitude" in tags:
        exif.get_ifd(GPS).update({1: "N", 2: tags["latitude"]})
    return exif


def far(one: np.ndarray, other: np.ndarray) -> float:
    """Mean distance in levels."""
    return float(np.abs(one.astype(float) - other.astype(float)).mean())


def tag_profile(space: bytes, tags: dict[bytes, bytes], *, kind: bytes = b"mntr", pcs: bytes = b"XYZ ") -> bytes:
    """An ICC profile of version 2, built from its tags."""
    named = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"Test\0" + bytes(78), **tags}
    named |= {b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(0.9642, 1.0, 0.8249)}
    table, body, start = b"", b"", 128 + 4 + 12 * len(named)
    for name, content in named.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4xI4s4s4s12x4s", start + len(body), 0x02100000, kind, space, pcs, b"acsp")
    head = (head + bytes(28) + xyz(0.9642, 1.0, 0.8249)[8:]).ljust(128, b"\0")
    return head + struct.pack(">I", len(named)) + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256))


def wide_profile() -> bytes:
    """The primaries and the gamma of Adobe RGB."""
    primaries = {
        b"rXYZ": (0.60974, 0.31111, 0.01947),
        b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma(2.19921875))
    return tag_profile(b"RGB ", {name: xyz(*value) for name, value in primaries.items()} | curves)


def ink_profile() -> bytes:
    """Inks of which black and yellow alone show: L* falls with K, b* rises with Y."""
    corners = bytearray()
    for number in range(16):  # C, M, Y, K, the last the fastest
        yellow, black = number >> 1 & 1, number & 1
        corners += bytes([0 if black else 255, 128, 128 + (60 if yellow and not black else 0)])
    matrix = struct.pack(">9i", *(65536 if i % 4 == 0 else 0 for i in range(9)))
    straight = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + straight * 4 + bytes(corners) + straight * 3
    return tag_profile(b"CMYK", {b"A2B0": table}, kind=b"prtr", pcs=b"Lab ")


def png_header(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", b"")
    )


# What is read, whatever it is called


def test_a_png_that_is_called_jpg_is_kept_as_the_jpeg_that_it_is_called(tmp_path):
    (tmp_path / "lake.jpg").write_bytes(saved(meadow(30, 50), "PNG"))

    photo = decode_photo((tmp_path / "lake.jpg").read_bytes())

    assert np.array_equal(photo.pixels, meadow(30, 50))
    assert Image.open(io.BytesIO(encode_photo(photo.pixels))).format == "JPEG"


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_a_lossless_picture_keeps_every_level(form):
    photo = decode_photo(saved(meadow(30, 50), form))

    assert np.array_equal(photo.pixels, meadow(30, 50))
    assert photo.pixels.dtype == np.uint8
    assert photo.changes == ()


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF"])
def test_a_lossy_picture_stays_near(form):
    assert far(decode_photo(saved(meadow(60, 90), form, quality=95)).pixels, meadow(60, 90)) < 2


def test_a_heic_comes_back():
    photo = decode_photo(heic(meadow(60, 90), quality=95))

    assert photo.pixels.shape == (60, 90, 3)
    assert far(photo.pixels, meadow(60, 90)) < 2


def test_a_heic_that_was_turned_by_its_camera_is_upright():
    exif = camera_data(orientation=6, shot="2021:05:01 10:00:00")

    photo = decode_photo(heic(meadow(60, 90), exif, quality=95))

    assert far(photo.pixels, np.rot90(meadow(60, 90), -1)) < 2
    assert photo.captured_at == "2021-05-01T10:00:00"


def test_pixels_may_be_written_to():
    assert decode_photo(saved(meadow(8, 8), "PNG")).pixels.flags.writeable


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF", "BMP"])
def test_three_pixels_by_three_are_a_photo(form):
    assert decode_photo(saved(meadow(3, 3), form)).pixels.shape == (3, 3, 3)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_and_black_and_white_become_rgb(mode):
    grey = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert(mode)

    assert np.array_equal(decode_photo(saved(grey, "PNG")).pixels, [[[0] * 3, [255] * 3], [[255] * 3, [0] * 3]])


# Orientation

TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", TURNED)
def test_every_orientation_is_set_upright(orientation, form):
    stored = meadow(3, 5)

    photo = decode_photo(saved(stored, form, exif=camera_data(orientation=orientation)))

    assert np.array_equal(photo.pixels, TURNED[orientation](stored))
    assert photo.changes == (() if orientation == 1 else ("rotated upright",))


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", TURNED)
def test_every_orientation_of_a_lossy_picture_is_set_upright(orientation, form):
    stored = meadow(48, 80)

    photo = decode_photo(saved(stored, form, quality=95, exif=camera_data(orientation=orientation)))

    assert far(photo.pixels, TURNED[orientation](stored)) < 2
    assert photo.changes == (() if orientation == 1 else ("rotated upright",))


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF"])
def test_a_turned_photo_is_shrunk_and_told_upright(form):
    data = saved(meadow(60, 90), form, quality=95, exif=camera_data(orientation=8))

    photo = decode_photo(data, max_side_px=45)

    assert photo.changes == ("rotated upright", "shrunk from 60x90")
    assert far(photo.pixels, np.rot90(meadow(30, 45))) < 3


# Bits


def test_a_16_bit_grey_ramp_keeps_its_levels():
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 257, (4, 1))

    photo = decode_photo(saved(ramp, "PNG"))

    assert np.array_equal(photo.pixels[0, :, 0], np.arange(256))
    assert photo.changes == ("16 bit to 8 bit",)


def test_a_16_bit_grey_tiff_keeps_its_levels():
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 257, (4, 1))

    photo = decode_photo(saved(ramp, "TIFF"))

    assert np.array_equal(photo.pixels[0, :, 0], np.arange(256))
    assert photo.changes == ("16 bit to 8 bit",)


def test_a_16_bit_rgb_png_keeps_its_levels():
    deep = (np.arange(256)[None, :, None] * 257 * np.ones((1, 1, 3))).astype(">u2")
    rows = b"\0" + deep.tobytes()
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 256, 1, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )

    photo = decode_photo(data)

    assert np.array_equal(photo.pixels[0, :, 1], np.arange(256))
    assert photo.changes == ("16 bit to 8 bit",)


@pytest.mark.parametrize("mode", ["I;16", "I;16B"])
def test_16_bits_stay_what_they_are_in_either_order_of_bytes(mode):
    ramp = np.tile(np.arange(256, dtype=">u2" if mode.endswith("B") else "<u2") * 257, (4, 1))

    photo = decode_photo(saved(Image.frombytes(mode, (256, 4), ramp.tobytes()), "TIFF"))

    assert np.array_equal(photo.pixels[0, :, 0], np.arange(256))


def test_a_picture_of_floating_point_is_refused():
    with pytest.raises(PhotoError, match="has pixels of 32 bits"):
        decode_photo(saved(np.ones((4, 4), np.float32), "TIFF"))


# Transparency


def test_what_is_transparent_becomes_white():
    pixels = np.array([[[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)

    photo = decode_photo(saved(pixels, "PNG"))

    assert photo.pixels.tolist() == [[[200, 0, 0], [255, 255, 255], [127, 127, 127]]]
    assert photo.changes == ("transparency laid on white",)


def test_transparent_grey_becomes_white():
    grey = Image.fromarray(np.array([[[9, 255], [9, 0]]], np.uint8), "LA")

    assert decode_photo(saved(grey, "PNG")).pixels.tolist() == [[[9, 9, 9], [255, 255, 255]]]


def test_a_transparent_colour_of_a_palette_becomes_white():
    indexed = Image.fromarray(np.array([[0, 1]], np.uint8))
    indexed.putpalette([10, 20, 30, 40, 50, 60])

    photo = decode_photo(saved(indexed, "PNG", transparency=1))

    assert photo.pixels.tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_a_picture_whose_palette_is_missing_is_refused():
    with pytest.raises(PhotoError, match=r"^is cut off or damaged: its palette is missing$"):
        decode_photo(bombs.png(colours=3))


def test_half_transparent_colours_of_a_palette_are_laid_on_white():
    indexed = Image.fromarray(np.array([[0, 1]], np.uint8))
    indexed.putpalette([0, 0, 0, 0, 0, 0])

    photo = decode_photo(saved(indexed, "PNG", transparency=bytes([255, 0])))

    assert photo.pixels.tolist() == [[[0, 0, 0], [255, 255, 255]]]


def test_a_transparent_level_of_16_bit_grey_becomes_white():
    levels = np.array([[257, 514]], np.uint16)

    assert decode_photo(saved(levels, "PNG", transparency=514)).pixels[0, :, 0].tolist() == [1, 255]


def test_a_transparent_webp_is_laid_on_white():
    clear = Image.new("RGBA", (8, 8), (200, 0, 0, 0))

    photo = decode_photo(saved(clear, "WEBP", lossless=True, exact=True))

    assert photo.pixels.min() == 255
    assert photo.changes == ("transparency laid on white",)


def test_an_alpha_channel_that_hides_nothing_is_no_change():
    assert decode_photo(saved(Image.fromarray(meadow(4, 4)).convert("RGBA"), "PNG")).changes == ()


# Colours


def test_wide_gamut_colours_come_out_as_srgb():
    # The primaries of sRGB, red and green, as Adobe RGB writes them.
    stored = np.array([[[219, 0, 0], [144, 255, 60], [128, 128, 128]]], np.uint8)

    photo = decode_photo(saved(stored, "PNG", icc_profile=wide_profile()))

    assert np.abs(photo.pixels.astype(int) - [[[255, 0, 0], [0, 255, 0], [128, 128, 128]]]).max() <= 3
    assert photo.changes == ("colours from Test to sRGB",)


def test_an_srgb_profile_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    photo = decode_photo(saved(meadow(8, 8), "PNG", icc_profile=profile))

    assert np.array_equal(photo.pixels, meadow(8, 8))
    assert photo.changes == ()


def test_a_grey_profile_is_followed():
    linear = tag_profile(b"GRAY", {b"kTRC": gamma(1.0)})

    photo = decode_photo(saved(np.full((4, 4), 55, np.uint8), "PNG", icc_profile=linear))

    assert np.abs(photo.pixels.astype(int) - 128).max() <= 2  # 55/255 of the light is level 128 of sRGB


def test_an_rgb_profile_in_a_grey_picture_is_followed():
    photo = decode_photo(saved(np.full((4, 4), 128, np.uint8), "PNG", icc_profile=wide_profile()))

    assert photo.pixels.shape == (4, 4, 3)
    assert photo.changes == ("colours from Test to sRGB",)


def test_plain_cmyk_becomes_rgb():
    inks = Image.fromarray(np.zeros((8, 8, 4), np.uint8), "CMYK")

    photo = decode_photo(saved(inks, "JPEG", quality=95))

    assert photo.pixels.min() >= 253  # no ink is white, also after the inversion that JPEG files carry
    assert photo.changes == ("CMYK to sRGB",)


def test_cmyk_with_a_profile_follows_it():
    inks = np.zeros((8, 24, 4), np.uint8)
    inks[:, 8:16, 2] = 255  # yellow
    inks[:, 16:, 3] = 255  # black
    data = saved(Image.fromarray(inks, "CMYK"), "JPEG", quality=100, icc_profile=ink_profile())

    photo = decode_photo(data)

    white, yellow, black = (photo.pixels[4, x].astype(int) for x in (4, 12, 20))
    assert white.min() > 245 and black.max() < 20
    assert yellow[2] < yellow[:2].min() - 60
    assert photo.changes == ("colours from Test to sRGB",)


@pytest.mark.parametrize(
    "profile", [b"not a profile", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(), ink_profile()]
)
def test_a_profile_that_does_not_fit_leaves_the_colours_as_they_are(profile):
    photo = decode_photo(saved(meadow(8, 8), "PNG", icc_profile=profile))

    assert np.array_equal(photo.pixels, meadow(8, 8))
    assert photo.changes == ("colour profile that cannot be used left out",)


def test_a_profile_that_is_a_number_leaves_the_colours_as_they_are():
    data = bombs.tiff(body=bytes(16) + bombs.long(1) * 2, more={34675: (34675, 5, 1, bombs.long(24))})

    assert decode_photo(data).changes == ("colour profile that cannot be used left out",)


# Size


@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (6000, 4000)])
def test_a_camera_photo_is_shrunk_to_the_side_asked_for(width, height):
    camera = Image.fromarray(meadow(400, 600)).resize((width, height), Image.Resampling.BILINEAR)
    data = saved(camera, "JPEG", quality=90)

    photo = decode_photo(data, max_side_px=2048)

    assert photo.pixels.shape == (round(2048 * height / width), 2048, 3)
    assert photo.changes == (f"shrunk from {width}x{height}",)
    assert far(photo.pixels, meadow(*photo.pixels.shape[:2])) < 2


def test_a_photo_decoded_at_half_its_size_is_not_shifted():
    stripes = np.zeros((400, 811, 3), np.uint8)
    stripes[:, ::2] = 255
    stripes[:, 405:] = 255

    half = decode_photo(saved(stripes, "JPEG", quality=95), max_side_px=100).pixels
    whole = decode_photo(saved(stripes, "PNG"), max_side_px=100).pixels

    assert half.shape == whole.shape
    assert far(half, whole) < 3


def deep(grey: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "L", "I;16"])
def test_a_picture_made_ready_in_bands_is_the_same_as_in_one_piece(mode, monkeypatch):
    image = Image.fromarray(meadow(501, 703))
    image = deep(image.convert("L")) if mode == "I;16" else image.convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(meadow(501, 703)[..., 0]))
    data = saved(image, "PNG")

    whole = decode_photo(data, max_side_px=90)
    monkeypatch.setattr(normalise, "BAND_PIXELS", 5000)
    bands = decode_photo(data, max_side_px=90)

    assert np.array_equal(bands.pixels, whole.pixels)
    assert bands.changes == whole.changes


@pytest.mark.parametrize("side", [45, 90, 100, 349, 350, 699])
def test_a_picture_that_is_averaged_first_stays_near(side):
    small = decode_photo(saved(meadow(500, 700), "PNG"), max_side_px=side).pixels

    once = Image.fromarray(meadow(500, 700)).resize((side, round(side * 5 / 7)), Image.Resampling.LANCZOS)
    assert far(small, np.asarray(once)) < 0.5


def test_a_small_photo_keeps_its_size():
    assert decode_photo(saved(meadow(30, 40), "JPEG"), max_side_px=2048).pixels.shape == (30, 40, 3)


def test_a_line_of_pixels_keeps_a_pixel_of_height():
    assert decode_photo(saved(meadow(1, 900), "PNG"), max_side_px=90).pixels.shape == (1, 90, 3)


@pytest.mark.parametrize("form", ["jpeg", "png", "tiff", "bmp", "webp", "avif", "heic"])
def test_a_picture_is_refused_by_the_size_in_its_header(form):
    make, sentence = bombs.BOMBS[f"{form}, large"]

    with pytest.raises(PhotoError) as refusal:
        decode_photo(make())

    assert str(refusal.value).startswith(sentence)


def test_more_than_200_megapixels_are_refused_by_the_header():
    with pytest.raises(PhotoError, match=r"^is 30000 x 30000 pixels, more than the 200 megapixels that are read$"):
        decode_photo(png_header(30_000, 30_000))


def test_sizes_that_pillow_would_refuse_are_read_up_to_200_megapixels():
    panorama = saved(Image.new("1", (19_000, 10_000), 1), "PNG")

    photo = decode_photo(panorama, max_side_px=19)

    assert photo.pixels.shape == (10, 19, 3)
    assert photo.pixels.min() >= 254


# What the camera says


@pytest.mark.parametrize(
    ("shot", "zone", "captured_at"),
    [
        ("2019:07:04 12:34:56", "", "2019-07-04T12:34:56"),
        ("2019:07:04 12:34:56", "+02:00", "2019-07-04T12:34:56+02:00"),
        ("0000:00:00 00:00:00", "", ""),
        ("    :  :     :  :  ", "", ""),
        ("", "", ""),
        ("yesterday", "+02:00", ""),
        ("2019:07:04 12:34:56\0", "; DROP", "2019-07-04T12:34:56"),
    ],
)
def test_the_time_of_the_shot_is_told_in_iso_8601(shot, zone, captured_at):
    data = saved(meadow(8, 8), "JPEG", exif=camera_data(shot=shot, zone=zone))

    assert decode_photo(data).captured_at == captured_at


def test_a_tiff_tells_the_time_of_the_shot():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[EXIF] = {SHOT: "2019:07:04 12:34:56"}

    assert decode_photo(saved(meadow(8, 8), "TIFF", tiffinfo=tags)).captured_at == "2019-07-04T12:34:56"


def test_where_it_was_taken_does_not_travel_on():
    data = saved(
        meadow(16, 16), "JPEG", exif=camera_data(latitude=(47.0, 22.0, 1.0)), comment=b"mine", xmp=b"<x:xmpmeta/>"
    )
    assert Image.open(io.BytesIO(data)).getexif().get_ifd(GPS)

    written = encode_photo(decode_photo(data).pixels)

    assert not Image.open(io.BytesIO(written)).getexif()
    assert not any(word in written for word in (b"Exif", b"xmp", b"ICC", b"mine"))


@pytest.mark.parametrize(
    "block",
    [
        b"garbage",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 9,
        b"MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\x7f\xff\xff\xff\0\0\0\0\x87\x69\0\x04\0\0\0\x01\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x05\0\0\0\xf0\0\0\0\0\0\0\0",
        b"",
    ],
)
def test_a_photo_is_good_without_its_corrupt_exif(block):
    data = saved(meadow(16, 16), "JPEG", exif=b"Exif\0\0" + block)

    assert decode_photo(data).pixels.shape == (16, 16, 3)


def test_an_avif_is_good_without_its_corrupt_exif():
    data = saved(meadow(64, 64), "AVIF", exif=camera_data(shot="2019:07:04 12:34:56").tobytes())
    assert decode_photo(data).captured_at

    corrupt = data.replace(b"MM\0*", b"what")

    assert np.array_equal(decode_photo(corrupt).pixels, decode_photo(data).pixels)
    assert decode_photo(corrupt).captured_at == ""


# More pictures than one


@pytest.mark.parametrize("form", ["TIFF", "PNG", "WEBP"])
def test_of_several_pictures_the_first_is_taken(form):
    first, second = Image.new("RGB", (8, 8), (250, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 250))

    photo = decode_photo(saved(first, form, save_all=True, append_images=[second], lossless=True))

    assert photo.pixels[4, 4].tolist() == [250, 0, 0]
    assert photo.changes == ("first of 2 pictures in the file",)


def test_the_first_picture_of_a_tiff_is_good_where_the_second_is_not():
    first, second = Image.new("RGB", (8, 8), (250, 0, 0)), Image.new("L", (5, 5), 9)
    data = bytearray(saved(first, "TIFF", save_all=True, append_images=[second]))
    directory = data.rindex(b"\0\1\4\0\1\0\0\0\5\0\0\0")  # the width of the second, 5
    data[directory : directory + 2] = b"\xff\xff"

    photo = decode_photo(bytes(data))

    assert np.array_equal(photo.pixels, np.asarray(first))
    assert photo.changes == ("first of 2 pictures in the file",)


# What is refused


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty: 0 bytes"),
        (b"Dear Sir or Madam, the photo is on the other disk.", "is not a picture: no known format in its first bytes"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "is a web page; what is read is JPEG, PNG, "),
        (b"%PDF-1.7\n", "is a PDF; what is read is JPEG, PNG, "),
        (b"BM is not always a bitmap: it may begin a letter", "is not a picture"),
        (b"\xff\xd8\xff", "is cut off or damaged: the JPEG cannot be read to its end"),
        (
            saved(Image.new("P", (4, 4)), "GIF", save_all=True, append_images=[Image.new("P", (4, 4), 1)]),
            "is a GIF; what",
        ),
    ],
)
def test_what_is_no_photo_is_named(data, sentence):
    with pytest.raises(PhotoError) as refusal:
        decode_photo(data)

    assert str(refusal.value).startswith(sentence)


def test_a_raw_file_is_not_taken_for_its_preview():
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = 1  # a smaller copy of another picture in the file

    with pytest.raises(PhotoError, match="is a camera's raw file"):
        decode_photo(saved(meadow(8, 8), "TIFF", tiffinfo=tags))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 100}])
def test_a_jpeg_cut_off_anywhere_is_refused(options):
    data = saved(meadow(120, 160), "JPEG", **options)

    for end in range(3, len(data), max(1, len(data) // 97)):
        with pytest.raises(PhotoError, match="is cut off"):
            decode_photo(data[:end])


def test_a_large_jpeg_cut_off_is_refused_though_it_is_decoded_small():
    data = saved(meadow(600, 800), "JPEG")

    with pytest.raises(PhotoError, match="is cut off"):
        decode_photo(data[: len(data) * 2 // 3], max_side_px=100)


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF", "BMP", "AVIF", "HEIC"])
def test_any_other_picture_cut_off_is_refused_or_whole(form):
    data = heic(meadow(60, 90)) if form == "HEIC" else saved(meadow(60, 90), form)
    whole = decode_photo(data).pixels

    for end in range(1, len(data), max(1, len(data) // 61)):
        try:
            assert np.array_equal(decode_photo(data[:end]).pixels, whole)
        except PhotoError:
            continue


@pytest.mark.parametrize("form", ["WEBP", "BMP"])
def test_the_missing_bytes_are_counted_where_the_file_knows_its_length(form):
    data = saved(meadow(60, 90), form)

    with pytest.raises(PhotoError, match=r"^is cut off: 321 of the picture's bytes are missing$"):
        decode_photo(data[:-321])


SEEDS = [
    saved(
        meadow(12, 17), "JPEG", exif=camera_data(orientation=6, shot="2019:07:04 12:34:56"), icc_profile=wide_profile()
    ),
    saved(meadow(12, 17), "PNG", exif=camera_data(orientation=6), icc_profile=wide_profile()),
    saved(meadow(12, 17), "WEBP", exif=camera_data(orientation=6)),
    saved(meadow(12, 17), "TIFF", exif=camera_data(orientation=6)),
    saved(meadow(12, 17), "BMP"),
    saved(meadow(12, 17), "AVIF"),
    heic(meadow(12, 17)),
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_photo_is_a_photo_or_a_sentence(seed, damage):
    data = bytearray(seed)
    for place, value in damage:
        data[place % len(data)] = value

    try:
        assert decode_photo(bytes(data)).pixels.shape[2] == 3
    except PhotoError as error:
        assert str(error).isprintable()


# Neighbours


def test_many_threads_give_what_one_gives():
    corrupt = saved(meadow(16, 16), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0" * 9)
    work = [*SEEDS, corrupt, saved(meadow(300, 400), "PNG")] * 4

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: decode_photo(data, max_side_px=100), work))

    for data, photo in zip(work, together, strict=True):
        alone = decode_photo(data, max_side_px=100)
        assert np.array_equal(photo.pixels, alone.pixels)
        assert (photo.changes, photo.captured_at) == (alone.changes, alone.captured_at)


def test_warnings_of_others_are_still_heard():
    decode_photo(saved(meadow(8, 8), "PNG"))

    with pytest.warns(UserWarning, match="someone else"):
        warnings.warn("someone else", stacklevel=1)
