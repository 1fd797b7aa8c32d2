"""Ingest: candidates become photos and rows, the same however often and with how many workers it is done."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import images
from pipeline.engine import Summary, walk
from pipeline.ingest import Ingest, settle
from pipeline.manifest import Manifest, read, writing
from pipeline.measures import Measures, measure
from pipeline.rows import FAILED, GIVEN, OK, REJECTED, Row
from pipeline.sources.candidate import Candidate
from pipeline.sources.catalogue import open_source
from pipeline.workspace import Workspace

GREEN = np.full((96, 102, 3), (0, 128, 0), dtype=np.uint8)


class PowerCut(BaseException):
    """What nobody catches."""


def ingest(
    workspace: Workspace,
    candidates,
    *,
    workers: int = 0,
    on_item: Callable[[], None] = lambda: None,
    **options: int,
) -> Summary:
    """Takes a folder, or candidates, into a workspace, as the command does."""
    listed = list(open_source(str(candidates))) if isinstance(candidates, Path | str) else candidates
    with writing(workspace) as manifest:
        stage = Ingest(workspace=workspace, taxonomy=manifest.taxonomy, known=dict(manifest.rows), **options)
        summary = walk(stage, listed, manifest, workers=workers, on_item=on_item)
        settle(manifest, stage)
    return summary


def rows_of(workspace: Workspace) -> list[Row]:
    """In the order of the photos' names."""
    return sorted(read(workspace).rows.values(), key=lambda row: row.original_name)


def files_of(workspace: Workspace) -> dict[str, bytes]:
    paths = [path for path in workspace.root.rglob("*") if path.is_file() and path.name != ".lock"]
    return {workspace.relative(path): path.read_bytes() for path in paths}


def id_of(path: Path) -> str:
    return "g" + hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@pytest.fixture
