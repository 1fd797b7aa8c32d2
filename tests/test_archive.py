"""The source that is an archive: what is a photo in it, what is kept out, and that nothing hostile does harm."""

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import PhotoError, SourceError
from pipeline.sources import archive
from pipeline.sources.archive import NO_PATH, candidates, left_out
from pipeline.sources.candidate import Candidate, Wanted
from pipeline.sources.packed import member as limits
from pipeline.sources.packed import tars

ENDINGS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "tgz")
Pack = Callable[[str, Mapping[str, bytes]], str]


@pytest.fixture
def pack(tmp_path) -> Pack:
    """Packs files (name -> bytes) in this order into an archive of this ending; gives its path."""

    def pack(ending: str, files: Mapping[str, bytes]) -> str:
        path = tmp_path / f"photos.{ending}"
        if ending == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
                for name, data in files.items():
                    packed.writestr(name, data)
        else:
            with tarfile.open(path, f"w:{ending.replace('tgz', 'tar.gz').partition('.')[2]}") as packed:
                for name, data in files.items():
                    entry = tarfile.TarInfo(name)
                    entry.size = len(data)
                    packed.addfile(entry, io.BytesIO(data))
        return str(path)

    return pack


def tar_of(path: Path, *entries: tarfile.TarInfo, after: bytes = bytes(1024)) -> str:
    """A tar of members without bytes."""
    path.write_bytes(b"".join(one.tobuf() for one in entries) + after)
    return str(path)


