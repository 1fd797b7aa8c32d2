"""The source that is a folder: the photos in it and in the folders below it."""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted
from pipeline.sources.photo_files import endings_left_out, photos_in, refuse


def candidates(spec: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The photos of a folder in the order of their names, hidden files left out.

    A CSV file at the top of the folder says more of them: one with a column that names the file (file_name, file,
    name, path), as it is to be found from the folder, and any of license, license_url, creator, creator_url,
    source_url, source_page, title and redistributable. What it says counts more than `wanted.license`.

    Raises: SourceError when there is no such folder, no photo in it, or a CSV file that cannot be read.
    """
    yield from photos_in(_folder(spec), called=spec, source="folder", license=wanted.license, without=wanted.without)


def left_out(spec: str, *, without: Collection[Path] = ()) -> Counter[str]:
    """Endings of the files that are not taken for photos, in small letters -> how many; hidden files do not count.

    Raises: SourceError when there is no such folder.
    """
    return endings_left_out(_folder(spec), without=without)


def _folder(spec: str) -> Path:
    try:
        root = Path(spec).expanduser()
        if root.is_dir():
            return root
        if root.is_file():
            raise SourceError(f"{spec} is a file. Name the folder that it is in")
    except OSError as error:
        refuse(error)
    except RuntimeError:  # ~photos is the home of a user called photos, whom nobody knows
        pass
    raise SourceError(f"there is no folder {spec}. Name a folder of photos, or drawn:120 for drawn landscapes")
