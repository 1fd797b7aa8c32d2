"""The source that is a list of addresses: text, CSV, TSV and parquet, as people write them."""

import sys
import tracemalloc
from pathlib import Path

import pytest

from pipeline.errors import SourceError
from pipeline.sources.candidate import Candidate, Wanted
from pipeline.sources.url_list import AGAIN, NO_ADDRESS, candidates, left_out

LAKE, SEA = "https://a.example/lake.jpg", "https://a.example/sea.jpg"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


@pytest.fixture
def listed(tmp_path):
    """The candidates of a list with this in it."""

    def listed(name: str, text: str | bytes, wanted: Wanted | None = None) -> list[Candidate]:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return list(candidates(str(tmp_path / name), wanted or Wanted()))

    return listed


@pytest.fixture
def parquet(tmp_path):
    """Writes a parquet file with these columns."""
    arrow, files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

    def write(**columns: list) -> str:
        files.write_table(arrow.table(columns), tmp_path / "list.parquet")
        return str(tmp_path / "list.parquet")

    return write


# Text


def test_a_text_file_has_an_address_a_line(listed):
    assert [one.source_url for one in listed("list.txt", f"{LAKE}\n{SEA}\n")] == [LAKE, SEA]


def test_an_address_is_the_name_of_its_photo_for_ever_and_nothing_is_here_yet(listed):
    [one] = listed("list.txt", LAKE)

    assert (one.name, one.source, one.fixed, one.read) == (LAKE, "urls", True, None)


def test_remarks_and_blank_lines_are_passed_over(listed):
    text = f"# lakes\n\n   \n  # more\n {LAKE} \r\n"

    assert [one.source_url for one in listed("list.txt", text)] == [LAKE]


def test_nobodys_password_goes_into_a_manifest(listed):
    [one] = listed("list.txt", "https://ann:secret@a.example/lake@dawn.jpg")

    assert (one.name, one.source_url) == ("https://...@a.example/lake@dawn.jpg",) * 2


def test_the_fragment_of_an_address_is_no_part_of_it(listed):
    assert [one.name for one in listed("list.txt", f"{LAKE}#top\n{LAKE}\n")] == [LAKE]


def test_the_same_address_twice_is_one_photo(listed):
    assert [one.name for one in listed("list.txt", f"{LAKE}\n{SEA}\n{LAKE}\n")] == [LAKE, SEA]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://a.example/lake.jpg", "lake.jpg", "http://[", "a b"])
def test_whether_an_address_can_be_asked_is_not_judged_here(listed, address):
    assert [one.source_url for one in listed("list.txt", address)] == [address]


def test_a_comma_is_a_letter_of_an_address(listed):
    assert [one.source_url for one in listed("list.txt", "https://a.example/u=17,18&f=jpg")] == [
        "https://a.example/u=17,18&f=jpg"
    ]


def test_a_long_address_is_cut_in_the_name_and_stays_apart_from_others(listed):
    long = "https://a.example/" + "x" * 2000

    one, other = listed("list.txt", f"{long}1\n{long}2\n")

    assert one.source_url == f"{long}1"
    assert len(one.name) < 600 and one.name != other.name


def test_a_byte_order_mark_is_no_part_of_the_first_address(listed):
    assert [one.source_url for one in listed("list.txt", b"\xef\xbb\xbf" + LAKE.encode())] == [LAKE]


def test_a_list_of_another_encoding_is_a_sentence(listed):
    with pytest.raises(SourceError, match=r"list\.txt, line 2: not UTF-8\. Save the file as UTF-8"):
        listed("list.txt", f"{LAKE}\nhttps://a.example/Ötztal.jpg\n".encode("cp1252"))


def test_a_file_without_lines_is_a_sentence(listed):
    with pytest.raises(SourceError, match=r"list\.txt, line 1: longer than 1,000,000 bytes"):
        listed("list.txt", b"x" * 1_000_001)


