"""What every layout keeps: an idle second run, the same bytes again, splits one by one, silence on what stays home."""

import csv
from pathlib import Path

import pytest

from pipeline.exports.catalogue import LAYOUTS, described, open_layout
from pipeline.exports.photos import read_photos
from pipeline.manifest import read, writing
from pipeline.workspace import Workspace
from tests.exported import SPLITS, WIDTH, bytes_in, exported, fill, row_of


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(Workspace(root=tmp_path_factory.mktemp("filled")))


@pytest.fixture(scope="module")
def folders(workspace, tmp_path_factory) -> dict[str, Path]:
    """Name of a layout -> where the workspace was exported to in it."""
    root = tmp_path_factory.mktemp("exported")
    for layout in LAYOUTS:
        exported(workspace, root / layout, layout)
    return {layout: root / layout for layout in LAYOUTS}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_run_is_idle(workspace, folders, layout):
    before = {path: path.stat().st_mtime_ns for path in folders[layout].rglob("*") if path.is_file()}

    done = exported(workspace, folders[layout], layout)

    assert (done.written, done.unchanged) == (0, 6)
    assert {path: path.stat().st_mtime_ns for path in folders[layout].rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_same_photos_make_the_same_bytes(workspace, folders, tmp_path, layout):
    exported(workspace, tmp_path / "another name", layout)

    assert bytes_in(tmp_path / "another name") == bytes_in(folders[layout])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_split_after_the_other_is_the_whole(workspace, folders, tmp_path, layout):
    for split in ("val", "train", "test"):
        exported(workspace, tmp_path / "parts", layout, split=split)

    assert bytes_in(tmp_path / "parts") == bytes_in(folders[layout])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_may_not_be_handed_on_is_in_no_file(tmp_path, layout):
    workspace = fill(Workspace(root=tmp_path / "workspace"))
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "gsecret", 9, redistributable="no"))

    done = exported(workspace, tmp_path / "out", layout)

    assert done.not_redistributable == 1
    assert not [name for name, data in bytes_in(tmp_path / "out").items() if "gsecret" in name or b"gsecret" in data]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_changed_photo_is_exported_again_and_the_others_are_not(tmp_path, layout):
    workspace = fill(Workspace(root=tmp_path / "workspace"))
    exported(workspace, tmp_path / "out", layout)
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g3a", 33, split="val"))

    done = exported(workspace, tmp_path / "out", layout)
    exported(workspace, tmp_path / "fresh", layout)

    assert done.written == 1
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "fresh")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pandas_reads_whose_the_photos_are_and_where(folders, layout):
    import pandas

    table = pandas.read_csv(folders[layout] / "photos.csv", dtype=str, keep_default_na=False)

    assert dict(table["split"].value_counts()) == SPLITS
    assert set(table["creator"]) == {"", "Zoë Ansel"}
    files = [name for column in ("file_name", "label_file_name") for name in table[column] if name]
    assert all((folders[layout] / name).is_file() for name in files)


def test_every_layout_says_what_it_is_and_how_it_is_read():
    assert list(described()) == list(LAYOUTS)
    assert all(described().values()) and all(open_layout(name).READING for name in LAYOUTS)


def test_a_table_of_photos_reads_back_as_the_rows(workspace, folders):
    rows = {row.id: row for row in read_photos(folders["spade"])}

    for row in read(workspace).rows.values():
        assert rows[row.id].captured_at == row.captured_at
        assert (rows[row.id].width, rows[row.id].label_confidence) == (WIDTH, 0.75)
        assert rows[row.id].digests == {"image": row.digests["image"]}


@pytest.mark.parametrize("title", ["=SUM(1)", "'=quoted", "''-twice", "@home", "'tis a lake", "plain"])
def test_no_cell_of_that_table_is_a_formula_and_each_reads_back(tmp_path, title):
    workspace = Workspace(root=tmp_path / "workspace")
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 0, title=title))

    exported(workspace, tmp_path / "out", "mmseg")

    [line] = csv.DictReader((tmp_path / "out" / "photos.csv").read_text(encoding="utf-8").splitlines())
    assert not line["title"].startswith(("=", "+", "-", "@"))
    exported(workspace, tmp_path / "hf", "hf")
    assert read_photos(tmp_path / "hf")[0].title == title


def test_columns_of_the_users_own_stay_at_home(tmp_path):
    workspace = Workspace(root=tmp_path / "workspace")
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 0, extras={"notes": "where I live"}))

    exported(workspace, tmp_path / "out", "hf")

    assert not any(b"where I live" in data for data in bytes_in(tmp_path / "out").values())


def test_a_row_without_the_maps_that_a_layout_needs_is_exported_in_the_others(tmp_path):
    workspace = Workspace(root=tmp_path / "workspace")
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 0))
        manifest.record(row_of(workspace, "g1a", 1, instance_file_name="", edge_file_name=""))

    assert exported(workspace, tmp_path / "mmseg", "mmseg").unfinished == 0
    done = exported(workspace, tmp_path / "hf", "hf")
    assert done.unfinished == 1 and "left out 1 photo without label map or instance map" in done.lines()
