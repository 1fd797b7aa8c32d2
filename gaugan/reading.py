"""Photos and their maps from files to tensors at the size that crops are cut from."""

import re
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import interpolate
from torchvision.io import ImageReadMode, decode_image

from gaugan.errors import DataError
from gaugan.settings import Data

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
    """A sample as tensors, all of one size.

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
    return resized(Scaled(image=image, labels=labels, instances=ids), size)


def covering_size(size: Sequence[int], *, crop: tuple[int, int], margin: float) -> tuple[int, int]:
    """(height, width) of a photo scaled, in its own proportions, to cover a crop and a margin, a share of the crop."""
    factor = max(wanted * (1 + margin) / side for wanted, side in zip(crop, size, strict=True))
    height, width = (max(wanted, round(side * factor)) for wanted, side in zip(crop, size, strict=True))
    return height, width


def resized(scaled: Scaled, size: tuple[int, int]) -> Scaled:
    """A photo and its maps at another size (height, width)."""
    return Scaled(
        image=interpolate(scaled.image.unsqueeze(0), size=size, mode="bicubic", antialias=True).squeeze(0),
        labels=nearest(scaled.labels, size),
        instances=None if scaled.instances is None else nearest(scaled.instances, size),
    )


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
    values = labels.numpy()  # NumPy, because torch takes several times as long to compare bytes
    wrong = (values >= classes) & (values != UNKNOWN)
    if wrong.any():
        row, column = divmod(int(wrong.argmax()), labels.shape[1])
        raise DataError(
            f"{path} holds class {values[row, column]}, expected 0 to {classes - 1}, or {UNKNOWN} for unknown: "
            f"look at column {column}, row {row}"
        )
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
    mute_torchvision()
    try:
        return decode_image(torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=mode)
    except RuntimeError as error:
        reason = str(error).splitlines()[0].rpartition(", ")[2]
        raise DataError(f"{path} cannot be decoded: {reason}") from error


def mute_torchvision() -> None:
    """Since 0.29 it announces with every picture that decoding will move to torchcodec.

    A filter for its module, put in place once: warnings.catch_warnings would swap the filters of every other thread.
    """
    module = r"torchvision\.io"
    if ("ignore", None, DeprecationWarning, re.compile(module), 0) not in warnings.filters:
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=module)


def size_text(picture: Tensor) -> str:
    return f"{picture.shape[-1]}x{picture.shape[-2]}"
