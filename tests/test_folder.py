"""The source `folder`: which files are photos, what they are called, and what cannot be read."""

import os
from pathlib import Path

import pytest

from pipeline.errors import PhotoError, SourceError
from pipeline.sources.candidate import Candidate, Wanted
from pipeline.sources.catalogue import brings_labels, open_source
from pipeline.sources.folder import candidates, left_out
from pipeline.sources.photo_files import SUFFIXES

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


# What is said of the photos


def said_of(photos: Path, text: str, *, license: str = "") -> Candidate:
    """What is said of lake.jpg when this stands in a CSV file beside it."""
    (photos / "lake.jpg").write_bytes(b"bytes")
    (photos / "credits.csv").write_text(text, encoding="utf-8")
    [candidate] = candidates(str(photos), Wanted(license=license))
    return candidate


def test_nothing_is_said_of_a_photo_by_itself(photos):
    (photos / "lake.jpg").write_bytes(b"")

    [one] = candidates(str(photos))

    assert (one.license, one.license_url, one.redistributable) == ("unknown", "", "")


def test_a_licence_is_stated_for_the_whole_folder(photos):
    (photos / "lake.jpg").write_bytes(b"")

    [one] = candidates(str(photos), Wanted(license="cc by-sa 4.0"))

    assert (one.license, one.license_url, one.redistributable) == (
        "CC-BY-SA-4.0",
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "yes",
    )


def test_a_csv_file_beside_the_photos_says_whose_they_are(photos):
    one = said_of(
        photos,
        "file_name,license,license_url,creator,creator_url,source_url,source_page,title,redistributable\n"
        "lake.jpg,CC BY 4.0,https://creativecommons.org/licenses/by/4.0/,Anna,https://a.example/,"
        "https://a.example/lake.jpg,https://a.example/lake,A lake,no\n",
    )

    assert (one.license, one.license_url) == ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/")
    assert (one.creator, one.creator_url, one.title) == ("Anna", "https://a.example/", "A lake")
    assert (one.source_url, one.source_page) == ("https://a.example/lake.jpg", "https://a.example/lake")
    assert one.redistributable == "no"
    assert (one.name, one.read(), one.source) == ("lake.jpg", b"bytes", "folder")


def test_columns_go_by_other_names(photos):
    one = said_of(
        photos, "Path,Licence,Author,URL,Page\nlake.jpg,CC0,Anna,https://a.example/lake.jpg,https://a.example/\n"
    )

    assert (one.license, one.creator, one.redistributable) == ("CC0-1.0", "Anna", "yes")
    assert (one.source_url, one.source_page) == ("https://a.example/lake.jpg", "https://a.example/")


def test_what_stands_beside_a_photo_counts_more_than_what_the_whole_folder_is_under(photos):
    one = said_of(photos, "file,license\nlake.jpg,CC0-1.0\n", license="CC-BY-4.0")

    assert one.license == "CC0-1.0"


def test_a_photo_of_which_no_licence_is_said_is_under_that_of_the_whole_folder(photos):
    one = said_of(photos, "file,license,creator\nlake.jpg,,Anna\n", license="CC-BY-4.0")

    assert (one.license, one.creator) == ("CC-BY-4.0", "Anna")


@pytest.mark.parametrize("cell", ["./lake.jpg", "lake.jpg", '"lake.jpg"'])
def test_a_file_may_be_named_in_several_ways(photos, cell):
    assert said_of(photos, f"file,creator\n{cell},Anna\n").creator == "Anna"


def test_a_photo_further_down_is_named_by_its_path(photos):
    (photos / "2024").mkdir()
    (photos / "2024" / "lake.jpg").write_bytes(b"")
    (photos / "credits.csv").write_text("file,creator\n2024\\lake.jpg,Anna\nlake.jpg,Bert\n", encoding="utf-8")

    [one] = candidates(str(photos))

    assert one.creator == "Anna"


def test_letters_with_marks_may_be_composed_or_not(photos):
    (photos / "O\u0308tztal.jpg").write_bytes(b"")
    (photos / "credits.csv").write_text("file,creator\n\u00d6tztal.jpg,Anna\n", encoding="utf-8")

    [one] = candidates(str(photos))

    assert one.creator == "Anna"


def test_a_csv_file_may_name_photos_that_are_not_there(photos):
    assert said_of(photos, "file,creator\nsea.jpg,Bert\nlake.jpg,Anna\n").creator == "Anna"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_cells_may_be_separated_otherwise(photos, separator):
    text = "file,creator,title\nlake.jpg,Anna,A lake\n".replace(",", separator)

    assert said_of(photos, text).creator == "Anna"


