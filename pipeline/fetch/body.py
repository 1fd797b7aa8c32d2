"""The body of an answer -> a file: unpacked, looked at as soon as it begins, counted, and hashed on the way."""

import hashlib
import itertools
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import PhotoError

PIECE_BYTES = 65536

LOOKED_AT_BYTES = 32
"""With so many first bytes every format is known."""

PHOTOS = re.compile(
    rb"\xff\xd8\xff"
    rb"|\x89PNG\r\n\x1a\n"
    rb"|RIFF....WEBP"
    rb"|II[*+]\0|MM\0[*+]"
    rb"|BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0"
    rb"|....ftyp(?:avi[fs]|hei[cmsx]|hev[cmsx]|mif1|msf1|miaf)",
    re.DOTALL,
)
"""How the formats begin that `pipeline.normalise` reads."""

STRANGERS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("a GIF", re.compile(rb"GIF8")),
    ("a PDF", re.compile(rb"%PDF")),
    ("an SVG drawing", re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<svg")),
    ("an XML document", re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml")),
    ("a web page", re.compile(rb"(?:\xef\xbb\xbf)?\s*<")),
    ("an answer for programs (JSON)", re.compile(rb"(?:\xef\xbb\xbf)?\s*[{\[]\s*[\"{\[\]}]")),
    ("a video", re.compile(rb"....ftyp|\x1a\x45\xdf\xa3", re.DOTALL)),
    ("a text", re.compile(rb"(?:\xef\xbb\xbf)?[\t\n\r\x20-\x7e]+\Z")),
)
"""What else is met where a photo should be; the first that fits."""

_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""Content-Encoding -> zlib's number for it."""


@dataclass(frozen=True, kw_only=True)
class Saved:
    """size_bytes: unpacked.    sha1, sha256: of the same bytes, in hex."""

    size_bytes: int
    sha1: str
    sha256: str


def save(pieces: Iterable[bytes], place: Path, *, most_bytes: int) -> Saved:
    """Writes the pieces to `place`, which is there afterwards as a whole, or not at all.

    Raises: PhotoError, cause not_a_photo as soon as the first bytes are no photo's, too_large as soon as there are
    more than most_bytes. OSError when the disk fails.
    """
    pieces = iter(pieces)
    head = b""
    while len(head) < LOOKED_AT_BYTES and (piece := next(pieces, None)) is not None:
        head += piece
    _require_photo(head)

    part = place.with_name(f"{place.name}.part")
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    size_bytes = 0
    try:
        with part.open("wb") as file:
            for piece in itertools.chain([head], pieces):
                size_bytes += len(piece)
                if size_bytes > most_bytes:
                    raise _too_large(most_bytes)
                sha1.update(piece)
                sha256.update(piece)
                file.write(piece)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    return Saved(size_bytes=size_bytes, sha1=sha1.hexdigest(), sha256=sha256.hexdigest())


def _require_photo(head: bytes) -> None:
    if PHOTOS.match(head):
        return
    if not head:
        raise PhotoError("is empty: 0 bytes", cause="not_a_photo")
    for stranger, pattern in STRANGERS:
        if pattern.match(head[:1000]):
            raise PhotoError(f"is {stranger}, not a photo", cause="not_a_photo")
    raise PhotoError("is not a photo: no known format in its first bytes", cause="not_a_photo")


def bounded(pieces: Iterable[bytes], most_bytes: int) -> Iterator[bytes]:
    """The pieces as they come over the net, packed or not.

    Raises: PhotoError, cause too_large, when another is wanted after more than most_bytes.
    """
    size_bytes = 0
    for piece in pieces:
        yield piece
        size_bytes += len(piece)
        if size_bytes > most_bytes:
            raise _too_large(most_bytes)


def _too_large(most_bytes: int) -> PhotoError:
    return PhotoError(f"is more than the {most_bytes:,} bytes that are taken in", cause="too_large")


def unpacked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The pieces as they were before they were packed, each of a bounded size.

    encoding: as in Content-Encoding, "" for none.

    Raises: PhotoError, cause not_a_photo where they are packed in another way than said, or in one that is not read;
    connection where they end too early.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return iter(pieces)
    if encoding not in _WINDOWS:
        said = f"is packed in a way that was not asked for, {encoding[:20]!r}"
        raise PhotoError(said, cause="not_a_photo")
    return _inflated(pieces, encoding)


def _inflated(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    pieces = itertools.dropwhile(lambda piece: not piece, pieces)
    first = next(pieces, b"")
    window = _WINDOWS[encoding]
    if window == 15 and first[:1] and first[0] & 0x0F != 8:
        window = -15  # without its frame, as some servers understand "deflate"
    inflater = zlib.decompressobj(window)
    try:
        for packed in itertools.chain([first], pieces):
            while not inflater.eof:
                piece = inflater.decompress(packed, PIECE_BYTES)
                if piece:
                    yield piece
                packed = inflater.unconsumed_tail
                if not packed and len(piece) < PIECE_BYTES:
                    break
            if inflater.eof:  # what follows is no part of the file, and may have no end
                return
    except zlib.error:
        raise PhotoError(f"is not packed with {encoding}, as its server says", cause="not_a_photo") from None
    if first:
        raise PhotoError("breaks off before its end", cause="connection")
