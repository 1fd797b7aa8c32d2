"""The normalisation that is scaled and shifted by the class of each pixel alone."""

import torch
from torch import Tensor, nn

from gaugan.spade.conditions import Condition
from gaugan.spade.lookup import modulate
from gaugan.spade.norm import normalise, plain_norm


class ClassNorm(nn.Module):
    """Normalise features, then scale and shift each pixel by what its class has learned.

    Each channel of the condition has a row of numbers that are added to scale 1 and shift 0; all are 0 at the start.
    The paper has rows for classes; those for edges and noise are ours, and add to that of a pixel's class.

    Source: Tan et al. 2021, Efficient Semantic Image Synthesis via Class-Adaptive Normalization, section 3.
    """

    def __init__(self, channels: int, *, condition_channels: int, kind: str = "batch") -> None:
        super().__init__()
        self.param_free_norm = plain_norm(kind, channels, affine=False)
        self.gamma = nn.Parameter(torch.zeros(condition_channels, channels))
        self.beta = nn.Parameter(torch.zeros(condition_channels, channels))

    def forward(self, x: Tensor, condition: Condition, *, repeats: int = 1, slope: float = 1.0) -> Tensor:
        """Normalise, modulate, and bend what is negative.

        x: (B, channels, h, w) float.    condition: of size (repeats * h, repeats * w).
        repeats: how often each pixel stands side by side, and below each other, before it is modulated.
        slope: of the leaky ReLU behind the layer; 1 for none.    Returns (B, channels, repeats * h, repeats * w).
        """
        with torch.autocast(x.device.type, enabled=False):
            table = self.table(condition)
            normal = normalise(self.param_free_norm, x.to(table.dtype), repeats=repeats)
        return modulate(normal, table, condition.numbers, repeats=repeats, slope=slope, dtype=x.dtype)

    def table(self, condition: Condition) -> Tensor:
        """Scales and shifts of each number of the condition, (P, 2 * channels)."""
        columns = condition.columns.to(self.gamma.dtype)
        return torch.cat([1 + columns @ self.gamma, columns @ self.beta], dim=1)
