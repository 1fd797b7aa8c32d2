"""The styles between two styles."""

import torch
from torch import Tensor

ON_ONE_LINE = 1e-6
"""Directions that differ by no more than this, in radians, are the same, or opposite."""


def between(a: Tensor, b: Tensor, share: float) -> Tensor:
    """The style a share of the way from one to another: its direction along the great circle, its length linearly.

    A straight line between two drawn styles leads past styles that are shorter than any that is drawn.
    a, b: (S,) float.    share: 0 is a, and 1 is b, exactly.    Returns (S,) of the dtype of a.
    Raises: ValueError when they are not of one length, or the share is none.
    Source: Shoemake 1985, Animating Rotation with Quaternion Curves, section 3.3.
    """
    if a.dim() != 1 or a.shape != b.shape:
        raise ValueError(f"there are styles of shape {tuple(a.shape)} and {tuple(b.shape)}, expected one length")
    if not 0 <= share <= 1:
        raise ValueError(f"the share is {share}, expected 0 to 1")
    if share in (0, 1):
        return (b if share else a).clone()
    x, y = a.double(), b.double()
    lengths = x.norm(), y.norm()
    if not all(lengths):
        return torch.lerp(x, y, share).to(a.dtype)
    x, y = x / lengths[0], y / lengths[1]

    # What is across the first direction on the way to the second.
    across = y - (x @ y) * x
    if across.norm() < ON_ONE_LINE and x @ y < 0:
        # They are opposite, and every great circle is as short: the one that the fewest of them share.
        across = -x[x.abs().argmin()] * x
        across[x.abs().argmin()] += 1
    if across.norm() < ON_ONE_LINE:
        return torch.lerp(a.double(), b.double(), share).to(a.dtype)
    angle = 2 * torch.atan2((x - y).norm(), (x + y).norm())
    direction = torch.cos(share * angle) * x + torch.sin(share * angle) * across / across.norm()
    return (torch.lerp(*lengths, share) * direction).to(a.dtype)
