"""The stages: their order, and what labelling and edge building make of a row."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from pipeline import images
from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.engine import Summary, pending, walk
from pipeline.errors import PhotoError
from pipeline.manifest import read, writing
from pipeline.rows import COLUMNS, FAILED, GIVEN, OK, Row, digest
from pipeline.segmenters.segmenter import Labelling
from pipeline.stages.edges import AGAIN, Edges
from pipeline.stages.label import Label, keep_labels
from pipeline.stages.order import earlier, stages
from pipeline.workspace import Workspace, write_atomically

LANDSCAPE = load_taxonomy()
SKY, WATER, ROCK = (LANDSCAPE.id_of(name) for name in ("sky", "water", "rock"))


@dataclass(frozen=True, kw_only=True)
class Halves:
    """A segmenter that sees sky above water, with a strip of unknown pixels between, in any photo but a black one."""

    name: str = "halves"
    digest: str = "0" * 16
    license: str = "CC0-1.0"
    reached: tuple[str, ...] = ("sky", "water")
    map: str = ""
    outputs: tuple[str, ...] = ()
    is_many_handed: bool = False
    numerics: str = ""
    numerics_choices: tuple[str, ...] = ()
    looks_at_px: int = 0
    quality: str = "fast"

    @property
    def parameters(self) -> dict[str, str]:
        return {"quality": self.quality}

    def computing(self, numerics: str) -> "Halves":
        return self

    def input_digest(self, original_name: str) -> str:
        return self.map

    def prepare(self, pixels: np.ndarray, original_name: str, size: tuple[int, int]) -> tuple[int, int]:
        if not pixels.any():
            raise PhotoError("shows nothing")
        return size

    def run(self, prepared: Any) -> Any:
        return prepared

    def finish(self, result: tuple[int, int]) -> Labelling:
        ids = np.full(result, SKY, np.uint8)
        ids[result[0] // 2 :] = WATER
        ids[result[0] // 2 - 1] = UNKNOWN
        return Labelling(ids=ids, confidence=0.87654321)


def label_with(workspace: Workspace, **choices) -> Label:
    return Label(workspace=workspace, taxonomy=LANDSCAPE, segmenter=Halves(**choices))


def run(stage: Label | Edges, row: Row) -> Row:
    [result] = stage.compute([stage.read(row)])
    return stage.write(row, result)


@pytest.fixture
def row(workspace) -> Row:
    """A row of a grey photo, 8 pixels wide and 4 high."""
    return with_photo(workspace, "g0a", np.full((4, 8, 3), 128, np.uint8))


@pytest.fixture
def labelled(workspace, row) -> Row:
    return run(label_with(workspace), row)


def with_photo(workspace: Workspace, id: str, pixels: np.ndarray) -> Row:
    path, data = workspace.made("images", id), images.encode_photo(pixels)
    write_atomically(path, data)
    digests = {"image": digest(data)}
    return Row(id=id, original_name=f"{id}.png", file_name=workspace.relative(path), status=OK, digests=digests)


# Their order


def test_labels_come_before_edges():
    assert [stage.NAME for stage in stages()] == ["label", "edges"]


@pytest.mark.parametrize(("name", "before"), [("label", ("ingest",)), ("edges", ("ingest", "label"))])
def test_what_happens_before_a_stage(name, before):
    assert earlier(name) == before


@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.NAME)
def test_what_a_stage_needs_and_makes_are_columns(stage):
    assert {*stage.NEEDS, *stage.MAKES} <= {column.name for column in COLUMNS}


def test_no_column_is_made_twice():
    made = [column for stage in stages() for column in stage.MAKES]

    assert len(set(made)) == len(made)


# Labels


def test_the_label_map_has_the_id_of_every_pixel(workspace, labelled):
    labels = images.read_labels(workspace.resolve(labelled.label_file_name))

    assert labels.tolist() == [[SKY] * 8, [UNKNOWN] * 8, [WATER] * 8, [WATER] * 8]


def test_a_labelled_row_says_by_whom_and_how_surely(labelled):
    assert (labelled.status, labelled.label_model, labelled.label_confidence) == (OK, "halves", 0.8765)


def test_a_labelled_row_has_the_share_of_each_class_that_is_there(labelled):
    assert (labelled.shares, labelled.label_unknown) == ({"sky": 0.25, "water": 0.5}, 0.25)


def test_a_labelled_row_has_the_digest_of_its_label_map(workspace, labelled):
    data = workspace.resolve(labelled.label_file_name).read_bytes()

    assert labelled.digests["label"] == hashlib.sha256(data).hexdigest()[:16]


def test_the_name_of_a_segmenter_is_plain_text_in_its_cell(workspace, row):
    assert run(label_with(workspace, name="maps:two\nlines"), row).label_model == "maps:two\\nlines"


@pytest.mark.parametrize("choices", [{"name": "thirds"}, {"digest": "1" * 16}, {"map": "1" * 16}])
def test_another_segmenter_other_weights_or_another_map_is_another_key(workspace, row, choices):
    assert label_with(workspace, **choices).key(row) != label_with(workspace).key(row)


def test_another_photo_is_another_key(workspace, row):
    other = replace(row, digests={"image": "1" * 16})

    assert label_with(workspace).key(other) != label_with(workspace).key(row)


def test_a_row_whose_provenance_was_lost_has_a_key_all_the_same(workspace, row):
    lost = replace(row, digests={})

    assert label_with(workspace).key(lost) != label_with(workspace).key(row)


@pytest.mark.parametrize("cells", [{"title": "lake"}, {"split": "val"}, {"keep": "yes"}, {"digests": {"edge": "1"}}])
def test_the_key_does_not_depend_on_what_the_label_map_does_not(workspace, row, cells):
    digests = {**row.digests, **cells.pop("digests", {})}

    assert label_with(workspace).key(replace(row, digests=digests, **cells)) == label_with(workspace).key(row)


def test_a_photo_that_cannot_be_labelled_is_a_failed_row_with_its_name(workspace):
    black = with_photo(workspace, "g0b", np.zeros((4, 8, 3), np.uint8))
    stage = label_with(workspace)

    with pytest.raises(PhotoError) as caught:
        stage.read(black)
    failed = stage.fail(black, caught.value)

    assert (failed.status, failed.stage, failed.error) == (FAILED, "label", "g0b.png shows nothing")


def test_a_photo_that_is_gone_is_a_sentence(workspace, row):
    workspace.resolve(row.file_name).unlink()

    with pytest.raises(PhotoError, match=r"^cannot be used: g0a\.jpg is not there$"):
        label_with(workspace).read(row)


def test_a_label_map_is_there_until_it_is_taken_away(workspace, labelled):
    stage = label_with(workspace)
    assert stage.is_there(labelled)

    workspace.resolve(labelled.label_file_name).unlink()

    assert not stage.is_there(labelled)


def test_ids_of_no_class_count_as_unknown(workspace, row):
    ids = np.full((4, 8), 200, np.uint8)

    kept = keep_labels(workspace, LANDSCAPE, row, Labelling(ids=ids, confidence=1.0), key="key", model="maps")

    assert (kept.shares, kept.label_unknown) == ({}, 1.0)


def test_labelling_again_forgets_the_failure_before(workspace, row):
    failed = label_with(workspace).fail(row, PhotoError("shows nothing"))

    again = run(label_with(workspace), failed)

    assert (again.status, again.stage, again.error) == (OK, "", "")


# Edges


def edges_in(workspace: Workspace) -> Edges:
    return Edges(workspace=workspace, taxonomy=LANDSCAPE)


def relabelled(workspace: Workspace, row: Row, ids: list[list[int]]) -> Row:
    labelling = Labelling(ids=np.array(ids, np.uint8), confidence=1.0)
    return keep_labels(workspace, LANDSCAPE, row, labelling, key=GIVEN, model="hand")


def test_the_instance_map_tells_unknown_stuff_and_things_apart(workspace, row):
    rocks = [ROCK, ROCK, SKY, SKY, SKY, SKY, ROCK, UNKNOWN]
    done = run(edges_in(workspace), relabelled(workspace, row, [[SKY] * 8, rocks, [SKY] * 8, [WATER] * 8]))

    ids = images.read_instances(workspace.resolve(done.instance_file_name))

    assert ids.tolist() == [[1] * 8, [3, 3, 1, 1, 1, 1, 4, 0], [1] * 8, [2] * 8]


def test_the_edge_map_is_white_where_two_instances_meet(workspace, row):
    done = run(edges_in(workspace), relabelled(workspace, row, [[SKY] * 8, [SKY] * 8, [WATER] * 8, [WATER] * 8]))

    edges = images.read_edges(workspace.resolve(done.edge_file_name))

    assert edges.tolist() == [[0] * 8, [255] * 8, [255] * 8, [0] * 8]


def test_a_row_with_edges_has_the_digests_of_both_maps(workspace, labelled):
    done = run(edges_in(workspace), labelled)

    instance, edge = (workspace.resolve(name).read_bytes() for name in (done.instance_file_name, done.edge_file_name))
    assert (done.digests["instance"], done.digests["edge"]) == (digest(instance), digest(edge))


def test_a_label_map_of_another_size_than_its_photo_is_a_sentence(workspace, row):
    other = relabelled(workspace, row, [[SKY] * 6] * 2)

    with pytest.raises(PhotoError) as caught:
        edges_in(workspace).read(other)

    assert str(caught.value) == f"has a label map of 6x2, but is 8x4. {AGAIN}"


def test_edges_that_cannot_be_built_are_a_failed_row_with_its_name(workspace, labelled):
    failed = edges_in(workspace).fail(labelled, PhotoError("has a label map of 6x2"))

    assert (failed.status, failed.stage, failed.error) == (FAILED, "edges", "g0a.png has a label map of 6x2")


def test_a_label_map_that_is_gone_is_a_sentence(workspace, labelled):
    workspace.resolve(labelled.label_file_name).unlink()

    with pytest.raises(PhotoError, match=r"^cannot be used: g0a\.png is not there$"):
        edges_in(workspace).read(labelled)


def with_segments(workspace: Workspace, row: Row, segments: list[list[int]]) -> Row:
    path, data = workspace.made("segments", row.id), images.encode_instances(np.array(segments, np.uint16))
    write_atomically(path, data)
    return replace(row, digests={**row.digests, "segments": digest(data)})


def test_things_that_the_segmenter_told_apart_stay_apart(workspace, row):
    rocks = relabelled(workspace, row, [[ROCK] * 6 + [SKY, UNKNOWN]] * 4)
    told = with_segments(workspace, rocks, [[7, 7, 7, 5, 5, 5, 5, 5]] * 4)

    done = run(edges_in(workspace), told)

    ids = images.read_instances(workspace.resolve(done.instance_file_name))
    assert ids.tolist() == [[2, 2, 2, 3, 3, 3, 1, 4]] * 4


def test_other_segments_are_another_key(workspace, labelled):
    told = [with_segments(workspace, labelled, [[id] * 8] * 4) for id in (1, 2)]

    assert len({edges_in(workspace).key(row) for row in (labelled, *told)}) == 3


def test_segments_that_the_row_does_not_speak_of_are_left_alone(workspace, row):
    rocks = relabelled(workspace, row, [[ROCK] * 8] * 4)
    with_segments(workspace, rocks, [[1, 2] * 4] * 4)

    done = run(edges_in(workspace), rocks)

    assert images.read_instances(workspace.resolve(done.instance_file_name)).max() == 1


def test_segments_of_another_size_than_their_photo_are_a_sentence(workspace, labelled):
    told = with_segments(workspace, labelled, [[1] * 6] * 2)

    with pytest.raises(PhotoError) as caught:
        edges_in(workspace).read(told)

    assert str(caught.value) == f"has a map of segments of 6x2, but is 8x4. {AGAIN}"


def test_segments_that_are_gone_are_a_sentence(workspace, labelled):
    told = with_segments(workspace, labelled, [[1] * 8] * 4)
    workspace.made("segments", told.id).unlink()

    with pytest.raises(PhotoError, match=r"^has lost its map of segments, g0a\.png\. Empty its cell"):
        edges_in(workspace).read(told)


@pytest.mark.parametrize("kind", ["image", "label"])
def test_edges_of_another_photo_or_label_map_are_another_key(workspace, labelled, kind):
    other = replace(labelled, digests={**labelled.digests, kind: "1" * 16})

    assert edges_in(workspace).key(other) != edges_in(workspace).key(labelled)


@pytest.mark.parametrize("kind", ["instances", "edges"])
def test_edges_are_there_when_both_maps_are(workspace, labelled, kind):
    done = run(edges_in(workspace), labelled)
    assert edges_in(workspace).is_there(done)

    workspace.made(kind, done.id).unlink()

    assert not edges_in(workspace).is_there(done)


# One after another


@pytest.mark.parametrize("workers", [0, 2])
def test_both_stages_do_a_table_once(workspace, photo_of, workers):
    with writing(workspace) as manifest:
        for number in range(4):
            manifest.record(with_photo(workspace, f"g{number}a", photo_of(number)))
        summaries = [_walk(stage, manifest, workers) for stage in (label_with(workspace), edges_in(workspace)) * 2]

    assert summaries == [Summary(done=4), Summary(done=4), Summary(), Summary()]


def test_other_weights_redo_labels_and_what_depends_on_them(workspace, photo_of):
    @dataclass(frozen=True, kw_only=True)
    class Seas(Halves):
        def finish(self, result: tuple[int, int]) -> Labelling:
            return Labelling(ids=np.full(result, WATER, np.uint8), confidence=1.0)

    with writing(workspace) as manifest:
        manifest.record(with_photo(workspace, "g0a", photo_of(0)))
        for stage in (label_with(workspace), edges_in(workspace)):
            _walk(stage, manifest, 0)
        other = Label(workspace=workspace, taxonomy=LANDSCAPE, segmenter=Seas(digest="1" * 16))
        summaries = [_walk(stage, manifest, 0) for stage in (other, edges_in(workspace))]

    assert summaries == [Summary(done=1), Summary(done=1)]


def test_a_row_that_failed_to_be_labelled_gets_no_edges(workspace, row, labelled):
    with writing(workspace) as manifest:
        manifest.record(replace(labelled, status=FAILED, stage="label", error="shows nothing"))

        assert _walk(edges_in(workspace), manifest, 0) == Summary()


def test_labels_that_were_given_are_not_made_again(workspace, row):
    with writing(workspace) as manifest:
        manifest.record(relabelled(workspace, row, [[SKY] * 8] * 4))
        _walk(label_with(workspace), manifest, 0)

    assert read(workspace).rows[row.id].label_model == "hand"


def _walk(stage: Label | Edges, manifest, workers: int) -> Summary:
    todo = pending(stage, list(manifest.rows.values()), earlier(stage.name))
    return walk(stage, todo, manifest, workers=workers)
