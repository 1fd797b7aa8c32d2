"""Photos and label maps from files to batches, in an order that is a function of the seed and the images shown."""

import atexit
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import active_children
from multiprocessing.process import BaseProcess

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gaugan.cache import Cache
from gaugan.cropping import cut, find_horizon, largest_scale, place_window
from gaugan.errors import DataError
from gaugan.randomness import generator
from gaugan.reading import UNKNOWN, Sample, Scaled, read_scaled
from gaugan.sampling import epoch_order, repeats
from gaugan.settings import Data


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

    def parts(self, number: int) -> "list[Batch]":
        """As many batches of equal size, in order; itself where it is one."""
        if number == 1:
            return [self]
        size = len(self.positions) // number
        spans = [slice(start, start + size) for start in range(0, number * size, size)]
        return [
            Batch(
                image=self.image[span],
                labels=self.labels[span],
                edges=None if self.edges is None else self.edges[span],
                positions=self.positions[span],
            )
            for span in spans
        ]


class Crops(Dataset[Batch]):
    """Batches of one, by position: item k is the k-th image that a run shows, in whatever process it is made.

    find_edges: makes edges (B, 1, H, W) of instance ids (B, H, W); None leaves edges out.
    cache: what keeps photos decoded; None decodes them each time.
    factors: how often to show each sample, in proportion; None shows all alike.
    sky: ids of the classes that are sky, for settings.keep_horizon.
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
        factors: Sequence[float] | None = None,
        sky: frozenset[int] = frozenset(),
    ) -> None:
        if not samples:
            raise DataError("there are no samples to read")
        if factors is not None and len(factors) != len(samples):
            raise ValueError(f"there are {len(factors)} factors, expected one for each of {len(samples)} samples")
        self.samples = list(samples)
        self.settings = settings
        self.classes = classes
        self.seed = seed
        self.find_edges = find_edges
        self.cache = cache
        self.factors = factors
        self.sky = sky
        self.epoch = -1
        self.order: list[int] = []
        self.repeats: list[int] = []

    def __getitem__(self, position: int) -> Batch:
        epoch, place = divmod(position, len(self.samples))
        if epoch != self.epoch:
            self.order = epoch_order(len(self.samples), seed=self.seed, epoch=epoch, factors=self.factors)
            self.epoch, self.repeats = epoch, repeats(self.order)
        index, repeat = self.order[place], self.repeats[place]
        random = generator(self.seed, "crop", epoch, index, *([repeat] if repeat else []))
        down, right, mirror, larger = torch.rand(4, generator=random, dtype=torch.float64).tolist()
        is_mirrored = self.settings.flip and mirror < 0.5
        batch = self.cut(self.scaled(index), down=down, right=right, mirror=is_mirrored, larger=larger)
        return replace(batch, positions=(position,))

    def __getitems__(self, positions: Sequence[int]) -> "list[Batch] | DataError":
        """The items of a batch, or what is wrong with one: workers hand on an error better as a value than raised."""
        try:
            return [self[position] for position in positions]
        except DataError as error:
            return error

    def middle(self, index: int) -> Batch:
        """The crop from the middle of a sample, never mirrored or of a larger part."""
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

    def cut(self, scaled: Scaled, *, down: float, right: float, mirror: bool, larger: float = 0.0) -> Batch:
        """The crop at a place given as shares of the room, 0 <= down, right, larger <= 1."""
        size, crop = (scaled.labels.shape[0], scaled.labels.shape[1]), self.settings.crop
        keeps_horizon = self.settings.keep_horizon and self.sky
        window = place_window(
            size,
            crop=crop,
            down=down,
            right=right,
            scale=1 + larger * self.settings.zoom * (largest_scale(size, crop=crop) - 1),
            horizon=find_horizon(scaled.labels, sky=self.sky) if keeps_horizon else None,
        )
        part = cut(scaled, window, crop=crop)

        def one(x: Tensor) -> Tensor:
            return x.unsqueeze(0).flip(-1) if mirror else x.unsqueeze(0)

        labels = one(part.labels)
        return Batch(
            image=one(part.image).float() / 127.5 - 1,
            labels=labels.masked_fill(labels == UNKNOWN, self.classes),
            edges=None if self.find_edges is None else self.find_edges(one(part.instances)).byte(),
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
    others = set(active_children())
    loader = DataLoader(
        crops,
        batch_sampler=positions,
        collate_fn=stack_whole,
        num_workers=crops.settings.workers,
        pin_memory=device.type == "cuda",
        worker_init_fn=ignore_signals,
        generator=torch.Generator(),  # its base seed, unused here, would else be drawn from the global generator
    )
    walk = iter(loader)
    atexit.register(kill, set(active_children()) - others)
    for batch in walk:
        if isinstance(batch, DataError):
            raise batch
        yield batch.to(device)


def ignore_signals(worker: int) -> None:
    """Ctrl-C, and the signal that ends a process, reach its workers too: they go on until its step is whole."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def kill(workers: set[BaseProcess]) -> None:
    """End workers that a traceback has kept: Python, as it ends, would ask them to, and wait for ever."""
    if workers and hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else torch is alarmed
    for worker in workers:
        worker.kill()


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


def to_bytes(image: Tensor) -> Tensor:
    """(N, 3, H, W) float in [-1, 1] to (N, H, W, 3) uint8."""
    return ((image.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