@pytest.mark.parametrize(("name", "text"), [("list.txt", "# nothing\n"), ("list.csv", ""), ("list.tsv", "url\n\n")])
def test_a_list_without_an_address_is_a_sentence(listed, name, text):
    with pytest.raises(SourceError, match=r"there is no address in .*list\.[a-z]+\. Write one a line"):
        listed(name, text)


# Tables


def test_a_table_says_more_of_its_photos(listed):
    [one] = listed(
        "list.csv",
        "url,license,license_url,creator,creator_url,source_page,title,width,height,sha1,redistributable\n"
        f"{LAKE},by,https://creativecommons.org/licenses/by/2.0/,Anna,https://a.example/anna,"
        f'https://a.example/lake,"A lake, at dawn",1280,720,{SHA1.upper()},no\n',
    )

    assert (one.name, one.source_url, one.title) == (LAKE, LAKE, "A lake, at dawn")
    assert (one.license, one.license_url) == ("CC-BY-2.0", "https://creativecommons.org/licenses/by/2.0/")
    assert (one.creator, one.creator_url, one.source_page) == (
        *("Anna", "https://a.example/anna", "https://a.example/lake"),
    )
    assert (one.width, one.height, one.sha1, one.redistributable) == (1280, 720, SHA1, "no")


@pytest.mark.parametrize(
    "name", ["url", "URL", "Image URL", "image_url", "imageUrl", "photo-url", "link", "source_url", "photo_image_url"]
)
def test_a_column_of_addresses_goes_by_many_names(listed, name):
    assert [one.source_url for one in listed("list.csv", f"id,{name}\n1,{LAKE}\n")] == [LAKE]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *(("Licence", "license"), ("LICENSE", "license"), ("Author", "creator"), ("artist", "creator")),
        *(("foreign_landing_url", "source_page"), ("Landing URL", "source_page"), ("page", "source_page")),
        *(("Alt Text", "title"), ("caption", "title"), ("TEXT", "title"), ("author url", "creator_url")),
    ],
)
def test_other_columns_go_by_many_names_too(listed, column, cell):
    [one] = listed("list.csv", f"url,{column}\n{LAKE},LicenseRef-Said\n")

    assert getattr(one, cell) == "LicenseRef-Said"


def test_the_address_of_the_file_counts_where_a_table_has_that_of_its_page_too(listed):
    text = f"photo_url,photo_image_url\nhttps://a.example/page,{LAKE}\n"

    assert [one.source_url for one in listed("list.csv", text)] == [LAKE]


def test_a_table_may_be_separated_by_tabs(listed):
    assert [one.title for one in listed("list.tsv", f"URL\tTEXT\n{LAKE}\tA lake, at dawn\n")] == ["A lake, at dawn"]


def test_a_table_may_be_separated_by_semicolons(listed):
    assert [one.title for one in listed("list.csv", f"url;title\n{LAKE};A lake, at dawn\n")] == ["A lake, at dawn"]


def test_a_licence_is_stated_for_lines_that_say_none(listed):
    lake, sea = listed("list.csv", f"url,license\n{LAKE},\n{SEA},cc0\n", Wanted(license="CC-BY-4.0"))

    assert (lake.license, sea.license) == ("CC-BY-4.0", "CC0-1.0")


def test_a_line_may_go_on_in_the_next(listed):
    lake, sea = listed("list.csv", f'url,title\n{LAKE},"A lake,\nat dawn"\n{SEA},A sea\n')

    assert (lake.title, sea.title) == ("A lake,\nat dawn", "A sea")


def test_lines_without_an_address_and_addresses_that_stand_there_before_are_counted(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f"url,title\n{LAKE},a\n,b\n{LAKE},c\n#x,d\n", encoding="utf-8")

    assert [one.title for one in candidates(str(path))] == ["a"]
    assert left_out(str(path)) == {NO_ADDRESS: 2, AGAIN: 1}


@pytest.mark.parametrize("cell", ["", "nan", "None", "0", "0.0"])
def test_a_width_that_nobody_knows_is_none(listed, cell):
    assert listed("list.csv", f"url,width\n{LAKE},{cell}\n")[0].width is None


