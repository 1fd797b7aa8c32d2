"""The source `kaggle:OWNER/NAME`: the photos of a dataset at Kaggle, fetched by Kaggle's own library."""

import contextlib
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import SourceError
from pipeline.licences import UNKNOWN, normalise
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted
from pipeline.sources.photo_files import photos_in

SITE = "https://www.kaggle.com/datasets/"

_HANDLE = r"[A-Za-z0-9][\w-]*/[A-Za-z0-9][\w-]*(/versions/[0-9]{1,9})?"
_METADATA = "dataset-metadata.json"


def candidates(spec: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The photos of OWNER/NAME, or of OWNER/NAME/versions/3, in the order of their names.

    The dataset is downloaded first, if Kaggle's library does not have it, into the folder where that keeps its own.
    The licence is the one that the dataset's metadata names, or else `wanted.license`. CSV files at the top of the
    dataset say more of its photos, as they do beside photos in a folder.

    Raises: SourceError when there is no such dataset, it cannot be downloaded, or there is no photo in it.
    """
    if not re.fullmatch(_HANDLE, spec, re.ASCII):
        raise SourceError(f"kaggle:{spec} is not understood. Write OWNER/NAME: kaggle:arnaud58/landscape-pictures")
    root = _downloaded(spec)
    yield from photos_in(
        root,
        called=f"{SITE}{spec}",
        source="kaggle",
        source_page=f"{SITE}{spec}",
        license=_license(root) or wanted.license,
    )


def _downloaded(handle: str) -> Path:
    """The folder with the files of a dataset."""
    # What the library says goes to stdout, which is for results.
    with contextlib.redirect_stdout(sys.stderr):
        try:
            import kagglehub
            from kagglehub import exceptions
        except ImportError:
            raise SourceError(
                f"kaggle:{handle} needs kagglehub, which is not installed. Run pip install 'gauganpipe[sources]'"
            ) from None
        faults = (
            *(exceptions.BackendError, exceptions.CredentialError, exceptions.DataCorruptionError),
            *(exceptions.KaggleEnvironmentError, exceptions.NotFoundError, exceptions.UnauthenticatedError),
            *(OSError, ValueError, EOFError, zipfile.BadZipFile, tarfile.TarError),
        )
        try:
            return Path(kagglehub.dataset_download(handle))
        except faults as error:
            what = next(iter(str(error).splitlines()), "") or type(error).__name__
            raise SourceError(
                f"{SITE}{handle} cannot be downloaded: {what.rstrip('.')}. "
                "Look at the page, and whether you are online, and try again"
            ) from None


def _license(root: Path) -> str:
    """The licence that a dataset's metadata names, where there is one and it names one; "" otherwise."""
    path = root / _METADATA
    if not path.is_file():
        return ""
    try:
        metadata = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        raise SourceError(
            f"{path} cannot be read. Remove it, and say with --license what the photos are under"
        ) from None
    names = _names(metadata) or _names(metadata.get("info") if isinstance(metadata, dict) else None)
    return names[0] if len(names) == 1 and normalise(names[0]) != UNKNOWN else ""


def _names(metadata: Any) -> list[str]:
    licences = metadata.get("licenses") if isinstance(metadata, dict) else None
    licences = [one for one in licences if isinstance(one, dict)] if isinstance(licences, list) else []
    return [name for one in licences if isinstance(name := one.get("name") or one.get("nameNullable"), str)]
