"""Rows of a manifest as what is trained on: photos and their maps, and what the classes tell of a landscape."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.classes import Taxonomy
from pipeline.console import Console, count
from pipeline.errors import RunError
from pipeline.manifest import Manifest
from pipeline.rows import Row
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from gaugan.reading import Sample

SKY = ("sky", "sky-other", "clouds", "fog")
"""Names of the classes above the horizon, in every taxonomy that is shipped."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """What a run learns from, and what it is scored on, each in the order of their ids.

    has_instances: whether all of them have instance maps; else none is used.
    """

    train: list["Sample"] = field(default_factory=list)
    val: list["Sample"] = field(default_factory=list)
    has_instances: bool


def trained_rows(manifest: Manifest) -> list[Row]:
    """The rows of train and val that have a label map and are kept, by id."""
    rows = [row for row in manifest.rows.values() if row.split in ("train", "val") and row.label_file_name]
    return sorted((row for row in rows if row.is_usable), key=lambda row: row.id)


def read_samples(workspace: Workspace, manifest: Manifest, *, edges: bool, console: Console) -> Samples:
    """The samples of the train and val rows.    edges: whether edges are wanted.

    Raises: RunError when there is nothing to train on, or when only some of the photos have instance maps.
    """
    from gaugan.reading import Sample

    rows = trained_rows(manifest)
    if not any(row.split == "train" for row in rows):
        how = workspace.from_here("gauganpipe label" if manifest.rows else "gauganpipe label ./photos")
        raise RunError(f"no labelled photo to train on. Make some: {how}")
    without = sum(not row.instance_file_name for row in rows)
    how = workspace.from_here("gauganpipe build-edges")
    if edges and 0 < without < len(rows):
        raise RunError(
            f"{count(without, 'photo')} of {len(rows)} have no edges yet. Build them: {how}. "
            "Or train without: --set data.edges=false"
        )
    if without and edges:
        console.note(f"training without edges, as no photo has any. To have them: {how}")
    samples = Samples(has_instances=not without)
    for row in rows:
        instances = workspace.resolve(row.instance_file_name) if not without else None
        image, labels = workspace.resolve(row.file_name), workspace.resolve(row.label_file_name)
        split = samples.train if row.split == "train" else samples.val
        split.append(Sample(image=image, labels=labels, instances=instances))
    return samples


def sky_classes(taxonomy: Taxonomy) -> frozenset[int]:
    """Ids of the classes above the horizon."""
    return frozenset(one.id for one in taxonomy.categories if one.name in SKY)
