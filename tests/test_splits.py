"""The split of a group: a function of the seed, the group and the percentages that a workspace keeps."""

import hashlib

import pytest

from pipeline import curate, splits
from pipeline.about import About
from pipeline.errors import GauganpipeError, ManifestError
from pipeline.rows import Row
from pipeline.splits import Splits

GROUPS = [f"g{number:04d}" for number in range(50)]


def test_what_is_not_said_stays_as_it_was_said_last():
    about = splits.decide(About(), val=5, test=None, seed=7)
    about = splits.decide(about, val=None, test=20, seed=None)

    assert (splits.kept(about), about.seed) == (Splits(val=5, test=20), 7)


def test_photos_that_come_later_follow_what_was_asked_for():
    photos = [Row(id=group, file_name=f"{group}.jpg", status="ok") for group in GROUPS]

    settled = curate.settle(photos, seed=0, splits=Splits(val=45, test=45))

    assert [row.split for row in settled] == [Splits(val=45, test=45).draw(0, row.id) for row in settled]
    assert sum(row.split == "train" for row in settled) < 15


def test_other_parameters_stay():
    about = About(parameters={"label": {"quality": "fast"}})

    assert splits.decide(about, val=5, test=5, seed=None).parameters["label"] == {"quality": "fast"}


def test_more_photos_to_judge_by_are_taken_from_the_others_alone():
    few, many = Splits(val=5, test=5), Splits(val=30, test=5)
    drawn = [(few.draw(0, group), many.draw(0, group)) for group in GROUPS]

    assert {("val", "train"), ("test", "train"), ("val", "test")}.isdisjoint(drawn)


@pytest.mark.parametrize("shares", [(100, 0), (50, 50), (-1, 0), (float("inf"), 0)])
def test_something_must_be_left_to_train_on(shares):
    with pytest.raises(GauganpipeError, match="leaves no photos to train on"):
        Splits(val=shares[0], test=shares[1])


@pytest.mark.parametrize("said", [{"val": "many"}, {"val": "99", "test": "5"}])
def test_what_nobody_can_have_said_is_a_sentence(said):
    with pytest.raises(ManifestError, match="expected percentages whose sum is below 100"):
        splits.kept(About(parameters={"split": said}))


@pytest.mark.parametrize("group", GROUPS)
def test_without_percentages_groups_fall_as_they_always_did(group):
    """Eight, one and one in ten, by the hash of seed and group."""
    position = int(hashlib.sha256(f"0:{group}".encode()).hexdigest()[:12], 16) / 16**12

    expected = "train" if position < 0.8 else "val" if position < 0.9 else "test"
    assert Splits().draw(0, group) == expected