def photos(tmp_path, photo_of) -> Path:
    """Five photos, each of another scene: a.png, b.png, c.jpg, d.jpg and deep/e.png."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    for seed, name in enumerate(["a.png", "b.png", "c.jpg", "d.jpg", "deep/e.png"]):
        Image.fromarray(photo_of(seed)).save(folder / name)
    return folder


@pytest.fixture
def mixture(photos) -> Path:
    """The photos, and beside them copies, broken files and links to nothing."""
    (photos / "a copy.png").write_bytes((photos / "a.png").read_bytes())
    (photos / "zz copy of b.png").write_bytes((photos / "b.png").read_bytes())
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "text.jpg").write_bytes(b"not a picture")
    (photos / "link.jpg").symlink_to("nothing.jpg")
    Image.new("RGB", (30, 20)).save(photos / "small.png")
    return photos


def given(name: str, pixels: np.ndarray, labels: np.ndarray, **cells) -> Candidate:
    """A candidate that brings its label map."""
    data = images.encode_photo(pixels)
    return Candidate(name=name, read=lambda: data, read_labels=lambda: labels, source="drawn", **cells)


# What becomes of a photo


def test_a_photo_is_named_after_its_bytes(workspace, photos):
    ingest(workspace, photos)

    assert [row.id for row in rows_of(workspace)] == [
        id_of(photos / name) for name in ("a.png", "b.png", "c.jpg", "d.jpg", "deep/e.png")
    ]


def test_a_row_says_where_the_photo_came_from(workspace, photos):
    ingest(workspace, photos)

    row = rows_of(workspace)[4]
    assert (row.original_name, row.source, row.license, row.status) == ("deep/e.png", "folder", "unknown", OK)


def test_a_row_says_which_bytes_the_photo_came_from(workspace, photos):
    ingest(workspace, photos)

    assert rows_of(workspace)[0].sha256 == hashlib.sha256((photos / "a.png").read_bytes()).hexdigest()


def test_a_row_has_the_size_of_the_photo_that_is_kept(workspace, photos):
    ingest(workspace, photos)

    row = rows_of(workspace)[0]
    kept = images.read_photo(workspace.resolve(row.file_name))
    assert (row.width, row.height, kept.shape) == (102, 96, (96, 102, 3))


def test_a_row_has_the_digest_of_the_photo_that_is_kept(workspace, photos):
    ingest(workspace, photos)

    row = rows_of(workspace)[0]
    data = workspace.resolve(row.file_name).read_bytes()
    assert row.digests == {"image": hashlib.sha256(data).hexdigest()[:16]}


def test_a_row_has_the_measures_of_the_photo(workspace, photos, photo_of):
    ingest(workspace, photos)

    row = rows_of(workspace)[0]
    measured = measure(photo_of(0))
    assert {one.name: getattr(row, one.name) for one in fields(Measures)} == asdict(measured)


def test_every_photo_has_a_group_and_a_split(workspace, photos):
    ingest(workspace, photos)

    assert all(row.group and row.split for row in rows_of(workspace))


def test_the_folder_of_the_user_is_left_as_it_is(workspace, mixture):
    before = {path: path.lstat().st_mtime_ns for path in mixture.rglob("*")}

    ingest(workspace, mixture)

    assert {path: path.lstat().st_mtime_ns for path in mixture.rglob("*")} == before


def test_what_the_source_knows_stands_in_the_row(workspace, photo_of):
    cells = {"source_url": "https://a.org/1.jpg", "title": "Two\nlines", "creator": "A", "license": "CC0-1.0"}
    labels = np.zeros((96, 102), np.uint8)

    ingest(workspace, [given("1.jpg", photo_of(1), labels, redistributable="yes", **cells)])

    [row] = rows_of(workspace)
    assert (row.source_url, row.title, row.creator) == ("https://a.org/1.jpg", "Two\\nlines", "A")
    assert (row.license, row.redistributable) == ("CC0-1.0", "yes")


@pytest.mark.parametrize(
    "name", ["two words.png", "Ötztal.png", "日本.PNG", "🏔.png", "-rf.png", "a,b;c.png", 'a"b.png']
)
def test_a_photo_may_be_called_anything(workspace, tmp_path, name):
    (tmp_path / "photos").mkdir()
    Image.fromarray(GREEN).save(tmp_path / "photos" / name, format="PNG")

    ingest(workspace, tmp_path / "photos")

    assert [row.original_name for row in rows_of(workspace)] == [name]


def test_a_line_break_in_a_name_is_written_out(workspace, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "two\nlines.png").write_bytes(b"")

    ingest(workspace, tmp_path / "photos")

    [row] = rows_of(workspace)
    assert (row.original_name, row.error) == ("two\\nlines.png", "two\\nlines.png is empty: 0 bytes")


# Many times, with many workers


@pytest.mark.parametrize("workers", [1, 4])
def test_files_and_rows_are_the_same_for_any_number_of_workers(tmp_path, mixture, workers):
    alone, together = Workspace(root=tmp_path / "alone"), Workspace(root=tmp_path / "together")
    ingest(alone, mixture, workers=0)

    ingest(together, mixture, workers=workers)

    assert files_of(together) == files_of(alone)


@pytest.mark.parametrize("workers", [0, 4])
def test_a_second_run_has_nothing_to_do(workspace, photos, workers):
    ingest(workspace, photos, workers=workers)

    assert ingest(workspace, photos, workers=workers) == Summary(idle=5)


def test_a_second_run_changes_no_byte(workspace, mixture):
    ingest(workspace, mixture)
    before = files_of(workspace)

    ingest(workspace, mixture)

    assert files_of(workspace) == before


@pytest.mark.parametrize("photos_done", range(11))
def test_an_interrupted_run_that_goes_on_ends_like_one_that_was_not(tmp_path, mixture, photos_done):
    whole, torn = Workspace(root=tmp_path / "whole"), Workspace(root=tmp_path / "torn")
    ingest(whole, mixture)
    left = iter(range(photos_done))

    def cut() -> None:
        if next(left, None) is None:
            raise PowerCut

    with pytest.raises(PowerCut):
        ingest(torn, mixture, on_item=cut)
    ingest(torn, mixture)

    assert files_of(torn) == files_of(whole)


def test_a_photo_that_was_lost_is_made_again(workspace, photos):
    ingest(workspace, photos)
    before = files_of(workspace)
    workspace.made("images", id_of(photos / "a.png")).unlink()

    summary = ingest(workspace, photos)

    assert (summary, files_of(workspace)) == (Summary(done=1, idle=4), before)


def test_another_largest_side_redoes_every_photo(workspace, photos):
    ingest(workspace, photos)

    summary = ingest(workspace, photos, max_side_px=80)

    assert (summary.done, {(row.width, row.height) for row in rows_of(workspace)}) == (5, {(80, 75)})


def test_a_redone_photo_keeps_its_group_and_split(workspace, photos):
    ingest(workspace, photos)
    before = {row.id: (row.group, row.split, row.added) for row in rows_of(workspace)}

    ingest(workspace, photos, max_side_px=80)

    assert {row.id: (row.group, row.split, row.added) for row in rows_of(workspace)} == before


def test_a_row_remembers_which_run_brought_it(workspace, photos, photo_of):
    ingest(workspace, photos)
    Image.fromarray(photo_of(9)).save(photos / "z.png")

    ingest(workspace, photos)

    assert [row.added for row in rows_of(workspace)] == [1, 1, 1, 1, 1, 2]


def test_bytes_of_a_fixed_name_are_not_asked_for_again(workspace, photo_of):
    asked = []
    data = images.encode_photo(photo_of(1))
    candidate = Candidate(name="1.jpg", read=lambda: asked.append(1) or data, source="drawn", fixed=True)
    ingest(workspace, [candidate])

    ingest(workspace, [candidate])

    assert asked == [1]


# The same bytes twice


def test_the_same_bytes_twice_are_one_row_with_another_name(workspace, photos):
    for name in ("z.png", "y.png"):
        (photos / name).write_bytes((photos / "a.png").read_bytes())

    ingest(workspace, photos)

    rows = rows_of(workspace)
    assert (len(rows), rows[0].original_name, rows[0].other_names) == (5, "a.png", ("y.png", "z.png"))


@pytest.mark.parametrize("workers", [0, 4])
def test_the_first_name_is_the_name_of_the_row(workspace, photos, workers):
    (photos / "0.png").write_bytes((photos / "a.png").read_bytes())

    ingest(workspace, photos, workers=workers)

    row = read(workspace).rows[id_of(photos / "a.png")]
    assert (row.original_name, row.other_names) == ("0.png", ("a.png",))


def test_a_renamed_photo_keeps_its_row(workspace, photos):
    ingest(workspace, photos)
    (photos / "a.png").rename(photos / "z.png")

    summary = ingest(workspace, photos)

    row = read(workspace).rows[id_of(photos / "z.png")]
    assert (summary, row.original_name, row.other_names) == (Summary(idle=5), "a.png", ("z.png",))


def test_two_broken_files_of_the_same_bytes_are_one_row(workspace, tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "photos" / name).write_bytes(b"")

    ingest(workspace, tmp_path / "photos")

    [row] = rows_of(workspace)
    assert (row.original_name, row.other_names, row.status) == ("a.jpg", ("b.jpg",), FAILED)


# What cannot be used


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.jpg", b"", "empty.jpg is empty: 0 bytes"),
        ("text.jpg", b"hello", "text.jpg is not a picture: "),
        ("film.jpg", b"GIF89a", "film.jpg is a GIF"),
    ],
)
def test_a_broken_file_is_a_row_with_a_sentence(workspace, photos, name, data, said):
    (photos / name).write_bytes(data)

    summary = ingest(workspace, photos)

    [row] = [row for row in rows_of(workspace) if row.status != OK]
    assert (summary.failed, row.status, row.stage, row.file_name) == (1, FAILED, "ingest", "")
    assert row.error.startswith(said)


@pytest.mark.parametrize("name", ["a.png", "c.jpg"])
def test_a_photo_that_is_cut_off_is_a_row_with_a_sentence(workspace, photos, name):
    data = (photos / name).read_bytes()
    (photos / name).write_bytes(data[: len(data) // 2])

    ingest(workspace, photos)

    [row] = [row for row in rows_of(workspace) if row.status == FAILED]
    assert row.error.startswith(f"{name} is cut off")


def test_a_file_that_cannot_be_read_is_a_row_with_a_sentence(workspace, photos):
    (photos / "link.jpg").symlink_to("nothing.jpg")

    ingest(workspace, photos)

    [row] = [row for row in rows_of(workspace) if row.status == FAILED]
    assert row.error == "link.jpg is not a regular file, or a link to nothing"


@pytest.mark.timeout(20)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("workers", [0, 2])
def test_nobody_waits_for_a_pipe(workspace, photos, workers):
    os.mkfifo(photos / "pipe.jpg")

    assert ingest(workspace, photos, workers=workers) == Summary(done=5, failed=1)


def test_a_file_that_can_be_read_at_last_has_one_row(workspace, photos, photo_of):
    (photos / "late.png").symlink_to("nothing.png")
    ingest(workspace, photos)
    (photos / "late.png").unlink()
    Image.fromarray(photo_of(9)).save(photos / "late.png")

    ingest(workspace, photos)

    assert [row.status for row in rows_of(workspace) if row.original_name == "late.png"] == [OK]


def test_a_file_that_turns_out_to_be_a_copy_has_no_row_of_its_own(workspace, photos):
    (photos / "late.png").symlink_to("nothing.png")
    ingest(workspace, photos)
    (photos / "late.png").unlink()
    (photos / "late.png").write_bytes((photos / "a.png").read_bytes())

    ingest(workspace, photos)

    rows = rows_of(workspace)
    assert ([row.status for row in rows], rows[0].other_names) == ([OK] * 5, ("late.png",))


def test_a_broken_file_that_was_mended_has_one_row(workspace, photos):
    data = (photos / "c.jpg").read_bytes()
    (photos / "c.jpg").write_bytes(data[: len(data) // 2])
    ingest(workspace, photos)
    (photos / "c.jpg").write_bytes(data)

    ingest(workspace, photos)

    assert [row.status for row in rows_of(workspace)] == [OK] * 5


def test_a_broken_file_of_another_folder_keeps_its_row(workspace, photos, tmp_path):
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "a.png").write_bytes(b"")
    ingest(workspace, photos)

    ingest(workspace, tmp_path / "others")

    assert sorted(row.status for row in rows_of(workspace) if row.original_name == "a.png") == [FAILED, OK]


def test_a_photo_that_was_changed_is_another_photo(workspace, photos, photo_of):
    ingest(workspace, photos)
    Image.fromarray(photo_of(9)).save(photos / "a.png")

    ingest(workspace, photos)

    assert [row.original_name for row in rows_of(workspace)][:2] == ["a.png", "a.png"]


# Too small


def test_a_photo_that_is_too_small_is_rejected_with_its_shorter_side(workspace, photos):
    Image.fromarray(GREEN[:63]).save(photos / "small.png")

    summary = ingest(workspace, photos)

    [row] = [row for row in rows_of(workspace) if row.status == REJECTED]
    assert (summary.rejected, row.rule, row.rule_value, row.file_name) == (1, "min_side", 63, "")


def test_a_photo_of_exactly_the_smallest_side_is_kept(workspace, photos):
    Image.fromarray(GREEN[:64]).save(photos / "small.png")

    assert ingest(workspace, photos) == Summary(done=6)


def test_a_photo_that_the_user_keeps_is_kept_however_small(workspace, photos):
    Image.fromarray(GREEN[:10]).save(photos / "small.png")
    ingest(workspace, photos)
    keep(workspace, id_of(photos / "small.png"))

    summary = ingest(workspace, photos)

    row = read(workspace).rows[id_of(photos / "small.png")]
    assert (summary.done, row.status, row.height, row.rule, bool(row.group)) == (1, OK, 10, "", True)


def test_a_photo_that_the_user_keeps_is_done_once(workspace, photos):
    Image.fromarray(GREEN[:10]).save(photos / "small.png")
    ingest(workspace, photos)
    keep(workspace, id_of(photos / "small.png"))
    ingest(workspace, photos)

    assert ingest(workspace, photos) == Summary(idle=6)


def test_another_smallest_side_looks_at_every_photo_again(workspace, photos):
    ingest(workspace, photos)

    assert ingest(workspace, photos, min_side_px=100) == Summary(rejected=5)


def test_a_smaller_smallest_side_takes_in_what_was_too_small(workspace, photos):
    ingest(workspace, photos, min_side_px=100)

    summary = ingest(workspace, photos, min_side_px=90)

    assert (summary, {row.status for row in rows_of(workspace)}) == (Summary(done=5), {OK})


def test_another_smallest_side_that_decides_the_same_changes_nothing(workspace, photos):
    Image.fromarray(GREEN[:40]).save(photos / "small.png")
    ingest(workspace, photos, min_side_px=64)
    before = files_of(workspace)

    summary = ingest(workspace, photos, min_side_px=50)

    assert (summary, files_of(workspace)) == (Summary(idle=6), before)


def test_a_photo_that_is_too_small_is_kept_where_all_are(workspace, photos):
    Image.fromarray(GREEN[:10]).save(photos / "small.png")
    ingest(workspace, photos)

    summary = ingest(workspace, photos, keep_all=True)

    assert (summary, {row.status for row in rows_of(workspace)}) == (Summary(done=1, idle=5), {OK})


def test_a_photo_that_another_rule_rejected_is_not_taken_in_again_because_it_is_kept(workspace, photos):
    ingest(workspace, photos)
    id = id_of(photos / "a.png")
    with writing(workspace) as manifest:
        row = replace(manifest.rows[id], status=REJECTED, stage="label", rule="natural", rule_value=0.1, keep="yes")
        manifest.record(row)

    assert ingest(workspace, photos) == Summary(idle=5)


def test_a_small_copy_that_is_kept_late_joins_the_group_of_its_original(workspace, photos, photo_of):
    [first, second, third] = [photos.parent / name for name in ("first", "second", "third")]
    for folder in (first, second, third):
        folder.mkdir()
    Image.fromarray(photo_of(0)).resize((51, 48), Image.Resampling.BOX).save(first / "small.png")
    Image.fromarray(photo_of(1)).save(second / "other.png")
    Image.fromarray(photo_of(0)).save(third / "large.png")
    for folder in (first, second, third):
        ingest(workspace, folder)
    before = read(workspace).rows[id_of(third / "large.png")]
    keep(workspace, id_of(first / "small.png"))

    ingest(workspace, first)

    rows = read(workspace).rows
    small, large = rows[id_of(first / "small.png")], rows[id_of(third / "large.png")]
    assert (large.group, large.split) == (before.group, before.split)
    assert (small.group, small.split) == (before.group, before.split)


def keep(workspace: Workspace, id: str) -> None:
    with writing(workspace) as manifest:
        manifest.record(replace(manifest.rows[id], keep="yes"))


# Photos that bring their label maps


def test_a_drawn_landscape_brings_its_label_map(workspace):
    ingest(workspace, "drawn:3?size=64")

    for row in rows_of(workspace):
        labels = images.read_labels(workspace.resolve(row.label_file_name))
        assert (labels.shape, row.keys["label"], row.label_model) == ((64, 64), GIVEN, "drawn")


def test_the_shares_of_a_given_label_map_add_up(workspace):
    labels = np.zeros((96, 102), np.uint8)
    labels[48:] = 10
    labels[72:] = 255

    ingest(workspace, [given("1.jpg", GREEN, labels)])

    [row] = rows_of(workspace)
    assert (row.shares, row.label_unknown, row.label_confidence) == ({"sky": 0.5, "water": 0.25}, 0.25, 1.0)


@pytest.mark.parametrize("workers", [0, 4])
def test_drawn_landscapes_are_ingested_once(workspace, workers):
    ingest(workspace, "drawn:6?size=64", workers=workers)
    before = files_of(workspace)

    summary = ingest(workspace, "drawn:6?size=64", workers=workers)

    assert (summary, files_of(workspace)) == (Summary(idle=6), before)


def test_more_of_the_same_series_adds_the_new_ones(workspace):
    ingest(workspace, "drawn:3?size=64")

    assert ingest(workspace, "drawn:5?size=64") == Summary(done=2, idle=3)


def test_a_given_label_map_that_was_lost_is_made_again(workspace):
    ingest(workspace, "drawn:3?size=64")
    before = files_of(workspace)
    workspace.resolve(rows_of(workspace)[1].label_file_name).unlink()

    summary = ingest(workspace, "drawn:3?size=64")

    assert (summary, files_of(workspace)) == (Summary(done=1, idle=2), before)


def test_a_given_label_map_of_another_size_is_a_failed_row(workspace):
    labels = np.zeros((10, 20), np.uint8)

    ingest(workspace, [given("1.jpg", GREEN, labels)])

    [row] = rows_of(workspace)
    assert (row.status, row.error) == (
        FAILED,
        "1.jpg comes with a label map of another size: 20x10, its photo is 102x96",
    )


# What happens meanwhile


def test_a_row_that_the_user_takes_out_during_the_walk_is_left_out(workspace, photos):
    ingest(workspace, photos)
    with writing(workspace) as manifest:
        stage = Ingest(workspace=workspace, taxonomy=manifest.taxonomy, known=dict(manifest.rows))
        walk(stage, list(open_source(str(photos))), manifest, workers=0)
        lines = workspace.dataset_csv.read_text(encoding="utf-8").splitlines(keepends=True)
        workspace.dataset_csv.write_text("".join(lines[:-1]), encoding="utf-8")
        manifest.fold()

        settle(manifest, stage)

    assert len(Manifest(workspace).rows) == 4
