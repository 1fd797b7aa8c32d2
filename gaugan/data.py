"""Photos and label maps from files to batches, in an order that is a function of the seed and the images shown."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gaugan.cache import Cache
from gaugan.config import Data
from gaugan.errors import DataError
from gaugan.reading import UNKNOWN, Sample, Scaled, read_scaled


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one training step is made from.

    image: (B, 3, H, W) float32 in [-1, 1].    labels: (B, H, W) uint8, 0..C-1, C unknown.
    edges: (B, 1, H, W) uint8, 0 or 1, or None.    positions: of each image among all that the run shows.
    """

    image: Tensor
    labels: Tensor
    edges: Tensor | None = None
    positions: tuple[int, ...] = ()

    def to(self, device: torch.device) -> "Batch":
        edges = None if self.edges is None else self.edges.to(device, non_blocking=True)
        image, labels = self.image.to(device, non_blocking=True), self.labels.to(device, non_blocking=True)
        return replace(self, image=image, labels=labels, edges=edges)


class Crops(Dataset[Batch]):
    """Batches of one, by position: item k is the k-th image that a run shows, in whatever process it is made.

    find_edges: makes edges (B, 1, H, W) of instance ids (B, H, W); None leaves edges out.
    cache: what keeps photos decoded; None decodes them each time.
    Raises: DataError where a file is missing, unreadable, does not fit its photo, or holds a class that is none.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        settings: Data,
        classes: int,
        seed: int,
        find_edges: Callable[[Tensor], Tensor] | None = None,
        cache: Cache | None = None,
    ) -> None:
        if not samples:
            raise DataError("there are no samples to read")
        self.samples = list(samples)
        self.settings = settings
        self.classes = classes
        self.seed = seed
        self.find_edges = find_edges
        self.cache = cache
        self.epoch = -1
        self.order: list[int] = []

    def __getitem__(self, position: int) -> Batch:
        epoch, place = divmod(position, len(self.samples))
        if epoch != self.epoch:
            self.epoch, self.order = epoch, shuffled(len(self.samples), seed=self.seed, epoch=epoch)
        index = self.order[place]
        scaled = self.scaled(index)
        random = generator(self.seed, "crop", epoch, index)
        down, right, mirror = torch.rand(3, generator=random, dtype=torch.float64).tolist()
        batch = self.cut(scaled, down=down, right=right, mirror=self.settings.flip and mirror < 0.5)
        return replace(batch, positions=(position,))

    def __getitems__(self, positions: Sequence[int]) -> "list[Batch] | DataError":
        """The items of a batch, or what is wrong with one: workers hand on an error better as a value than raised."""
        try:
            return [self[position] for position in positions]
        except DataError as error:
            return error

    def middle(self, index: int) -> Batch:
        """The crop from the middle of a sample, never mirrored."""
        return self.cut(self.scaled(index), down=0.5, right=0.5, mirror=False)

    def scaled(self, index: int) -> Scaled:
        kept = self.cache.get(index) if self.cache else None
        if kept is not None:
            return kept
        scaled = read_scaled(
            self.samples[index], settings=self.settings, classes=self.classes, instances=bool(self.find_edges)
        )
        if self.cache:
            self.cache.put(index, scaled)
        return scaled

    def cut(self, scaled: Scaled, *, down: float, right: float, mirror: bool) -> Batch:
        """The crop at a place given as shares of the room, 0 <= down, right <= 1."""
        height, width = self.settings.crop
        top = int(down * (scaled.labels.shape[0] - height) + 0.5)
        left = int(right * (scaled.labels.shape[1] - width) + 0.5)

        def window(x: Tensor) -> Tensor:
            x = x[..., top : top + height, left : left + width].unsqueeze(0)
            return x.flip(-1) if mirror else x

        labels = window(scaled.labels)
        return Batch(
            image=window(scaled.image).float() / 127.5 - 1,
            labels=labels.masked_fill(labels == UNKNOWN, self.classes),
            edges=None if self.find_edges is None else self.find_edges(window(scaled.instances)).byte(),
        )


class Positions:
    """Lists of positions, one a batch: rank r of R takes its share of every batch."""

    def __init__(self, *, start: int, stop: int, batch_size: int, rank: int = 0, ranks: int = 1) -> None:
        self.starts = range(start, stop, batch_size)
        self.batch_size, self.rank, self.ranks = batch_size, rank, ranks

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[range]:
        return (range(start + self.rank, start + self.batch_size, self.ranks) for start in self.starts)


def batches(crops: Crops, positions: Positions, *, device: torch.device) -> Iterator[Batch]:
    """Batches of the positions, on the device; every number of workers gives the same ones."""
    loader = DataLoader(
        crops,
        batch_sampler=positions,
        collate_fn=stack_whole,
        num_workers=crops.settings.workers,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # its base seed, unused here, would else be drawn from the global generator
    )
    for batch in loader:
        if isinstance(batch, DataError):
            raise batch
        yield batch.to(device)


def stack_whole(items: "list[Batch] | DataError") -> "Batch | DataError":
    """One batch of what `Crops` gives for several positions."""
    return items if isinstance(items, DataError) else stack(items)


def stack(items: Sequence[Batch]) -> Batch:
    """One batch of several."""
    edges = [item.edges for item in items if item.edges is not None]
    return Batch(
        image=torch.cat([item.image for item in items]),
        labels=torch.cat([item.labels for item in items]),
        edges=torch.cat(edges) if edges else None,
        positions=tuple(position for item in items for position in item.positions),
    )


def have_instances(samples: Sequence[Sample]) -> bool:
    """Whether the samples come with instances. Raises: DataError when only some do."""
    without = [sample for sample in samples if sample.instances is None]
    if without and len(without) < len(samples):
        raise DataError(
            f"{without[0].labels} has no instances, though others have. Give them to all or set data.edges=false"
        )
    return not without


def generator(seed: int, *place: str | int) -> torch.Generator:
    """A generator, on the CPU, for one place of a run; near seeds and places give unlike numbers."""
    digest = hashlib.blake2b(repr((seed, *place)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)


def shuffled(count: int, *, seed: int, epoch: int) -> list[int]:
    return torch.randperm(count, generator=generator(seed, "order", epoch)).tolist()


def to_bytes(image: Tensor) -> Tensor:
    """(N, 3, H, W) float in [-1, 1] to (N, H, W, 3) uint8."""
    return ((image.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
