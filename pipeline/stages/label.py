"""The stage that gives a photo its label map."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline import images
from pipeline.classes import Taxonomy
from pipeline.errors import PhotoError
from pipeline.layout import doubts
from pipeline.rows import Row, digest, plain, stage_key
from pipeline.segmenters.segmenter import Labelling, Segmenter
from pipeline.workspace import Workspace, write_atomically

NAME = "label"
NEEDS = ("file_name",)
MAKES = ("label_file_name",)


@dataclass(frozen=True, kw_only=True)
class Label:
    """Asks a segmenter for the class of every pixel.

    segmenter: None where it is not here yet, and the stage only tells which maps are settled.
    keep: what is written beside the label maps where the segmenter gives it: confidences, raw_labels.
    """

    name = NAME
    needs = NEEDS
    makes = MAKES

    workspace: Workspace
    taxonomy: Taxonomy
    segmenter: Segmenter | None
    keep: tuple[str, ...] = ()

    def key(self, row: Row) -> str:
        return stage_key(
            NAME,
            2,
            taxonomy=self.taxonomy.digest,
            photo=row.digests.get("image", ""),
            segmenter=self.segmenter.name,
            weights=self.segmenter.digest,
            map=self.segmenter.input_digest(row.original_name),
            parameters=sorted(self.segmenter.parameters.items()),
        )

    def is_there(self, row: Row) -> bool:
        kinds = ("labels", *self.keep, *(["segments"] if row.digests.get("segments") else []))
        return all(self.workspace.holds(kind, row.id) for kind in kinds)

    def is_settled(self, row: Row) -> bool:
        """Whether a person has looked at the label map; to have it made again, they empty the cell."""
        is_said = row.label_reviewed == "yes" and bool(row.label_file_name)
        return is_said and self.workspace.resolve(row.label_file_name).is_file()

    def read(self, row: Row) -> Any:
        path = self.workspace.resolve(row.file_name)
        pixels, size = images.read_photo_for(path, self.segmenter.looks_at_px)
        return self.segmenter.prepare(pixels, row.original_name, size)

    def compute(self, work: list[Any]) -> list[Any]:
        return work if self.segmenter.is_many_handed else [self.segmenter.run(prepared) for prepared in work]

    def write(self, row: Row, result: Any) -> Row:
        labelling = self.segmenter.finish(self.segmenter.run(result) if self.segmenter.is_many_handed else result)
        for kind, values in (("confidences", labelling.confidences), ("raw_labels", labelling.raw)):
            if values is not None:
                write_atomically(self.workspace.made(kind, row.id), images.encode_grey(values))
        row = replace(row, label_reviewed="")
        return keep_labels(self.workspace, self.taxonomy, row, labelling, key=self.key(row), model=self.segmenter.name)

    def fail(self, row: Row, error: PhotoError) -> Row:
        return row.failed(NAME, self.key(row), f"{row.original_name} {error}")


def keep_labels(
    workspace: Workspace, taxonomy: Taxonomy, row: Row, labelling: Labelling, *, key: str, model: str
) -> Row:
    """Writes a label map, and the things in it that were told apart, and gives the row that says so.

    key: the stage's key of the row.    model: what made the map.
    """
    path, data = workspace.made("labels", row.id), images.encode_labels(labelling.ids, taxonomy.palette)
    digests = {"label": digest(data), "segments": ""}
    if labelling.segments is not None:
        segments = images.encode_instances(labelling.segments)
        write_atomically(workspace.made("segments", row.id), segments)
        digests["segments"] = digest(segments)
    write_atomically(path, data)
    shares = shares_of(labelling.ids, taxonomy)
    return row.done(
        NAME,
        key,
        label_file_name=workspace.relative(path),
        label_model=plain(model),
        label_confidence=round(labelling.confidence, 4),
        label_unknown=max(0.0, round(1 - sum(shares.values()), 4)),
        flags=" ".join(doubts(labelling.ids, taxonomy)),
        shares=shares,
        digests=digests,
    )


def shares_of(ids: np.ndarray, taxonomy: Taxonomy) -> dict[str, float]:
    """Class -> its share of the pixels, 0 to 1, of those that are there.    ids: (H, W) uint8."""
    pixels = np.bincount(ids.ravel(), minlength=256) / ids.size
    return {name: float(pixels[id]) for id, name in enumerate(taxonomy.names) if pixels[id]}
