"""Label maps that the user already has, one PNG a photo, as a segmenter."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.classes import UNKNOWN, Taxonomy, load_taxonomy, translate_classes, translate_ids
from pipeline.errors import GauganpipeError, PhotoError, SegmenterError
from pipeline.images import Drawing, read_drawing
from pipeline.segmenters.given_instances import GivenInstances, Names, fit, open_instances, without_suffix
from pipeline.segmenters.segmenter import Labelling, Options
from pipeline.segmenters.weights import sha256_of

OWN_TAXONOMY = "?taxonomy="
"""What stands between the folder and the taxonomy that its maps speak, where it is not the workspace's."""
COLOURS_SHOWN = 3
EVERY_COLOUR = 1 << 24
BLACK = 0
"""What unknown pixels are painted with."""


@dataclass(frozen=True, kw_only=True)
class Maps:
    """A folder of label maps; a photo's map has the photo's relative path, or else its name, with .png."""

    name: str
    license: str
    reached: tuple[str, ...]
    parameters: Mapping[str, str]
    digest: str = ""
    looks_at_px: int = 1
    outputs: tuple[str, ...] = ()
    is_many_handed: bool = False
    numerics: str = ""
    numerics_choices: tuple[str, ...] = ()
    folder: Path
    taxonomy: Taxonomy
    source: Taxonomy
    """What the ids in the maps mean."""
    palettes: tuple[Taxonomy, ...]
    """What the colours of a painted map may mean, the first one that has them all."""
    maps: Names[Path]
    instances: GivenInstances | None

    def computing(self, numerics: str) -> "Maps":
        return self

    def input_digest(self, original_name: str) -> str:
        found = self.maps.find(original_name)
        if len(found) != 1 or not found[0].is_file():
            return ""
        own = sha256_of(found[0])[:16]
        things = self.instances.digest_of(original_name) if self.instances else ""
        return hashlib.sha256(f"{own} {things}".encode()).hexdigest()[:16] if things else own

    def prepare(self, pixels: np.ndarray, original_name: str, size: tuple[int, int]) -> Labelling:
        found = self.maps.find(original_name)
        stem = without_suffix(original_name)
        if not found:
            raise PhotoError(f"has no label map in {self.folder}. Put one at {stem}.png in it")
        if len(found) > 1:
            shown = " and ".join(path.relative_to(self.folder).as_posix() for path in found[:2])
            raise PhotoError(
                f"has {len(found)} label maps in {self.folder}: {shown}. Put the right one at {stem}.png in it"
            )
        ids = _fit(found[0], self._read(found[0]), size=size)
        segments = self.instances.find(original_name, size) if self.instances else None
        return Labelling(ids=ids, confidence=1.0, segments=segments)

    def run(self, prepared: Labelling) -> Labelling:
        return prepared

    def finish(self, result: Labelling) -> Labelling:
        return result

    def _read(self, path: Path) -> np.ndarray:
        """(H, W) uint8 class ids of the workspace's taxonomy, as large as the map."""
        drawing = read_drawing(path)
        if drawing.pixels.ndim == 3:
            return self._ids_of_colours(path, _pack(drawing.pixels))
        if drawing.palette is not None and self._is_painted(drawing):
            return self._ids_of_colours(path, _pack(drawing.palette)[drawing.pixels])
        self._check_ids(path, drawing.pixels)
        return translate_ids(drawing.pixels, self.source, self.taxonomy)

    def _is_painted(self, drawing: Drawing) -> bool:
        """Whether an indexed map shows the colours of classes while its bytes are only places in its palette."""
        counts = np.bincount(drawing.pixels.ravel(), minlength=256)
        used = np.flatnonzero(counts)
        shown = _pack(drawing.palette)[used]
        means_ids = [_pack(_colours(self.source)), np.arange(256, dtype=np.uint32) * 0x010101]
        if any(np.array_equal(shown, colours[used]) for colours in means_ids):
            return False
        pixels = np.where(shown == BLACK, 0, counts[used])
        known = max(pixels[np.isin(shown, _pack(_colours(one)))].sum() for one in self.palettes)
        return known > 0 and 2 * known >= pixels.sum()

    def _ids_of_colours(self, path: Path, colours: np.ndarray) -> np.ndarray:
        """colours: (H, W) uint32, 0xrrggbb."""
        is_there = np.zeros(EVERY_COLOUR, dtype=bool)
        is_there[colours] = True
        found = np.flatnonzero(is_there)
        strangers = [found[~np.isin(found, _pack(_colours(one)))] for one in self.palettes]
        fewest = min(range(len(strangers)), key=lambda index: len(strangers[index]))
        if len(strangers[fewest]):
            raise _strange_colours(path, colours, strangers[fewest], self.palettes[fewest], self.palettes)
        painted = self.palettes[fewest]
        ids = np.full(EVERY_COLOUR, UNKNOWN, dtype=np.uint8)
        ids[_pack(_colours(painted))[: len(painted)]] = translate_classes(painted, self.taxonomy)
        return ids[colours]

    def _check_ids(self, path: Path, ids: np.ndarray) -> None:
        wrong = (ids >= len(self.source)) & (ids != UNKNOWN)
        if wrong.any():
            y, x = divmod(int(wrong.argmax()), wrong.shape[1])
            raise PhotoError(
                f"cannot be labelled: {path} has the id {ids[y, x]} at x={x}, y={y}. "
                f"The classes of {self.source.name} are 0..{len(self.source) - 1}, and {UNKNOWN} is unknown; "
                f"maps of another taxonomy are named as maps:FOLDER{OWN_TAXONOMY}NAME"
            )


