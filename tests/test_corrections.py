"""What a person says of a label map: it is written into the row, and the machine's own map is not lost."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline import images
from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.corrections import (
    CUT_OFF,
    MACHINE_LABELS,
    accepted,
    corrected,
    finished,
    has_machine_labels,
    is_same,
    turned_down,
)
from pipeline.engine import pending
from pipeline.errors import PhotoError
from pipeline.instances import find_edges
from pipeline.manifest import About
from pipeline.rows import FAILED, OK, REJECTED, Row, digest
from pipeline.segmenters.segmenter import Labelling
from pipeline.stages.edges import Edges
from pipeline.stages.label import keep_labels
from pipeline.workspace import Workspace, write_atomically

LANDSCAPE = load_taxonomy()
SKY, SEA = LANDSCAPE.id_of("sky"), LANDSCAPE.id_of("sea")
TREE = LANDSCAPE.id_of("tree")
ABOUT = About()


@pytest.fixture
def labelled(workspace, photo_of) -> Row:
    """A row of 102 x 96 pixels with a label map of sky above sea, and its edges."""
    data = images.encode_photo(photo_of(0))
    path = workspace.made("images", "ga")
    write_atomically(path, data)
    cells = {"file_name": workspace.relative(path), "width": 102, "height": 96, "digests": {"image": digest(data)}}
    row = Row(id="ga", original_name="lake.jpg", status=OK, split="train", **cells)
    ids = np.full((96, 102), SKY, np.uint8)
    ids[48:] = SEA
    row = keep_labels(workspace, LANDSCAPE, row, Labelling(ids=ids, confidence=0.7), key="k", model="embedded")
    return with_edges(workspace, row)


def with_edges(workspace: Workspace, row: Row) -> Row:
    stage = Edges(workspace=workspace, taxonomy=LANDSCAPE)
    return stage.write(row, stage.read(row))


def painted(workspace: Workspace, row: Row) -> np.ndarray:
    """The row's map with trees at the left."""
    ids = images.read_labels(workspace.resolve(row.label_file_name)).copy()
    ids[:, :40] = TREE
    return ids


# Accepted and turned down


def test_accepting_says_that_a_person_has_looked(labelled):
    assert accepted(labelled, ABOUT) == replace(labelled, label_reviewed="yes")


def test_turning_down_says_no_and_keeps_the_files(labelled):
    assert turned_down(labelled) == replace(labelled, keep="no")


def test_accepting_takes_a_turning_down_back(labelled):
    assert accepted(turned_down(labelled), ABOUT) == accepted(labelled, ABOUT)


def test_accepting_what_a_rule_has_rejected_keeps_the_photo(labelled):
    row = accepted(labelled.rejected("label", "k", "unknown", 0.4), ABOUT)

    assert (row.keep, row.status, row.rule, row.rule_value) == ("yes", OK, "", None)


def test_accepting_what_a_rule_would_reject_keeps_the_photo(labelled):
    row = accepted(replace(labelled, label_confidence=0.1), ABOUT)

    assert (row.keep, row.label_reviewed) == ("yes", "yes")


def test_accepting_does_not_mend_what_failed(labelled):
    row = accepted(labelled.failed("edges", "k", "lake.jpg has too many segments"), ABOUT)

    assert (row.status, row.label_reviewed) == (FAILED, "yes")


# Painted


def test_a_painted_map_is_the_label_map_of_the_row(workspace, labelled):
    ids = painted(workspace, labelled)

    row = corrected(workspace, labelled, ids, ABOUT)

    assert np.array_equal(images.read_labels(workspace.resolve(row.label_file_name)), ids)
    assert row.digests["label"] == digest(workspace.made("labels", "ga").read_bytes())
    assert row.label_reviewed == "yes"
    assert row.shares == pytest.approx({"sky": 0.5 * 62 / 102, "sea": 0.5 * 62 / 102, "tree": 40 / 102})


def test_the_machines_map_is_kept_beside_it(workspace, labelled):
    before = workspace.made("labels", "ga").read_bytes()

    row = corrected(workspace, labelled, painted(workspace, labelled), ABOUT)

    assert workspace.made(MACHINE_LABELS, "ga").read_bytes() == before
    assert row.digests["machine_label"] == digest(before)


def test_a_second_painting_does_not_take_the_first_for_the_machines(workspace, labelled):
    before = workspace.made("labels", "ga").read_bytes()
    row = corrected(workspace, labelled, painted(workspace, labelled), ABOUT)

    corrected(workspace, row, np.full((96, 102), TREE, np.uint8), ABOUT)

    assert workspace.made(MACHINE_LABELS, "ga").read_bytes() == before


