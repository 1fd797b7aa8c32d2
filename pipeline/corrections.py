"""A person's word about a label map: found right, turned down, or painted anew; the machine's map stays beside it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pipeline import images
from pipeline.classes import UNKNOWN, Taxonomy
from pipeline.errors import PhotoError
from pipeline.manifest import About
from pipeline.preferences import kept, rules_of
from pipeline.rows import FAILED, OK, REJECTED, Row, digest
from pipeline.rules import find_verdict
from pipeline.segmenters.segmenter import Labelling
from pipeline.stages import label
from pipeline.stages.edges import Edges
from pipeline.workspace import Workspace, write_atomically

MACHINE_LABELS = "machine_labels"
"""Kind of the file that holds a label map as a segmenter made it, where a person has changed it."""
BY_HAND = "by-hand"
"""What made a label map that no segmenter has made."""
PAINTED, MACHINE_LABEL = "painted", "machine_label"
"""What a row's digests call the label map that a person has painted, and the machine's beside it."""
CUT_OFF = "the painting of its label map was cut off. Go on with it: gauganpipe serve --review"
"""What a row says while its label map is replaced, and after a crash in that moment."""


def accepted(row: Row, about: About) -> Row:
    """The row with its label map found right. A photo that a rule turns down is kept: the person has seen it."""
    row = replace(row, label_reviewed="yes", keep="" if row.keep == "no" else row.keep)
    if row.status == REJECTED or (row.status == OK and row.keep != "yes" and _breaks_a_rule(row, about)):
        return replace(row, keep="yes", status=OK, stage="", rule="", rule_value=None)
    return row


def turned_down(row: Row) -> Row:
    """The row with its photo kept out of the data set; its files stay."""
    return replace(row, keep="no")


def corrected(
    workspace: Workspace,
    row: Row,
    ids: np.ndarray,
    about: About,
    *,
    meanwhile: Callable[[Row], None] = lambda row: None,
) -> Row:
    """The row with a label map that a person has painted, accepted; instances and edges are made again at once.

    What the machine had made is kept as MACHINE_LABELS. A map that is the same pixel for pixel is accepted as it is.
    ids: (H, W) uint8, classes of the workspace, 255 unknown.    meanwhile: records the row as it stands while files are
    replaced: no stage takes it up then, and `finished` goes on with it should this be the end of the process.

    Raises: PhotoError when the map is not of the photo's size, or holds what is no class.
    """
    taxonomy = about.as_taxonomy()
    demand_fitting(row, ids, taxonomy)
    if is_same(workspace, row, ids):
        return accepted(row, about)
    # The things that a segmenter told apart still tell them apart where the map shows things.
    beside = {kind: row.digests[kind] for kind in ("segments",) if kind in row.digests}
    beside |= _keep_machine_labels(workspace, row)
    meanwhile(replace(row, status=FAILED, stage=row.stage if row.rule else label.NAME, error=CUT_OFF))
    row = label.keep_labels(
        workspace,
        taxonomy,
        row,
        Labelling(ids=ids, confidence=1.0 if row.label_confidence is None else row.label_confidence),
        key=row.keys.get(label.NAME) or BY_HAND,
        model=row.label_model or BY_HAND,
    )
    beside[PAINTED] = row.digests["label"]
    row = accepted(replace(row, digests={**row.digests, **beside}), about)
    stage = Edges(workspace=workspace, taxonomy=taxonomy)
    try:
        return stage.write(row, stage.read(row))
    except PhotoError as error:
        return stage.fail(row, error)


def finished(workspace: Workspace, row: Row, about: About) -> Row:
    """A row that says CUT_OFF with its painting gone on with; as it was before, if its map had not been replaced yet.

    Raises: PhotoError when the label map is gone or damaged.
    """
    ids = images.read_labels(workspace.resolve(row.label_file_name))
    row = replace(row, status=REJECTED if row.rule else OK, stage=row.stage if row.rule else "", error="")
    return row if is_same(workspace, row, ids) else corrected(workspace, row, ids, about)


def has_machine_labels(row: Row) -> bool:
    """Whether the label map is one that a person has painted, and the machine's own, another one, is kept beside it."""
    made = row.digests.get("label", "")
    return _is_painted(row) and row.digests.get(MACHINE_LABEL, made) != made


def demand_fitting(row: Row, ids: np.ndarray, taxonomy: Taxonomy) -> None:
    """Raises: PhotoError when the map is not of the photo's size, or holds what is no class."""
    height, width = ids.shape
    if (width, height) != (row.width, row.height):
        raise PhotoError(
            f"{row.original_name} is {row.width}x{row.height}, the map painted for it {width}x{height}. "
            "Make it as large as the photo"
        )
    wrong = (ids >= len(taxonomy)) & (ids != UNKNOWN)
    if wrong.any():
        y, x = divmod(int(wrong.argmax()), width)
        raise PhotoError(
            f"the map painted for {row.original_name} has the id {ids[y, x]} at x={x}, y={y}. "
            f"The classes of {taxonomy.name} are 0..{len(taxonomy) - 1}, and {UNKNOWN} is unknown"
        )


def is_same(workspace: Workspace, row: Row, ids: np.ndarray) -> bool:
    """Whether the row's label map is this one, pixel for pixel, and the very file that the row speaks of."""
    if not row.label_file_name:
        return False
    path = workspace.resolve(row.label_file_name)
    try:
        is_told_of = row.digests.get("label") in (None, digest(path.read_bytes()))
        return is_told_of and np.array_equal(images.read_labels(path), ids)
    except (PhotoError, OSError):
        return False


def _breaks_a_rule(row: Row, about: About) -> bool:
    is_judged = bool(row.file_name) and not kept(about).keep_all
    return is_judged and find_verdict(row, about.as_taxonomy(), rules=rules_of(about)) is not None


def _is_painted(row: Row) -> bool:
    return PAINTED in row.digests and row.digests[PAINTED] == row.digests.get("label")


def _keep_machine_labels(workspace: Workspace, row: Row) -> dict[str, str]:
    """Copies the label map aside where it is the machine's, which a person's own is not. Returns the copy's digest."""
    if not row.label_file_name or _is_painted(row):
        return {}
    path, aside = workspace.resolve(row.label_file_name), workspace.made(MACHINE_LABELS, row.id)
    if not path.is_file():
        return {}
    data = path.read_bytes()
    if digest(data) != row.digests.get("label") and aside.is_file():
        # The file is not what the row speaks of: that was put aside by a painting that was cut off then.
        return {MACHINE_LABEL: digest(aside.read_bytes())}
    write_atomically(aside, data)
    return {MACHINE_LABEL: digest(data)}
