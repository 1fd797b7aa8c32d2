"""Which source is meant: `drawn:120`, `openverse:mountain lake`, a folder, an archive, or a list of addresses."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of source. module: of this package, with a function `candidates(spec, wanted)`.

    is_service: a service is asked what it has, page by page.
    takes_license: whoever names the source says what licence its photos are under.
    comes_whole: all of it is downloaded before anything is known of it.
    brings_labels: every photo comes with an exact label map.
    left_out: what its function `left_out` counts, in the singular; "" where it has none.
    """

    module: str
    is_service: bool = False
    takes_license: bool = False
    comes_whole: bool = False
    brings_labels: bool = False
    left_out: str = ""


SCHEMES: dict[str, Kind] = {
    "drawn": Kind(module="drawn", brings_labels=True),
    "openverse": Kind(module="openverse", is_service=True),
    "commons": Kind(module="commons", is_service=True),
    "flickr": Kind(module="flickr", is_service=True),
    "unsplash": Kind(module="unsplash", takes_license=True),
    "kaggle": Kind(module="kaggle", takes_license=True, comes_whole=True),
}
"""The word before the colon -> the source that understands what stands after it."""

FOLDER = Kind(module="folder", takes_license=True, left_out="file not named like a photo")
ARCHIVE = Kind(module="archive", takes_license=True, left_out="file not named like a photo")
URL_LIST = Kind(module="url_list", left_out="line")
ENDINGS: dict[str, Kind] = {
    **dict.fromkeys((".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz"), ARCHIVE),
    **dict.fromkeys((".txt", ".csv", ".tsv", ".parquet"), URL_LIST),
}
"""Ending of a file, in small letters -> the source that reads it."""


def open_source(source: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The photos that a source offers, in an order that is the same every time the source is.

    Raises: SourceError when there is no such source, or nothing in it; of a service, also in the middle.
    """
    kind, spec = _understand(source)
    return import_module(f"pipeline.sources.{kind.module}").candidates(spec, wanted)


def brings_labels(source: str) -> bool:
    """Whether every photo of a source comes with its label map, so that no segmenter is needed."""
    return _understand(source)[0].brings_labels


def is_service(source: str) -> bool:
    """Whether somebody else is asked, page by page, what there is."""
    return _understand(source)[0].is_service


def takes_license(source: str) -> bool:
    """Whether whoever names the source says what licence its photos are under, because nobody else does."""
    return _understand(source)[0].takes_license


def comes_whole(source: str) -> bool:
    """Whether all of a source is downloaded before anything is known of it."""
    return _understand(source)[0].comes_whole


def left_out(source: str, *, without: Collection[Path] = ()) -> tuple[str, Counter[str]]:
    """What is passed over and is called in the singular, "line", and why -> how many: of files, their endings."""
    kind, spec = _understand(source)
    if not kind.left_out:
        return "", Counter()
    counts = import_module(f"pipeline.sources.{kind.module}").left_out
    return kind.left_out, counts(spec, without=without) if kind is FOLDER else counts(spec)


def _understand(source: str) -> tuple[Kind, str]:
    """The kind of a source, and what it is told."""
    scheme, colon, spec = source.partition(":")
    if colon and scheme in SCHEMES:
        return SCHEMES[scheme], spec
    if scheme in ("http", "https"):
        raise SourceError(f"{source} is one address. Put addresses into a text file, one a line, and name the file")
    if colon and scheme.isalpha() and len(scheme) > 1:
        kinds = ", ".join(f"{name}:" for name in SCHEMES)
        raise SourceError(f"there is no source '{scheme}:'. Name a folder, an archive, a list of addresses, or {kinds}")
    path = Path(source)
    if not path.is_dir():
        for ending, kind in ENDINGS.items():
            if path.name.lower().endswith(ending):
                return kind, source
    return FOLDER, source
