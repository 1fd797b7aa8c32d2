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


BYTES_A_PIXEL = 12
"""Of an animation, while it is written: each picture in full, in 256 colours, and there and back in the file."""


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

    vectors: the styles, one a picture.    key: another wherever the files would be.
    at: (height, width) that is painted.    done: pictures by their place among the styles.
    """

    map: Map
    vectors: "Sequence[Tensor | None]"
    files: tuple[Path, ...]
    key: str
    at: tuple[int, int]
    done: dict[int, np.ndarray] = field(default_factory=dict)


Step = tuple[Wanted, int]
"""One picture: of what, and in which of its styles."""


def files_of(one: Map, style: Style, folder: Path) -> tuple[Path, ...]:
    """The files that a map in a style ends in."""
    stem = f"{one.stem}-{style.name}" if style.name else one.stem
    return tuple(folder / f"{stem}{suffix}" for suffix in ((".png", ".gif") if len(style.ends) > 1 else (".png",)))


def refuse_places_of_maps(maps: Sequence[Map], styles: Sequence[Style], folder: Path) -> None:
    """Raises: RunError when a picture would take the place of a label map or an instance map."""
    sources = {one.labels.resolve(): "a label map" for one in maps}
    sources |= {one.instances.resolve(): "an instance map" for one in maps if one.instances}
    for one in maps:
        for file in (file for style in styles for file in files_of(one, style, folder)):
            if what := sources.get(file.resolve()):
                raise RunError(f"the picture {file} would take the place of {what}. Name another folder with --out")


def refuse_places_of_others(work: Work, made: MadePictures) -> None:
    """Raises: RunError when a picture would take the place of a file that was not painted here."""
    for one in work.maps:
        for file in (file for style, _ in work.styles for file in files_of(one, style, work.folder)):
            if not made.is_free(file):
                raise RunError(
                    f"{file} is there, and generate did not paint it. Take it away, or name another folder with --out"
                )


def look(work: Work, maps: Iterable[Map]) -> list[Wanted]:
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
            _demand_memory(style, at if work.size else shape)
            said = style.key if work.painter.has_style else None
            key = digest(repr((work.weights, work.precision, work.size and at, said, contents)).encode())
            wanted.append(Wanted(map=one, vectors=vectors, files=files_of(one, style, work.folder), key=key, at=at))
    return wanted


def _demand_memory(style: Style, size: tuple[int, int]) -> None:
    """Raises: RunError when the memory that is free does not hold all pictures of an animation of this size."""
    if len(style.ends) == 1:
        return
    import torch

    from gaugan.memory import free_bytes

    needed, free = BYTES_A_PIXEL * style.steps * size[0] * size[1], free_bytes(torch.device("cpu"))
    if needed > free:
        raise RunError(
            f"an animation of {style.steps:,} pictures of {size[1]}x{size[0]} px takes about {needed / 1e9:.1f} GB of "
            f"memory, and {free / 1e9:.1f} are free. Take fewer with --steps, or smaller ones with --size"
        )


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
            # The pictures of an animation are written together: none of them waits for another map.
            is_whole = len(one.files) > 1 and step == len(one.vectors) - 1
            if len(waiting[one.at]) >= most(one.at) or is_whole:
                yield waiting.pop(one.at)
    yield from waiting.values()
