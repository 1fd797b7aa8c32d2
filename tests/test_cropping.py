"""Where a crop lies: in the room there is, of the size asked for, with the horizon in it."""

import numpy as np
import pytest
import torch

from gaugan.cropping import Window, cut, find_horizon, largest_scale, place_window
from gaugan.reading import Scaled
from gaugan.settings import Data
from gaugan.spade.conditions import edges
from tests.test_data import SMALL, crops_of, draw_sample, save_labels, shore

IDS = {"s": 0, "c": 1, "t": 2, "w": 3, ".": 255}
SKY = frozenset({0, 1})
SIZE, CROP = (60, 50), (20, 20)


def a_map(*rows):
    """A label map of one letter a pixel: sky, clouds, tree, water; a dot is unknown."""
    return torch.tensor([[IDS[letter] for letter in row] for row in rows], dtype=torch.uint8)


def a_photo(height, width, *, instances=True):
    """Labels count pixels, instances count them by hundreds; each channel of the image is 40 times its row."""
    labels = torch.arange(height * width, dtype=torch.uint8).view(height, width)
    image = (40 * torch.arange(height, dtype=torch.uint8)).view(1, -1, 1).expand(3, height, width)
    return Scaled(image=image, labels=labels, instances=100 * labels.int() if instances else None)


def top_of(down, *, size=SIZE, scale=1.0, horizon=None):
    return place_window(size, crop=CROP, down=down, right=0.0, scale=scale, horizon=horizon).top


@pytest.mark.parametrize(
    ("rows", "horizon"),
    [
        (("ssss", "ssss", "tttt", "tttt"), 1),
        (("sss", "tss", "tts", "ttt"), 1),
        (("ssss", "tsss", "tsst", "tttt"), 1),
        (("ssss", "tttt", "ssss", "wwww"), 0),
        (("scsc", "cscs", "tttt", "tttt"), 1),
        (("ssss", "s.ss", "tttt", "tttt"), 1),
        (("tt", "ss", "ss", "tt", "tt", "tt", "tt", "tt"), 2),
        (("..", "ss", "tt", "tt", "tt", "tt", "tt", "tt"), 1),
    ],
    ids=["level", "slope", "even", "mirrored", "clouds", "bird", "branch", "frame"],
)
def test_the_horizon_is_the_last_row_of_sky(rows, horizon):
    assert find_horizon(a_map(*rows), sky=SKY) == horizon


@pytest.mark.parametrize(
    "rows",
    [
        ("tttt", "tttt", "wwww", "...."),
        ("tttt", "ssss", "ssss", "tttt"),
        ("ssss", "ssss", "ssss", "ssss"),
        ("sttttttttttt", "tttttttttttt"),
    ],
    ids=["no sky", "sky below", "all sky", "a speck"],
)
def test_some_photos_have_no_horizon(rows):
    assert find_horizon(a_map(*rows), sky=SKY) is None


def test_sky_in_a_tenth_of_the_columns_is_enough():
    assert find_horizon(a_map("sttttttttt", "tttttttttt"), sky=SKY) == 0


def test_columns_that_the_sky_fills_have_no_say():
    assert find_horizon(a_map("ssss", "sstt", "sstt", "sstt"), sky=SKY) == 0


def test_without_sky_classes_there_is_no_horizon():
    assert find_horizon(a_map("ssss", "tttt"), sky=frozenset()) is None


def test_a_horizon_is_found_in_a_part_of_a_larger_map():
    whole = a_map("sssss", "sssss", "ttttt", "ttttt", "ttttt")

    assert find_horizon(whole[1:, 1:4], sky=SKY) == 0


@pytest.mark.parametrize(("down", "top"), [(0.0, 0), (0.5, 20), (1.0, 40)])
def test_a_window_lies_anywhere_from_top_to_bottom(down, top):
    assert top_of(down) == top


@pytest.mark.parametrize(("right", "left"), [(0.0, 0), (0.5, 15), (1.0, 30)])
def test_a_window_lies_anywhere_from_left_to_right(right, left):
    window = place_window(SIZE, crop=CROP, down=0.0, right=right, horizon=30)

    assert window.left == left


