"""Candidates of a source -> photos and rows; then groups and splits of the whole table."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from pipeline import curate, images
from pipeline.classes import Taxonomy, load_taxonomy, translate_ids
from pipeline.errors import PhotoError
from pipeline.manifest import Manifest
from pipeline.measures import measure
from pipeline.rows import FAILED, GIVEN, REJECTED, Row, digest, plain, stage_key
from pipeline.rules import MIN_SIDE
from pipeline.segmenters.segmenter import Labelling
from pipeline.sources.candidate import Candidate
from pipeline.stages.label import NAME as LABEL
from pipeline.stages.label import keep_labels
from pipeline.workspace import Workspace, write_atomically

MIN_SIDE_PX = int(MIN_SIDE.least)
"""Default of the smallest shorter side of a photo."""
MAX_SIDE_PX = 2048
"""Default of the longest side that a photo is kept at."""

_SOURCE_CELLS = (
    *("source", "source_url", "source_page", "title", "creator"),
    *("creator_url", "license", "license_url", "redistributable"),
)


@dataclass(frozen=True, kw_only=True)
class Bytes:
    """What a candidate turned out to be: id of its bytes, and the bytes, or None where the row needs nothing."""

    id: str
    name: str
    data: bytes | None


@dataclass(kw_only=True)
class Ingest:
    """The stage in which rows begin: keeps a candidate's photo, normalised, and says what it is.

    known: the rows that are there. The same bytes under two names are one row; the names that bytes were found under
    are collected in `other_names` (id -> names) until `settle` adds those to the row that are not its original_name.
    keep_all: photos are kept however small they are.
    """

    name = "ingest"

    workspace: Workspace
    taxonomy: Taxonomy
    known: Mapping[str, Row]
    min_side_px: int = MIN_SIDE_PX
    max_side_px: int = MAX_SIDE_PX
    keep_all: bool = False
    other_names: dict[str, set[str]] = field(default_factory=dict)
    duplicates: int = 0
    """Candidates whose bytes came under another name before."""

    def __post_init__(self) -> None:
        self._key = stage_key(self.name, 2, max_side_px=self.max_side_px)
        self._ordinal = 1 + max((row.added or 0 for row in self.known.values() if row.group), default=0)
        self._by_name = {(row.source, row.original_name): row for row in self.known.values()}

    def read(self, candidate: Candidate) -> Bytes:
        name = plain(candidate.name)
        row = self._by_name.get((candidate.source, name))
        if candidate.fixed and row is not None:
            return Bytes(id=row.id, name=name, data=None if self._is_done(row) else candidate.read())
        data = candidate.read()
        return Bytes(id="g" + digest(data), name=name, data=data)

    def compute(self, work: list[Bytes]) -> list[Bytes]:
        """In the order of the source, so that the first name of the same bytes is the row's."""
        return [self._deduplicated(found) for found in work]

    def write(self, candidate: Candidate, found: Bytes) -> Row | None:
        if found.data is None:
            return None
        row = self._row(candidate, found.id, sha256=hashlib.sha256(found.data).hexdigest())
        try:
            photo = images.decode_photo(found.data, max_side_px=self.max_side_px)
            height, width = photo.pixels.shape[:2]
            if self._is_too_small(row, min(height, width)):
                return row.rejected(self.name, self._key, MIN_SIDE.name, min(height, width))
            return self._kept(row, candidate, photo)
        except PhotoError as error:
            return row.failed(self.name, self._key, f"{found.name} {error}")

    def fail(self, candidate: Candidate, error: str) -> Row:
        """A candidate whose bytes nobody has seen is known by its name."""
        name = plain(candidate.name)
        id = "g" + digest(f"unread {candidate.source} {name}".encode())
        return self._row(candidate, id, sha256="").failed(self.name, self._key, f"{name} {error}")

    def _deduplicated(self, found: Bytes) -> Bytes:
        row = self.known.get(found.id)
        is_duplicate = bool(self.other_names.get(found.id, set()) - {found.name})
        self.duplicates += is_duplicate
        if is_duplicate or found.id in self.other_names or (row is not None and self._is_done(row)):
            found = replace(found, data=None)
        self.other_names.setdefault(found.id, set()).add(found.name)
        return found

    def _is_done(self, row: Row) -> bool:
        if row.keys.get(self.name) != self._key or not self._is_size_settled(row):
            return False
        if row.keys.get(LABEL) == GIVEN and not self.workspace.holds("labels", row.id):
            return False
        return not row.file_name or self.workspace.holds("images", row.id)

    def _is_size_settled(self, row: Row) -> bool:
        """Whether the smallest side and the user's word would decide of the row what was decided."""
        is_rejected = row.status == REJECTED and row.rule == MIN_SIDE.name
        sides = (row.rule_value,) if is_rejected else (row.width, row.height)
        return None in sides or is_rejected == self._is_too_small(row, min(sides))

    def _is_too_small(self, row: Row, shorter_side_px: float) -> bool:
        return shorter_side_px < self.min_side_px and row.keep != "yes" and not self.keep_all

    def _row(self, candidate: Candidate, id: str, *, sha256: str) -> Row:
        cells = {name: plain(getattr(candidate, name)) for name in _SOURCE_CELLS}
        new = Row(id=id, original_name=plain(candidate.name), added=self._ordinal, **cells)
        return replace(self.known.get(id, new), sha256=sha256)

    def _kept(self, row: Row, candidate: Candidate, photo: images.Photo) -> Row:
        path, data = self.workspace.made("images", row.id), images.encode_photo(photo.pixels)
        write_atomically(path, data)
        height, width = photo.pixels.shape[:2]
        dhash, dhash_mirror = images.dhash(photo.pixels)
        row = row.done(
            self.name,
            self._key,
            file_name=self.workspace.relative(path),
            width=width,
            height=height,
            captured_at=photo.captured_at,
            dhash=dhash,
            dhash_mirror=dhash_mirror,
            **asdict(measure(photo.pixels)),
            changes=plain("; ".join(photo.changes)),
            added=row.added if row.group else self._ordinal,
            digests={"image": digest(data)},
        )
        if candidate.read_labels is None:
            return row
        ids = candidate.read_labels()
        if ids.shape != (height, width):
            sizes = f"{ids.shape[1]}x{ids.shape[0]}, its photo is {width}x{height}"
            raise PhotoError(f"comes with a label map of another size: {sizes}")
        labelling = Labelling(ids=translate_ids(ids, load_taxonomy(), self.taxonomy), confidence=1.0)
        return keep_labels(self.workspace, self.taxonomy, row, labelling, key=GIVEN, model=candidate.source)


def settle(manifest: Manifest, other_names: Mapping[str, set[str]]) -> list[Row]:
    """Gives new photos their group and split, adds other names to their rows, and forgets failures that were mended.

    other_names: id -> the names that its bytes were found under by the walk before.
    Returns: the rows that moved to another split because a new photo joined two groups.
    """
    for row in list(manifest.rows.values()):
        names = tuple(sorted({*row.other_names, *other_names.get(row.id, ())} - {row.original_name}))
        if names != row.other_names:
            manifest.record(replace(row, other_names=names))
    bytes_of = {name: id for id, names in other_names.items() for name in names}
    for row in list(manifest.rows.values()):
        names = (row.original_name, *row.other_names)
        is_failed = row.status == FAILED and row.stage == Ingest.name and not row.file_name
        if is_failed and all(bytes_of.get(name, row.id) != row.id for name in names):
            manifest.drop(row.id)
    moved = []
    for row in curate.settle(manifest.rows.values(), seed=manifest.about.seed):
        before = manifest.rows[row.id].split
        if before and before != row.split:
            moved.append(row)
        manifest.record(row)
    return moved
