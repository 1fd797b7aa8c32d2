"""What a training run tells while it goes on."""

from dataclasses import dataclass

from torch import Tensor

from gaugan.diagnosis import Signs


@dataclass(frozen=True, kw_only=True)
class Start:
    """What is about to be trained.

    images_shown: 0, or where the run was left.    parameters: by network.    edges: whether the networks see them.
    photos: to train on.    photos_kept: so many of them stay decoded.    perceptual: the network whose features the
    pictures are to match, or None.    scored_on: so many validation photos.
    begun_from: the checkpoint whose weights it begins with, and which of its networks, or None.
    """

    images_shown: int
    images_in_all: int
    parameters: dict[str, int]
    edges: bool
    device: str
    processes: int
    photos: int
    photos_kept: int
    perceptual: str | None
    scored_on: int
    begun_from: str | None


@dataclass(frozen=True, kw_only=True)
class Step:
    """One training step.

    losses: weighted means over the batch, by name; none where the step was skipped.    learning_rate: the generator's.
    skipped_steps: of the run, until now.
    """

    images_shown: int
    images_in_all: int
    losses: dict[str, float]
    signs: Signs
    seconds: float
    images_per_second: float
    peak_memory_bytes: int
    learning_rate: float
    skipped_steps: int


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What the averaged weights paint of the fixed samples.

    labels: (N, H, W) uint8, 0..C-1, 255 unknown.    photos, generated: (N, H, W, 3) uint8.
    """

    images_shown: int
    labels: Tensor
    photos: Tensor
    generated: Tensor


@dataclass(frozen=True, kw_only=True)
class Scored:
    """How far the pictures of the validation maps are from their photos; less is better.

    name: of the distance and the features it was taken in.    photos: so many were compared.
    floor: the distance of the same maps painted in the mean colours of their classes.
    """

    images_shown: int
    name: str
    value: float
    floor: float
    photos: int
    is_best: bool
