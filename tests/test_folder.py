"""The source `folder`: which files are photos, what they are called, and what cannot be read."""

import os
from pathlib import Path

import pytest

from pipeline.errors import PhotoError, SourceError
from pipeline.sources.catalogue import brings_labels, open_source
from pipeline.sources.folder import SUFFIXES, candidates

STRANGE = ["two words.jpg", "Ötztal.jpg", "日本.jpg", "🏔.jpg", "-rf.jpg", "a,b;c.jpg", 'a"b.jpg', "two\nlines.jpg"]


@pytest.fixture
def photos(tmp_path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def names_in(folder: Path) -> list[str]:
    return [candidate.name for candidate in candidates(str(folder))]


def refusal_of(path: Path, folder: Path) -> str:
    [candidate] = [one for one in candidates(str(folder)) if one.name == path.name]
    with pytest.raises(PhotoError) as caught:
        candidate.read()
    return str(caught.value)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@pytest.mark.parametrize("case", [str.lower, str.upper, str.title])
def test_the_case_of_an_ending_does_not_matter(photos, suffix, case):
    (photos / f"lake{case(suffix)}").write_bytes(b"")

    assert names_in(photos) == [f"lake{case(suffix)}"]


@pytest.mark.parametrize("name", ["lake.txt", "lake", "lake.jpg.part", "lake.gif", "lakejpg", "lake.jpg~"])
def test_other_files_are_left_out(photos, name):
    (photos / name).write_bytes(b"")
    (photos / "a photo.jpg").write_bytes(b"")

    assert names_in(photos) == ["a photo.jpg"]


def test_hidden_files_and_folders_are_left_out(photos):
    (photos / ".thumbnails").mkdir()
    for name in (".hidden.jpg", "._lake.jpg", ".jpg", ".thumbnails/lake.jpg", "lake.jpg"):
        (photos / name).write_bytes(b"")

    assert names_in(photos) == ["lake.jpg"]


@pytest.mark.parametrize("name", STRANGE)
def test_a_photo_may_be_called_anything(photos, name):
    (photos / name).write_bytes(b"bytes")

    [candidate] = candidates(str(photos))

    assert (candidate.name, candidate.read()) == (name, b"bytes")


def test_a_name_that_is_no_text_is_read(photos):
    raw = os.fsencode(photos) + b"/caf\xe9.jpg"
    try:
        Path(os.fsdecode(raw)).write_bytes(b"bytes")
    except OSError:
        pytest.skip("this file system takes no such name")

    [candidate] = candidates(str(photos))

    assert candidate.read() == b"bytes"


def test_photos_come_in_the_order_of_their_names(photos):
    (photos / "b").mkdir()
    for name in ("c.jpg", "b/z.jpg", "B.jpg", "a.jpg", "b.jpg"):
        (photos / name).write_bytes(b"")

    assert names_in(photos) == ["B.jpg", "a.jpg", "b.jpg", "b/z.jpg", "c.jpg"]


def test_a_folder_that_is_called_like_a_photo_is_a_folder(photos):
    (photos / "lake.jpg").mkdir()
    (photos / "lake.jpg" / "lake.jpg").write_bytes(b"")

    assert names_in(photos) == ["lake.jpg/lake.jpg"]


def test_a_folder_may_be_named_with_a_slash_or_relative_to_where_one_stands(photos, monkeypatch):
    (photos / "lake.jpg").write_bytes(b"bytes")
    monkeypatch.chdir(photos.parent)

    assert [one.read() for spec in ("photos", "./photos/", f"{photos}/") for one in candidates(spec)] == [b"bytes"] * 3


def test_a_link_inside_the_folder_is_followed(photos):
    (photos / "lake.jpg").write_bytes(b"bytes")
    (photos / "link.jpg").symlink_to("lake.jpg")

    assert [one.read() for one in candidates(str(photos))] == [b"bytes", b"bytes"]


def test_a_folder_that_is_a_link_itself_is_read(photos):
    (photos / "lake.jpg").write_bytes(b"bytes")
    (photos.parent / "link").symlink_to(photos)

    assert [one.read() for one in candidates(str(photos.parent / "link"))] == [b"bytes"]


def test_a_link_out_of_the_folder_is_not_followed(photos):
    (photos.parent / "secret.jpg").write_bytes(b"secret")
    (photos / "link.jpg").symlink_to(photos.parent / "secret.jpg")

    assert refusal_of(photos / "link.jpg", photos) == (
        "is a link that leads out of the folder, which is not followed. Put the photo itself there"
    )


def test_a_linked_folder_is_not_walked(photos):
    outside = photos.parent / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"secret")
    (photos / "linked").symlink_to(outside)
    (photos / "lake.jpg").write_bytes(b"")

    assert names_in(photos) == ["lake.jpg"]


