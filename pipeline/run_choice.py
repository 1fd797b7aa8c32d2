"""Which run a command means, with which settings: one that was begun, or a new one."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console import Console
from pipeline.errors import GauganpipeError, RunError
from pipeline.manifest import Manifest, read
from pipeline.run_folders import is_imported, run_folder
from pipeline.run_words import as_trained, named, settings_of, words_of
from pipeline.samples import read_samples, trained_rows
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from gaugan.settings import Settings

AUTO = "auto"
QUIET = Console(quiet=True)
OF_A_SITTING = (
    "training.accumulate",
    "training.device",
    "training.keep_checkpoints",
    "data.workers",
    "data.cache_mb",
)
"""What can be set for a run that was begun: how it is computed, and nothing of what it becomes."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """What `train` is asked for.

    preset: a name, a TOML file, or `auto`, which looks at the photos and the device.
    batch: photos a step, `auto` for as many as fit, or "" for what the settings say.
    init_from: the run to begin from, or None.    continues: new=old names of classes that are called otherwise there.
    run: the folder of a run to go on with, whose assignments are those of a sitting; None means the one that was asked
    for in the same words.
    """

    preset: str = AUTO
    assignments: tuple[str, ...] = ()
    batch: str = ""
    init_from: Path | None = None
    continues: tuple[str, ...] = ()
    new: bool = False
    run: Path | None = None

    def words(self, workspace: Workspace) -> dict[str, Any]:
        """What makes a command the same as another; a run is named as it is seen from the workspace, as long as there
        is one."""
        return {
            "preset": self.preset,
            "assignments": list(self.assignments),
            "batch": self.batch,
            "init_from": self.init_from and named(workspace, self.init_from),
            "continues": list(self.continues),
        }


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


def choose(workspace: Workspace, asked: Training, *, console: Console) -> Choice:
    """The run that was begun with these words, or the settings of one that is to be begun.

    Raises: ManifestError, and RunError when there is nothing to train on or the named run was not trained here;
    SettingsError of gaugan.
    """
    from gaugan import checkpoint

    folder, settings = find(workspace, asked, console=console)
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


def find(workspace: Workspace, asked: Training, *, console: Console = QUIET) -> tuple[Path | None, "Settings | None"]:
    """The run that is named, or the newest of the same words or settings; no settings where they are to be chosen.

    Runs that cannot be read are passed over, and named.
    Raises: RunError when words contradict each other, or the run that is named was not trained here; SettingsError of
    gaugan.
    """
    from gaugan import config

    refuse_contradictions(asked)
    if asked.run is not None:
        return find_named(workspace, asked)
    given = (*asked.assignments, *batch_assignment(asked))
    if asked.preset == AUTO:
        refuse_unsettable(asked)
        settings = None
    else:
        settings = config.load_settings(asked.preset, given)
    for folder in reversed([] if asked.new else workspace.run_folders()):
        try:
            if not is_imported(folder) and is_meant(workspace, folder, asked, settings):
                return folder, settings_of(folder)
        except RunError as error:
            console.note(f"passing over {folder}: {error}")
    return None, settings


def find_named(workspace: Workspace, asked: Training) -> tuple[Path, "Settings"]:
    """The run that --run names, with what is set for this sitting."""
    from gaugan import config

    folder = run_folder(workspace, asked.run)
    if is_imported(folder):
        how = workspace.from_here(f"gauganpipe generate MAP.png --run {shlex.quote(str(folder))}")
        raise RunError(
            f"{folder} was imported, so there is no training to go on with. Paint with it: {how}, or train a run "
            "that begins with its weights: --init-from"
        )
    settings = settings_of(folder)
    for name in map(name_of, asked.assignments):
        if name not in OF_A_SITTING:
            raise RunError(
                f"{folder} goes on by its own settings, so {name} stays as it is. What can be set for it: "
                f"{', '.join(OF_A_SITTING)}"
            )
    if asked.assignments:
        settings = as_trained(config.load_settings(folder / "config.toml", asked.assignments))
    return folder, settings


def refuse_contradictions(asked: Training) -> None:
    """Raises: RunError when something is asked for that would be left out."""
    said = {
        "--preset": asked.preset != AUTO,
        "--batch": asked.batch,
        "--init-from": asked.init_from,
        "--continues": asked.continues,
        "--new": asked.new,
    }
    idle = [option for option, is_said in said.items() if is_said]
    if asked.run is not None and idle:
        raise RunError(f"--run goes on with a run by its own settings. Leave out {' and '.join(idle)}")
    if asked.continues and not asked.init_from:
        raise RunError(
            f"--continues {asked.continues[0]} speaks of the classes of a run to begin from, and none is named. Name "
            "it: --init-from RUN"
        )


def is_meant(workspace: Workspace, folder: Path, asked: Training, settings: "Settings | None") -> bool:
    """Whether a run was asked for in these words or, where its preset is named, has these settings.

    Raises: RunError when the run cannot be read.
    """
    words, wanted = words_of(folder), asked.words(workspace)
    if asked.preset == AUTO:
        return words == wanted
    parts = ("init_from", "continues", *(("batch",) if asked.batch == AUTO else ()))
    if any(words[part] != wanted[part] for part in parts):
        return False
    found = settings_of(folder)
    return apart_from_batch(found) == apart_from_batch(settings) if asked.batch == AUTO else found == settings


def apart_from_batch(settings: "Settings") -> dict[str, Any]:
    """Settings without those that `--batch auto` chooses."""
    values = settings.model_dump()
    for name in ("batch_size", "accumulate"):
        del values["training"][name]
    return values


def recommended(workspace: Workspace, manifest: Manifest, asked: Training) -> tuple[str, str, "Settings"]:
    """The preset that suits the photos and the device: its name, the reason, and its settings.

    Raises: RunError when there is no run at init_from; SettingsError of gaugan.
    """
    import torch

    from gaugan import config
    from gaugan.memory import free_bytes
    from gaugan.recommend import recommend

    device = torch.device("cpu")
    if asked_device(asked) != "cpu" and torch.accelerator.is_available():
        device = torch.accelerator.current_accelerator()
    photos = sum(row.split == "train" for row in trained_rows(manifest))
    found = recommend(photos=photos, device=device.type, memory_bytes=free_bytes(device))

    # Parts are of the recommended batch; the networks are those of the weights that they begin with.
    given, reason, chosen = (*asked.assignments, *batch_assignment(asked)), found.reason, list(found.assignments)
    if any(name_of(one) == "training.batch_size" for one in given):
        chosen = [one for one in chosen if name_of(one) not in ("training.batch_size", "training.accumulate")]
    if asked.init_from:
        origin = run_folder(workspace, asked.init_from)
        chosen += like_networks(settings_of(origin))
        reason += f"; with the networks of {origin}"
    return found.preset, reason, config.load_settings(found.preset, (*chosen, *given))


def like_networks(settings: "Settings") -> list[str]:
    """What to set so that weights that were trained with these settings fit."""
    values = [("model", name, value) for name, value in settings.model]
    if settings.model.style_encoder:
        values += [("data", name, getattr(settings.data, name)) for name in ("crop_size", "aspect")]
    return [f"{section}.{name}={json.dumps(value)}" for section, name, value in values]


def refuse_unsettable(asked: Training) -> None:
    """Raises: SettingsError of gaugan when assignments suit none of the presets that `auto` chooses among."""
    from gaugan import config
    from gaugan.errors import SettingsError
    from gaugan.recommend import PRESETS

    refusals = []
    for preset in PRESETS:
        try:
            config.load_settings(preset, (*asked.assignments, *batch_assignment(asked)))
            return
        except SettingsError as error:
            refusals.append(error)
    raise refusals[0]


def is_for_cpu(workspace: Workspace, asked: Training) -> bool:
    """Whether the run that is meant leaves the GPU alone; what is wrong with a command is said elsewhere."""
    from gaugan.errors import GauganError

    try:
        _, settings = find(workspace, asked)
        return (settings.training.device if settings else asked_device(asked)) == "cpu"
    except (GauganError, GauganpipeError):
        return True


def asked_device(asked: Training) -> str:
    """The device that assignments name, where the preset is still to be chosen: none of those names another."""
    from gaugan import config

    of_device = [one for one in asked.assignments if name_of(one) == "training.device"]
    return config.load_settings("small", of_device).training.device


def name_of(assignment: str) -> str:
    """The full name of what an assignment sets. Raises: SettingsError of gaugan."""
    from gaugan import config

    return ".".join(config.resolve(assignment.partition("=")[0].strip()))


def batch_assignment(asked: Training) -> tuple[str, ...]:
    return () if asked.batch in ("", AUTO) else (f"batch_size={asked.batch}",)


def is_unfinished(folder: Path) -> bool:
    """Whether a run was begun here and still has images to show; of one that cannot be read nobody knows."""
    from gaugan import checkpoint
    from gaugan.errors import GauganError

    try:
        photos = sum(row.split == "train" for row in trained_rows(Manifest(Workspace(root=folder))))
        in_all = settings_of(folder).training.images_in_all(photos)
        return not is_imported(folder) and not checkpoint.is_finished(folder, images_in_all=in_all)
    except (GauganError, GauganpipeError):
        return False
