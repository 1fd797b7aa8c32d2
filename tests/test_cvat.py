"""CVAT's archives: written as its importer reads them, and read as its exporter writes them."""

import json
import tracemalloc
import zipfile
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.annotation.cvat import voc_colours
from pipeline.annotation.exchange import Sending
from pipeline.annotation.tools import bring_back, plan_sending, send
from pipeline.classes import UNKNOWN
from pipeline.console import Console
from pipeline.corrections import MACHINE_LABELS
from pipeline.errors import GauganpipeError
from tests.annotated import HEIGHT, LANDSCAPE, SEA, SKY, TREE, WIDTH, files_of, fill, labels, row, sky_above_sea

QUIET = Console(quiet=True)
COLOURS = {one.name: one.colour for one in LANDSCAPE.categories}


@pytest.fixture
def labelled(workspace, photo_of):
    return fill(workspace, photo_of, {"ga": 0.9, "gb": 0.6})


@pytest.fixture
def archive(labelled, tmp_path) -> Path:
    """What goes out."""
    path = tmp_path / "out" / "cvat.zip"
    send(labelled, "cvat", Sending(out=path), console=QUIET)
    return path


def back(workspace, path, **options):
    return bring_back(workspace, path, console=QUIET, **options)


def rgb_png(ids: np.ndarray, colours: dict[int, tuple[int, int, int]]) -> bytes:
    """A mask as CVAT paints it: 24-bit RGB, black where nothing is."""
    pixels = np.zeros((*ids.shape, 3), np.uint8)
    for id, colour in colours.items():
        pixels[ids == id] = colour
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def exported(path: Path, maps: dict[str, bytes], label_map: str | None = None) -> Path:
    """An archive as CVAT exports it.    maps: file name in SegmentationClass -> PNG."""
    lines = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    lines += [f"{name}:{','.join(map(str, colour))}::" for name, colour in COLOURS.items()]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labelmap.txt", "\n".join(lines) if label_map is None else label_map)
        for name, data in maps.items():
            archive.writestr(f"SegmentationClass/{name}", data)
            archive.writestr(f"SegmentationObject/{name}", b"not read")
    return path


def painted() -> np.ndarray:
    ids = sky_above_sea(horizon=40)
    ids[:, :30] = TREE
    return ids


def as_shown(ids: np.ndarray) -> bytes:
    return rgb_png(ids, {id: one.colour for id, one in enumerate(LANDSCAPE.categories)})


# What goes out


def test_the_archive_has_the_folders_of_the_format(archive):
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        listed = opened.read("ImageSets/Segmentation/default.txt").decode()

    assert sorted(names) == sorted(
        [
            *("labelmap.txt", "labels.json", "ImageSets/Segmentation/default.txt"),
            *(f"JPEGImages/{id}.jpg" for id in ("ga", "gb")),
            *(f"{kind}/{id}.png" for kind in ("SegmentationClass", "SegmentationObject") for id in ("ga", "gb")),
        ]
    )
    assert listed == "ga\ngb\n"


def test_the_label_map_declares_background_and_every_class(archive):
    with zipfile.ZipFile(archive) as opened:
        lines = opened.read("labelmap.txt").decode().splitlines()
        constructor = json.loads(opened.read("labels.json"))

    assert lines[:3] == ["# label:color_rgb:parts:actions", "background:0,0,0::", "sky:156,238,221::"]
    assert len(lines) == 2 + len(LANDSCAPE)
    assert constructor[1] == {"name": "sky", "color": "#9ceedd", "attributes": []}


def test_masks_show_declared_colours_and_unknown_is_black(archive, labelled):
    # As CVAT's own reader decodes them.
    with zipfile.ZipFile(archive) as opened:
        pixels = cv2.imdecode(np.frombuffer(opened.read("SegmentationClass/ga.png"), np.uint8), cv2.IMREAD_UNCHANGED)

    shown = pixels[..., ::-1]
    ids = labels(labelled, "ga")
    assert shown.shape == (HEIGHT, WIDTH, 3)
    assert (shown[ids == UNKNOWN] == 0).all()
    assert all((shown[ids == id] == LANDSCAPE.categories[id].colour).all() for id in (SKY, SEA, TREE))


def test_objects_are_instances_in_the_colours_of_voc(archive, labelled):
    with zipfile.ZipFile(archive) as opened:
        pixels = cv2.imdecode(np.frombuffer(opened.read("SegmentationObject/ga.png"), np.uint8), cv2.IMREAD_UNCHANGED)

    shown = pixels[..., ::-1].reshape(-1, 3)
    ids = labels(labelled, "ga").ravel()
    found = {tuple(colour) for colour in shown.tolist()}
    assert found <= {tuple(colour) for colour in voc_colours().tolist()}
    assert len(found) == 4
    assert (shown[ids == UNKNOWN] == 0).all()


