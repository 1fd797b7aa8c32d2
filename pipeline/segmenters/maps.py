"""Label maps that the user already has, one PNG a photo, as a segmenter."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.classes import UNKNOWN, Taxonomy, load_taxonomy, translate_classes
from pipeline.drawings import Meaning
from pipeline.errors import GauganpipeError, PhotoError, SegmenterError
from pipeline.images import read_drawing
from pipeline.segmenters.given_instances import GivenInstances, Names, fit, open_instances, without_suffix
from pipeline.segmenters.segmenter import Labelling, Options
from pipeline.segmenters.weights import sha256_of

OWN_TAXONOMY = "?taxonomy="
"""What stands between the folder and the taxonomy that its maps speak, where it is not the workspace's."""


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
        meaning = Meaning(target=self.taxonomy, source=self.source, palettes=self.palettes)
        try:
            return meaning.read(drawing, hint=f"; maps of another taxonomy are named as maps:FOLDER{OWN_TAXONOMY}NAME")
        except PhotoError as error:
            raise PhotoError(f"cannot be labelled: {path} {error}") from None


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


def _fit(path: Path, ids: np.ndarray, *, size: tuple[int, int]) -> np.ndarray:
    """The map at the photo's size: as it is, or shrunk as the photo was when it came in."""
    try:
        return fit(ids, size=size, where=str(path))
    except PhotoError:
        raise PhotoError(
            f"cannot be labelled: {path} is {ids.shape[1]}x{ids.shape[0]}, the photo is {size[1]}x{size[0]}, upright. "
            "Make the map at that size, or at the photo's own size before it was shrunk"
        ) from None
