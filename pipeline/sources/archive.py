"""The source that is an archive: the photos in a zip or tar, read from it without a file being written."""

import io
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO
from weakref import WeakValueDictionary

from pipeline.errors import PhotoError, SourceError
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted
from pipeline.sources.credits import SILENCE, Credits, credited, credits_beside, key_of
from pipeline.sources.packed.member import Member
from pipeline.sources.packed.tars import Tar
from pipeline.sources.packed.zips import Zip
from pipeline.sources.photo_files import SUFFIXES, ending_of

NO_PATH = "with a name that leads elsewhere"
"""What `left_out` calls members whose names are no paths inside their archive."""

_NOT_READ = {b"Rar!": "RAR", b"7z\xbc\xaf": "7-Zip", b"\x28\xb5\x2f\xfd": "Zstandard"}
"""First bytes of a file -> how it is packed, where nothing here unpacks it."""
_MOST_LETTERS = 1000
"""Of a name: longer ones are made to do harm."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Contents:
    """What is in an archive. photos: path inside it -> member, in the order in which they are offered.

    broken: why there may be more, "" for a whole archive.
    """

    photos: dict[str, Member]
    left_out: Counter[str]
    credits: dict[str, Credits]
    broken: str
    read: Callable[[Member], bytes]


_OPEN: WeakValueDictionary[tuple[Path, int, int], _Contents] = WeakValueDictionary()
"""Archives whose candidates are in use: path, size and time of change -> what is in them."""


def candidates(spec: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The photos of a .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz, hidden files left out; its bytes say which it is.

    They come in the order of their names; those of a compressed tar as they are packed, for it is read forwards only,
    and fastest when they are asked for in about this order. Of two members of one name the later counts. A link, an
    encrypted member or one that is too large is a photo that cannot be read; one whose name leads elsewhere is none.
    CSV files say more of the photos, as they do beside photos in a folder: those at the top of the archive, or in the
    one folder that holds everything, to 200 MB.

    Raises: SourceError when there is no such archive, no photo in it, or more than is taken in; after the last photo
    that can be read, when a tar is cut off or broken behind it.
    """
    contents = _contents(spec)
    for name, member in contents.photos.items():
        photo = Candidate(name=name, read=partial(_read, contents, member), source="archive")
        yield credited(photo, contents.credits.get(key_of(name), SILENCE), license=wanted.license)
    if contents.broken:
        raise SourceError(contents.broken)
    if not contents.photos:
        raise SourceError(f"there is no photo in {spec}: no file ends in {' '.join(sorted(SUFFIXES))}")


def left_out(spec: str, *, without: Collection[Path] = ()) -> Counter[str]:
    """Endings of the members that are not taken for photos, and NO_PATH -> how many; hidden files do not count.

    Raises: SourceError when there is no such archive, or it cannot be read.
    """
    return _contents(spec).left_out


def _contents(spec: str) -> _Contents:
    """What is in an archive; it is not gone through again while candidates of it are in use."""
    try:
        path = Path(spec).expanduser().absolute()
        state = path.stat()
        if not path.is_file():
            raise SourceError(f"{spec} is not a regular file. Name an archive: photos.zip, photos.tar.gz")
    except (FileNotFoundError, RuntimeError):  # ~photos is the home of a user called photos, whom nobody knows
        raise SourceError(f"there is no archive {spec}. Name one that is there") from None
    except OSError as error:
        raise _unreadable(spec, error) from None
    key = (path, state.st_size, state.st_mtime_ns)
    contents = _OPEN[key] = _OPEN.get(key) or _opened(spec)
    return contents


def _opened(spec: str) -> _Contents:
    path = Path(spec).expanduser()
    try:
        with path.open("rb") as file:
            first = file.read(8)
        for mark, packing in _NOT_READ.items():
            if first.startswith(mark):
                raise SourceError(f"{spec} is packed with {packing}, which is not read. Unpack it, and name the folder")
        packed = (Zip if first.startswith(b"PK") else Tar)(path, keeps=_may_say_more)
    except OSError as error:
        raise _unreadable(spec, error) from None

    photos: dict[str, Member] = {}
    others: Counter[str] = Counter()
    for member in packed.members:
        name, ending = _inside(member.name), ending_of(member.name)
        if not name:
            others[NO_PATH] += 1
        elif _is_hidden(name):
            continue
        elif ending in SUFFIXES:
            photos[name] = member
        else:
            others[ending if re.fullmatch(r"[.\w]{1,20}", ending) else ""] += 1
    in_order = sorted(photos, key=lambda name: photos[name].place) if packed.is_forward else sorted(photos)
    return _Contents(
        photos={name: photos[name] for name in in_order},
        left_out=others,
        credits=credits_beside(_tables(path, packed.kept, photos)),
        broken=packed.broken,
        read=packed.reader(list(photos.values())),
    )


def _unreadable(spec: str, error: OSError) -> SourceError:
    return SourceError(f"cannot read {spec}: {error.strerror}. Give yourself the right to read it")


def _inside(name: str) -> str:
    """The path of a member inside its archive, "" where its name leads elsewhere."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    leads_elsewhere = name.startswith("/") or ".." in parts or re.match("[A-Za-z]:", name) or re.search(r"[\\\0]", name)
    return "" if leads_elsewhere or len(name) > _MOST_LETTERS else "/".join(parts)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _may_say_more(name: str) -> bool:
    if ending_of(name) != ".csv":
        return False
    name = _inside(name)
    return bool(name) and name.count("/") <= 1 and not _is_hidden(name)


def _tables(path: Path, kept: Mapping[str, bytes], photos: Collection[str]) -> Iterator[tuple[str, str, BinaryIO]]:
    """The CSV files at the top, and in the one folder that all photos are in."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in photos}
    for name, data in sorted(kept.items()):
        folder = _inside(name).rpartition("/")[0]
        if not folder or tops == {folder}:
            yield f"{name} in {path}", folder, io.BytesIO(data)


def _read(contents: _Contents, member: Member) -> bytes:
    if member.fault:
        raise PhotoError(member.fault, cause=member.cause)
    return contents.read(member)
