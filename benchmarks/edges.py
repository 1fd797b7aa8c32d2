"""Building instance and edge maps against a plain way of writing it down, and the megapixels of each step a second."""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline import images
from pipeline.classes import UNKNOWN, Taxonomy, load_taxonomy
from pipeline.instances import find_edges, find_instances
from pipeline.rows import Row, digest
from pipeline.sources.landscapes import draw
from pipeline.stages.edges import Edges
from pipeline.workspace import Workspace, write_atomically

COCO = Path(__file__).parents[2] / "shared" / "data" / "coco_stuff_sample"
PICTURES, SIZE_PX, ROUNDS = 8, 512, 5
GOAL = 3


def main() -> None:
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        drawn = [(one.photo, one.labels) for one in (draw(index, seed=5, size=SIZE_PX) for index in range(PICTURES))]
        _compare(Path(folder) / "drawn", f"{PICTURES} drawn landscapes of {SIZE_PX} px", "landscape", drawn)
        if COCO.is_dir():
            photos = [
                (images.read_photo(path), images.read_labels(COCO / "val_label" / f"{path.stem}.png"))
                for path in sorted((COCO / "val_img").glob("*.jpg"))
            ]
            _compare(Path(folder) / "coco", f"{len(photos)} photos of COCO, up to 640 px", "cocostuff", photos)


class _LabelOnly:
    """The stage without what the photo tells apart: the same result as the plain way."""

    def __init__(self, **said: object) -> None:
        self._stage = Edges(**said)

    def build(self, row: Row) -> Row:
        return self._stage.write(row, replace(self._stage.read(row), photo=None))


def _compare(folder: Path, what: str, taxonomy: str, pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Reading label map and photo, instances, edges, and writing both PNGs; the rounds of the ways take turns."""
    said = {"workspace": Workspace(root=folder), "taxonomy": load_taxonomy(taxonomy)}
    rows = [_row(number=number, photo=pair[0], labels=pair[1], **said) for number, pair in enumerate(pairs)]
    stage, label_only, things = Edges(**said), _LabelOnly(**said), said["taxonomy"].things
    for row in rows:
        _demand_same(said["workspace"], label_only.build(row), _plain(said["workspace"], row, things))
    ways = {
        "plain numpy and Pillow": lambda row: _plain(said["workspace"], row, things),
        "build-edges, label map only": label_only.build,
        "build-edges": lambda row: stage.write(row, stage.read(row)),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, build in ways.items():
            with _timed(times[name]):
                for row in rows:
                    build(row)
    medians = {name: statistics.median(taken) * 1000 / len(rows) for name, taken in times.items()}
    print(f"{what}, median of {ROUNDS} rounds, time of one core")
    print(f"{'':30s}  ms a photo   times as fast as plain (goal: {GOAL})")
    for name, milliseconds in medians.items():
        print(f"{name:30s}  {milliseconds:10.1f}   {medians['plain numpy and Pillow'] / milliseconds:6.1f}")
    _rates(said["workspace"], rows, things)


def _rates(workspace: Workspace, rows: list[Row], things: tuple[int, ...]) -> None:
    """Megapixels a second of the steps."""
    labels = [images.read_labels(workspace.resolve(row.label_file_name)) for row in rows]
    photos = [images.read_photo(workspace.resolve(row.file_name)) for row in rows]
    ids = [find_instances(*pair, things) for pair in zip(labels, photos, strict=True)]
    edges = [find_edges(one).astype(np.uint8) * 255 for one in ids]
    steps = {
        "find_edges": lambda at: find_edges(ids[at]),
        "find_instances": lambda at: find_instances(labels[at], photos[at], things),
        "encode instances": lambda at: images.encode_instances(ids[at]),
        "encode edges": lambda at: images.encode_edges(edges[at]),
    }
    print(f"{'':30s}  MPix/s")
    for name, step in steps.items():
        times: list[float] = []
        for _ in range(ROUNDS):
            with _timed(times):
                for at in [*range(len(rows))] * 4:
                    step(at)
        pixels = 4 * sum(one.size for one in labels)
        print(f"{name:30s}  {pixels / statistics.median(times) / 1e6:6.0f}")
    print()


def _plain(workspace: Workspace, row: Row, things: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The same maps, as one writes them with numpy and Pillow alone: each thing is filled from its first pixel on."""
    labels = np.array(Image.open(workspace.resolve(row.label_file_name)))
    photo = np.array(Image.open(workspace.resolve(row.file_name)))
    if photo.shape[:2] != labels.shape:
        raise ValueError("photo and labels differ in size")
    ids = np.zeros(labels.shape, np.uint16)
    count = 0
    classes = [id for id in np.unique(labels).tolist() if id != UNKNOWN]
    for id in [id for id in classes if id not in things]:
        count += 1
        ids[labels == id] = count
    height, width = labels.shape
    for id in [id for id in classes if id in things]:
        for y, x in np.argwhere(labels == id).tolist():
            if ids[y, x]:
                continue
            count += 1
            ids[y, x] = count
            waiting = [(y, x)]
            while waiting:
                y, x = waiting.pop()
                for j, i in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                    if 0 <= j < height and 0 <= i < width and labels[j, i] == id and not ids[j, i]:
                        ids[j, i] = count
                        waiting.append((j, i))
    edges = np.zeros(labels.shape, np.uint8)
    edges[:, 1:][ids[:, 1:] != ids[:, :-1]] = 255
    edges[:, :-1][ids[:, 1:] != ids[:, :-1]] = 255
    edges[1:][ids[1:] != ids[:-1]] = 255
    edges[:-1][ids[1:] != ids[:-1]] = 255
    Image.fromarray(ids).save(workspace.root / "instances.png")
    Image.fromarray(edges).save(workspace.root / "edges.png")
    return ids, edges


def _demand_same(workspace: Workspace, row: Row, plain: tuple[np.ndarray, np.ndarray]) -> None:
    ours = (
        images.read_instances(workspace.resolve(row.instance_file_name)),
        images.read_edges(workspace.resolve(row.edge_file_name)),
    )
    if not all(np.array_equal(one, other) for one, other in zip(ours, plain, strict=True)):
        raise SystemExit(f"{row.id}: the two ways make different maps, so their times mean nothing")


def _row(workspace: Workspace, taxonomy: Taxonomy, *, number: int, photo: np.ndarray, labels: np.ndarray) -> Row:
    id, palette = f"g{number:x}a", taxonomy.palette
    files = {"images": images.encode_photo(photo), "labels": images.encode_labels(labels, palette)}
    for kind, data in files.items():
        write_atomically(workspace.made(kind, id), data)
    names = {kind: workspace.relative(workspace.made(kind, id)) for kind in files}
    digests = {"image": digest(files["images"]), "label": digest(files["labels"])}
    return Row(id=id, file_name=names["images"], label_file_name=names["labels"], digests=digests)


@contextlib.contextmanager
def _timed(times: list[float]) -> Iterator[None]:
    """Adds the seconds that the processor worked for us, so that other work on the machine does not count."""
    begin = time.process_time()
    yield
    times.append(time.process_time() - begin)


if __name__ == "__main__":
    main()
