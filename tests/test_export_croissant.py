"""The metadata and all that it points to are read back by mlcroissant."""

import hashlib
import json

import numpy as np
import pytest

from pipeline.workspace import Workspace
from tests.exported import array, exported, fill, maps_of, unpacked

# What its libraries warn of is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(Workspace(root=tmp_path_factory.mktemp("filled")))


@pytest.fixture(scope="module")
def maps(workspace):
    return maps_of(workspace)


@pytest.fixture(scope="module")
def folder(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "croissant"
    exported(workspace, folder, "croissant")
    return folder


@pytest.fixture(scope="module")
def croissant(folder):
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    return mlcroissant.Dataset(jsonld=str(folder / "croissant.json"))


def text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def test_mlcroissant_finds_no_error(croissant):
    assert not croissant.metadata.issues.errors


@pytest.mark.parametrize(
    ("records", "name", "place"),
    [("images", "image", 0), ("label_maps", "labels", 1), ("instance_maps", "instances", 2)],
)
def test_mlcroissant_reads_every_pixel(croissant, maps, records, name, place):
    found = {text(one[f"{records}/id"]): array(one[f"{records}/{name}"]) for one in croissant.records(records)}

    assert set(found) == set(maps)
    for id, pixels in found.items():
        assert np.array_equal((pixels, pixels[..., 0], unpacked(pixels))[place], maps[id][place])


def test_mlcroissant_reads_photos_splits_and_classes(croissant):
    photos, splits, classes = (list(croissant.records(name)) for name in ("photos", "splits", "classes"))

    assert sorted(text(one["photos/split"]) for one in photos) == ["test", *["train"] * 4, "val"]
    assert [text(one["splits/name"]) for one in splits] == ["train", "val", "test"]
    assert (len(classes), text(classes[0]["classes/name"])) == (20, "sky")


def test_the_table_of_photos_is_the_one_whose_digest_is_told(folder):
    said = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))

    told = next(one["sha256"] for one in said["distribution"] if one["@id"] == "photos.csv")
    assert told == hashlib.sha256((folder / "photos.csv").read_bytes()).hexdigest()
