"""The styles that pictures are asked for in: drawn by seeds, taken from a photo, or on the way from one to another."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import images
from pipeline.errors import PhotoError, RunError
from pipeline.rows import digest

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.generate import Painter

STEPS = 8
LONGEST_SEED = 18


@dataclass(frozen=True, kw_only=True, eq=False)
class Origin:
    """Where a style comes from: a seed, or a photo, (h, w, 3) uint8 RGB; name: what files are called after it."""

    name: str
    seed: int = 0
    photo: np.ndarray | None = None

    @property
    def key(self) -> object:
        """The same for the same style."""
        return self.seed if self.photo is None else (self.photo.shape, digest(self.photo.tobytes()))

    def vector(self, painter: "Painter") -> "Tensor | None":
        """Raises: SettingsError when the run takes no photo."""
        import torch

        return painter.style(self.seed) if self.photo is None else painter.style_of(torch.from_numpy(self.photo))


@dataclass(frozen=True, kw_only=True, eq=False)
class Style:
    """The style of one picture; with two ends, those of the pictures on the way from the first to the second.

    name: what stands behind the map's name in that of the files, "" for nothing.
    """

    name: str
    ends: tuple[Origin, ...]
    steps: int = 1

    @property
    def key(self) -> object:
        """The same for the same pictures."""
        return [origin.key for origin in self.ends], self.steps

    def vectors(self, painter: "Painter") -> "list[Tensor | None]":
        """The styles of the pictures, in order; None each for a run without. Raises: SettingsError as `Origin`."""
        from gaugan.styles import between

        ends = [origin.vector(painter) for origin in self.ends]
        if len(ends) == 1:
            return ends
        return [between(*ends, step / (self.steps - 1)) for step in range(self.steps)]


def read_styles(
    *, seed: int, number: int, photo: Path | None, ends: tuple[str, str] | None, steps: int | None
) -> list[Style]:
    """The styles that each map is painted in.

    number: so many, with the seeds from `seed` on.    ends: seeds or photos, of an interpolation of so many steps.
    Raises: RunError when these say several things at once, or there is no such photo; PhotoError when it is broken.
    """
    if ends is not None:
        if seed or number > 1 or photo:
            raise RunError(
                "--interpolate names its two styles itself. Leave out --seed, --styles and --style-photo beside it"
            )
        origins = tuple(_origin(end) for end in ends)
        name = "-to-".join(origin.name for origin in origins)
        return [Style(name=name, ends=origins, steps=STEPS if steps is None else steps)]
    if steps is not None:
        raise RunError("--steps counts the pictures from one style to another. Name the two with --interpolate")
    if photo:
        if seed or number > 1:
            raise RunError("a photo gives one style. Leave out --seed and --styles beside --style-photo")
        return [Style(name=photo.stem, ends=(_photo(photo),))]
    if number == 1 and not seed:
        return [Style(name="", ends=(Origin(name="0"),))]
    seeds = range(seed, seed + number)
    return [Style(name=str(one), ends=(Origin(name=str(one), seed=one),)) for one in seeds]


def _origin(end: str) -> Origin:
    """What a person means by the end of an interpolation."""
    if end.isascii() and end.isdigit() and len(end) <= LONGEST_SEED:
        return Origin(name=str(int(end)), seed=int(end))
    return _photo(Path(end))


def _photo(path: Path) -> Origin:
    try:
        return Origin(name=path.stem, photo=images.decode_photo(path.read_bytes()).pixels)
    except FileNotFoundError:
        raise RunError(f"there is no photo {path} to take a style from. Name one, or a seed") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None
    except PhotoError as error:
        raise PhotoError(f"{path} {error}") from None
