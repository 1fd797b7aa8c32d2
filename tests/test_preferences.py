"""What a workspace is told once and keeps."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from pipeline import preferences
from pipeline.errors import GauganpipeError, ManifestError, SegmenterError, WorkspaceError
from pipeline.manifest import About, Manifest, read, writing
from pipeline.preferences import Asked, Kept, decide, kept, refuse_other_classes
from pipeline.rows import GIVEN, Row
from pipeline.segmenters.segmenter import Options


def test_nobody_has_said_anything_so_the_defaults_hold():
    about = decide(About(), Asked())

    assert preferences.options(about) == Options()
    assert kept(about) == Kept()


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

    later = decide(about, Asked())
    taken_back = decide(later, Asked(**{name: getattr(Kept(), name)}))

    assert kept(later) == replace(Kept(), **{name: said})
    assert kept(taken_back) == Kept()


def test_everything_that_is_kept_can_be_asked_for():
    assert {one.name for one in fields(Kept)} <= {one.name for one in fields(Asked)}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("min_side_px", "wide", "a number"),
        ("refine", "yes", "True or False"),
        ("quality", "finest", "one of fast, balanced, best"),
    ],
)
def test_what_a_person_has_spoilt_in_the_file_is_named(name, text, expected):
    about = About(parameters={"label": {name: text}})

    with pytest.raises(ManifestError, match=f"{name} of label is '{text}', expected {expected}"):
        kept(about)


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


@pytest.mark.parametrize("segmenter", ["", "embedded", "embedded+maskrcnn", "torch:mine.pth"])
def test_instances_are_refused_where_there_are_no_label_maps_that_they_belong_to(segmenter):
    with pytest.raises(GauganpipeError, match=r"takes no instances of yours: name .* --segmenter maps:FOLDER"):
        decide(About(), Asked(segmenter=segmenter, instances="things"))


def test_instances_can_be_said_of_the_maps_that_the_workspace_has():
    about = decide(About(segmenter="maps:/mine+maskrcnn"), Asked(instances="/things"))

    assert preferences.options(about).instances == Path("/things")


def test_instances_of_maps_are_kept_for_them_and_handed_to_nobody_else():
    about = decide(About(), Asked(segmenter="maps:/mine", instances="/things"))

    network = decide(about, Asked(segmenter="embedded"))
    maps = decide(network, Asked(segmenter="maps:/mine"))

    assert preferences.options(network).instances is None
    assert preferences.options(maps).instances == Path("/things")


def test_instances_can_be_taken_back_whatever_labels():
    about = decide(About(segmenter="embedded", parameters={"label": {"instances": "/things"}}), Asked(instances=""))

    assert kept(about).instances == ""


def given_labels(workspace, about: About) -> Manifest:
    """A workspace of one photo that came with its label map."""
    with writing(workspace) as manifest:
        manifest.choose(**vars(about))
        manifest.record(Row(id="g1", keys={"label": GIVEN}))
    return read(workspace)


def speaking(*names: str) -> About:
    classes = [{"id": id, "name": name, "colour": f"#00000{id + 1}", "thing": False} for id, name in enumerate(names)]
    return About(taxonomy="mine.csv", classes=classes)


def test_classes_that_are_added_at_the_end_leave_given_label_maps_as_they_are(workspace):
    manifest = given_labels(workspace, speaking("sky", "land"))

    refuse_other_classes(manifest, speaking("sky", "land", "sea"))


@pytest.mark.parametrize("names", [("land", "sky"), ("sky",)])
def test_classes_under_the_same_name_that_mean_something_else_are_refused(workspace, names):
    manifest = given_labels(workspace, speaking("sky", "land"))

    with pytest.raises(WorkspaceError, match=r"1 label map came .* of mine.csv, .* cannot become another mine.csv"):
        refuse_other_classes(manifest, speaking(*names))
