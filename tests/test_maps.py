"""Maps: the user's own label maps, found by a photo's name and held against it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.classes import load_taxonomy
from pipeline.errors import PhotoError, SegmenterError
from pipeline.segmenters import registry
from pipeline.segmenters.maps import Maps, open_maps
from pipeline.segmenters.segmenter import Labelling

LANDSCAPE = load_taxonomy()
FOUR_BY_THREE = np.array([[0, 0, 0, 255], [3, 3, 3, 3], [10, 10, 19, 19]], dtype=np.uint8)


def write_map(path: Path, ids: np.ndarray = FOUR_BY_THREE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ids).save(path)
    return path


def photo(height: int = 3, width: int = 4) -> np.ndarray:
    return np.zeros((height, width, 3), dtype=np.uint8)


def open_folder(folder: Path) -> Maps:
    return open_maps(folder, taxonomy=LANDSCAPE)


def labels_of(folder: Path, original_name: str, pixels: np.ndarray | None = None) -> Labelling:
    segmenter = open_folder(folder)
    prepared = segmenter.prepare(photo() if pixels is None else pixels, original_name)
    return segmenter.finish(segmenter.run(prepared))


def test_a_map_becomes_the_labels_as_it_is(tmp_path: Path):
    write_map(tmp_path / "lake.png")

    labelling = labels_of(tmp_path, "lake.jpg")

    assert np.array_equal(labelling.ids, FOUR_BY_THREE)
    assert labelling.ids.dtype == np.uint8
    assert labelling.confidence == 1.0


def test_the_colours_of_an_indexed_map_mean_nothing(tmp_path: Path):
    image = Image.fromarray(FOUR_BY_THREE)
    image.putpalette(LANDSCAPE.palette)
    image.save(tmp_path / "lake.png")

    assert np.array_equal(labels_of(tmp_path, "lake.jpg").ids, FOUR_BY_THREE)


def test_a_map_has_the_path_of_its_photo(tmp_path: Path):
    write_map(tmp_path / "north" / "lake.png", FOUR_BY_THREE)
    write_map(tmp_path / "south" / "lake.png", FOUR_BY_THREE[::-1])

    assert np.array_equal(labels_of(tmp_path, "south/lake.jpg").ids, FOUR_BY_THREE[::-1])


def test_a_map_that_lies_elsewhere_is_found_by_its_name(tmp_path: Path):
    write_map(tmp_path / "painted" / "lake.PNG")

    assert np.array_equal(labels_of(tmp_path, "summer/lake.jpg").ids, FOUR_BY_THREE)


@pytest.mark.parametrize(
    ("original_name", "map_name"),
    [
        ("a lake, at noon.jpg", "a lake, at noon.png"),
        ("über.see.jpeg", "über.see.png"),
        ("lake", "lake.png"),
        (".lake", ".lake.png"),
        ("[la]*\n?.jpg", "[la]*\n?.png"),
        ("\udcff.jpg", "\udcff.png"),
        ("https://host/lake.jpg", "lake.png"),
    ],
)
def test_a_name_may_hold_any_character(tmp_path: Path, original_name: str, map_name: str):
    try:
        write_map(tmp_path / map_name)
    except (OSError, UnicodeError):
        pytest.skip("this file system allows no such name")

    assert np.array_equal(labels_of(tmp_path, original_name).ids, FOUR_BY_THREE)


def test_an_accent_may_be_a_character_of_its_own(tmp_path: Path):
    write_map(tmp_path / "u\u0308ber.png")

    assert np.array_equal(labels_of(tmp_path, "\u00fcber.jpg").ids, FOUR_BY_THREE)


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path):
    write_map(tmp_path / "secret.png")
    write_map(tmp_path / "maps" / "lake.png")

    with pytest.raises(PhotoError, match="has no label map in"):
        labels_of(tmp_path / "maps", "../secret.jpg")


def test_a_photo_without_a_map_is_refused(tmp_path: Path):
    write_map(tmp_path / "lake.png")

    with pytest.raises(PhotoError, match=r"has no label map in .*\. Put one at north/hill\.png in it"):
        labels_of(tmp_path, "north/hill.jpg")


def test_two_maps_of_one_name_are_refused(tmp_path: Path):
    write_map(tmp_path / "north" / "lake.png")
    write_map(tmp_path / "south" / "lake.png")

    with pytest.raises(PhotoError, match=r"has 2 label maps in .*: north/lake\.png and south/lake\.png"):
        labels_of(tmp_path, "lake.jpg")


def test_an_id_of_no_class_is_refused_with_its_place(tmp_path: Path):
    ids = FOUR_BY_THREE.copy()
    ids[1, 2] = 20
    write_map(tmp_path / "lake.png", ids)

    with pytest.raises(PhotoError, match=r"lake\.png has the id 20 at x=2, y=1\. The classes of landscape are 0\.\.19"):
        labels_of(tmp_path, "lake.jpg")


def test_a_map_in_colours_is_refused(tmp_path: Path):
    Image.fromarray(photo()).save(tmp_path / "lake.png")

    with pytest.raises(PhotoError, match=r"lake\.png is 8-bit RGB; a label map is"):
        labels_of(tmp_path, "lake.jpg")


def test_a_damaged_map_is_refused(tmp_path: Path):
    path = write_map(tmp_path / "lake.png")
    path.write_bytes(path.read_bytes()[:40])

    with pytest.raises(PhotoError, match=r"lake\.png is cut off or damaged"):
        labels_of(tmp_path, "lake.jpg")


def test_a_map_that_went_away_is_refused(tmp_path: Path):
    path = write_map(tmp_path / "lake.png")
    segmenter = open_folder(tmp_path)
    path.unlink()

    with pytest.raises(PhotoError, match=r"lake\.png is not there"):
        segmenter.prepare(photo(), "lake.jpg")


@pytest.mark.parametrize(
    ("height", "width"),
    [(3, 5), (4, 3), (6, 8), (1, 3), (1, 4)],
    ids=["wider", "turned", "a larger photo", "another shape", "flatter"],
)
def test_a_map_of_another_size_is_refused(tmp_path: Path, height: int, width: int):
    write_map(tmp_path / "lake.png")

    with pytest.raises(PhotoError, match=rf"lake\.png is 4x3, the photo is {width}x{height}, upright\. Make the map"):
        labels_of(tmp_path, "lake.jpg", photo(height, width))


def test_a_map_of_the_photo_before_it_was_shrunk_is_shrunk_too(tmp_path: Path):
    write_map(tmp_path / "lake.png", FOUR_BY_THREE.repeat(3, axis=0).repeat(3, axis=1))

    assert np.array_equal(labels_of(tmp_path, "lake.jpg").ids, FOUR_BY_THREE)


def test_a_shrunk_side_may_have_been_rounded(tmp_path: Path):
    write_map(tmp_path / "lake.png", np.zeros((1367, 2049), dtype=np.uint8))

    assert labels_of(tmp_path, "lake.jpg", photo(1366, 2048)).ids.shape == (1366, 2048)


def test_a_shrunk_map_holds_no_new_ids(tmp_path: Path):
    ids = np.random.default_rng(0).choice(np.array([0, 7, 19, 255], dtype=np.uint8), size=(300, 400))
    write_map(tmp_path / "lake.png", ids)

    shrunk = labels_of(tmp_path, "lake.jpg", photo(225, 300)).ids

    assert np.unique(shrunk).tolist() == [0, 7, 19, 255]


def test_the_input_is_the_map_file(tmp_path: Path):
    path = write_map(tmp_path / "lake.png")

    assert open_folder(tmp_path).input_digest("lake.jpg") == hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def test_a_photo_without_a_map_has_no_input(tmp_path: Path):
    write_map(tmp_path / "lake.png")

    assert open_folder(tmp_path).input_digest("hill.jpg") == ""


def test_maps_are_named_after_their_folder(tmp_path: Path):
    write_map(tmp_path / "painted" / "lake.png")

    segmenter = registry.open_segmenter(f"maps:{tmp_path}/painted", taxonomy=LANDSCAPE, weights_folder=tmp_path)

    assert (segmenter.name, segmenter.digest, segmenter.license) == ("maps:painted", "", "unknown")
    assert segmenter.reached == LANDSCAPE.names


def test_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(SegmenterError, match=r"there is no folder of maps at .*painted"):
        open_folder(tmp_path / "painted")


def test_a_folder_without_a_map_is_refused(tmp_path: Path):
    (tmp_path / "lake.jpg").touch()

    with pytest.raises(SegmenterError, match="holds no PNG"):
        open_folder(tmp_path)