def test_a_link_to_nothing_is_a_sentence(photos):
    (photos / "link.jpg").symlink_to("nothing.jpg")

    assert refusal_of(photos / "link.jpg", photos) == "is not a regular file, or a link to nothing"


def test_a_link_to_itself_is_a_sentence(photos):
    (photos / "link.jpg").symlink_to("link.jpg")

    assert refusal_of(photos / "link.jpg", photos) == "is not a regular file, or a link to nothing"


@pytest.mark.timeout(10)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_a_sentence_and_nobody_waits_for_it(photos):
    os.mkfifo(photos / "pipe.jpg")

    assert refusal_of(photos / "pipe.jpg", photos) == "is not a regular file, or a link to nothing"


def test_a_file_that_may_not_be_read_is_a_sentence(photos, monkeypatch):
    (photos / "lake.jpg").write_bytes(b"")

    def read_bytes(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", read_bytes)

    assert refusal_of(photos / "lake.jpg", photos) == "cannot be read: Permission denied"


def test_a_photo_that_is_gone_when_its_turn_comes_is_a_sentence(photos):
    (photos / "lake.jpg").write_bytes(b"")
    [candidate] = candidates(str(photos))
    (photos / "lake.jpg").unlink()

    with pytest.raises(PhotoError, match="is not a regular file, or a link to nothing"):
        candidate.read()


def test_a_folder_that_is_not_there_is_a_sentence(photos):
    with pytest.raises(SourceError, match=r"there is no folder .*/none\. Name a folder of photos, or drawn:120"):
        names_in(photos / "none")


def test_the_home_of_nobody_is_a_sentence():
    with pytest.raises(SourceError, match=r"there is no folder ~no-such-user/photos\. "):
        list(candidates("~no-such-user/photos"))


def test_a_folder_that_may_not_be_reached_is_a_sentence(monkeypatch):
    def is_dir(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", is_dir)

    with pytest.raises(SourceError, match=r"cannot look into /elsewhere: Permission denied\. Give yourself the right"):
        list(candidates("/elsewhere"))


def test_a_file_in_the_place_of_a_folder_is_a_sentence(photos):
    (photos / "lake.jpg").write_bytes(b"")

    with pytest.raises(SourceError, match=r"lake\.jpg is a file\. Name the folder that it is in"):
        names_in(photos / "lake.jpg")


def test_a_folder_without_photos_is_a_sentence(photos):
    with pytest.raises(SourceError, match=r"there is no photo in .*: no file ends in \.avif \.bmp"):
        names_in(photos)


def test_a_folder_that_may_not_be_looked_into_is_a_sentence(photos, monkeypatch):
    def scandir(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", scandir)

    with pytest.raises(SourceError, match=r"cannot look into .*photos: Permission denied\. Give yourself the right"):
        names_in(photos)


# Which source is meant


def test_a_word_before_a_colon_names_a_source():
    assert [one.source for one in open_source("drawn:2")] == ["drawn", "drawn"]


def test_anything_else_is_a_folder(photos):
    (photos / "lake.jpg").write_bytes(b"")

    assert [one.source for one in open_source(str(photos))] == ["folder"]


def test_an_unknown_source_is_a_sentence():
    with pytest.raises(SourceError, match=r"there is no source 'flickr:'\. The sources are \./folder and drawn:\.\.\."):
        open_source("flickr:lakes")


@pytest.mark.parametrize(("source", "brings"), [("drawn:2", True), ("./photos", False)])
def test_only_drawn_landscapes_bring_their_labels(source, brings):
    assert brings_labels(source) == brings
