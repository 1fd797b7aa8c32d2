"""What stands beside every run: the classes' mean colours, other photos in the place of pictures, photos themselves."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.evaluation.photos import Photos, Pictures
from pipeline.rows import digest

if TYPE_CHECKING:
    from torch import Tensor

CLASS_MEANS, NEAREST_MAP, REAL = "class means", "nearest map's photo", "real photos"
COLOUR_PHOTOS = 128
"""Photos that the mean colours of the classes are taken from."""
MOST_MAPS = 2000
"""Label maps of train among which the nearest is looked for."""
MAP_PX = 32
"""Label maps are compared at this size."""


@dataclass(frozen=True)
class References:
    """Floor and ceiling of the scores of some photos.    trained: photos that may be learned from."""

    photos: Photos
    trained: Photos
    seed: int

    def class_means(self) -> Pictures:
        """Each class in its mean colour, with noise as wide as the class is: the floor."""
        return Pictures(
            name=CLASS_MEANS,
            key=self._key(CLASS_MEANS, COLOUR_PHOTOS),
            number=len(self.photos),
            read=self._in_class_means,
        )

    def nearest_map(self) -> Pictures:
        """Of each map the photo of the map that is the most like it, of those that may be learned from."""
        return Pictures(
            name=NEAREST_MAP,
            key=self._key(NEAREST_MAP, MAP_PX, MOST_MAPS),
            number=len(self.photos),
            read=lambda place: self.trained.read(self._nearest_maps[place]).image,
        )

    def _key(self, *words: object) -> str:
        return digest(repr((self.photos.key, self.trained.key, self.seed, *words)).encode())

    def _in_class_means(self, place: int) -> "Tensor":
        from gaugan.data import to_bytes
        from gaugan.floor import painted_in_class_means
        from gaugan.randomness import generator

        random = generator(self.seed, "floor", self.photos.cases[place].id)
        picture = painted_in_class_means(self._known(self.photos, place)[None], *self._colours, generators=[random])
        return to_bytes(picture)[0].permute(2, 0, 1)

    @cached_property
    def _colours(self) -> "tuple[Tensor, Tensor]":
        from gaugan.floor import class_means

        shown = range(min(COLOUR_PHOTOS, len(self.trained)))
        crops = (
            (self.trained.read(place).image[None] / 127.5 - 1, self._known(self.trained, place)[None])
            for place in shown
        )
        return class_means(crops, classes=self.photos.classes)

    @cached_property
    def _nearest_maps(self) -> list[int]:
        import torch

        wanted = torch.stack([self._small(self.photos, place) for place in range(len(self.photos))])
        offered = [self._small(self.trained, place) for place in range(min(MOST_MAPS, len(self.trained)))]
        return most_alike(wanted, torch.stack(offered), classes=self.photos.classes)

    def _small(self, photos: Photos, place: int) -> "Tensor":
        from gaugan.reading import nearest

        return nearest(self._known(photos, place), (MAP_PX, MAP_PX)).flatten()

    def _known(self, photos: Photos, place: int) -> "Tensor":
        """(H, W) uint8, 0..C-1, C unknown."""
        from gaugan.reading import UNKNOWN

        labels = photos.read(place).labels
        return labels.masked_fill(labels == UNKNOWN, photos.classes)


def most_alike(wanted: "Tensor", offered: "Tensor", *, classes: int) -> list[int]:
    """For each map the first of those offered that have the wanted class at the most of its known pixels.

    wanted: (N, P).    offered: (M, P).    Both integers, 0..C-1, C unknown.    Returns N places, 0..M-1.
    """
    import torch

    agreed = torch.zeros(len(wanted), len(offered))
    for one in range(classes):
        agreed += (wanted == one).float() @ (offered == one).float().T
    return agreed.argmax(1).tolist()
