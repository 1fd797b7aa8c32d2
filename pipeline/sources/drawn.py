"""The source `drawn:N`: landscapes painted by code, each with its exact label map."""

import re
from collections.abc import Iterator
from functools import lru_cache, partial

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted
from pipeline.sources.landscapes import Drawing, describe, draw

VERSION = 1
"""Part of every name: another way of painting is another version, so that a name always means the same bytes."""

SMALLEST_PX, LARGEST_PX = 64, 2048


def candidates(spec: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The pictures of `N`, `N?seed=S`, `N?size=PX` or `N?seed=S&size=PX`: the first N of a series without end.

    seed (0 unless given) names the series, size (256 unless given) is the side of the square pictures in pixels.

    Raises: SourceError when the spec says something else.
    """
    count, seed, size = _parse(spec)
    return (_candidate(index, seed, size) for index in range(count))


def _parse(spec: str) -> tuple[int, int, int]:
    """Count, seed and size."""
    count, _, query = spec.partition("?")
    settings = dict(re.findall(r"(seed|size)=([0-9]{1,9})(?:&|$)", query))
    said = "&".join(f"{name}={value}" for name, value in settings.items())
    if not re.fullmatch(r"[0-9]{1,9}", count) or query != said or spec.endswith("?"):
        raise SourceError(f"drawn:{spec} is not understood. Write drawn:120, or drawn:120?seed=3&size=512")
    if int(count) < 1:
        raise SourceError(f"drawn:{spec} asks for no picture. Ask for at least one: drawn:1")
    size = int(settings.get("size", 256))
    if not SMALLEST_PX <= size <= LARGEST_PX:
        raise SourceError(f"drawn:{spec} asks for a size of {size} pixels. It can be {SMALLEST_PX} to {LARGEST_PX}")
    return int(count), int(settings.get("seed", 0)), size


def _candidate(index: int, seed: int, size: int) -> Candidate:
    return Candidate(
        name=f"drawn-v{VERSION}-s{seed}-{size}-{index:05d}.png",
        read=partial(_read, index, seed, size),
        read_labels=partial(_read_labels, index, seed, size),
        fixed=True,
        source="drawn",
        title=describe(index, seed=seed),
        creator="gauganpipe",
        license="CC0-1.0",
        license_url="https://creativecommons.org/publicdomain/zero/1.0/",
        redistributable="yes",
    )


def _read(index: int, seed: int, size: int) -> bytes:
    photo = _drawing(index, seed, size).photo
    _, encoded = cv2.imencode(".png", photo[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return encoded.tobytes()


def _read_labels(index: int, seed: int, size: int) -> np.ndarray:
    return _drawing(index, seed, size).labels.copy()


@lru_cache(maxsize=4)
def _drawing(index: int, seed: int, size: int) -> Drawing:
    """Kept for a moment: whoever asks for the photo asks for its labels next."""
    return draw(index, seed=seed, size=size)
