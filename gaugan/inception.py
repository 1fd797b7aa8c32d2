"""Inception: the network that FID and KID are taken in, from a file on this computer."""

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import torch
from torch import Tensor, nn

from gaugan.data import to_bytes
from gaugan.errors import SettingsError
from gaugan.features import digest_of, read_state

FILES = ("weights-inception-2015-12-05-6726825d.pth", "pt_inception-2015-12-05-6726825d.pth")
"""What torch-fidelity and pytorch-fid call the file."""
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILES[0]}"
DIGEST_BEGINS = "6726825d"
"""The first digits of the SHA-256 of the released file, which stand in its name."""
VARIABLE = "GAUGANPIPE_INCEPTION"
"""The environment variable that names the file."""


class Inception(nn.Module):
    """The FID network of torch-fidelity, frozen, as a `gaugan.score.Scorer` takes it.

    name: "inception".    digest: of the weights file.
    """

    name = "inception"

    def __init__(self, network: nn.Module, *, digest: str) -> None:
        super().__init__()
        self.network = network
        self.digest = digest

    @property
    def is_released(self) -> bool:
        """Whether the file is the released one: distances in other weights are no FID and no KID."""
        return self.digest.startswith(DIGEST_BEGINS)

    @torch.no_grad()
    def describe(self, image: Tensor) -> Tensor:
        """Pictures as vectors, to be compared in sets: rounded to 8 bits, and scaled to 299 x 299 by torch-fidelity.

        image: (B, 3, H, W) float in [-1, 1], on the device of the network.    Returns (B, 2048) float32, nan for
        a picture that has pixels that are no numbers.    Source: Heusel et al. 2017, section 2.
        """
        is_whole = image.isfinite().flatten(1).all(1)
        pixels = to_bytes(image.nan_to_num(0)).permute(0, 3, 1, 2)  # (B, 3, H, W) uint8
        (described,) = self.network(pixels)
        return described.masked_fill(~is_whole[:, None], torch.nan)


def load_inception(path: Path) -> Inception:
    """Read the network from torch-fidelity's or pytorch-fid's file, whose keys are the same.

    Raises: ValueError when the file is no state dict, or of another network; FileNotFoundError when there is none;
    SettingsError without torch-fidelity.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise SettingsError(
            "FID and KID need torch-fidelity, which is not installed. Run pip install 'gauganpipe[evaluate]'"
        ) from error
    state = read_state(path)
    # torch-fidelity executes whatever a file holds, so it gets what was read without executing anything.
    weights = BytesIO()
    torch.save(dict(state), weights)
    weights.seek(0)
    try:
        network = FeatureExtractorInceptionV3(Inception.name, ["2048"], feature_extractor_weights_path=weights)
    except RuntimeError as error:
        seen = ", ".join(list(state)[:4]) or "none"
        raise ValueError(
            f"{path} is not the network of FID, which is called {FILES[0]}. torchvision's inception_v3 is another one. "
            f"The {len(state)} keys of the file begin with: {seen}"
        ) from error
    return Inception(network, digest=digest_of(path)).eval()


def find_inception(
    asked: Path | None = None, *, environ: Mapping[str, str] | None = None, torch_home: Path | None = None
) -> Path:
    """The weights file: the one that is asked for, or that GAUGANPIPE_INCEPTION names, or that torch's folder holds.

    environ: None is that of this process.    torch_home: the folder that torch keeps downloads in; None asks torch.
    Raises: SettingsError when there is none, saying what it is called and where it is to be had.
    """
    named = (os.environ if environ is None else environ).get(VARIABLE, "")
    for path, by in ((asked, "was asked for"), (Path(named) if named else None, f"is named by {VARIABLE}")):
        if path is not None and path.is_file():
            return path
        if path is not None:
            raise SettingsError(f"{path} {by} as the network of FID, but there is no such file. {where_to_get()}")
    folder = (Path(torch.hub.get_dir()) if torch_home is None else torch_home / "hub") / "checkpoints"
    for file in FILES:
        if (folder / file).is_file():
            return folder / file
    raise SettingsError(f"FID and KID need a network that is not in {folder}. {where_to_get()}")


def where_to_get() -> str:
    """The released file, in a sentence."""
    return f"It is {FILES[0]}, 95 MB, with a SHA-256 that begins with {DIGEST_BEGINS}, from {URL}"
