"""Looking through a workspace: which photos come, and how a decision reaches the table while others write too."""

import threading
from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest

from pipeline.classes import UNKNOWN
from pipeline.corrections import CUT_OFF, MACHINE_LABELS, has_machine_labels
from pipeline.errors import ManifestError, PhotoError, WorkspaceError
from pipeline.manifest import read, writing
from pipeline.rows import FAILED, REJECTED
from pipeline.segmenters.segmenter import Labelling
from pipeline.serve.review import ChangedMeanwhileError, NoSuchPhotoError, Review
from pipeline.stages.label import keep_labels
from tests.annotated import LANDSCAPE, SEA, TREE, fill, labels, row, sky_above_sea


@pytest.fixture
def labelled(workspace, photo_of):
    return fill(workspace, photo_of, {"ga": 0.9, "gb": 0.6, "gc": 0.7})


@pytest.fixture
def review(labelled) -> Review:
    return Review(labelled)


def change(workspace, id: str, **cells) -> None:
    with writing(workspace) as manifest:
        manifest.record(replace(manifest.rows[id], **cells))


def ids_of(review: Review, show: str = "waiting", **part) -> list[str]:
    return [row.id for row in review.queue(show, **part).rows]


# Which photos come


def test_the_least_certain_comes_first(review):
    assert ids_of(review) == ["gb", "gc", "ga"]


def test_a_part_of_the_list_can_be_asked_for(review):
    assert ids_of(review, first=1, most=1) == ["gc"]


def test_what_is_decided_moves_to_its_own_list(review):
    review.accept("gb", seen="")
    review.turn_down("gc")

    assert [ids_of(review, show) for show in ("waiting", "reviewed", "rejected")] == [["ga"], ["gb"], ["gc"]]
    assert review.queue("all").counts == {"waiting": 1, "reviewed": 1, "rejected": 1, "all": 3}


def test_what_a_rule_rejected_can_be_seen_and_taken_back(labelled, review):
    change(labelled, "ga", status=REJECTED, stage="label", rule="built", rule_value=0.4)

    assert ids_of(review, "rejected") == ["ga"]
    assert review.accept("ga", seen="").keep == "yes"
    assert ids_of(review, "reviewed") == ["ga"]


def test_photos_without_a_label_map_are_not_shown(labelled, review):
    change(labelled, "gb", label_file_name="")

    assert ids_of(review, "all") == ["gc", "ga"]
    with pytest.raises(NoSuchPhotoError, match="there is no labelled photo 'gb'"):
        review.find("gb")


def test_rows_of_another_process_are_seen(labelled, review, photo_of):
    fill(labelled, photo_of, {"gd": 0.1})

    assert ids_of(review)[0] == "gd"
    assert review.find("gd").id == "gd"


# What is decided


def test_a_decision_stands_on_the_disk_at_once(labelled, review):
    review.accept("ga", seen=review.find("ga").digests["label"])
    review.turn_down("gb")

    assert (row(labelled, "ga").label_reviewed, row(labelled, "gb").keep) == ("yes", "no")


def test_a_decision_is_journalled_and_folded_at_the_end(labelled, review):
    csv = labelled.dataset_csv.read_bytes()

    review.accept("ga", seen="")
    assert labelled.journal.exists()
    assert labelled.dataset_csv.read_bytes() == csv

    review.close()
    assert not labelled.journal.exists()
    assert labelled.dataset_csv.read_bytes() != csv


def test_a_painted_map_stands_on_the_disk_with_the_machines_beside(labelled, review):
    machine, ids = labels(labelled, "ga"), sky_above_sea(horizon=10)

    painted = review.paint("ga", ids, seen=review.find("ga").digests["label"])

    assert np.array_equal(labels(labelled, "ga"), ids)
    assert np.array_equal(labels(labelled, "ga", MACHINE_LABELS), machine)
    assert painted == row(labelled, "ga")
    assert np.array_equal(review.labels("ga", machine=True), machine)


def test_a_map_that_has_changed_since_it_was_seen_is_not_decided_on(labelled, review):
    seen = review.find("ga").digests["label"]
    review.paint("ga", np.full((96, 102), SEA, np.uint8), seen=seen)

    with pytest.raises(ChangedMeanwhileError, match=r"the label map of photos/ga\.jpg has changed since it was shown"):
        review.paint("ga", np.full((96, 102), TREE, np.uint8), seen=seen)

    assert set(np.unique(labels(labelled, "ga"))) == {SEA}


def test_while_another_process_writes_a_decision_is_a_sentence_and_may_be_made_later(labelled, review):
    with writing(labelled), pytest.raises(WorkspaceError, match="is being written by process"):
        review.accept("ga", seen="")
    assert row(labelled, "ga").label_reviewed == ""

    assert review.accept("ga", seen="").label_reviewed == "yes"


def test_between_decisions_others_may_write(labelled, review):
    review.accept("ga", seen="")
    change(labelled, "gb", keep="no")
    review.accept("gc", seen="")

    found = read(labelled).rows
    assert (found["ga"].label_reviewed, found["gb"].keep, found["gc"].label_reviewed) == ("yes", "no", "yes")


def test_the_end_waits_for_nobody(labelled, review):
    review.accept("ga", seen="")

    with writing(labelled):
        pass
    with writing(labelled):
        review.close()

    assert row(labelled, "ga").label_reviewed == "yes"


def test_a_journal_that_a_crash_has_torn_is_mended_before_anything_is_written_behind_it(labelled, review):
    review.turn_down("gb")
    with labelled.journal.open("ab") as journal:
        journal.write(b'{"id": "gc", "new": false, "cel')

    again = Review(labelled)
    again.accept("ga", seen="")
    again.accept("gc", seen="")

    found = read(labelled).rows
    assert (found["ga"].label_reviewed, found["gb"].keep, found["gc"].label_reviewed) == ("yes", "no", "yes")


