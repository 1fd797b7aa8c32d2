"""Pictures that are made to wear out whoever decodes them, and what is said of each.

Most are a few kilobytes; none is a picture that a camera or a program for photos would write.
"""

import io
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence

from PIL import Image

PHOTO = ""
"""Said of a file that is read all the same."""
DAMAGED = "is cut off or damaged"

Entry = tuple[int, int, int, bytes]
"""Tag, kind, count, and 4 bytes of the value or of its place."""
LOOP = 8
"""Where the tags begin in EXIF data of `exif`."""


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def plain(form: str, mode: str = "RGB", side: int = 16, **options: object) -> bytes:
    return saved(Image.new(mode, (side, side)), form, **options)


# JPEG


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(*, width: int, height: int, samplings: Sequence[int] = (0x11,), frame: int = 0xC2, scans: int = 0) -> bytes:
    """A JPEG whose blocks are all the same: a scan of nothing, then scans that look at every coefficient for nothing.

    samplings: of each channel, 0x21 for twice across and once down.    frame: marker of its kind, progressive at first.
    """
    numbers = range(1, len(samplings) + 1)
    frame_body = struct.pack(">BHHB", 8, height, width, len(samplings))
    frame_body += b"".join(bytes([number, sampling, 0]) for number, sampling in zip(numbers, samplings, strict=True))
    tables = segment(0xDB, bytes(1) + bytes([1] * 64))
    # A code of one bit each: no difference to the block before, and 16384 to 32767 blocks without a coefficient.
    tables += segment(0xC4, bytes([0x00, 1, *[0] * 15, 0])) + segment(0xC4, bytes([0x10, 1, *[0] * 15, 0xE0]))
    every = bytes([len(samplings)]) + b"".join(bytes([number, 0]) for number in numbers)
    first = segment(0xDA, every + (bytes([0, 0, 0]) if frame == 0xC2 else bytes([0, 63, 0]))) + bytes(4)
    bits = "011111111111111" * -(-(-(-width // 8) * -(-height // 8)) // 32767)
    bits += "1" * (-len(bits) % 8)
    empty = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\0")
    refining = segment(0xDA, bytes([1, 1, 0, 1, 63, 0x10])) + empty
    return b"\xff\xd8" + tables + segment(frame, frame_body) + first + refining * scans + b"\xff\xd9"


def jpeg_with(*more: bytes) -> bytes:
    """An ordinary JPEG with more bytes before its first segment."""
    data = plain("JPEG")
    return b"".join((data[:2], *more, data[2:]))


# PNG


def chunk(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(
    *before: bytes, width: int = 8, height: int = 8, bits: int = 8, colours: int = 2, interlaced: bool = False
) -> bytes:
    """A PNG with chunks before its rows, of which there are enough for 8 pixels by 8."""
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, interlaced)
    return png_of(chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(bytes(210))))


def whole_png(width: int, height: int) -> bytes:
    """Every pixel is told by its neighbours, which takes longest."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(b"\4" + bytes(3 * width)) for _ in range(height)) + packer.flush()
    return png_of(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), chunk(b"IDAT", packed))


def png_of(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND")


# TIFF and EXIF


def long(number: int) -> bytes:
    return struct.pack("<I", number)


def short(number: int) -> bytes:
    return struct.pack("<HH", number, 0)


def directory(entries: Sequence[Entry], following: int = 0) -> bytes:
    body = b"".join(struct.pack("<HHI4s", *entry) for entry in sorted(entries))
    return struct.pack("<H", len(entries)) + body + long(following)


def tags(width: int, height: int, more: Mapping[int, Entry] = {}) -> list[Entry]:
    """Of a grey picture in one strip, whose bytes begin at 8."""
    grey = {256: long(width), 257: long(height), 258: short(8), 259: short(1), 262: short(1), 273: long(8)}
    grey |= {277: short(1), 278: long(height), 279: long(min(width * height, 2**32 - 1))}
    every = {tag: (tag, 4 if tag in (256, 257, 273, 278, 279) else 3, 1, value) for tag, value in grey.items()}
    return list((every | more).values())


def tiff(width: int = 4, height: int = 4, *, body: bytes = bytes(16), more: Mapping[int, Entry] = {}) -> bytes:
    """A TIFF whose tags stand behind its body."""
    return b"II*\0" + long(8 + len(body)) + body + directory(tags(width, height, more))


def tiff_in_colour(width: int, height: int, *, packing: int = 5, turned: int = 1) -> bytes:
    """A header without a picture."""
    values = {259: packing, 262: 2, 274: turned, 277: 3}
    return tiff(width, height, more={tag: (tag, 3, 1, short(value)) for tag, value in values.items()})


def whole_tiff(side: int) -> bytes:
    """In colour, every 8 rows the same strip."""
    strip, strips = zlib.compress(bytes(24 * side)), side // 8
    body = strip + long(8) * strips + long(len(strip)) * strips
    places = {273: long(8 + len(strip)), 279: long(8 + len(strip) + 4 * strips)}
    values = {259: 8, 262: 2, 277: 3, 278: 8}
    more = {tag: (tag, 3, 1, short(value)) for tag, value in values.items()}
    return tiff(side, side, body=body, more=more | {tag: (tag, 4, strips, at) for tag, at in places.items()})


def tiff_of_pages(pages: int) -> bytes:
    body, size = b"II*\0" + long(24) + bytes(16), len(directory(tags(4, 4)))
    follow = (24 + size * (page + 1) if page < pages - 1 else 0 for page in range(pages))
    return body + b"".join(directory(tags(4, 4), following) for following in follow)


def tiff_of_strips(strips: int) -> bytes:
    """All strips are the same row."""
    places, lengths = long(8) * strips, long(100) * strips
    more = {273: (273, 4, strips, long(108)), 279: (279, 4, strips, long(108 + len(places))), 278: (278, 4, 1, long(1))}
    return tiff(100, strips, body=bytes(100) + places + lengths, more=more)


def tiff_of_jpegs(side: int, scans: int) -> bytes:
    """Three strips, all the same progressive JPEG."""
    rows = -(-side // 24) * 8
    strip = jpeg(width=side, height=rows, scans=scans)
    body = strip + long(8) * 3 + long(len(strip)) * 3
    more = {273: (273, 4, 3, long(8 + len(strip))), 279: (279, 4, 3, long(20 + len(strip)))}
    return tiff(side, side, body=body, more=more | {259: (259, 3, 1, short(7)), 278: (278, 4, 1, long(rows))})


def exif(*entries: Entry, body: bytes = b"") -> bytes:
    """EXIF data, its values behind its tags."""
    return b"II*\0" + long(LOOP) + directory(entries) + body


def heavy_exif(numbers: int) -> bytes:
    """Fractions by the hundred thousand where the resolution is expected."""
    return exif((282, 5, numbers, long(LOOP + 18)), body=long(1) * 2 * numbers)


def exif_in_circles() -> bytes:
    """The camera's tags are the tags they are part of."""
    return exif((0x8769, 4, 1, long(LOOP)), (0x8825, 4, 1, long(LOOP)), (0xA005, 4, 1, long(LOOP)))


# WebP, AVIF, HEIC


def riff(*chunks: bytes) -> bytes:
    return b"RIFF" + long(4 + sum(map(len, chunks))) + b"WEBP" + b"".join(chunks)


def webp_of_frames(frames: int) -> bytes:
    two = plain("WEBP", save_all=True, append_images=[Image.new("RGB", (16, 16), "red")], lossless=True)
    begin = two.index(b"ANMF")
    length = 8 + int.from_bytes(two[begin + 4 : begin + 8], "little")
    return riff(two[12:begin], two[begin : begin + length + length % 2] * frames)


def webp(width: int, height: int) -> bytes:
    """A lossless WebP that is as large as it says, and whose pixels are missing."""
    data = bytearray(plain("WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    data[at : at + 4] = long(width - 1 | height - 1 << 14)
    return bytes(data)


def avif_of_frames(frames: int) -> bytes:
    others = [Image.new("RGB", (16, 16), (number % 256, 0, 0)) for number in range(1, frames)]
    return plain("AVIF", save_all=True, append_images=others, speed=10)


def with_box_size(data: bytes, width: int, height: int) -> bytes:
    """An AVIF or HEIC that says it is so large."""
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


def heic(side: int = 64, exif: bytes = b"") -> bytes:
    import pillow_heif

    picture = pillow_heif.from_pillow(Image.new("RGB", (side, side), "green"))
    file = io.BytesIO()
    if exif:
        picture.info["exif"] = exif
    picture.save(file)
    return file.getvalue()


def bmp_in_runs(width: int, height: int) -> bytes:
    """Every row ends after its first pixel."""
    rows = b"\x01\x01\0\0" * height + b"\0\x01"
    palette = bytes(range(256)) * 4
    header = struct.pack("<IIIHHIIIIII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 1024 + len(rows), 0, 0, 54 + 1024) + header + palette + rows


Maker = Callable[[], bytes]

MILLION = zlib.compress(bytes(1_000_000), 9)

BOMBS: Mapping[str, tuple[Maker, str]] = {
    # Large, says the header
    "jpeg, large": (lambda: jpeg(width=65535, height=65535), "is 65535 x 65535 pixels, more than the 200 megapixels"),
    "png, large": (lambda: png(width=2**31 - 1, height=2**31 - 1), "is 2147483647 x 2147483647 pixels, more than"),
    "png, tall": (
        lambda: png(width=1, height=190_000_000, colours=0),
        "takes 3,230 MB to decode, more than the 850 MB",
    ),
    "png, deep": (lambda: png(width=20_000, height=9_000, bits=16, colours=6), "holds 1,440 MB of rows to unpack"),
    "tiff, large": (lambda: tiff(2**31, 2**31), "is 2147483648 x 2147483648 pixels, more than the 200 megapixels"),
    "tiff, turned": (lambda: tiff_in_colour(12_000, 12_000, packing=1, turned=6), "takes 1,152 MB to decode"),
    "tiff, one strip": (lambda: tiff_in_colour(13_000, 13_000), "takes 1,183 MB to decode"),
    "tiff, a large tile": (
        lambda: tiff(more={322: (322, 4, 1, long(2**20)), 323: (323, 4, 1, long(2**20)), 259: (259, 3, 1, short(5))}),
        "takes 1,099,511 MB to decode",
    ),
    "tiff, xz": (lambda: tiff(13_000, 13_000, more={259: (259, 3, 1, short(34925))}), "holds 676 MB of rows to unpack"),
    "bmp, large": (
        lambda: b"BM" + bytes(12) + struct.pack("<IIIHHIIIIII", 40, 2**31 - 1, 2**31 - 1, 1, 24, *[0] * 6),
        "is 2147483647 x 2147483647 pixels, more than",
    ),
    "webp, large": (lambda: webp(16_384, 16_384), "is a WEBP of more than 178 megapixels"),
    "webp, as large as Pillow reads": (lambda: webp(16_384, 10_000), "takes 2,785 MB to decode, more than the 850 MB"),
    "avif, large": (lambda: with_box_size(plain("AVIF", side=64), 2**31, 2**31), DAMAGED),
    "avif, as large as libavif reads": (
        lambda: with_box_size(plain("AVIF", side=64), 16_000, 12_000),
        "takes 3,264 MB to decode, more than the 850 MB",
    ),
    "heic, large": (lambda: with_box_size(heic(), 2**31, 2**31), DAMAGED),
    # JPEG
    "jpeg, scans": (lambda: jpeg(width=2000, height=2000, scans=2000), "holds 8,004 megapixels in all its scans"),
    "jpeg, scans of a small one": (lambda: jpeg(width=8, height=8, scans=9000), "holds 9,001 megapixels in all its"),
    "jpeg, scans within the limit": (lambda: jpeg(width=2000, height=2000, scans=900), PHOTO),
    "jpeg, coefficients": (
        lambda: jpeg(width=16_000, height=12_000, samplings=(0x11,) * 3),
        "takes 1,1",
    ),
    "jpeg, segments": (
        lambda: jpeg_with(segment(0xE5, b"") * 100_000),
        "holds 100,001 segments, more than the 100,000",
    ),
    "jpeg, padding": (lambda: jpeg_with(b"\xff" * 9_000_000), "holds 9,000,000 bytes between its segments"),
    "jpeg, zeros": (
        lambda: jpeg_with(segment(0xE5, b""), bytes(9_000_000)),
        "holds 9,000,000 bytes between its segments",
    ),
    "jpeg, EXIF in pieces": (
        lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + bytes(99)) * 9000),
        "holds 9,000 segments of EXIF",
    ),
    "jpeg, Photoshop in pieces": (
        lambda: jpeg_with(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\0\0\0\0\0\0\0\0" * 5000) * 99),
        "holds 99 segments of EXIF or Photoshop data",
    ),
    "jpeg, EXIF in circles": (lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + exif_in_circles())), PHOTO),
    # PNG
    "png, a text of 100 MB": (lambda: png(chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8), 9))), DAMAGED),
    "png, an international text of 100 MB": (
        lambda: png(chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(10**8), 9))),
        DAMAGED,
    ),
    "png, a profile of 100 MB": (lambda: png(chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(10**8), 9))), DAMAGED),
    "png, profiles": (lambda: png(chunk(b"iCCP", b"a\0\0" + MILLION) * 5000), "holds 1,001 chunks beside its picture"),
    "png, texts without a name": (lambda: png(chunk(b"zTXt", b"\0\0" + MILLION) * 5000), "holds 1,001 chunks beside"),
    "png, texts within the limit": (lambda: png(chunk(b"zTXt", b"\0\0" + MILLION) * 990), PHOTO),
    "png, chunks": (lambda: png(chunk(b"IDAT") * 200_000), "holds 200,001 chunks, more than the 200,000"),
    "png, interlaced": (lambda: png(width=19_000, height=10_000, interlaced=True), DAMAGED),
    "png, heavy EXIF": (lambda: png(chunk(b"eXIf", heavy_exif(500_000))), "holds 500,000 numbers in its EXIF data"),
    # TIFF
    "tiff, pages": (lambda: tiff_of_pages(100_000), PHOTO),
    "tiff, pages in circles": (lambda: b"II*\0" + long(24) + bytes(16) + directory(tags(4, 4), 24), PHOTO),
    "tiff, strips": (lambda: tiff_of_strips(1_000_000), "holds 1,000,000 strips or tiles, more than the 100,000"),
    "tiff, strips within the limit": (lambda: tiff_of_strips(100_000), PHOTO),
    "tiff, strips of JPEG": (lambda: tiff_of_jpegs(8000, 99), "holds 6,400 megapixels in all its scans"),
    "tiff, strips of JPEG within the limit": (lambda: tiff_of_jpegs(8000, 57), PHOTO),
    "tiff, fractions": (
        lambda: tiff(body=bytes(16) + long(1) * 1_000_000, more={282: (282, 5, 500_000, long(24))}),
        "holds 500,0",
    ),
    "tiff, numbers of the camera": (
        lambda: tiff(
            body=bytes(16) + directory([(33434, 5, 500_000, long(42))]) + long(1) * 1_000_000,
            more={0x8769: (0x8769, 4, 1, long(24))},
        ),
        "holds 500,0",
    ),
    "tiff, tags of the camera in circles": (lambda: tiff(more={0x8769: (0x8769, 4, 1, long(24))}), PHOTO),
    "tiff, large, tags": (
        lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**40) + bytes(20_000_000),
        "holds 1,099,511,627,776 tags, more than the 65,535",
    ),
    # As large as is read
    "jpeg, 200 megapixels, within the limit": (
        lambda: jpeg(width=16_000, height=12_500, samplings=(0x22, 0x11, 0x11), scans=9),
        PHOTO,
    ),
    "png, 200 megapixels, within the limit": (lambda: whole_png(20_000, 9_990), PHOTO),
    "tiff, 178 megapixels, within the limit": (lambda: whole_tiff(13_360), PHOTO),
    "webp, 49 megapixels, within the limit": (lambda: plain("WEBP", side=7000, lossless=True, method=0), PHOTO),
    "avif, 49 megapixels, within the limit": (lambda: plain("AVIF", side=7000, speed=10, subsampling="4:4:4"), PHOTO),
    # BMP, WebP, AVIF, HEIC
    "bmp, run lengths": (lambda: bmp_in_runs(19_000, 10_000), "holds 190,041,"),
    "bmp, run lengths within the limit": (lambda: bmp_in_runs(4400, 4400), PHOTO),
    "webp, frames": (lambda: webp_of_frames(100_000), PHOTO),
    "webp, chunks": (lambda: riff(plain("WEBP")[12:], b"JUNK\0\0\0\0" * 1_000_000), PHOTO),
    "webp, heavy EXIF": (lambda: plain("WEBP", exif=heavy_exif(500_000)), "holds 500,000 numbers in its EXIF data"),
    "avif, frames": (lambda: avif_of_frames(2000), PHOTO),
    "avif, heavy EXIF": (lambda: plain("AVIF", side=64, exif=heavy_exif(500_000)), PHOTO),
    "heic, heavy EXIF": (lambda: heic(exif=heavy_exif(500_000)), "holds 500,000 numbers in its EXIF data"),
}
"""Name -> what makes the file, and how the sentence begins that refuses it."""
