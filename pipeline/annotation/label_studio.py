"""Label Studio's brush JSON: a task a photo, a mask a class; and the labelling interface that belongs to it."""

import json
from functools import partial
from operator import methodcaller
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import quoteattr

import numpy as np

from pipeline.annotation import brush
from pipeline.annotation.exchange import Find, Returned, Sending, Sent, chosen, class_of, id_of, planned, read_labels_of
from pipeline.classes import UNKNOWN, Taxonomy
from pipeline.console import Console
from pipeline.errors import GauganpipeError, PhotoError
from pipeline.links import link
from pipeline.manifest import Manifest, read
from pipeline.rows import Row
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

TASKS, INTERFACE, PHOTOS = "tasks.json", "interface.xml", "images"
SERVED_AT = "/data/local-files/?d="
"""Where Label Studio shows files of the machine it runs on, below the folder that it is told."""
NAME, TO, IMAGE = "labels", "image", "image"
UNKNOWN_LABEL = "unknown"
BEGINNINGS = {
    TASKS: f'[\n{{"data":{{"{IMAGE}":"{SERVED_AT}{PHOTOS}/'.encode(),
    INTERFACE: f'<View>\n  <Image name="{TO}" value="${IMAGE}"'.encode(),
}
"""How the files that may be written anew begin: as we have written them."""
BRUSH = "brushlabels"
WITHOUT_PIXELS = ("choices", "number", "rating", "relation", "taxonomy", "textarea")
"""Kinds of answers beside regions: they say nothing of where something is."""


def send(workspace: Workspace, sending: Sending, *, console: Console) -> Sent:
    """Writes a folder: the tasks with the label maps as predictions, the interface, and the photos.

    Raises: GauganpipeError when the folder holds other files, or nothing can go out; PhotoError when a file is gone.
    """
    manifest = read(workspace)
    rows, out = _prepared(manifest, sending), sending.out
    tasks = []
    with explained_disk_errors(), console.bar("pack", unit="photo", total=len(rows)) as bar:
        for row in rows:
            tasks.append(_task(workspace, manifest.taxonomy, row))
            photo = out / PHOTOS / f"{row.id}.jpg"
            if not photo.is_file():
                link(workspace.resolve(row.file_name), photo)
            bar.step()
        files = {TASKS: _tasks_json(tasks), INTERFACE: _interface(manifest.taxonomy).encode()}
        changed = {name: data for name, data in files.items() if not _is_there(out / name, data)}
        for name, data in changed.items():
            write_atomically(out / name, data)
    return Sent(
        place=out,
        photos=len(rows),
        unchanged=not changed,
        not_redistributable=sum(row.redistributable == "no" for row in rows),
        how=[
            f"in Label Studio: LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and "
            f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={out.resolve()}; a project with the interface of {INTERFACE}; "
            f"local storage at its {PHOTOS}; then import {TASKS}",
            "back: export, JSON",
        ],
    )


def plan(workspace: Workspace, sending: Sending) -> list[str]:
    """What `send` would write, one fact a line; writes nothing."""
    return planned(sending, _prepared(read(workspace), sending))


def finder(path: Path) -> Find:
    """The label maps in a JSON that Label Studio has exported; a task that nobody has annotated brings none.

    Of several annotations the last one that was not cancelled counts; of several masks over a pixel, the last.

    Raises, when it is called: GauganpipeError when the file is no such JSON, or names a label that is no class.
    """

    def find(manifest: Manifest) -> tuple[list[Returned], list[str]]:
        found, strangers = [], []
        for number, task in enumerate(_read_tasks(path), start=1):
            name = _photo_name(task)
            results = _annotated(task)
            if results is None:
                continue
            if id := id_of(name, manifest):
                where = f"{path}, task {number}"
                read_ids = partial(_read_ids, where, results, manifest.rows[id], manifest.taxonomy)
                found.append(Returned(id=id, where=where, read=read_ids))
            else:
                strangers.append(name or f"task {number}")
        return found, strangers

    return find


def _prepared(manifest: Manifest, sending: Sending) -> list[Row]:
    rows, out = chosen(manifest, sending), sending.out
    if out.exists() and not out.is_dir():
        raise GauganpipeError(f"{out} is a file. Name a folder that is empty or not there yet")
    ours = {out / TASKS, out / INTERFACE, out / PHOTOS, *(out / PHOTOS / f"{row.id}.jpg" for row in rows)}
    for path in sorted([*out.glob("*"), *(out / PHOTOS).glob("*")]):
        if path.with_name(path.name.removesuffix(".part")) not in ours:
            raise GauganpipeError(f"{out} holds other files: {path}. Name a folder that is empty or not there yet")
    for name, beginning in BEGINNINGS.items():
        manifest.workspace.writable_out(out / name, is_ours=methodcaller("startswith", beginning))
    return rows


