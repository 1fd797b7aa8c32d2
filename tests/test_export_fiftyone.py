"""The folders keep the documented rules of FiftyOne: it cannot be installed beside OpenCV 5."""

import json
import shlex

import numpy as np
import pytest

from pipeline.classes import UNKNOWN
from pipeline.workspace import Workspace
from tests.exported import array, exported, fill, maps_of, opened


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(Workspace(root=tmp_path_factory.mktemp("filled")))


@pytest.fixture(scope="module")
def maps(workspace):
    return maps_of(workspace)


@pytest.fixture(scope="module")
def folder(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "fiftyone"
    exported(workspace, folder, "fiftyone")
    return folder


def test_fiftyone_finds_a_map_of_the_same_name_under_labels_by_its_rules(folder, maps):
    photos = [path for path in (folder / "data").rglob("*") if path.is_file()]

    assert len(photos) == 6
    for path in photos:
        inner = path.relative_to(folder / "data")
        found = array(opened(folder / "labels" / inner.with_suffix(".png")))
        labels = maps[path.stem][1]
        assert found.ndim == 2
        assert np.array_equal(np.where(found == 0, UNKNOWN, found.astype(int) - 1), labels)


def test_fiftyone_is_told_what_the_numbers_mean_and_how_to_open_it(workspace, folder):
    names = json.loads((folder / "mask_targets.json").read_text())
    [line] = exported(workspace, folder, "fiftyone").next

    assert (names["1"], names["6"], len(names)) == ("sky", "rock", 20)
    assert shlex.split(line)[:4] == ["fiftyone", "app", "view", "--dataset-dir"]
