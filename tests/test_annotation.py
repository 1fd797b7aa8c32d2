"""What all annotation tools share: which photos go out, who is told what, and what a file is."""

from dataclasses import replace

import pytest

from pipeline.annotation.exchange import Sending, chosen, class_of, id_of
from pipeline.annotation.tools import bring_back, send
from pipeline.classes import UNKNOWN
from pipeline.console import Console
from pipeline.errors import GauganpipeError, ManifestError, PhotoError
from pipeline.manifest import read, writing
from pipeline.rows import REJECTED
from tests.annotated import LANDSCAPE, SKY, fill

QUIET = Console(quiet=True)


@pytest.fixture
def labelled(workspace, photo_of):
    return fill(workspace, photo_of, {"ga": 0.9, "gb": 0.6, "gc": 0.7})


def change(workspace, id: str, **cells) -> None:
    with writing(workspace) as manifest:
        manifest.record(replace(manifest.rows[id], **cells))


def ids_of(workspace, **sending) -> list[str]:
    return [row.id for row in chosen(read(workspace), Sending(out=workspace.root / "x", **sending))]


@pytest.mark.parametrize("cells", [{"keep": "no"}, {"status": REJECTED, "rule": "blur"}, {"label_file_name": ""}])
def test_only_labelled_photos_of_the_data_set_go_out(labelled, cells):
    change(labelled, "ga", **cells)

    assert ids_of(labelled) == ["gb", "gc"]


def test_the_least_certain_go_first_and_those_looked_at_last(labelled):
    change(labelled, "gb", label_reviewed="yes")

    assert ids_of(labelled, limit=1) == ["gc"]
    assert ids_of(labelled, limit=2) == ["ga", "gc"]


def test_one_split_can_be_asked_for(labelled):
    change(labelled, "gb", split="val")

    assert ids_of(labelled, split="val") == ["gb"]
    with pytest.raises(GauganpipeError, match="there is no split 'dev'"):
        ids_of(labelled, split="dev")
    with pytest.raises(GauganpipeError, match="no photo of test has a label map"):
        ids_of(labelled, split="test")


def test_photos_that_may_not_be_handed_on_are_counted(labelled, tmp_path):
    change(labelled, "gb", redistributable="no")

    sent = send(labelled, "cvat", Sending(out=tmp_path / "c.zip"), console=QUIET)

    assert sent.lines() == [
        f"written {tmp_path / 'c.zip'}: 3 photos with label maps",
        "1 photo of them may not be handed on: keep them to yourself",
    ]


@pytest.mark.parametrize("tool", ["cvat", "label-studio"])
@pytest.mark.parametrize(("kind", "said"), [("images", "has lost its file"), ("labels", r"gb\.png is not there")])
def test_a_file_that_is_gone_is_a_sentence_and_no_half_an_archive(labelled, tmp_path, tool, kind, said):
    labelled.made(kind, "gb").unlink()

    with pytest.raises(PhotoError, match=rf"photos/gb\.jpg .*{said}.*See gauganpipe inspect"):
        send(labelled, tool, Sending(out=tmp_path / "out"), console=QUIET)

    assert not (tmp_path / "out" / "tasks.json").exists()
    assert not (tmp_path / "out").is_file()
    assert list(tmp_path.glob("*.part")) == []


def test_labels_are_known_by_the_words_of_the_classes():
    words = {"Sky": SKY, "sky": SKY, "background": UNKNOWN, "Unknown": UNKNOWN, "zeppelin": None}

    assert {word: class_of(word, LANDSCAPE) for word in words} == words


def test_a_photo_is_known_by_its_id_wherever_its_file_lies(labelled):
    manifest = read(labelled)
    names = {"ga.png": "ga", "9f/ga.jpg": "ga", "C:\\x\\gb.png": "gb", "0a1b-gc.png": "gc", "gd.png": "", "": ""}

    assert {name: id_of(name, manifest) for name in names} == names


def test_what_nobody_knows_is_a_sentence(labelled, tmp_path):
    with pytest.raises(GauganpipeError, match="there is no annotation tool 'paint'"):
        send(labelled, "paint", Sending(out=tmp_path / "x"), console=QUIET)
    with pytest.raises(GauganpipeError, match="there is no file"):
        bring_back(labelled, tmp_path / "none.zip", console=QUIET)


def test_without_a_manifest_there_is_nothing_to_take_back(workspace, tmp_path):
    (tmp_path / "p.json").write_text("[]")

    with pytest.raises(ManifestError, match="no manifest at"):
        bring_back(workspace, tmp_path / "p.json", console=QUIET)