def entry_of(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    for field, value in fields.items():
        setattr(entry, field, value)
    return entry


def names_in(spec: str) -> list[str]:
    return [one.name for one in candidates(spec)]


def refusal_of(candidate: Candidate) -> tuple[str, str]:
    """Sentence and cause."""
    with pytest.raises(PhotoError) as caught:
        candidate.read()
    return str(caught.value), caught.value.cause


# What is a photo


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_photo_has_the_name_and_the_bytes_that_it_was_packed_with(pack, ending):
    [one] = candidates(pack(ending, {"2024/lake.JPG": b"bytes"}))

    assert (one.name, one.source, one.fixed, one.read()) == ("2024/lake.JPG", "archive", False, b"bytes")


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_photos_come_in_the_order_of_their_names(pack, ending):
    assert names_in(pack(ending, {"c.jpg": b"", "b/z.jpg": b"", "B.jpg": b""})) == ["B.jpg", "b/z.jpg", "c.jpg"]


def test_photos_of_a_compressed_tar_come_as_they_are_packed(pack):
    assert names_in(pack("tar.gz", {"c.jpg": b"", "b/z.jpg": b"", "B.jpg": b""})) == ["c.jpg", "b/z.jpg", "B.jpg"]


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_other_files_are_counted_by_their_endings(pack, ending):
    spec = pack(ending, {"lake.jpg": b"", "a.txt": b"", "b/c.TXT": b"", "README": b"", "x.\x1b[31m": b""})

    assert names_in(spec) == ["lake.jpg"]
    assert left_out(spec) == {".txt": 2, "": 2}


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_hidden_files_and_those_of_a_mac_are_left_out(pack, ending):
    names = (
        ".hidden.jpg",
        "a/._lake.jpg",
        "__MACOSX/a/._lake.jpg",
        "__MACOSX/sea.jpg",
        ".thumbs/lake.jpg",
        "a/lake.jpg",
    )
    spec = pack(ending, dict.fromkeys(names, b""))

    assert names_in(spec) == ["a/lake.jpg"]
    assert left_out(spec) == {}


@pytest.mark.parametrize(
    "name", ["two words.jpg", "Ötztal.jpg", "日本.jpg", "-rf.jpg", "two\nlines.jpg", "x" * 300 + ".jpg"]
)
@pytest.mark.parametrize("ending", ["zip", "tar.xz"])
def test_a_photo_may_be_called_anything(pack, ending, name):
    [one] = candidates(pack(ending, {name: b"bytes"}))

    assert (one.name, one.read()) == (name, b"bytes")


def test_a_name_that_is_no_text_is_read(tmp_path):
    entry = entry_of(os.fsdecode(b"caf\xe9.jpg"))

    [one] = candidates(tar_of(tmp_path / "photos.tar", entry))

    assert one.read() == b""


@pytest.mark.parametrize("name", ["./2024/lake.jpg", "2024//lake.jpg", "2024/./lake.jpg"])
def test_a_path_is_written_in_one_way(pack, name):
    assert names_in(pack("tar", {name: b""})) == ["2024/lake.jpg"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_of_two_members_of_one_name_the_later_counts(tmp_path, ending):
    path = tmp_path / f"photos.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("lake.jpg", b"old")
            packed.writestr("./lake.jpg", b"new")
    else:
        with tarfile.open(path, f"w:{ending[4:]}") as packed:
            for data in (b"old", b"new"):
                packed.addfile(entry_of("lake.jpg", size=3), io.BytesIO(data))

    assert [one.read() for one in candidates(str(path))] == [b"new"]


def test_what_an_archive_is_its_bytes_say(pack, tmp_path):
    path = Path(pack("tar.gz", {"lake.jpg": b"bytes"})).rename(tmp_path / "photos.zip")

    assert [one.read() for one in candidates(str(path))] == [b"bytes"]


def test_nothing_is_written_beside_an_archive(pack, tmp_path):
    spec = pack("zip", {"a/lake.jpg": b"bytes"})
    before = set(tmp_path.rglob("*"))

    assert [one.read() for one in candidates(spec)] == [b"bytes"]
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_a_folder_that_is_called_like_a_photo_is_a_folder(tmp_path, ending):
    spec = str(tmp_path / f"photos.{ending}")
    (tmp_path / "lake.jpg").mkdir()
    (tmp_path / "lake.jpg" / "sea.jpg").write_bytes(b"")
    with zipfile.ZipFile(spec, "w") if ending == "zip" else tarfile.TarFile(spec, "w") as packed:
        add = packed.write if ending == "zip" else packed.add
        for name in ("lake.jpg", "lake.jpg/sea.jpg"):
            add(tmp_path / name, name)

    assert names_in(spec) == ["lake.jpg/sea.jpg"]


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_an_archive_without_photos_is_a_sentence(pack, ending):
    with pytest.raises(SourceError, match=r"there is no photo in .*: no file ends in \.avif \.bmp"):
        names_in(pack(ending, {"a.txt": b""}))


# What is said of the photos


def test_a_licence_is_stated_for_the_whole_archive(pack):
    [one] = candidates(pack("zip", {"lake.jpg": b""}), Wanted(license="cc0"))

    assert (one.license, one.redistributable) == ("CC0-1.0", "yes")


@pytest.mark.parametrize("top", ["", "photos/"])
@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_a_csv_file_beside_the_photos_says_whose_they_are(pack, ending, top):
    files = {f"{top}2024/lake.jpg": b"bytes", f"{top}credits.csv": b"file,author,licence\n2024/lake.jpg,Anna,cc0\n"}

    [one] = candidates(pack(ending, files))

    assert (one.creator, one.license, one.read()) == ("Anna", "CC0-1.0", b"bytes")


def test_a_csv_file_in_one_of_several_folders_is_left_alone(pack):
    files = {"a/lake.jpg": b"", "b/sea.jpg": b"", "a/credits.csv": b"file,author\nlake.jpg,Anna\n"}

    assert [one.creator for one in candidates(pack("zip", files))] == ["", ""]


def test_two_csv_files_may_not_say_two_licences_of_one_photo(pack):
    said = {"a.csv": b"file,license\nx/lake.jpg,cc0\n", "x/b.csv": b"file,license\nlake.jpg,pdm\n"}

    with pytest.raises(
        SourceError, match=r"x/b\.csv in .*zip, line 2: lake\.jpg is under PDM-1\.0 here and CC0-1\.0 before"
    ):
        names_in(pack("zip", {"x/lake.jpg": b"", **said}))


def test_a_csv_file_that_is_not_as_it_should_be_is_a_sentence(pack):
    spec = pack("zip", {"lake.jpg": b"", "credits.csv": b"file,author\nlake.jpg\n"})

    with pytest.raises(SourceError, match=r"credits\.csv in .*photos\.zip, line 2: 1 cells, expected 2"):
        names_in(spec)


def test_csv_files_that_are_too_long_are_left_alone(pack, monkeypatch):
    monkeypatch.setattr(limits, "MOST_KEPT_BYTES", 10)

    for ending in ("zip", "tar"):
        [one] = candidates(pack(ending, {"lake.jpg": b"", "credits.csv": b"file,author\nlake.jpg,Anna\n"}))
        assert one.creator == ""


# Names that lead elsewhere

ELSEWHERE = [
    "../lake.jpg",
    "a/../../lake.jpg",
    "/etc/lake.jpg",
    "..\\lake.jpg",
    "a\\lake.jpg",
    "C:/lake.jpg",
    "x" * 1001 + ".jpg",
]


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_a_member_whose_name_leads_elsewhere_is_counted_and_left_out(pack, ending, name):
    spec = pack(ending, {"lake.jpg": b"", name: b"", "b.jpg": b""})

    assert sorted(names_in(spec)) == ["b.jpg", "lake.jpg"]
    assert left_out(spec) == {NO_PATH: 1}


def test_a_name_that_goes_on_behind_a_zero_byte_is_counted_and_left_out(pack, tmp_path):
    spec = pack("zip", {"a.jpg_.exe": b"", "lake.jpg": b""})
    Path(spec).write_bytes(Path(spec).read_bytes().replace(b"a.jpg_.exe", b"a.jpg\0.exe"))

    assert names_in(spec) == ["lake.jpg"]
    assert left_out(spec) == {NO_PATH: 1}


# Members that are no photos


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_a_link_in_a_tar_is_not_followed(tmp_path, ending, kind):
    spec = tar_of(tmp_path / "photos.tar", entry_of("lake.jpg", kind, linkname="/etc/passwd"))
    if ending == "tar.gz":
        Path(spec).write_bytes(gzip.compress(Path(spec).read_bytes()))

    [one] = candidates(spec)

    assert refusal_of(one) == ("is a link, which is not followed. Pack the photo itself", "unreadable")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, b"Z"])
