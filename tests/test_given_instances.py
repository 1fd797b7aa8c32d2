"""Instance maps and COCO annotations that are given become numbers a thing, at the size of the photo."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.errors import PhotoError, SegmenterError
from pipeline.instances import find_edges, find_instances
from pipeline.segmenters.given_instances import open_instances

COCO = Path(__file__).parents[2] / "shared" / "data" / "coco_stuff_sample"


def save(path: Path, ids: list | np.ndarray, dtype: type = np.uint8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(ids, dtype)).save(path)
    return path


def annotations(path: Path, *segmentations: object, width: int = 6, height: int = 4, **said: object) -> Path:
    """A COCO file of one image, lake.jpg, with these things."""
    image = {"id": 17, "file_name": "lake.jpg", "width": width, "height": height}
    things = [one if isinstance(one, dict) and "image_id" in one else {"segmentation": one} for one in segmentations]
    whole = [{"id": 100 + number, "image_id": 17, "category_id": 1, **one} for number, one in enumerate(things)]
    path.write_text(json.dumps({"images": [image], "annotations": whole, **said}), encoding="utf-8")
    return path


def box(left: float, top: float, right: float, bottom: float) -> list[list[float]]:
    return [[left, top, right, top, right, bottom, left, bottom]]


def letters(counts: list[int]) -> str:
    """Run lengths as COCO writes them in letters, written out from its description."""
    text = ""
    for place, value in enumerate(counts):
        left = value - counts[place - 2] if place > 2 else value
        is_more = True
        while is_more:
            bits = left & 31
            left >>= 5
            is_more = left != (-1 if bits & 16 else 0)
            text += chr(48 + bits + 32 * is_more)
    return text


def runs(mask: np.ndarray) -> list[int]:
    """Column by column, how many pixels in turn are outside and inside."""
    counts, value = [0], 0
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


# Folders


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_map_of_8_or_16_bits_numbers_its_things(tmp_path, dtype):
    save(tmp_path / "lake.png", [[0, 9, 9], [0, 4, 200]], dtype)

    found = open_instances(tmp_path).find("photos/lake.jpg", (2, 3))

    assert found.tolist() == [[0, 2, 2], [0, 1, 3]]
    assert found.dtype == np.uint16


def test_a_colour_map_packs_ids_into_red_green_and_blue(tmp_path):
    save(tmp_path / "lake.png", [[[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]])

    assert open_instances(tmp_path).find("lake.jpg", (1, 5)).tolist() == [[1, 2, 3, 0, 1]]


def test_a_photo_without_a_map_has_none(tmp_path):
    save(tmp_path / "lake.png", [[1]])

    given = open_instances(tmp_path)

    assert given.find("hill.jpg", (1, 1)) is None
    assert given.digest_of("hill.jpg") == ""


def test_a_map_of_the_whole_photo_is_shrunk_as_the_photo_was(tmp_path):
    save(tmp_path / "lake.png", np.repeat([[1, 1, 2, 2, 0, 0]], 4, axis=0))

    assert open_instances(tmp_path).find("lake.jpg", (2, 3)).tolist() == [[1, 2, 0]] * 2


@pytest.mark.parametrize("size", [(3, 3), (8, 12), (2, 4)])
def test_a_map_of_another_shape_is_a_sentence(tmp_path, size):
    save(tmp_path / "lake.png", [[1] * 6] * 4)

    with pytest.raises(PhotoError, match=r"is made for 6x4, the photo is \d+x\d+, upright\. Make it at that size"):
        open_instances(tmp_path).find("lake.jpg", size)


def test_the_path_counts_before_the_name(tmp_path):
    save(tmp_path / "a" / "lake.png", [[1, 0]])
    save(tmp_path / "b" / "lake.png", [[0, 1]])
    given = open_instances(tmp_path)

    assert given.find("b/lake.jpg", (1, 2)).tolist() == [[0, 1]]
    with pytest.raises(PhotoError, match=r"^has 2 instance maps in .*: a/lake\.png and b/lake\.png\. Put the right"):
        given.find("c/lake.jpg", (1, 2))


@pytest.mark.parametrize("name", ["../lake.jpg", "/etc/passwd", "", "x" * 5000, "a\0b"])
def test_a_name_is_only_compared(tmp_path, name):
    save(tmp_path / "inside" / "hill.png", [[1]])

    assert open_instances(tmp_path / "inside").find(name, (1, 1)) is None


def test_another_map_is_another_digest(tmp_path):
    path = save(tmp_path / "lake.png", [[1, 2]])
    given = open_instances(tmp_path)
    before = given.digest_of("lake.jpg")

    save(path, [[2, 2]])

    assert len(before) == 16
    assert given.digest_of("lake.jpg") not in ("", before)


def png_head(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no PNG"),
        (b"GIF89a" + b"0" * 40, "is no PNG"),
        (png_head(4, 4), "cut off or damaged"),
        (png_head(4, 4, colour=0), "cut off or damaged"),
        (png_head(1 << 20, 1 << 20), "more than any photo here is"),
        (png_head(4, 4, bits=16), "is a PNG of another kind"),
    ],
)
def test_a_file_that_is_no_instance_map_is_a_sentence(tmp_path, data, said):
    (tmp_path / "lake.png").write_bytes(data)

    with pytest.raises(PhotoError, match=said):
        open_instances(tmp_path).find("lake.jpg", (4, 4))


def test_more_things_than_16_bits_can_tell_apart_are_a_sentence(tmp_path):
    ids = np.arange(256 * 257).reshape(256, 257)
    save(tmp_path / "lake.png", np.stack([ids & 255, ids >> 8 & 255, ids >> 16], axis=2))

    with pytest.raises(PhotoError, match=r"has 65,792 things, more than the 65,535"):
        open_instances(tmp_path).find("lake.jpg", (256, 257))


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_maps_is_a_sentence(tmp_path, name):
    (tmp_path / "empty").mkdir()

    with pytest.raises(SegmenterError, match=r"Name a folder of instance maps|Name the folder with the instance maps"):
        open_instances(tmp_path / name)


# The layout of the reference


def test_the_running_number_of_the_reference_is_told_from_the_labels_around_it(tmp_path):
    # Things 0 and 1 painted over labels; 7 shows between them, and is the label of the things.
    save(tmp_path / "train_label" / "lake.png", [[7, 7, 7, 7, 154], [7, 7, 7, 154, 255]])
    save(tmp_path / "train_inst" / "lake.png", [[0, 0, 1, 1, 154], [0, 7, 1, 154, 255]])

    found = open_instances(tmp_path / "train_inst").find("lake.jpg", (2, 5))

    assert found.tolist() == [[1, 1, 2, 2, 0], [1, 0, 2, 0, 0]]


def test_the_folder_above_will_do_too(tmp_path):
    save(tmp_path / "val_label" / "lake.png", [[7, 154]])
    save(tmp_path / "val_inst" / "lake.png", [[0, 154]])

    assert open_instances(tmp_path).find("lake.jpg", (1, 2)).tolist() == [[1, 0]]


def test_another_label_map_beside_is_another_digest(tmp_path):
    labels = save(tmp_path / "val_label" / "lake.png", [[7, 154]])
    save(tmp_path / "val_inst" / "lake.png", [[0, 154]])
    before = open_instances(tmp_path).digest_of("lake.jpg")

    save(labels, [[7, 155]])

    assert open_instances(tmp_path).digest_of("lake.jpg") != before


def test_a_label_map_of_another_size_beside_is_a_sentence(tmp_path):
    save(tmp_path / "val_label" / "lake.png", [[7]])
    save(tmp_path / "val_inst" / "lake.png", [[0, 154]])

    with pytest.raises(PhotoError, match="is 2x1, its label map is 1x1"):
        open_instances(tmp_path).find("lake.jpg", (1, 2))


@pytest.mark.skipif(not COCO.is_dir(), reason="the COCO sample is not here")
def test_of_the_real_sample_no_stuff_is_a_thing_and_all_that_are_painted_are():
    counts = {}
    for split in ("train", "val"):
        given = open_instances(COCO / f"{split}_inst")
        for path in sorted((COCO / f"{split}_label").glob("*.png")):
            labels = np.array(Image.open(path))
            segments = given.find(path.name, labels.shape)
            stuff = (labels > 90) & (labels < 255)
            counts[path.stem] = int(segments.max())
            assert (segments[stuff] > 0).sum() <= 0.02 * stuff.sum()
            ids = find_instances(labels, None, range(91), segments=segments)
            assert not (find_edges(labels) & ~find_edges(ids)).any()

    shown = {name: counts[name] for name in ("000000000139", "000000284465", "000000001818", "000000475177")}
    assert shown == {"000000000139": 20, "000000284465": 14, "000000001818": 2, "000000475177": 5}


# COCO annotation files


def test_polygons_become_things_the_smaller_above(tmp_path):
    path = annotations(tmp_path / "coco.json", box(4, 1, 5, 3), box(0, 0, 6, 4), [*box(0, 0, 1, 1), *box(2, 0, 3, 1)])

    found = open_instances(path).find("lake.jpg", (4, 6))

    whole, first, second = found[3, 0], found[1, 4], found[0, 0]
    assert sorted([whole, first, second]) == [1, 2, 3]
    assert found[2, 4] == first
    assert found[0, 2] == second
    assert found[2, 2] == whole


def test_run_lengths_go_down_the_columns(tmp_path):
    path = annotations(tmp_path / "coco.json", {"size": [4, 6], "counts": [5, 2, 17]})

    assert np.argwhere(open_instances(path).find("lake.jpg", (4, 6))).tolist() == [[1, 1], [2, 1]]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_run_lengths_in_letters_are_those_in_numbers(tmp_path_factory, seed, share):
    folder = tmp_path_factory.mktemp("coco")
    mask = np.random.default_rng(seed).random((40, 50)) < share
    said = {"size": [40, 50], "counts": letters(runs(mask))}

    found = open_instances(annotations(folder / "coco.json", said, width=50, height=40)).find("lake", (40, 50))

    assert np.array_equal(found, mask)


def test_a_known_string_of_letters(tmp_path):
    # 6 outside, 1 inside, 40 outside, 4 inside: 4 and 1 differ by 3; 13 less than 40 is -27.
    said = {"size": [8, 8], "counts": letters([6, 1, 40, 4, 13])}
    assert said["counts"] == "61X13UO"

    path = annotations(tmp_path / "coco.json", said, width=8, height=8)

    assert np.flatnonzero(open_instances(path).find("lake.jpg", (8, 8)).T).tolist() == [6, 47, 48, 49, 50]


def test_a_crowd_is_one_thing_below_all_others(tmp_path):
    crowd = {"image_id": 17, "iscrowd": 1, "segmentation": {"size": [4, 6], "counts": [0, 8, 16]}}
    path = annotations(tmp_path / "coco.json", box(0, 0, 6, 4), crowd)

    assert set(open_instances(path).find("lake.jpg", (4, 6)).ravel().tolist()) == {2}


def test_categories_that_are_no_things_stay_out(tmp_path):
    categories = [{"id": 1, "isthing": 0}]
    path = annotations(tmp_path / "coco.json", box(0, 0, 6, 4), categories=categories)

    assert not open_instances(path).find("lake.jpg", (4, 6)).any()


@pytest.mark.parametrize("name", ["lake.jpg", "photos/lake.png", "000017.jpg", "17.jpg"])
def test_a_photo_is_known_by_its_name_or_by_the_id(tmp_path, name):
    assert open_instances(annotations(tmp_path / "coco.json", box(0, 0, 6, 4))).find(name, (4, 6)).all()


def test_a_photo_that_the_file_does_not_list_has_none(tmp_path):
    given = open_instances(annotations(tmp_path / "coco.json", box(0, 0, 6, 4)))

    assert given.find("hill.jpg", (4, 6)) is None
    assert given.digest_of("hill.jpg") == ""


def test_things_are_shrunk_as_the_photo_was(tmp_path):
    path = annotations(tmp_path / "coco.json", box(0, 0, 30, 40), width=60, height=40)

    assert open_instances(path).find("lake.jpg", (4, 6)).tolist() == [[1, 1, 1, 0, 0, 0]] * 4


def test_other_things_are_another_digest_and_those_of_other_photos_are_not(tmp_path):
    digests = [
        open_instances(annotations(tmp_path / "coco.json", *things)).digest_of("lake.jpg")
        for things in ([box(0, 0, 6, 4)], [box(0, 0, 5, 4)], [box(0, 0, 6, 4)])
    ]

    assert digests[0] == digests[2] != digests[1]
    assert len(digests[0]) == 16


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        (None, "neither polygons nor run lengths"),
        ([[0, 0, 1]], "no list of at least three"),
        ([[0, 0, 1, 1, "a", 2]], "no list of at least three"),
        ([{"x": 1}], "no list of at least three"),
        (box(0, 0, 400, 4), "leads out of the image, which is 6x4"),
        (box(0, 0, float("inf"), 4), "leads out of the image"),
        (box(0, 0, 10**400, 4), "no list of at least three"),
        ({"size": [6, 4], "counts": [24]}, "not of the image's size, 6x4"),
        ({"size": [4, 6], "counts": [23]}, "do not add up to 6x4 pixels"),
        ({"size": [4, 6], "counts": [25, -1]}, "do not add up"),
        ({"size": [4, 6], "counts": [0.5, 23.5]}, "do not add up"),
        ({"size": [4, 6], "counts": None}, "no list of numbers"),
        ({"size": [4, 6]}, "no list of numbers"),
        ({"size": [4, 6], "counts": "\u20ac"}, "stands for no number"),
        ({"size": [4, 6], "counts": "P"}, "are cut off"),
        ({"size": [4, 6], "counts": "P" * 20}, "a number that is too long"),
        ({"size": [4, 6], "counts": "0" * 1000}, "more run lengths than pixels"),
    ],
)
def test_a_thing_that_makes_no_sense_is_a_sentence(tmp_path, segmentation, said):
    given = open_instances(annotations(tmp_path / "coco.json", segmentation))

    with pytest.raises(PhotoError, match=rf"coco\.json, annotation 100: .*{said}"):
        given.find("lake.jpg", (4, 6))


@pytest.mark.parametrize("size", [{"width": 0}, {"width": "6"}, {"width": None}, {"width": 1 << 20, "height": 1 << 20}])
def test_an_image_without_a_sensible_size_is_a_sentence(tmp_path, size):
    given = open_instances(annotations(tmp_path / "coco.json", box(0, 0, 6, 4), **size))

    with pytest.raises(PhotoError, match=r"wide and .* high\. Write its pixels"):
        given.find("lake.jpg", (4, 6))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON that can be read"),
        ('{"images": [', "no JSON that can be read"),
        ("[" * 200_000, "no JSON that can be read"),
        ("\xff", "no JSON that can be read"),
        ("[]", "is no COCO annotation file"),
        ('{"images": {}, "annotations": []}', "is no COCO annotation file"),
        ('{"images": [7], "annotations": []}', "is no COCO annotation file"),
        ('{"images": [{"id": 1}], "annotations": []}', "image 1 has no id or no file_name"),
        ('{"images": [{"id": [], "file_name": "a"}], "annotations": []}', "image 1 has no id or no file_name"),
        ('{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}], "annotations": []}', "the id 1"),
        ('{"images": [], "annotations": [{"image_id": 5}]}', "annotation 1 is of image 5, which the file does not"),
        ('{"images": [], "annotations": [{"image_id": []}]}', "annotation 1 is of image"),
    ],
)
def test_a_file_that_is_no_coco_file_is_a_sentence(tmp_path, text, said):
    path = tmp_path / "coco.json"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(SegmenterError, match=said):
        open_instances(path)


def test_two_images_of_one_name_are_a_sentence(tmp_path):
    images = [{"id": id, "file_name": f"{id}/lake.jpg", "width": 6, "height": 4} for id in ("a", "b")]
    path = tmp_path / "coco.json"
    path.write_text(json.dumps({"images": images, "annotations": []}))

    with pytest.raises(PhotoError, match=r"has 2 entries in .*: a/lake\.jpg and b/lake\.jpg"):
        open_instances(path).find("lake.jpg", (4, 6))
