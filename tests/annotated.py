"""A small labelled workspace, for the tests of what people do with label maps."""

import numpy as np

from pipeline import images
from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.manifest import read, writing
from pipeline.rows import OK, Row, digest
from pipeline.segmenters.segmenter import Labelling
from pipeline.stages.edges import Edges
from pipeline.stages.label import keep_labels
from pipeline.workspace import Workspace, write_atomically

LANDSCAPE = load_taxonomy()
SKY, SEA, TREE, HOUSE = (LANDSCAPE.id_of(name) for name in ("sky", "sea", "tree", "building"))
WIDTH, HEIGHT = 102, 96


def sky_above_sea(*, horizon: int = 48) -> np.ndarray:
    """(96, 102) uint8: sky above, sea below, a tree at the left, and ten unknown columns at the right."""
    ids = np.full((HEIGHT, WIDTH), SKY, np.uint8)
    ids[horizon:] = SEA
    ids[30:60, :12] = TREE
    ids[:, -10:] = UNKNOWN
    return ids


def fill(workspace: Workspace, photo_of, confidences: dict[str, float]) -> Workspace:
    """Rows of these ids, each with a photo, a label map, instances and edges.    confidences: by id."""
    with writing(workspace) as manifest:
        for number, (id, confidence) in enumerate(confidences.items()):
            manifest.record(row_of(workspace, id, photo_of(number), sky_above_sea(horizon=40 + number), confidence))
    return workspace


def row_of(workspace: Workspace, id: str, photo: np.ndarray, ids: np.ndarray, confidence: float) -> Row:
    data, path = images.encode_photo(photo), workspace.made("images", id)
    write_atomically(path, data)
    row = Row(
        id=id,
        original_name=f"photos/{id}.jpg",
        file_name=workspace.relative(path),
        width=photo.shape[1],
        height=photo.shape[0],
        status=OK,
        split="train",
        group=id,
        license="CC0-1.0",
        digests={"image": digest(data)},
    )
    labelling = Labelling(ids=ids, confidence=confidence)
    row = keep_labels(workspace, LANDSCAPE, row, labelling, key="key", model="embedded")
    stage = Edges(workspace=workspace, taxonomy=LANDSCAPE)
    return stage.write(row, stage.read(row))


def row(workspace: Workspace, id: str) -> Row:
    """The row as it stands on the disk."""
    return read(workspace).rows[id]


def labels(workspace: Workspace, id: str, kind: str = "labels") -> np.ndarray:
    """The label map as it stands on the disk."""
    return images.read_labels(workspace.made(kind, id))


def files_of(workspace: Workspace) -> dict[str, bytes]:
    """All that stands in the workspace, by path, but for locks."""
    paths = sorted(path for path in workspace.root.rglob("*") if path.is_file())
    return {path.relative_to(workspace.root).as_posix(): path.read_bytes() for path in paths if path.name[0] != "."}
