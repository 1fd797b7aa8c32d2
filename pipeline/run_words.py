"""What a run was begun with, as its folder keeps it: the words of the command, and every setting."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pipeline.errors import RunError
from pipeline.run_folders import run_folder
from pipeline.workspace import Workspace, write_atomically

if TYPE_CHECKING:
    from gaugan.settings import Settings

ASKED = "asked.json"
"""The file of a run that keeps the words it was asked for with."""
BEFORE: Mapping[str, Any] = MappingProxyType({"perceptual_normalise": False, "unknown_teaches": True})
"""What runs were taught by whose settings do not speak of it: they are older than these names."""


def settings_of(folder: Path) -> "Settings":
    """The settings of a run. Raises: RunError when they cannot be read."""
    from gaugan import config
    from gaugan.errors import SettingsError

    path = folder / "config.toml"
    try:
        return as_trained(config.loads(path.read_text(encoding="utf-8")))
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def as_trained(settings: "Settings") -> "Settings":
    """Settings of a run, with what went without saying when they were written."""
    unsaid = {name: value for name, value in BEFORE.items() if name not in settings.losses.model_fields_set}
    return settings.model_copy(update={"losses": settings.losses.model_copy(update=unsaid)})


def named(workspace: Workspace, run: Path) -> str:
    """A run's folder from the workspace on, or the whole path of one that is elsewhere."""
    root = workspace.root.resolve()
    try:
        folder = run_folder(workspace, run).resolve()
    except RunError:
        folder = run.resolve()
        if not folder.is_relative_to(root):
            return run.as_posix()
    return (folder.relative_to(root) if folder.is_relative_to(root) else folder).as_posix()


def words_of(folder: Path) -> dict[str, Any]:
    """The words a run was asked for with; such as say nothing of one that is older than they are.

    Raises: RunError when they cannot be read.
    """
    path, unsaid = folder / ASKED, {"batch": "", "init_from": None, "continues": []}
    try:
        return {**unsaid, **json.loads(path.read_text(encoding="utf-8"))} if path.is_file() else unsaid
    except (OSError, TypeError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error


def write_words(folder: Path, words: dict[str, Any]) -> None:
    write_atomically(folder / ASKED, (json.dumps(words, indent=2) + "\n").encode())
