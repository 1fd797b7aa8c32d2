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


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Splits the label map into instances, and marks where two of them meet."""

    name = NAME
    needs = NEEDS
    makes = MAKES

    workspace: Workspace
    taxonomy: Taxonomy

    def key(self, row: Row) -> str:
        inputs = {kind: row.digests.get(kind, "") for kind in ("image", "label")}
        return stage_key(NAME, 1, things=self.taxonomy.things, **inputs)

    def is_there(self, row: Row) -> bool:
        return all(self.workspace.holds(kind, row.id) for kind in ("instances", "edges"))

    def read(self, row: Row) -> tuple[np.ndarray, np.ndarray]:
        labels = images.read_labels(self.workspace.resolve(row.label_file_name))
        photo = images.read_photo(self.workspace.resolve(row.file_name))
        if labels.shape != photo.shape[:2]:
            sizes = [f"{array.shape[1]}x{array.shape[0]}" for array in (labels, photo)]
            raise PhotoError(
                f"has a label map of {sizes[0]}, but is {sizes[1]}. Make it again: gauganpipe label --redo"
            )
        return labels, photo

    def compute(self, work: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
        return work

    def write(self, row: Row, work: tuple[np.ndarray, np.ndarray]) -> Row:
        labels, photo = work
        ids = instances.find_instances(labels, photo, self.taxonomy.things)
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

    def fail(self, row: Row, error: str) -> Row:
        return row.failed(NAME, self.key(row), f"{row.original_name} {error}")
