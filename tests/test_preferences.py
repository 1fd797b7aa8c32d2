"""What a workspace is told once and keeps."""

import pytest

from pipeline import preferences
from pipeline.errors import GauganpipeError, SegmenterError
from pipeline.manifest import About
from pipeline.preferences import DEFAULTS, Asked, decide
from pipeline.segmenters.segmenter import Options


def test_nobody_has_said_anything_so_the_defaults_hold():
    about = decide(About(), Asked())

    assert preferences.options(about) == Options()
    assert {name: preferences.value(about, name) for name in DEFAULTS} == dict(DEFAULTS)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("quality", "best"),
        ("unknown_below", 0.4),
        ("smallest_share", 0.0),
        ("refine", True),
        ("keep_confidences", True),
        ("keep_raw", True),
        ("keep_all", True),
        ("min_side_px", 128),
        ("max_side_px", 1024),
    ],
)
def test_what_was_said_once_is_kept_until_something_else_is_said(name, said):
    about = decide(About(), Asked(**{name: said}))

    kept = decide(about, Asked())
    taken_back = decide(kept, Asked(**{name: DEFAULTS[name]}))

    assert preferences.value(kept, name) == said
    assert preferences.value(taken_back, name) == DEFAULTS[name]


def test_no_quality_but_those_that_there_are():
    with pytest.raises(SegmenterError, match="there is no quality 'finest'"):
        decide(About(), Asked(quality="finest"))


def test_the_classes_of_a_taxonomy_are_kept_with_its_name(tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("id,name,colour\n0,sky,#0000ff\n1,land,#00ff00\n")

    about = decide(About(), Asked(taxonomy=str(table)))

    assert about.taxonomy == "mine.csv"
    assert [entry["name"] for entry in about.classes] == ["sky", "land"]


def test_a_taxonomy_that_is_none_is_refused():
    with pytest.raises(GauganpipeError, match="there is no taxonomy 'seascape'"):
        decide(About(), Asked(taxonomy="seascape"))


def test_a_path_means_the_same_wherever_the_next_command_is_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    about = decide(About(), Asked(segmenter="maps:mine", instances="things"))

    assert about.segmenter == f"maps:{tmp_path / 'mine'}"
    assert preferences.options(about).instances == tmp_path / "things"
