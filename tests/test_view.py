"""What a discriminator is shown: pictures and photos changed alike, and nothing of what is unknown."""

import torch

from gaugan.config import load_settings
from gaugan.data import Batch
from gaugan.spade.view import view

CLASSES = 2
PLAIN = ("unknown_teaches=false",)


def batch(*, unknown=True):
    """Two pictures; the left half of the first is unknown."""
    labels = torch.zeros(2, 8, 8, dtype=torch.uint8)
    labels[0, :, :4] = CLASSES if unknown else 1
    image = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    return Batch(image=image, labels=labels, positions=(4, 5))


def seen(*assignments, given=None):
    return view(given or batch(), load_settings("spade", assignments), classes=CLASSES)


def test_unknown_pixels_are_those_of_the_photo():
    picture = torch.full((2, 3, 8, 8), -1.0)

    shown = seen(*PLAIN).of(picture)

    assert torch.equal(shown[0, :, :, :4], batch().image[0, :, :, :4])
    assert (shown[0, :, :, 4:] == -1).all() and (shown[1] == -1).all()


def test_no_gradient_comes_from_unknown_pixels():
    picture = torch.zeros(2, 3, 8, 8, requires_grad=True)

    seen(*PLAIN).of(picture).sum().backward()

    assert (picture.grad[0, :, :, :4] == 0).all() and (picture.grad[1] == 1).all()


def test_unknown_pixels_teach_where_that_is_asked_for():
    picture = torch.full((2, 3, 8, 8), -1.0)
    shown = seen("unknown_teaches=true")

    assert torch.equal(shown.of(picture), picture) and shown.known is None


def test_where_all_is_known_nothing_is_weighed():
    assert seen(*PLAIN, given=batch(unknown=False)).known is None


def test_what_is_cut_out_counts_as_unknown():
    shown = seen(*PLAIN, "augmentation.cutout=0.5", given=batch(unknown=False))

    assert torch.equal(shown.known[:, 0], shown.labels != CLASSES)
    assert not shown.known.all()


def test_picture_and_photo_are_changed_alike():
    shown = seen("unknown_teaches=true", "augmentation.colour=true", "augmentation.translation=0.25")

    assert torch.equal(shown.of(batch().image), shown.photo)
    assert not torch.equal(shown.photo, batch().image)


def test_numbers_drawn_for_a_picture_belong_to_its_place_in_the_run():
    alone = Batch(image=batch().image[1:], labels=batch().labels[1:], positions=(5,))
    settings = ("unknown_teaches=true", "augmentation.colour=true")

    assert torch.allclose(seen(*settings, given=alone).photo[0], seen(*settings).photo[1])


def test_other_purposes_draw_other_numbers():
    first, second = (seen().generators(purpose)[0] for purpose in ("mix", "other"))

    assert torch.rand(1, generator=first) != torch.rand(1, generator=second)
