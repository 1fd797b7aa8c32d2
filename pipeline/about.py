"""What dataset.json says of a workspace beside its rows: the choices that were made once and are kept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pipeline.classes import Taxonomy, entries_of, load_taxonomy, taxonomy_of
from pipeline.errors import ManifestError

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class About:
    """What manifests/dataset.json says beside the rows: the choices of a workspace, made once and kept.

    classes: the taxonomy's, as `entries_of` writes them down; none means those that ship under its name.
    models: name of a segmenter -> its digest and licence. parameters: stage -> what its results depend on.
    """

    taxonomy: str = "landscape"
    classes: Sequence[Mapping[str, Any]] = ()
    seed: int = 0
    segmenter: str = ""
    models: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def as_taxonomy(self) -> Taxonomy:
        """The classes that the label maps of the workspace speak."""
        return taxonomy_of(self.classes, name=self.taxonomy) if self.classes else load_taxonomy(self.taxonomy)


def read_about(path: Path) -> tuple[About, dict[str, str]]:
    """What dataset.json says, and the SHA-256 of each CSV file as it was last written, by the file's name.

    Raises: ManifestError when the file is damaged.
    """
    if not path.exists():
        return About(), {}
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        about = About(**{one.name: said[one.name] for one in fields(About)})
        taxonomy_of(about.classes, name=str(path))
        return about, {name: file["sha256"] for name, file in said["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ManifestError(f"{path} cannot be read: {error!r}. Put a copy of it back, or move it away") from None


def as_json(about: About, *, rows: int, digests: Mapping[str, str]) -> bytes:
    """dataset.json as `read_about` reads it.    digests: name of each CSV file -> its SHA-256."""
    said = {
        "schema_version": SCHEMA_VERSION,
        **asdict(replace(about, classes=entries_of(about.as_taxonomy()))),
        "rows": rows,
        "files": {name: {"sha256": digest} for name, digest in digests.items()},
    }
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()
