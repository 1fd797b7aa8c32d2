"""Counts of photos: worked out by hand."""

import pytest

from pipeline.inspection.stats import ClassPart, Spread, measure
from pipeline.manifest import read, writing
from pipeline.rows import Row


def a_row(id: str, split: str, **cells) -> Row:
    made = {"file_name": f"{id}.jpg", "label_file_name": f"{id}.png", "status": "ok", "group": id}
    return Row(id=id, split=split, **{**made, "width": 640, "height": 480, "license": "CC0-1.0", **cells})


@pytest.fixture
def stats(workspace):
    with writing(workspace) as manifest:
        manifest.record(
            a_row("ga", "train", shares={"sky": 0.5, "rock": 0.25}, label_unknown=0.25, label_confidence=0.5)
        )
        manifest.record(a_row("gb", "train", shares={"sky": 1.0}, width=320, label_confidence=1.0, group="ga"))
        manifest.record(a_row("gc", "val", shares={"sky": 0.005, "sea": 0.995}, license="", redistributable="no"))
        manifest.record(a_row("gd", "val", label_file_name="", label_reviewed="yes"))
        manifest.record(a_row("ge", "val", keep="no", shares={"sea": 1.0}))
        manifest.record(a_row("gf", "train", status="rejected", rule="small", shares={"sea": 1.0}))
        manifest.record(a_row("gg", "", file_name="", label_file_name="", status="ok"))
    return measure(read(workspace))


def test_photos_that_can_be_used_are_counted_by_split(stats):
    counts = {name: (part.photos, part.labelled, part.groups) for name, part in stats.splits.items()}

    assert counts == {"train": (2, 2, 1), "val": (2, 1, 2), "test": (0, 0, 0)}
    assert (stats.all.photos, stats.all.labelled, stats.all.reviewed, stats.all.groups) == (4, 3, 1, 3)


def test_a_class_has_its_mean_share_and_the_photos_in_which_it_is_seen(stats):
    assert stats.splits["train"].classes == {
        "sky": ClassPart(share=0.75, photos=2),
        "rock": ClassPart(share=0.125, photos=1),
    }
    assert stats.splits["val"].classes["sky"] == ClassPart(share=0.005, photos=0)
    assert stats.splits["train"].unknown == 0.125


def test_licences_are_counted_most_first(stats):
    assert stats.all.licenses == {"CC0-1.0": 3, "unknown": 1}
    assert (stats.all.restricted, stats.splits["train"].restricted) == (1, 0)


def test_sizes_and_confidence_are_told_by_their_spread(stats):
    part = stats.splits["train"]

    assert part.width == Spread(least=320, quarter=400, middle=480, three_quarters=560, most=640, mean=480)
    assert part.confidence.mean == 0.75
    assert stats.splits["val"].confidence is None
    assert stats.splits["test"].width is None


def test_it_reads_as_a_table(stats):
    lines = stats.lines()

    assert lines[0].split() == ["all", "train", "val", "test"]
    assert lines[1].split() == ["photos", "4", "2", "2", "0"]
    assert next(line.split() for line in lines if line.startswith("  sky")) == [
        *("sky", "50.2%", "2", "75.0%", "2", "0.5%", "0", "0.0%", "0"),
    ]


def test_a_manifest_without_rows_is_counted(workspace):
    with writing(workspace):
        pass

    assert measure(read(workspace)).all.photos == 0
