"""The floor under every score: label maps painted in the mean colour of each class, with noise, and nothing learned."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def class_means(crops: Iterable[tuple[Tensor, Tensor]], *, classes: int) -> tuple[Tensor, Tensor]:
    """The mean colour of each class, and how far its pixels are from it, over training crops.

    crops: batches of images (B, 3, H, W) in [-1, 1] and labels (B, H, W) integers, 0..C-1, C unknown.    classes: C.
    Returns means and standard deviations, each (C+1, 3) float32; a class without pixels has those of all pixels.
    Raises: ValueError when there are no crops.
    """
    number, total, squares = (torch.zeros(classes + 1, width, dtype=torch.float64) for width in (1, 3, 3))
    for image, labels in crops:
        # On the CPU, where sums have one order.
        pixels = image.detach().cpu().double().permute(0, 2, 3, 1).reshape(-1, 3)  # (B*H*W, 3)
        of_class = labels.detach().cpu().flatten().long()
        number.index_add_(0, of_class, torch.ones_like(pixels[:, :1]))
        total.index_add_(0, of_class, pixels)
        squares.index_add_(0, of_class, pixels.square())
    if not number.any():
        raise ValueError("there are no crops to take colours from")
    is_empty = number[:, 0] == 0
    number[is_empty], total[is_empty], squares[is_empty] = number.sum(0), total.sum(0), squares.sum(0)
    means = total / number
    return means.float(), (squares / number - means.square()).clamp_min(0).sqrt().float()


def painted_in_class_means(
    labels: Tensor, means: Tensor, deviations: Tensor, *, generators: Sequence[torch.Generator]
) -> Tensor:
    """Pictures whose every pixel has the colour of its class, and normal noise as wide as the class is.

    labels: (B, H, W) integers, 0..C-1, C unknown.    means, deviations: of `class_means`.
    generators: B of them, on the CPU; each draws the noise of one picture.    Returns (B, 3, H, W) float32 in [-1, 1].
    Raises: ValueError when there are more or fewer.
    """
    if len(generators) != len(labels):
        raise ValueError(f"there are {len(labels)} label maps and {len(generators)} generators, expected one each")
    device, labels = labels.device, labels.long()
    noise = torch.stack([torch.randn(*labels.shape[1:], 3, generator=g) for g in generators]).to(device)
    pictures = means.to(device)[labels] + deviations.to(device)[labels] * noise  # (B, H, W, 3)
    return pictures.clamp(-1, 1).permute(0, 3, 1, 2).contiguous()
