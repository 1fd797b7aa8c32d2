"""Instance ids are dense, deterministic and true to the photo; edges stand on both sides of every border."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from pipeline.errors import PhotoError
from pipeline.images import read_labels
from pipeline.instances import find_edges, find_instances

SHARED = Path(__file__).parents[2] / "shared"
PARITY = SHARED / "parity" / "edges.npz"
COCO = SHARED / "data" / "coco_stuff_sample"

SKY, MEADOW, HOUSE, ROCK, UNKNOWN = 0, 1, 2, 3, 255
THINGS = (HOUSE, ROCK)

MAPS = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.sampled_from([0, 1, 2, 3, 255]))


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Labels and photo, 120 x 160: a low house from x = 20 and a high one from x = 80; the photo shows them plain."""
    labels = np.full((120, 160), SKY, np.uint8)
    labels[50:100, 20:80] = labels[40:100, 80:140] = HOUSE
    photo = np.full((120, 160, 3), (120, 160, 220), np.uint8)
    photo[labels == HOUSE] = (150, 130, 110)
    return labels, photo


def are_connected(pixels: np.ndarray) -> bool:
    """Whether the True pixels hang together, 4-connected, found by walking."""
    todo = [tuple(np.argwhere(pixels)[0])]
    seen = set(todo)
    while todo:
        y, x = todo.pop()
        for place in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            inside = 0 <= place[0] < pixels.shape[0] and 0 <= place[1] < pixels.shape[1]
            if inside and pixels[place] and place not in seen:
                seen.add(place)
                todo.append(place)
    return len(seen) == pixels.sum()


# Without a photo


def test_stuff_is_one_segment_a_class_and_things_are_counted():
    labels = np.array(
        [
            [SKY, SKY, SKY, SKY],
            [HOUSE, SKY, SKY, HOUSE],
            [HOUSE, MEADOW, ROCK, HOUSE],
            [MEADOW, SKY, HOUSE, UNKNOWN],
        ],
        np.uint8,
    )

    ids = find_instances(labels, None, THINGS)

    assert ids.tolist() == [[1, 1, 1, 1], [3, 1, 1, 4], [3, 2, 6, 4], [2, 1, 5, 0]]
    assert ids.dtype == np.uint16


def test_things_that_touch_at_a_corner_are_two():
    labels = np.array([[HOUSE, SKY], [SKY, HOUSE]], np.uint8)

    assert find_instances(labels, None, THINGS).tolist() == [[2, 1], [1, 3]]


def test_things_are_numbered_as_they_are_met():
    labels = np.array([[HOUSE, SKY, HOUSE], [SKY, SKY, SKY], [SKY, HOUSE, SKY]], np.uint8)

    assert find_instances(labels, None, THINGS).tolist() == [[2, 1, 3], [1, 1, 1], [1, 4, 1]]


def test_a_map_without_things_needs_no_photo():
    assert find_instances(np.array([[SKY, MEADOW]], np.uint8), None, THINGS).tolist() == [[1, 2]]


def test_a_map_of_unknown_is_all_0():
    assert find_instances(np.full((3, 3), UNKNOWN, np.uint8), None, THINGS).tolist() == np.zeros((3, 3)).tolist()


def test_more_things_than_16_bits_can_tell_apart_are_refused():
    labels = np.full((600, 600), SKY, np.uint8)
    labels[::2, ::2] = labels[1::2, 1::2] = HOUSE

    with pytest.raises(PhotoError, match=r"^has 180,001 segments, more than the 65,535"):
        find_instances(labels, None, THINGS)


@given(MAPS)
def test_ids_are_dense_and_each_belongs_to_one_class_and_hangs_together(labels):
    ids = find_instances(labels, None, THINGS)

    assert np.array_equal(ids == 0, labels == UNKNOWN)
    assert set(np.unique(ids)) | {0} == set(range(ids.max() + 1))
    for id in range(1, ids.max() + 1):
        (label,) = set(labels[ids == id].tolist())
        assert label not in THINGS or are_connected(ids == id)


@given(MAPS)
def test_touching_pixels_of_a_class_share_an_id_without_a_photo(labels):
    ids = find_instances(labels, None, THINGS)

    assert np.array_equal(labels[1:] == labels[:-1], ids[1:] == ids[:-1])
    assert np.array_equal(labels[:, 1:] == labels[:, :-1], ids[:, 1:] == ids[:, :-1])


# With a photo


def test_two_houses_with_a_dark_line_between_become_two():
    labels, photo = scene()
    photo[40:100, 79:81] = 30

    ids = find_instances(labels, photo, THINGS)

    assert ids.max() == 3
    assert set(ids[50:100, 20:77].ravel()) == {3}
    assert set(ids[40:100, 83:140].ravel()) == {2}


def test_two_houses_of_different_colours_become_two():
    labels, photo = scene()
    photo[40:100, 80:140] = (60, 40, 40)

    ids = find_instances(labels, photo, THINGS)

    assert set(ids[50:100, 20:78].ravel()) == {3}
    assert set(ids[40:100, 82:140].ravel()) == {2}


