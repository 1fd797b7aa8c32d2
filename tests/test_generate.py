"""Painting with a run: sizes, seeds, styles, and what is refused."""

import pytest
import torch

from gaugan import checkpoint
from gaugan.checkpoint import About
from gaugan.config import load_settings
from gaugan.errors import CheckpointError, DataError, SettingsError
from gaugan.generate import load_painter
from gaugan.processes import accelerate
from gaugan.spade.method import SpadeMethod

SMALL = ["crop_size=32", "width=4", "discriminator_width=4", "device=cpu"]


def make_run(folder, *assignments, edges=False):
    """A run folder with untrained weights."""
    settings = load_settings("spade", [*SMALL, *assignments])
    shape = {"classes": 3, "unknown": True, "edges": edges}
    method = SpadeMethod(settings, **shape, accelerator=accelerate(settings))
    for parameter in method.averaged.parameters():
        if parameter.dim() > 1:
            parameter.mul_(3)  # so that pictures differ by more than a grey level
    about = About(settings=settings, **shape, images_shown=16)
    state = {"networks": method.networks, "optimizers": method.optimizers, "averaged": method.averaged}
    checkpoint.save(folder, about=about, keep=1, **state)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def styled(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("styled"), "style_encoder=true", "style_size=8")


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


@pytest.mark.parametrize("size", [(32, 32), (40, 52), (70, 33)])
def test_a_picture_has_the_size_of_its_map(plain, size):
    picture = load_painter(plain).paint(label_map(*size))

    assert (picture.shape, picture.dtype) == ((*size, 3), torch.uint8)


def test_a_large_map_is_painted_at_the_size_of_training(plain):
    painter, labels = load_painter(plain), label_map(64, 64).repeat_interleave(4, 0).repeat_interleave(4, 1)

    assert torch.equal(painter.paint(labels), painter.paint(labels, size=(32, 32)))


def test_a_map_can_be_painted_at_its_own_size(plain):
    painter = load_painter(plain)

    assert not torch.equal(painter.paint(label_map()), painter.paint(label_map(), size=(40, 52)))


def test_the_same_seed_paints_the_same_picture(styled):
    painter = load_painter(styled)

    assert torch.equal(painter.paint(label_map(), seed=5), painter.paint(label_map(), seed=5))


def test_another_seed_paints_another_picture(styled):
    painter = load_painter(styled)

    assert not torch.equal(painter.paint(label_map(), seed=5), painter.paint(label_map(), seed=6))


def test_other_labels_paint_another_picture(plain):
    painter = load_painter(plain)

    assert not torch.equal(painter.paint(label_map()), painter.paint(label_map().flip(0)))


def test_a_style_photo_of_any_size_gives_the_style(styled):
    painter, random = load_painter(styled), torch.Generator().manual_seed(0)
    photo = torch.randint(0, 256, (50, 70, 3), generator=random, dtype=torch.uint8)

    pictures = [painter.paint(label_map(), seed=seed, style_photo=photo) for seed in (1, 2)]

    assert torch.equal(*pictures)
    assert not torch.equal(pictures[0], painter.paint(label_map(), seed=1))


def test_a_style_photo_without_style_encoder_is_refused(plain):
    with pytest.raises(SettingsError, match="this run has no style encoder"):
        load_painter(plain).paint(label_map(), style_photo=torch.zeros(8, 8, 3, dtype=torch.uint8))


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
