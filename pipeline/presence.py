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
    listings: dict[str, Listing] = {}
    missing = []
    for name in names:
        folder, _, file = name.rpartition("/")
        if folder not in listings:
            listings[folder] = list_folder(workspace, folder)
        if file not in listings[folder].files and not _is_file_all_the_same(workspace, listings[folder], name, file):
            missing.append(name)
    return missing


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


def _is_file_all_the_same(workspace: Workspace, listing: Listing, name: str, file: str) -> bool:
    """A link may lead to a file, and some disks spell letters that are not ASCII in two ways."""
    return (file in listing.links or not file.isascii()) and workspace.resolve(name).is_file()
