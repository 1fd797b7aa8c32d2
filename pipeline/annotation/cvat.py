"""CVAT's Segmentation mask 1.1: a zip in the folders of PASCAL VOC, a colour a class and a colour an instance."""

import contextlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline import images
from pipeline.annotation.exchange import Find, Returned, Sending, Sent, chosen, class_of, id_of, planned, read_labels_of
from pipeline.classes import UNKNOWN, Taxonomy
from pipeline.console import Console
from pipeline.errors import GauganpipeError, PhotoError
from pipeline.manifest import Manifest, read
from pipeline.rows import Row, digest
from pipeline.workspace import Workspace, explained_disk_errors

LABEL_MAP = "labelmap.txt"
HEADER = "# label:color_rgb:parts:actions"
BACKGROUND = "background"
CLASSES, OBJECTS, PHOTOS = "SegmentationClass", "SegmentationObject", "JPEGImages"
LIST = "ImageSets/Segmentation/default.txt"
LABELS_JSON = "labels.json"
"""Beside what the format asks for: the labels as CVAT's constructor takes them, under Raw."""
OURS = b"gauganpipe "
"""What the comment of an archive of ours begins with."""
BLACK = 0
NO_COLOUR = 1 << 24
TO_NUMBER = np.array([1 << 16, 1 << 8, 1], np.uint32)
"""What makes one number, 0xrrggbb, of a colour."""
MOST_OBJECTS = 255
"""Instances that the format's colours tell apart in one photo."""
MOST_BYTES = 200_000_000
"""Of a map in an archive, unpacked."""
MOST_BYTES_OF_LABELS = 1_000_000
"""Of LABEL_MAP, unpacked."""
FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)
"""What zipfile raises for an archive that is damaged, or is packed or locked in a way that it cannot undo."""


def send(workspace: Workspace, sending: Sending, *, console: Console) -> Sent:
    """Writes the archive, beside its place and then renamed; what would come out the same stays.

    Where a photo has more instances than the format can tell apart, its classes are its objects.

    Raises: GauganpipeError when another file is there, or nothing can go out; PhotoError when a file is gone.
    """
    manifest = read(workspace)
    rows, comment = _prepared(manifest, sending)
    sent = _sent(sending, rows, unchanged=_comment_of(sending.out) == comment)
    if sent.unchanged:
        return sent
    part = sending.out.with_name(sending.out.name + ".part")
    with explained_disk_errors():
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(part, "w") as archive, console.bar("pack", unit="photo", total=len(rows)) as bar:
                archive.comment = comment
                _write(archive, LABEL_MAP, _label_map(manifest.taxonomy).encode())
                _write(archive, LABELS_JSON, _labels_json(manifest.taxonomy))
                _write(archive, LIST, "".join(f"{row.id}\n" for row in rows).encode())
                for row in rows:
                    for name, data in _files(workspace, manifest.taxonomy, row).items():
                        _write(archive, name, data)
                    bar.step()
            part.replace(sending.out)
        finally:
            part.unlink(missing_ok=True)
    return sent


def plan(workspace: Workspace, sending: Sending) -> list[str]:
    """What `send` would write, one fact a line; writes nothing."""
    return planned(sending, _prepared(read(workspace), sending)[0])


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Find]:
    """Finds the label maps in an archive that CVAT, or `send`, has written; they can be read until the block ends.

    Raises: GauganpipeError when the archive cannot be read, declares no labels, or shows one that is no class.
    """
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            declared = _declared(path, archive)
        except FAULTS as error:
            raise GauganpipeError(f"{path} cannot be read as a zip: {error}. Export it again") from None

        def find(manifest: Manifest) -> tuple[list[Returned], list[str]]:
            found, strangers = [], []
            for entry in sorted(archive.infolist(), key=lambda one: one.filename):
                place = PurePosixPath(entry.filename)
                if CLASSES not in place.parts[:-1] or place.suffix.lower() != ".png":
                    continue
                if id := id_of(place.name, manifest):
                    where = f"{path}, {entry.filename}"
                    read_ids = partial(_read_ids, where, archive, entry, declared, manifest.taxonomy)
                    found.append(Returned(id=id, where=where, read=read_ids))
                else:
                    strangers.append(place.name)
            if not found and not strangers:
                raise GauganpipeError(f"{path} holds no PNG in {CLASSES}. Export it from CVAT as Segmentation mask 1.1")
            return found, strangers

        yield find