def test_the_colours_of_voc_are_the_known_ones():
    assert voc_colours()[[0, 1, 2, 3, 15, 255]].tolist() == [
        *([0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [192, 128, 128], [224, 224, 192])
    ]


def test_a_second_archive_of_the_same_is_left_alone(archive, labelled):
    before = archive.stat().st_mtime_ns

    assert send(labelled, "cvat", Sending(out=archive), console=QUIET).unchanged
    assert archive.stat().st_mtime_ns == before


def test_the_same_archive_has_the_same_bytes(archive, labelled, tmp_path):
    send(labelled, "cvat", Sending(out=tmp_path / "again.zip"), console=QUIET)

    assert (tmp_path / "again.zip").read_bytes() == archive.read_bytes()


def test_an_archive_of_ours_is_written_anew_when_a_map_has_changed(archive, labelled, tmp_path):
    back(labelled, exported(tmp_path / "c.zip", {"ga.png": as_shown(painted())}))

    assert not send(labelled, "cvat", Sending(out=archive), console=QUIET).unchanged
    assert list(archive.parent.iterdir()) == [archive]


def test_a_file_of_the_users_is_not_written_over(labelled, tmp_path):
    (tmp_path / "mine.zip").write_bytes(b"mine")

    with pytest.raises(GauganpipeError, match=r"mine\.zip is there and was not written by this command"):
        send(labelled, "cvat", Sending(out=tmp_path / "mine.zip"), console=QUIET)

    assert (tmp_path / "mine.zip").read_bytes() == b"mine"


def test_a_limit_takes_the_least_certain(labelled, tmp_path):
    send(labelled, "cvat", Sending(out=tmp_path / "one.zip", limit=1), console=QUIET)

    with zipfile.ZipFile(tmp_path / "one.zip") as opened:
        assert opened.read("ImageSets/Segmentation/default.txt") == b"gb\n"


def test_a_plan_writes_nothing(labelled, tmp_path):
    out = tmp_path / "deep" / "c.zip"

    assert plan_sending(labelled, "cvat", Sending(out=out)) == [f"would write {out}: 2 photos with label maps"]
    assert not out.parent.exists()


# What comes back


def test_what_went_out_comes_back_as_nothing(archive, labelled):
    before = files_of(labelled)

    done = back(labelled, archive)

    assert (done.corrected, done.unchanged) == (0, 2)
    assert files_of(labelled) == before


def test_a_painted_map_is_taken_and_the_others_stay(labelled, tmp_path):
    machine = labels(labelled, "ga")
    path = exported(tmp_path / "c.zip", {"ga.png": as_shown(painted()), "gb.png": as_shown(labels(labelled, "gb"))})

    done = back(labelled, path)

    assert (done.corrected, done.unchanged) == (1, 1)
    assert np.array_equal(labels(labelled, "ga"), painted())
    assert np.array_equal(labels(labelled, "ga", MACHINE_LABELS), machine)
    assert (row(labelled, "ga").label_reviewed, row(labelled, "gb").label_reviewed) == ("yes", "")


def test_taking_the_same_again_changes_nothing(labelled, tmp_path):
    path = exported(tmp_path / "c.zip", {"ga.png": as_shown(painted())})
    back(labelled, path)
    before = files_of(labelled)

    assert back(labelled, path).corrected == 0
    assert files_of(labelled) == before


def test_a_dry_run_says_what_would_be_taken(labelled, tmp_path):
    before = files_of(labelled)

    done = back(labelled, exported(tmp_path / "c.zip", {"ga.png": as_shown(painted())}), dry_run=True)

    assert done.lines() == ["would correct 1 label map, 0 unchanged"]
    assert files_of(labelled) == before


def test_labels_are_known_by_name_whatever_their_colours_are(labelled, tmp_path):
    label_map = "sea:1,2,3::\nbackground:0,0,0::\nSKY:4,5,6::\ntree:7,8,9::\n"
    data = rgb_png(painted(), {SEA: (1, 2, 3), SKY: (4, 5, 6), TREE: (7, 8, 9)})

    back(labelled, exported(tmp_path / "c.zip", {"ga.png": data}, label_map))

    assert np.array_equal(labels(labelled, "ga"), painted())


def test_a_grey_mask_holds_places_in_the_label_map(labelled, tmp_path):
    file = BytesIO()
    Image.fromarray(np.where(painted() == TREE, 2, 1).astype(np.uint8)).save(file, "PNG")

    back(
        labelled,
        exported(tmp_path / "c.zip", {"ga.png": file.getvalue()}, "background:0,0,0::\nsea:1,2,3::\ntree:4,5,6::"),
    )

    assert np.array_equal(labels(labelled, "ga"), np.where(painted() == TREE, TREE, SEA))


def test_maps_in_folders_and_of_other_photos(labelled, tmp_path):
    path = exported(tmp_path / "c.zip", {"deep/ga.png": as_shown(painted()), "holiday.png": as_shown(painted())})

    done = back(labelled, path)

    assert done.lines() == ["corrected 1 label map, 0 unchanged", "left out 1 map of no photo here: holiday.png"]


# What is refused: one sentence, and nothing has changed


def refused(workspace, path: Path, said: str) -> None:
    before = files_of(workspace)
    with pytest.raises(GauganpipeError, match=said) as caught:
        back(workspace, path)
    assert files_of(workspace) == before
    assert "\n" not in str(caught.value)


def test_a_colour_that_is_not_declared_is_named_with_its_place(labelled, tmp_path):
    ids = painted()
    ids[3, 7] = 17
    data = rgb_png(ids, {SKY: COLOURS["sky"], SEA: COLOURS["sea"], TREE: COLOURS["tree"], 17: (1, 2, 3)})
    path = exported(tmp_path / "c.zip", {"gb.png": as_shown(painted()), "ga.png": data})

    refused(
        labelled, path, r"SegmentationClass/ga\.png shows #010203 at x=7, y=3, which labelmap\.txt does not declare"
    )


def test_a_label_that_is_no_class_is_named_with_its_colour(labelled, tmp_path):
    data = rgb_png(painted(), {TREE: (200, 0, 0)})
    path = exported(tmp_path / "c.zip", {"ga.png": data}, "background:0,0,0::\nzeppelin:200,0,0::\n")

    refused(labelled, path, r"shows #c80000 at x=0, y=0, the label 'zeppelin', which is no class of landscape")


def test_a_label_that_nobody_has_painted_hinders_nobody(labelled, tmp_path):
    lines = "\n".join(f"{name}:{','.join(map(str, colour))}::" for name, colour in COLOURS.items())

    done = back(labelled, exported(tmp_path / "c.zip", {"ga.png": as_shown(painted())}, f"{lines}\nzeppelin:1,1,1::"))

    assert done.corrected == 1


def test_a_mask_of_another_size_is_named(labelled, tmp_path):
    path = exported(tmp_path / "c.zip", {"ga.png": as_shown(painted()[::2])})

    refused(labelled, path, r"SegmentationClass/ga\.png: photos/ga\.jpg is 102x96, the map painted for it 102x48")


def test_two_masks_of_one_photo_are_refused(labelled, tmp_path):
    path = exported(tmp_path / "c.zip", {"ga.png": as_shown(painted()), "b/ga.png": as_shown(painted())})

    refused(labelled, path, r"ga\.png is a second map of photos/ga\.jpg\. Keep one of them")


def test_an_archive_of_other_photos_is_refused(labelled, tmp_path):
    path = exported(tmp_path / "c.zip", {"holiday.png": as_shown(painted())})

    refused(labelled, path, r"none of the 1 map belongs to a photo of .*: holiday\.png is named after no id")


@pytest.mark.parametrize(
    ("label_map", "said"),
    [
        ("sky:1,2::", r"labelmap\.txt, line 1: 'sky:1,2::' is no label:red,green,blue::"),
        ("# ok\nsky:1,2,300::", r"labelmap\.txt, line 2"),
        ("sky", r"labelmap\.txt, line 1"),
    ],
)
def test_a_damaged_label_map_is_named_by_line(labelled, tmp_path, label_map, said):
    refused(labelled, exported(tmp_path / "c.zip", {"ga.png": as_shown(painted())}, label_map), said)


def test_a_label_map_that_would_fill_the_memory_is_not_unpacked(labelled, tmp_path):
    path = tmp_path / "c.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("labelmap.txt", b"\n" * 50_000_000)
        archive.writestr("SegmentationClass/ga.png", as_shown(painted()))

    tracemalloc.start()
    try:
        refused(labelled, path, r"c\.zip has a labelmap\.txt of more than 1,000,000 bytes\. Export it again")
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most_bytes < 10_000_000


def test_an_archive_without_label_map_or_masks_is_refused(labelled, tmp_path):
    for name, said in (("a.txt", "has no labelmap"), ("labelmap.txt", "holds no PNG in SegmentationClass")):
        with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
            archive.writestr(name, "sky:1,2,3::")

        refused(labelled, tmp_path / "c.zip", said)


@pytest.mark.parametrize("data", [b"", b"PK", b"PK\x03\x04 and nothing", b"no png"])
def test_a_torn_archive_or_mask_is_a_sentence(labelled, tmp_path, data):
    (tmp_path / "c.zip").write_bytes(data)
    refused(labelled, tmp_path / "c.zip", r"c\.zip cannot be read as")

    refused(labelled, exported(tmp_path / "d.zip", {"ga.png": data}), r"SegmentationClass/ga\.png cannot be used")
