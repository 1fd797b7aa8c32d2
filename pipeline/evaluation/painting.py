"""The pictures that a run paints of the judged maps: kept beside its scores, and painted once."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import images
from pipeline.console import Bar
from pipeline.evaluation.asked import SELF
from pipeline.evaluation.photos import Photos, Pictures
from pipeline.evaluation.subjects import Subject
from pipeline.painting.made import MadePictures
from pipeline.rows import digest

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.generate import Painter

PICTURES = "pictures"
VERSION = 1
"""Of how pictures are painted here; another one paints them again."""
STYLES, STYLED_MAPS = 4, 48
"""So many pictures, each in a style of its own, are painted of so many maps, to see how much they differ."""
SEEDS = 1_000_000


def style_seed(seed: int, id: str, sample: int = 0) -> int:
    """The seed of a map's style, which no other map changes: `gauganpipe generate --seed` paints the same."""
    return int(digest(repr((seed, id, sample)).encode()), 16) % SEEDS


class Painted:
    """The pictures of a run in one style mode, as files; those that are there and would come out the same stay.

    samples: pictures of each map, in other styles.
    """

    def __init__(self, folder: Path, subject: Subject, photos: Photos, *, style: str, seed: int, split: str) -> None:
        height, width = photos.size
        styled = f"-seed{seed}" if style != SELF and subject.has_style else ""
        self.folder = folder / PICTURES / f"{split}-{width}x{height}-{style}{styled}"
        self.subject, self.photos, self.style, self.seed = subject, photos, style, seed
        self.read()

    def read(self) -> None:
        """Looks which pictures are there."""
        self._made = MadePictures(self.folder)

    def seed_of(self, place: int, sample: int = 0) -> int:
        """Of the style of a picture; 0 where there is none to draw."""
        if self.style == SELF or not self.subject.has_style:
            return 0
        return style_seed(self.seed, self.photos.cases[place].id, sample)

    def path(self, place: int, sample: int = 0) -> Path:
        id = self.photos.cases[place].id
        return self.folder / (f"{id}-{sample}.png" if sample else f"{id}.png")

    def key(self, place: int, sample: int = 0) -> str:
        said = (VERSION, self.subject.weights, self.photos.cases[place].key, self.photos.size, self.style)
        return digest(repr((*said, self.seed_of(place, sample))).encode())

    def missing(self) -> list[tuple[int, int]]:
        """Places and samples of the pictures that are still to be painted."""
        return [one for one in self.wanted() if not self._is_there(*one)]

    def wanted(self) -> list[tuple[int, int]]:
        return [(place, sample) for place in range(len(self.photos)) for sample in range(self.samples_of(place))]

    def samples_of(self, place: int) -> int:
        return STYLES if place < self.styled_maps else 1

    @property
    def styled_maps(self) -> int:
        """So many maps have several pictures."""
        return min(STYLED_MAPS, len(self.photos)) if self.subject.has_style and self.style != SELF else 0

    def paint(self, painter: "Painter", bar: Bar) -> None:
        """Paints what is missing, always in the same batches: what was interrupted ends as if it had not been."""
        wanted, at_once = self.wanted(), painter.at_once(painter.painted_size(self.photos.size))
        with self._made as made:
            for start in range(0, len(wanted), at_once):
                few = wanted[start : start + at_once]
                missing = [one for one in few if not self._is_there(*one)]
                for one, picture in zip(few, self._paint(painter, few) if missing else few, strict=True):
                    if one in missing:
                        images.write_picture(self.path(*one), picture.numpy())
                        made.add((self.path(*one),), self.key(*one))
                        bar.step()

    def pictures(self) -> Pictures:
        """One of each map."""
        key = digest(repr([self.key(place) for place in range(len(self.photos))]).encode())
        return Pictures(
            name=self.subject.name, key=key, number=len(self.photos), read=lambda place: read_picture(self.path(place))
        )

    def samples(self, place: int) -> "Tensor":
        """The pictures of one map, each in a style of its own: (S, 3, H, W) float32 in [-1, 1]."""
        import torch

        few = [read_picture(self.path(place, sample)) for sample in range(self.samples_of(place))]
        return torch.stack(few).float() / 127.5 - 1

    def _paint(self, painter: "Painter", few: Sequence[tuple[int, int]]) -> "Sequence[Tensor]":
        read = [self.photos.read(place) for place, _ in few]
        maps = [(one.labels, one.instances) for one in read]
        if self.style == SELF:
            styles = [painter.style_of(one.image.permute(1, 2, 0).contiguous()) for one in read]
        else:
            styles = [painter.style(seed=self.seed_of(place, sample)) for place, sample in few]
        return painter.paint_all(maps, styles)

    def _is_there(self, place: int, sample: int) -> bool:
        return self._made.are_there((self.path(place, sample),), self.key(place, sample))


def read_picture(path: Path) -> "Tensor":
    """(3, H, W) uint8 RGB. Raises: DataError of gaugan."""
    from gaugan.reading import read_photo

    return read_photo(path)
