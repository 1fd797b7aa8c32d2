"""The dataset in the layout of the reference implementation of SPADE, and as a person asks for it."""

import json
import os
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import images
from pipeline.console import Console
from pipeline.errors import GauganpipeError, PhotoError, WorkspaceError
from pipeline.export import Exporting, export, plan
from pipeline.exports import folder as folder_module
from pipeline.exports.folder import ExportFolder
from pipeline.exports.photos import read_photos
from pipeline.instances import find_edges
from pipeline.manifest import read, writing
from pipeline.rows import FAILED, REJECTED, Row
from pipeline.segmenters.given_instances import open_instances
from pipeline.segmenters.maps import open_maps
from pipeline.workspace import Workspace, write_atomically
from tests.exported import HEIGHT, LANDSCAPE, WIDTH, bytes_in
from tests.exported import row_of as small_row
from tests.typed import typed


class PowerCut(BaseException):
    """The process ends here."""


BESIDE = ["ATTRIBUTION.csv", "README.md", "export.json", "photos.csv"]
"""What stands in every export."""


def row_of(workspace: Workspace, id: str, number: int, **cells: object) -> Row:
    """A row with a photo and its maps, in which ids lie scattered."""
    scattered = np.random.default_rng(number).integers(0, 300, (HEIGHT, WIDTH), dtype=np.uint16)
    return small_row(workspace, id, number, instances=scattered, **cells)


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
    return list(bytes_in(folder))


def times_in(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_mtime_ns for name in names_in(folder)}


# What stands in the folder


def test_every_split_has_its_photos_labels_and_instances(filled, out):
    done = do(filled, out)

    assert names_in(out) == [
        *BESIDE,
        *("train_img/g0a.jpg", "train_img/g1a.jpg", "train_inst/g0a.png", "train_inst/g1a.png"),
        *("train_label/g0a.png", "train_label/g1a.png"),
        *("val_img/g2a.jpg", "val_inst/g2a.png", "val_label/g2a.png"),
    ]
    assert done.lines()[:2] == ["exported 3 photos", f"folder {out}: train 2, val 1"]


def test_what_was_exported_reads_back_as_the_maps_of_the_workspace(filled, out):
    do(filled, out)

    rows = read(filled).rows.values()
    for row in rows:
        maps = open_maps(out / f"{row.split}_label", taxonomy=LANDSCAPE)
        photo = images.read_photo(out / f"{row.split}_img" / f"{row.id}.jpg")
        labels = maps.finish(maps.run(maps.prepare(photo, f"{row.id}.jpg", photo.shape[:2]))).ids
        instances = images.read_ids(out / f"{row.split}_inst" / f"{row.id}.png")
        assert np.array_equal(photo, images.read_photo(filled.resolve(row.file_name)))
        assert np.array_equal(labels, images.read_labels(filled.resolve(row.label_file_name)))
        assert np.array_equal(
            find_edges(instances), find_edges(images.read_instances(filled.resolve(row.instance_file_name)))
        )


def test_photos_are_second_names_of_the_workspaces_files(filled, out):
    do(filled, out)

    assert (out / "train_img" / "g0a.jpg").samefile(filled.made("images", "g0a"))


def test_photos_are_copied_where_the_disk_cannot_link(filled, out, monkeypatch):
    def link(*_):
        raise OSError

    monkeypatch.setattr(os, "link", link)

    do(filled, out)

    assert (out / "train_img" / "g0a.jpg").read_bytes() == filled.made("images", "g0a").read_bytes()


def test_the_words_that_the_reference_is_started_with_are_said(filled, out, capsys):
    done = export(filled, Exporting(out=out), console=Console())

    train, test = done.next
    assert shlex.split(train) == [
        *("python", "train.py", "--name", "dataset", "--dataset_mode", "custom"),
        *("--label_dir", str(out / "train_label"), "--image_dir", str(out / "train_img")),
        *("--instance_dir", str(out / "train_inst"), "--label_nc", "20", "--contain_dontcare_label"),
    ]
    assert test.startswith("python test.py") and str(out / "val_label") in test
    assert f"next: {train}\nnext: {test}\n" in capsys.readouterr().err


def test_the_exported_instances_tell_the_same_things_apart(filled, out):
    do(filled, out)

    ids = images.read_instances(filled.made("instances", "g0a"))
    found = open_instances(out / "train_inst").find("g0a.jpg", ids.shape)
    pairs = np.unique(np.stack([ids.ravel(), found.ravel()]), axis=1)
    assert len(pairs[0]) == len(set(pairs[0])) == len(set(pairs[1]))


@pytest.mark.parametrize("folder", ["train_label", "train_inst"])
def test_maps_are_8_bit_grey_as_the_reference_reads_them(filled, out, folder):
    do(filled, out)

    with Image.open(out / folder / "g0a.png") as image:
        assert image.mode == "L"


def test_a_pixel_of_a_label_map_is_its_class(filled, out):
    do(filled, out)

    assert set(np.unique(images.read_labels(out / "train_label" / "g0a.png")).tolist()) == {0, 5, 255}


