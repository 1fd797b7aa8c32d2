"""The stage that gives a label map its instance map and its edge map."""

from dataclasses import dataclass

import numpy as np

from pipeline import images, instances
from pipeline.classes import Taxonomy
from pipeline.errors import PhotoError
from pipeline.rows import Row, digest, stage_key
from pipeline.workspace import Workspace, write_atomically

NAME = "edges"
NEEDS = ("file_name", "label_file_name")
MAKES = ("instance_file_name", "edge_file_name")

VERSION = 2
"""Part of the key: another way of telling things apart is another version."""

SIZE_ONLY_PX = 1
"""A photo of which only the size matters is decoded as coarsely as can be."""
AGAIN = "Empty its cell in label_file_name, and make it again: gauganpipe label"


@dataclass(frozen=True, kw_only=True)
class Work:
    """labels: (H, W) uint8.  photo: (H, W, 3) uint8 RGB, None where no thing is.  segments: (H, W) uint16, or None."""

    labels: np.ndarray
    photo: np.ndarray | None
    segments: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Splits the label map into instances, and marks where two of them meet."""

    name = NAME
    needs = NEEDS
    makes = MAKES

    workspace: Workspace
    taxonomy: Taxonomy

    def key(self, row: Row) -> str:
        inputs = {kind: row.digests.get(kind, "") for kind in ("image", "label", "segments")}
        return stage_key(NAME, VERSION, things=self.taxonomy.things, **inputs)

    def is_there(self, row: Row) -> bool:
        return all(self.workspace.holds(kind, row.id) for kind in ("instances", "edges"))

    def is_settled(self, row: Row) -> bool:
        return False

    def read(self, row: Row) -> Work:
        path = self.workspace.resolve(row.file_name)
        labels = images.read_labels(self.workspace.resolve(row.label_file_name))
        segments = self._read_segments(row)
        has_things = np.bincount(labels.ravel(), minlength=256)[list(self.taxonomy.things)].any()
        photo, size = images.read_photo_for(path, 0 if has_things else SIZE_ONLY_PX)
        for what, array in (("a label map", labels), ("a map of segments", segments)):
            if array is not None and array.shape != size:
                sizes = [f"{one[1]}x{one[0]}" for one in (array.shape, size)]
                raise PhotoError(f"has {what} of {sizes[0]}, but is {sizes[1]}. {AGAIN}")
        return Work(labels=labels, photo=photo if has_things else None, segments=segments)

    def compute(self, work: list[Work]) -> list[Work]:
        return work

    def write(self, row: Row, work: Work) -> Row:
        ids = instances.find_instances(work.labels, work.photo, self.taxonomy.things, work.segments)
        made = {
            "instances": images.encode_instances(ids),
            "edges": images.encode_edges(instances.find_edges(ids)),
        }
        paths = {kind: self.workspace.made(kind, row.id) for kind in made}
        for kind, data in made.items():
            write_atomically(paths[kind], data)
        return row.done(
            NAME,
            self.key(row),
            instance_file_name=self.workspace.relative(paths["instances"]),
            edge_file_name=self.workspace.relative(paths["edges"]),
            digests={"instance": digest(made["instances"]), "edge": digest(made["edges"])},
        )

    def fail(self, row: Row, error: PhotoError) -> Row:
        return row.failed(NAME, self.key(row), f"{row.original_name} {error}")

    def _read_segments(self, row: Row) -> np.ndarray | None:
        """The things that the segmenter told apart, where the row says that it told any."""
        if not row.digests.get("segments"):
            return None
        path = self.workspace.made("segments", row.id)
        if not path.is_file():
            raise PhotoError(f"has lost its map of segments, {path.name}. {AGAIN}")
        return images.read_instances(path)
