"""What the networks see of label maps, edges and noise: whole numbers, and what a convolution makes of them."""

import torch
from torch import Tensor
from torch.nn import functional as F

from gaugan.spade.lookup import sum_rows
from gaugan.spade.windows import Windows, find_windows, shifted


def edges(instances: Tensor) -> Tensor:
    """Mark both pixels of every pair of neighbours, side by side or one above the other, that differ.

    instances: (B, H, W), any dtype.    Returns (B, 1, H, W) float32, 0 or 1; the border of the map is no edge.
    """
    across = instances[:, :, 1:] != instances[:, :, :-1]
    down = instances[:, 1:, :] != instances[:, :-1, :]
    marked = torch.zeros(instances.shape, dtype=torch.bool, device=instances.device)
    marked[:, :, 1:] |= across
    marked[:, :, :-1] |= across
    marked[:, 1:, :] |= down
    marked[:, :-1, :] |= down
    return marked[:, None].float()


def condition_channels(*, classes: int, unknown: bool, edges: bool) -> int:
    """Count the channels of a one-hot condition: one a class, one for unknown pixels, one for edges."""
    return classes + int(unknown) + int(edges)


def condition(labels: Tensor, *, classes: int, unknown: bool, edges: Tensor | None) -> "Condition":
    """Make the condition of label maps.

    labels: (B, H, W) of any integer type, 0..classes-1, and `classes` for an unknown pixel where `unknown` is true.
    edges: (B, 1, H, W), 0 or 1, or None.
    Raises ValueError when a label has no channel.
    """
    hot = classes + int(unknown)
    for value in torch.stack(labels.aminmax()).tolist():
        if not 0 <= value < hot:
            raise ValueError(
                f"a label map holds the value {value}, but labels are 0..{classes - 1}"
                f"{f', and {classes} for unknown' if unknown else ' and none is unknown'}"
            )
    codes = labels.long()
    if edges is not None:
        codes = codes + hot * (edges[:, 0] != 0)
    present, numbers = torch.unique(codes, return_inverse=True)
    is_label = F.one_hot(present % hot, hot)  # (P, hot)
    columns = is_label if edges is None else torch.cat([is_label, (present >= hot)[:, None]], dim=1)
    return Condition(numbers, columns)


class Condition:
    """Label maps, with edges or without, as numbers of what a pixel can be: a label, on an edge or off it.

    numbers: (B, H, W) int64, 0..P-1.    columns: (P, channels), what each number is in the one-hot map: int64, 0 or 1,
    or float where there is noise beside it.
    """

    def __init__(self, numbers: Tensor, columns: Tensor) -> None:
        self.numbers, self.columns = numbers, columns
        self._resized: dict[tuple[int, int], Condition] = {}
        self._windows: dict[int, tuple[Windows, Windows]] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.numbers.shape[1], self.numbers.shape[2]

    @property
    def channels(self) -> int:
        """Channels of the one-hot map, and of the noise beside it."""
        return self.columns.shape[1]

    def with_noise(self, noise: Tensor) -> "Condition":
        """The same maps, with channels of noise behind their own, each constant over its picture.

        noise: (B, Z) float.    Returns a condition of Z more channels, with columns of the dtype of the noise.
        Raises ValueError when there is not a row of noise for each map.
        """
        maps, count = len(self.numbers), len(self.columns)
        if noise.dim() != 2 or len(noise) != maps:
            raise ValueError(f"there are {maps} maps and noise of shape {tuple(noise.shape)}, expected a row a map")

        # One label is another number in each picture, where it stands beside other noise.
        pictures = torch.arange(maps, device=self.numbers.device).view(-1, 1, 1)
        present, numbers = torch.unique(count * pictures + self.numbers, return_inverse=True)
        columns = [self.columns[present % count].to(noise.dtype), noise[present // count]]
        return Condition(numbers, torch.cat(columns, dim=1))

    def one_hot(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """(B, channels, H, W) of `dtype`, noise last. What is slow about SPADE; here for looking and comparing."""
        return self.columns.to(dtype)[self.numbers].permute(0, 3, 1, 2)

    def resized(self, size: tuple[int, int]) -> "Condition":
        """The nearest pixels at another (height, width), made once; itself where it has that size."""
        size = (int(size[0]), int(size[1]))
        if size == self.size:
            return self
        if size not in self._resized:
            down, right = (
                nearest_places(a, b, device=self.numbers.device) for a, b in zip(self.size, size, strict=True)
            )
            self._resized[size] = Condition(self.numbers[:, down[:, None], right], self.columns)
        return self._resized[size]

    def continued(self, size: tuple[int, int]) -> "Condition":
        """The map in the upper left of a larger one, its last row and column repeated; itself at its own size."""
        if size == self.size:
            return self
        down, right = (
            torch.arange(b, device=self.numbers.device).clamp(max=a - 1) for a, b in zip(self.size, size, strict=True)
        )
        return Condition(self.numbers[:, down[:, None], right], self.columns)

    def windows(self, kernel_size: int) -> tuple[Windows, Windows]:
        """The distinct windows, and the distinct windows of those, found once: what one convolution sees, and two."""
        if kernel_size not in self._windows:
            once = find_windows(self.numbers, kernel_size=kernel_size, outside=len(self.columns))
            twice = find_windows(once.index, kernel_size=kernel_size, outside=once.count)
            self._windows[kernel_size] = once, twice
        return self._windows[kernel_size]

    def convolve(self, rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """What a convolution over the one-hot map makes of windows: a sum of weights, no map is needed.

        rows: (U, k*k) int64, numbers of the pixels in each window, P outside the map.
        weight: (D, channels, k, k).    bias: (D,).    Returns (U, D).
        """
        with torch.autocast(rows.device.type, enabled=False):
            table = self.weights(weight).permute(2, 3, 1, 0)  # (k, k, P, D)
            table = F.pad(table, (0, 0, 0, 1)).flatten(0, 2)  # (k*k*(P+1), D), nothing outside the map
            taps = (len(self.columns) + 1) * torch.arange(rows.shape[1], device=rows.device)
            made = sum_rows(table, rows + taps)
        return made if bias is None else made + bias

    def shares(self, dtype: torch.dtype) -> Tensor:
        """The one-hot map of the numbers at half its size, (B, P, h, w): the share of each among 3 x 3 pixels.

        As F.avg_pool2d of kernel size 3, stride 2 and padding 1 averages, without the pixels outside the map.
        """
        outside = len(self.columns)
        views = shifted(self.numbers, kernel_size=3, outside=outside, stride=2)  # 9 of (B, h, w)
        counts = torch.zeros(*views[0].shape, outside + 1, dtype=dtype, device=self.numbers.device)
        one = counts.new_ones(()).expand(*views[0].shape, 1)
        for view in views:
            counts.scatter_add_(3, view[..., None], one)
        return (counts[..., :-1] / (9 - counts[..., -1:])).permute(0, 3, 1, 2)

    def weights(self, weight: Tensor) -> Tensor:
        """The weights of a convolution over the one-hot map for each number: (D, channels, k, k) to (D, P, k, k)."""
        return torch.einsum("dckl,pc->dpkl", weight, self.columns.to(weight.dtype))


def nearest_places(here: int, there: int, *, device: torch.device) -> Tensor:
    """Where each of `there` pixels in a line comes from among `here`: (there,) int64, as F.interpolate rounds it."""
    places = torch.arange(here, dtype=torch.float32, device=device)
    return F.interpolate(places[None, None], size=there, mode="nearest")[0, 0].long()
