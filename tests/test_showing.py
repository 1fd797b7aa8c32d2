"""One row: found by what a person calls it, told column by column, and shown."""

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import GauganpipeError, WorkspaceError
from pipeline.inspection.showing import show
from pipeline.manifest import read, writing
from pipeline.rows import Row
from pipeline.workspace import write_atomically
from tests.exported import LANDSCAPE, bytes_in, fill, row_of


@pytest.fixture
def filled(workspace):
    return fill(workspace)


@pytest.mark.parametrize("said", ["g3a", "g3", "g3a.jpg", "3a.jp"])
def test_a_row_is_found_by_its_id_the_beginning_of_it_or_its_name(filled, said):
    assert show(read(filled), said, writes=False).cells["id"] == "g3a"


def test_a_whole_id_goes_before_the_beginning_of_others(workspace):
    with writing(workspace) as manifest:
        for id in ("ga", "gab"):
            manifest.record(Row(id=id))

    assert show(read(workspace), "ga").cells == {"id": "ga"}


def test_several_rows_are_named(filled):
    with pytest.raises(GauganpipeError, match=r"'g' may mean g0a \(g0a\.jpg\), g1a .* and 1 more\. Say more of the id"):
        show(read(filled), "g")


def test_no_row_is_a_sentence(filled):
    with pytest.raises(GauganpipeError, match=r"there is no row 'sea'\. Say an id"):
        show(read(filled), "sea")


def test_cells_that_say_something_and_classes_are_told(filled):
    done = show(read(filled), "g1a", writes=False)
    row = read(filled).rows["g1a"]

    assert (done.cells["creator"], done.cells["width"], "error" in done.cells) == ("Zoë Ansel", "12", False)
    assert [*done.shares] == sorted(row.shares, key=lambda name: -row.shares[name])
    assert f"{'title':<20}=lake" in done.lines()


def test_the_picture_shows_photo_labels_instances_and_edges(filled):
    done = show(read(filled), "g1a")

    assert done.picture == filled.root / "data" / "shown" / "g1a.png"
    pixels = np.array(Image.open(done.picture))
    ids = np.array(Image.open(filled.made("labels", "g1a")))
    colours = {one.colour for one in LANDSCAPE.categories if one.id in ids}
    assert {(0, 0, 0), (255, 255, 255), *colours} <= {tuple(colour) for colour in pixels.reshape(-1, 3).tolist()}


def test_the_picture_goes_where_it_is_told(filled, tmp_path):
    before = bytes_in(filled.root)

    done = show(read(filled), "g1a", out=tmp_path / "lake.png")

    assert (done.picture, bytes_in(filled.root)) == (tmp_path / "lake.png", before)


def test_the_picture_replaces_no_file_but_its_like(filled, tmp_path):
    mine = tmp_path / "lake.jpg"
    mine.write_bytes(filled.made("images", "g1a").read_bytes())
    before = bytes_in(filled.root)

    for out in (mine, filled.dataset_csv, filled.made("labels", "g1a")):
        for writes in (True, False):
            with pytest.raises(WorkspaceError, match=r"Name (another file|a file elsewhere)"):
                show(read(filled), "g1a", out=out, writes=writes)
    show(read(filled), "g1a", out=tmp_path / "lake.png")
    show(read(filled), "g2a", out=tmp_path / "lake.png")

    assert bytes_in(filled.root) == before
    assert mine.read_bytes() == filled.made("images", "g1a").read_bytes()


def test_shown_again_the_picture_stays(filled):
    path = show(read(filled), "g1a").picture
    before = path.stat().st_mtime_ns

    show(read(filled), "g1a")

    assert path.stat().st_mtime_ns == before


def test_what_cannot_be_read_is_shown_as_such(filled):
    write_atomically(filled.made("labels", "g1a"), b"nonsense")
    filled.made("edges", "g1a").unlink()

    assert show(read(filled), "g1a").picture.is_file()


def test_a_row_without_files_has_no_picture(workspace):
    with writing(workspace) as manifest:
        manifest.record(Row(id="ga", status="failed", error="ga.jpg is a GIF"))

    done = show(read(workspace), "ga")

    assert done.picture is None
    assert done.lines() == [f"{'id':<20}ga", f"{'status':<20}failed", f"{'error':<20}ga.jpg is a GIF"]


def test_an_upright_photo_is_shown_in_one_line(workspace):
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "ga", 0, instances=np.ones((30, 10), np.uint16)))

    with Image.open(show(read(workspace), "ga").picture) as page:
        assert page.width > 2 * page.height
