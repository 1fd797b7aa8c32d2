"""Batch normalisation over the pictures of all processes, also on devices where torch has none."""

from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable


def processes() -> int:
    """How many processes train together; 1 where none were launched together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def synchronise(network: nn.Module, *, device: torch.device) -> nn.Module:
    """The network with batch statistics over all processes; parameters and buffers stay the same tensors.

    device: where the network trains: torch's own layers on CUDA, ours elsewhere.
    """
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    if isinstance(network, nn.BatchNorm2d):
        return SynchronisedBatchNorm.of(network)
    for name, layer in network.named_children():
        setattr(network, name, synchronise(layer, device=device))
    return network


class SynchronisedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation that trains with mean and variance over the batches of all processes together.

    Every process must call it equally often; their batches may differ in size. Gradients are those of the sum of all
    losses. In evaluation, and in a process alone, it is nn.BatchNorm2d.

    Source: Ioffe and Szegedy 2015, Batch Normalization, algorithm 1.
    """

    @classmethod
    def of(cls, norm: nn.BatchNorm2d) -> "SynchronisedBatchNorm":
        """One that holds the parameters and buffers of another normalisation."""
        made = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
            setattr(made, name, getattr(norm, name))
        return made.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) float, B, H and W of this process.    Returns the same shape."""
        if not self.training or processes() == 1:
            return super().forward(x)
        normal, mean, var = _Standardise.apply(x.to(torch.promote_types(x.dtype, torch.float32)), self.eps)
        if self.track_running_stats:
            self.remember(mean, var)
        if self.affine:
            normal = torch.addcmul(self.bias[:, None, None], normal, self.weight[:, None, None])
        return normal.to(x.dtype)

    def remember(self, mean: Tensor, var: Tensor) -> None:
        """Move the running statistics towards those of a batch."""
        self.num_batches_tracked.add_(1)
        share = self.momentum if self.momentum is not None else 1 / self.num_batches_tracked.item()
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(var.to(self.running_var.dtype), share)


class _Standardise(torch.autograd.Function):
    """Features of mean 0 and variance 1 over all processes; their mean, and their variance without bias."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        pixels, mean, var = _moments(x)
        rate = torch.rsqrt(var + eps)[:, None, None]
        normal = (x - mean[:, None, None]) * rate
        unbiased = var * (pixels / (pixels - 1))
        ctx.save_for_backward(normal, rate, pixels)
        ctx.mark_non_differentiable(mean, unbiased)
        return normal, mean, unbiased

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor, None]:
        normal, rate, pixels = ctx.saved_tensors
        # Each pixel moves mean and variance, and with them the losses of all processes.
        sums = torch.stack([gradient.sum((0, 2, 3)), (gradient * normal).sum((0, 2, 3))])
        distributed.all_reduce(sums)
        of_mean, of_spread = (sums / pixels)[:, :, None, None]  # (C, 1, 1) each
        return rate * (gradient - of_mean - normal * of_spread), None


def _moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels a channel, (), mean and biased variance, (C,) each, over all processes.

    Each process tells its own moments instead of sums of squares, whose difference would lose digits.
    """
    mean = x.mean((0, 2, 3))
    var = (x - mean[:, None, None]).square().mean((0, 2, 3))  # several times as quick as torch.var_mean
    own = torch.cat([mean.new_tensor([x.numel() // len(mean)]), mean, var])
    told = [torch.empty_like(own) for _ in range(processes())]
    distributed.all_gather(told, own)
    counts, means, variances = torch.stack(told).split([1, len(mean), len(mean)], dim=1)
    pixels = counts.sum()
    mean = (counts * means).sum(0) / pixels
    var = (counts * (variances + (means - mean).square())).sum(0) / pixels
    return pixels, mean, var