@pytest.mark.parametrize(
    ("horizon", "first", "last"),
    [(30, 13, 27), (10, 0, 7), (50, 33, 40), (1, 0, 0), (59, 40, 40)],
    ids=["inside", "near the top", "near the bottom", "too high", "too low"],
)
def test_a_horizon_stays_off_the_edges_of_the_window_or_comes_nearest(horizon, first, last):
    assert (top_of(0.0, horizon=horizon), top_of(1.0, horizon=horizon)) == (first, last)


def test_a_horizon_is_kept_in_a_larger_window():
    # 34 of 40 rows reach below row 50 - 34 = 16; the last that fits is 20.
    assert (top_of(0.0, scale=2.0, horizon=50), top_of(1.0, scale=2.0, horizon=50)) == (16, 20)


def test_a_photo_as_high_as_the_crop_leaves_no_choice():
    assert top_of(1.0, size=(20, 50), horizon=1) == 0


def test_the_largest_window_fits_both_sides():
    assert largest_scale((60, 50), crop=(20, 20)) == 2.5


@pytest.mark.parametrize(("size", "crop"), [((72, 107), (64, 64)), ((49, 53), (16, 48)), ((31, 77), (19, 7))])
def test_the_largest_window_lies_in_the_photo(size, crop):
    scale = largest_scale(size, crop=crop)
    window = place_window(size, crop=crop, down=1.0, right=1.0, scale=scale)

    assert 0 <= window.top <= size[0] - window.height
    assert 0 <= window.left <= size[1] - window.width
    assert window.height == size[0] or window.width == size[1]


def test_a_larger_window_has_the_proportions_of_the_crop():
    window = place_window((60, 90), crop=(20, 40), down=0.0, right=0.0, scale=1.5)

    assert (window.height, window.width) == (30, 60)


def test_a_window_of_the_size_of_the_crop_is_cut_as_it_is():
    part = cut(a_photo(4, 6), Window(top=1, left=2, height=2, width=3), crop=(2, 3))

    assert part.labels.tolist() == [[8, 9, 10], [14, 15, 16]]
    assert part.instances.tolist() == [[800, 900, 1000], [1400, 1500, 1600]]
    assert part.image[:, :, 0].tolist() == [[40, 80]] * 3


def test_a_larger_window_is_shrunk_to_ids_that_were_there():
    part = cut(a_photo(5, 8), Window(top=1, left=0, height=4, width=8), crop=(2, 4))

    # Every second pixel, from the second on.
    assert part.labels.tolist() == [[17, 19, 21, 23], [33, 35, 37, 39]]
    assert part.instances.tolist() == [[1700, 1900, 2100, 2300], [3300, 3500, 3700, 3900]]


def test_a_larger_window_is_shrunk_to_colours_between():
    part = cut(a_photo(6, 8), Window(top=1, left=0, height=4, width=8), crop=(2, 4))
    above, below = part.image[0, :, 0].tolist()

    assert part.image.shape == (3, 2, 4) and part.image.dtype == torch.uint8
    # Rows 40, 80, 120, 160: half of them average to 60 and 140.
    assert (above, below) == (pytest.approx(60, abs=8), pytest.approx(140, abs=8))


def test_a_photo_without_instances_is_cut_without():
    assert cut(a_photo(4, 6, instances=False), Window(top=0, left=0, height=4, width=6), crop=(2, 3)).instances is None


def test_a_ragged_horizon_is_where_most_columns_have_it():
    height = 40 + np.random.default_rng(0).integers(-3, 4, 200)
    height[:40] = 5  # a tree at the edge
    labels = torch.from_numpy(np.where(np.arange(100)[:, None] < height, 0, 2).astype(np.uint8))

    assert abs(find_horizon(labels, sky=SKY) - 39) <= 2


