"""Normalisation layers: the plain ones, and the one that is scaled and shifted by the label map."""

from torch import Tensor, nn

HIDDEN_CHANNELS = 128


def plain_norm(kind: str, channels: int, *, affine: bool) -> nn.Module:
    """Build a normalisation that knows no labels.

    kind: 'batch', 'syncbatch' or 'instance'. In one process 'syncbatch' is 'batch'; before training in several,
    convert it with nn.SyncBatchNorm.convert_sync_batchnorm.
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

    Source: Park et al. 2019, Semantic Image Synthesis with Spatially-Adaptive Normalization, equations 1 to 3.
    """

    def __init__(self, channels: int, *, condition_channels: int, kind: str = "batch", kernel_size: int = 3) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"the kernel size of a SPADE layer is {kernel_size}, expected an odd number")
        padding = kernel_size // 2
        self.param_free_norm = plain_norm(kind, channels, affine=False)
        self.mlp_shared = nn.Sequential(
            nn.Conv2d(condition_channels, HIDDEN_CHANNELS, kernel_size, padding=padding), nn.ReLU()
        )
        self.mlp_gamma = nn.Conv2d(HIDDEN_CHANNELS, channels, kernel_size, padding=padding)
        self.mlp_beta = nn.Conv2d(HIDDEN_CHANNELS, channels, kernel_size, padding=padding)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x: (B, channels, H, W) float.    condition: (B, condition_channels, H, W), already at the size of x."""
        hidden = self.mlp_shared(condition)  # (B, 128, H, W)
        return self.param_free_norm(x) * (1 + self.mlp_gamma(hidden)) + self.mlp_beta(hidden)