def test_a_device_in_a_tar_is_not_read(tmp_path, kind):
    [one] = candidates(tar_of(tmp_path / "photos.tar", entry_of("zero.jpg", kind)))

    assert refusal_of(one) == ("is not a regular file", "unreadable")


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        (stat.S_IFLNK, "is a link, which is not followed. Pack the photo itself"),
        (stat.S_IFCHR, "is not a regular file"),
        (stat.S_IFIFO, "is not a regular file"),
    ],
)
def test_a_link_or_a_device_in_a_zip_is_not_read(tmp_path, mode, sentence):
    entry = zipfile.ZipInfo("lake.jpg")
    entry.external_attr = (mode | 0o644) << 16
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as packed:
        packed.writestr(entry, b"/etc/passwd")

    [one] = candidates(str(tmp_path / "photos.zip"))

    assert refusal_of(one) == (sentence, "unreadable")


def test_an_encrypted_member_is_a_sentence(pack):
    spec = pack("zip", {"lake.jpg": b"bytes"})
    data = bytearray(Path(spec).read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    Path(spec).write_bytes(data)

    [one] = candidates(spec)

    assert refusal_of(one) == (
        "is encrypted. Unpack the archive with its password, and name the folder",
        "unreadable",
    )


def test_a_member_with_holes_is_a_sentence(tmp_path):
    entry = entry_of("lake.jpg", pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "1"})
    data = entry.create_pax_header(entry.get_info(), "utf-8")
    (tmp_path / "photos.tar").write_bytes(data + bytes(1024))

    [one] = candidates(str(tmp_path / "photos.tar"))

    assert refusal_of(one)[0] == "is packed with holes, which is not read. Pack it without --sparse"


