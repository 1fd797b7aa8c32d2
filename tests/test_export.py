"""The dataset in the layout of the reference implementation of SPADE, and as a person asks for it."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import images
from pipeline.classes import load_taxonomy
from pipeline.console import Console
from pipeline.errors import GauganpipeError, PhotoError, WorkspaceError
from pipeline.export import Exporting, export, plan
from pipeline.manifest import read, writing
from pipeline.rows import FAILED, OK, REJECTED, Row, digest
from pipeline.segmenters.given_instances import open_instances
from pipeline.segmenters.maps import open_maps
from pipeline.workspace import Workspace, write_atomically

LANDSCAPE = load_taxonomy()
PROGRAM = Path(sys.executable).with_name("gauganpipe")


def row_of(workspace: Workspace, id: str, number: int, **cells: object) -> Row:
    """A row with a photo of 12 x 8 pixels and its maps, different for every number."""
    rng = np.random.default_rng(number)
    files = {
        "images": images.encode_photo(rng.integers(0, 256, (8, 12, 3), dtype=np.uint8)),
        "labels": images.encode_labels(rng.choice([0, 5, 255], (8, 12)).astype(np.uint8), LANDSCAPE.palette),
        "instances": images.encode_instances(rng.integers(0, 300, (8, 12), dtype=np.uint16)),
    }
    names = {}
    for kind, data in files.items():
        write_atomically(workspace.made(kind, id), data)
        names[kind] = workspace.relative(workspace.made(kind, id))
    fixed = {
        "file_name": names["images"],
        "label_file_name": names["labels"],
        "instance_file_name": names["instances"],
        "digests": {
            kind: digest(data) for kind, data in zip(("image", "label", "instance"), files.values(), strict=True)
        },
    }
    said = {"status": OK, "split": "train", "original_name": f"{id}.jpg", "redistributable": "yes"}
    return Row(id=id, **{**fixed, **said, **cells})


@pytest.fixture
def filled(workspace) -> Workspace:
    """A workspace of two photos to train on and one to judge by."""
    with writing(workspace) as manifest:
        for number, split in enumerate(("train", "train", "val")):
            manifest.record(row_of(workspace, f"g{number}a", number, split=split))
    return workspace


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "dataset"


def do(workspace: Workspace, out: Path, **asked: str):
    return export(workspace, Exporting(out=out, **asked), console=Console(quiet=True))


def change(workspace: Workspace, id: str, **cells: object) -> None:
    with writing(workspace) as manifest:
        manifest.record(replace(manifest.rows[id], **cells))


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def times_in(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in names_in(folder)}


# What stands in the folder


def test_every_split_has_its_photos_labels_and_instances(filled, out):
    done = do(filled, out)

    assert names_in(out) == [
        "export.json",
        *("train_img/g0a.jpg", "train_img/g1a.jpg", "train_inst/g0a.png", "train_inst/g1a.png"),
        *("train_label/g0a.png", "train_label/g1a.png"),
        *("val_img/g2a.jpg", "val_inst/g2a.png", "val_label/g2a.png"),
    ]
    assert done.lines() == ["exported 3 photos", f"folder {out}: train 2, val 1"]


def test_what_was_exported_reads_back_as_the_maps_of_the_workspace(filled, out):
    do(filled, out)

    rows = read(filled).rows.values()
    for row in rows:
        maps = open_maps(out / f"{row.split}_label", taxonomy=LANDSCAPE)
        photo = images.read_photo(out / f"{row.split}_img" / f"{row.id}.jpg")
        labels = maps.finish(maps.run(maps.prepare(photo, f"{row.id}.jpg", photo.shape[:2]))).ids
        instances = images.read_instances(out / f"{row.split}_inst" / f"{row.id}.png")
        assert np.array_equal(photo, images.read_photo(filled.resolve(row.file_name)))
        assert np.array_equal(labels, images.read_labels(filled.resolve(row.label_file_name)))
        assert np.array_equal(instances, images.read_instances(filled.resolve(row.instance_file_name)))


def test_the_exported_instances_tell_the_same_things_apart(filled, out):
    do(filled, out)

    ids = images.read_instances(filled.made("instances", "g0a"))
    found = open_instances(out / "train_inst").find("g0a.jpg", ids.shape)
    pairs = np.unique(np.stack([ids.ravel(), found.ravel()]), axis=1)
    assert len(pairs[0]) == len(set(pairs[0])) == len(set(pairs[1]))


def test_label_maps_are_grey_so_that_a_pixel_is_its_class(filled, out):
    do(filled, out)

    with Image.open(out / "train_label" / "g0a.png") as image:
        assert image.mode == "L"
        assert set(np.unique(np.array(image)).tolist()) == {0, 5, 255}


def test_classes_and_credits_stand_beside(workspace, out):
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 0, creator="Zoë", license="CC-BY-4.0"))

    do(workspace, out)

    said = json.loads((out / "export.json").read_text(encoding="utf-8"))
    assert (said["photos"]["g0a"]["creator"], said["photos"]["g0a"]["license"]) == ("Zoë", "CC-BY-4.0")
    assert [one["name"] for one in said["classes"]] == list(LANDSCAPE.names)


def test_a_photo_is_a_second_name_of_the_file_or_a_copy(filled, out, monkeypatch):
    do(filled, out, split="train")
    assert (out / "train_img" / "g0a.jpg").samefile(filled.made("images", "g0a"))

    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    do(filled, out)

    assert (out / "val_img" / "g2a.jpg").read_bytes() == filled.made("images", "g2a").read_bytes()


# Who stays out


@pytest.mark.parametrize(
    "cells", [{"status": REJECTED, "rule": "small"}, {"status": FAILED, "error": "is broken"}, {"keep": "no"}]
)
def test_rejected_failed_and_unwanted_photos_stay_out(filled, out, cells):
    change(filled, "g0a", **cells)

    assert do(filled, out).splits == {"train": 1, "val": 1, "test": 0}


def test_photos_that_may_not_be_handed_on_stay_out_and_are_counted(filled, out):
    change(filled, "g0a", redistributable="no")
    change(filled, "g1a", redistributable="")

    done = do(filled, out)

    assert (done.not_redistributable, done.splits["train"]) == (1, 1)
    assert "left out 1 photo that may not be handed on" in done.lines()


def test_photos_without_instance_maps_stay_out_and_are_counted(filled, out):
    change(filled, "g0a", instance_file_name="", edge_file_name="")

    done = do(filled, out)

    assert (done.unfinished, done.splits["train"]) == (1, 1)
    assert "left out 1 photo without label map or instance map" in done.lines()


def test_one_split_can_be_asked_for(filled, out):
    do(filled, out, split="val")

    assert names_in(out) == ["export.json", "val_img/g2a.jpg", "val_inst/g2a.png", "val_label/g2a.png"]


# Again


def test_a_second_run_is_idle(filled, out):
    do(filled, out)
    before = times_in(out)

    done = do(filled, out)

    assert (done.written, done.unchanged) == (0, 3)
    assert times_in(out) == before


def test_one_split_after_the_other_is_the_whole(filled, out, tmp_path):
    for split in ("train", "val", "train"):
        do(filled, out, split=split)
    do(filled, tmp_path / "whole")

    assert names_in(out) == names_in(tmp_path / "whole")
    assert (out / "export.json").read_bytes() == (tmp_path / "whole" / "export.json").read_bytes()
    assert do(filled, out).written == 0


@pytest.mark.parametrize("name", ["train_img/g0a.jpg", "train_label/g0a.png", "export.json"])
def test_what_is_gone_is_made_again(filled, out, name):
    do(filled, out)
    (out / name).unlink()

    done = do(filled, out)

    assert done.written == (3 if name == "export.json" else 1)
    assert (out / name).is_file()


def test_a_changed_label_map_is_exported_again(filled, out):
    do(filled, out)
    changed = row_of(filled, "g0a", 9)
    change(filled, "g0a", digests=changed.digests)

    assert do(filled, out).written == 1
    assert np.array_equal(
        images.read_labels(out / "train_label" / "g0a.png"), images.read_labels(filled.made("labels", "g0a"))
    )


def test_what_a_crash_has_left_is_no_hindrance(filled, out):
    for name in ("train_img/g0a.jpg", "train_img/g0a.jpg.part", "export.json.part"):
        write_atomically(out / name, b"torn")

    assert do(filled, out).written == 3


# What is refused


@pytest.mark.parametrize("name", ["notes.txt", "train_img/other.jpg", "train_img/deep/g0a.jpg", "data/g0a.jpg"])
def test_a_folder_with_other_files_is_refused_and_left_as_it_is(filled, out, name):
    write_atomically(out / name, b"mine")

    with pytest.raises(GauganpipeError, match=rf"holds other files: .*{name}\. Name a folder that is empty"):
        do(filled, out)

    assert names_in(out) == [name]


@pytest.mark.parametrize("cells", [{"split": "val"}, {"keep": "no"}])
def test_a_photo_that_has_left_or_moved_is_said_so_that_no_split_leaks(filled, out, cells):
    do(filled, out)
    change(filled, "g0a", **cells)

    with pytest.raises(GauganpipeError, match=r"g0a\.jpg was exported once and is no longer part of the data set"):
        do(filled, out)


def test_a_file_in_place_of_the_folder_is_a_sentence(filled, out):
    out.write_text("mine")

    with pytest.raises(GauganpipeError, match=r"is a file\. Name a folder"):
        do(filled, out)


@pytest.mark.parametrize(
    ("asked", "said"), [({"layout": "yolo"}, "no layout 'yolo'"), ({"split": "dev"}, "no split 'dev'")]
)
def test_what_nobody_knows_is_a_sentence(filled, out, asked, said):
    with pytest.raises(GauganpipeError, match=said):
        do(filled, out, **asked)


def test_a_map_that_is_gone_is_a_sentence_with_the_photos_name(filled, out):
    filled.made("labels", "g0a").unlink()

    with pytest.raises(PhotoError, match=r"^g0a\.jpg cannot be used: g0a\.png is not there\. See gauganpipe inspect"):
        do(filled, out)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\0"])
def test_a_damaged_export_json_is_a_sentence(filled, out, text):
    write_atomically(out / "export.json", text.encode())

    with pytest.raises(WorkspaceError, match=r"cannot be read\. Export to an empty folder"):
        do(filled, out)


def test_a_plan_writes_nothing(filled, out):
    change(filled, "g1a", redistributable="no")

    lines = plan(filled, Exporting(out=out))

    assert lines == [
        f"would export 2 photos of 2 to {out}",
        "would leave out 1 photo that may not be handed on",
    ]
    assert not out.exists()


# As a person types it


def gauganpipe(folder: Path, *words: str) -> subprocess.CompletedProcess:
    return subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True, text=True, timeout=120)


def test_help_shows_two_examples(tmp_path):
    done = gauganpipe(tmp_path, "export", "-h")

    assert (
        sum(line.strip().startswith("gauganpipe export dataset --layout spade") for line in done.stdout.splitlines())
        == 2
    )


def test_the_command_exports_and_says_so_as_lines_and_as_json(filled):
    words = ("export", "dataset", "--layout", "spade")

    planned = gauganpipe(filled.root, *words, "--dry-run")
    first = gauganpipe(filled.root, *words)
    second = gauganpipe(filled.root, *words, "--json")

    assert planned.stdout == "would export 3 photos of 3 to dataset\n"
    assert first.stdout == "exported 3 photos\nfolder dataset: train 2, val 1\n"
    assert json.loads(second.stdout)["written"] == 0
    assert json.loads(second.stdout)["splits"] == {"train": 2, "val": 1, "test": 0}


def test_without_a_manifest_the_command_says_what_to_do(tmp_path):
    done = gauganpipe(tmp_path, "export", "dataset", "--layout", "spade")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gauganpipe: no manifest at manifests/dataset.csv. Make one:")