def split_spec(rest: str | Path) -> tuple[Path, str]:
    """The folder, and the taxonomy that its maps speak or "", of what follows `maps:`."""
    folder, mark, taxonomy = str(rest).rpartition(OWN_TAXONOMY)
    if not mark or Path(rest).expanduser().is_dir():
        return Path(rest).expanduser(), ""
    return Path(folder).expanduser(), taxonomy


def open_maps(folder: str | Path, *, taxonomy: Taxonomy, options: Options = Options()) -> Maps:  # noqa: B008
    """The maps in a folder and the folders below it, as they are now.

    folder: may end with ?taxonomy= and the name, or the CSV file, of the taxonomy that the maps speak.

    Raises: SegmenterError when there is no such folder, no PNG in it, or no such taxonomy.
    """
    folder, own = split_spec(folder)
    if not folder.is_dir():
        raise SegmenterError(f"there is no folder of maps at {folder}. Check the path after maps:")
    try:
        source = load_taxonomy(own) if own else taxonomy
    except GauganpipeError as error:
        raise SegmenterError(f"the maps in {folder} cannot be read: {error}") from None
    reached = {id for id in translate_classes(source, taxonomy) if id != UNKNOWN}
    if not reached:
        raise SegmenterError(
            f"the maps in {folder} speak {source.name}, which has no class of {taxonomy.name}. "
            "Name the right taxonomy, or say in its column also what its classes are called elsewhere"
        )
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".png" and path.is_file()]
    if not paths:
        raise SegmenterError(f"{folder} holds no PNG. A map is a PNG of class ids or colours, named like its photo")
    palettes = tuple(dict.fromkeys((source, taxonomy, load_taxonomy("cocostuff"))))
    said = "".join(one.digest for one in palettes).encode() + b"".join(one.palette for one in palettes)
    return Maps(
        name=f"maps:{folder.resolve().name}",
        license="unknown",
        reached=tuple(taxonomy.names[id] for id in sorted(reached)),
        parameters={"palettes": hashlib.sha256(said).hexdigest()[:16]},
        folder=folder,
        taxonomy=taxonomy,
        source=source,
        palettes=palettes,
        maps=Names.of((path.relative_to(folder).as_posix(), path) for path in paths),
        instances=open_instances(options.instances) if options.instances else None,
    )


def _strange_colours(
    path: Path, colours: np.ndarray, strangers: np.ndarray, nearest: Taxonomy, palettes: tuple[Taxonomy, ...]
) -> PhotoError:
    """Names the colours that the nearest taxonomy does not have, the most frequent first."""
    is_strange = np.zeros(EVERY_COLOUR, dtype=bool)
    is_strange[strangers] = True
    found, counts = np.unique(colours[is_strange[colours]], return_counts=True)
    shown = found[np.argsort(-counts, kind="stable")][:COLOURS_SHOWN]
    y, x = divmod(int((colours == shown[0]).argmax()), colours.shape[1])
    listed = ", ".join(f"#{colour:06x}" for colour in shown)
    known = " or ".join(one.name for one in palettes)
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    return PhotoError(
        f"cannot be labelled: {path} is painted with {listed}{more}, the first at x={x}, y={y}, "
        f"which {nearest.name} does not have. A map has exactly the colours of {known}; an anti-aliased one, "
        "or one that was a JPEG, cannot be read. gauganpipe classes lists the colours"
    )


def _colours(taxonomy: Taxonomy) -> np.ndarray:
    """(256, 3) uint8 RGB, black where there is no class."""
    return np.frombuffer(taxonomy.palette, dtype=np.uint8).reshape(256, 3)


def _pack(pixels: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 RGB -> (...) uint32, 0xrrggbb."""
    red, green, blue = (pixels[..., channel].astype(np.uint32) for channel in range(3))
    return red << 16 | green << 8 | blue


def _fit(path: Path, ids: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """The map at the photo's size: as it is, or shrunk as the photo was when it came in."""
    try:
        return fit(ids, size=size, where=str(path))
    except PhotoError:
        raise PhotoError(
            f"cannot be labelled: {path} is {ids.shape[1]}x{ids.shape[0]}, the photo is {size[1]}x{size[0]}, upright. "
            "Make the map at that size, or at the photo's own size before it was shrunk"
        ) from None
