"""Which networks say how pictures look, and where their weights are: Inception, the segmenter's, and any file named."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console import Console
from pipeline.errors import RunError
from pipeline.evaluation.asked import Asked
from pipeline.evaluation.photos import Pictures
from pipeline.evaluation.subjects import Subject
from pipeline.run_checks import NAMED_WEIGHTS
from pipeline.segmenters import weights
from pipeline.workspace import Workspace, write_atomically

if TYPE_CHECKING:
    from torch import Tensor

SEGMENTER = "segmenter"
INCEPTION = "inception"


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A network that describes pictures as vectors.

    digest: of its weights file.    is_inception: whether its distances are FID and KID.
    """

    path: Path
    digest: str
    is_inception: bool

    def load(self) -> Any:
        """The network on the device that is computed on: name, digest, describe(pictures) -> vectors.

        Raises: RunError when the file is of no network that is known; SettingsError of gaugan without torch-fidelity.
        """
        from gaugan.features import load_features
        from gaugan.inception import load_inception

        try:
            network = load_inception(self.path) if self.is_inception else load_features(self.path, normalise=True)
        except (OSError, ValueError) as error:
            raise RunError(str(error)) from error
        return network.to(device())


class Descriptions:
    """What each network says of each set of pictures; every set is described once."""

    def __init__(self, folder: Path, console: Console) -> None:
        """folder: keeps what is said of photos that were trained on, which are many."""
        self._folder, self._console = folder, console
        self._networks: dict[str, Any] = {}
        self._described: dict[tuple[str, str], Tensor] = {}

    def network(self, judge: Judge) -> Any:
        if judge.digest not in self._networks:
            self._networks[judge.digest] = judge.load()
        return self._networks[judge.digest]

    def of(self, judge: Judge, pictures: Pictures, *, keeps: bool = False) -> "Tensor":
        """(N, D) float32, on the CPU.    keeps: on the disk as well."""
        place = judge.digest, pictures.key
        if place not in self._described:
            path = self._folder / f"{'-'.join(place)}.safetensors"
            described = _read(path) if keeps else None
            if described is None:
                described = self._describe(judge, pictures)
                if keeps:
                    from safetensors.torch import save

                    write_atomically(path, save({"described": described}))
            self._described[place] = described
        return self._described[place]

    def _describe(self, judge: Judge, pictures: Pictures) -> "Tensor":
        import torch

        network = self.network(judge)
        described = []
        with self._console.bar(f"{network.name} looks at {pictures.name}", unit="picture", total=len(pictures)) as bar:
            for batch in pictures.batches():
                described.append(network.describe(batch.to(device())).float().cpu())
                bar.step(len(batch))
        return torch.cat(described)


def find_judges(workspace: Workspace, asked: Asked, subjects: Sequence[Subject], console: Console) -> list[Judge]:
    """The networks to look through, the one that says most first.

    That is Inception, where it is; then those that were named, or else the one that a run was scored by in training;
    and last the segmenter's, from which runs have mostly learned.
    Raises: RunError when a file that was asked for is not there; SegmenterError when a download fails.
    """
    from gaugan.features import digest_of

    inception = find_inception(workspace, asked, console)
    files = list(asked.features) or _scored_by(subjects)
    judges = [Judge(path=inception, digest=digest_of(inception), is_inception=True)] if inception else []
    judges += [Judge(path=file, digest=digest_of(file), is_inception=False) for file in files]
    judges.append(Judge(path=NAMED_WEIGHTS[SEGMENTER], digest=digest_of(NAMED_WEIGHTS[SEGMENTER]), is_inception=False))
    return list({judge.digest: judge for judge in reversed(judges)}.values())[::-1]


def find_inception(workspace: Workspace, asked: Asked, console: Console) -> Path | None:
    """Inception's weights file; None, with a line that says where to get it, where there is none.

    Raises: RunError when the file that was named is not there, or cannot be used; SegmenterError when a download fails.
    """
    from gaugan.errors import SettingsError
    from gaugan.inception import DIGEST_BEGINS, FILES, URL, VARIABLE, find_inception

    pin = weights.Pin(url=URL, file_name=FILES[0], sha256=DIGEST_BEGINS, license="Apache-2.0", about_bytes=95_600_000)
    own = workspace.weights / pin.file_name
    try:
        is_named = asked.inception is not None or bool(os.environ.get(VARIABLE))
        found = find_inception(own if own.is_file() and not is_named else asked.inception)
    except SettingsError as error:
        if is_named:
            raise
        if not asked.downloads:
            console.note(f"{error}. --download fetches it, --inception FILE names it")
            return None
        with console.transfer() as on_bytes:
            found = weights.fetch(pin, workspace.weights, on_bytes)
    if find_spec("torch_fidelity") is None:
        raise RunError(
            "FID and KID need torch-fidelity, which is not installed. Run pip install 'gauganpipe[evaluate]', or put "
            f"{found} elsewhere to do without"
        )
    return found


def has_taught(digest: str, subject: Subject) -> bool:
    """Whether a run has learned from what the network of this weights file sees: its word flatters that run."""
    from gaugan.features import DIGEST_DIGITS, digest_of

    losses = subject.about.settings.losses
    if not losses.perceptual or not losses.perceptual_weights:
        return False
    path = NAMED_WEIGHTS.get(losses.perceptual_weights, Path(losses.perceptual_weights))
    return path.is_file() and digest_of(path) == digest[:DIGEST_DIGITS]


def device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _scored_by(subjects: Sequence[Subject]) -> list[Path]:
    """The files of networks by which the runs were scored while they trained, as far as they are here."""
    names = dict.fromkeys(subject.about.settings.training.score_weights for subject in subjects)
    return [Path(name) for name in names if name and name not in NAMED_WEIGHTS and Path(name).is_file()]


def _read(path: Path) -> "Tensor | None":
    """What was kept; None where it is not there, or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(path.read_bytes())["described"]
    except (OSError, SafetensorError, KeyError):
        return None
