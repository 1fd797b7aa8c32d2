"""Whose weights a run has: its own, those of the runs that it began with, and what all of them learned from."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import RunError
from pipeline.manifest import Manifest
from pipeline.rows import Row, cells_of, from_columns
from pipeline.run_folders import ORIGIN, is_imported, run_folder
from pipeline.run_words import words_of
from pipeline.samples import trained_rows
from pipeline.workspace import Workspace, write_atomically

ANCESTRY = "ancestry.json"
"""The file of a run that keeps what is known of the runs before it, so that they may be moved away."""
REFERENCE_LICENSE = "CC-BY-NC-SA-4.0"
"""Of the reference implementation of SPADE, its weights included."""
UNKNOWN_LICENSE = "unknown"
COLUMNS = (
    *("id", "group", "split", "source", "license", "license_url", "redistributable"),
    *("label_model", "label_confidence", "label_reviewed"),
)
"""What is kept of a photo: enough to know it again, and to say whose it is."""


@dataclass(frozen=True, kw_only=True)
class Ancestor:
    """A run whose weights went on.

    files: it was imported from these; none of a run that was trained here.
    license: its weights are under this one, because they came from elsewhere; "" for weights that were made here,
    "unknown" of a run of which nothing is known.
    trained_on, validated_on: photos; of runs before the newest only COLUMNS are filled.
    """

    run: str
    files: tuple[str, ...] = ()
    license: str = ""
    trained_on: tuple[Row, ...] = ()
    validated_on: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Ancestry:
    """runs: the run itself, then the one that it began with, and so on; never empty."""

    runs: tuple[Ancestor, ...]

    @property
    def before(self) -> tuple[Ancestor, ...]:
        """All but the run itself."""
        return self.runs[1:]

    @property
    def license(self) -> str:
        """What the weights are under, as SPDX writes it; "" when all of them were made here, "unknown" if unsure."""
        said = {one.license for one in self.runs} - {""}
        return next(iter(said - {UNKNOWN_LICENSE}), UNKNOWN_LICENSE if said else "")

    @property
    def files(self) -> tuple[str, ...]:
        """Names of those that any of the runs was imported from."""
        return tuple(name for one in self.runs for name in one.files)

    @property
    def trained_on(self) -> tuple[Row, ...]:
        """What any of the runs learned from. A photo stands there once a run, each time in its group of that time."""
        return tuple(row for one in self.runs for row in one.trained_on)

    @property
    def validated_on(self) -> tuple[Row, ...]:
        """What a checkpoint of any of the runs was chosen by; as `trained_on`."""
        return tuple(row for one in self.runs for row in one.validated_on)


def ancestry_of(folder: Path) -> Ancestry:
    """What a run folder knows of its weights: rows of its own manifest, and of all the runs before it.

    Raises: RunError when a file of the run is damaged; ManifestError.
    """
    return Ancestry((_itself(folder), *_before(folder)))


def write_ancestry(folder: Path, parent: Path) -> None:
    """Keeps in a new run what is known of the one that it begins with. Raises: as `ancestry_of`."""
    said = {"runs": [_as_json(one) for one in ancestry_of(parent).runs]}
    write_atomically(folder / ANCESTRY, (json.dumps(said, ensure_ascii=False) + "\n").encode())


def _itself(folder: Path) -> Ancestor:
    name = folder.resolve().name
    if is_imported(folder):
        return Ancestor(run=name, files=_imported_from(folder), license=REFERENCE_LICENSE)
    return _with_photos(trained_rows(Manifest(Workspace(root=folder))), run=name)


def _imported_from(folder: Path) -> tuple[str, ...]:
    path = folder / ORIGIN
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return tuple(str(file["name"]) for file in said["files"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RunError(f"{path} is damaged. Move {folder} away, and import it again") from None


def _before(folder: Path) -> tuple[Ancestor, ...]:
    path = folder / ANCESTRY
    try:
        return tuple(_from_json(one) for one in json.loads(path.read_text(encoding="utf-8"))["runs"])
    except FileNotFoundError:
        return _before_as_named(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise RunError(
            f"{path} is damaged, so nobody knows whose weights {folder.name} began with. Put that file back"
        ) from None


def _before_as_named(folder: Path) -> tuple[Ancestor, ...]:
    """Of a run that keeps no ancestry: what the run that its words name says of itself, where it still is."""
    name = words_of(folder)["init_from"]
    if not name:
        return ()
    root = folder.resolve().parent.parent
    try:
        parent = run_folder(Workspace(root=root), root / name)
    except RunError:
        return (Ancestor(run=Path(name).name, license=UNKNOWN_LICENSE),)
    return ancestry_of(parent).runs


def _as_json(one: Ancestor) -> dict[str, Any]:
    rows = (*one.trained_on, *one.validated_on)
    photos = {name: cells_of(rows, name) for name in COLUMNS}
    return {"run": one.run, "files": one.files, "license": one.license, "photos": photos}


def _from_json(said: dict[str, Any]) -> Ancestor:
    photos = {name: said["photos"][name] for name in COLUMNS}
    rows = from_columns(photos, [{}] * len(photos["id"]))
    return _with_photos(rows, run=str(said["run"]), files=tuple(said["files"]), license=str(said["license"]))


def _with_photos(rows: Iterable[Row], **said: Any) -> Ancestor:
    by_split: dict[str, list[Row]] = {"train": [], "val": []}
    for row in rows:
        by_split[row.split].append(row)
    return Ancestor(**said, trained_on=tuple(by_split["train"]), validated_on=tuple(by_split["val"]))
