"""Labelling through the flow: what is redone when something changes, and which photos are taken."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline import flow, images
from pipeline.classes import load_taxonomy
from pipeline.console import Console
from pipeline.errors import GauganpipeError, SegmenterError, WorkspaceError
from pipeline.flow import Asked, Which
from pipeline.manifest import read, writing
from pipeline.segmenters import deeplabv3plus
from pipeline.segmenters.weights import sha256_of
from pipeline.sources.drawn import candidates
from pipeline.workspace import Workspace

QUIET = Console(quiet=True)
PHOTOS = 3


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three drawn landscapes as files, without their label maps."""
    folder = tmp_path_factory.mktemp("photos")
    for number, one in enumerate(candidates(f"{PHOTOS}?size=96")):
        (folder / f"{number}.png").write_bytes(one.read())
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of random weights that knows sky, sea and tree."""
    path = tmp_path_factory.mktemp("weights") / "mine.pth"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(deeplabv3plus.DeepLabV3Plus(3).state_dict(), path)
    path.with_suffix(".json").write_text(json.dumps(["sky", "sea", "tree"]))
    return path


@pytest.fixture
def asked(weights: Path) -> Asked:
    return Asked(segmenter=f"torch:{weights}", quality="fast", keep_all=True)


def label(workspace: Workspace, photos: Path, asked: Asked, which: Which = flow.PENDING) -> int:
    """How many photos were labelled."""
    done = flow.label(workspace, str(photos), asked, which, workers=0, console=QUIET)
    return done.walks["labelled"].done


def digest_of(asked: Asked) -> str:
    """What the weights of the segmenter are known by."""
    return sha256_of(Path(asked.segmenter.removeprefix("torch:")))[:16]


def test_the_second_time_there_is_nothing_to_do(workspace, photos, asked):
    assert [label(workspace, photos, asked) for _ in range(2)] == [PHOTOS, 0]


def test_label_maps_are_the_same_for_any_number_of_threads(photos, asked, tmp_path):
    places = [Workspace(root=tmp_path / str(workers)) for workers in (0, 2)]
    for workers, place in zip((0, 2), places, strict=True):
        with writing(place) as manifest:
            manifest.choose(parameters={"numerics": {f"torch:mine {digest_of(asked)}": "float32"}})
        flow.label(place, str(photos), asked, workers=workers, console=QUIET)

    one, other = ({row.id: row.digests["label"] for row in read(place).rows.values()} for place in places)
    assert one == other


@pytest.mark.parametrize(
    "change",
    [{"quality": "balanced"}, {"unknown_below": 0.9}, {"smallest_share": 0.05}, {"refine": True}],
    ids=lambda change: next(iter(change)),
)
def test_another_option_labels_every_photo_again_once(change, workspace, photos, asked):
    label(workspace, photos, asked)

    assert label(workspace, photos, replace(asked, **change)) == PHOTOS
    assert label(workspace, photos, Asked()) == 0


def test_other_weights_under_the_same_name_label_every_photo_again(workspace, photos, asked, weights, tmp_path):
    own = tmp_path / "mine.pth"
    own.write_bytes(weights.read_bytes())
    own.with_suffix(".json").write_bytes(weights.with_suffix(".json").read_bytes())
    asked = replace(asked, segmenter=f"torch:{own}")
    label(workspace, photos, asked)
    state = torch.load(own, weights_only=True)
    torch.save({name: values + 0.01 for name, values in state.items()}, own)

    assert label(workspace, photos, asked) == PHOTOS


def test_maps_beside_the_label_maps_are_made_where_they_are_missing(workspace, photos, asked):
    label(workspace, photos, asked)

    more = label(workspace, photos, replace(asked, keep_confidences=True, keep_raw=True))

    assert more == PHOTOS
    for row in read(workspace).rows.values():
        for kind in ("confidences", "raw_labels"):
            assert workspace.holds(kind, row.id)
    assert label(workspace, photos, asked) == 0


def test_a_limit_takes_so_many_photos_and_the_next_time_the_others(workspace, photos, asked):
    assert label(workspace, photos, asked, Which(limit=2)) == 2
    assert label(workspace, photos, asked) == PHOTOS - 2


def test_only_the_photos_that_failed_are_tried_again(workspace, photos, tmp_path):
    maps = tmp_path / "maps"
    maps.mkdir()
    ids = images.encode_labels(np.zeros((96, 96), np.uint8), load_taxonomy().palette)
    for number in range(PHOTOS - 1):
        (maps / f"{number}.png").write_bytes(ids)
    asked = Asked(segmenter=f"maps:{maps}", keep_all=True)
    label(workspace, photos, asked)
    (maps / f"{PHOTOS - 1}.png").write_bytes(ids)

    assert label(workspace, photos, asked, Which(only_failed=True)) == 1
    assert label(workspace, photos, asked, Which(only_failed=True)) == 0


def test_a_dry_run_counts_what_would_be_labelled_again(workspace, photos, asked):
    label(workspace, photos, asked)

    same = flow.plan_label(workspace, str(photos), Asked())
    better = flow.plan_label(workspace, str(photos), Asked(quality="best"))

    assert same == [f"would ingest 0 photos of 3 in {photos}", "would label 0 photos"]
    assert better[-1] == f"would label 3 photos with {asked.segmenter}"


def test_edges_have_a_limit_too(workspace, photos, asked):
    label(workspace, photos, asked)

    done = [flow.build_edges(workspace, Which(limit=2), workers=0, console=QUIET) for _ in range(3)]

    assert [one.walks["built"].done for one in done] == [2, 1, 0]


def test_another_taxonomy_labels_every_photo_again_in_its_ids(workspace, photos, asked):
    label(workspace, photos, asked)

    again = label(workspace, photos, Asked(taxonomy="ade20k"))

    names = {name for row in read(workspace).rows.values() for name in row.shares}
    assert again == PHOTOS
    assert names <= {"sky", "sea", "tree"}
    assert read(workspace).taxonomy.names[:2] == ("wall", "building")


def test_drawn_landscapes_come_in_the_classes_of_the_workspace(workspace):
    flow.label(workspace, "drawn:2", Asked(taxonomy="gaugan12"), workers=0, console=QUIET)

    names = {name for row in read(workspace).rows.values() for name in row.shares}
    assert "sky-other" in names


def test_classes_of_maps_that_came_with_their_photos_do_not_change(workspace):
    flow.label(workspace, "drawn:2", Asked(), workers=0, console=QUIET)

    with pytest.raises(
        WorkspaceError,
        match="2 label maps came with the photos or from a person, in the classes of landscape, so the taxonomy cannot "
        "become ade20k",
    ):
        flow.label(workspace, "", Asked(taxonomy="ade20k"), workers=0, console=QUIET)


def test_a_workspace_keeps_the_classes_of_a_table_that_is_gone(workspace, tmp_path):
    table = tmp_path / "mine.csv"
    table.write_text("id,name,colour,thing,also\n0,above,#0000ff,no,sky; clouds\n1,below,#00ff00,no,grass; sea; tree\n")
    flow.label(workspace, "drawn:2", Asked(taxonomy=str(table)), workers=0, console=QUIET)
    table.unlink()

    flow.label(workspace, "drawn:3", Asked(), workers=0, console=QUIET)

    assert read(workspace).taxonomy.names == ("above", "below")
    assert len(read(workspace).rows) == 3


def test_a_wrong_taxonomy_takes_no_photo_in(workspace, photos):
    with pytest.raises(GauganpipeError, match="there is no taxonomy 'sea'"):
        flow.label(workspace, str(photos), Asked(taxonomy="sea"), workers=0, console=QUIET)

    assert read(workspace).rows == {} if workspace.dataset_csv.exists() else True


@pytest.fixture
def narrow_photos(tmp_path: Path) -> Path:
    """Four photos that are too narrow for a network."""
    folder = tmp_path / "narrow"
    folder.mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (10, 200, 3), dtype=np.uint8)
        images.write_picture(folder / f"narrow{number}.png", noise)
    return folder


@pytest.mark.parametrize("workers", [0, 2])
def test_photos_that_no_network_can_label_are_rows_with_a_reason(workspace, narrow_photos, asked, workers):
    done = flow.label(workspace, str(narrow_photos), asked, workers=workers, console=QUIET)

    assert done.walks["labelled"].failed == 4
    assert {row.error.partition(" ")[2] for row in read(workspace).rows.values()} == {
        "is 200x10, too narrow to be labelled: 16 pixels are the least"
    }


def test_the_quickest_way_is_measured_when_the_first_photo_comes_that_can_be_labelled(
    workspace, narrow_photos, photos, asked
):
    label(workspace, narrow_photos, asked)
    before = read(workspace).about.parameters
    for path in photos.iterdir():
        (narrow_photos / path.name).write_bytes(path.read_bytes())

    assert label(workspace, narrow_photos, asked) == PHOTOS

    after = read(workspace).about.parameters
    assert "numerics" not in before
    assert set(after["numerics"]) == {f"torch:mine {digest_of(asked)}"}


def test_a_photo_that_was_spoilt_since_it_came_in_fails_and_the_others_are_labelled(workspace, photos, asked):
    label(workspace, photos, replace(asked, segmenter=_blank_maps(photos, workspace.root.parent / "maps")))
    first = min(read(workspace).rows.values(), key=lambda row: row.id)
    workspace.resolve(first.file_name).write_bytes(b"no photo")

    done = flow.label(workspace, "", asked, workers=0, console=QUIET)

    assert (done.walks["labelled"].done, done.walks["labelled"].failed) == (PHOTOS - 1, 1)
    assert "is no JPEG that can be read to its end" in read(workspace).rows[first.id].error


def test_a_segmenter_that_cannot_be_opened_is_not_kept(workspace, photos, asked, tmp_path):
    (tmp_path / "broken.pth").write_bytes(b"no weights")
    label(workspace, photos, asked)

    with pytest.raises(SegmenterError, match="cannot be read as weights"):
        label(workspace, photos, replace(asked, segmenter=f"torch:{tmp_path}/broken.pth", quality="best"))

    assert read(workspace).about.segmenter == asked.segmenter
    assert label(workspace, photos, Asked()) == 0


def test_instances_without_label_maps_that_they_belong_to_take_no_photo_in(workspace, photos, asked):
    with pytest.raises(GauganpipeError, match=r"mine\.pth takes no instances of yours"):
        label(workspace, photos, replace(asked, instances="things"))

    assert not workspace.dataset_csv.exists()


def test_a_dry_run_counts_every_photo_for_weights_that_are_still_to_be_downloaded(workspace, photos, asked):
    label(workspace, photos, asked)

    lines = flow.plan_label(workspace, "", Asked(segmenter="upernet-convnext-tiny"))

    assert lines == ["would label 3 photos with upernet-convnext-tiny"]


def test_a_dry_run_with_maps_that_are_gone_stops_nobody_who_needs_none(workspace, photos, tmp_path):
    label(workspace, photos, Asked(segmenter=_blank_maps(photos, tmp_path / "maps"), keep_all=True))
    (tmp_path / "maps").rename(tmp_path / "elsewhere")

    assert flow.plan_label(workspace, "drawn:2", Asked())[-1] == "would label 0 photos"
    with pytest.raises(SegmenterError, match="there is nothing at"):
        flow.plan_label(workspace, "", Asked(), Which(redo=True))


def test_the_same_bytes_under_two_names_are_not_counted_as_fresh_again(workspace, photos, asked, tmp_path):
    folder = tmp_path / "twice"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes((photos / "0.png").read_bytes())
    label(workspace, folder, asked)

    assert flow.plan_label(workspace, str(folder), Asked())[0] == f"would ingest 0 photos of 2 in {folder}"


def test_the_first_failures_are_said_and_the_others_counted(workspace, narrow_photos, asked, capsys, monkeypatch):
    monkeypatch.setattr(flow, "FAILURES_SAID", 3)

    flow.label(workspace, str(narrow_photos), asked, workers=0, console=Console())

    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("failed: ")]
    assert len(said) == 4
    assert said[0] == "failed: narrow0.png is 200x10, too narrow to be labelled: 16 pixels are the least"
    assert said[-1] == f"failed: 1 more; all of them: gauganpipe inspect --json -C {workspace.root}"


def _blank_maps(photos: Path, folder: Path) -> str:
    """Label maps of sky for the photos of a folder, as a segmenter is named."""
    folder.mkdir()
    for path in photos.iterdir():
        ids = np.zeros((96, 96), np.uint8)
        (folder / f"{path.stem}.png").write_bytes(images.encode_labels(ids, load_taxonomy().palette))
    return f"maps:{folder}"
