"""What decoding a picture would take, told from its bytes: more memory or time than a photo needs is refused."""

import itertools
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import PhotoError

GIVEN_MB = 850
"""Memory for decoding a picture, beside the bytes of its file: a process that does nothing else stays below 1 GB."""

UNPACKED_MB = 600
"""Rows of a PNG or a TIFF before they are packed. They are unpacked at about 140 MB a second, Paeth's filter undone."""

SCAN_MEGAPIXELS = 4000
"""Scans of a JPEG times its megapixels. An empty scan takes 0.65 ms a megapixel; a photo has one, or 10 to 18."""

RUN_LENGTH_STEPS = 20_000_000
"""Pixels and bytes of a BMP in run lengths, which Pillow unpacks one by one in Python."""

SEGMENTS, NOTES, PADDING_BYTES = 100_000, 64, 1_000_000
"""Of a JPEG: segments; those with EXIF or from Photoshop, which Pillow reads in full; bytes between them."""

CHUNKS, ANCILLARY_CHUNKS = 200_000, 1_000
"""Of a PNG: chunks, and those that hold no picture, of which each may unpack to 1 MB."""

PIECES, TAGS, NUMBERS, PAGES = 100_000, 65_535, 200_000, 10_000
"""Of a TIFF: strips or tiles; tags; numbers in its tags and in EXIF, each of which becomes an object; pages counted."""

MOST_BLOCKS = 8
"""Of what may be EXIF data in one file."""

PIXEL_BYTES = {"WEBP": 17, "AVIF": 17, "HEIC": 9}
"""Bytes a pixel at the worst moment, measured, where decoders hold several copies; the others fill Pillow's own."""
DEEP_HEIC_BYTES = 14
"""The same for a HEIC of 10 or 12 bits."""
MODE_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
"""Mode -> bytes a pixel in Pillow's memory; 4 for all others."""
ROW_BYTES = 16
"""What Pillow keeps beside the pixels of a row."""

SCAN, MARKER = 0xDA, re.compile(rb"\xff[^\xff\0\xd0-\xd7]")
"""A marker of a JPEG, also amid the bits of a scan, where \\xff stands before \\0 or a restart."""
END, ALONE = b"\xff\xd9", frozenset({0x01, 0xD8})
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})

WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES, ROWS_PER_STRIP = 256, 257, 258, 259, 277, 278
ORIENTATION, PLANES, TILE_WIDTH, TILE_HEIGHT = 274, 284, 322, 323
PLACES = frozenset({273, 279, 324, 325})
"""Tags of a TIFF that have a number for every strip or tile."""
DIRECTORIES = frozenset({34665, 34853, 40965})
"""Tags that point to more tags: of the camera, of the place, and of an exchange between programs."""
KIND_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
OPAQUE = frozenset({1, 2, 7})
"""Kinds of values that stay bytes, or a text."""
UNPACKED, JPEG_STRIPS, XZ = 1, 7, 34925
PROGRESSIVE_FRAME = re.compile(rb"\xff[\xc2\xca]\0[\x0b\x11\x14]\x08")
JPEG_STRIP_SCANS = 100
"""More scans of a strip libtiff refuses itself."""
XZ_WEIGHT = 4
"""So many times slower than others is xz unpacked."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What decoding a picture takes beside one copy of its pixels.

    beside: bytes.    copies: of its pixels at a time.    unpacked: bytes of rows that were packed.
    scan_pixels: scans times pixels.    steps: of a loop in Python.    pages: pictures in a TIFF, at most PAGES.
    """

    beside: int = 0
    copies: int = 1
    unpacked: int = 0
    scan_pixels: int = 0
    steps: int = 0
    pages: int = 1


def foresee(form: str, data: bytes) -> Work:
    """Counts what a file is made of, without a look at its pixels.

    Raises: PhotoError when already reading its header would take too long.
    """
    readers = {"JPEG": _jpeg, "PNG": _png, "TIFF": _tiff, "BMP": _bmp}
    return readers[form](data) if form in readers else Work()


