"""The stage that gives a photo its label map."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline import images
from pipeline.classes import Taxonomy
from pipeline.rows import Row, digest, plain, stage_key
from pipeline.segmenters.segmenter import Segmenter
from pipeline.workspace import Workspace, write_atomically

NAME = "label"
NEEDS = ("file_name",)
MAKES = ("label_file_name",)


@dataclass(frozen=True, kw_only=True)
class Label:
    """Asks a segmenter for the class of every pixel."""

    name = NAME
    needs = NEEDS
    makes = MAKES

    workspace: Workspace
    taxonomy: Taxonomy
    segmenter: Segmenter

    def key(self, row: Row) -> str:
        if row.label_reviewed == "yes":
            return row.keys.get(NAME, "")  # a person's work is only made again when asked for
        return stage_key(
            NAME,
            1,
            taxonomy=self.taxonomy.name,
            photo=row.digests.get("image", ""),
            segmenter=self.segmenter.name,
            weights=self.segmenter.digest,
            map=self.segmenter.input_digest(row.original_name),
        )

    def is_there(self, row: Row) -> bool:
        return self.workspace.holds("labels", row.id)

    def read(self, row: Row) -> Any:
        return self.segmenter.prepare(images.read_photo(self.workspace.resolve(row.file_name)), row.original_name)

    def compute(self, work: list[Any]) -> list[Any]:
        return [self.segmenter.run(prepared) for prepared in work]

    def write(self, row: Row, result: Any) -> Row:
        labelling = self.segmenter.finish(result)
        row = replace(row, label_reviewed="", flags="")
        said = {"key": self.key(row), "model": self.segmenter.name, "confidence": labelling.confidence}
        return keep_labels(self.workspace, self.taxonomy, row, labelling.ids, **said)

    def fail(self, row: Row, error: str) -> Row:
        return row.failed(NAME, self.key(row), f"{row.original_name} {error}")


def keep_labels(
    workspace: Workspace, taxonomy: Taxonomy, row: Row, ids: np.ndarray, *, key: str, model: str, confidence: float
) -> Row:
    """Writes a label map and gives the row that says so.

    ids: (H, W) uint8, class id per pixel, 255 unknown. key: the stage's key of the row. confidence: 0 to 1.
    """
    path, data = workspace.made("labels", row.id), images.encode_labels(ids, taxonomy.palette)
    write_atomically(path, data)
    pixels = np.bincount(ids.ravel(), minlength=256) / ids.size
    shares = {name: float(pixels[id]) for id, name in enumerate(taxonomy.names) if pixels[id]}
    return row.done(
        NAME,
        key,
        label_file_name=workspace.relative(path),
        label_model=plain(model),
        label_confidence=round(confidence, 4),
        label_unknown=round(1 - sum(shares.values()), 4),
        shares=shares,
        digests={"label": digest(data)},
    )