def test_a_map_that_a_machine_has_made_since_is_the_machines(workspace, labelled):
    row = corrected(workspace, labelled, painted(workspace, labelled), ABOUT)
    again = Labelling(ids=np.full((96, 102), SEA, np.uint8), confidence=0.9)
    row = keep_labels(workspace, LANDSCAPE, replace(row, label_reviewed=""), again, key="l", model="embedded")

    corrected(workspace, row, painted(workspace, row), ABOUT)

    assert set(np.unique(images.read_labels(workspace.made(MACHINE_LABELS, "ga")))) == {SEA}


def test_a_map_that_a_person_has_painted_has_the_machines_beside_it(workspace, labelled):
    row = corrected(workspace, labelled, painted(workspace, labelled), ABOUT)

    assert has_machine_labels(row)
    assert not has_machine_labels(labelled)


def test_a_map_that_a_machine_has_made_since_was_painted_by_nobody(workspace, labelled):
    row = corrected(workspace, labelled, painted(workspace, labelled), ABOUT)
    again = Labelling(ids=np.full((96, 102), SEA, np.uint8), confidence=0.9)
    row = keep_labels(workspace, LANDSCAPE, replace(row, label_reviewed=""), again, key="l", model="embedded")

    assert not has_machine_labels(row)
    assert not has_machine_labels(accepted(row, ABOUT))


def test_painted_back_to_the_machines_map_it_is_the_machines(workspace, labelled):
    before = images.read_labels(workspace.made("labels", "ga"))
    row = corrected(workspace, labelled, painted(workspace, labelled), ABOUT)

    assert not has_machine_labels(corrected(workspace, row, before, ABOUT))


def test_a_painted_map_is_not_taken_for_the_machines_though_nobody_is_said_to_have_looked(workspace, labelled):
    before = workspace.made("labels", "ga").read_bytes()
    row = corrected(workspace, labelled, painted(workspace, labelled), ABOUT)

    corrected(workspace, replace(row, label_reviewed=""), np.full((96, 102), TREE, np.uint8), ABOUT)

    assert workspace.made(MACHINE_LABELS, "ga").read_bytes() == before


def test_instances_and_edges_are_those_of_the_painted_map(workspace, labelled):
    row = corrected(workspace, labelled, painted(workspace, labelled), ABOUT)

    ids = images.read_instances(workspace.resolve(row.instance_file_name))
    edges = images.read_edges(workspace.resolve(row.edge_file_name))
    assert len(np.unique(ids)) == 3
    assert np.array_equal(edges > 0, find_edges(ids))
    assert pending(Edges(workspace=workspace, taxonomy=LANDSCAPE), [row], ("ingest", "label")) == []


def test_a_map_that_is_the_same_is_only_accepted(workspace, labelled):
    ids = images.read_labels(workspace.made("labels", "ga"))

    assert corrected(workspace, labelled, ids, ABOUT) == accepted(labelled, ABOUT)
    assert not workspace.holds(MACHINE_LABELS, "ga")


def test_unknown_pixels_stay_unknown(workspace, labelled):
    ids = painted(workspace, labelled)
    ids[:, :51] = UNKNOWN

    row = corrected(workspace, labelled, ids, ABOUT)

    assert row.label_unknown == 0.5


def test_things_that_a_segmenter_told_apart_are_not_forgotten(workspace, labelled):
    segments = images.encode_instances(np.ones((96, 102), np.uint16))
    write_atomically(workspace.made("segments", "ga"), segments)
    row = replace(labelled, digests={**labelled.digests, "segments": digest(segments)})

    assert corrected(workspace, row, painted(workspace, row), ABOUT).digests["segments"] == digest(segments)


def test_a_photo_without_a_label_map_gets_one(workspace, labelled):
    bare = replace(labelled, label_file_name="", label_model="", label_confidence=None, keys={}, shares={})

    row = corrected(workspace, bare, np.full((96, 102), SKY, np.uint8), ABOUT)

    assert (row.label_model, row.label_reviewed, row.shares) == ("by-hand", "yes", {"sky": 1.0})


def test_a_map_of_another_size_is_refused_and_changes_nothing(workspace, labelled):
    before = workspace.made("labels", "ga").read_bytes()

    with pytest.raises(PhotoError, match=r"lake\.jpg is 102x96, the map painted for it 96x102"):
        corrected(workspace, labelled, np.zeros((102, 96), np.uint8), ABOUT)

    assert workspace.made("labels", "ga").read_bytes() == before