def check_work(work: Work, form: str, size: tuple[int, int], *, mode: str, bits: int) -> None:
    """size: (width, height) at which the picture will be decoded.    mode: Pillow's.    bits: a channel.

    Raises: PhotoError when decoding would take too much memory, or too long.
    """
    a_pixel = PIXEL_BYTES.get(form, MODE_BYTES.get(mode, 4))
    if form == "HEIC" and bits > 8:
        a_pixel = DEEP_HEIC_BYTES
    width, height = size
    megabytes = (height * (width * a_pixel + ROW_BYTES) * work.copies + work.beside) // 1_000_000
    if megabytes > GIVEN_MB:
        raise PhotoError(
            f"takes {megabytes:,} MB to decode, more than the {GIVEN_MB} MB that a picture is given. Save it smaller"
        )
    _at_most(UNPACKED_MB, work.unpacked // 1_000_000, "MB of rows to unpack")
    _at_most(RUN_LENGTH_STEPS, work.steps, "pixels and bytes in run lengths")
    _at_most(SCAN_MEGAPIXELS, work.scan_pixels // 1_000_000, "megapixels in all its scans")


def check_exif(block: object) -> None:
    """block: EXIF data, with or without the word Exif before it; anything but bytes is passed over.

    Raises: PhotoError when there are so many numbers in it that reading them would take too long.
    """
    if isinstance(block, bytes):
        tags = re.sub(rb"^(?:Exif\0\0){1,2}", b"", block)
        _at_most(NUMBERS, _numbers(tags), "numbers in its EXIF data")


def holds_heavy_exif(data: bytes) -> bool:
    """Whether reading what may be EXIF data, anywhere in a file, would take too long."""
    begins = [found.start() for found in itertools.islice(re.finditer(rb"II\*\0|MM\0\*", data), MOST_BLOCKS + 1)]
    return len(begins) > MOST_BLOCKS or any(_numbers(memoryview(data)[begin:]) > NUMBERS for begin in begins)


def _at_most(limit: int, count: int, what: str) -> None:
    if count > limit:
        raise PhotoError(f"holds {count:,} {what}, more than the {limit:,} that are read. Save it anew")


def _jpeg(data: bytes) -> Work:
    at, segments, notes, padding, scans = 2, 0, 0, 0, 0
    frame, first, is_sequential = b"", b"", True
    while (found := MARKER.search(data, at)) and found[0] != END:
        segments += 1
        _at_most(SEGMENTS, segments, "segments")
        padding += 0 if scans else found.start() - at
        marker, begin = found[0][1], found.end()
        at = begin if marker in ALONE else begin + max(2, int.from_bytes(data[begin : begin + 2]))
        if marker in FRAMES:
            frame, is_sequential = data[begin + 2 : at], marker in SEQUENTIAL
        elif marker == SCAN:
            scans += 1
            first = first or data[begin + 2 : at]
        else:
            notes += data.startswith((b"Exif\0", b"Photoshop"), begin + 2)
    _at_most(NOTES, notes, "segments of EXIF or Photoshop data")
    _at_most(PADDING_BYTES, padding, "bytes between its segments")

    pixels = int.from_bytes(frame[1:3]) * int.from_bytes(frame[3:5])
    across, down = [byte >> 4 for byte in frame[7::3]], [byte & 15 for byte in frame[7::3]]
    # Where the channels come one after another, all their coefficients are kept, of 2 bytes each.
    samples = sum(x * y for x, y in zip(across, down, strict=True))
    is_kept = first and (not is_sequential or first[:1] != frame[5:6])
    beside = 2 * pixels * samples // (max(across) * max(down) or 1) if is_kept and samples else 0
    return Work(beside=beside, scan_pixels=scans * max(pixels, 1_000_000))


def _png(data: bytes) -> Work:
    at, chunks, ancillary = 8, 0, 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        chunks += 1
        ancillary += name not in (b"IDAT", b"fdAT", b"fcTL")
        _at_most(CHUNKS, chunks, "chunks")
        _at_most(ANCILLARY_CHUNKS, ancillary, "chunks beside its picture")
        at += 12 + length
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    channels = {2: 3, 4: 2, 6: 4}.get(int.from_bytes(data[25:26]), 1)
    return Work(unpacked=height * (1 + width * channels * int.from_bytes(data[24:25]) // 8))


def _bmp(data: bytes) -> Work:
    head, width, height, compression = (int.from_bytes(data[i : i + 4], "little") for i in (14, 18, 22, 30))
    is_in_runs = head >= 40 and compression in (1, 2)
    return Work(steps=width * min(height, 2**32 - height) + len(data) if is_in_runs else 0)


def _tiff(data: bytes) -> Work:
    reader = _Directories(data)
    tags = {}
    for tag, kind, count, value in reader.entries(reader.first):
        tags.setdefault(tag, value)
        if tag in PLACES and kind in KIND_BYTES:
            _at_most(PIECES, count, "strips or tiles")
    _at_most(NUMBERS, _numbers(data), "numbers in its tags")

    width, height, samples = tags.get(WIDTH, 0), tags.get(HEIGHT, 0), tags.get(SAMPLES, 1)
    pixel_bits, compression = samples * tags.get(BITS, 1), tags.get(COMPRESSION, 1)
    piece = tags.get(TILE_WIDTH, width) * tags.get(TILE_HEIGHT, min(height, tags.get(ROWS_PER_STRIP, height)))
    if compression == UNPACKED and piece >= width * height:
        piece = 0  # read little by little
    scans = 0
    if compression == JPEG_STRIPS and PROGRESSIVE_FRAME.search(data):
        scans = min(JPEG_STRIP_SCANS, data.count(bytes([0xFF, SCAN])))
    unpacked = width * height * pixel_bits // 8 * (XZ_WEIGHT if compression == XZ else 1)
    return Work(
        beside=piece * pixel_bits // 8 // (samples or 1 if tags.get(PLANES, 1) == 2 else 1),
        copies=2 if 2 <= tags.get(ORIENTATION, 1) <= 8 else 1,  # Pillow sets it upright as a whole
        unpacked=0 if compression == UNPACKED else unpacked,
        scan_pixels=scans * width * height,
        pages=reader.pages(),
    )


def _numbers(data: bytes | memoryview) -> int:
    """How many numbers there are in the tags of a TIFF's first picture, or of EXIF data, beside places of strips."""
    reader = _Directories(data)
    numbers, directories = 0, [reader.first]
    for directory in directories:
        for tag, kind, count, value in reader.entries(directory):
            if tag in DIRECTORIES and len(directories) < 4:
                directories.append(value)
            elif tag not in PLACES and kind not in OPAQUE and count * KIND_BYTES.get(kind, 0) <= len(data):
                numbers += count if kind in KIND_BYTES else 0
    return numbers


class _Directories:
    """The directories of tags in a TIFF; whatever leads out of the file is left out.

    first: where the first one begins.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.data = memoryview(data)
        self.order = "little" if data[:2] == b"II" else "big"
        is_big = b"+" in bytes(data[2:4])
        self.head, self.end = (8, 8) if is_big else (2, 4)
        self.entry = struct.Struct(f"{'<' if self.order == 'little' else '>'}HH{'Q8s' if is_big else 'I4s'}")
        self.first = self._int(8 if is_big else 4, self.end)

    def entries(self, at: int) -> Iterator[tuple[int, int, int, int]]:
        """Tag, kind, count, and the first value as a whole number, 0 where it lies outside."""
        count = self._int(at, self.head) if at else 0
        _at_most(TAGS, count, "tags")
        body = self.data[at + self.head : at + self.head + count * self.entry.size]
        for tag, kind, number, value in self.entry.iter_unpack(body[: len(body) // self.entry.size * self.entry.size]):
            size = KIND_BYTES.get(kind, 0)
            inside = value[:size]
            if number * size > len(value):
                place = int.from_bytes(value, self.order)
                inside = self.data[place : place + size]
            yield tag, kind, number, int.from_bytes(inside, self.order)

    def pages(self) -> int:
        """How many directories follow one another, PAGES at most."""
        seen: set[int] = set()
        at = self.first
        while 0 < at < len(self.data) and at not in seen and len(seen) < PAGES:
            seen.add(at)
            at = self._int(at + self.head + self._int(at, self.head) * self.entry.size, self.end)
        return max(1, len(seen))

    def _int(self, at: int, size: int) -> int:
        inside = self.data[at : at + size]
        return int.from_bytes(inside, self.order) if len(inside) == size else 0