def test_decisions_from_many_threads_all_arrive(workspace, photo_of):
    ids = [f"g{number:02}" for number in range(12)]
    review = Review(fill(workspace, photo_of, dict.fromkeys(ids, 0.5)))
    threads = [threading.Thread(target=review.accept, args=(id,), kwargs={"seen": ""}) for id in ids]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [one.label_reviewed for one in read(workspace).rows.values()] == ["yes"] * 12


def test_a_decision_that_fails_halfway_leaves_the_table_as_it_was(labelled, review):
    with pytest.raises(PhotoError, match="has the id 99"):
        review.paint("ga", np.full((96, 102), 99, np.uint8), seen="")

    assert review.find("ga") == row(labelled, "ga")
    assert review.find("ga").label_reviewed == ""


def test_what_was_cut_off_while_it_was_painted_is_finished_at_the_next_start(labelled, monkeypatch):
    ids, edges = sky_above_sea(horizon=10), labelled.made("edges", "ga").read_bytes()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("pipeline.stages.edges.Edges.write", Mock(side_effect=KeyboardInterrupt))
        Review(labelled).paint("ga", ids, seen="")
    assert (row(labelled, "ga").status, row(labelled, "ga").error) == (FAILED, CUT_OFF)
    assert labelled.made("edges", "ga").read_bytes() == edges

    review = Review(labelled)
    assert review.finish_paintings() == 1

    found = row(labelled, "ga")
    assert (found.status, found.label_reviewed) == ("ok", "yes")
    assert found == review.find("ga")
    assert np.array_equal(labels(labelled, "ga"), ids)
    assert labelled.made("edges", "ga").read_bytes() != edges
    assert review.finish_paintings() == 0


def test_what_could_not_be_finished_at_the_start_is_finished_when_it_is_decided_on(labelled, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("pipeline.stages.edges.Edges.write", Mock(side_effect=KeyboardInterrupt))
        Review(labelled).paint("ga", sky_above_sea(horizon=10), seen="")
    review = Review(labelled)
    with writing(labelled):
        assert review.finish_paintings() == 0

    assert review.turn_down("ga").error == ""
    assert (row(labelled, "ga").keep, row(labelled, "ga").status) == ("no", "ok")


def test_after_a_relabelling_the_map_is_the_machines_again(labelled, review):
    review.paint("ga", sky_above_sea(horizon=10), seen="")
    with writing(labelled) as manifest:
        before = replace(manifest.rows["ga"], label_reviewed="")
        again = Labelling(ids=sky_above_sea(horizon=20), confidence=0.8)
        manifest.record(keep_labels(labelled, LANDSCAPE, before, again, key="again", model="embedded"))

    found = review.accept("ga", seen="")

    assert not has_machine_labels(found)
    assert np.array_equal(review.labels("ga", machine=True), sky_above_sea(horizon=20))


# Many rows


def test_a_list_costs_no_look_at_every_row(labelled, review, monkeypatch):
    review.queue("waiting")
    looked = Mock(side_effect=AssertionError("looked at a row that was not asked for"))
    monkeypatch.setattr("pipeline.serve.review_order.state_of", looked)

    assert ids_of(review, first=1, most=1) == ["gc"]
    assert review.queue("all").counts["all"] == 3


def test_decisions_are_journalled_for_hours_and_folded_at_the_end(labelled, review, monkeypatch):
    csv = labelled.dataset_csv.read_bytes()
    monkeypatch.setattr("pipeline.manifest.SECONDS_BETWEEN_FOLDS", -1)

    review.accept("ga", seen="")
    review.turn_down("gb")

    assert labelled.dataset_csv.read_bytes() == csv
    assert (row(labelled, "ga").label_reviewed, row(labelled, "gb").keep) == ("yes", "no")


# What is damaged or gone


def test_a_table_that_is_damaged_is_said_every_time_until_it_is_mended(labelled, review):
    whole = labelled.dataset_csv.read_bytes()
    labelled.dataset_csv.write_bytes(whole.replace(b",102,", b",wide,", 1))

    for _ in range(2):
        with pytest.raises(ManifestError, match="width is 'wide'"):
            review.queue("waiting")
        with pytest.raises(ManifestError, match="width is 'wide'"):
            review.accept("ga", seen="")

    labelled.dataset_csv.write_bytes(whole)
    assert ids_of(review) == ["gb", "gc", "ga"]


def test_a_photo_that_is_gone_is_a_sentence(labelled, review):
    labelled.made("images", "ga").unlink()

    with pytest.raises(NoSuchPhotoError, match=r"photos/ga\.jpg has lost its file"):
        review.photo("ga")


def test_a_label_map_that_is_gone_or_of_another_size_is_a_sentence(labelled, review):
    labelled.made("labels", "ga").write_bytes(labelled.made("labels", "gb").read_bytes()[:50])
    with pytest.raises(PhotoError, match="cannot be used"):
        review.labels("ga")


def test_a_row_whose_edges_failed_can_be_painted_anew(labelled, review):
    change(labelled, "ga", status=FAILED, stage="edges", error="photos/ga.jpg has too many segments")

    painted = review.paint("ga", np.full((96, 102), UNKNOWN, np.uint8), seen="")

    assert (painted.status, painted.error) == ("ok", "")


def test_without_a_manifest_there_is_nothing_to_review(workspace):
    with pytest.raises(ManifestError, match="no manifest at"):
        Review(workspace)
