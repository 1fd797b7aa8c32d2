"""The source `unsplash:PATH`: what a line of the dataset's table of photos becomes."""

from pathlib import Path

import pytest

from pipeline.errors import SourceError
from pipeline.sources.candidate import Candidate, Wanted
from pipeline.sources.unsplash import candidates

LINE = {
    "photo_id": "XMyPniM9LF0",
    "photo_url": "https://unsplash.com/photos/XMyPniM9LF0",
    "photo_image_url": "https://images.unsplash.com/uploads/14119492946973137ce46/f1f2ebf3",
    "photo_submitted_at": "2014-09-29 00:08:38.594364",
    "photo_featured": "t",
    "photo_width": "4272",
    "photo_height": "2848",
    "photo_aspect_ratio": "1.5",
    "photo_description": "Woman exploring a forest",
    "photographer_username": "michellespencer77",
    "photographer_first_name": "Michelle",
    "photographer_last_name": "Spencer",
    "exif_camera_make": "Canon",
    "ai_description": "woman walking in the middle of forest",
    "blur_hash": "L56bVcRRIWMh.gVunlS4SMbsRRxr",
}
"""As the first line of the Lite dataset, less some columns."""


def table(*lines: dict[str, str]) -> str:
    return "".join("\t".join(cells) + "\n" for cells in (LINE, *(line.values() for line in lines)))


@pytest.fixture
def photo(tmp_path):
    """The candidate of the one line that says this."""

    def photo(wanted: Wanted | None = None, **cells: str) -> Candidate:
        (tmp_path / "photos.tsv000").write_text(table({**LINE, **cells}), encoding="utf-8")
        [one] = candidates(str(tmp_path / "photos.tsv000"), wanted or Wanted())
        return one

    return photo


def test_a_line_is_a_photo_with_its_page_title_and_photographer(photo):
    one = photo()

    assert (one.name, one.source, one.fixed, one.read) == ("unsplash/XMyPniM9LF0", "unsplash", True, None)
    assert (one.source_page, one.title) == ("https://unsplash.com/photos/XMyPniM9LF0", "Woman exploring a forest")
    assert (one.creator, one.creator_url) == ("Michelle Spencer", "https://unsplash.com/@michellespencer77")


def test_a_photo_is_under_the_terms_of_the_dataset_and_may_not_be_handed_on(photo):
    one = photo()

    assert (one.license, one.license_url, one.redistributable) == (
        *("LicenseRef-Unsplash-Lite", "https://unsplash.com/data-terms", "no"),
    )


def test_the_full_dataset_is_under_what_its_user_says_and_may_not_be_handed_on_either(photo):
    one = photo(Wanted(license="LicenseRef-Unsplash-Full"))

    assert (one.license, one.redistributable) == ("LicenseRef-Unsplash-Full", "no")


def test_a_photo_is_asked_for_in_the_size_in_which_it_is_kept(photo):
    assert photo().source_url == (
        "https://images.unsplash.com/uploads/14119492946973137ce46/f1f2ebf3?w=2048&h=2048&fit=max&fm=jpg&q=90"
    )


def test_an_address_that_asks_for_something_already_is_kept(photo):
    assert photo(photo_image_url="https://images.unsplash.com/photo-1?ixid=2").source_url == (
        "https://images.unsplash.com/photo-1?ixid=2&w=2048&h=2048&fit=max&fm=jpg&q=90"
    )


@pytest.mark.parametrize(
    ("width", "height", "sized"),
    [("4272", "2848", (2048, 1365)), ("3000", "6000", (1024, 2048)), ("1000", "500", (1000, 500))],
)
def test_the_size_is_that_of_the_file_that_is_asked_for(photo, width, height, sized):
    one = photo(photo_width=width, photo_height=height)

    assert (one.width, one.height) == sized


def test_a_photo_without_a_description_has_that_of_a_machine(photo):
    assert photo(photo_description="").title == "woman walking in the middle of forest"


