"""A workspace of small photos with their maps, and its exports, for the tests of every layout."""

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline import images
from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.console import Console
from pipeline.export import Exported, Exporting, export
from pipeline.instances import find_edges
from pipeline.manifest import read, writing
from pipeline.rows import OK, Row, digest
from pipeline.workspace import Workspace, write_atomically

LANDSCAPE = load_taxonomy()
SKY, ROCK = 0, 5
SPLITS = {"train": 4, "val": 1, "test": 1}
"""Photos a split of a filled workspace."""
WIDTH, HEIGHT = 12, 8
KINDS = {"images": "image", "labels": "label", "instances": "instance", "edges": "edge"}


def row_of(workspace: Workspace, id: str, number: int, *, instances: np.ndarray | None = None, **cells: object) -> Row:
    """A row whose photo and maps are on the disk, different for every number: sky, unknown, and rocks.

    instances: (H, W) uint16; without it sky is 1, and rocks are 2 on the left and 3 on the right.
    """
    rng = np.random.default_rng(number)
    height, width = (HEIGHT, WIDTH) if instances is None else instances.shape
    labels = rng.choice([SKY, ROCK, UNKNOWN], (height, width)).astype(np.uint8)
    if instances is None:
        rocks = np.where(np.arange(WIDTH) < WIDTH // 2, 2, 3)
        instances = np.select([labels == SKY, labels == ROCK], [1, rocks], 0).astype(np.uint16)
    files = {
        "images": images.encode_photo(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)),
        "labels": images.encode_labels(labels, LANDSCAPE.palette),
        "instances": images.encode_instances(instances),
        "edges": images.encode_edges(find_edges(instances)),
    }
    names = {}
    for kind, data in files.items():
        write_atomically(workspace.made(kind, id), data)
        names[kind] = workspace.relative(workspace.made(kind, id))
    shares = {"sky": (labels == SKY).mean(), "rock": (labels == ROCK).mean()}
    said = {
        "status": OK,
        "split": "train",
        "original_name": f"{id}.jpg",
        "redistributable": "yes",
        "group": id,
        "width": width,
        "height": height,
        "label_model": "embedded",
        "label_confidence": 0.75,
        "label_unknown": round(1 - sum(shares.values()), 4),
        "file_name": names["images"],
        "label_file_name": names["labels"],
        "instance_file_name": names["instances"],
        "edge_file_name": names["edges"],
        "digests": {kind: digest(files[folder]) for folder, kind in KINDS.items()},
        "shares": shares,
    }
    return Row(id=id, **{**said, **cells})


def fill(workspace: Workspace) -> Workspace:
    """Four photos to train on, one to judge by and one to test, by three makers."""
    splits = ("train", "train", "train", "val", "train", "test")
    with writing(workspace) as manifest:
        for number, split in enumerate(splits):
            known = {"license": "CC-BY-4.0", "creator": "Zoë Ansel", "title": "=lake", "captured_at": "2020-01-02"}
            manifest.record(row_of(workspace, f"g{number}a", number, split=split, **(known if number % 2 else {})))
    return workspace


def exported(workspace: Workspace, out: Path, layout: str, **asked: object) -> Exported:
    return export(workspace, Exporting(out=out, layout=layout, **asked), console=Console(quiet=True))


def maps_of(workspace: Workspace) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Id -> photo, labels and instances of the workspace."""
    return {
        row.id: (
            images.read_photo(workspace.resolve(row.file_name)),
            images.read_labels(workspace.resolve(row.label_file_name)),
            images.read_instances(workspace.resolve(row.instance_file_name)),
        )
        for row in read(workspace).rows.values()
    }


def array(picture: Image.Image) -> np.ndarray:
    return np.array(picture)


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.load()
        return picture


def unpacked(pixels: np.ndarray) -> np.ndarray:
    """Ids of a picture whose colours they are."""
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    return red + 256 * green + 65536 * blue


def bytes_in(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its name, but for what was not written to its end."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".part"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files)}
