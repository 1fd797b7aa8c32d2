"""Label maps and instance maps, made into the tensor that generator and discriminator see."""

import torch
from torch import Tensor


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
    """Count the channels of `condition`: one a class, one for unknown pixels, one for edges."""
    return classes + int(unknown) + int(edges)


def condition(
    labels: Tensor, *, classes: int, unknown: bool, edges: Tensor | None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Make the one-hot map of the labels, with the edges as its last channel.

    labels: (B, H, W) int64, 0..classes-1, and `classes` for an unknown pixel where `unknown` is true.
    edges: (B, 1, H, W), 0 or 1, or None.
    Returns (B, channels, H, W) of `dtype`, 0 or 1; channels as `condition_channels` counts them.

    Raises ValueError when a label has no channel.
    """
    hot = classes + int(unknown)
    for value in torch.stack(labels.aminmax()).tolist():
        if not 0 <= value < hot:
            raise ValueError(
                f"a label map holds the value {value}, but labels are 0..{classes - 1}"
                f"{f', and {classes} for unknown' if unknown else ' and none is unknown'}"
            )
    batch, height, width = labels.shape
    channels = hot + int(edges is not None)
    result = torch.zeros(batch, channels, height, width, dtype=dtype, device=labels.device)
    result.scatter_(1, labels[:, None], 1)
    if edges is not None:
        result[:, -1:] = edges
    return result
