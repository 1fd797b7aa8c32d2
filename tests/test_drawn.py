"""Tests of the source `drawn:N` and of the landscapes it paints."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import cv2
import numpy as np
import pytest

from pipeline.classes import load_taxonomy
from pipeline.errors import SourceError
from pipeline.sources.drawn import candidates
from pipeline.sources.landscapes import Drawing, describe, draw, noise
from pipeline.sources.landscapes.canvas import Canvas

IDS = {name: number for number, name in enumerate(load_taxonomy().names)}
HEAVENS = (IDS["sky"], IDS["clouds"])


@cache
def small_drawings() -> list[Drawing]:
    return [draw(index, size=64) for index in range(60)]


def same(one: Drawing, other: Drawing) -> bool:
    return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("photo", "labels", "instances"))


def test_the_same_number_is_the_same_picture():
    assert same(draw(4, seed=2, size=96), draw(4, seed=2, size=96))


def test_another_number_and_another_seed_are_other_pictures():
    picture = draw(4, seed=2, size=64)

    assert not same(picture, draw(12, seed=2, size=64))
    assert not same(picture, draw(4, seed=3, size=64))


def test_two_threads_in_any_order_paint_the_same():
    np.random.seed(5)
    with ThreadPoolExecutor(2) as pool:
        drawings = list(pool.map(lambda index: draw(index, size=64), reversed(range(16))))

    assert all(same(one, other) for one, other in zip(reversed(drawings), small_drawings(), strict=False))


def test_the_number_of_threads_of_opencv_changes_nothing():
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = draw(0, size=256)
        cv2.setNumThreads(4)
        together = draw(0, size=256)
    finally:
        cv2.setNumThreads(before)

    assert same(alone, together)


def test_noise_is_the_same_whole_and_in_parts(monkeypatch):
    y, x = np.mgrid[:40, :30].astype(np.float32) / 7
    footprint = y / 9
    makers = (
        lambda: noise.noise(x, y),
        lambda: noise.ridged(x, y, 4),
        lambda: noise.fractal(x, y, 4),
        lambda: noise.fractal(x, y, 4, footprint=footprint),
    )
    whole = [maker() for maker in makers]
    monkeypatch.setattr(noise, "PART", 100)

    parts = [maker() for maker in makers]

    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


def test_a_column_of_rows_is_as_good_as_a_whole_plane():
    y, x = np.mgrid[:40, :30].astype(np.float32) / 7

    assert np.array_equal(noise.fractal(x, y[:, :1], 3), noise.fractal(x, y, 3))


def test_what_lies_behind_something_nearer_changes_nothing():
    canvas = Canvas(
        photo=np.full((8, 8, 3), 90, np.uint8),
        labels=np.full((8, 8), IDS["grass"], np.uint8),
        distance=np.full((8, 8), 5, np.float32),
    )

    assert canvas.window(row=2, column=2, height=3, width=3, distance=9.0) is None
    assert canvas.window(row=9, column=2, height=3, width=3, distance=1.0) is None
    assert canvas.window(row=6, column=-1, height=3, width=3, distance=1.0) is not None


def test_maps_have_the_size_of_the_photo_and_known_classes():
    drawing = draw(3, size=100)

    assert drawing.photo.shape == (100, 100, 3) and drawing.photo.dtype == np.uint8
    assert drawing.labels.shape == (100, 100) and drawing.labels.dtype == np.uint8
    assert drawing.instances.shape == (100, 100) and drawing.instances.dtype == np.uint16
    assert all(one.labels.max() < len(IDS) for one in small_drawings())


def test_sixty_pictures_show_every_class_but_structure():
    shown = set(np.unique(np.stack([drawing.labels for drawing in small_drawings()])).tolist())

    assert shown == set(IDS.values()) - {IDS["structure"]}


def test_a_typical_picture_has_four_to_twelve_classes():
    counts = [len(np.unique(drawing.labels)) for drawing in small_drawings()]

    assert np.percentile(counts, 10) >= 4 and np.percentile(counts, 90) <= 12


def test_the_sky_touches_the_top():
    for drawing in small_drawings():
        columns = np.isin(drawing.labels, HEAVENS).any(axis=0)
        under_the_edge = np.isin(drawing.labels[0], (*HEAVENS, IDS["tree"], IDS["mountain"], IDS["snow"]))

        assert columns.mean() > 0.5
        assert under_the_edge.all()


def test_water_lies_below_the_middle_of_the_sky():
    rows = np.arange(64)[:, None]
    for drawing in small_drawings():
        water = np.isin(drawing.labels, (IDS["water"], IDS["sea"], IDS["river"]))
        sky = np.isin(drawing.labels, HEAVENS)
        if water.any():
            assert (rows * water).sum() / water.sum() > (rows * sky).sum() / sky.sum()
            assert not water[: 64 * 35 // 100].any()


def test_a_lake_mirrors_the_land_behind_it():
    drawing = draw(16, size=256)
    water = drawing.labels == IDS["water"]

    # The mirror of a bright sky and of dark trees makes the lake as varied as the land.
    assert drawing.photo[water].std(axis=0).max() > 20


def test_houses_that_touch_are_two_things():
    pairs = 0
    for index in range(160):
        drawing = draw(index, size=64)
        houses = np.where(drawing.labels == IDS["building"], drawing.instances, 0).astype(int)
        beside = [(houses[:, 1:], houses[:, :-1]), (houses[1:], houses[:-1])]
        pairs += any(((one != other) & (one > 0) & (other > 0)).any() for one, other in beside)

    assert pairs >= 2


def test_things_are_numbered_without_gaps_and_nothing_else_is():
    things = load_taxonomy().things
    for drawing in small_drawings():
        numbers = np.unique(drawing.instances)

        assert numbers.tolist() == list(range(len(numbers))) or numbers.tolist() == list(range(1, len(numbers) + 1))
        assert np.array_equal(drawing.instances > 0, np.isin(drawing.labels, things))


def test_a_thing_is_of_one_class():
    for drawing in small_drawings():
        for number in range(1, drawing.instances.max() + 1):
            assert len(np.unique(drawing.labels[drawing.instances == number])) == 1


def test_no_photo_is_flat():
    assert min(drawing.photo.std() for drawing in small_drawings()) > 20


def test_sky_is_bluer_than_grass():
    sky, grass = (
        np.concatenate([drawing.photo[drawing.labels == IDS[name]] for drawing in small_drawings()]).mean(axis=0)
        for name in ("sky", "grass")
    )

    assert sky[2] - sky[1] > grass[2] - grass[1] + 30
    assert np.abs(sky - grass).max() > 60


@pytest.mark.parametrize("index", range(8))
def test_every_size_shows_the_same_scene(index):
    small, large = draw(index, size=128), draw(index, size=256)

    nearest = cv2.resize(large.labels, (128, 128), interpolation=cv2.INTER_NEAREST)

    assert (nearest == small.labels).mean() > 0.9


def test_candidates_know_their_licence_and_give_photo_and_labels():
    first = next(candidates("3?seed=2&size=64"))
    drawing = draw(0, seed=2, size=64)
    photo = cv2.imdecode(np.frombuffer(first.read(), np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]

    assert first.name == "drawn-v1-s2-64-00000.png"
    assert first.title == describe(0, seed=2)
    assert (first.license, first.redistributable, first.creator) == ("CC0-1.0", "yes", "gauganpipe")
    assert first.fixed
    assert np.array_equal(photo, drawing.photo)
    assert first.read_labels is not None and np.array_equal(first.read_labels(), drawing.labels)


def test_more_pictures_keep_the_first():
    few, many = list(candidates("3?size=64")), list(candidates("7?size=64"))

    assert len(many) == 7
    assert [(one.name, one.read()) for one in few] == [(one.name, one.read()) for one in many[:3]]


@pytest.mark.parametrize(
    "spec",
    ["", "x", "0", "-3", "1.5", "3?", "3?size=20", "3?size=5000", "3?colour=red", "3?seed=1&seed=2", "3?size=128&"],
)
def test_a_wrong_spec_is_explained(spec):
    with pytest.raises(SourceError, match=f"^drawn:{spec.replace('?', '.')} "):
        candidates(spec)
