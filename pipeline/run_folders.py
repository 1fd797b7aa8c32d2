"""Where runs are: the newest, one by its path, a new one; what every run begins with, and its log."""

import contextlib
import datetime
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import RunError
from pipeline.manifest import Manifest
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

if TYPE_CHECKING:
    from gaugan.settings import Settings

ORIGIN = "imported.json"
"""The file of a run that was not trained here: what it was made from."""


@contextlib.contextmanager
def explained_runs() -> Iterator[None]:
    """Turns what gaugan explains into our own error, the sentence kept.

    Raises: RunError.
    """
    from gaugan.errors import GauganError

    try:
        yield
    except GauganError as error:
        raise RunError(str(error)) from error


def newest_run(workspace: Workspace) -> Path:
    """The newest run that has a checkpoint to paint with.

    Raises: RunError when there is none.
    """
    for folder in reversed(workspace.run_folders()):
        if any((folder / "checkpoints").glob("[0-9]*")):
            return folder
    how = workspace.from_here("gauganpipe train")
    raise RunError(f"there is no run in {workspace.runs} to paint with. Train one: {how}")


def run_folder(workspace: Workspace, path: Path) -> Path:
    """A run that is named by its path, from here or from the workspace.

    Raises: RunError when it is none.
    """
    for folder in (path, workspace.root / path, workspace.runs / path):
        if (folder / "config.toml").is_file():
            return folder
    raise RunError(f"there is no run at {path}. The runs are in {workspace.runs}")


def is_imported(folder: Path) -> bool:
    """Whether a run was made from a model that was trained elsewhere."""
    return (folder / ORIGIN).is_file()


def new_run_folder(workspace: Workspace, name: str, write: Callable[[Path], None]) -> Path:
    """Makes the next run beside its place, whole, and then renames it, so that a run folder is never half a one.

    write: given a folder, writes the run there.
    """
    part = workspace.runs / f".new-{os.getpid()}"
    try:
        with explained_disk_errors():
            write(part)
            while True:
                numbers = [int(folder.name.partition("-")[0]) for folder in workspace.run_folders()]
                folder = workspace.runs / f"{max(numbers, default=0) + 1:04d}-{name}"
                try:
                    return part.rename(folder)
                except OSError:
                    if not folder.exists():
                        raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_beginning(folder: Path, settings: "Settings", manifest: Manifest) -> None:
    """Writes what every run begins with: a copy of its manifest, and every setting."""
    from gaugan import config

    manifest.write_copy(Workspace(root=folder))
    write_atomically(folder / "config.toml", config.dumps(settings).encode())


def write_log(folder: Path, line: str) -> None:
    """Adds a line to the log of a run, with the time of day."""
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    with (folder / "log.txt").open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{now} {line}\n")