def test_a_width_may_be_written_as_pandas_does(listed):
    assert listed("list.csv", f"url,width\n{LAKE},1280.0\n")[0].width == 1280


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"url,width\n{LAKE},wide\n", r"list\.csv, line 2: width is 'wide', expected a number"),
        (f"url,sha1\n{LAKE},12ab\n", r"list\.csv, line 2: sha1 is '12ab', expected 40 hex digits"),
        (f"url,redistributable\n{LAKE},maybe\n", r"list\.csv, line 2: redistributable is 'maybe', expected yes or no"),
        (f'url,title\n{LAKE},"a\nb"\n{LAKE}\n', r"list\.csv, line 4: 1 cells, expected 2"),
        (f'url,title\n{LAKE},"a"b\n', r"list\.csv, line 2: this is not CSV: "),
        (f'url,title\n{LAKE},"a\n', r"list\.csv, line 2: this is not CSV: unexpected end of data"),
        ("id,name\n1,lake\n", r"list\.csv has no column of addresses\. Call one of its columns url: id, name"),
    ],
)
def test_a_line_that_is_not_as_it_should_be_is_a_sentence(listed, text, sentence):
    with pytest.raises(SourceError, match=sentence):
        listed("list.csv", text)


def test_a_list_is_read_as_it_is_asked_for(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(f"url,title\n{LAKE},a\n{SEA}\n", encoding="utf-8")
    photos = candidates(str(path))

    assert next(photos).source_url == LAKE
    with pytest.raises(SourceError, match="line 3"):
        next(photos)


def test_a_long_list_is_never_in_memory(tmp_path):
    path = tmp_path / "list.csv"
    lines = (f"https://a.example/{number:06d}.jpg,{'x' * 5000}\n" for number in range(3_000))
    path.write_text("url,title\n" + "".join(lines), encoding="utf-8")
    tracemalloc.start()

    number = sum(1 for _ in candidates(str(path)))

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number == 3_000
    assert peak_bytes < 3_000_000 < path.stat().st_size


# Parquet


def test_a_parquet_file_is_a_table(parquet):
    spec = parquet(
        URL=[LAKE, SEA, LAKE, None], TEXT=["A lake", None, "again", "nowhere"], WIDTH=[1280.0, float("nan"), 1, 1]
    )

    lake, sea = candidates(spec)

    assert (lake.source_url, lake.title, lake.width) == (LAKE, "A lake", 1280)
    assert (sea.source_url, sea.title, sea.width) == (SEA, "", None)


def test_what_is_wrong_in_a_parquet_file_is_named_by_its_row(parquet):
    spec = parquet(url=[LAKE] * 1500, sha1=["", *["?"] * 1499])

    with pytest.raises(SourceError, match=r"list\.parquet, row 2: sha1 is '\?', expected 40 hex digits"):
        list(candidates(spec))


def test_a_parquet_file_without_addresses_is_a_sentence(parquet):
    with pytest.raises(SourceError, match=r"list\.parquet has no column of addresses\. .* url: key"):
        list(candidates(parquet(key=["1"])))


def test_a_file_that_only_ends_like_parquet_is_a_sentence(listed):
    pytest.importorskip("pyarrow")

    with pytest.raises(SourceError, match=r"list\.parquet cannot be read as parquet: .*\. Get it again"):
        listed("list.parquet", "url\n")


def test_a_parquet_file_without_pyarrow_is_a_sentence(listed, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(SourceError, match=r"needs pyarrow, .* Run pip install 'gauganpipe\[sources\]'"):
        listed("list.parquet", "")


# Which file is meant


def test_a_list_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"there is no list .*none\.txt\. Name a file with an address a line"):
        list(candidates(str(tmp_path / "none.txt")))


def test_another_file_is_a_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"list\.doc is no list of addresses: its name ends in none of \.txt \.csv"):
        list(candidates(str(tmp_path / "list.doc")))


def test_a_list_that_may_not_be_read_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "list.txt").write_text(LAKE, encoding="utf-8")

    def refuse(path: Path, mode: str):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(SourceError, match=r"cannot read .*list\.txt: Permission denied"):
        list(candidates(str(tmp_path / "list.txt")))
