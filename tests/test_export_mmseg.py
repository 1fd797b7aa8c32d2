"""The folders keep the documented rules of mmsegmentation."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.classes import UNKNOWN
from pipeline.workspace import Workspace
from tests.exported import LANDSCAPE, SPLITS, array, exported, fill, maps_of, opened


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(Workspace(root=tmp_path_factory.mktemp("filled")))


@pytest.fixture(scope="module")
def maps(workspace):
    return maps_of(workspace)


@pytest.fixture(scope="module")
def folder(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "mmseg"
    exported(workspace, folder, "mmseg")
    return folder


def test_mmseg_finds_a_label_map_for_every_photo_by_its_rules(folder, maps):
    for split in SPLITS:
        photos = sorted((folder / "img_dir" / split).iterdir())
        assert len(photos) == SPLITS[split]
        for path in photos:
            beside = folder / "ann_dir" / split / path.name.replace(".jpg", ".png")
            assert np.array_equal(array(opened(beside)), maps[path.stem][1])
            assert np.array_equal(array(opened(path)), maps[path.stem][0])


def test_the_settings_for_mmseg_name_folders_classes_and_colours(folder):
    text = (folder / "mmseg_dataset.py").read_text().replace("{{ fileDirname }}", str(folder))
    said: dict = {}
    exec(text, said)

    train = said["train_dataloader"]["dataset"]
    assert (Path(train["data_root"]) / train["data_prefix"]["seg_map_path"]).is_dir()
    assert train["metainfo"]["classes"] == LANDSCAPE.names
    assert train["metainfo"]["palette"][0] == list(LANDSCAPE.categories[0].colour)
    assert (train["reduce_zero_label"], train["ignore_index"]) == (False, UNKNOWN)
    assert (folder / "classes.txt").read_text().split("\n")[:2] == ["sky", "clouds"]