def test_zoom_cuts_windows_between_the_crop_and_the_largest_that_fits(tmp_path, monkeypatch):
    windows = []

    def noted(size, **options):
        windows.append(place_window(size, **options))
        return windows[-1]

    monkeypatch.setattr("gaugan.data.place_window", noted)
    crops = crops_of([draw_sample(tmp_path)], settings=SMALL.model_copy(update={"zoom": 1.0}))

    assert {crops[k].image.shape for k in range(60)} == {(1, 3, 16, 16)}
    assert {window.height for window in windows} == set(range(16, 25))


def test_half_the_zoom_goes_half_the_way(tmp_path, monkeypatch):
    heights = []

    def noted(size, **options):
        heights.append(place_window(size, **options).height)
        return place_window(size, **options)

    monkeypatch.setattr("gaugan.data.place_window", noted)
    crops = crops_of([draw_sample(tmp_path)], settings=SMALL.model_copy(update={"zoom": 0.5}))
    for k in range(60):
        crops[k]

    assert set(heights) == set(range(16, 21))


def test_zoom_changes_neither_place_nor_mirror(tmp_path):
    sample = draw_sample(tmp_path)
    save_labels(sample.labels, np.kron([[0, 1]], np.ones((40, 30))))
    still = Data(crop_size=40, crop_margin=0, aspect=1.5, workers=0)  # as large as the photo: no room to zoom
    plain, zoomed = (crops_of([sample], settings=still.model_copy(update={"zoom": zoom})) for zoom in (0.0, 1.0))

    assert all(torch.equal(plain[k].labels, zoomed[k].labels) for k in range(20))


def test_photo_labels_and_edges_are_shrunk_together(tmp_path):
    settings = SMALL.model_copy(update={"zoom": 1.0})
    crops = crops_of([draw_sample(tmp_path)], settings=settings, find_edges=edges)

    for position in range(8):
        batch = crops[position]
        grey = (batch.image.mean(1) + 1) * 127.5
        assert (grey - 20 * batch.labels).abs().median() < 3
        assert set(batch.labels.unique().tolist()) <= {0, 1, 2, 3, 4}
        assert batch.edges.shape == (1, 1, 16, 16)


def test_a_fixed_sample_is_never_zoomed(tmp_path):
    sample = draw_sample(tmp_path)
    plain, zoomed = (crops_of([sample], settings=SMALL.model_copy(update={"zoom": zoom})) for zoom in (0.0, 1.0))

    assert torch.equal(plain.middle(0).image, zoomed.middle(0).image)


def test_the_horizon_is_kept_in_every_crop(tmp_path):
    crops = crops_of([shore(tmp_path)], settings=SMALL.model_copy(update={"keep_horizon": True}), sky=frozenset({0}))

    # Sky ends with row 5 of 24; rows of sky in a crop of 16 whose top is 0, 1 or 2.
    skies = {int((crops[k].labels[0, :, 0] == 0).sum()) for k in range(40)}

    assert skies == {4, 5, 6}


def test_the_horizon_is_kept_in_larger_windows_too(tmp_path):
    settings = SMALL.model_copy(update={"keep_horizon": True, "zoom": 1.0})
    crops = crops_of([shore(tmp_path)], settings=settings, sky=frozenset({0}))

    assert all(crops[k].labels.unique().tolist() == [0, 1] for k in range(40))


def test_without_keeping_it_the_horizon_is_lost_now_and_then(tmp_path):
    crops = crops_of([shore(tmp_path)], sky=frozenset({0}))

    assert any(crops[k].labels.unique().tolist() == [1] for k in range(40))


def test_a_fixed_sample_keeps_the_horizon(tmp_path):
    crops = crops_of([shore(tmp_path)], settings=SMALL.model_copy(update={"keep_horizon": True}), sky=frozenset({0}))

    assert int((crops.middle(0).labels[0, :, 0] == 0).sum()) == 5


def test_a_photo_without_sky_is_cut_as_ever(tmp_path):
    samples = [draw_sample(tmp_path)]
    kept = crops_of(samples, settings=SMALL.model_copy(update={"keep_horizon": True}), sky=frozenset({9}))
    plain = crops_of(samples)

    assert all(torch.equal(kept[k].image, plain[k].image) for k in range(8))
