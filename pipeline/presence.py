"""Which of the files that a manifest names are there: folders are read once, instead of asking for file after file."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.errors import WorkspaceError
from pipeline.workspace import Workspace

GONE = "is not there"
ASTRAY = "leads to no place inside the workspace"
"""Why a path names no file: none stands there; or it is a link out of the workspace, or none that can be followed."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What stands in a folder: files, and links, of which nobody knows yet where they lead."""

    files: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()


def find_missing(workspace: Workspace, names: Iterable[str]) -> list[str]:
    """Those of the paths that name no file, in their order.    names: as the cells of a manifest say them."""
    return list(why_missing(workspace, names))


def why_missing(workspace: Workspace, names: Iterable[str]) -> dict[str, str]:
    """The same, each with GONE or ASTRAY."""
    names = list(names)
    listings: dict[str, Listing] = {}
    closed: set[str] = set()
    for folder in {name.rpartition("/")[0] for name in names}:
        try:
            listings[folder] = list_folder(workspace, folder)
        except WorkspaceError:
            closed.add(folder)
    there = {_joined(folder, file) for folder, listing in listings.items() for file in listing.files}
    links = {_joined(folder, file) for folder, listing in listings.items() for file in listing.links}
    why = dict.fromkeys([name for name in names if name not in there], GONE)
    if closed:
        why.update({name: ASTRAY for name in why if name.rpartition("/")[0] in closed})
    # A link may lead to a file, and some disks spell letters that are not ASCII in two ways.
    for name in [name for name in why if name in links or not name.isascii()]:
        try:
            if workspace.resolve(name).is_file():
                del why[name]
        except WorkspaceError:
            why[name] = ASTRAY
    return why


def list_folder(workspace: Workspace, folder: str) -> Listing:
    """What stands in a folder of the workspace; nothing where there is none.

    Raises: WorkspaceError when the folder, links followed, lies outside the workspace, or cannot be looked into.
    """
    place = workspace.resolve(folder)
    try:
        with os.scandir(place) as entries:
            found = [(entry.name, entry.is_symlink(), entry.is_file(follow_symlinks=False)) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return Listing()
    except OSError as error:
        raise WorkspaceError(f"cannot look into {place}: {error.strerror}. Mend that first") from None
    return Listing(
        files=frozenset(name for name, _, is_file in found if is_file),
        links=frozenset(name for name, is_link, _ in found if is_link),
    )


def _joined(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file