def voc_colours() -> np.ndarray:
    """The colours of PASCAL VOC, (256, 3) uint8 RGB: the bits of a number dealt to red, green and blue in turn."""
    numbers = np.arange(256, dtype=np.uint32)
    colours = np.zeros((256, 3), dtype=np.uint32)
    for bit in range(8):
        for channel in range(3):
            if 3 * bit + channel < 8:
                colours[:, channel] |= (numbers >> (3 * bit + channel) & 1) << (7 - bit)
    return colours.astype(np.uint8)


def _prepared(manifest: Manifest, sending: Sending) -> tuple[list[Row], bytes]:
    """The rows that go out, and the comment of an archive that holds exactly these."""
    out = sending.out
    manifest.workspace.writable_out(out, is_ours=lambda _: (_comment_of(out) or b"").startswith(OURS))
    for name in manifest.taxonomy.names:
        if ":" in name:
            raise GauganpipeError(f"the class '{name}' has a colon, which CVAT's {LABEL_MAP} cannot say. Rename it")
    rows = chosen(manifest, sending)
    said = [(row.id, row.digests.get("image"), row.digests.get("label"), row.digests.get("instance")) for row in rows]
    return rows, OURS + digest(repr((said, _label_map(manifest.taxonomy))).encode()).encode()


def _comment_of(path: Path) -> bytes | None:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment
    except FAULTS:
        return None


def _sent(sending: Sending, rows: list[Row], *, unchanged: bool) -> Sent:
    return Sent(
        place=sending.out,
        photos=len(rows),
        unchanged=unchanged,
        not_redistributable=sum(row.redistributable == "no" for row in rows),
        how=[
            f"in CVAT: a task with the labels of its {LABELS_JSON} (Raw) and its {PHOTOS}; then upload annotations, "
            "Segmentation mask 1.1",
            "back: export task dataset, Segmentation mask 1.1",
        ],
    )


def _label_map(taxonomy: Taxonomy) -> str:
    colours = [f"{one.name}:{','.join(map(str, one.colour))}::" for one in taxonomy.categories]
    return "\n".join([HEADER, f"{BACKGROUND}:0,0,0::", *colours, ""])


def _labels_json(taxonomy: Taxonomy) -> bytes:
    labels = [(BACKGROUND, "#000000"), *((one.name, f"#{bytes(one.colour).hex()}") for one in taxonomy.categories)]
    return json.dumps([{"name": name, "color": colour, "attributes": []} for name, colour in labels], indent=1).encode()


def _files(workspace: Workspace, taxonomy: Taxonomy, row: Row) -> dict[str, bytes]:
    """The files of a photo by their names in the archive. Unknown pixels are black, and no object."""
    labels, objects = read_labels_of(workspace, row), None
    if row.instance_file_name:
        try:
            objects = images.read_instances(workspace.resolve(row.instance_file_name))
        except PhotoError as error:
            raise PhotoError(f"{row.original_name} {error}. Make it again: gauganpipe build-edges") from None
    if objects is None or objects.shape != labels.shape or objects.max(initial=0) > MOST_OBJECTS:
        objects = labels.astype(np.uint16) + 1
    objects = np.where(labels == UNKNOWN, 0, objects).astype(np.uint8)
    return {
        f"{PHOTOS}/{row.id}.jpg": workspace.resolve(row.file_name).read_bytes(),
        f"{CLASSES}/{row.id}.png": images.encode_labels(labels, taxonomy.palette),
        f"{OBJECTS}/{row.id}.png": images.encode_labels(objects, voc_colours().tobytes()),
    }


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """A file of the archive, always the same bytes. Pictures are packed already."""
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)


