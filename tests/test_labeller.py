"""The segmenter that a workspace labels with: when it is opened, and in which way it computes."""

from dataclasses import replace

import pytest

from pipeline import labeller
from pipeline.console import Console
from pipeline.errors import SegmenterError
from pipeline.manifest import About, Manifest, read, writing
from pipeline.preferences import Asked
from pipeline.rows import Row
from pipeline.segmenters.network import EXACT, SHORT
from pipeline.segmenters.segmenter import Segmenter
from pipeline.workspace import Workspace
from tests.test_network import open_small

GONE = About(segmenter="maps:/nowhere")


def chosen(workspace: Workspace, about: About, asked: Asked, *, is_needed: bool) -> Segmenter | None:
    return labeller.open_chosen(workspace, about, asked, Console(), is_needed=is_needed)


def measured(manifest: Manifest, segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> Segmenter:
    """The segmenter after a measurement that finds the short numbers to be the quickest."""
    monkeypatch.setattr(labeller, "fastest_numerics", lambda segmenter, prepared: SHORT)
    return labeller.with_numerics(manifest, segmenter, Console(quiet=True))


def test_the_default_is_opened_when_a_photo_waits_for_it(workspace, capsys):
    segmenter = chosen(workspace, About(), Asked(), is_needed=True)

    assert segmenter.name == "embedded"
    assert "labelling with embedded, which works everywhere" in capsys.readouterr().err


def test_what_nobody_chose_and_nobody_needs_is_not_opened(workspace, capsys):
    assert chosen(workspace, About(), Asked(), is_needed=False) is None
    assert capsys.readouterr().err == ""


def test_what_cannot_be_opened_and_nobody_needs_is_a_note(workspace, capsys):
    assert chosen(workspace, GONE, Asked(), is_needed=False) is None
    assert "No photo waits for it, so the label maps stay as they are" in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "is_needed"), [(Asked(), True), (Asked(segmenter="maps:nowhere"), False)])
def test_what_cannot_be_opened_stops_who_needs_it_or_names_it(workspace, asked, is_needed):
    with pytest.raises(SegmenterError, match="there is nothing at /nowhere"):
        chosen(workspace, GONE, asked, is_needed=is_needed)


def test_a_workspace_remembers_what_labels_its_photos():
    about = labeller.named(About(), open_small())

    assert about.segmenter == "embedded"
    assert about.models == {"small": {"digest": "0" * 16, "license": "CC0-1.0"}}


def test_what_was_measured_once_is_kept(workspace, photo_of, monkeypatch):
    with writing(workspace) as manifest:
        photo_in(manifest, photo_of(1))
        first = measured(manifest, open_small(), monkeypatch)
    monkeypatch.setattr(labeller, "fastest_numerics", None)

    again = labeller.with_numerics(read(workspace), open_small(), Console())

    assert (first.numerics, again.numerics) == (SHORT, SHORT)


def test_other_weights_are_measured_anew(workspace, photo_of, monkeypatch):
    with writing(workspace) as manifest:
        photo_in(manifest, photo_of(1))
        measured(manifest, open_small(), monkeypatch)

    other = replace(open_small(), digest="1" * 16)

    assert labeller.with_kept_numerics(read(workspace).about, other).numerics == EXACT


def test_without_a_photo_it_computes_exactly_and_nothing_is_kept(workspace, monkeypatch):
    with writing(workspace) as manifest:
        segmenter = measured(manifest, open_small(), monkeypatch)

        assert segmenter.numerics == EXACT
        assert manifest.about == About()


def photo_in(manifest: Manifest, pixels) -> None:
    """Puts a photo into the workspace."""
    from pipeline.images import encode_photo
    from pipeline.workspace import write_atomically

    path = manifest.workspace.made("images", "g1")
    write_atomically(path, encode_photo(pixels))
    manifest.record(Row(id="g1", file_name=manifest.workspace.relative(path)))
