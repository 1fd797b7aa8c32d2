"""The panoptic JSON and its PNGs keep the rules of COCO's format, as pycocotools measures them."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline import images
from pipeline.classes import UNKNOWN
from pipeline.exports import coco_panoptic
from pipeline.exports.folder import ExportFolder
from pipeline.manifest import writing
from pipeline.workspace import Workspace
from tests.exported import (
    HEIGHT,
    ROCK,
    SPLITS,
    WIDTH,
    array,
    bytes_in,
    exported,
    fill,
    maps_of,
    opened,
    row_of,
    unpacked,
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(Workspace(root=tmp_path_factory.mktemp("filled")))


@pytest.fixture(scope="module")
def maps(workspace):
    return maps_of(workspace)


@pytest.fixture(scope="module")
def folder(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "coco-panoptic"
    exported(workspace, folder, "coco-panoptic")
    return folder


@pytest.fixture(scope="module")
def panoptic(folder) -> dict[str, dict]:
    folder = folder / "annotations"
    return {split: json.loads((folder / f"panoptic_{split}.json").read_text(encoding="utf-8")) for split in SPLITS}


def test_every_pixel_belongs_to_a_segment_of_its_class_and_thing(folder, panoptic, maps):
    for split, said in panoptic.items():
        files = {one["id"]: Path(one["file_name"]).stem for one in said["images"]}
        for one in said["annotations"]:
            _, labels, instances = maps[files[one["image_id"]]]
            path = folder / "annotations" / f"panoptic_{split}" / one["file_name"]
            numbers = unpacked(array(opened(path)))
            classes = {0: UNKNOWN, **{segment["id"]: segment["category_id"] - 1 for segment in one["segments_info"]}}
            assert np.array_equal(np.vectorize(classes.__getitem__)(numbers), labels)
            is_rock = labels == ROCK
            pairs = set(zip(numbers[is_rock].tolist(), instances[is_rock].tolist(), strict=True))
            assert len(pairs) == len({number for number, _ in pairs}) == len({id for _, id in pairs}) == 2


def test_pycocotools_finds_the_areas_and_boxes_of_the_segments(folder, panoptic):
    mask = pytest.importorskip(
        "pycocotools.mask", reason="pycocotools is not installed, so nobody reads the export back"
    )

    for split, said in panoptic.items():
        for one in said["annotations"]:
            path = folder / "annotations" / f"panoptic_{split}" / one["file_name"]
            numbers = unpacked(array(opened(path)))
            assert {segment["id"] for segment in one["segments_info"]} == set(np.unique(numbers).tolist()) - {0}
            for segment in one["segments_info"]:
                packed = mask.encode(np.asfortranarray((numbers == segment["id"]).astype(np.uint8)))
                assert mask.area(packed) == segment["area"]
                assert mask.toBbox(packed).tolist() == segment["bbox"]


def test_photos_are_where_the_format_looks_for_them_and_have_one_number_in_all_splits(folder, panoptic):
    numbers = [one["id"] for said in panoptic.values() for one in said["images"]]

    assert len(set(numbers)) == 6
    for split, said in panoptic.items():
        for one in said["images"]:
            assert opened(folder / split / one["file_name"]).size == (one["width"], one["height"])


def test_categories_and_licences_are_named(panoptic):
    said = panoptic["train"]

    assert [(one["id"], one["name"], one["isthing"]) for one in said["categories"][:6:5]] == [
        (1, "sky", 0),
        (6, "rock", 1),
    ]
    assert [one["name"] for one in said["licenses"]] == ["CC-BY-4.0", "unknown"]
    assert {one["license"] for one in said["images"]} == {1, 2}


def test_annotations_are_the_same_when_the_maps_were_written_in_an_earlier_run(workspace, folder, tmp_path):
    out = tmp_path / "out"
    exported(workspace, out, "coco-panoptic")
    (out / "annotations" / "panoptic_train.json").unlink()

    assert exported(workspace, out, "coco-panoptic").written == 0
    assert bytes_in(out) == bytes_in(folder)


def test_one_photo_more_and_only_its_maps_are_read(tmp_path, monkeypatch):
    workspace, read = fill(Workspace(root=tmp_path / "workspace")), []
    exported(workspace, tmp_path / "out", "coco-panoptic")
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g7a", 7))
    read_maps = coco_panoptic.read_maps
    monkeypatch.setattr(coco_panoptic, "read_maps", lambda set, row: read.append(row.id) or read_maps(set, row))

    exported(workspace, tmp_path / "out", "coco-panoptic")
    exported(workspace, tmp_path / "whole", "coco-panoptic")

    assert read[:1] == ["g7a"] and len(read) == 1 + 7
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "whole")


def test_after_a_kill_the_annotations_are_those_of_the_maps(tmp_path, monkeypatch):
    workspace = fill(Workspace(root=tmp_path / "workspace"))
    exported(workspace, tmp_path / "out", "coco-panoptic")
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 8, license="CC0-1.0"))
    write = ExportFolder.write

    def write_all_but_annotations(folder, piece):
        if piece.files[0].endswith(".json"):
            raise KeyboardInterrupt
        return write(folder, piece)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(ExportFolder, "write", write_all_but_annotations)
        exported(workspace, tmp_path / "out", "coco-panoptic")
    exported(workspace, tmp_path / "out", "coco-panoptic")
    exported(workspace, tmp_path / "whole", "coco-panoptic")

    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "whole")


def test_annotations_that_somebody_damaged_are_made_anew(tmp_path):
    workspace, place = fill(Workspace(root=tmp_path / "workspace")), tmp_path / "out/annotations/panoptic_train.json"
    exported(workspace, tmp_path / "out", "coco-panoptic")
    place.write_text('{"annotations": [5]}')
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g7a", 7))

    exported(workspace, tmp_path / "out", "coco-panoptic")

    exported(workspace, tmp_path / "whole", "coco-panoptic")
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "whole")


def test_things_of_one_class_have_numbers_of_their_own(tmp_path):
    workspace = Workspace(root=tmp_path / "workspace")
    many = np.arange(1, HEIGHT * WIDTH + 1, dtype=np.uint16).reshape(HEIGHT, WIDTH)
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 0, instances=many))

    exported(workspace, tmp_path / "out", "coco-panoptic")

    said = json.loads((tmp_path / "out" / "annotations" / "panoptic_train.json").read_text())
    numbers = [one["id"] for one in said["annotations"][0]["segments_info"] if one["category_id"] == ROCK + 1]
    labels = images.read_labels(workspace.made("labels", "g0a"))
    assert len(set(numbers)) == len(numbers) == int((labels == ROCK).sum())