@pytest.mark.parametrize(
    ("first", "last", "creator"),
    [("Michelle", "", "Michelle"), ("", "Spencer", "Spencer"), ("", "", "michellespencer77")],
)
def test_a_photographer_may_have_one_name_or_none(photo, first, last, creator):
    assert photo(photographer_first_name=first, photographer_last_name=last).creator == creator


def test_a_username_is_only_a_name(photo):
    assert photo(photographer_username="../a?b").creator_url == "https://unsplash.com/@..%2Fa%3Fb"


def test_cells_may_be_quoted(photo):
    assert photo(photo_description='"A ""forest""\tand a tab"').title == 'A "forest"\tand a tab'


# Which tables


def test_a_folder_is_asked_for_its_tables_of_photos(tmp_path):
    (tmp_path / "photos.tsv001").write_text(table({**LINE, "photo_id": "b"}), encoding="utf-8")
    (tmp_path / "photos.tsv000").write_text(table({**LINE, "photo_id": "a"}), encoding="utf-8")
    (tmp_path / "keywords.tsv000").write_text("photo_id\tkeyword\n", encoding="utf-8")

    assert [one.name for one in candidates(str(tmp_path))] == ["unsplash/a", "unsplash/b"]


def test_tables_of_versions_that_called_them_csv_are_found(tmp_path):
    (tmp_path / "photos.csv000").write_text(table(LINE), encoding="utf-8")

    assert [one.name for one in candidates(str(tmp_path))] == ["unsplash/XMyPniM9LF0"]


def test_tables_may_be_named_by_a_pattern(tmp_path):
    for number in range(3):
        (tmp_path / f"photos.tsv00{number}").write_text(table({**LINE, "photo_id": str(number)}), encoding="utf-8")

    assert [one.name for one in candidates(str(tmp_path / "photos.tsv00[12]"))] == ["unsplash/1", "unsplash/2"]


def test_a_photo_that_is_there_twice_comes_once(tmp_path):
    (tmp_path / "photos.tsv000").write_text(table(LINE, LINE), encoding="utf-8")

    assert len(list(candidates(str(tmp_path)))) == 1


@pytest.mark.parametrize("spec", ["none", "photos.tsv*", "", "~no-such-user/photos.tsv000", "**x"])
def test_no_table_is_a_sentence(tmp_path, monkeypatch, spec):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SourceError, match=r"there is no table of Unsplash photos at .*https://unsplash\.com/data"):
        list(candidates(spec))


@pytest.mark.parametrize("column", ["photo_id", "photo_image_url", "photographer_username", "ai_description"])
def test_a_column_that_is_missing_is_named(tmp_path, column):
    line = {name: cell for name, cell in LINE.items() if name != column}
    (tmp_path / "photos.tsv000").write_text("\t".join(line) + "\n", encoding="utf-8")

    with pytest.raises(SourceError, match=rf"photos\.tsv000 has no column '{column}': it is no table of photos"):
        list(candidates(str(tmp_path)))


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"photo_id": ""}, r"photos\.tsv000, line 2: photo_id is empty"),
        ({"photo_image_url": ""}, r"photos\.tsv000, line 2: photo_image_url is empty"),
        ({"photo_width": "wide"}, r"photos\.tsv000, line 2: photo_width is 'wide', expected a number"),
        ({"photo_description": "a\tb"}, r"photos\.tsv000, line 2: 16 cells, expected 15"),
    ],
)
def test_a_line_that_is_not_as_it_should_be_is_a_sentence(photo, cells, sentence):
    with pytest.raises(SourceError, match=sentence):
        photo(**cells)


def test_a_table_that_may_not_be_read_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "photos.tsv000").write_text(table(LINE), encoding="utf-8")

    def refuse(path: Path, mode: str):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(SourceError, match=r"cannot read .*photos\.tsv000: Permission denied"):
        list(candidates(str(tmp_path)))
