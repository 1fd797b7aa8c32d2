"""What is to be painted: which pictures of which maps, which of them are there already, and which go together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.classes import Taxonomy
from pipeline.errors import RunError
from pipeline.painting.made import MadePictures
from pipeline.painting.maps import Map, read_map
from pipeline.painting.sizes import PictureSize
from pipeline.painting.styles import Style
from pipeline.rows import digest

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.generate import Map as Tensors
    from gaugan.generate import Painter, Precision


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """What all pictures of a command have in common.

    run, weights: the run's name, and the digest of what it paints with.    folder: where files go.
    styles: in which each map is painted, with their vectors.    size: None scales pictures to their maps.
    """

    run: str
    weights: str
    painter: "Painter"
    precision: "Precision"
    taxonomy: Taxonomy
    maps: Sequence[Map]
    styles: "Sequence[tuple[Style, list[Tensor | None]]]"
    size: PictureSize | None
    folder: Path

    @property
    def pictures(self) -> int:
        """How many are wanted in all."""
        return len(self.maps) * sum(style.steps for style, _ in self.styles)


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """The pictures of a map that end in one file, or in two: a strip and an animation.

    vectors: the styles, one a picture.    key: another wherever the files would be.    is_there: whether they are.
    at: (height, width) that is painted.    done: pictures by their place among the styles.
    """

    map: Map
    vectors: "Sequence[Tensor | None]"
    files: tuple[Path, ...]
    key: str
    at: tuple[int, int]
    is_there: bool
    done: dict[int, np.ndarray] = field(default_factory=dict)


Step = tuple[Wanted, int]
"""One picture: of what, and in which of its styles."""


def files_of(one: Map, style: Style, folder: Path) -> tuple[Path, ...]:
    """The files that a map in a style ends in."""
    stem = f"{one.stem}-{style.name}" if style.name else one.stem
    return tuple(folder / f"{stem}{suffix}" for suffix in ((".png", ".gif") if len(style.ends) > 1 else (".png",)))


def refuse_places_of_maps(maps: Sequence[Map], styles: Sequence[Style], folder: Path) -> None:
    """Raises: RunError when a picture would take the place of a map."""
    sources = {one.labels.resolve() for one in maps}
    for one in maps:
        for file in (file for style in styles for file in files_of(one, style, folder)):
            if file.resolve() in sources:
                raise RunError(
                    f"the picture {file} would take the place of a label map. Name another folder with --out"
                )


def look(work: Work, maps: Iterable[Map], made: MadePictures) -> list[Wanted]:
    """Reads maps, and says what is wanted of them.

    Raises: RunError when the run cannot paint one; PhotoError when a file is no map.
    """
    from gaugan.errors import DataError

    wanted = []
    for one in maps:
        labels, instances = read(work, one)
        try:
            work.painter.refuse(labels, instances)
        except DataError as error:
            raise RunError(f"{one.labels}: {error}") from error
        shape = (labels.shape[0], labels.shape[1])
        at = work.size.of(shape) if work.size else work.painter.painted_size(shape)
        seen = labels, instances if work.painter.edges else None
        contents = [None if ids is None else (tuple(ids.shape), digest(ids.numpy().tobytes())) for ids in seen]
        for style, vectors in work.styles:
            said = style.key if work.painter.has_style else None
            key = digest(repr((work.weights, work.precision, work.size and at, said, contents)).encode())
            files = files_of(one, style, work.folder)
            is_there = made.are_there(files, key)
            wanted.append(Wanted(map=one, vectors=vectors, files=files, key=key, at=at, is_there=is_there))
    return wanted


def read(work: Work, one: Map) -> "Tensors":
    """A map as the painter takes it. Raises: as `read_map`."""
    import torch

    labels, instances = read_map(one, work.taxonomy)
    return torch.from_numpy(labels), None if instances is None else torch.from_numpy(instances)


def batches(wanted: Iterable[Wanted], most: Callable[[tuple[int, int]], int]) -> Iterator[list[Step]]:
    """Pictures that are painted together, all at one size: the first map first, as far as that goes.

    most: how many of a size (height, width).
    """
    waiting: dict[tuple[int, int], list[Step]] = {}
    for one in wanted:
        for step in range(len(one.vectors)):
            waiting.setdefault(one.at, []).append((one, step))
            if len(waiting[one.at]) >= most(one.at):
                yield waiting.pop(one.at)
    yield from waiting.values()
