"""The body of an answer: unpacked piece by piece, known by its first bytes, there as a whole or not at all."""

import gzip
import hashlib
import itertools
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import normalise
from pipeline.errors import PhotoError
from pipeline.fetch.body import PHOTOS, PIECE_BYTES, Saved, bounded, save, unpacked
from tests.misbehaving import photo

HEADS = {
    "JPEG": photo("lake.jpg")[:64],
    "PNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(40),
    "WEBP": b"RIFF\x10\0\0\0WEBPVP8 " + bytes(40),
    "TIFF": b"II*\0\x08\0\0\0" + bytes(40),
    "big TIFF": b"MM\0+\0\x08\0\0" + bytes(40),
    "BMP": b"BM" + bytes(12) + b"\x28\0\0\0" + bytes(40),
    "AVIF": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf" + bytes(40),
    "AVIF by another name": b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifmiaf" + bytes(40),
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40),
}

PHOTO = photo("lake.jpg")
PACKED = {
    "gzip": gzip.compress(PHOTO),
    "x-gzip": gzip.compress(PHOTO),
    "deflate": zlib.compress(PHOTO),
    "Deflate ": zlib.compress(PHOTO, wbits=-15),
    "": PHOTO,
    "identity": PHOTO,
}


def in_pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def endless_blocks() -> Iterator[bytes]:
    """A deflate without its frame of stored blocks, all of them empty."""
    return itertools.repeat(b"\0\0\0\xff\xff" * 1000)


def failure_of(pieces, place: Path, *, most_bytes: int = 100_000) -> tuple[str, str]:
    """Cause and sentence; nothing may be left of the file."""
    with pytest.raises(PhotoError) as caught:
        save(pieces, place, most_bytes=most_bytes)
    assert list(place.parent.iterdir()) == []
    return caught.value.cause, str(caught.value)


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "0001"


# First bytes


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("kind", HEADS)
def test_every_format_that_is_read_is_taken_in_pieces_of_any_size(place, kind, size):
    head = HEADS[kind]

    saved = save(in_pieces(head, size), place, most_bytes=1000)

    digests = {"sha1": hashlib.sha1(head).hexdigest(), "sha256": hashlib.sha256(head).hexdigest()}
    assert saved == Saved(size_bytes=len(head), **digests)
    assert place.read_bytes() == head


def test_the_formats_are_those_that_are_read_later():
    known = {
        form
        for form, signature in normalise.SIGNATURES.items()
        if any(re.match(signature, head, re.DOTALL) for head in HEADS.values())
    }

    assert known == set(normalise.SIGNATURES)
    assert all(PHOTOS.match(head) for head in HEADS.values())


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is empty: 0 bytes"),
        (b"\xff", "is not a photo: no known format in its first bytes"),
        (bytes(1000), "is not a photo: no known format in its first bytes"),
        (b"\xef\xbb\xbf\n <p>Not here</p>", "is a web page, not a photo"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "is an XML document, not a photo"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "is an SVG drawing, not a photo"),
        (b'[{"error": 17}]', "is an answer for programs (JSON), not a photo"),
        (b"BMW of Bavaria, a car that is no bitmap at all", "is a text, not a photo"),
        (b"\x1a\x45\xdf\xa3" + bytes(40), "is a video, not a photo"),
    ],
)
def test_other_bytes_are_no_photo(place, body, said):
    assert failure_of([body], place) == ("not_a_photo", said)


def test_what_is_no_photo_is_read_no_further(place):
    def pieces() -> Iterator[bytes]:
        yield b"<!DOCTYPE html><html><title>Not here"
        raise AssertionError

    assert failure_of(pieces(), place)[0] == "not_a_photo"


# Sizes


def test_one_byte_too_many_is_too_many(place):
    said = f"is more than the {len(PHOTO) - 1:,} bytes that are taken in"

    assert failure_of(in_pieces(PHOTO, 100), place, most_bytes=len(PHOTO) - 1) == ("too_large", said)
    assert save(in_pieces(PHOTO, 100), place, most_bytes=len(PHOTO)).size_bytes == len(PHOTO)


def test_an_error_on_the_way_leaves_nothing(place):
    def pieces() -> Iterator[bytes]:
        yield PHOTO
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save(pieces(), place, most_bytes=100_000)

    assert list(place.parent.iterdir()) == []


# Packed bodies


@pytest.mark.parametrize("size", [1, 1000, 100_000])
@pytest.mark.parametrize("encoding", PACKED)
def test_a_body_is_unpacked_in_pieces_of_any_size(encoding, size):
    assert b"".join(unpacked(in_pieces(PACKED[encoding], size), encoding)) == PHOTO


def test_a_bomb_comes_in_bounded_pieces():
    pieces = list(unpacked([gzip.compress(bytes(10_000_000))], "gzip"))

    assert sum(map(len, pieces)) == 10_000_000
    assert max(map(len, pieces)) == PIECE_BYTES


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_an_empty_body_is_empty_packed_or_not(place, encoding):
    assert failure_of(unpacked([b"", b""], encoding), place) == ("not_a_photo", "is empty: 0 bytes")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "Deflate "])
def test_a_packed_body_that_ends_early_is_a_broken_connection(place, encoding):
    packed = PACKED[encoding][:-20]

    assert failure_of(unpacked([packed], encoding), place) == ("connection", "breaks off before its end")


def test_what_follows_a_packed_body_is_left_out():
    assert b"".join(unpacked([PACKED["gzip"], b"more", b"and more"], "gzip")) == PHOTO


def test_what_follows_a_packed_body_is_not_read():
    def pieces() -> Iterator[bytes]:
        yield PACKED["gzip"]
        raise AssertionError

    assert b"".join(unpacked(pieces(), "gzip")) == PHOTO


def test_a_packed_body_that_unpacks_to_nothing_is_bounded_all_the_same(place):
    pieces = unpacked(bounded(endless_blocks(), 100_000), "deflate")

    assert failure_of(pieces, place) == ("too_large", "is more than the 100,000 bytes that are taken in")


def test_a_body_as_large_as_may_be_is_within_bounds():
    assert b"".join(bounded(in_pieces(PHOTO, 100), len(PHOTO))) == PHOTO


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, br", "\x1b[2j"])
def test_other_packings_are_refused(encoding):
    with pytest.raises(PhotoError) as caught:
        unpacked([PHOTO], encoding)

    assert (caught.value.cause, str(caught.value)) == (
        "not_a_photo",
        f"is packed in a way that was not asked for, {encoding!r}",
    )


def test_bytes_that_are_not_packed_as_said_are_refused(place):
    said = "is not packed with gzip, as its server says"

    assert failure_of(unpacked([PHOTO], "gzip"), place) == ("not_a_photo", said)
