"""A run's averaged weights and label maps to pictures."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from gaugan import checkpoint as checkpoints
from gaugan.allocator import give_back_memory, keep_memory
from gaugan.checkpoint import About
from gaugan.data import to_bytes
from gaugan.errors import CheckpointError, DataError, OutOfMemoryError, SettingsError
from gaugan.memory import free_bytes, is_end_of_memory
from gaugan.reading import UNKNOWN, covering_size, nearest, size_text
from gaugan.spade.conditions import edges
from gaugan.spade.painter import SpadePainter, fold

PAINTERS: Mapping[str, Callable[..., nn.Module]] = {"spade": SpadePainter}

Map = tuple[Tensor, Tensor | None]
"""labels: (H, W) uint8, 0..C-1, 255 unknown.    instances: (H, W) ids, or None: then labels stand in where needed."""
Precision = Literal["float32", "bf16"]

MOST_AT_ONCE, CPU_PIXELS_AT_ONCE = 16, 2**18
"""More pictures at once are hardly quicker. A CPU gains a half at 128 px, and nothing above 384 px."""
BYTES_TO_SCALE = 40
"""What it takes to scale a picture, for each pixel that it has then."""


LARGEST_STYLE = 1e4
"""Of the numbers of a style. Those of drawn styles are below 10; with much larger ones sums are no numbers any more."""


class Painter:
    """Paints label maps with the averaged weights of a run.

    settings: of the run.    classes: C.    edges: whether it was trained with instances.    images_shown: in training.
    unknown: whether maps may hold unknown pixels.    takes_photos: whether a photo can give the style.
    """

    def __init__(self, about: About, network: nn.Module, *, device: torch.device) -> None:
        self.settings = about.settings
        self.classes = about.classes
        self.edges = about.edges
        self.unknown = about.unknown
        self.images_shown = about.images_shown
        self.takes_photos = about.settings.model.style_encoder and "encoder" not in about.missing
        self.device = device
        fold(network)
        self.network = network.to(device, memory_format=torch.channels_last).eval()

    @property
    def has_style(self) -> bool:
        """Whether seeds make a difference."""
        return self.settings.model.style_encoder or self.settings.model.noise_size > 0

    @property
    def multiple(self) -> int:
        """Pixels. Maps whose sides are no multiple of it are continued to the right and at the bottom; that is cut."""
        return 2**self.network.generator.doublings

    def style(self, seed: int = 0) -> Tensor | None:
        """The style that a seed draws, (S,) float32 on the CPU; None for a run without style."""
        drawn = self.network.noise([(seed,)], like=torch.empty(0))
        return None if drawn is None else drawn[0]

    def style_of(self, photo: Tensor) -> Tensor:
        """The style of a photo, (S,) float32 on the CPU.

        photo: (h, w, 3) uint8 RGB of any size; it is seen at the size of training, all of it.
        Raises: SettingsError when the run has no style encoder.
        """
        if not self.takes_photos and self.settings.model.style_encoder:
            raise SettingsError(
                "the style encoder of this run is not there, so it takes no style photo. It paints in drawn styles"
            )
        if not self.takes_photos:
            raise SettingsError(
                "this run has no style encoder, so it takes no style photo. Train one with model.style_encoder=true"
            )
        image = photo.permute(2, 0, 1)[None]  # (1, 3, h, w)
        if image.shape[2:] != self.settings.data.crop:
            image = interpolate(image, size=self.settings.data.crop, mode="bicubic", antialias=True)
        return self.network.styles_of((image.float() / 127.5 - 1).to(self.device))[0].cpu()

    def painted_size(self, size: Sequence[int]) -> tuple[int, int]:
        """(height, width) at which a map of a size is painted if nobody names another: that of training, covered."""
        return covering_size(size, crop=self.settings.data.crop, margin=0)

    def at_once(self, size: tuple[int, int]) -> int:
        """How many pictures of a size (height, width) are painted quickest together on this device."""
        if self.device.type != "cpu":
            return MOST_AT_ONCE
        return max(1, min(MOST_AT_ONCE, CPU_PIXELS_AT_ONCE // (size[0] * size[1])))

    def paint(
        self,
        labels: Tensor,
        *,
        instances: Tensor | None = None,
        style: Tensor | None = None,
        size: tuple[int, int] | None = None,
    ) -> Tensor:
        """A picture of a label map, of its size; the same arguments give the same picture.

        labels, instances: as of `Map`.    style: of `style`, `style_of` or gaugan.styles; None is that of seed 0.
        size: (height, width) in pixels that is painted, and then scaled to the map's; None is the size of training,
        where the run knows how large a tree is.    Returns (H, W, 3) uint8 RGB.
        Raises: DataError when maps or style do not fit; SettingsError on a style for a run without;
        OutOfMemoryError when a picture is larger than the memory allows.
        """
        (picture,) = self.paint_all([(labels, instances)], [style], size=size)
        return picture

    def paint_all(
        self,
        maps: Sequence[Map],
        styles: Sequence[Tensor | None],
        *,
        size: tuple[int, int] | None = None,
        precision: Precision = "float32",
    ) -> list[Tensor]:
        """Pictures of many label maps, all that are painted at one size together, as far as the memory allows.

        They are those of `paint`, but that one in 100,000 numbers is a grey level off, as sums are rounded otherwise.
        styles: one a map.    size: as of `paint`, for all.    precision: "bf16" computes in halves; of a trained run
        these are a tenth of a grey level off on average, and one or two at most.    Raises: as `paint`.
        """
        if len(maps) != len(styles):
            raise ValueError(f"there are {len(maps)} maps and {len(styles)} styles, expected one a map")
        drawn = [self._fitting(style) for style in styles]
        for labels, instances in maps:
            self.refuse(labels, instances)
            self._demand(BYTES_TO_SCALE * labels.numel(), size=labels.shape)
        sizes = [size or self.painted_size(labels.shape) for labels, _ in maps]
        pictures: dict[int, Tensor] = {}
        for one in dict.fromkeys(sizes):
            places = [place for place, other in enumerate(sizes) if other == one]
            seen = [self._seen(maps[place], one) for place in places]
            painted = self._painted(seen, [drawn[place] for place in places], precision)
            for place, picture in zip(places, painted, strict=True):
                wanted = tuple(maps[place][0].shape)
                if wanted != one:
                    picture = interpolate(picture.float(), size=wanted, mode="bicubic", antialias=True)
                if not picture.isfinite().all():
                    raise DataError(
                        "the picture holds what is no number. Paint in another style; where none helps, the weights "
                        "of the run are no numbers: go back to an older checkpoint"
                    )
                pictures[place] = to_bytes(picture)[0].cpu()
        return [pictures[place] for place in range(len(maps))]

    def remember(self, most_bytes: int) -> None:
        """From now on keep tables from picture to picture, up to so many bytes: strokes on one drawing cost less."""
        self.network.generator.keep_tables(most_bytes)

    def refuse(self, labels: Tensor, instances: Tensor | None = None) -> None:
        """Raises: DataError when the run cannot paint these maps, of which it says why."""
        if labels.dim() != 2:
            raise DataError(f"the label map has {labels.dim()} dimensions, expected height and width")
        if not labels.numel():
            raise DataError(f"the label map is {size_text(labels)}, there is nothing to paint")
        present = labels.flatten().bincount(minlength=UNKNOWN + 1).nonzero().flatten().tolist()
        for one in present:
            if one >= self.classes and one != UNKNOWN:
                raise DataError(
                    f"the label map holds class {one}, expected 0 to {self.classes - 1}, or {UNKNOWN} for unknown"
                )
        if not self.unknown and UNKNOWN in present:
            raise DataError("the label map has unknown pixels, which this run was trained without")
        if instances is not None and instances.shape != labels.shape:
            raise DataError(f"the instance map is {size_text(instances)}, its label map {size_text(labels)}")

    def _seen(self, given: Map, size: tuple[int, int]) -> tuple[Tensor, Tensor | None]:
        """A map at the size to paint: (1, h, w) int64, C unknown; and the edges of its scaled ids, or None."""
        labels, instances = given
        small = nearest(labels, size).long()
        ids = small if instances is None else nearest(instances.to(torch.int32), size)
        edge_map = edges(ids[None]) if self.edges else None  # (1, 1, h, w)
        return small.masked_fill(small == UNKNOWN, self.classes)[None], edge_map

    def _fitting(self, style: Tensor | None) -> Tensor | None:
        """A style as the network takes it, (1, S); that of seed 0 for None; None for a run without."""
        own = self.style()
        if own is None and style is not None:
            raise SettingsError("this run has no styles, so it paints in none. Leave the style out")
        if own is None or style is None:
            return None if own is None else own[None]
        if style.shape != own.shape:
            raise DataError(f"a style of this run is {len(own)} numbers, and {list(style.shape)} were given")
        wrong = style[~(style.abs() <= LARGEST_STYLE)]  # whatever is no number among them
        if len(wrong):
            raise DataError(
                f"the style holds {wrong[0].item():g}, expected numbers from -{LARGEST_STYLE:,.0f} to "
                f"{LARGEST_STYLE:,.0f}"
            )
        return style.float()[None]

    def _painted(
        self, seen: Sequence[tuple[Tensor, Tensor | None]], styles: Sequence[Tensor | None], precision: Precision
    ) -> list[Tensor]:
        """Pictures of maps of one size, (1, 3, h, w) each; in halves where they do not fit together."""
        labels, size = torch.cat([labels for labels, _ in seen]), seen[0][0].shape[1:]
        try:
            self._demand(self.network.bytes_needed(labels), size=size)
            with self._computing_in(precision):
                pictures = self.network.paint_in(
                    None if styles[0] is None else torch.cat(styles).to(self.device),
                    labels.to(self.device),
                    edges=torch.cat([edges for _, edges in seen]).to(self.device) if self.edges else None,
                )
            return list(pictures.split(1))
        except (RuntimeError, MemoryError, OutOfMemoryError) as error:
            if not (isinstance(error, OutOfMemoryError) or is_end_of_memory(error)):
                raise
            if len(seen) == 1:
                raise error if isinstance(error, OutOfMemoryError) else self._too_large(size) from error
        half = len(seen) // 2
        parts = slice(None, half), slice(half, None)
        return [picture for part in parts for picture in self._painted(seen[part], styles[part], precision)]

    def _computing_in(self, precision: Precision) -> contextlib.AbstractContextManager[None]:
        if precision == "float32":
            return contextlib.nullcontext()
        if self.device.type == "cuda" and not torch.cuda.is_bf16_supported():
            raise SettingsError("this GPU does not compute in bf16. Paint in float32")
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _demand(self, needed: int, *, size: Sequence[int]) -> None:
        """Raises: OutOfMemoryError when less memory than this is free, once what was kept is given back."""
        if needed > free_bytes(self.device):
            give_back_memory()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            if needed > (free := free_bytes(self.device)):
                raise self._too_large(size, f": that takes about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} are free")

    def _too_large(self, size: Sequence[int], why: str = "") -> OutOfMemoryError:
        return OutOfMemoryError(f"the memory does not suffice for a picture of {size[1]}x{size[0]} px{why}")


def load_painter(run_folder: Path, *, device: str | torch.device = "cpu", checkpoint: Path | None = None) -> Painter:
    """The painter of one checkpoint of a run. Raises: CheckpointError.

    checkpoint: its folder, for whoever has looked it up already, as a run that is training may have another best by
    now; None is the best, the newest where there are no scores.
    """
    keep_memory()
    chosen = checkpoint or checkpoints.best(run_folder)
    if chosen is None:
        raise CheckpointError(f"{run_folder} has no checkpoint yet")
    about = checkpoints.read_about(chosen)
    network = checkpoints.load_averaged(chosen, build)
    return Painter(about, network, device=torch.device(device))


def build(about: About) -> nn.Module:
    """The network that a checkpoint's averaged weights belong to."""
    painter = PAINTERS[about.settings.model.method]
    network = painter(about.settings, classes=about.classes, unknown=about.unknown, edges=about.edges)
    if "encoder" in about.missing:
        network.encoder = None
    return network
