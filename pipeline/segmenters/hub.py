"""The files of a repository of the Hugging Face hub, pinned to a revision and kept in a folder of its own."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import SegmenterError
from pipeline.segmenters import weights

ADDRESS = "https://huggingface.co"
ADDRESS_VARIABLE = "HF_ENDPOINT"
"""The environment variable by which the hub's own tools are sent to a mirror."""
NEWEST = "main"
CONFIG, PREPROCESSOR, WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors"
SMP_FILES = (CONFIG, WEIGHTS)
TRANSFORMERS_FILES = (CONFIG, PREPROCESSOR, WEIGHTS)
"""What each library keeps of a network; the last is what is known by its digest."""
MOST_JSON_BYTES = 20_000_000


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository at one revision, and which of its files are needed."""

    id: str
    """OWNER/NAME."""
    revision: str = NEWEST
    """A commit, a tag or a branch; of a branch the files stay as they were at the first download."""
    files: tuple[str, ...]
    license: str = "unknown"
    sha256: tuple[str | None, ...] = ()
    """One a file, as far as they are known."""

    @property
    def folder_name(self) -> str:
        at = "" if self.revision == NEWEST else f"@{self.revision}"
        return f"{self.id}{at}".replace("/", "--")

    @property
    def address(self) -> str:
        return f"{ADDRESS}/{self.id}"


def parse(words: str, files: Sequence[str]) -> Repository:
    """The repository that a user names as OWNER/NAME or OWNER/NAME@REVISION.

    Raises: SegmenterError when it is no such name.
    """
    id, _, revision = words.partition("@")
    if not is_name(words):
        raise SegmenterError(
            f"'{words}' is neither a folder here nor a repository of the hub. Write OWNER/NAME or OWNER/NAME@REVISION"
        )
    return Repository(id=id, revision=revision or NEWEST, files=tuple(files))


def is_name(words: str) -> bool:
    part = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?"
    return ".." not in words and re.fullmatch(rf"{part}/{part}(@{part})?", words) is not None


def is_here(repository: Repository, weights_folder: Path) -> bool:
    return all((weights_folder / repository.folder_name / name).is_file() for name in repository.files)


def fetch(repository: Repository, weights_folder: Path, on_bytes: weights.OnBytes | None = None) -> Path:
    """The folder of a repository's files, each downloaded first when it is not there.

    Raises: SegmenterError when a file cannot be had or is not the right one; WorkspaceError when the disk is full.
    """
    folder = weights_folder / repository.folder_name
    for pin in pins(repository):
        weights.fetch(pin, folder, on_bytes)
    return folder


def pins(repository: Repository) -> tuple[weights.Pin, ...]:
    """Every file of a repository, the small ones first: a repository that is not there costs no long download."""
    base = os.environ.get(ADDRESS_VARIABLE) or ADDRESS
    known = dict(zip(repository.files, repository.sha256, strict=False))
    found = [
        weights.Pin(
            url=f"{base.rstrip('/')}/{repository.id}/resolve/{repository.revision}/{name}",
            file_name=name,
            sha256=known.get(name),
            license=repository.license,
            **({"most_bytes": MOST_JSON_BYTES} if name.endswith(".json") else {}),
        )
        for name in repository.files
    ]
    return tuple(sorted(found, key=lambda pin: pin.most_bytes))


def digest(folder: Path, names: Sequence[str]) -> str:
    """16 hex digits that stand for these files together; what is not there is left out."""
    from hashlib import sha256

    there = [name for name in names if (folder / name).is_file()]
    said = "".join(f"{weights.sha256_of(folder / name)}  {name}\n" for name in there)
    return sha256(said.encode()).hexdigest()[:16]