# How much is taken in


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_a_member_that_is_too_large_is_a_sentence(pack, monkeypatch, ending):
    monkeypatch.setattr(limits, "MOST_BYTES", 5)

    lake, sea = candidates(pack(ending, {"lake.jpg": b"bytes", "sea.jpg": b"bytes!"}))

    assert lake.read() == b"bytes"
    assert refusal_of(sea) == ("is too large: 6 bytes, at most 5 are taken in", "too_large")


def test_a_member_that_says_it_is_smaller_than_it_is_is_a_sentence(pack):
    spec = pack("zip", {"lake.jpg": b"bytes" * 100})
    data = bytearray(Path(spec).read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 5)
    Path(spec).write_bytes(data)

    [one] = candidates(spec)

    assert refusal_of(one) == ("cannot be read from its archive: Bad CRC-32 for file 'lake.jpg'", "unreadable")


def test_a_member_that_says_it_is_larger_than_it_is_is_a_sentence(pack):
    spec = pack("zip", {"lake.jpg": b"bytes"})
    data = bytearray(Path(spec).read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 6)
    Path(spec).write_bytes(data)

    [one] = candidates(spec)

    assert refusal_of(one)[1] == "unreadable"


def test_a_bomb_in_a_zip_is_a_photo_that_is_too_large(pack, monkeypatch):
    monkeypatch.setattr(limits, "HARMLESS_BYTES", 1000)

    [one] = candidates(pack("zip", {"bomb.png": bytes(1_000_000)}))

    assert refusal_of(one) == ("would unpack to more than 200 times its size, which no photo does", "too_large")


def test_what_is_small_may_have_any_ratio(pack):
    [one] = candidates(pack("zip", {"night.bmp": bytes(1_000_000)}))

    assert len(one.read()) == 1_000_000


@pytest.mark.timeout(10)
def test_a_bomb_in_a_compressed_tar_is_a_sentence_and_is_not_unpacked(tmp_path):
    header = entry_of("bomb.bin", size=8_000_000_000).tobuf()
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(header + bytes(100_000)))

    with pytest.raises(SourceError, match=r"bomb\.tar\.gz would unpack to more than 1,000,000,000 bytes"):
        names_in(str(tmp_path / "bomb.tar.gz"))


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_that_is_a_bomb_is_a_sentence_and_is_not_read(tmp_path, kind):
    bomb = entry_of("bomb", kind, size=7_000_000_000).tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / "bomb.tar"
    path.write_bytes(bomb + bytes(10_000))

    with pytest.raises(SourceError, match=r"bomb\.tar cannot be read as a tar: a file with 7,000,000,000 bytes before"):
        names_in(str(path))


@pytest.mark.timeout(10)
def test_headers_without_end_are_a_sentence(tmp_path):
    header = entry_of("x", tarfile.GNUTYPE_LONGNAME, size=0).tobuf(tarfile.GNU_FORMAT)
    (tmp_path / "bomb.tar").write_bytes(header * 5000)

    with pytest.raises(SourceError, match=r"bomb\.tar cannot be read as a tar: maximum recursion depth exceeded"):
        names_in(str(tmp_path / "bomb.tar"))


