"""What is wrong with the files that the rows of a manifest name, and which files no row names."""

import os
import re
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import PhotoError, WorkspaceError
from pipeline.faults import Fault
from pipeline.presence import ASTRAY, why_missing
from pipeline.rows import INSIDE, KINDS, ROW_FILES, digest
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

MISSING, STRAY, UNREADABLE = "missing files", "stray paths", "unreadable files"
SIZE, MAP_SIZE, TAXONOMY, DIGEST = "sizes", "sizes of maps", "taxonomy", "digests"
"""Kinds of faults."""
FORMS = {
    "file_name": ("JPEG", ("RGB",), "a JPEG in colour"),
    "label_file_name": ("PNG", ("P", "L"), "an 8-bit indexed or grey PNG"),
    "instance_file_name": ("PNG", ("I;16", "I"), "a 16-bit grey PNG"),
    "edge_file_name": ("PNG", ("L",), "an 8-bit grey PNG"),
}
"""Column -> format and modes of its files, as Pillow calls them, and both in words."""
FOLDERS = {one.column: one.folder for one in ROW_FILES}
DIGESTS = {one.column: one.digest for one in ROW_FILES}
INSIDE_WORKSPACE = re.compile(INSIDE)
IS_SIZE = re.compile(KINDS["integer"][0]).fullmatch
AHEAD = 8
"""Photos that are looked at while one is waited for, for each worker."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """A row as its files are checked.    files: column -> path, of those files that are there.

    width, height, digests: the cells.
    """

    id: str
    files: dict[str, str]
    width: str = ""
    height: str = ""
    digests: str = ""


Found = tuple[str, Fault]
"""A kind, and a fault of it."""


def is_inside(name: str) -> bool:
    """Whether a cell is a path inside the workspace, as it is written."""
    return bool(INSIDE_WORKSPACE.fullmatch(name))


def find_missing_files(workspace: Workspace, column: str, names: Sequence[str], ids: Sequence[str]) -> dict[str, Found]:
    """Path -> a fault, for each that names no file inside the workspace.

    names: the cells of the column; those that are empty, or no path inside the workspace, are passed over.
    """
    asked = {name: id for name, id in zip(names, ids, strict=True) if is_inside(name)}
    found = {}
    for name, why in why_missing(workspace, asked).items():
        text = f"{why}, though the row {asked[name]} names it as its {column}"
        fault = Fault(file=Path(name), column=column, text=text)
        found[name] = (STRAY if why == ASTRAY else MISSING, fault)
    return found


def look_at_files(
    workspace: Workspace,
    rows: Iterable[Named],
    *,
    classes: int,
    with_digests: bool,
    workers: int,
    on_row: Callable[[], None],
) -> Iterator[Found]:
    """What is wrong with the files of each row: form, end, size, ids that are no class, and, if asked for, their bytes.

    classes: how many there are.    with_digests: every byte is read, and compared with what was written.
    """

    def look(row: Named) -> list[Found]:
        return [*_look_at(workspace, row, classes=classes, with_digests=with_digests)]

    if not workers:
        for row in rows:
            yield from look(row)
            on_row()
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="check") as pool:
        waiting = []
        for row in rows:
            waiting.append(pool.submit(look, row))
            if len(waiting) >= AHEAD * workers:
                yield from waiting.pop(0).result()
                on_row()
        for one in waiting:
            yield from one.result()
            on_row()


def find_unnamed(workspace: Workspace, column: str, names: Collection[str], ids: Collection[str]) -> list[Fault]:
    """The files in the folder of a column's files that no row names.

    names: the cells of the column.    ids: of rows whose files need no name yet, as they stand in the journal.
    """
    folder = FOLDERS[column]
    faults = []
    try:
        top = workspace.resolve(f"data/{folder}")
    except WorkspaceError as error:
        text = str(error).removeprefix(f"data/{folder} ")
        return [Fault(file=Path(f"data/{folder}"), column=column, text=text)]
    for inner, folders, files in os.walk(top):
        folders.sort()
        for file in sorted(files):
            path = Path(inner) / file
            name = workspace.relative(path)
            if name not in names and path.name.partition(".")[0] not in ids:
                faults.append(Fault(file=Path(name), column=column, text=f"is named by no row as its {column}"))
    return faults


def _look_at(workspace: Workspace, row: Named, *, classes: int, with_digests: bool) -> Iterator[Found]:
    digests = dict(pair.split("=", 1) for pair in row.digests.split(" ") if "=" in pair)
    said = (int(row.width), int(row.height)) if IS_SIZE(row.width) and IS_SIZE(row.height) else None
    photo_size = None
    for column, name in row.files.items():
        path = workspace.resolve(name)
        size, fault = _read_header(path, column)
        if fault:
            yield UNREADABLE, Fault(file=Path(name), column=column, text=fault)
        elif column == "file_name":
            photo_size = size
            if said and size != said:
                text = f"is {_in_words(size)}, and its row {row.id} says {_in_words(said)}"
                yield SIZE, Fault(file=Path(name), column=column, text=text)
        elif photo_size and size != photo_size:
            text = f"is {_in_words(size)}, and its photo is {_in_words(photo_size)}"
            yield MAP_SIZE, Fault(file=Path(name), column=column, text=text)
        if not fault:
            yield from _look_at_pixels(path, name, column, classes)
        if with_digests and (expected := digests.get(DIGESTS[column])) and digest(path.read_bytes()) != expected:
            yield DIGEST, Fault(file=Path(name), column=column, text="is not as it was written")


def _look_at_pixels(path: Path, name: str, column: str, classes: int) -> Iterator[Found]:
    """Whether all of them are there, and whether those of a label map are classes."""
    from pipeline import images
    from pipeline.stages.edges import SIZE_ONLY_PX

    try:
        if column == "file_name":
            images.read_photo_for(path, SIZE_ONLY_PX)  # however coarsely, it is read to its end
        elif column == "instance_file_name":
            images.read_instances(path)
        elif column == "edge_file_name":
            images.read_edges(path)
        else:
            yield from _look_at_ids(images.read_labels(path), name, classes)
    except PhotoError as error:
        yield UNREADABLE, Fault(file=Path(name), column=column, text=str(error))


def _look_at_ids(ids: "np.ndarray", name: str, classes: int) -> Iterator[Found]:
    import numpy as np

    from pipeline.classes import UNKNOWN

    counts = np.bincount(ids.ravel(), minlength=256)
    strangers = [id for id in range(classes, 256) if counts[id] and id != UNKNOWN]
    if strangers:
        y, x = (int(place) for place in np.argwhere(ids == strangers[0])[0])
        what = f"has the id {strangers[0]} at x {x}, y {y}, and the classes end at {classes - 1}"
        yield TAXONOMY, Fault(file=Path(name), column="label_file_name", text=what)


def _read_header(path: Path, column: str) -> tuple[tuple[int, int], str]:
    """Width and height of a picture, and what is wrong with it, "" for nothing; its pixels are not decoded."""
    from PIL import Image

    form, modes, words = FORMS[column]
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            is_right = image.format == form and image.mode in modes
            return image.size, "" if is_right else f"is a {image.format} of mode {image.mode}, expected {words}"
    except (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError):
        return (0, 0), f"is no picture that can be read, expected {words}"


def _in_words(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
