"""What is in a zip, and its bytes: members in any order, from many threads."""

import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Sequence
from lzma import LZMAError
from pathlib import Path

from pipeline.errors import PhotoError, SourceError
from pipeline.sources.packed import member as limits
from pipeline.sources.packed.member import Member, fault_of_size, reason

_FAULTS = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError, OSError),
    *(ValueError, RuntimeError, OverflowError),
)
"""What zipfile raises over bytes that are not as they should be."""
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x06"
_TAIL_BYTES = 66_000
"""The end of a file in which a zip tells how long its directory is."""
_ENTRY_BYTES = 300
"""Of an entry in a directory, with a long name."""


class Zip:
    """A zip, its directory read. Its file stays open until the object is gone."""

    is_forward = False
    broken = ""

    def __init__(self, path: Path, *, keeps: Callable[[str], bool]) -> None:
        """keeps: whether the bytes of a member of this name are to be in `kept`.

        Raises: SourceError when the file is no whole zip, or one with more in it than is taken in.
        """
        self._lock = threading.Lock()
        try:
            _refuse_too_many(path, *_directory(path))
            self._zip = zipfile.ZipFile(path)
        except _FAULTS as error:
            raise SourceError(
                f"{path} cannot be read as a zip: {reason(error)}. Its directory stands at its end: "
                "if the file was cut off on its way, get it again"
            ) from None
        self._entries = self._zip.infolist()
        _refuse_too_many(path, len(self._entries))
        if (total := sum(entry.file_size for entry in self._entries)) > limits.MOST_BYTES_IN_ALL:
            raise SourceError(
                f"{path} would unpack to {total:,} bytes, at most {limits.MOST_BYTES_IN_ALL:,} are taken in. Divide it"
            )
        members = (_member(place, entry) for place, entry in enumerate(self._entries))
        self.members = [one for one in members if not one.name.endswith("/")]
        self.kept = self._kept(path, keeps)

    def reader(self, members: Sequence[Member]) -> Callable[[Member], bytes]:
        """Gives the bytes of a member, or raises PhotoError; members: those that will be asked for."""
        return self._read

    def _kept(self, path: Path, keeps: Callable[[str], bool]) -> dict[str, bytes]:
        kept, bytes_left = {}, limits.MOST_KEPT_BYTES
        for member in self.members:
            if keeps(member.name) and not member.fault and (bytes_left := bytes_left - member.size_bytes) >= 0:
                try:
                    kept[member.name] = self._read(member)
                except PhotoError as error:
                    raise SourceError(f"{member.name} in {path} {error}. Get it again") from None
        return kept

    def _read(self, member: Member) -> bytes:
        entry = self._entries[member.place]
        try:
            # What counts the open members of a zip is not made for threads.
            with self._lock:
                file = self._zip.open(entry)
            try:
                data = file.read(member.size_bytes + 1)
            finally:
                with self._lock:
                    file.close()
        except _FAULTS as error:
            raise PhotoError(f"cannot be read from its archive: {reason(error)}", cause="unreadable") from None
        if len(data) != member.size_bytes:
            sizes = f"{len(data):,} bytes are there, {member.size_bytes:,} are announced"
            raise PhotoError(f"cannot be read from its archive: {sizes}", cause="unreadable")
        return data


def _directory(path: Path) -> tuple[int, int]:
    """How many entries and bytes the directory of a zip has, as its end says, before it is read into memory."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        tail = file.read(_TAIL_BYTES)
    at, at_64 = tail.rfind(_END), tail.rfind(_END_64)
    if at < 0 or len(tail) < at + 22:
        return 0, 0
    count, size_bytes = struct.unpack_from("<HI", tail, at + 10)
    if 0xFFFF in (count, size_bytes >> 16) and 0 <= at_64 <= len(tail) - 48:
        count, size_bytes = struct.unpack_from("<QQ", tail, at_64 + 32)
    return count, size_bytes


def _refuse_too_many(path: Path, count: int, size_bytes: int = 0) -> None:
    count = max(count, size_bytes // _ENTRY_BYTES)
    if count > limits.MOST_MEMBERS:
        raise SourceError(f"{path} holds {count:,} files, at most {limits.MOST_MEMBERS:,} are taken in. Divide it")


def _member(place: int, entry: zipfile.ZipInfo) -> Member:
    # zipfile cuts names at a zero byte, and on Windows takes backslashes for slashes.
    name, kind = entry.orig_filename, stat.S_IFMT(entry.external_attr >> 16)
    too_large = fault_of_size(entry.file_size)
    if not too_large and entry.file_size > max(limits.HARMLESS_BYTES, limits.MOST_RATIO * entry.compress_size):
        too_large = f"would unpack to more than {limits.MOST_RATIO} times its size, which no photo does"
    if kind == stat.S_IFLNK:
        fault = "is a link, which is not followed. Pack the photo itself"
    elif kind not in (0, stat.S_IFREG):
        fault = "is not a regular file"
    elif entry.flag_bits & _ENCRYPTED:
        fault = "is encrypted. Unpack the archive with its password, and name the folder"
    else:
        fault = too_large
    cause = "too_large" if fault and fault == too_large else "unreadable"
    return Member(name=name, place=place, size_bytes=entry.file_size, fault=fault, cause=cause)
