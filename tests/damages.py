"""What can happen to a file."""

import re
import zlib
from random import Random

NUMBERS = (
    *(0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 4096, 16383, 32767, 32768, 65535, 65536),
    *(2**24, 2**31 - 1, 2**31, 2**32 - 1),
)
"""Sizes, counts and places at which something changes for whoever reads them."""

LANDMARKS = re.compile(
    rb"Exif|ICC_PROFILE|acsp|II[*+]\0|MM\0[*+]|IHDR|iCCP|acTL|fcTL|IDAT|VP8|ANMF|iloc|iinf|iref|ipma|ispe|irot"
    rb"|av1C|hvcC|stsz|stco|\xff[\xc0-\xc4\xda\xdb\xdd]"
)
HEADER, NEAR = 300, 64
"""Most of what can be asked of a decoder stands in so many first bytes of a file, or so near behind a landmark."""


def flip(random: Random, data: bytearray) -> None:
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        data[place(random, data)] ^= 1 << random.randrange(8)


def overwrite(random: Random, data: bytearray) -> None:
    begin, length = place(random, data), random.randrange(1, 40)
    data[begin : begin + length] = random.choice((bytes(length), b"\xff" * length, random.randbytes(length)))


def cut_off(random: Random, data: bytearray) -> None:
    del data[place(random, data) :]


def cut_out(random: Random, data: bytearray) -> None:
    begin = place(random, data)
    del data[begin : begin + random.randrange(1, 40)]


def repeat(random: Random, data: bytearray) -> None:
    begin = place(random, data)
    piece = data[begin : begin + random.randrange(1, 200)]
    data[begin:begin] = piece * random.choice((1, 2, 50))


def exchange(random: Random, data: bytearray) -> None:
    """A piece of the file in another place of it."""
    begin, end = place(random, data), place(random, data)
    length = random.randrange(1, 64)
    data[begin : begin + length] = data[end : end + length]


def renumber(random: Random, data: bytearray) -> None:
    """A size, a count or a place is another."""
    size = random.choice((1, 2, 2, 4, 4, 4, 8))
    number = random.choice((*NUMBERS, len(data), random.randrange(len(data)))) % 256**size
    begin = place(random, data)
    data[begin : begin + size] = number.to_bytes(size, random.choice(("little", "big")))


def count_up(random: Random, data: bytearray) -> None:
    at = place(random, data)
    data[at] = (data[at] + random.choice((-2, -1, 1, 2))) % 256


def place(random: Random, data: bytearray) -> int:
    """Somewhere; mostly where a decoder is told what to do."""
    where = random.random()
    if where < 0.3 and (marks := [found.start() for found in LANDMARKS.finditer(data)]):
        return min(len(data) - 1, random.choice(marks) + random.randrange(NEAR))
    return random.randrange(min(len(data), HEADER) if where < 0.6 else len(data))


DAMAGES = (flip, overwrite, cut_off, cut_out, repeat, exchange, renumber, renumber, renumber, count_up)


def with_checksums(data: bytearray) -> bytes:
    """A PNG whose checksums are right again, so that more of it is looked at."""
    at, mended = 8, bytearray(data)
    while at + 12 <= len(mended):
        end = at + 8 + int.from_bytes(mended[at : at + 4])
        if end + 4 > len(mended):
            break
        mended[end : end + 4] = zlib.crc32(mended[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(mended)


def damaged(data: bytes, random: Random) -> bytes:
    """The file after one to six misfortunes; most PNGs with checksums that are right."""
    broken = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        if broken:
            random.choice(DAMAGES)(random, broken)
    is_png = broken.startswith(b"\x89PNG")
    return with_checksums(broken) if is_png and random.random() < 0.8 else bytes(broken)
