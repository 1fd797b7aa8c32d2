"""The imagefolder is read back by the library `datasets`, offline."""

import json

import numpy as np
import pytest

from pipeline.exports import hf
from pipeline.manifest import writing
from pipeline.workspace import Workspace
from tests.exported import HEIGHT, WIDTH, array, exported, fill, maps_of, row_of


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(Workspace(root=tmp_path_factory.mktemp("filled")))


@pytest.fixture(scope="module")
def maps(workspace):
    return maps_of(workspace)


@pytest.fixture(scope="module")
def folder(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "hf"
    exported(workspace, folder, "hf")
    return folder


@pytest.fixture(scope="module")
def dataset_dict(folder, tmp_path_factory):
    """What the library makes of the folder, without a network."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
            patched.setenv(name, "1")
        cache = tmp_path_factory.mktemp("cache")
        patched.setenv("HF_HOME", str(cache))
        datasets = pytest.importorskip("datasets", reason="datasets is not installed, so nobody reads the export back")
        datasets.disable_progress_bars()
        yield datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(cache))


def test_datasets_reads_every_split(dataset_dict):
    assert {split: len(part) for split, part in dataset_dict.items()} == {"train": 4, "validation": 1, "test": 1}


def test_datasets_reads_every_pixel(dataset_dict, maps):
    for part in dataset_dict.values():
        for photo in part:
            pixels, labels, instances = maps[photo["id"]]
            assert np.array_equal(array(photo["image"]), pixels)
            assert np.array_equal(array(photo["label"]), labels)
            assert np.array_equal(array(photo["instance"]), instances)


def test_datasets_reads_whose_the_photos_are(dataset_dict):
    [photo] = dataset_dict["validation"]

    assert (photo["creator"], photo["license"], photo["title"]) == ("Zoë Ansel", "CC-BY-4.0", "=lake")
    assert (photo["width"], photo["height"], photo["label_confidence"]) == (WIDTH, HEIGHT, 0.75)


def test_more_files_than_the_hub_takes_in_a_folder_are_said(workspace, folder, monkeypatch):
    monkeypatch.setattr(hf, "LARGEST_FOLDER", 3)

    assert exported(workspace, folder, "hf").next[1:] == [
        "the hub takes 3 files a folder at most: for it, export as webdataset"
    ]


def test_names_that_begin_with_a_date_are_told(tmp_path):
    workspace = fill(Workspace(root=tmp_path / "workspace"))
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g3a", 3, split="val", original_name="2019-07-04.jpg"))

    exported(workspace, tmp_path / "out", "hf")

    told = (tmp_path / "out" / "validation" / "metadata.jsonl").read_text(encoding="utf-8")
    assert json.loads(told)["original_name"] == "2019-07-04.jpg"


def test_titles_that_the_library_would_take_for_dates_in_one_split_alone_stay_out(tmp_path):
    workspace = fill(Workspace(root=tmp_path / "workspace"))
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g3a", 3, split="val", title="2019-07-04"))

    exported(workspace, tmp_path / "out", "hf")

    lines = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*/metadata.jsonl")]
    assert len(lines) == 3 and not any('"title"' in line for line in lines)