def test_classes_and_credits_stand_beside(workspace, out):
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 0, creator="Zoë", license="CC-BY-4.0"))

    do(workspace, out)

    said = json.loads((out / "export.json").read_text(encoding="utf-8"))
    [row] = read_photos(out)
    assert (row.creator, row.license) == ("Zoë", "CC-BY-4.0")
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


def test_photos_that_may_not_be_handed_on_go_out_when_that_is_said(filled, out):
    change(filled, "g0a", redistributable="no")

    done = export(filled, Exporting(out=out, with_restricted=True), console=Console(quiet=True))

    assert (done.restricted, done.not_redistributable, done.splits["train"]) == (1, 0, 2)
    assert "with 1 photo that may not be handed on: keep them to yourself" in done.lines()
    assert "**1 photo of these may not be handed on." in (out / "README.md").read_text(encoding="utf-8")


def test_photos_without_instance_maps_stay_out_and_are_counted(filled, out):
    change(filled, "g0a", instance_file_name="", edge_file_name="")

    done = do(filled, out)

    assert (done.unfinished, done.splits["train"]) == (1, 1)
    assert "left out 1 photo without label map or instance map" in done.lines()


def test_photos_without_a_split_stay_out_and_are_counted_with_the_way_out(filled, out):
    change(filled, "g0a", split="")

    planned = plan(filled, Exporting(out=out))
    done = do(filled, out)

    assert (done.unsplit, done.splits["train"]) == (1, 1)
    assert "left out 1 photo without a split. Give them one: gauganpipe manifest split" in done.lines()
    assert "would leave out 1 photo without a split. Give them one: gauganpipe manifest split" in planned


def test_one_split_can_be_asked_for(filled, out):
    do(filled, out, split="val")

    photo = ["val_img/g2a.jpg", "val_inst/g2a.png", "val_label/g2a.png"]
    assert names_in(out) == [*BESIDE, *photo]


