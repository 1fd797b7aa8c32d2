"""Which of the files that a manifest names are there: folders are read once, instead of asking for file after file."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What stands in a folder: files, and links, of which nobody knows yet where they lead."""

    files: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()


def find_missing(workspace: Workspace, names: Iterable[str]) -> list[str]:
    """Those of the paths that name no file, in their order.    names: as the cells of a manifest say them.

    Raises: WorkspaceError when a path, links followed, leads out of the workspace.
    """
    names = list(names)
    listings = {folder: list_folder(workspace, folder) for folder in {name.rpartition("/")[0] for name in names}}
    there = {_joined(folder, file) for folder, listing in listings.items() for file in listing.files}
    missing = [name for name in names if name not in there]
    links = {_joined(folder, file) for folder, listing in listings.items() for file in listing.links}
    # A link may lead to a file, and some disks spell letters that are not ASCII in two ways.
    unsure = {name for name in missing if name in links or not name.isascii()}
    found = {name for name in unsure if workspace.resolve(name).is_file()}
    return [name for name in missing if name not in found] if found else missing


def list_folder(workspace: Workspace, folder: str) -> Listing:
    """What stands in a folder of the workspace; nothing where there is none.

    Raises: WorkspaceError when the folder, links followed, lies outside the workspace.
    """
    try:
        with os.scandir(workspace.resolve(folder)) as entries:
            found = [(entry.name, entry.is_symlink(), entry.is_file(follow_symlinks=False)) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return Listing()
    return Listing(
        files=frozenset(name for name, _, is_file in found if is_file),
        links=frozenset(name for name, is_link, _ in found if is_link),
    )


def _joined(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file
