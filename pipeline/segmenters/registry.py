"""The segmenters that can be asked for, and the one place that opens them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.classes import Taxonomy, vocabulary_names
from pipeline.errors import SegmenterError
from pipeline.segmenters import weights
from pipeline.segmenters.segmenter import Segmenter


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One line of what can be asked for."""

    spec: str
    """What follows --segmenter; words in capitals are the user's to fill in."""
    what: str
    license: str
    """SPDX-like id of the weights' licence; unknown where they are the user's own."""
    size_mb: int
    """What it downloads at its first use, 0 for nothing."""
    origin: str
    """Where its weights or maps come from."""
    proven: bool
    """Whether it was ever run on its real weights where it was written."""
    here: bool = False
    """Whether its weights are in the workspace already; True where it needs none."""
    pin: weights.Pin | None = None


CHOICES: tuple[Choice, ...] = (
    Choice(
        spec="deeplabv2-cocostuff164k",
        what="DeepLabV2 with ResNet-101 at three scales: all classes of landscape, seconds a photo without a GPU",
        license=weights.DEEPLABV2_COCOSTUFF164K.license,
        size_mb=weights.DEEPLABV2_COCOSTUFF164K.about_bytes // 1_000_000,
        origin=weights.DEEPLABV2_COCOSTUFF164K.url,
        proven=False,
        pin=weights.DEEPLABV2_COCOSTUFF164K,
    ),
    Choice(
        spec="torch:FILE",
        what="your weights of DeepLabv3+ MobileNetV2 or DeepLabV2 ResNet-101, class names in a JSON beside them",
        license="unknown",
        size_mb=0,
        origin="a file of yours",
        proven=True,
    ),
    Choice(
        spec="maps:FOLDER",
        what="label maps of yours: 8-bit PNGs of class ids, named like their photos",
        license="unknown",
        size_mb=0,
        origin="a folder of yours",
        proven=True,
    ),
)
"""In the order in which a person would try them."""


def describe(weights_folder: Path | None = None) -> list[Choice]:
    """The choices, each with whether its weights are in the folder."""
    return [replace(choice, here=_is_here(choice, weights_folder)) for choice in CHOICES]


def open_segmenter(
    spec: str,
    *,
    taxonomy: Taxonomy,
    weights_folder: Path,
    on_bytes: Callable[[str, int, int | None], None] | None = None,
) -> Segmenter:
    """The segmenter that a spec names, ready to run: on CUDA if there is a GPU, else on the CPU.

    weights_folder: where downloaded weights are kept.
    on_bytes: called while weights are downloaded: the file's name, the bytes here, and how many there will be or None.

    Raises: SegmenterError when there is none of that name or it cannot be used; WorkspaceError when the disk is full.
    """
    demand_known(spec)
    kind, _, rest = spec.partition(":")
    if kind == "maps":
        from pipeline.segmenters.maps import open_maps

        return open_maps(Path(rest).expanduser(), taxonomy=taxonomy)

    if kind == "torch":
        from pipeline.segmenters.torch_file import open_file

        return open_file(Path(rest).expanduser(), taxonomy=taxonomy, device=_device())

    choice = next(choice for choice in CHOICES if choice.spec == spec)
    from pipeline.segmenters.torch_file import open_file

    path = weights.fetch(choice.pin, weights_folder, on_bytes)
    said = {"name": spec, "license": choice.license, "names": vocabulary_names("cocostuff")}
    return open_file(path, taxonomy=taxonomy, device=_device(), **said)


def demand_known(spec: str) -> None:
    """Raises: SegmenterError when there is no segmenter of that name, or no such file or folder."""
    kind, colon, rest = spec.partition(":")
    if colon and not rest and kind in ("torch", "maps"):
        shown = next(choice.spec for choice in CHOICES if choice.spec.startswith(spec))
        raise SegmenterError(f"the segmenter '{spec}' names nothing after its colon. Write it as {shown}")
    if kind in ("torch", "maps") and rest:
        if not Path(rest).expanduser().exists():
            raise SegmenterError(f"there is nothing at {rest}. Check the path after {kind}:")
    elif spec not in [choice.spec for choice in CHOICES]:
        known = ", ".join(choice.spec for choice in CHOICES)
        raise SegmenterError(f"there is no segmenter '{spec}'. Choose one of {known}; see gauganpipe segmenters")


def from_any_folder(spec: str) -> str:
    """The spec with its path made absolute, so that it means the same wherever a later command is typed."""
    kind, _, rest = spec.partition(":")
    return f"{kind}:{Path(rest).expanduser().resolve()}" if kind in ("torch", "maps") and rest else spec


def _is_here(choice: Choice, weights_folder: Path | None) -> bool:
    if choice.pin is None:
        return True
    return weights_folder is not None and (weights_folder / choice.pin.file_name).is_file()


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
