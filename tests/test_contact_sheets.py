"""Contact sheets: who stands on which, with which words, and what is on the page."""

import numpy as np
import pytest
from PIL import Image

from pipeline.console import Console
from pipeline.errors import GauganpipeError, WorkspaceError
from pipeline.inspection.contact_sheets import Sheeting, choose, make_sheets, plan
from pipeline.manifest import read, writing
from pipeline.rows import Row
from pipeline.workspace import Workspace
from tests.exported import bytes_in, fill, row_of


def a_row(id: str, **cells) -> Row:
    made = {"file_name": f"{id}.jpg", "label_file_name": f"{id}.png", "status": "ok", "original_name": f"{id}.jpg"}
    return Row(id=id, **{**made, **cells})


def pages(workspace: Workspace, *rows: Row, **asked) -> dict[str, list[tuple[str, str]]]:
    """File -> ids and words of its rows."""
    with writing(workspace) as manifest:
        for row in rows:
            manifest.record(row)
    found = choose(read(workspace), Sheeting(**asked))
    return {page.file: [(row.id, said) for row, said in page.rows] for page in found}


def test_a_class_shows_the_photos_that_have_most_of_it(workspace):
    shares = {"ga": 0.1, "gb": 0.7, "gc": 0.0, "gd": 0.4}

    found = pages(workspace, *(a_row(id, shares={"snow": share}) for id, share in shares.items()), by="classes")

    assert found == {"class-snow-1.png": [("gb", "snow 70.0%"), ("gd", "snow 40.0%"), ("ga", "snow 10.0%")]}


def test_one_class_can_be_asked_for(workspace):
    found = pages(workspace, a_row("ga", shares={"snow": 0.5, "sea": 0.5}), classes=("sea",))

    assert [*found] == ["class-sea-1.png"]


def test_the_least_certain_come_first_and_reviewed_ones_not_at_all(workspace):
    found = pages(
        workspace,
        a_row("ga", label_confidence=0.9),
        a_row("gb", label_confidence=0.5, flags="little_sky"),
        a_row("gc", label_confidence=0.1, label_reviewed="yes"),
        a_row("gd", label_confidence=0.2, keep="no"),
        by="confidence",
    )

    assert found == {"confidence-1.png": [("gb", "0.500 little_sky"), ("ga", "0.900")]}


def test_rejected_photos_stand_by_their_reason(workspace):
    found = pages(
        workspace,
        a_row("ga", status="rejected", rule="blur", rule_value=0.125),
        a_row("gb", status="failed", error="gb.jpg is cut off"),
        a_row("gc", keep="no"),
        a_row("gd", status="rejected", rule="min_side", file_name=""),
        by="rejected",
    )

    assert found == {
        "rejected-blur-1.png": [("ga", "blur 0.125")],
        "rejected-by-you-1.png": [("gc", "keep=no")],
        "rejected-failed-1.png": [("gb", "gb.jpg is cut off")],
    }


def test_many_photos_take_as_many_pages_as_were_asked_for(workspace):
    rows = [a_row(f"g{number:02d}", shares={"snow": 1.0}) for number in range(40)]

    found = pages(workspace, *rows, by="classes", pages=2)

    assert {name: len(shown) for name, shown in found.items()} == {"class-snow-1.png": 15, "class-snow-2.png": 15}


@pytest.mark.parametrize(
    ("asked", "said"), [({"by": "size"}, "no sheets by 'size'"), ({"classes": ("ice",)}, "no class 'ice'")]
)
def test_what_nobody_knows_is_a_sentence(workspace, asked, said):
    with pytest.raises(GauganpipeError, match=said):
        pages(workspace, **asked)


def test_the_pages_are_written_and_stay_when_nothing_changed(workspace):
    fill(workspace)
    done = make_sheets(read(workspace), Sheeting(), console=Console(quiet=True))
    before = bytes_in(workspace.root)

    again = make_sheets(read(workspace), Sheeting(), console=Console(quiet=True))

    assert [path.name for path in done.pages] == ["class-sky-1.png", "class-rock-1.png", "confidence-1.png"]
    assert (done.written, again.written, done.photos) == (3, 0, 6)
    assert bytes_in(workspace.root) == before
    with Image.open(done.pages[0]) as page:
        assert len(np.unique(np.array(page).reshape(-1, 3), axis=0)) > 100


def test_a_photo_that_cannot_be_read_is_a_grey_tile(workspace):
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "ga", 0))
    workspace.made("images", "ga").unlink()
    workspace.made("labels", "ga").unlink()

    [page] = make_sheets(read(workspace), Sheeting(by="confidence"), console=Console(quiet=True)).pages

    with Image.open(page) as shown:
        assert (0xDD, 0xDD, 0xDD) in {colour for _, colour in shown.getcolors(2**20)}


def test_a_plan_writes_nothing(workspace):
    fill(workspace)
    before = bytes_in(workspace.root)

    lines = plan(read(workspace), Sheeting(by="confidence"))

    folder = workspace.root / "data" / "sheets"
    assert lines == [f"would write 1 sheet to {folder}", f"sheet {folder / 'confidence-1.png'}"]
    assert bytes_in(workspace.root) == before


def test_where_there_is_nothing_to_show_it_says_so(workspace):
    with writing(workspace):
        pass

    assert make_sheets(read(workspace), Sheeting(), console=Console(quiet=True)).lines() == ["no photo to show"]


def test_a_sheet_replaces_no_file_but_its_like(workspace, tmp_path):
    fill(workspace)
    asked = Sheeting(by="confidence", out=tmp_path)
    (tmp_path / "confidence-1.png").write_bytes(b"a photo")

    with pytest.raises(WorkspaceError, match=r"confidence-1\.png is there and was not written by this command"):
        make_sheets(read(workspace), asked, console=Console(quiet=True))

    assert (tmp_path / "confidence-1.png").read_bytes() == b"a photo"