def test_a_class_that_is_none_is_named_with_its_pixel(workspace, labelled):
    ids = painted(workspace, labelled)
    ids[7, 5] = 200

    with pytest.raises(PhotoError, match=r"has the id 200 at x=5, y=7\. The classes of landscape are 0\.\."):
        corrected(workspace, labelled, ids, ABOUT)


def test_a_rejected_row_that_is_painted_is_kept(workspace, labelled):
    row = corrected(workspace, labelled.rejected("label", "k", "built", 0.4), painted(workspace, labelled), ABOUT)

    assert (row.status, row.label_reviewed) == (OK, "yes")
    assert row.status != REJECTED


# Cut off


class Killed(BaseException):
    """What ends a process in the middle."""


class Files:
    """Writes files until so many are written, and is killed then."""

    def __init__(self, monkeypatch, most: int) -> None:
        self.left = most
        for module in ("corrections", "stages.label", "stages.edges"):
            monkeypatch.setattr(f"pipeline.{module}.write_atomically", self.write)

    def write(self, path, data) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1
        write_atomically(path, data)


def paint_until_killed(monkeypatch, workspace, row, ids, *, files: int) -> Row:
    """The row as it was last recorded, of a painting that was killed after so many files."""
    recorded = [row]
    with monkeypatch.context() as patched, pytest.raises(Killed):
        Files(patched, files)
        recorded.append(corrected(workspace, row, ids, ABOUT, meanwhile=recorded.append))
    return recorded[-1]


@pytest.mark.parametrize("files", range(4))
def test_a_painting_that_was_cut_off_is_said_in_the_row_before_the_map_changes(monkeypatch, workspace, labelled, files):
    row = paint_until_killed(monkeypatch, workspace, labelled, painted(workspace, labelled), files=files)

    assert (row.status, row.error) == ((FAILED, CUT_OFF) if files else (OK, ""))
    assert not files or pending(Edges(workspace=workspace, taxonomy=LANDSCAPE), [row], ("ingest", "label")) == []


@pytest.mark.parametrize("files", [2, 3])
def test_a_painting_that_was_cut_off_is_gone_on_with(monkeypatch, workspace, labelled, files):
    ids, before = painted(workspace, labelled), workspace.made("labels", "ga").read_bytes()
    row = paint_until_killed(monkeypatch, workspace, labelled, ids, files=files)

    row = finished(workspace, row, ABOUT)

    assert (row.status, row.error, row.label_reviewed) == (OK, "", "yes")
    assert row.shares == pytest.approx({"sky": 0.5 * 62 / 102, "sea": 0.5 * 62 / 102, "tree": 40 / 102})
    assert np.array_equal(images.read_labels(workspace.made("labels", "ga")), ids)
    assert workspace.made(MACHINE_LABELS, "ga").read_bytes() == before
    assert row.digests["machine_label"] == digest(before)
    edges = images.read_edges(workspace.resolve(row.edge_file_name))
    assert np.array_equal(edges > 0, find_edges(images.read_instances(workspace.resolve(row.instance_file_name))))
    assert len(np.unique(images.read_instances(workspace.resolve(row.instance_file_name)))) == 3


@pytest.mark.parametrize("is_rejected", [False, True])
def test_a_painting_that_was_cut_off_before_the_map_changed_has_not_been(monkeypatch, workspace, labelled, is_rejected):
    before = labelled.rejected("ingest", "k", "blur", 0.1) if is_rejected else labelled
    row = paint_until_killed(monkeypatch, workspace, before, painted(workspace, labelled), files=1)

    assert finished(workspace, row, ABOUT) == before


@pytest.mark.parametrize("files", [2, 3])
def test_the_same_map_painted_again_makes_all_that_was_cut_off(monkeypatch, workspace, labelled, files):
    ids, before = painted(workspace, labelled), workspace.made("labels", "ga").read_bytes()
    paint_until_killed(monkeypatch, workspace, labelled, ids, files=files)

    assert not is_same(workspace, labelled, ids)
    row = corrected(workspace, labelled, ids, ABOUT)

    assert row.digests["label"] == digest(workspace.made("labels", "ga").read_bytes())
    assert workspace.made(MACHINE_LABELS, "ga").read_bytes() == before
    assert has_machine_labels(row)