def test_whose_the_photos_are_stands_beside_and_only_of_those_in_the_folder(filled, out):
    change(filled, "g0a", creator="Ann Ansel")

    do(filled, out, split="train")

    lines = (out / "ATTRIBUTION.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == ["g0a", "g1a"]
    assert ",Ann Ansel," in lines[1]


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


@pytest.mark.parametrize("name", ["train_img/g0a.jpg", "train_label/g0a.png", "photos.csv"])
def test_what_is_gone_is_made_again(filled, out, name):
    do(filled, out)
    before = (out / name).read_bytes()
    (out / name).unlink()

    done = do(filled, out)

    assert done.written == (0 if name == "photos.csv" else 1)
    assert (out / name).read_bytes() == before


def test_a_file_that_was_cut_off_is_made_again(filled, out):
    do(filled, out)
    label = out / "train_label" / "g0a.png"
    before = label.read_bytes()
    label.unlink()
    label.write_bytes(before[:1])

    assert do(filled, out).written == 1
    assert label.read_bytes() == before


def test_a_changed_label_map_is_exported_again(filled, out):
    do(filled, out)
    changed = row_of(filled, "g0a", 9)
    change(filled, "g0a", digests=changed.digests)

    assert do(filled, out).written == 1
    assert np.array_equal(
        images.read_labels(out / "train_label" / "g0a.png"), images.read_labels(filled.made("labels", "g0a"))
    )


@pytest.mark.parametrize("files_written", range(12))
def test_a_kill_between_two_files_is_gone_on_with_and_ends_the_same(filled, out, tmp_path, monkeypatch, files_written):
    left = iter(range(files_written))
    put, record = folder_module._put, ExportFolder.record

    def put_some(place, content):
        if next(left, None) is None:
            write_atomically(place.with_name(place.name + ".part"), b"torn")
            raise PowerCut
        put(place, content)

    def record_once(folder, said, **options):
        if not (out / "export.json").exists():
            record(folder, said, **options)

    with monkeypatch.context() as patched, pytest.raises(PowerCut):
        patched.setattr(folder_module, "_put", put_some)
        patched.setattr(ExportFolder, "record", record_once)
        do(filled, out)
    do(filled, out)

    do(filled, tmp_path / "whole")
    assert bytes_in(out) == bytes_in(tmp_path / "whole")


def test_an_interrupted_export_remembers_what_it_has_written(filled, out, monkeypatch):
    written = []

    def write(folder, piece):
        if written:
            raise KeyboardInterrupt
        written.append(piece)
        return write_piece(folder, piece)

    write_piece = ExportFolder.write
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(ExportFolder, "write", write)
        do(filled, out)

    assert do(filled, out).written == 2


def test_an_export_that_was_killed_knows_its_files_when_the_data_set_has_changed_meanwhile(filled, out, monkeypatch):
    record = ExportFolder.record

    def record_once(folder, said, **options):
        if not (out / "export.json").exists():
            record(folder, said, **options)

    def put_two(place, content, put=folder_module._put):
        if (out / "train_img" / "g0a.jpg").exists() and "g0a" not in place.name:
            raise PowerCut
        put(place, content)

    with monkeypatch.context() as patched, pytest.raises(PowerCut):
        patched.setattr(folder_module, "_put", put_two)
        patched.setattr(ExportFolder, "record", record_once)
        do(filled, out)
    change(filled, "g0a", keep="no")

    with pytest.raises(GauganpipeError, match=r"g0a\.jpg was exported once and is no longer part of the data set"):
        do(filled, out)


def test_a_map_that_was_replaced_before_a_kill_is_not_taken_for_the_one_before_it(filled, out, monkeypatch):
    do(filled, out)
    before, said = (out / "train_label" / "g0a.png").read_bytes(), read(filled).rows["g0a"].digests
    change(filled, "g0a", digests=row_of(filled, "g0a", 9).digests)
    record, left = ExportFolder.record, iter(range(1))

    def record_one(folder, said, **options):
        if next(left, None) is None:
            raise PowerCut
        record(folder, said, **options)

    with monkeypatch.context() as patched, pytest.raises(PowerCut):
        patched.setattr(ExportFolder, "record", record_one)
        do(filled, out)
    row_of(filled, "g0a", 0)
    change(filled, "g0a", digests=said)
    do(filled, out)

    assert (out / "train_label" / "g0a.png").read_bytes() == before


def test_whether_all_is_there_is_said(filled, out, monkeypatch):
    seen = []

    def put(place, content, put=folder_module._put):
        seen.append(json.loads((out / "export.json").read_text(encoding="utf-8"))["complete"])
        put(place, content)

    with monkeypatch.context() as patched:
        patched.setattr(folder_module, "_put", put)
        do(filled, out)

    assert {*seen} == {False}
    assert json.loads((out / "export.json").read_text(encoding="utf-8"))["complete"]


def test_a_card_that_somebody_wrote_in_is_left_alone_and_the_new_one_stands_beside(filled, out):
    do(filled, out)
    (out / "README.md").write_text("my own words")
    change(filled, "g0a", creator="Ann Ansel", license="CC-BY-4.0")

    done = do(filled, out)

    assert done.beside == ["README.new.md"]
    assert (out / "README.md").read_text() == "my own words"
    assert "CC-BY-4.0" in (out / "README.new.md").read_text(encoding="utf-8")
    assert do(filled, out).beside == []


def test_the_files_of_a_repository_around_it_are_not_looked_at(filled, out):
    write_atomically(out / ".git" / "config", b"[core]")
    write_atomically(out / ".gitattributes", b"*.jpg lfs")

    assert do(filled, out).written == 3


# What is refused


@pytest.mark.parametrize("name", ["notes.txt", "README.md", "train_img/g0a.jpg", "train_img/deep/g0a.jpg", "lake.jpg"])
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


def test_a_file_that_somebody_put_among_ours_is_refused(filled, out):
    do(filled, out)
    write_atomically(out / "train_img" / "lake.jpg", b"mine")

    with pytest.raises(GauganpipeError, match=r"holds other files: .*lake\.jpg"):
        do(filled, out)


def test_a_linked_folder_in_place_of_ours_is_not_followed(filled, out, tmp_path):
    do(filled, out)
    (out / "test_img").symlink_to(tmp_path, target_is_directory=True)

    with pytest.raises(GauganpipeError, match=r"holds other files: .*test_img"):
        do(filled, out)


def test_the_photos_that_the_workspace_is_made_of_are_never_written_over(filled):
    before = bytes_in(filled.root)

    for folder in (filled.root, filled.root / "data", filled.root / "data" / "images"):
        with pytest.raises(GauganpipeError, match="holds other files"):
            do(filled, folder)

    assert bytes_in(filled.root) == before


def test_another_layout_needs_another_folder(filled, out):
    do(filled, out)

    with pytest.raises(GauganpipeError, match=r"holds an export as spade\. Name another folder for hf"):
        do(filled, out, layout="hf")


def test_how_many_files_must_go_is_said(filled, out):
    do(filled, out)
    change(filled, "g0a", keep="no")

    with pytest.raises(GauganpipeError, match=r"Take it and 2 others away, or export to an empty folder"):
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


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "[" * 100_000, "\0", '{"layout": "spade"}', '{"layout": 5, "files": {}}'),
        *('{"layout": "spade", "files": {}, "splits": 5}', '{"layout": "spade", "files": {"a": 5}}'),
        '{"layout": "spade", "files": {}, "complete": []}',
    ],
)
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


def test_the_command_exports_and_says_so_as_lines_and_as_json(filled):
    words = ("manifest", "export", "dataset", "--to", "spade")

    planned = typed(filled.root, *words, "--dry-run")
    first = typed(filled.root, *words)
    second = typed(filled.root, *words, "--json")

    assert planned.stdout == "would export 3 photos of 3 to dataset\n"
    assert first.stdout == "exported 3 photos\nfolder dataset: train 2, val 1\n"
    assert json.loads(second.stdout)["written"] == 0
    assert json.loads(second.stdout)["splits"] == {"train": 2, "val": 1, "test": 0}


def test_without_a_manifest_the_command_says_what_to_do(tmp_path):
    done = typed(tmp_path, "manifest", "export", "dataset", "--to", "spade")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("gauganpipe: no manifest at manifests/dataset.csv. Make one:")
