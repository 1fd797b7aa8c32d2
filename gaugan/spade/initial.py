"""The weights a network starts training with."""

import math

import torch
from torch import nn
from torch.nn import functional as F

XAVIER_GAIN = 0.02
BATCH_NORM_STD = 0.02


def initialise(module: nn.Module, *, generator: torch.Generator | None = None) -> None:
    """Draw every weight anew, in place; biases become 0.

    Spectrally normalised convolutions get PyTorch's default range, as in the reference's training on a GPU: their scale
    does not change the output, but Adam's steps rotate a small weight ten times as far. Everything else is drawn as
    xavier normal with gain 0.02; the scales of batch normalisation around 1.

    generator: on the module's device; None draws from the global one.    Source: Glorot and Bengio 2010, equation 16.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            if hasattr(layer, "weight_orig"):
                nn.init.kaiming_uniform_(layer.weight_orig, a=math.sqrt(5), generator=generator)
                for vector in (layer.weight_u, layer.weight_v):
                    vector.copy_(F.normalize(vector.normal_(generator=generator), dim=0, eps=1e-12))
            else:
                nn.init.xavier_normal_(layer.weight, gain=XAVIER_GAIN, generator=generator)
        elif isinstance(layer, nn.BatchNorm2d | nn.SyncBatchNorm) and layer.affine:
            nn.init.normal_(layer.weight, mean=1.0, std=BATCH_NORM_STD, generator=generator)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
