"""What the outputs of a network are called, as a JSON of the user's says it."""

import json
from pathlib import Path

from pipeline.errors import SegmenterError

NAMES_FORM = '{"0": "other", "1": "wall", ...}'
NAMES_FILE = "classes.json"
"""Where a folder of weights may say it."""
MOST_OUTPUTS = 255


def read_names(path: Path) -> tuple[str, ...]:
    """A JSON list of names, or an object of names under the outputs' numbers from 0.

    Raises: SegmenterError when it is neither.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise SegmenterError(f"{path} is no JSON: {error}. Write {NAMES_FORM}") from None
    if isinstance(found, dict):
        found = [found.get(str(index)) for index in range(len(found))]
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise SegmenterError(f"{path} does not name the outputs from 0 on without a gap. Write {NAMES_FORM}")
    return tuple(found)


def demand_names(names: tuple[str, ...], outputs: int, *, folder: Path) -> None:
    """Raises: SegmenterError when the names are not as many as the outputs of the network in this folder."""
    if outputs > MOST_OUTPUTS:
        raise SegmenterError(
            f"{folder} has {outputs} outputs; {MOST_OUTPUTS} are the most that a label map can hold. Choose another"
        )
    if len(names) != outputs:
        said = f"{len(names)} names for them" if names else "nothing there says what they mean"
        raise SegmenterError(f"{folder} has {outputs} outputs, and {said}. Make {folder / NAMES_FILE}: {NAMES_FORM}")


def read_config(folder: Path, name: str = "config.json") -> dict:
    """A JSON object of a folder.

    Raises: SegmenterError when it is missing or none.
    """
    path = folder / name
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SegmenterError(f"{path} cannot be read: {error.strerror}. Fetch the whole folder again") from None
    except (ValueError, RecursionError) as error:
        raise SegmenterError(f"{path} is no JSON: {error}. Fetch the whole folder again") from None
    if not isinstance(config, dict):
        raise SegmenterError(f"{path} is no JSON object. Fetch the whole folder again")
    return config