@pytest.mark.timeout(10)
def test_a_member_of_less_than_no_bytes_is_a_sentence(tmp_path):
    header = bytearray(entry_of("lake.jpg").tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # -1024 in base 256: the next header would be an earlier one
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "photos.tar").write_bytes(bytes(header) * 3 + bytes(1024))

    with pytest.raises(SourceError, match=r"photos\.tar cannot be read as a tar: a file of less than no bytes"):
        names_in(str(tmp_path / "photos.tar"))


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_an_archive_of_too_many_bytes_is_a_sentence(pack, monkeypatch, ending):
    monkeypatch.setattr(limits, "MOST_BYTES_IN_ALL", 9)

    with pytest.raises(SourceError, match=r"photos\.(zip|tar) would unpack to "):
        names_in(pack(ending, {"lake.jpg": b"bytes", "sea.jpg": b"bytes"}))


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_an_archive_of_too_many_files_is_a_sentence(pack, monkeypatch, ending):
    monkeypatch.setattr(limits, "MOST_MEMBERS", 2)

    with pytest.raises(SourceError, match=r"photos\.(zip|tar|tar\.gz) holds "):
        names_in(pack(ending, {"a.jpg": b"", "b.jpg": b"", "c.jpg": b""}))


def test_the_directory_of_a_zip_is_not_read_where_it_is_too_long(tmp_path, monkeypatch):
    def read(path: Path):
        raise AssertionError("the directory was read")

    monkeypatch.setattr(zipfile, "ZipFile", read)
    end_64 = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 5_000_000, 5_000_000, 300_000_000, 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 4, 1)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0, 0)
    (tmp_path / "photos.zip").write_bytes(b"PK\x03\x04" + end_64 + locator + end)

    with pytest.raises(SourceError, match=r"photos\.zip holds 5,000,000 files, at most 1,000,000 are taken in"):
        names_in(str(tmp_path / "photos.zip"))


# Archives that are not whole


def test_a_zip_that_is_cut_off_is_a_sentence(pack):
    spec = pack("zip", {"lake.jpg": b"bytes" * 100, "sea.jpg": b"bytes"})
    Path(spec).write_bytes(Path(spec).read_bytes()[:-30])

    with pytest.raises(
        SourceError, match=r"photos\.zip cannot be read as a zip: .* if the file was cut off .*get it again"
    ):
        names_in(spec)


@pytest.mark.parametrize("ending", ["tar", "tar.gz", "tar.xz"])
def test_of_a_tar_that_is_cut_off_the_photos_before_the_cut_can_be_read(pack, ending):
    noise = {f"{number}.jpg": os.urandom(60_000) for number in range(5)}
    spec = pack(ending, noise)
    Path(spec).write_bytes(Path(spec).read_bytes()[:200_000])
    photos = []

    with pytest.raises(
        SourceError, match=r"cannot be read beyond its [34] first files: .*\. If it was cut off on its way"
    ):
        photos.extend(candidates(spec))
    assert [one.read() for one in photos[:2]] == [noise["0.jpg"], noise["1.jpg"]]
    assert refusal_of(photos[-1])[1] == "unreadable"


@pytest.mark.parametrize("ending", ["tar", "tar.gz"])
def test_a_tar_that_is_broken_in_the_middle_is_a_sentence_at_its_end(pack, ending):
    spec = pack("tar", {"lake.jpg": b"x" * 512, "sea.jpg": b"y", "wood.jpg": b"z"})
    data = bytearray(Path(spec).read_bytes())
    data[1024:1034] = b"!" * 10
    Path(spec).write_bytes(gzip.compress(data) if ending == "tar.gz" else data)
    photos = candidates(spec)

    assert next(photos).read() == b"x" * 512
    with pytest.raises(
        SourceError, match=r"beyond its 1 first files: there is something else where a file should begin"
    ):
        next(photos)


def test_a_photo_that_is_broken_in_a_zip_is_a_sentence(pack):
    spec = pack("zip", {"lake.jpg": b"bytes" * 100, "sea.jpg": b"bytes"})
    data = bytearray(Path(spec).read_bytes())
    data[40:44] = b"!!!!"
    Path(spec).write_bytes(data)

    lake, sea = candidates(spec)

    assert refusal_of(lake)[1] == "unreadable"
    assert sea.read() == b"bytes"


