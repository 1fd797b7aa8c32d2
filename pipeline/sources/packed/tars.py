"""What is in a tar, and its bytes: of a plain one in any order, of a compressed one from its beginning to its end."""

import bz2
import gzip
import lzma
import tarfile
import threading
import zlib
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import PhotoError, SourceError
from pipeline.sources.packed import member as limits
from pipeline.sources.packed.member import Member, fault_of_size, reason

_FAULTS = (
    *(tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError),
    *(ValueError, OverflowError, RecursionError),
)
"""What tarfile and the unpackers raise over bytes that are not as they should be."""
_OPENERS: dict[bytes, Callable[..., BinaryIO]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
"""First bytes of a compressed file -> what unpacks it."""
_MOST_HEADER_BYTES = 1_000_000
"""Of a name and what else stands before a member: tarfile would read any number into memory."""
_MOST_HELD, _MOST_HELD_BYTES = 32, 256_000_000
"""Members that are kept for a moment because those behind them were asked for first: in number, and together."""


class Tar:
    """A tar, gone through once from beginning to end.

    is_forward: it is compressed, so that its members are best asked for in their order.
    broken: why there may be more in it than `members`, a sentence; "" for a whole archive.
    """

    def __init__(self, path: Path, *, keeps: Callable[[str], bool]) -> None:
        """keeps: whether the bytes of a member of this name are to be in `kept`.

        Raises: SourceError when the file is no tar, or one with more in it than is taken in.
        """
        self._path = path
        with path.open("rb") as file:
            first = file.read(8)
        self._open = next((opener for mark, opener in _OPENERS.items() if first.startswith(mark)), open)
        self.is_forward = self._open is not open
        self.members: list[Member] = []
        self.kept: dict[str, bytes] = {}
        self.broken = ""
        try:
            with closing(self._open(path, "rb")) as stream:
                self._list(stream, keeps)
        except (*_FAULTS, PhotoError) as error:
            if not self.members:
                raise SourceError(f"{path} cannot be read as a tar: {reason(error)}. Get it again") from None
            self._break(reason(error))

    def reader(self, members: Sequence[Member]) -> Callable[[Member], bytes]:
        """Gives the bytes of a member, or raises PhotoError, from any thread; members: those that will be asked for.

        Members of a compressed archive that are asked for in about their order are found in one pass.
        """
        if self.is_forward:
            return _Pass(lambda: self._open(self._path, "rb"), members).read
        return self._read

    def _read(self, member: Member) -> bytes:
        try:
            with self._path.open("rb") as file:
                return _bytes_of(member, file)
        except OSError as error:
            raise PhotoError(f"cannot be read from its archive: {reason(error)}", cause="unreadable") from None

    def _list(self, stream: BinaryIO, keeps: Callable[[str], bool]) -> None:
        headers = _Headers(stream)
        tar = tarfile.TarFile(fileobj=headers, encoding="utf-8")
        size_bytes, unpacked_bytes, kept_bytes, count = self._path.stat().st_size, 0, 0, 0
        while (entry := tar.next()) is not None:
            tar.members = []  # tarfile would remember every one
            count, unpacked_bytes = count + 1, unpacked_bytes + entry.size
            if entry.size < 0:
                raise tarfile.ReadError("a file of less than no bytes")
            if count > limits.MOST_MEMBERS:
                raise SourceError(f"{self._path} holds more than {limits.MOST_MEMBERS:,} files. Divide it")
            self._refuse_bomb(size_bytes, unpacked_bytes)
            if entry.isdir():
                continue
            member = _member(entry)
            self.members.append(member)
            if keeps(member.name) and not member.fault and kept_bytes + entry.size <= limits.MOST_KEPT_BYTES:
                kept_bytes += entry.size
                self.kept[member.name] = _bytes_of(member, stream)
        # tarfile takes whatever is no header for the end.
        if headers.last.strip(b"\0"):
            self._break("there is something else where a file should begin")

    def _refuse_bomb(self, size_bytes: int, unpacked_bytes: int) -> None:
        most = limits.MOST_BYTES_IN_ALL
        if self.is_forward:
            most = min(most, max(limits.HARMLESS_BYTES_IN_ALL, limits.MOST_RATIO * size_bytes))
        if unpacked_bytes > most:
            raise SourceError(f"{self._path} would unpack to more than {most:,} bytes, which are not taken in")

    def _break(self, why: str) -> None:
        self.broken = (
            f"{self._path} cannot be read beyond its {len(self.members):,} first files: {why}. "
            "If it was cut off on its way, get it again"
        )


class _Headers:
    """A stream as tarfile may read it: in small pieces, of which the last is remembered."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.last = b""
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= _MOST_HEADER_BYTES:
            raise tarfile.ReadError(f"a file with {size:,} bytes before it")
        self.last = self._stream.read(size)
        return self.last


class _Pass:
    """Reads members of a compressed tar in one pass, as long as each is asked for soon after those before it."""

    def __init__(self, open_stream: Callable[[], BinaryIO], members: Sequence[Member]) -> None:
        self._open_stream = open_stream
        self._members = sorted((one for one in members if not one.fault), key=lambda one: one.place)
        self._places = [one.place for one in self._members]
        self._lock = threading.Lock()
        self._stream: BinaryIO | None = None
        self._next = 0
        self._held: dict[int, bytes] = {}

    def read(self, member: Member) -> bytes:
        with self._lock:
            index = bisect_left(self._places, member.place)
            if index in self._held:
                return self._held.pop(index)
            if index < self._next:
                self._close()
            try:
                for between in range(max(self._next, index - _MOST_HELD), index):
                    self._hold(between)
                return self._taken(index)
            except _FAULTS as error:
                self._close()
                raise PhotoError(f"cannot be read from its archive: {reason(error)}", cause="unreadable") from None

    def _taken(self, index: int) -> bytes:
        if self._stream is None:
            self._stream = self._open_stream()
        self._next = index + 1
        data = _bytes_of(self._members[index], self._stream)
        if self._next == len(self._members):
            self._stream.close()
        return data

    def _hold(self, index: int) -> None:
        self._held[index] = self._taken(index)
        while len(self._held) > _MOST_HELD or sum(map(len, self._held.values())) > _MOST_HELD_BYTES:
            del self._held[next(iter(self._held))]

    def _close(self) -> None:
        """The next member is looked for from the beginning."""
        if self._stream is not None:
            self._stream.close()
        self._stream, self._next = None, 0
        self._held.clear()

    def __del__(self) -> None:
        self._close()


def _member(entry: tarfile.TarInfo) -> Member:
    fault, cause = fault_of_size(entry.size), "too_large"
    if not entry.isreg() or entry.issparse():
        cause = "unreadable"
        fault = "is not a regular file"
        if entry.issym() or entry.islnk():
            fault = "is a link, which is not followed. Pack the photo itself"
        elif entry.isreg():
            fault = "is packed with holes, which is not read. Pack it without --sparse"
    return Member(name=entry.name, place=entry.offset_data, size_bytes=entry.size, fault=fault, cause=cause)


def _bytes_of(member: Member, stream: BinaryIO) -> bytes:
    stream.seek(member.place)
    data = stream.read(member.size_bytes)
    if len(data) < member.size_bytes:
        raise PhotoError("is cut off: its archive ends before it does", cause="unreadable")
    return data
