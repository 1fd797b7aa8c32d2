"""Rows of a table, looked up and added, or put over features as scale and shift: with gradients."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

CHUNK_NUMBERS = 2**19
"""Numbers looked up at a time on a CPU: what is made of them is used while it is still in the cache."""


def sum_rows(table: Tensor, rows: Tensor) -> Tensor:
    """Sum rows of a table.

    table: (R, D) float.    rows: (U, k) int64, 0..R-1.    Returns (U, D).
    """
    return _SumRows.apply(table, rows)


def modulate(
    x: Tensor, table: Tensor, index: Tensor | None, *, repeats: int, slope: float, dtype: torch.dtype | None = None
) -> Tensor:
    """Repeat features, scale and shift every pixel by a row of a table, then bend what is negative.

    x: (B, C, h, w) float.    repeats: how often each pixel of x stands side by side, and below each other.
    table: (U, 2*C), scales before shifts.    index: (B, H, W) int64, the row of each pixel, H = repeats * h; None
    takes the rows one after another.    slope: negative numbers are multiplied by it; 1 leaves them.
    dtype: of the result, None for that of x.    Returns (B, C, H, W), channels last in memory.
    """
    return _Modulate.apply(x, table, index, repeats, slope, x.dtype if dtype is None else dtype)


def multiply_by_place(hidden: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """What features add to the output of convolutions at each place of their kernel.

    hidden: (U, I).    weights: of convolutions, (D, I, k, k) each.    Returns (U*k*k, D + D + ...), for each row of
    features one a place.
    """
    made = _MultiplyByPlace.apply(hidden, *weights)
    return made.view(-1, sum(len(weight) for weight in weights))


class _MultiplyByPlace(torch.autograd.Function):
    """The weights, in another order, are made again for the gradient: all of them together are too large to keep."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, *weights: Tensor) -> Tensor:
        ctx.save_for_backward(hidden, *weights)
        return hidden @ _by_place(weights).T

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        hidden, *weights = ctx.saved_tensors
        height, width = weights[0].shape[2:]
        of_hidden = gradient @ _by_place(weights)
        of_weights = (gradient.T @ hidden).unflatten(0, (height, width, -1))  # (k, k, D + D + ..., I)
        parts = of_weights.split([len(weight) for weight in weights], dim=2)
        return of_hidden, *(part.permute(2, 3, 0, 1) for part in parts)


def _by_place(weights: Sequence[Tensor]) -> Tensor:
    """(k*k*(D + D + ...), I)."""
    return torch.cat([weight.permute(2, 3, 0, 1) for weight in weights], dim=2).flatten(0, 2)


class _SumRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, table: Tensor, rows: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.size = table.shape
        return F.embedding_bag(rows, table, mode="sum")

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (rows,) = ctx.saved_tensors
        result = gradient.new_zeros(ctx.size)
        for column in rows.unbind(1):
            result.index_add_(0, column, gradient)
        return result, None


class _Modulate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, table: Tensor, index: Tensor | None, repeats: int, slope: float, dtype: torch.dtype
    ) -> Tensor:
        batch, channels, height, width = x.shape
        result = x.new_empty((batch, repeats * height, repeats * width, channels), dtype=dtype).permute(0, 3, 1, 2)
        pixels = _Pixels(x, index, repeats)
        features, results = pixels.fold(x), pixels.fold(result)
        for part in pixels.parts(table):
            scale, shift = pixels.rows(table, part).split(channels, dim=-1)  # (m, r, w, r, C)
            made = results[part] if dtype == x.dtype else shift.contiguous()
            torch.addcmul(shift, features[part], scale, out=made)
            made = F.leaky_relu_(made, slope) if slope != 1 else made
            if dtype != x.dtype:
                results[part] = made
        ctx.save_for_backward(x, table, index, result)
        ctx.repeats, ctx.slope = repeats, slope
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, table, index, result = ctx.saved_tensors
        channels, repeats = x.shape[1], ctx.repeats
        pixels = _Pixels(x, index, repeats)
        scales = table[:, :channels].contiguous()
        of_x = torch.empty_like(x, memory_format=torch.channels_last)
        of_scale, of_shift = torch.zeros_like(scales), torch.zeros_like(scales)
        features, of_features = pixels.fold(x), pixels.fold(of_x)
        results, gradients = pixels.fold(result), pixels.fold(gradient)
        for part in pixels.parts(table):
            change = gradients[part]  # (m, r, w, r, C)
            if ctx.slope != 1:
                change = torch.ops.aten.leaky_relu_backward(change, results[part], ctx.slope, True)
            change = change.to(x.dtype)
            pixels.add(of_shift, part, change)
            pixels.add(of_scale, part, change * features[part])
            scaled = change * pixels.rows(scales, part)
            of_features[part] = sum(
                scaled[:, down : down + 1, :, right : right + 1] for down in range(repeats) for right in range(repeats)
            )
        return of_x, torch.cat([of_scale, of_shift], dim=1), None, None, None, None


class _Pixels:
    """Features and the rows of tables that belong to them, part for part.    x: (B, C, h, w)."""

    def __init__(self, x: Tensor, index: Tensor | None, repeats: int) -> None:
        batch, _, self.height, self.width = x.shape
        self.lines, self.repeats, self.is_on_cpu = batch * self.height, repeats, x.device.type == "cpu"
        self.index = None if index is None else index.reshape(self.lines, repeats, self.width, repeats)

    def parts(self, table: Tensor) -> list[slice]:
        """Lines of x, a few at a time."""
        numbers_a_line = self.width * self.repeats**2 * table.shape[1]
        step = max(1, CHUNK_NUMBERS // numbers_a_line) if self.is_on_cpu else self.lines
        return [slice(start, start + step) for start in range(0, self.lines, step)]

    def rows(self, table: Tensor, part: slice) -> Tensor:
        """(m, r, w, r, D), the rows of the pixels of a part of m lines."""
        if self.index is None:
            return table.view(self.lines, self.repeats, self.width, self.repeats, -1)[part]
        index = self.index[part]
        return table.index_select(0, index.flatten()).view(*index.shape, -1)

    def add(self, of_table: Tensor, part: slice, gradient: Tensor) -> None:
        """Add gradients of the pixels of a part, (m, r, w, r, D), to those of their rows."""
        if self.index is None:
            of_table.view(self.lines, self.repeats, self.width, self.repeats, -1)[part] += gradient
        else:
            of_table.index_add_(0, self.index[part].flatten(), gradient.flatten(0, 3))

    def fold(self, picture: Tensor) -> Tensor:
        """(B, C, h, w) as (B*h, 1, w, 1, C), or (B, C, H, W) as (B*h, r, w, r, C)."""
        repeats = picture.shape[2] // self.height
        return picture.permute(0, 2, 3, 1).reshape(self.lines, repeats, self.width, repeats, picture.shape[1])
