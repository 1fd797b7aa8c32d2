"""An export back into a workspace: the same files, and exported again the same bytes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline import images
from pipeline.bare_jpeg import is_bare
from pipeline.console import Console
from pipeline.errors import GauganpipeError, ManifestError, WorkspaceError
from pipeline.exports.folder import ExportFolder
from pipeline.importing import import_dataset, plan
from pipeline.manifest import Manifest, read, writing
from pipeline.report import next_command
from pipeline.rows import FAILED, GIVEN, REJECTED, digest
from pipeline.workspace import Workspace
from tests.exported import HEIGHT, WIDTH, bytes_in, exported, fill, row_of

LAYOUTS = ("spade", "hf")


@pytest.fixture
def filled(tmp_path) -> Workspace:
    """Six photos that are exported and two that are not, in a workspace with a word of its own on rules."""
    workspace = fill(Workspace(root=tmp_path / "filled"))
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g7", 7, status=REJECTED, stage="ingest", rule="blur", rule_value=0.1))
        manifest.record(row_of(workspace, "g8", 8, keep="no"))
        manifest.record(row_of(workspace, "g1a", 1, flags="sky-below", label_reviewed="yes", keep="yes"))
        manifest.choose(
            models={"embedded": {"digest": "ff", "license": "ours"}, "unused": {"digest": "00", "license": "no"}},
            parameters={"label": {"quality": "best", "instances": "/home/me/maps"}, "curate": {"blur": "0.3"}},
        )
    return workspace


@pytest.fixture(params=LAYOUTS)
def folder(request, filled, tmp_path) -> Path:
    """The filled workspace, exported."""
    exported(filled, tmp_path / request.param, request.param)
    return tmp_path / request.param


@pytest.fixture
def other(tmp_path) -> Workspace:
    return Workspace(root=tmp_path / "other")


def do(workspace: Workspace, folder: Path, workers: int = 0):
    return import_dataset(workspace, folder, workers=workers, console=Console(quiet=True))


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


# There and back


def test_export_import_export_gives_the_same_bytes(folder, other, tmp_path):
    do(other, folder)
    exported(other, tmp_path / "again", folder.name)

    assert bytes_in(tmp_path / "again") == bytes_in(folder)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_so_it_does_with_more_segments_than_8_bits_tell_apart(workspace, other, tmp_path, layout):
    many = np.random.default_rng(0).permutation(np.arange(900, 1500, dtype=np.uint16)).reshape(20, 30)
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 0, instances=many.repeat(3, axis=0).repeat(3, axis=1)))
    exported(workspace, tmp_path / "first", layout)

    do(other, tmp_path / "first")
    exported(other, tmp_path / "second", layout)

    assert bytes_in(tmp_path / "second") == bytes_in(tmp_path / "first")
    assert other.made("edges", "g0a").read_bytes() == workspace.made("edges", "g0a").read_bytes()


def test_rows_come_back_with_credits_splits_groups_and_what_was_reviewed(folder, filled, other):
    do(other, folder)

    before, after = read(filled).rows, read(other).rows
    assert sorted(after) == [f"g{number}a" for number in range(6)]
    for id, row in after.items():
        kept = ("original_name", "split", "group", "keep", "creator", "license", "title", "captured_at", "flags")
        kept += ("label_model", "label_confidence", "label_unknown", "label_reviewed", "width", "height", "digests")
        assert {name: getattr(row, name) for name in kept} == {name: getattr(before[id], name) for name in kept}
        assert row.shares == pytest.approx({name: value for name, value in before[id].shares.items() if value})


def test_files_come_back_byte_for_byte(folder, filled, other):
    do(other, folder)

    for id in read(other).rows:
        for kind in ("images", "labels", "instances", "edges"):
            assert other.made(kind, id).read_bytes() == filled.made(kind, id).read_bytes()


def test_maps_count_as_given_so_that_no_command_makes_them_again(folder, other):
    do(other, folder)

    assert {tuple(sorted(row.keys.items())) for row in read(other).rows.values()} == {
        (("edges", GIVEN), ("ingest", GIVEN), ("label", GIVEN))
    }


def test_an_empty_workspace_takes_over_classes_models_rules_and_what_was_removed_but_no_paths(folder, other):
    do(other, folder)

    about = read(other).about
    assert about.models == {"embedded": {"digest": "ff", "license": "ours"}}
    assert about.parameters["curate"] == {"blur": "0.3"}
    assert about.parameters["label"] == {"quality": "best"}
    assert about.parameters["imported"] == {
        "rejected by the rule blur: sharpness of the edges must be at least 0.3": "1",
        "turned down by hand": "1",
    }


def test_any_number_of_threads_gives_the_same(folder, other, tmp_path):
    do(other, folder)
    threaded = Workspace(root=tmp_path / "threaded")
    do(threaded, folder, workers=3)

    assert bytes_in(threaded.root) == bytes_in(other.root)


# Again, and beside what is there


def test_a_second_run_is_idle(folder, other):
    first = do(other, folder)
    before = bytes_in(other.root)

    second = do(other, folder)

    assert (first.written, first.unchanged) == (6, 0)
    assert (second.written, second.unchanged) == (0, 6)
    assert bytes_in(other.root) == before


def test_a_kill_in_the_middle_is_gone_on_with_and_ends_the_same(folder, other, tmp_path, monkeypatch):
    record, left = Manifest.record, iter(range(2))

    def record_two(manifest, row):
        if next(left, None) is None:
            raise RuntimeError
        record(manifest, row)

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(Manifest, "record", record_two)
        do(other, folder)
    done = do(other, folder)

    whole = Workspace(root=tmp_path / "whole")
    do(whole, folder)
    assert (done.written, done.unchanged) == (4, 2)
    assert rows_of(other) == rows_of(whole)
    assert bytes_in(other.root / "data") == bytes_in(whole.root / "data")


def rows_of(workspace: Workspace):
    return {id: replace(row, added=None) for id, row in read(workspace).rows.items()}


def test_what_the_workspace_has_stays_as_it_is(folder, other):
    do(other, folder)
    with writing(other) as manifest:
        manifest.record(replace(manifest.rows["g0a"], title="my own"))

    done = do(other, folder)

    assert (done.written, read(other).rows["g0a"].title) == (0, "my own")


def test_a_given_file_that_is_gone_comes_back(folder, other):
    do(other, folder)
    before = bytes_in(other.root / "data")
    other.made("labels", "g0a").unlink()

    assert do(other, folder).written == 1
    assert bytes_in(other.root / "data") == before


def test_a_plan_writes_nothing(folder, other):
    lines = plan(other, folder)

    assert lines == [f"would import 6 photos of 6 from {folder}, an export as {folder.name}"]
    assert not other.root.exists()


# No split leaks


def groups_in(workspace: Workspace, *ids: str) -> list[tuple[str, str]]:
    rows = read(workspace).rows
    return [(rows[id].group, rows[id].split) for id in ids]


def test_a_photo_of_a_group_that_is_here_joins_it_whatever_its_split_was_there(workspace, other, tmp_path):
    with writing(workspace) as manifest:
        for number in (1, 2):
            manifest.record(row_of(workspace, f"g{number}", number, group="g1", split="val"))
    with writing(other) as manifest:
        manifest.record(row_of(other, "g1", 1, split="train", added=1))
    exported(workspace, tmp_path / "spade", "spade")

    done = do(other, tmp_path / "spade")

    assert groups_in(other, "g1", "g2") == [("g1", "train")] * 2
    assert done.moved == {"g2.jpg": "train"}
    assert "moved g2.jpg to train" in done.lines()


def test_so_it_does_when_only_the_photo_that_its_group_is_named_after_is_here(workspace, other, tmp_path):
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g2", 2, group="g1", split="val"))
    with writing(other) as manifest:
        manifest.record(row_of(other, "g1", 1, split="train", added=1))
    exported(workspace, tmp_path / "spade", "spade")

    do(other, tmp_path / "spade")

    assert groups_in(other, "g1", "g2") == [("g1", "train")] * 2


def test_the_same_picture_under_another_id_joins_the_group_of_the_one_that_is_here(workspace, other, tmp_path):
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g2", 1, split="val"))
    exported(workspace, tmp_path / "spade", "spade")
    dhash, mirror = images.dhash(images.read_photo(workspace.made("images", "g2")))
    with writing(other) as manifest:
        manifest.record(row_of(other, "g1", 1, split="train", added=1, dhash=dhash, dhash_mirror=mirror))

    do(other, tmp_path / "spade")

    assert groups_in(other, "g1", "g2") == [("g1", "train")] * 2


def test_a_group_whose_oldest_photo_was_not_exported_keeps_its_name(workspace, other, tmp_path):
    with writing(workspace) as manifest:
        for number in (1, 2):
            manifest.record(row_of(workspace, f"g{number}", number, group="g9", split="test"))
    exported(workspace, tmp_path / "spade", "spade")

    do(other, tmp_path / "spade")
    exported(other, tmp_path / "again", "spade")

    assert groups_in(other, "g1", "g2") == [("g9", "test")] * 2
    assert bytes_in(tmp_path / "again") == bytes_in(tmp_path / "spade")


def test_one_split_alone_stays_one_split(filled, other, tmp_path):
    exported(filled, tmp_path / "spade", "spade", split="train")

    done = do(other, tmp_path / "spade")

    assert {row.split for row in read(other).rows.values()} == {"train"}
    assert done.moved == {}


def test_a_photo_whose_file_comes_back_stays_in_the_group_and_split_of_here(filled, other, tmp_path):
    exported(filled, tmp_path / "spade", "spade")
    do(other, tmp_path / "spade")
    with writing(other) as manifest:
        manifest.record(replace(manifest.rows["g0a"], group="mine", split="test"))
    other.made("labels", "g0a").unlink()

    do(other, tmp_path / "spade")

    assert groups_in(other, "g0a") == [("mine", "test")]


# What does not fit


@pytest.mark.parametrize("turned", [3, 6])
def test_a_photo_is_taken_as_it_is_shown_though_the_export_vouches_for_its_bytes(filled, other, tmp_path, turned):
    folder = tmp_path / "spade"
    exported(filled, folder, "spade")
    place = folder / "train_img" / "g0a.jpg"
    before = digest(place.read_bytes())
    exif = Image.Exif()
    exif[0x0112] = turned
    with Image.open(place) as photo:
        pixels = photo.convert("RGB").transpose(Image.Transpose.ROTATE_90) if turned == 6 else photo.convert("RGB")
    place.unlink()
    pixels.save(place, quality=95, exif=exif)
    rewrite(folder / "photos.csv", f"image={before}", f"image={digest(place.read_bytes())}")

    done = do(other, folder)

    kept = other.made("images", "g0a")
    assert (done.failed, is_bare(kept.read_bytes())) == ([], True)
    with Image.open(place) as photo:
        shown = np.array(ImageOps.exif_transpose(photo).convert("RGB")).astype(int)
    assert np.abs(images.read_photo(kept) - shown).mean() < 4
    assert read(other).rows["g0a"].digests["image"] == digest(kept.read_bytes())


def test_a_photo_that_somebody_worked_on_loses_what_came_into_it(filled, other, tmp_path):
    exported(filled, tmp_path / "spade", "spade")
    place = tmp_path / "spade" / "train_img" / "g0a.jpg"
    pixels = images.read_photo(place)
    place.unlink()
    exif = Image.Exif()
    exif[0x010E] = "my garden"
    Image.fromarray(255 - pixels).save(place, quality=95, exif=exif)

    done = do(other, tmp_path / "spade")

    assert done.failed == []
    assert b"my garden" not in other.made("images", "g0a").read_bytes()


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("train_img/g0a.jpg", lambda path: path.write_bytes(b"text"), "is not a picture"),
        ("train_img/g0a.jpg", lambda path: path.unlink(), "g0a.jpg cannot be read (No such file or directory)"),
        ("train_label/g0a.png", lambda path: path.write_bytes(b""), "is no PNG"),
        (
            "train_label/g0a.png",
            lambda path: path.write_bytes(images.encode_grey(np.full((HEIGHT, WIDTH), 77, np.uint8))),
            "train_label/g0a.png has the id 77 at x=0, y=0, the classes are 0..19, and 255 is unknown",
        ),
        (
            "train_inst/g0a.png",
            lambda path: path.write_bytes(images.encode_grey(np.zeros((3, 4), np.uint8))),
            "its instance map is 4x3, expected 12x8",
        ),
    ],
)
def test_a_broken_file_is_a_row_with_a_sentence_and_the_others_come(filled, other, tmp_path, name, make, said):
    folder = tmp_path / "spade"
    exported(filled, folder, "spade")
    (folder / name).rename(folder / "aside")
    (folder / name).write_bytes((folder / "aside").read_bytes())
    make(folder / name)

    done = do(other, folder)

    assert (done.written, len(done.failed)) == (5, 1)
    assert done.failed[0].startswith("g0a.jpg ") and said in done.failed[0]
    assert done.is_failure(strict=True) and not done.is_failure(strict=False)
    assert read(other).rows["g0a"].status == FAILED


def test_a_photo_that_failed_is_tried_again(filled, other, tmp_path):
    folder = tmp_path / "spade"
    exported(filled, folder, "spade")
    (folder / "train_img" / "g0a.jpg").rename(folder / "aside")
    do(other, folder)
    (folder / "aside").rename(folder / "train_img" / "g0a.jpg")

    done = do(other, folder)

    assert (done.written, done.failed) == (1, [])


def refused(workspace: Workspace, folder: Path, error: type[Exception]) -> str:
    """What is said; and nothing is written."""
    with pytest.raises(error) as caught:
        do(workspace, folder)
    assert not workspace.root.exists()
    return str(caught.value)


def test_a_folder_that_nobody_exported_to_is_a_sentence_with_the_way_out(other, tmp_path):
    assert refused(other, tmp_path / "nowhere", GauganpipeError) == (
        f"there is no folder at {tmp_path / 'nowhere'}. Name one that was exported to"
    )
    said = refused(other, tmp_path, GauganpipeError)
    assert said.startswith(f"{tmp_path} has no export.json, so nobody says what its ids mean. Take photos and maps of")


def test_an_export_that_was_not_finished_is_a_sentence_and_one_that_was_gone_on_with_is_none(
    filled, other, folder, monkeypatch
):
    with writing(filled) as manifest:
        manifest.record(replace(row_of(filled, "g0a", 20), digests=row_of(filled, "g0a", 20).digests))
    write = ExportFolder.write

    def write_one(folder, piece):
        write(folder, piece)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(ExportFolder, "write", write_one)
        exported(filled, folder, folder.name)

    assert refused(other, folder, GauganpipeError) == (
        f"{folder} holds an export that was not finished. Finish it, or take another: gauganpipe manifest export "
        f"{folder} --to {folder.name}"
    )
    exported(filled, folder, folder.name)
    assert do(other, folder).written == 6


def test_a_layout_that_is_not_read_back_is_a_sentence(filled, other, tmp_path):
    exported(filled, tmp_path / "mmseg", "mmseg")

    said = refused(other, tmp_path / "mmseg", GauganpipeError)

    assert said == f"{tmp_path / 'mmseg'} is an export as mmseg; what is read back is spade and hf"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("g1a,", "g0a,", "line 3: the id 'g0a' stands there twice"),
        ("g0a,g0a.jpg,train_img/g0a.jpg", "g0a,g0a.jpg,../train_img/g0a.jpg", "line 2: file_name is"),
        ("g0a,g0a.jpg,train_img/g0a.jpg", "g0a,g0a.jpg,", "line 2: file_name is empty, and no photo is without"),
        (",12,8,train", ",wide,8,train", "line 2: width is 'wide', expected a number"),
        ("width,", "breadth,", "has no column 'width'"),
        ("g0a,g0a.jpg", "../g0a,g0a.jpg", "line 2: id is"),
    ],
)
def test_a_table_that_somebody_damaged_is_named_by_line_and_column(filled, other, tmp_path, old, new, said):
    exported(filled, tmp_path / "spade", "spade")
    rewrite(tmp_path / "spade" / "photos.csv", old, new)

    message = refused(other, tmp_path / "spade", ManifestError)

    assert message.startswith(str(tmp_path / "spade" / "photos.csv")) and said in message


def test_a_table_that_is_gone_is_a_sentence(folder, other):
    (folder / "photos.csv").unlink()

    assert refused(other, folder, ManifestError).endswith("is not there. Import the whole folder that was exported")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("label", {"quality": "x"}),
        ("label", {"unknown_below": "nan"}),
        ("label", {"min_side_px": "-1"}),
        ("label", {"keep_all": "perhaps"}),
        ("curate", {"blur": "much"}),
    ],
)
def test_parameters_that_no_command_could_go_on_with_are_refused(folder, other, place, said):
    add_parameters(folder, {place: said})

    assert "export.json is damaged" in refused(other, folder, WorkspaceError)


def test_parameters_that_are_nobody_elses_business_stay_behind(folder, other):
    paths = {"label": {"instances": "/home/victim/maps", "keep_raw": "True"}, "curate": {"mine": "1"}}
    add_parameters(folder, {**paths, "split": {"val": "abc"}, "numerics": {"dtype": "float8"}})

    do(other, folder)

    assert {*read(other).about.parameters} == {"imported"}
    assert next_command(read(other))


def add_parameters(folder: Path, parameters: dict[str, dict[str, str]]) -> None:
    """Puts these in the place of what export.json says."""
    said = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    (folder / "export.json").write_text(json.dumps({**said, "parameters": parameters}))


@pytest.mark.parametrize("name", ["classes", "removed", "models", "parameters"])
def test_a_damaged_export_json_is_a_sentence(folder, other, name):
    said = json.loads((folder / "export.json").read_text(encoding="utf-8"))
    (folder / "export.json").write_text(json.dumps({**said, name: 5}))

    assert "export.json" in refused(other, folder, GauganpipeError)


def test_a_link_out_of_the_folder_is_not_followed(filled, other, tmp_path):
    folder = tmp_path / "spade"
    exported(filled, folder, "spade")
    (folder / "train_img" / "g0a.jpg").rename(tmp_path / "secret.jpg")
    (folder / "train_img" / "g0a.jpg").symlink_to(tmp_path / "secret.jpg")

    assert "train_img/g0a.jpg leads out of" in do(other, folder).failed[0]


def test_a_workspace_of_other_classes_is_a_sentence_and_stays_as_it_is(folder, other):
    from pipeline.classes import entries_of, load_taxonomy

    with writing(other) as manifest:
        manifest.choose(taxonomy="gaugan12", classes=entries_of(load_taxonomy("gaugan12")))
        manifest.record(row_of(other, "gmine", 5))
    before = bytes_in(other.root)

    with pytest.raises(WorkspaceError, match=r"speaks 20 classes of landscape, the workspace 12 of gaugan12\. Begin"):
        do(other, folder)

    assert bytes_in(other.root) == before


def test_photos_of_a_workspace_and_of_an_export_stand_side_by_side(folder, other):
    with writing(other) as manifest:
        manifest.record(row_of(other, "gmine", 5))

    done = do(other, folder)

    assert (done.written, len(read(other).rows)) == (6, 7)
    assert "imported" not in read(other).about.parameters


def test_the_damaged_marker_of_an_export_is_a_sentence(folder, other):
    (folder / "export.json").write_text("{")

    assert "cannot be read" in refused(other, folder, WorkspaceError)