def _is_there(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes() == data


def _task(workspace: Workspace, taxonomy: Taxonomy, row: Row) -> dict[str, Any]:
    labels = read_labels_of(workspace, row)
    height, width = labels.shape
    results = [
        {
            "id": f"{row.id[:8]}{id:02x}",
            "type": BRUSH,
            "from_name": NAME,
            "to_name": TO,
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {"format": "rle", "rle": brush.encode(labels == id), BRUSH: [taxonomy.names[id]]},
        }
        for id in np.unique(labels).tolist()
        if id != UNKNOWN
    ]
    prediction = {"model_version": row.label_model, "score": row.label_confidence or 0.0, "result": results}
    return {"data": {IMAGE: f"{SERVED_AT}{PHOTOS}/{row.id}.jpg"}, "predictions": [prediction]}


def _tasks_json(tasks: list[dict[str, Any]]) -> bytes:
    lines = ",\n".join(json.dumps(task, ensure_ascii=False, separators=(",", ":")) for task in tasks)
    return f"[\n{lines}\n]\n".encode()


def _interface(taxonomy: Taxonomy) -> str:
    labels = [(one.name, f"#{bytes(one.colour).hex()}") for one in taxonomy.categories]
    lines = [f"    <Label value={quoteattr(name)} background={quoteattr(colour)}/>" for name, colour in labels]
    return "\n".join(
        [
            "<View>",
            f'  <Image name="{TO}" value="${IMAGE}" zoom="true" zoomControl="true"/>',
            f'  <BrushLabels name="{NAME}" toName="{TO}">',
            *lines,
            f'    <Label value="{UNKNOWN_LABEL}" background="#000000"/>',
            "  </BrushLabels>",
            "</View>",
            "",
        ]
    )


def _read_tasks(path: Path) -> list[dict[str, Any]]:
    try:
        tasks = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise GauganpipeError(f"{path} cannot be read as JSON: {why}. Export it from Label Studio again") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise GauganpipeError(f"{path} is no list of tasks. Export it from Label Studio as JSON, not as JSON-MIN")
    return tasks


def _photo_name(task: dict[str, Any]) -> str:
    """The file name in the address of a task's photo, wherever the photo is served."""
    data = task.get("data")
    address = str(data.get(IMAGE, "")) if isinstance(data, dict) else ""
    return unquote(address).rpartition("/")[2].rpartition("?d=")[2].partition("?")[0]


def _annotated(task: dict[str, Any]) -> list[Any] | None:
    """The results of the last annotation; None where there is none."""
    annotations = task.get("annotations")
    made = [one for one in annotations if isinstance(one, dict)] if isinstance(annotations, list) else []
    made = [one for one in made if not one.get("was_cancelled") and isinstance(one.get("result"), list)]
    return made[-1]["result"] if made else None


def _read_ids(where: str, results: list[Any], row: Row, taxonomy: Taxonomy) -> np.ndarray:
    """(H, W) uint8, ids of the workspace."""
    ids = np.full((row.height, row.width), UNKNOWN, dtype=np.uint8)
    for region in _regions(where, results):
        id, mask = _mask(where, region, row, taxonomy)
        ids[mask] = id
    return ids


def _regions(where: str, results: list[Any]) -> list[dict[str, Any]]:
    """The brush regions, which are all that a map is made of: what is something else would be lost without a word."""
    regions = []
    for result in results:
        kind = result.get("type") if isinstance(result, dict) else None
        if kind == BRUSH:
            regions.append(result)
        elif kind not in WITHOUT_PIXELS:
            raise GauganpipeError(
                f"{where} has a region of the kind '{kind}', and only those of the brush are read. Paint it with the "
                "brush in Label Studio"
            )
    if not regions:
        raise GauganpipeError(
            f"{where} has an annotation without a brush region, by which every pixel would become unknown. Paint the "
            "photo in Label Studio, or delete the annotation"
        )
    return regions


def _mask(where: str, result: dict[str, Any], row: Row, taxonomy: Taxonomy) -> tuple[int, np.ndarray]:
    """The class of a region, and its pixels."""
    value = result.get("value")
    size = (result.get("original_width"), result.get("original_height"))
    if not isinstance(value, dict) or not isinstance(value.get("rle"), list):
        raise GauganpipeError(f"{where} has a brush region without rle. Export it from Label Studio again")
    if size != (row.width, row.height):
        raise GauganpipeError(
            f"{where} has a region of {size[0]}x{size[1]}, its photo {row.original_name} is {row.width}x{row.height}. "
            "Annotate the photos that went out"
        )
    if result.get("image_rotation"):
        raise GauganpipeError(f"{where} is turned by {result['image_rotation']} degrees. Turn it back in Label Studio")
    labels = value.get(BRUSH)
    label = str(labels[0]) if isinstance(labels, list) and labels else ""
    if (id := class_of(label, taxonomy)) is None:
        raise GauganpipeError(
            f"{where} has a region of '{label}', which is no class of {taxonomy.name}. Give it one of its labels, or "
            f"{UNKNOWN_LABEL}"
        )
    try:
        return id, brush.decode(value["rle"], row.height, row.width)
    except PhotoError as error:
        raise GauganpipeError(f"{where} {error}. Export it from Label Studio again") from None
