"""Bent label maps for the generator to paint, and changed pictures, photos and maps for the discriminator to judge."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from gaugan.settings import Augmentation

BENDS = 5
"""Stretches between control points over the width of a bent map; over the height as many as keep them square."""


def bent(
    labels: Tensor, edges: Tensor | None, *, share: float, generators: Sequence[torch.Generator]
) -> tuple[Tensor, Tensor | None]:
    """Label maps whose shapes are smoothly bent, each in its own way, and their edges; their borders stay in place.

    labels: (B, H, W) of any integer type.    edges: (B, 1, H, W), 0 or 1, or None.
    share: how far a pixel is taken from at most, down and across, as a share of W; 0 returns what was given.
    generators: B, on the CPU.    Returns the same shapes and types; no value that was not there.
    Source: Katiyar and Khoreva 2020, arXiv 2011.12636, for bending what the generator alone sees.
    """
    if not share:
        return labels, edges
    batch, height, width = labels.shape
    farthest = share * width

    # Random steps at the control points, none at the border, and smooth ones between.
    down, across = max(2, round(BENDS * height / width)), BENDS
    drawn = torch.stack([torch.rand(2, down - 1, across - 1, generator=generator) for generator in generators])
    points = F.pad((2 * drawn - 1) * farthest, (1, 1, 1, 1)).to(labels.device, non_blocking=True)
    steps = F.interpolate(points, size=(height, width), mode="bicubic", align_corners=True)  # (B, 2, H, W)
    steps = steps.clamp(-farthest, farthest).round().long()  # between its points a cubic may swing out further

    # The nearest pixel there. Edges mark both pixels of a pair, so that their lines break only where a map is squeezed
    # to less than half; a softer lookup would make them as thick as they never are elsewhere.
    y = (torch.arange(height, device=labels.device)[:, None] + steps[:, 0]).clamp(0, height - 1)
    x = (torch.arange(width, device=labels.device) + steps[:, 1]).clamp(0, width - 1)
    places = (y * width + x).view(batch, height * width)
    labels = labels.flatten(1).gather(1, places).view(labels.shape)
    return labels, None if edges is None else edges.flatten(1).gather(1, places).view(edges.shape)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """How each of B maps is changed, with every picture and photo of it; what is empty changes nothing.

    colours: added brightness, factor of saturation, factor of contrast.
    shifts: down and right, in pixels.    holes: the first row, the one after the last, and so the columns.
    Source: Zhao et al. 2020, arXiv 2006.10738, with one draw for all that belongs to a map.
    """

    colours: tuple[tuple[float, float, float], ...] = ()
    shifts: tuple[tuple[int, int], ...] = ()
    holes: tuple[tuple[int, int, int, int], ...] = ()

    def picture(self, image: Tensor) -> Tensor:
        """Pictures in other colours, shifted, with a hole; mid grey where nothing is left. Gradients flow through.

        image: (n*B, 3, H, W) float in [-1, 1]; all maps once, n times over.
        Returns the same shape and type; other colours may leave the range.
        """
        return self.displace(self.recolour(image), fill=0)

    def maps(self, labels: Tensor, edges: Tensor | None, *, unknown: int) -> tuple[Tensor, Tensor | None]:
        """Maps shifted, with a hole, as their pictures are; unknown and without edges where nothing is left.

        labels: (B, H, W) of any integer type.    edges: (B, 1, H, W), 0 or 1, or None.
        Returns the same shapes and types.
        """
        if not self.shifts and not self.holes:
            return labels, edges
        labels = self.displace(labels[:, None], fill=unknown)[:, 0]
        return labels, None if edges is None else self.displace(edges, fill=0)

    def recolour(self, image: Tensor) -> Tensor:
        """image: (n*B, 3, H, W), all maps once, n times over; brightness first, then saturation, then contrast."""
        if not self.colours:
            return image
        drawn = torch.tensor(self.colours).to(image, non_blocking=True)  # (B, 3)
        brightness, saturation, contrast = drawn[:, :, None, None, None].unbind(1)  # (B, 1, 1, 1) each
        image = image.unflatten(0, (-1, len(drawn))) + brightness  # (n, B, 3, H, W)
        image = torch.lerp(image.mean(2, keepdim=True), image, saturation)
        image = torch.lerp(image.mean((2, 3, 4), keepdim=True), image, contrast)
        return image.flatten(0, 1)

    def displace(self, pixels: Tensor, *, fill: int) -> Tensor:
        """pixels: (n*B, K, H, W), all maps once, n times over."""
        if self.shifts:
            parts = pixels.unflatten(0, (-1, len(self.shifts))).unbind(1)  # B of (n, K, H, W)
            moved = [
                F.pad(part, (right, -right, down, -down), value=fill)
                for part, (down, right) in zip(parts, self.shifts, strict=True)
            ]
            pixels = torch.stack(moved, dim=1).flatten(0, 1)
        if self.holes:
            top, bottom, left, right = torch.tensor(self.holes).to(pixels.device, non_blocking=True).T[..., None]
            row, column = (torch.arange(side, device=pixels.device) for side in pixels.shape[2:])
            rows, columns = (row >= top) & (row < bottom), (column >= left) & (column < right)  # (B, H), (B, W)
            hidden = (rows[:, :, None] & columns[:, None, :])[:, None]  # (B, 1, H, W)
            pixels = pixels.unflatten(0, (-1, len(hidden))).masked_fill(hidden, fill).flatten(0, 1)
        return pixels


def draw_changes(settings: Augmentation, *, generators: Sequence[torch.Generator], size: tuple[int, int]) -> Changes:
    """Draw how each of B maps is changed, from a generator of its own.

    generators: B, on the CPU; each gives as many numbers whatever is switched on.    size: (height, width) in pixels.
    Returns brightness in [-0.5, 0.5), saturation in [0, 2), contrast in [0.5, 1.5); shifts of up to the nearest whole
    pixel; holes around any place of the picture, so that part of one may lie outside.
    """
    if not settings.is_on:
        return Changes()
    colours, shifts, holes = [], [], []
    for generator in generators:
        # Double precision, so that no number times a side is rounded up to the next pixel.
        drawn = torch.rand(7, generator=generator, dtype=torch.float64).tolist()
        brightness, saturation, contrast = drawn[:3]
        colours.append((brightness - 0.5, 2 * saturation, contrast + 0.5))
        shift, hole = [], []
        for side, place, centre in zip(size, drawn[3:5], drawn[5:], strict=True):
            farthest, length = round(settings.translation * side), round(settings.cutout * side)
            shift.append(int(place * (2 * farthest + 1)) - farthest)
            # An odd hole has a pixel in its middle, an even one the line between two, of which there is one more.
            first = int(centre * (side + 1 - length % 2)) - length // 2
            hole += [first, first + length]
        shifts.append(tuple(shift))
        holes.append(tuple(hole))
    return Changes(
        colours=tuple(colours) if settings.colour else (),
        shifts=tuple(shifts) if settings.translation else (),
        holes=tuple(holes) if settings.cutout else (),
    )