def test_three_houses_in_a_row_become_three_in_reading_order():
    labels, photo = scene()
    labels[30:100, 60:100] = HOUSE
    photo[30:100, 60:100] = (60, 40, 40)

    ids = find_instances(labels, photo, THINGS)

    assert [ids[90, x] for x in (30, 70, 120)] == [4, 2, 3]
    assert ids.max() == 4


def test_a_wall_in_the_shade_is_no_house_of_its_own():
    labels, photo = scene()
    labels[40:100, 20:140] = HOUSE
    photo[40:100, 80:140] = (60, 40, 40)

    assert find_instances(labels, photo, THINGS).max() == 2


def test_a_roof_is_no_house_of_its_own():
    labels, photo = scene()
    photo[40:70] = (60, 40, 40)

    assert find_instances(labels, photo, THINGS).max() == 2


def test_a_chimney_at_the_end_is_no_house_of_its_own():
    labels, photo = scene()
    labels[20:100, 134:140] = HOUSE
    photo[20:100, 134:140] = (60, 40, 40)

    assert find_instances(labels, photo, THINGS).max() == 2


def test_a_plain_house_stays_one():
    labels, photo = scene()

    assert find_instances(labels, photo, THINGS).max() == 2


@pytest.mark.parametrize("noise", [5, 20, 60])
def test_a_house_of_rough_stone_stays_one(noise):
    labels, photo = scene()
    rough = photo + np.random.default_rng(0).normal(0, noise, photo.shape)

    assert find_instances(labels, rough.clip(0, 255).astype(np.uint8), THINGS).max() == 2


def test_a_house_in_slanting_light_stays_one():
    labels, photo = scene()
    photo[..., :] = np.linspace(20, 240, 160)[None, :, None]

    assert find_instances(labels, photo, THINGS).max() == 2


def test_a_line_that_ends_half_way_parts_nothing():
    labels, photo = scene()
    photo[40:70, 79:81] = 30

    assert find_instances(labels, photo, THINGS).max() == 2


def test_a_window_is_no_house():
    labels, photo = scene()
    photo[60:68, 60:68] = 20

    assert find_instances(labels, photo, THINGS).max() == 2


def test_a_border_in_stuff_parts_nothing():
    labels, photo = scene()
    labels[labels == HOUSE] = MEADOW
    photo[40:100, 79:81] = 30

    assert find_instances(labels, photo, THINGS).max() == 2


def test_things_are_split_alike_at_any_size():
    labels, photo = scene()
    photo[40:100, 79:81] = 30

    large = find_instances(labels.repeat(8, 0).repeat(8, 1), photo.repeat(8, 0).repeat(8, 1), THINGS)

    assert large.max() == 3
    assert set(large[400:800, 160:600].ravel()) == {3}


def test_every_piece_hangs_together_and_none_is_lost():
    rng = np.random.default_rng(3)
    labels = rng.choice([SKY, HOUSE], (12, 16), p=[0.1, 0.9]).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    photo = rng.integers(0, 256, (3, 4, 3), dtype=np.uint8).repeat(64, 0).repeat(64, 1)

    ids, unsplit = find_instances(labels, photo, THINGS), find_instances(labels, None, THINGS)

    assert ids.max() > unsplit.max()
    assert np.array_equal(ids == 1, labels == SKY)
    assert all(are_connected(ids == id) for id in range(2, ids.max() + 1))
    assert all((ids == id).sum() >= 64 for id in range(2, ids.max() + 1))


def test_the_same_photo_gives_the_same_ids():
    labels, photo = scene()
    photo[40:100, 79:81] = 30

    assert np.array_equal(find_instances(labels, photo, THINGS), find_instances(labels, photo, THINGS))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_pieces_stay_inside_their_things(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice([SKY, HOUSE, ROCK, UNKNOWN], (4, 5)).astype(np.uint8).repeat(20, 0).repeat(20, 1)
    photo = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8).repeat(10, 0).repeat(10, 1)

    ids, unsplit = find_instances(labels, photo, THINGS), find_instances(labels, None, THINGS)

    owners = np.unique(np.stack([ids.ravel(), unsplit.ravel()]), axis=1)
    assert len(owners[0]) == len(set(owners[0])) == ids.max() + 1 - (not (ids == 0).any())


# With segments


def test_a_class_in_a_segment_is_one_thing_and_the_photo_is_not_asked():
    labels, photo = scene()
    photo[40:100, 79:81] = 30

    ids = find_instances(labels, photo, THINGS, segments=np.full(labels.shape, 9, np.uint16))

    assert ids.max() == 2


def test_segments_tell_houses_apart_that_touch():
    labels = np.array([[HOUSE, HOUSE, HOUSE, SKY]], np.uint8)
    segments = np.array([[7, 7, 3, 0]], np.uint16)

    assert find_instances(labels, None, THINGS, segments=segments).tolist() == [[2, 2, 3, 1]]


