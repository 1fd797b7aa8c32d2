"""The shards are read back by the library `webdataset`, and are the same for everyone."""

import tarfile

import numpy as np
import pytest

from pipeline.workspace import Workspace
from tests.exported import array, exported, fill, maps_of, unpacked


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(Workspace(root=tmp_path_factory.mktemp("filled")))


@pytest.fixture(scope="module")
def maps(workspace):
    return maps_of(workspace)


@pytest.fixture(scope="module")
def folder(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "webdataset"
    exported(workspace, folder, "webdataset")
    return folder


@pytest.mark.parametrize(("split", "photos"), [("train", 4), ("validation", 1), ("test", 1)])
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_every_pixel(folder, maps, split, photos):
    webdataset = pytest.importorskip("webdataset", reason="nobody reads the export back without webdataset")
    shard = str(folder / f"{split}-000000.tar")

    found = list(webdataset.WebDataset(shard, shardshuffle=False, empty_check=False).decode("pil"))

    assert len(found) == photos
    for photo in found:
        pixels, labels, instances = maps[photo["__key__"]]
        assert np.array_equal(array(photo["jpg"]), pixels)
        assert np.array_equal(array(photo["label.png"])[..., 0], labels)
        assert np.array_equal(unpacked(array(photo["instance.png"])), instances)
        assert photo["json"]["id"] == photo["__key__"]


def test_shards_tell_nothing_of_this_computer(folder):
    with tarfile.open(folder / "train-000000.tar") as tar:
        members = tar.getmembers()

    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname, one.mode) for one in members} == {
        (0, 0, 0, "", "", 0o644)
    }
    assert [one.name for one in members[:4]] == ["g0a.jpg", "g0a.label.png", "g0a.instance.png", "g0a.json"]


def test_many_photos_are_several_shards(workspace, tmp_path, monkeypatch):
    from pipeline.exports import webdataset

    monkeypatch.setattr(webdataset, "PHOTOS_A_SHARD", 3)

    done = exported(workspace, tmp_path / "out", "webdataset")

    shards = sorted(path.name for path in (tmp_path / "out").glob("*.tar"))
    assert shards == ["test-000000.tar", "train-000000.tar", "train-000001.tar", "validation-000000.tar"]
    assert any("train-{000000..000001}.tar" in line for line in done.next)
