"""The source that is a list of addresses: a text file, CSV, TSV or parquet, read as it is asked for."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import SourceError
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted
from pipeline.sources.credits import Credits, columns_of, credited, credits_of
from pipeline.sources.delimited import table_lines, text_lines

ENDINGS = (".txt", ".csv", ".tsv", ".parquet")
"""Endings of the files that are taken for lists, in small letters."""
NO_ADDRESS, AGAIN = "without an address", "with an address that stands there before"
"""What `left_out` calls lines of which there is no photo."""

_MOST_LETTERS = 500
"""Of a name: an address that is longer is cut, and a digest of it put behind."""
_ROWS_AT_A_TIME = 1000


def candidates(spec: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The photos of a list, in its order, each address once; whether an address can be asked is not judged here.

    A .txt has an address a line; lines that begin with `#` are remarks. A .csv, .tsv or .parquet has a column of
    addresses (url, image_url, photo_url, link, ...), and may have any of license, license_url, creator, creator_url,
    source_page, title, redistributable, width, height and sha1, in many spellings. Where a line says no licence,
    `wanted.license` counts.

    Raises: SourceError when there is no such list, no address in it, or a line that is not as it should be.
    """
    seen: set[bytes] = set()
    for said in _lines(spec):
        if said.source_url and _is_new(said.source_url, seen):
            photo = Candidate(name=_name(said.source_url), fixed=True, source="urls")
            yield credited(photo, said, license=wanted.license)
    if not seen:
        raise SourceError(f"there is no address in {spec}. Write one a line, such as https://example.com/lake.jpg")


def left_out(spec: str) -> Counter[str]:
    """NO_ADDRESS and AGAIN -> how many lines of the list are left out for that; the list is read for it.

    Raises: SourceError when there is no such list, or a line is not as it should be.
    """
    seen: set[bytes] = set()
    left: Counter[str] = Counter()
    for said in _lines(spec):
        if not said.source_url:
            left[NO_ADDRESS] += 1
        elif not _is_new(said.source_url, seen):
            left[AGAIN] += 1
    return left


def _is_new(address: str, seen: set[bytes]) -> bool:
    """Whether an address was not seen before, which from now on it was; a million addresses take up 100 MB."""
    digest = hashlib.blake2b(address.encode("utf-8", "surrogatepass"), digest_size=12).digest()
    is_new = digest not in seen
    seen.add(digest)
    return is_new


def _name(address: str) -> str:
    if len(address) <= _MOST_LETTERS:
        return address
    return f"{address[:_MOST_LETTERS]}...{hashlib.sha256(address.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def _lines(spec: str) -> Iterator[Credits]:
    """What each line says; its address without the fragment, which is never sent, and without a password's letters."""
    path = _file(spec)
    ending = path.suffix.lower()
    if ending == ".parquet":
        lines = _parquet_lines(path)
    else:
        file = _opened(path)
        lines = _text_lines(file, path) if ending == ".txt" else _table_lines(file, path)
    for said in lines:
        address = said.source_url.partition("#")[0].strip()
        # It is refused all the same, but nobody's password goes into a manifest
        yield replace(said, source_url=re.sub(r"//[^/?#]*@", "//...@", address, count=1))


def _file(spec: str) -> Path:
    try:
        path = Path(spec).expanduser()
        if path.suffix.lower() not in ENDINGS:
            raise SourceError(f"{spec} is no list of addresses: its name ends in none of {' '.join(ENDINGS)}")
        if path.is_file():
            return path
    except OSError as error:
        raise SourceError(f"cannot read {spec}: {error.strerror}. Give yourself the right to read it") from None
    except RuntimeError:  # ~photos is the home of a user called photos, whom nobody knows
        pass
    raise SourceError(f"there is no list {spec}. Name a file with an address a line")


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}. Give yourself the right to read it") from None


def _text_lines(file: BinaryIO, path: Path) -> Iterator[Credits]:
    with file:
        for line in text_lines(file, str(path)):
            if line.strip() and not line.lstrip().startswith("#"):
                yield Credits(source_url=line)


def _table_lines(file: BinaryIO, path: Path) -> Iterator[Credits]:
    with file:
        lines = table_lines(file, str(path))
        _, header = next(lines, (0, []))
        columns = _columns(header, path)
        for number, cells in lines:
            yield credits_of(cells, columns, f"{path}, line {number}")


def _parquet_lines(path: Path) -> Iterator[Credits]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise SourceError(
            f"{path} needs pyarrow, which is not installed. Run pip install 'gauganpipe[sources]'"
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            header = file.schema_arrow.names
            names = [header[place] for place in _columns(header, path).values()]
            numbers = count(1)
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=names):
                columns = columns_of(batch.schema.names)
                for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield credits_of([_cell(value) for value in cells], columns, f"{path}, row {next(numbers)}")
    except (pyarrow.ArrowException, OSError) as error:
        what = str(error).partition("\n")[0]
        raise SourceError(f"{path} cannot be read as parquet: {what}. Get it again") from None


def _columns(header: list[str], path: Path) -> dict[str, int]:
    columns = columns_of(header)
    if header and "source_url" not in columns:
        raise SourceError(f"{path} has no column of addresses. Call one of its columns url: {', '.join(header)[:200]}")
    return columns


def _cell(value: Any) -> str:
    """The text of a value as it would stand in a CSV file."""
    if value is None or value != value:
        return ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