def test_the_seen_parts_of_a_segment_are_one_thing():
    labels = np.array([[HOUSE, SKY, HOUSE]], np.uint8)
    segments = np.array([[5, 5, 5]], np.uint16)

    assert find_instances(labels, None, THINGS, segments=segments).tolist() == [[2, 1, 2]]


def test_a_segment_over_two_classes_is_a_thing_of_each():
    labels = np.array([[HOUSE, HOUSE, ROCK]], np.uint8)
    segments = np.array([[5, 5, 5]], np.uint16)

    assert find_instances(labels, None, THINGS, segments=segments).tolist() == [[1, 1, 2]]


def test_of_stuff_the_label_map_has_the_last_word():
    labels = np.array([[SKY, SKY, MEADOW]], np.uint8)
    segments = np.array([[1, 2, 2]], np.uint16)

    assert find_instances(labels, None, THINGS, segments=segments).tolist() == [[1, 1, 2]]


def test_segments_over_unknown_pixels_are_told_apart_after_all_others():
    labels = np.array([[UNKNOWN, UNKNOWN, UNKNOWN, HOUSE]], np.uint8)
    segments = np.array([[0, 8, 4, 4]], np.uint16)

    assert find_instances(labels, None, THINGS, segments=segments).tolist() == [[0, 2, 3, 1]]


def test_what_no_segment_covers_is_found_as_without_segments():
    labels, photo = scene()
    photo[40:100, 79:81] = 30
    labels[0:10, 0:30] = HOUSE
    segments = np.zeros(labels.shape, np.uint16)
    segments[0:10, 0:15], segments[0:10, 15:30] = 1, 2

    ids = find_instances(labels, photo, THINGS, segments=segments)

    assert [ids[y, x] for y, x in ((5, 5), (5, 25), (60, 110), (60, 40))] == [2, 3, 4, 5]


def test_a_sliver_joins_the_segment_that_it_touches_most():
    labels = np.full((30, 40), HOUSE, np.uint8)
    segments = np.zeros(labels.shape, np.uint16)
    segments[:, :20], segments[:29, 20:39] = 6, 4

    ids = find_instances(labels, None, THINGS, segments=segments)

    assert (ids[:, 20:] == 2).all()
    assert (ids[:, :20] == 1).all()


@given(MAPS, st.data())
def test_with_segments_ids_are_dense_and_each_belongs_to_one_class(labels, data):
    segments = data.draw(arrays(np.uint16, labels.shape, elements=st.sampled_from([0, 1, 2, 65535])))

    ids = find_instances(labels, None, THINGS, segments=segments)

    assert set(np.unique(ids)) | {0} == set(range(ids.max() + 1))
    assert all(len(set(labels[ids == id].tolist())) == 1 for id in range(1, ids.max() + 1))
    assert np.array_equal(ids == 0, (labels == UNKNOWN) & (segments == 0))
    assert not (find_edges(labels) & ~find_edges(ids)).any()


# Edges


def test_an_edge_stands_on_both_sides_of_a_border():
    instances = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 1, 1], [3, 1, 1, 1]])

    assert find_edges(instances).astype(int).tolist() == [[0, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 0]]


def test_the_left_and_the_right_end_of_a_picture_do_not_meet():
    instances = np.array([[1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2]])

    assert not find_edges(instances)[:, [0, 1, 4, 5]].any()


def test_pixels_that_touch_at_a_corner_make_no_edge():
    instances = np.array([[1, 1, 1], [1, 1, 1], [1, 1, 2]])

    assert not find_edges(instances)[1, 1]


def slow_edges(instances: np.ndarray) -> np.ndarray:
    height, width = instances.shape
    edges = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            for j, i in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if 0 <= j < height and 0 <= i < width and instances[j, i] != instances[y, x]:
                    edges[y, x] = True
    return edges


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 3)))
def test_edges_are_those_of_the_loop_written_out(instances):
    assert np.array_equal(find_edges(instances), slow_edges(instances))


def test_edges_are_those_of_the_reference():
    if not PARITY.is_file():
        pytest.skip(f"no fixtures of the reference at {PARITY}")
    with np.load(PARITY) as file:
        cases = dict(file)

    for name in ("0", "1", "2", "3"):
        for ids, edges in zip(cases[f"t{name}"], cases[f"e{name}"], strict=True):
            assert np.array_equal(find_edges(ids[0]), edges[0] == 1)


@pytest.mark.skipif(not COCO.is_dir(), reason="the COCO sample is not here")
def test_edges_of_real_instance_maps_are_those_of_the_loop_written_out():
    paths = sorted(COCO.glob("*_inst/*.png"))

    for path in paths:
        ids = read_labels(path)[120:240, 80:240]
        assert np.array_equal(find_edges(ids), slow_edges(ids)), path.name
    assert len(paths) == 21