def test_several_csv_files_complement_one_another(photos):
    (photos / "a.csv").write_text("file,creator,title\nlake.jpg,Anna,\n", encoding="utf-8")

    one = said_of(photos, "file,creator,title\nlake.jpg,Bert,A lake\n")

    assert (one.creator, one.title) == ("Anna", "A lake")


def test_two_licences_of_one_photo_are_a_sentence(photos):
    with pytest.raises(
        SourceError, match=r"credits\.csv, line 3: lake\.jpg is under CC0-1\.0 here and CC-BY-4\.0 before"
    ):
        said_of(photos, "file,license\nlake.jpg,cc by 4.0\nlake.jpg,cc0\n")


@pytest.mark.parametrize("text", ["", "file,kind\nlake.jpg\n", "creator,title\nAnna\n", "file\nlake.jpg\n"])
def test_a_csv_file_that_says_nothing_of_photos_is_left_alone(photos, text):
    assert said_of(photos, text).creator == ""


def test_a_csv_file_that_speaks_of_more_than_credits_is_read_for_those(photos):
    assert said_of(photos, "file,creator,width\nlake.jpg,Anna,wide\n").creator == "Anna"


def test_a_hidden_csv_file_and_one_further_down_are_left_alone(photos):
    (photos / "more").mkdir()
    for name in (".credits.csv", "more/credits.csv"):
        (photos / name).write_text("file,creator\nlake.jpg,Bert\n", encoding="utf-8")

    assert said_of(photos, "").creator == ""


def test_a_csv_file_that_is_a_link_out_of_the_folder_is_not_followed(photos):
    (photos.parent / "credits.csv").write_text("file,creator\nlake.jpg,Bert\n", encoding="utf-8")
    (photos / "lake.jpg").write_bytes(b"")
    (photos / "credits.csv").symlink_to(photos.parent / "credits.csv")

    [one] = candidates(str(photos))

    assert one.creator == ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("file,license\nlake.jpg,CC0\nsea.jpg\n", r"credits\.csv, line 3: 1 cells, expected 2"),
        ('file,license\n"lake.jpg,CC0\n', r"credits\.csv, line 2: this is not CSV: unexpected end of data"),
        ("file,redistributable\nlake.jpg,perhaps\n", r"line 2: redistributable is 'perhaps', expected yes or no"),
    ],
)
def test_a_csv_file_that_is_not_as_it_should_be_is_a_sentence(photos, text, sentence):
    with pytest.raises(SourceError, match=sentence):
        said_of(photos, text)


def test_a_csv_file_of_another_encoding_is_a_sentence(photos):
    (photos / "lake.jpg").write_bytes(b"")
    (photos / "credits.csv").write_bytes("file,creator\nlake.jpg,Jürgen\n".encode("cp1252"))

    with pytest.raises(SourceError, match=r"credits\.csv, line 2: not UTF-8\. Save the file as UTF-8"):
        list(candidates(str(photos)))


def test_a_csv_file_that_may_not_be_read_is_a_sentence(photos, monkeypatch):
    (photos / "lake.jpg").write_bytes(b"")
    (photos / "credits.csv").write_text("file,creator\n", encoding="utf-8")

    def refuse(path: Path, mode: str):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(SourceError, match=r"cannot read .*credits\.csv: Permission denied"):
        list(candidates(str(photos)))


def test_files_that_are_no_photos_are_counted_by_their_endings(photos):
    for name in ("lake.jpg", "a.txt", "b.TXT", "README", ".hidden.txt", "credits.csv"):
        (photos / name).write_bytes(b"")

    assert left_out(str(photos)) == {".txt": 2, "": 1, ".csv": 1}


def test_folders_of_our_own_are_not_looked_into(photos):
    (photos / "data").mkdir()
    for name in ("lake.jpg", "data/sea.jpg"):
        (photos / name).write_bytes(b"")

    assert [one.name for one in candidates(str(photos), Wanted(without=[photos / "data"]))] == ["lake.jpg"]


# Which source is meant


def test_a_word_before_a_colon_names_a_source():
    assert [one.source for one in open_source("drawn:2")] == ["drawn", "drawn"]


def test_anything_else_is_a_folder(photos):
    (photos / "lake.jpg").write_bytes(b"")

    assert [one.source for one in open_source(str(photos))] == ["folder"]


def test_an_unknown_source_is_a_sentence():
    with pytest.raises(SourceError, match=r"there is no source 'nowhere:'\. Name a folder, an archive, "):
        open_source("nowhere:lakes")


@pytest.mark.parametrize(("source", "brings"), [("drawn:2", True), ("./photos", False)])
def test_only_drawn_landscapes_bring_their_labels(source, brings):
    assert brings_labels(source) == brings