def test_a_tar_that_is_gone_when_a_photo_is_read_is_a_sentence(pack):
    for ending in ("tar", "tar.gz"):
        spec = pack(ending, {"lake.jpg": b"bytes"})
        [one] = candidates(spec)
        Path(spec).unlink()

        assert refusal_of(one) == ("cannot be read from its archive: No such file or directory", "unreadable")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", r"photos\.any cannot be read as a tar: empty file\. Get it again"),
        (b"<!DOCTYPE html>" * 100, r"photos\.any cannot be read as a tar: "),
        (b"PK\x03\x04 and no more", r"photos\.any cannot be read as a zip: File is not a zip file\."),
        (gzip.compress(b"no tar" * 1000, mtime=0), r"photos\.any cannot be read as a tar: "),
        (gzip.compress(b"no tar" * 1000, mtime=0)[:30], r"photos\.any cannot be read as a tar: "),
        (bz2.compress(b"no tar"), r"photos\.any cannot be read as a tar: "),
        (lzma.compress(b"no tar"), r"photos\.any cannot be read as a tar: "),
        (b"\xfd7zXZ\x00 and no more", r"photos\.any cannot be read as a tar: "),
        (
            b"Rar!\x1a\x07\x01\x00",
            r"photos\.any is packed with RAR, which is not read\. Unpack it, and name the folder",
        ),
        (b"7z\xbc\xaf\x27\x1c", r"photos\.any is packed with 7-Zip, which is not read"),
        (b"\x28\xb5\x2f\xfd....", r"photos\.any is packed with Zstandard, which is not read"),
    ],
)
def test_a_file_that_is_no_archive_is_a_sentence(tmp_path, data, sentence):
    (tmp_path / "photos.any").write_bytes(data)

    with pytest.raises(SourceError, match=sentence):
        names_in(str(tmp_path / "photos.any"))


@pytest.mark.parametrize("spec", ["none.zip", "~no-such-user/photos.zip"])
def test_an_archive_that_is_not_there_is_a_sentence(tmp_path, monkeypatch, spec):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SourceError, match=rf"there is no archive {spec}\. Name one that is there"):
        names_in(spec)


def test_a_folder_is_no_archive(tmp_path):
    with pytest.raises(SourceError, match=r"is not a regular file\. Name an archive: "):
        names_in(str(tmp_path))


def test_an_archive_that_may_not_be_read_is_a_sentence(pack, monkeypatch):
    spec = pack("zip", {"lake.jpg": b""})

    def refuse(path: Path, mode: str):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(SourceError, match=r"cannot read .*photos\.zip: Permission denied"):
        names_in(spec)


# Large ones


@pytest.fixture
def passes(monkeypatch) -> list[str]:
    """How often a compressed tar was opened."""
    opened = []

    def count(path: Path, mode: str):
        opened.append(str(path))
        return gzip.open(path, mode)

    monkeypatch.setitem(tars._OPENERS, b"\x1f\x8b", count)
    return opened


def test_photos_that_are_packed_twice_are_read_in_one_pass(tmp_path, passes):
    with tarfile.open(tmp_path / "photos.tar.gz", "w:gz") as packed:
        for number in [*range(50), *range(50)]:
            packed.addfile(entry_of(f"{number}.jpg"))

    assert [one.read() for one in candidates(str(tmp_path / "photos.tar.gz"))] == [b""] * 50
    assert len(passes) == 2


def test_photos_of_a_compressed_tar_are_read_in_one_pass(pack, passes):
    photos = list(candidates(pack("tar.gz", {f"{number}.jpg": b"%d" % number for number in range(500)})))

    assert [one.read() for one in photos] == [b"%d" % number for number in range(500)]
    assert len(passes) == 2


