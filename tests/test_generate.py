"""Painting with a run: sizes, seeds, styles, and what is refused."""

import pytest
import torch

from gaugan import checkpoint
from gaugan.errors import CheckpointError, DataError, OutOfMemoryError, SettingsError
from gaugan.generate import LARGEST_STYLE, load_painter
from gaugan.styles import between
from tests.untrained import STYLED, save_checkpoint


def make_run(folder, *assignments, **shape):
    save_checkpoint(folder, *assignments, **shape)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("styled"), *STYLED)


@pytest.fixture(scope="module")
def edged(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("edged"), edges=True)


def label_map(height=40, width=52):
    labels = torch.zeros(height, width, dtype=torch.uint8)
    labels[height // 2 :] = 1
    labels[5:30, 10:20] = 2
    labels[:3, :3] = 255
    return labels


def test_a_painter_knows_its_run(plain):
    painter = load_painter(plain)

    assert (painter.classes, painter.edges, painter.images_shown, painter.settings.model.width) == (3, False, 16, 4)


@pytest.mark.parametrize("number", [1.1 * LARGEST_STYLE, -1e30, float("nan")])
def test_a_style_that_nothing_was_trained_with_is_refused_by_its_numbers(styled, number):
    painter = load_painter(styled)
    style = painter.style()
    style[3] = number

    with pytest.raises(DataError, match=r"the style holds .*, expected numbers from -10,000 to 10,000"):
        painter.paint(label_map(), style=style)


def test_a_picture_that_is_no_picture_is_a_sentence(styled):
    painter = load_painter(styled)
    with torch.no_grad():
        for parameter in painter.network.parameters():
            parameter.fill_(float("nan"))

    with pytest.raises(DataError, match="the picture holds what is no number"):
        painter.paint(label_map())


@pytest.mark.parametrize("size", [(32, 32), (40, 52), (70, 33)])
def test_a_picture_has_the_size_of_its_map(plain, size):
    picture = load_painter(plain).paint(label_map(*size))

    assert (picture.shape, picture.dtype) == ((*size, 3), torch.uint8)


def test_the_checkpoint_that_is_named_paints_though_another_is_better_by_now(tmp_path):
    run, other = make_run(tmp_path / "run"), make_run(tmp_path / "other", "width=8")
    named = checkpoint.best(run)
    checkpoint.best(other).rename(named.with_name("000000032"))

    assert load_painter(run).settings.model.width == 8
    assert load_painter(run, checkpoint=named).settings.model.width == 4


def test_a_large_map_is_painted_at_the_size_of_training(plain):
    painter, labels = load_painter(plain), label_map(64, 64).repeat_interleave(4, 0).repeat_interleave(4, 1)

    assert torch.equal(painter.paint(labels), painter.paint(labels, size=(32, 32)))


def test_a_map_can_be_painted_at_its_own_size(plain):
    painter = load_painter(plain)

    assert not torch.equal(painter.paint(label_map()), painter.paint(label_map(), size=(40, 52)))


def test_the_same_seed_paints_the_same_picture(styled):
    painter = load_painter(styled)

    assert torch.equal(*(painter.paint(label_map(), style=painter.style(seed=5)) for _ in range(2)))


def test_another_seed_paints_another_picture(styled):
    painter = load_painter(styled)

    assert not torch.equal(*(painter.paint(label_map(), style=painter.style(seed=seed)) for seed in (5, 6)))


def test_no_style_is_that_of_seed_0(styled):
    painter = load_painter(styled)

    assert torch.equal(painter.paint(label_map()), painter.paint(label_map(), style=painter.style(seed=0)))


def test_a_style_is_a_vector_on_the_cpu(styled):
    style = load_painter(styled).style(seed=3)

    assert (style.shape, style.dtype, style.device.type) == ((8,), torch.float32, "cpu")


def test_noise_beside_the_labels_is_a_style_too(tmp_path):
    painter = load_painter(make_run(tmp_path, "noise_size=5"))

    assert painter.has_style and painter.style(seed=1).shape == (5,)
    assert not torch.equal(*(painter.paint(label_map(), style=painter.style(seed=seed)) for seed in (5, 6)))


def test_a_run_without_style_draws_none(plain):
    assert load_painter(plain).style(seed=3) is None


def test_a_style_for_a_run_without_is_refused(plain):
    with pytest.raises(SettingsError, match="this run has no styles"):
        load_painter(plain).paint(label_map(), style=torch.zeros(8))


def test_a_style_that_is_none_of_the_run_is_refused(styled):
    with pytest.raises(DataError, match=r"a style of this run is 8 numbers, and \[7\] were given"):
        load_painter(styled).paint(label_map(), style=torch.zeros(7))


def test_other_labels_paint_another_picture(plain):
    painter = load_painter(plain)

    assert not torch.equal(painter.paint(label_map()), painter.paint(label_map().flip(0)))


def random_photo(height, width):
    return torch.randint(0, 256, (height, width, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_a_style_photo_of_any_size_gives_a_style(styled):
    painter = load_painter(styled)

    style = painter.style_of(random_photo(50, 70))

    assert style.shape == (8,)
    assert torch.equal(style, painter.style_of(random_photo(50, 70)))
    assert not torch.equal(style, painter.style_of(random_photo(50, 71)))


def test_a_style_photo_is_seen_as_large_as_in_training(styled):
    painter, photo = load_painter(styled), random_photo(32, 32)

    large = painter.style_of(photo.repeat_interleave(8, 0).repeat_interleave(8, 1))

    assert (large - painter.style_of(photo)).abs().max() < 0.05


def test_a_style_photo_without_style_encoder_is_refused(plain):
    with pytest.raises(SettingsError, match="this run has no style encoder"):
        load_painter(plain).style_of(torch.zeros(8, 8, 3, dtype=torch.uint8))


def test_instances_change_a_picture_with_edges(edged):
    painter, one = load_painter(edged), torch.zeros(40, 52, dtype=torch.int32)
    many = torch.arange(40 * 52, dtype=torch.int32).reshape(40, 52)

    assert not torch.equal(painter.paint(label_map(), instances=one), painter.paint(label_map(), instances=many))


def test_labels_stand_in_for_instances(edged):
    painter = load_painter(edged)

    assert torch.equal(painter.paint(label_map()), painter.paint(label_map(), instances=label_map()))


def test_instances_of_another_size_are_refused(edged):
    with pytest.raises(DataError, match="the instance map is"):
        load_painter(edged).paint(label_map(), instances=torch.zeros(3, 3, dtype=torch.int32))


def test_a_class_out_of_range_is_named(plain):
    with pytest.raises(DataError, match="holds class 3, expected 0 to 2, or 255 for unknown"):
        load_painter(plain).paint(label_map().clamp(max=3))


def test_a_run_without_checkpoint_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="has no checkpoint yet"):
        load_painter(tmp_path)


def test_pictures_are_the_same_however_many_are_painted_at_once(styled):
    painter = load_painter(styled)
    maps = [(label_map(*size), None) for size in ((32, 32), (40, 52), (32, 32), (70, 33), (40, 52), (1, 1))]
    styles = [painter.style(seed=seed) for seed in range(5)] + [None]

    together = painter.paint_all(maps, styles)

    for (labels, _), style, picture in zip(maps, styles, together, strict=True):
        alone = painter.paint(labels, style=style)
        assert picture.shape == alone.shape
        assert (picture.int() - alone.int()).abs().max() <= 1


def test_pictures_that_do_not_fit_together_are_painted_in_halves(styled, monkeypatch):
    painter = load_painter(styled)
    needed, asked = painter.network.bytes_needed(torch.zeros(2, 32, 32)), []
    monkeypatch.setattr("gaugan.generate.free_bytes", lambda device: needed)
    monkeypatch.setattr("gaugan.generate.give_back_memory", lambda: None)
    paint_in = painter.network.paint_in
    monkeypatch.setattr(
        painter.network,
        "paint_in",
        lambda styles, labels, **given: asked.append(len(labels)) or paint_in(styles, labels, **given),
    )

    pictures = painter.paint_all([(torch.zeros(32, 32, dtype=torch.uint8), None)] * 5, [None] * 5)

    assert (len(pictures), asked) == (5, [2, 1, 2])


def test_memory_that_ends_while_painting_is_tried_in_halves(plain, monkeypatch):
    painter, asked = load_painter(plain), []
    paint_in = painter.network.paint_in

    def paint(styles, labels, **given):
        asked.append(len(labels))
        if len(labels) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return paint_in(styles, labels, **given)

    monkeypatch.setattr(painter.network, "paint_in", paint)

    assert len(painter.paint_all([(label_map(), None)] * 3, [None] * 3)) == 3
    assert asked == [3, 1, 2, 1, 1]


def test_a_picture_that_is_too_large_for_the_memory_is_refused_before_it_is_painted(plain, monkeypatch):
    painter = load_painter(plain)
    monkeypatch.setattr("gaugan.generate.free_bytes", lambda device: 10**9)

    with pytest.raises(
        OutOfMemoryError, match=r"a picture of 4096x4096 px: that takes about 4\.\d GB, and 1\.0 are free"
    ):
        painter.paint(label_map(), size=(4096, 4096))


def test_other_errors_of_a_network_are_no_end_of_memory(plain, monkeypatch):
    painter = load_painter(plain)
    monkeypatch.setattr(painter.network, "paint_in", lambda *_, **given: (_ for _ in ()).throw(RuntimeError("a bug")))

    with pytest.raises(RuntimeError, match="a bug"):
        painter.paint(label_map())


def test_halves_paint_nearly_the_same(styled):
    painter, maps, styles = load_painter(styled), [(label_map(), None), (label_map(60, 40), None)], [None, None]

    pictures = zip(painter.paint_all(maps, styles), painter.paint_all(maps, styles, precision="bf16"), strict=True)

    assert [0 < (a.float() - b.float()).abs().mean() < 3 for a, b in pictures] == [True, True]


@pytest.mark.parametrize(("labels", "expected"), [(torch.zeros(1, 1), (32, 32)), (torch.zeros(40, 80), (32, 64))])
def test_the_size_that_is_painted_covers_that_of_training(plain, labels, expected):
    assert load_painter(plain).painted_size(labels.shape) == expected


def test_the_smaller_the_picture_the_more_are_painted_at_once(plain):
    painter = load_painter(plain)

    assert [painter.at_once(size) for size in ((64, 64), (128, 128), (256, 256), (512, 512), (4096, 4096))] == [
        *(16, 16, 4, 1, 1),
    ]


def test_a_map_of_no_pixels_is_refused(plain):
    with pytest.raises(DataError, match="there is nothing to paint"):
        load_painter(plain).paint(torch.zeros(0, 5, dtype=torch.uint8))


def test_unknown_pixels_for_a_run_that_knows_none_are_refused(tmp_path):
    painter = load_painter(make_run(tmp_path, unknown=False))

    with pytest.raises(DataError, match="has unknown pixels, which this run was trained without"):
        painter.paint(label_map())


def test_a_map_of_one_class_is_painted(plain):
    assert load_painter(plain).paint(torch.full((33, 47), 2, dtype=torch.uint8)).shape == (33, 47, 3)


def test_a_style_between_two_is_painted(styled):
    painter = load_painter(styled)
    a, b = painter.style(seed=1), painter.style(seed=2)

    pictures = [painter.paint(label_map(), style=between(a, b, share)) for share in (0, 0.5, 1)]

    assert torch.equal(pictures[0], painter.paint(label_map(), style=a))
    assert not torch.equal(pictures[1], pictures[0]) and not torch.equal(pictures[1], pictures[2])
