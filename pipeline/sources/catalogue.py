"""Which source is meant: `drawn:120`, or a folder."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.sources import drawn, folder
from pipeline.sources.candidate import Candidate

SCHEMES: dict[str, Callable[[str], Iterator[Candidate]]] = {"drawn": drawn.candidates}
"""The word before the colon -> the source that understands what stands after it."""

BRINGING_LABELS = frozenset({"drawn"})
"""The sources whose photos come with exact label maps."""


def brings_labels(source: str) -> bool:
    """Whether every photo of a source comes with its label map, so that no segmenter is needed."""
    scheme, colon, _ = source.partition(":")
    return bool(colon) and scheme in BRINGING_LABELS


def left_out(source: str, *, without: Collection[Path] = ()) -> Counter[str]:
    """Endings of the files in a folder that are not taken for photos -> how many; empty for other sources."""
    is_folder = source.partition(":")[0] not in SCHEMES
    return folder.left_out(source, without=without) if is_folder else Counter()


def open_source(source: str, *, without: Collection[Path] = ()) -> Iterator[Candidate]:
    """The photos that a source offers, in an order that is the same every time.

    without: folders in which nothing is a photo of the user's.

    Raises: SourceError when there is no such source, or nothing in it.
    """
    scheme, colon, rest = source.partition(":")
    if colon and scheme in SCHEMES:
        return SCHEMES[scheme](rest)
    if colon and scheme.isalpha() and len(scheme) > 1:
        raise SourceError(f"there is no source '{scheme}:'. The sources are ./folder and {', '.join(SCHEMES)}:...")
    return folder.candidates(source, without=without)
