"""Classes of label maps of which classes.csv has lost its lines: they are counted in the maps again."""

import contextlib
from collections.abc import Iterable
from dataclasses import replace

from pipeline import images
from pipeline.errors import PhotoError
from pipeline.inspection.faulty_tables import ALL_UNKNOWN
from pipeline.manifest import Manifest
from pipeline.presence import find_missing
from pipeline.stages.label import shares_of


def find_uncounted(manifest: Manifest) -> list[str]:
    """The ids of the rows whose label map is there, and of whose classes nothing is known."""
    known = {*manifest.shares().ids}
    columns = (manifest.column(name) for name in ("id", "label_file_name", "label_unknown"))
    found = [
        (id, name)
        for id, name, unknown in zip(*columns, strict=True)
        if name and id not in known and unknown not in ALL_UNKNOWN
    ]
    missing = {*find_missing(manifest.workspace, (name for _, name in found))}
    return [id for id, name in found if name not in missing]


def count_again(manifest: Manifest, ids: Iterable[str]) -> None:
    """Records the shares of each class; a map that cannot be read is left to `check`, which names it."""
    for id in ids:
        row = manifest.rows[id]
        with contextlib.suppress(PhotoError):
            labels = images.read_labels(manifest.workspace.resolve(row.label_file_name))
            manifest.record(replace(row, shares=shares_of(labels, manifest.taxonomy)))
