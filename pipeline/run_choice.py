"""Which run a command means, with which settings: one that was begun, or a new one."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import RunError
from pipeline.manifest import Manifest, read
from pipeline.run_folders import is_imported, run_folder
from pipeline.samples import read_samples, trained_rows
from pipeline.workspace import Workspace, write_atomically

if TYPE_CHECKING:
    from gaugan.settings import Settings
    from pipeline.console import Console

AUTO = "auto"
ASKED = "asked.json"
"""The file of a run that keeps the words it was asked for with."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What `train` is asked for.

    preset: a name, a TOML file, or `auto`, which looks at the photos and the device.
    batch: photos a step, `auto` for as many as fit, or "" for what the settings say.
    init_from: the run to begin from, or None.    continues: new=old names of classes that are called otherwise there.
    run: the folder of a run to go on with; None means the one that was asked for in the same words.
    """

    preset: str = AUTO
    assignments: tuple[str, ...] = ()
    batch: str = ""
    init_from: Path | None = None
    continues: tuple[str, ...] = ()
    new: bool = False
    run: Path | None = None

    def words(self, workspace: Workspace) -> dict[str, Any]:
        """What makes a command the same as another; a run is named as it is seen from the workspace.

        Raises: RunError when there is no run to begin from.
        """
        origin = self.init_from and run_folder(workspace, self.init_from).resolve()
        root = workspace.root.resolve()
        if origin and origin.is_relative_to(root):
            origin = origin.relative_to(root)
        return {
            "preset": self.preset,
            "assignments": list(self.assignments),
            "batch": self.batch,
            "init_from": origin and origin.as_posix(),
            "continues": list(self.continues),
        }

    @property
    def chooses(self) -> bool:
        """Whether settings depend on the photos and the device."""
        return AUTO in (self.preset, self.batch)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The run that is meant.

    folder: of one that was begun, or None.    name: of the preset.    reason: why that one, where it was chosen.
    images_shown: until now.    photos: to train on.    has_edges: whether the networks see edges.
    """

    folder: Path | None
    settings: "Settings"
    name: str
    reason: str
    images_shown: int
    photos: int
    classes: int
    has_edges: bool
    is_finished: bool

    @property
    def images_in_all(self) -> int:
        return self.settings.training.images_in_all(self.photos)


def choose(workspace: Workspace, asked: Training, *, console: "Console") -> Choice:
    """The run that was begun with these words, or the settings of one that is to be begun.

    Raises: ManifestError, and RunError when there is nothing to train on or the named run was not trained here;
    SettingsError of gaugan.
    """
    from gaugan import checkpoint

    folder, settings = find(workspace, asked)
    manifest = Manifest(Workspace(root=folder)) if folder else read(workspace)
    name, reason = Path(asked.preset).stem, ""
    if settings is None:
        name, reason, settings = recommended(workspace, manifest, asked)
    samples = read_samples(workspace, manifest, edges=settings.data.edges, console=console)
    newest = checkpoint.latest(folder) if folder else None
    in_all = settings.training.images_in_all(len(samples.train))
    return Choice(
        folder=folder,
        settings=settings,
        name=name,
        reason=reason,
        images_shown=checkpoint.images_shown(newest) if newest else 0,
        photos=len(samples.train),
        classes=len(manifest.taxonomy),
        has_edges=settings.data.edges and samples.has_instances,
        is_finished=folder is not None and checkpoint.is_finished(folder, images_in_all=in_all),
    )


def find(workspace: Workspace, asked: Training) -> tuple[Path | None, "Settings | None"]:
    """The run that is named, or the newest of the same words or settings; no settings where they are to be chosen.

    Raises: RunError when the one that is named was not trained here; SettingsError of gaugan.
    """
    from gaugan import config

    if asked.run is not None:
        folder = run_folder(workspace, asked.run)
        if is_imported(folder):
            how = workspace.from_here(f"gauganpipe generate MAP.png --run {shlex.quote(str(folder))}")
            raise RunError(
                f"{folder} was imported, so there is no training to go on with. Paint with it: {how}, or train a run "
                "that begins with its weights: --init-from"
            )
        return folder, settings_of(folder)
    preset = "spade" if asked.preset == AUTO else asked.preset
    settings = config.load_settings(preset, (*asked.assignments, *batch_assignment(asked)))
    for folder in reversed([] if asked.new else workspace.run_folders()):
        if not is_imported(folder) and is_meant(workspace, folder, asked, settings):
            return folder, settings_of(folder)
    return None, None if asked.preset == AUTO else settings


def is_meant(workspace: Workspace, folder: Path, asked: Training, settings: "Settings") -> bool:
    """Whether a run was asked for in these words or, where nothing is left to choose, has these settings."""
    words, wanted = words_of(folder), asked.words(workspace)
    if asked.chooses:
        return words == wanted
    begins_alike = all(words[part] == wanted[part] for part in ("init_from", "continues"))
    return begins_alike and settings_of(folder) == settings


def recommended(workspace: Workspace, manifest: Manifest, asked: Training) -> tuple[str, str, "Settings"]:
    """The preset that suits the photos and the device: its name, the reason, and its settings."""
    import torch

    from gaugan import config
    from gaugan.memory import free_bytes
    from gaugan.recommend import recommend

    given = (*asked.assignments, *batch_assignment(asked))
    device = torch.device("cpu")
    if config.load_settings("spade", given).training.device != "cpu" and torch.accelerator.is_available():
        device = torch.accelerator.current_accelerator()
    photos = sum(row.split == "train" for row in trained_rows(manifest))
    found = recommend(photos=photos, device=device.type, memory_bytes=free_bytes(device))
    return found.preset, found.reason, config.load_settings(found.preset, (*found.assignments, *given))


def batch_assignment(asked: Training) -> tuple[str, ...]:
    return () if asked.batch in ("", AUTO) else (f"batch_size={asked.batch}",)


def settings_of(folder: Path) -> "Settings":
    from gaugan import config

    return config.loads((folder / "config.toml").read_text(encoding="utf-8"))


def words_of(folder: Path) -> dict[str, Any]:
    """The words a run was asked for with; such as say nothing of one that is older than they are."""
    path = folder / ASKED
    unsaid = {"init_from": None, "continues": []}
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else unsaid


def write_words(folder: Path, words: dict[str, Any]) -> None:
    write_atomically(folder / ASKED, (json.dumps(words, indent=2) + "\n").encode())
