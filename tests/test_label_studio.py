"""Label Studio's tasks: written as predictions, and read as annotations."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from pipeline.annotation import brush
from pipeline.annotation.exchange import Sending
from pipeline.annotation.tools import bring_back, plan_sending, send
from pipeline.classes import UNKNOWN
from pipeline.console import Console
from pipeline.corrections import MACHINE_LABELS
from pipeline.errors import GauganpipeError, WorkspaceError
from tests.annotated import HEIGHT, LANDSCAPE, SEA, SKY, TREE, WIDTH, files_of, fill, labels, row, sky_above_sea

QUIET = Console(quiet=True)


@pytest.fixture
def labelled(workspace, photo_of):
    return fill(workspace, photo_of, {"ga": 0.9, "gb": 0.6})


@pytest.fixture
def out(labelled, tmp_path) -> Path:
    send(labelled, "label-studio", Sending(out=tmp_path / "studio"), console=QUIET)
    return tmp_path / "studio"


def back(workspace, path, **options):
    return bring_back(workspace, path, console=QUIET, **options)


def region(mask: np.ndarray, label: str, **changed) -> dict:
    value = {"format": "rle", "rle": brush.encode(mask), "brushlabels": [label]}
    said = {"type": "brushlabels", "original_width": mask.shape[1], "original_height": mask.shape[0], "value": value}
    return {**said, **changed}


def regions(ids: np.ndarray) -> list[dict]:
    return [region(ids == id, LANDSCAPE.names[id]) for id in np.unique(ids) if id != UNKNOWN]


def exported(path: Path, name: str, results: list[dict], **task) -> Path:
    """A JSON as Label Studio exports it, of one annotated task."""
    said = {"id": 1, "data": {"image": f"/data/local-files/?d=images/{name}"}, "annotations": [{"result": results}]}
    path.write_text(json.dumps([{**said, **task}]))
    return path


def painted() -> np.ndarray:
    ids = sky_above_sea(horizon=40)
    ids[:, :30] = TREE
    return ids


# What goes out


def test_the_folder_has_tasks_interface_and_photos(out, labelled):
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())

    assert names == ["images/ga.jpg", "images/gb.jpg", "interface.xml", "tasks.json"]
    assert (out / "images" / "ga.jpg").read_bytes() == labelled.made("images", "ga").read_bytes()


def test_a_task_tells_a_mask_a_class_of_the_size_of_the_photo(out, labelled):
    task = json.loads((out / "tasks.json").read_text())[0]
    [prediction] = task["predictions"]

    assert task["data"] == {"image": "/data/local-files/?d=images/ga.jpg"}
    assert (prediction["model_version"], prediction["score"]) == ("embedded", 0.9)
    assert [one["value"]["brushlabels"] for one in prediction["result"]] == [["sky"], ["sea"], ["tree"]]
    for one in prediction["result"]:
        assert (one["type"], one["from_name"], one["to_name"]) == ("brushlabels", "labels", "image")
        assert (one["original_width"], one["original_height"], one["image_rotation"]) == (WIDTH, HEIGHT, 0)
        mask = brush.decode(one["value"]["rle"], HEIGHT, WIDTH)
        id = LANDSCAPE.id_of(one["value"]["brushlabels"][0])
        assert np.array_equal(mask, labels(labelled, "ga") == id)


def test_the_interface_names_every_class_and_unknown(out):
    view = ElementTree.parse(out / "interface.xml").getroot()
    brushes = view.find("BrushLabels")

    assert (view.find("Image").get("value"), brushes.get("toName")) == ("$image", "image")
    assert [one.get("value") for one in brushes] == [*LANDSCAPE.names, "unknown"]
    assert brushes[0].get("background") == "#9ceedd"


def test_the_same_again_is_left_alone(out, labelled):
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}

    assert send(labelled, "label-studio", Sending(out=out), console=QUIET).unchanged
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.parametrize("name", ["notes.txt", "images/holiday.jpg"])
def test_a_folder_with_other_files_is_refused(labelled, tmp_path, name):
    place = tmp_path / "mine" / name
    place.parent.mkdir(parents=True)
    place.write_text("mine")

    with pytest.raises(GauganpipeError, match=rf"mine holds other files: .*{name}"):
        send(labelled, "label-studio", Sending(out=tmp_path / "mine"), console=QUIET)


@pytest.mark.parametrize("name", ["tasks.json", "interface.xml"])
def test_a_file_of_somebody_elses_is_not_written_over(labelled, tmp_path, name):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text('[{"mine": 1}]')

    with pytest.raises(WorkspaceError, match=rf"{name} is there and was not written by this command"):
        send(labelled, "label-studio", Sending(out=tmp_path / "mine"), console=QUIET)

    assert [path.name for path in (tmp_path / "mine").iterdir()] == [name]
    assert (tmp_path / "mine" / name).read_text() == '[{"mine": 1}]'


@pytest.mark.parametrize("folder", ["manifests", "data/studio"])
def test_nothing_is_written_among_the_files_of_the_workspace(labelled, folder):
    before = files_of(labelled)

    with pytest.raises(GauganpipeError, match=r"holds other files|lies in .*, where the workspace keeps its own"):
        send(labelled, "label-studio", Sending(out=labelled.root / folder), console=QUIET)

    assert files_of(labelled) == before


def test_tasks_of_ours_are_written_anew_when_a_map_has_changed(out, labelled, tmp_path):
    back(labelled, exported(tmp_path / "p.json", "ga.jpg", regions(painted())))

    assert not send(labelled, "label-studio", Sending(out=out), console=QUIET).unchanged


def test_a_plan_writes_nothing(labelled, tmp_path):
    lines = plan_sending(labelled, "label-studio", Sending(out=tmp_path / "studio", limit=1))

    assert lines == [f"would write {tmp_path / 'studio'}: 1 photo with label maps"]
    assert not (tmp_path / "studio").exists()


# What comes back


def test_tasks_that_nobody_has_annotated_bring_nothing(out, labelled):
    before = files_of(labelled)

    assert back(labelled, out / "tasks.json").lines() == ["corrected 0 label maps, 0 unchanged"]
    assert files_of(labelled) == before


def test_an_annotation_that_is_the_map_changes_nothing(labelled, tmp_path):
    before = files_of(labelled)

    done = back(labelled, exported(tmp_path / "p.json", "ga.jpg", regions(labels(labelled, "ga"))))

    assert (done.corrected, done.unchanged) == (0, 1)
    assert files_of(labelled) == before


@pytest.mark.parametrize("name", ["ga.jpg", "5fd2a1b0-ga.jpg", "ga.jpg?token=x"])
def test_a_painted_map_is_taken_however_the_photo_was_served(labelled, tmp_path, name):
    machine = labels(labelled, "ga")

    done = back(labelled, exported(tmp_path / "p.json", name, regions(painted())))

    assert done.corrected == 1
    assert np.array_equal(labels(labelled, "ga"), painted())
    assert np.array_equal(labels(labelled, "ga", MACHINE_LABELS), machine)
    assert row(labelled, "ga").label_reviewed == "yes"


def test_of_two_masks_over_a_pixel_the_last_counts_and_unknown_erases(labelled, tmp_path):
    everything = np.ones((HEIGHT, WIDTH), bool)
    left, corner = everything.copy(), everything.copy()
    left[:, 50:] = False
    corner[10:, :] = False
    results = [region(everything, "sky"), region(left, "sea"), region(corner, "unknown")]

    back(labelled, exported(tmp_path / "p.json", "ga.jpg", results))

    wanted = np.full((HEIGHT, WIDTH), SKY, np.uint8)
    wanted[:, :50] = SEA
    wanted[:10] = UNKNOWN
    assert np.array_equal(labels(labelled, "ga"), wanted)


def test_the_last_annotation_that_was_not_cancelled_counts(labelled, tmp_path):
    made = [{"result": regions(painted())}, {"result": [], "was_cancelled": True}]

    back(labelled, exported(tmp_path / "p.json", "ga.jpg", [], annotations=made))

    assert np.array_equal(labels(labelled, "ga"), painted())


def test_answers_that_show_nothing_stand_beside_the_regions(labelled, tmp_path):
    answer = {"type": "choices", "value": {"choices": ["well done"]}}

    done = back(labelled, exported(tmp_path / "p.json", "ga.jpg", [answer, *regions(painted())]))

    assert done.corrected == 1
    assert np.array_equal(labels(labelled, "ga"), painted())


# What is refused


@pytest.mark.parametrize("results", [[], [{"type": "choices", "value": {"choices": ["bad"]}}]])
def test_an_annotation_without_a_brush_region_is_refused_and_wipes_nothing(labelled, tmp_path, results):
    before = files_of(labelled)
    path = exported(tmp_path / "p.json", "ga.jpg", results)

    with pytest.raises(GauganpipeError, match=r"p\.json, task 1 has an annotation without a brush region"):
        back(labelled, path)

    assert files_of(labelled) == before


@pytest.mark.parametrize("region", [{"type": "polygonlabels"}, {"type": "rectanglelabels"}, {"type": "brush"}, {}, 3])
def test_a_region_that_is_not_read_is_refused_beside_those_that_are(labelled, tmp_path, region):
    before = files_of(labelled)
    path = exported(tmp_path / "p.json", "ga.jpg", [*regions(painted()), region])

    with pytest.raises(GauganpipeError, match=r"task 1 has a region of the kind '\w+', and only those of the brush"):
        back(labelled, path)

    assert files_of(labelled) == before


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"original_width": 99}, r"task 1 has a region of 99x96, its photo photos/ga\.jpg is 102x96"),
        ({"image_rotation": 90}, r"task 1 is turned by 90 degrees"),
        ({"value": {"rle": [1, 2], "brushlabels": ["sky"]}}, r"task 1 has an rle that breaks off"),
        ({"value": {"brushlabels": ["sky"]}}, r"task 1 has a brush region without rle"),
        ({"value": None}, r"task 1 has a brush region without rle"),
        ({"value": {"rle": [], "brushlabels": ["zeppelin"]}}, r"region of 'zeppelin', which is no class of landscape"),
        ({"value": {"rle": []}}, r"region of '', which is no class of landscape"),
    ],
)
def test_what_cannot_be_taken_is_one_sentence_and_nothing_has_changed(labelled, tmp_path, changed, said):
    before = files_of(labelled)
    path = exported(tmp_path / "p.json", "ga.jpg", [{**regions(painted())[0], **changed}])

    with pytest.raises(GauganpipeError, match=said) as caught:
        back(labelled, path)

    assert "\n" not in str(caught.value)
    assert files_of(labelled) == before


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", '"a"', "[" * 100_000])
def test_what_is_no_list_of_tasks_is_a_sentence(labelled, tmp_path, text):
    (tmp_path / "p.json").write_text(text)

    with pytest.raises(GauganpipeError, match=r"p\.json (cannot be read as JSON|is no list of tasks)"):
        back(labelled, tmp_path / "p.json")


@pytest.mark.parametrize("task", [{}, {"data": 3}, {"data": {}, "annotations": [3]}, {"annotations": "x"}])
def test_tasks_of_any_shape_are_no_traceback(labelled, tmp_path, task):
    (tmp_path / "p.json").write_text(json.dumps([task]))

    assert back(labelled, tmp_path / "p.json").corrected == 0
