"""Photos and their maps from files to tensors at the size that crops are cut from."""

import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.io import ImageReadMode, decode_image

from gaugan.config import Data
from gaugan.errors import DataError

UNKNOWN = 255
PNG = b"\x89PNG"
GREY, PALETTE = 0, 3  # colour types of PNG


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One photo with its maps, as files.

    image: JPEG or PNG, 8-bit.    labels: 8-bit grey or palette PNG, class id per pixel, 255 unknown.
    instances: 8- or 16-bit grey PNG, instance id per pixel, or None.    All of one size.
    """

    image: Path
    labels: Path
    instances: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Scaled:
    """A sample at the size that crops are cut from.

    image: (3, h, w) uint8.    labels: (h, w) uint8, 255 unknown.    instances: (h, w) int32 or None.
    """

    image: Tensor
    labels: Tensor
    instances: Tensor | None


def read_scaled(sample: Sample, *, settings: Data, classes: int, instances: bool) -> Scaled:
    image = read_photo(sample.image)
    labels = read_labels(sample.labels, classes=classes)
    ids = read_instances(sample.instances) if instances and sample.instances else None
    for path, plane in ((sample.labels, labels), (sample.instances, ids)):
        if plane is not None and plane.shape != image.shape[1:]:
            raise DataError(f"{path} is {size_text(plane)}, its photo {sample.image} is {size_text(image)}")
    size = covering_size(image.shape[1:], crop=settings.crop, margin=settings.crop_margin)
    return Scaled(
        image=interpolate(image.unsqueeze(0), size=size, mode="bicubic", antialias=True).squeeze(0),
        labels=nearest(labels, size),
        instances=None if ids is None else nearest(ids, size),
    )


def covering_size(size: Sequence[int], *, crop: tuple[int, int], margin: float) -> tuple[int, int]:
    """(height, width) of a photo scaled, in its own proportions, to cover a crop and a margin, a share of the crop."""
    factor = max(wanted * (1 + margin) / side for wanted, side in zip(crop, size, strict=True))
    height, width = (max(wanted, round(side * factor)) for wanted, side in zip(crop, size, strict=True))
    return height, width


def nearest(ids: Tensor, size: tuple[int, int]) -> Tensor:
    """(H, W) ids at another size; 16-bit ids are exact in float32."""
    return interpolate(ids[None, None].float(), size=size, mode="nearest-exact")[0, 0].to(ids.dtype)


def read_photo(path: Path) -> Tensor:
    """(3, H, W) uint8 RGB. Raises: DataError."""
    image = decode(path, read(path), ImageReadMode.RGB)
    if image.dtype != torch.uint8:
        raise DataError(f"{path} has 16 bits a channel, expected 8")
    return image


def read_labels(path: Path, *, classes: int) -> Tensor:
    """(H, W) uint8, 0..C-1, 255 unknown. Raises: DataError."""
    data = read(path)
    require_plane(path, data, depths=(8,))
    labels = decode(path, data, ImageReadMode.UNCHANGED).squeeze(0)
    wrong = labels[(labels >= classes) & (labels != UNKNOWN)]
    if wrong.numel():
        raise DataError(f"{path} holds class {wrong[0]}, expected 0 to {classes - 1}, or {UNKNOWN} for unknown")
    return labels


def read_instances(path: Path) -> Tensor:
    """(H, W) int32 ids. Raises: DataError."""
    data = read(path)
    require_plane(path, data, depths=(8, 16))
    return decode(path, data, ImageReadMode.UNCHANGED).squeeze(0).to(torch.int32)


def png_size(path: Path) -> tuple[int, int]:
    """(height, width) that the head of a PNG names; nothing is decoded. Raises: DataError."""
    try:
        with path.open("rb") as file:
            head = file.read(24)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if len(head) < 24 or not head.startswith(PNG):
        raise DataError(f"{path} is no PNG")
    width, height = struct.unpack(">II", head[16:24])
    return height, width


def require_plane(path: Path, data: bytes, *, depths: tuple[int, ...]) -> None:
    """One id per pixel, of a depth that torchvision decodes as it is; palettes of fewer bits it turns into colours."""
    if len(data) < 26 or not data.startswith(PNG):
        raise DataError(f"{path} is no PNG")
    depth, colour = data[24], data[25]
    if colour not in (GREY, PALETTE):
        raise DataError(f"{path} is a colour picture, expected one id per pixel: a grey or palette PNG")
    if depth not in depths:
        raise DataError(f"{path} has {depth} bits a pixel, expected {' or '.join(map(str, depths))}")


def read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    if not data:
        raise DataError(f"{path} is empty")
    return data


def decode(path: Path, data: bytes, mode: ImageReadMode) -> Tensor:
    try:
        with warnings.catch_warnings():
            # torchvision announces since 0.29 that decoding will move to torchcodec.
            warnings.simplefilter("ignore", DeprecationWarning)
            return decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=mode)
    except RuntimeError as error:
        reason = str(error).splitlines()[0].rpartition(", ")[2]
        raise DataError(f"{path} cannot be decoded: {reason}") from error


def size_text(picture: Tensor) -> str:
    return f"{picture.shape[-1]}x{picture.shape[-2]}"
