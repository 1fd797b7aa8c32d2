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
from pipeline.errors import GauganpipeError, WorkspaceError
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


def label(workspace: Workspace, photos: Path, asked: Asked) -> int:
    """How many photos were labelled."""
    done = flow.label(workspace, str(photos), asked, workers=0, console=QUIET)
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
    assert label(workspace, photos, replace(asked, limit=2)) == 2
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

    assert label(workspace, photos, replace(asked, only_failed=True)) == 1
    assert label(workspace, photos, replace(asked, only_failed=True)) == 0


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

    with pytest.raises(WorkspaceError, match="2 label maps came with their photos and speak landscape"):
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
