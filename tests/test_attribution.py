"""Whose the photos are: the file that says so."""

import csv
import io

import pytest

from pipeline.attribution import COLUMNS, FILE_NAME, as_csv, asks_for_a_name, attribute, plan
from pipeline.errors import ManifestError, WorkspaceError
from pipeline.manifest import writing
from pipeline.rows import FAILED, OK, REJECTED, Row

LAKE = Row(
    id="g1",
    status=OK,
    title="A lake, at dawn",
    creator="Ann Ansel",
    license="CC-BY-4.0",
    license_url="https://creativecommons.org/licenses/by/4.0/",
    source_page="https://photos.example/lake",
    changes="shrunk from 4000x3000",
    redistributable="yes",
)


def lines_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


@pytest.fixture
def filled(workspace):
    """A photo of each sort."""
    with writing(workspace) as manifest:
        manifest.record(LAKE)
        manifest.record(Row(id="g2", status=OK, license="CC-BY-SA-3.0"))
        manifest.record(Row(id="g3", status=OK, license="LicenseRef-Unsplash-Lite", redistributable="no"))
        manifest.record(Row(id="g4", status=OK, license="CC0-1.0", keep="no"))
        manifest.record(Row(id="g5", status=FAILED, license="CC0-1.0"))
        manifest.record(Row(id="g6", status=REJECTED, license="CC0-1.0"))
    return workspace


def test_every_photo_that_can_be_used_is_named_with_all_that_is_known():
    [line] = lines_of(as_csv([LAKE]))

    assert line == {name: getattr(LAKE, name) for name in COLUMNS}


def test_no_cell_is_a_formula_in_a_spreadsheet():
    [line] = lines_of(as_csv([Row(id="g1", title='=HYPERLINK("http://evil.example")', creator="@cmd", changes="-1")]))

    assert (line["title"], line["creator"], line["changes"]) == ('\'=HYPERLINK("http://evil.example")', "'@cmd", "'-1")


def test_the_file_stands_in_the_workspace_and_leaves_out_what_is_not_used(filled):
    done = attribute(filled)

    assert done.file == filled.root / FILE_NAME
    assert [line["id"] for line in lines_of(done.file.read_bytes())] == ["g1", "g2", "g3"]


def test_what_is_missing_and_what_may_not_be_handed_on_is_counted(filled):
    done = attribute(filled)

    assert (done.photos, done.unnamed, done.refused) == (3, 1, 1)
    assert done.lines()[1:] == [
        "      1 CC-BY-4.0",
        "      1 CC-BY-SA-3.0",
        "      1 LicenseRef-Unsplash-Lite",
        "      1 without the creator's name, though their licence asks for it",
        "      1 that may not be handed on",
    ]


@pytest.mark.parametrize(
    ("license", "asks"), [("CC-BY-SA-3.0", True), ("LicenseRef-CC-BY-2.0-KR", True), ("CC0-1.0", False), ("", False)]
)
def test_which_licences_ask_for_a_name(license, asks):
    assert asks_for_a_name(Row(id="g1", license=license)) is asks


def test_another_place_can_be_named(filled, tmp_path):
    place = tmp_path / "release" / "credits.csv"

    assert attribute(filled, place).file == place
    assert len(lines_of(place.read_bytes())) == 3


@pytest.mark.parametrize("write", [attribute, plan])
def test_no_other_file_is_replaced(filled, tmp_path, write):
    photo = tmp_path / "x.jpg"
    photo.write_bytes(b"a photo")
    before = filled.dataset_csv.read_bytes()

    for out in (photo, filled.dataset_csv):
        with pytest.raises(WorkspaceError, match=r"Name (another file|a file elsewhere)"):
            write(filled, out)

    assert (photo.read_bytes(), filled.dataset_csv.read_bytes()) == (b"a photo", before)


def test_a_plan_writes_nothing(filled):
    lines = plan(filled)

    assert lines[0] == f"would write {filled.root / FILE_NAME}"
    assert not (filled.root / FILE_NAME).exists()


def test_a_second_run_writes_the_same(filled):
    first = attribute(filled).file.read_bytes()

    assert attribute(filled).file.read_bytes() == first


def test_without_a_manifest_it_says_what_to_do(workspace):
    with pytest.raises(ManifestError, match="no manifest at"):
        attribute(workspace)


def test_the_lines_stand_in_the_order_of_their_ids():
    assert [line["id"] for line in lines_of(as_csv(Row(id=name) for name in ("g9", "g7")))] == ["g7", "g9"]