def _declared(path: Path, archive: zipfile.ZipFile) -> dict[int, str]:
    """0xrrggbb -> the label that `labelmap.txt` declares, in the order that it declares them."""
    names = [name for name in archive.namelist() if PurePosixPath(name).name == LABEL_MAP]
    if not names:
        raise GauganpipeError(f"{path} has no {LABEL_MAP}, so its colours mean nothing. Export it from CVAT again")
    with archive.open(names[0]) as file:
        data = file.read(MOST_BYTES_OF_LABELS + 1)
    if len(data) > MOST_BYTES_OF_LABELS:
        raise GauganpipeError(f"{path} has a {LABEL_MAP} of more than {MOST_BYTES_OF_LABELS:,} bytes. Export it again")
    declared: dict[int, str] = {}
    for number, line in enumerate(map(str.strip, io.StringIO(data.decode("utf-8-sig"))), start=1):
        if not line or line.startswith("#"):
            continue
        label, *rest = line.rsplit(":", 3)
        colour = rest[0].split(",") if len(rest) == 3 else []
        if len(colour) != 3 or not all(one.strip().isdigit() and int(one) < 256 for one in colour):
            raise GauganpipeError(f"{path}, {LABEL_MAP}, line {number}: '{line[:100]}' is no label:red,green,blue::")
        red, green, blue = map(int, colour)
        declared[red << 16 | green << 8 | blue] = label
    return declared


def _read_ids(
    where: str, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, declared: Mapping[int, str], taxonomy: Taxonomy
) -> np.ndarray:
    """(H, W) uint8, ids of the workspace."""
    if entry.file_size > MOST_BYTES:
        raise GauganpipeError(f"{where} would unpack to {entry.file_size:,} bytes, which no label map does")
    try:
        # A file in an archive is read as any other is.
        drawing = images.read_drawing(zipfile.Path(archive, entry.filename))
    except PhotoError as error:
        raise GauganpipeError(f"{where} {error}. Export it again") from None
    except FAULTS as error:
        raise GauganpipeError(f"{where} is damaged: {error}. Export it again") from None
    pixels = drawing.pixels
    if pixels.ndim == 3:
        colours = pixels.astype(np.uint32) @ TO_NUMBER
    elif drawing.palette is not None:
        colours = (drawing.palette.astype(np.uint32) @ TO_NUMBER)[pixels]
    else:
        # Levels are places in the label map.
        colours = np.array([*declared, *[NO_COLOUR] * 256][:256])[pixels]
    return _ids_of(colours, where, declared, taxonomy)


def _ids_of(colours: np.ndarray, where: str, declared: Mapping[int, str], taxonomy: Taxonomy) -> np.ndarray:
    """colours: (H, W) whole numbers, 0xrrggbb.    Black is what was not annotated, whatever it is called."""
    ids = np.empty(colours.shape, dtype=np.uint8)
    for colour in np.unique(colours).tolist():
        label = declared.get(colour, BACKGROUND if colour == BLACK else None)
        id = UNKNOWN if colour == BLACK else None if label is None else class_of(label, taxonomy)
        if id is None:
            raise _undeclared(colours, colour, label, where, taxonomy)
        ids[colours == colour] = id
    return ids


def _undeclared(colours: np.ndarray, colour: int, label: str | None, where: str, taxonomy: Taxonomy) -> GauganpipeError:
    y, x = divmod(int((colours == colour).argmax()), colours.shape[1])
    place = f"{where} shows #{colour:06x} at x={x}, y={y}"
    if label is None:
        return GauganpipeError(f"{place}, which {LABEL_MAP} does not declare. Export it from CVAT again")
    return GauganpipeError(
        f"{place}, the label '{label}', which is no class of {taxonomy.name}. Give those regions one of its classes in "
        "CVAT, or the label background"
    )