def test_photos_of_a_compressed_tar_are_read_in_one_pass_by_many_threads(pack, passes):
    photos = list(candidates(pack("tar.gz", {f"{number}.jpg": b"%d" % number for number in range(500)})))
    late = {number: threading.Event() for number in range(0, 500, 10)}

    def read(number: int) -> bytes:
        # Every tenth waits until the one behind it is there.
        if number in late:
            late[number].wait(5)
        data = photos[number].read()
        if number - 1 in late:
            late[number - 1].set()
        return data

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(500))) == [b"%d" % number for number in range(500)]
    assert len(passes) == 2


def test_photos_of_a_compressed_tar_can_be_read_in_any_order_and_again(pack):
    photos = list(candidates(pack("tar.gz", {f"{number}.jpg": b"%d" % number for number in range(200)})))
    order = [150, 3, 3, 199, 0, 77, 199]

    assert [photos[number].read() for number in order] == [b"%d" % number for number in order]


def test_only_some_members_are_held_for_those_that_ask_late(pack, monkeypatch):
    monkeypatch.setattr(tars, "_MOST_HELD_BYTES", 1000)
    packed = tars.Tar(
        Path(pack("tar.gz", {f"{number}.jpg": bytes(300) for number in range(50)})), keeps=lambda _: False
    )
    read = packed.reader(packed.members)

    read(packed.members[40])

    assert len(read.__self__._held) == 3


@pytest.mark.parametrize("ending", ["zip", "tar"])
def test_photos_are_read_by_many_threads_at_once(pack, ending):
    photos = list(candidates(pack(ending, {f"{number:03d}.jpg": os.urandom(1) * 5000 for number in range(200)})))
    alone = [one.read() for one in photos]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda one: one.read(), photos)) == alone


def test_an_archive_is_gone_through_once_for_all_that_is_asked_of_it(pack, passes):
    spec = pack("tar.gz", {"lake.jpg": b"", "a.txt": b""})
    photos = list(candidates(spec))

    assert left_out(spec) == {".txt": 1}
    assert names_in(spec) == ["lake.jpg"]
    assert len(passes) == 1
    del photos


def test_an_archive_that_changed_is_gone_through_again(pack):
    photos = list(candidates(pack("zip", {"lake.jpg": b""})))

    assert names_in(pack("zip", {"lake.jpg": b"", "sea.jpg": b""})) == ["lake.jpg", "sea.jpg"]
    assert len(photos) == 1


def test_a_hundred_thousand_members_of_a_zip_are_listed_in_seconds(tmp_path):
    central = struct.Struct("<4s4B4HL2L5H2L")
    names = [b"photos/%06d.jpg" % number for number in range(100_000)]
    rest = (20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0)
    directory = b"".join(central.pack(b"PK\x01\x02", *rest) + name for name in names)
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    end_64 = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 100_000, 100_000, len(directory), 0)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(directory), 1)
    (tmp_path / "photos.zip").write_bytes(directory + end_64 + locator + end)
    begun = time.process_time()

    number = sum(1 for _ in candidates(str(tmp_path / "photos.zip")))

    assert number == 100_000
    assert time.process_time() - begun < 10


def test_members_of_a_compressed_tar_are_listed_in_a_time_that_grows_with_their_number(tmp_path):
    header = bytearray(entry_of("photos/00000.jpg").tobuf(tarfile.GNU_FORMAT))
    headers = []
    for number in range(20_000):
        header[7:12] = b"%05d" % number
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        headers.append(bytes(header))
    (tmp_path / "photos.tar.gz").write_bytes(gzip.compress(b"".join(headers) + bytes(1024), 1))
    begun = time.process_time()

    number = sum(1 for _ in candidates(str(tmp_path / "photos.tar.gz")))

    assert number == 20_000
    assert time.process_time() - begun < 5


def test_nothing_of_an_archive_is_remembered_once_its_photos_are_gone(pack):
    photos = list(candidates(pack("tar.gz", {"lake.jpg": b"bytes", "sea.jpg": b"bytes"})))
    photos[0].read()
    assert len(archive._OPEN) == 1

    photos.clear()

    assert len(archive._OPEN) == 0
