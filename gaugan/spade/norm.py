"""Normalisation layers: the plain ones, and the one that is scaled and shifted by the label map."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gaugan.spade.conditions import Condition
from gaugan.spade.kept_tables import KeptTables
from gaugan.spade.lookup import modulate, multiply_by_place, sum_rows
from gaugan.spade.synchronised import SynchronisedBatchNorm, processes

HIDDEN_CHANNELS = 128
MOST_DISTINCT = 0.6
"""Share of distinct windows from which on convolving every pixel is the quicker way."""
SMALL_PX = 1024
"""Maps of so few pixels are looked up all the same where tables are kept: a stroke changes few of their windows."""


def plain_norm(kind: str, channels: int, *, affine: bool) -> nn.Module:
    """Build a normalisation that knows no labels.

    kind: 'batch', 'syncbatch' or 'instance'. In one process 'syncbatch' is 'batch'; before training in several,
    convert it with gaugan.spade.synchronised.synchronise.
    affine: whether batch normalisation learns a scale and a shift; instance normalisation never does.

    Raises ValueError for another kind.
    """
    if kind in ("batch", "syncbatch"):
        return nn.BatchNorm2d(channels, affine=affine)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=False)
    raise ValueError(f"there is no normalisation '{kind}'. Choose one of: batch, syncbatch, instance")


class SpadeNorm(nn.Module):
    """Normalise features, then scale and shift each pixel by what the labels around it ask for.

    Two convolutions make scale and shift of the one-hot map. What they make of a pixel depends on nothing but the
    labels in a window around it, so it is made once for every different window, and looked up everywhere.

    Source: Park et al. 2019, Semantic Image Synthesis with Spatially-Adaptive Normalization, equations 1 to 3.
    """

    kept: KeptTables | None = None
    """What was made of windows in earlier pictures, where that is kept: not while weights are trained."""

    def __init__(self, channels: int, *, condition_channels: int, kind: str = "batch", kernel_size: int = 3) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"the kernel size of a SPADE layer is {kernel_size}, expected an odd number")
        self.kernel_size = kernel_size
        padding = kernel_size // 2
        self.param_free_norm = plain_norm(kind, channels, affine=False)
        self.mlp_shared = nn.Sequential(
            nn.Conv2d(condition_channels, HIDDEN_CHANNELS, kernel_size, padding=padding), nn.ReLU()
        )
        self.mlp_gamma = nn.Conv2d(HIDDEN_CHANNELS, channels, kernel_size, padding=padding)
        self.mlp_beta = nn.Conv2d(HIDDEN_CHANNELS, channels, kernel_size, padding=padding)

    def forward(self, x: Tensor, condition: Condition, *, repeats: int = 1, slope: float = 1.0) -> Tensor:
        """Normalise, modulate, and bend what is negative.

        x: (B, channels, h, w) float.    condition: of size (repeats * h, repeats * w).
        repeats: how often each pixel stands side by side, and below each other, before it is modulated.
        slope: of the leaky ReLU behind the layer; 1 for none.    Returns (B, channels, repeats * h, repeats * w).
        """
        with torch.autocast(x.device.type, enabled=False):
            table, index = self.table(condition)
            normal = normalise(self.param_free_norm, x.to(table.dtype), repeats=repeats)
        return modulate(normal, table, index, repeats=repeats, slope=slope, dtype=x.dtype)

    def table(self, condition: Condition) -> tuple[Tensor, Tensor | None]:
        """Scales and shifts, (U, 2 * channels), and the row of each pixel; None where every pixel has its own."""
        once, twice = condition.windows(self.kernel_size)
        is_varied = once.share > MOST_DISTINCT
        is_kept = self.kept is not None and not (self.training or torch.is_grad_enabled())
        if is_kept and not (is_varied and once.index.numel() > SMALL_PX):
            return self.kept.table(self, condition)

        # So many different windows that each pixel may as well have its own.
        if is_varied:
            hidden, weights, bias = self._hidden(condition, once.rows), *self._weights()
            pixels = sum_rows(hidden, once.index.view(-1, 1)).view(*once.index.shape, -1).permute(0, 3, 1, 2)
            made = F.conv2d(pixels, torch.cat(weights), bias, padding=self.kernel_size // 2)  # (B, 2*C, H, W)
            return made.permute(0, 2, 3, 1).reshape(-1, len(bias)), None
        return self.rows(condition, once.rows, twice.rows), twice.index

    def rows(self, condition: Condition, once: Tensor, twice: Tensor) -> Tensor:
        """Scales and shifts of windows of windows, (V, 2 * channels).

        once: (U, k*k), windows of the condition's numbers.    twice: (V, k*k), windows of those, U outside the map.
        """
        # What each hidden window adds at each place of a window of windows, then the sums of those.
        hidden, weights, bias = self._hidden(condition, once), *self._weights()
        products = multiply_by_place(F.pad(hidden, (0, 0, 0, 1)), weights)  # ((U+1)*k*k, 2*C)
        places = self.kernel_size**2
        rows = places * twice + torch.arange(places, device=twice.device)
        return sum_rows(products, rows) + bias

    def _hidden(self, condition: Condition, windows: Tensor) -> Tensor:
        """(U, 128)."""
        first = self.mlp_shared[0]
        return F.relu(condition.convolve(windows, first.weight, first.bias))

    def _weights(self) -> tuple[tuple[Tensor, Tensor], Tensor]:
        """Of both convolutions, (C, 128, k, k) each, and their biases, (2 * C,), scales 1 more than what is learned."""
        bias = torch.cat([self.mlp_gamma.bias + 1, self.mlp_beta.bias])
        return (self.mlp_gamma.weight, self.mlp_beta.weight), bias


def normalise(norm: nn.Module, x: Tensor, *, repeats: int) -> Tensor:
    """Normalise features as if each pixel stood there repeats * repeats times.

    Mean and variance are the same; only the running variance, which divides by one less than the pixels, is not.
    """
    if repeats == 1 or not norm.training or getattr(norm, "running_var", None) is None:
        return norm(x)
    running_var = norm.running_var.data  # which the gradient of a batch's own statistics never asks for
    before = running_var.clone()
    result = norm(x)
    pixels = x.numel() // x.shape[1]
    if isinstance(norm, nn.SyncBatchNorm | SynchronisedBatchNorm):
        pixels *= processes()
    share = norm.momentum if norm.momentum is not None else 1 / norm.num_batches_tracked.item()
    kept = (1 - share) * before
    repeated = pixels * repeats**2
    running_var.sub_(kept).mul_((pixels - 1) / pixels * repeated / (repeated - 1)).add_(kept)
    return result
