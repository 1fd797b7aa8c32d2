"""What decoding would take is told from the bytes of a file alone."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from pipeline.effort import PAGES, Work, check_exif, check_work, foresee, holds_heavy_exif
from pipeline.errors import PhotoError
from tests.bombs import directory, heavy_exif, jpeg, jpeg_with, long, plain, png, segment, short, tags, tiff
from tests.pictures import PICTURES

MEGAPIXEL = 1_000_000


def noise(side: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8))


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def check(work: Work, form: str, size: tuple[int, int], *, mode: str = "RGB", bits: int = 8) -> str:
    """What is said against it."""
    try:
        check_work(work, form, size, mode=mode, bits=bits)
    except PhotoError as error:
        return str(error)
    return ""


# JPEG


def test_an_ordinary_jpeg_is_decoded_as_it_is_read():
    assert foresee("JPEG", saved(noise(1000), "JPEG")) == Work(scan_pixels=MEGAPIXEL)


def test_the_scans_of_a_progressive_jpeg_are_counted():
    assert foresee("JPEG", saved(noise(1000), "JPEG", progressive=True)).scan_pixels == 10 * MEGAPIXEL


@pytest.mark.parametrize("options", [{"restart_marker_blocks": 1}, {"subsampling": 0, "quality": 100}])
def test_no_byte_within_a_scan_is_taken_for_another_scan(options):
    assert foresee("JPEG", saved(noise(400), "JPEG", **options)).scan_pixels == MEGAPIXEL


def test_what_follows_a_jpeg_is_not_its_own():
    film = b"\xff\xda\0\x02" * 50_000

    assert foresee("JPEG", plain("JPEG") + film) == foresee("JPEG", plain("JPEG"))


def test_the_small_copy_within_a_jpeg_is_not_counted():
    copy = b"Exif\0\0" + plain("JPEG", progressive=True)

    assert foresee("JPEG", jpeg_with(segment(0xE1, copy))) == foresee("JPEG", plain("JPEG"))


@pytest.mark.parametrize(
    ("samplings", "bytes_a_pixel"), [([0x11], 2), ([0x11, 0x11, 0x11], 6), ([0x22, 0x11, 0x11], 3), ([0x11] * 4, 8)]
)
def test_a_progressive_jpeg_is_kept_as_coefficients(samplings, bytes_a_pixel):
    work = foresee("JPEG", jpeg(width=1000, height=1000, samplings=samplings))

    assert work.beside == bytes_a_pixel * MEGAPIXEL


def test_a_jpeg_of_one_channel_after_the_other_is_kept_as_coefficients_too():
    data = jpeg(width=1000, height=1000, samplings=[0x11] * 3, frame=0xC0)

    assert foresee("JPEG", data).beside == 0
    assert (
        foresee("JPEG", data.replace(b"\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0", b"\xff\xda\0\x08\x01\x01\0")).beside > 0
    )


def test_a_progressive_photo_of_200_megapixels_is_read_where_its_colours_are_halved():
    small = (16_000 // 4, 12_500 // 4)
    halved = foresee("JPEG", jpeg(width=16_000, height=12_500, samplings=[0x22, 0x11, 0x11], scans=9))

    whole = foresee("JPEG", jpeg(width=16_000, height=12_500, samplings=[0x11] * 3))

    assert check(halved, "JPEG", small) == ""
    assert check(whole, "JPEG", small).startswith("takes 1,250 MB to decode")


# PNG and BMP


@pytest.mark.parametrize(
    ("bits", "colours", "bytes_a_row"), [(1, 3, 126), (8, 0, 1001), (8, 2, 3001), (16, 0, 2001), (16, 6, 8001)]
)
def test_the_rows_of_a_png_are_measured(bits, colours, bytes_a_row):
    data = png(width=1000, height=10, bits=bits, colours=colours)

    assert foresee("PNG", data).unpacked == 10 * bytes_a_row


@pytest.mark.parametrize(("mode", "megapixels"), [("RGB", 200), ("L", 800), ("I;16", 400)])
def test_memory_goes_by_the_bytes_of_a_pixel(mode, megapixels):
    assert check(Work(), "PNG", (10_000, 100 * megapixels), mode=mode) == ""
    assert check(Work(), "PNG", (10_000, 110 * megapixels), mode=mode).startswith("takes 8")


def test_a_row_costs_something_however_short():
    assert check(Work(), "PNG", (1, 60_000_000), mode="L").startswith("takes 1,020 MB")


def test_run_lengths_are_a_matter_of_drawings():
    assert foresee("BMP", PICTURES["bmp, run lengths"]).steps == 90 * 70 + len(PICTURES["bmp, run lengths"])
    assert foresee("BMP", PICTURES["bmp"]).steps == 0


# TIFF


@pytest.mark.parametrize(("name", "pages"), [("tiff", 1), ("tiff, frames", 3), ("tiff, large", 1), ("tiff, pages", 5)])
def test_the_pages_of_a_tiff_are_counted(name, pages):
    assert foresee("TIFF", PICTURES[name]).pages == pages


def test_pages_in_a_circle_are_counted_once():
    first = b"II*\0" + long(24) + bytes(16)
    second = len(first) + len(directory(tags(4, 4)))

    assert foresee("TIFF", first + directory(tags(4, 4), second) + directory(tags(4, 4), 24)).pages == 2


def test_nobody_counts_pages_for_ever():
    each = directory([])
    follow = b"".join(directory([], 8 + len(each) * page) for page in range(1, PAGES + 9))

    assert foresee("TIFF", b"II*\0" + long(8) + follow).pages == PAGES


def test_a_turned_tiff_is_in_memory_twice():
    assert foresee("TIFF", tiff(more={274: (274, 3, 1, short(6))})).copies == 2
    assert foresee("TIFF", tiff(more={274: (274, 3, 1, short(1))})).copies == 1


def test_a_strip_is_unpacked_as_a_whole():
    packed = {259: (259, 3, 1, short(5)), 278: (278, 4, 1, long(10))}

    assert foresee("TIFF", tiff(1000, 50, more=packed)).beside == 10_000
    assert foresee("TIFF", tiff(1000, 50)).beside == 0


def test_a_directory_outside_the_file_is_none():
    assert foresee("TIFF", b"II*\0" + long(2**32 - 1)) == Work()
    assert foresee("TIFF", b"II*\0") == Work()


# EXIF


def test_a_few_numbers_are_no_burden():
    check_exif(b"Exif\0\0" + heavy_exif(1000))


def test_many_numbers_are_one():
    with pytest.raises(PhotoError, match=r"^holds 300,000 numbers in its EXIF data, more than the 200,000"):
        check_exif(b"Exif\0\0" + heavy_exif(300_000))


@pytest.mark.parametrize(("name", "order"), [(b"II*\0", "<"), (b"MM\0*", ">")])
def test_both_orders_of_bytes_are_understood(name, order):
    tag = struct.pack(f"{order}IHHHII", 8, 1, 282, 5, 300_000, 26)

    with pytest.raises(PhotoError, match="holds 300,000 numbers"):
        check_exif(name + tag + bytes(8 + 8 * 300_000))


def test_numbers_that_are_not_there_are_none():
    check_exif(heavy_exif(300_000)[:1000])


@pytest.mark.parametrize("block", [None, "text", b"", b"Exif\0\0", b"II", b"garbage"])
def test_anything_may_be_called_exif(block):
    check_exif(block)


def test_heavy_exif_is_found_anywhere_in_a_file():
    assert holds_heavy_exif(bytes(1000) + heavy_exif(300_000))
    assert not holds_heavy_exif(bytes(1000) + heavy_exif(1000))
    assert holds_heavy_exif(b"II*\0" * 100)


# All


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_no_ordinary_picture_is_too_much(name):
    form = name.split(",")[0].upper()
    size = (20_000, 2_500) if form in ("WEBP", "AVIF", "HEIC") else (20_000, 5_000)

    assert check(foresee(form, PICTURES[name]), form, size) == ""


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("name", sorted(PICTURES))
def test_a_file_cut_off_anywhere_is_measured(form, name):
    for end in range(0, 400, 7):
        foresee(form, PICTURES[name][:end])
