"""Candidates of a source -> photos and rows; then groups and splits of the whole table."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace

from pipeline import curate, images, splits
from pipeline.causes import passes
from pipeline.classes import Taxonomy, load_taxonomy, translate_ids
from pipeline.errors import PhotoError
from pipeline.manifest import Manifest
from pipeline.measures import measure
from pipeline.rows import FAILED, GIVEN, OK, REJECTED, Row, digest, plain, stage_key
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
STAND_IN_NAMES = 5
"""The same bytes under so many addresses are no photo, but the picture that a server shows instead of lost ones."""

_SOURCE_CELLS = (
    *("source", "source_url", "source_page", "title", "creator"),
    *("creator_url", "license", "license_url", "redistributable", "retrieved_at"),
)


@dataclass(frozen=True, kw_only=True)
class Bytes:
    """What a candidate turned out to be: id of its bytes, and the bytes, or None where the row needs nothing."""

    candidate: Candidate
    id: str
    data: bytes | None

    @property
    def name(self) -> str:
        return plain(self.candidate.name)


@dataclass(kw_only=True)
class Ingest:
    """The stage in which rows begin: keeps a candidate's photo, normalised, and says what it is.

    known: the rows that are there. The same bytes under two names are one row; the names that bytes were found under
    are collected in `other_names` (id -> names) until `settle` adds those to the row that are not its original_name,
    and in `firsts` (id -> candidate) the first of them in the alphabet, after which `settle` names a new row.
    keep_all: photos are kept however small they are.
    tries: causes for which a photo could not be had, and that do not pass, which are tried again all the same.
    """

    name = "ingest"

    workspace: Workspace
    taxonomy: Taxonomy
    known: Mapping[str, Row]
    min_side_px: int = MIN_SIDE_PX
    max_side_px: int = MAX_SIDE_PX
    keep_all: bool = False
    tries: Collection[str] = ()
    other_names: dict[str, set[str]] = field(default_factory=dict)
    firsts: dict[str, Candidate] = field(default_factory=dict)
    duplicates: int = 0
    """Candidates whose bytes came under another name before."""

    def __post_init__(self) -> None:
        self._key = stage_key(self.name, 3, max_side_px=self.max_side_px)
        self._ordinal = 1 + max((row.added or 0 for row in self.known.values() if row.group), default=0)
        self._by_name = {(row.source, row.original_name): row for row in self.known.values()}
        # Another source may have shown the same bytes first.
        self._by_other_name = {name: row for row in self.known.values() for name in row.other_names}

    def needs(self, candidate: Candidate) -> bool:
        """Whether the bytes of a candidate are wanted: nothing that is known of its name makes them superfluous."""
        row = self._row_of(candidate)
        if row is None or not candidate.fixed:
            return True
        if _is_unread(row):
            return row.cause in self.tries or passes(row.cause)
        return not self._is_done(row)

    def is_new(self, candidate: Candidate) -> bool:
        """Whether there is no row for a candidate of this name."""
        return self._row_of(candidate) is None and plain(candidate.name) not in self._by_other_name

    def read(self, candidate: Candidate) -> Bytes:
        row = self._row_of(candidate)
        if row is not None and not self.needs(candidate):
            return Bytes(candidate=candidate, id=row.id, data=None)
        if candidate.read is None:
            raise PhotoError("was not fetched", cause="unreachable")
        data = candidate.read()
        return Bytes(candidate=candidate, id="g" + digest(data), data=data)

    def compute(self, work: list[Bytes]) -> list[Bytes]:
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

    def fail(self, candidate: Candidate, error: PhotoError) -> Row:
        """A candidate whose bytes nobody has seen is known by its name."""
        name = plain(candidate.name)
        id = "g" + digest(f"unread {candidate.source} {name}".encode())
        return self._row(candidate, id, sha256="").failed(self.name, self._key, f"{name} {error}", cause=error.cause)

    def _row_of(self, candidate: Candidate) -> Row | None:
        name = plain(candidate.name)
        row = self._by_name.get((candidate.source, name))
        return self._by_other_name.get(name) if row is None and candidate.fixed else row

    def _deduplicated(self, found: Bytes) -> Bytes:
        row = self.known.get(found.id)
        is_duplicate = bool(self.other_names.get(found.id, set()) - {found.name})
        self.duplicates += is_duplicate
        if is_duplicate or found.id in self.other_names or (row is not None and self._is_done(row)):
            found = replace(found, data=None)
        self.other_names.setdefault(found.id, set()).add(found.name)
        # Without what reads it, which holds on to far more than the words that are needed later.
        seen = replace(found.candidate, read=None, read_labels=None)
        self.firsts[found.id] = min(self.firsts.get(found.id, seen), seen, key=lambda one: one.name)
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
        new = Row(id=id, added=self._ordinal, **_cells_of(candidate))
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
            camera=plain(photo.camera),
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


def settle(manifest: Manifest, walked: Ingest) -> list[Row]:
    """Gives new photos their group and split, adds other names to their rows, and forgets failures that were mended.

    A photo that came under many addresses fails: it stands in for others that are gone.

    walked: the stage after its walk over the candidates of one source.
    Returns: the rows that moved to another split because a new photo joined two groups.
    """
    for row in list(manifest.rows.values()):
        named = _named_after(walked.firsts[row.id], row) if row.id in walked.firsts and not row.group else row
        known = {row.original_name, *row.other_names, *walked.other_names.get(row.id, ())}
        named = replace(named, other_names=tuple(sorted(known - {named.original_name})))
        named = _judged_for_standing_in(named)
        if named != row:
            manifest.record(named)
    bytes_of = {
        (walked.firsts[id].source, name): id
        for id, names in walked.other_names.items()
        if id in walked.firsts
        for name in names
    }
    for row in list(manifest.rows.values()):
        names = (row.original_name, *row.other_names)
        is_failed = row.status == FAILED and row.stage == Ingest.name and not row.file_name
        if is_failed and all(bytes_of.get((row.source, name), row.id) != row.id for name in names):
            manifest.drop(row.id)
    moved = []
    for row in curate.settle(manifest.rows.values(), seed=manifest.about.seed, splits=splits.kept(manifest.about)):
        before = manifest.rows[row.id].split
        if before and before != row.split:
            moved.append(row)
        manifest.record(row)
    return moved


def _cells_of(candidate: Candidate) -> dict[str, str]:
    cells = {name: plain(getattr(candidate, name)) for name in _SOURCE_CELLS}
    return {"original_name": plain(candidate.name), **cells}


def _named_after(first: Candidate, row: Row) -> Row:
    """A new row as the first candidate with its bytes would have made it, whichever came first."""
    if plain(first.name) >= row.original_name:
        return row
    cells = _cells_of(first)
    return replace(row, **cells, error=row.error.replace(row.original_name, cells["original_name"], 1))


def _is_unread(row: Row) -> bool:
    """Whether nobody has seen the bytes of a row: it only tells why they could not be had."""
    return row.status == FAILED and row.stage == Ingest.name and not row.sha256


def _judged_for_standing_in(row: Row) -> Row:
    """The row: failed if its photo seems to stand in for lost ones, well again if the user says that it does not."""
    names = len(row.other_names) + 1
    stands_in = bool(row.retrieved_at) and names >= STAND_IN_NAMES and row.keep != "yes"
    if stands_in and row.cause != "placeholder":
        error = (
            f"{row.original_name} came under {names} addresses: probably a picture that is shown in the place of "
            "photos that are gone. If it is one itself, write keep = yes into its row"
        )
        return row.failed(Ingest.name, row.keys.get(Ingest.name, ""), error, cause="placeholder")
    if row.cause == "placeholder" and not stands_in:
        return replace(row, status=OK, stage="", error="", cause="")
    return row
