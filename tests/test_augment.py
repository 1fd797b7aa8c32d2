"""Maps are bent for the generator; picture, photo, labels and edges are changed alike for the discriminator."""

import pytest
import torch

from gaugan.augment import Changes, bent, draw_changes
from gaugan.data import generator
from gaugan.settings import Augmentation
from gaugan.spade.conditions import edges as find_edges

EVERYTHING = Augmentation(colour=True, translation=0.25, cutout=0.5)
UNKNOWN = 9
MAP = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8], [1, 2, 3, 4], [5, 6, 7, 8]], dtype=torch.uint8)


def generators(count=2, *, seed=0):
    return [generator(seed, "test", place) for place in range(count)]


def random_image(*shape, seed=0):
    return 2 * torch.rand(shape, generator=generator(seed, "image")) - 1


def random_labels(*shape, classes=9):
    return torch.randint(0, classes, shape, generator=generator(0, "labels"), dtype=torch.uint8)


def displacements(*, height, width, share, seed=0):
    """How far down, and how far right of it, each pixel of a bent map was taken from: (2, H, W)."""
    own_row = torch.arange(height, dtype=torch.uint8)[:, None].expand(height, width)
    own_column = torch.arange(width, dtype=torch.uint8).expand(height, width)
    places = torch.stack([own_row, own_column])
    bent_alike, _ = bent(places, None, share=share, generators=[generator(seed), generator(seed)])
    return bent_alike.int() - places.int()


# Bending.


def test_a_share_of_nothing_returns_what_was_given():
    labels, edges = random_labels(2, 8, 12), torch.zeros(2, 1, 8, 12, dtype=torch.uint8)

    made = bent(labels, edges, share=0, generators=generators())

    assert made[0] is labels
    assert made[1] is edges


@pytest.mark.parametrize("size", [(32, 32), (20, 64), (64, 20), (16, 160)])
def test_a_bent_map_has_the_shape_and_type_it_had(size):
    labels, edges = random_labels(2, *size), random_labels(2, 1, *size, classes=2)

    made = bent(labels, edges, share=0.1, generators=generators())

    assert [x.shape for x in made] == [labels.shape, edges.shape]
    assert {x.dtype for x in made} == {torch.uint8}


def test_bending_makes_no_class_that_was_not_there():
    labels = torch.tensor([0, 3, 7, 255], dtype=torch.uint8).repeat_interleave(10).expand(2, 24, 40)

    assert set(bent(labels, None, share=0.1, generators=generators())[0].unique().tolist()) == {0, 3, 7, 255}


@pytest.mark.parametrize("share", [0.05, 0.25])
def test_no_pixel_is_taken_from_further_than_the_share_of_the_width(share):
    farthest = [displacements(height=48, width=80, share=share, seed=seed).abs().max() for seed in range(20)]

    assert max(farthest) == share * 80


def test_a_map_is_bent_down_and_across_by_a_good_part_of_the_share():
    down, across = displacements(height=48, width=80, share=0.1).abs()

    assert down.max() >= 4
    assert across.max() >= 4


def test_a_map_is_bent_down_and_across_independently():
    down, across = displacements(height=64, width=64, share=0.1)[:, 16:48, 16:48]

    assert not torch.equal(down, across)


def test_the_border_of_a_bent_map_stays_in_place():
    labels = random_labels(2, 24, 40)

    made, _ = bent(labels, None, share=0.1, generators=generators())

    assert torch.equal(made[:, [0, -1]], labels[:, [0, -1]])
    assert torch.equal(made[:, :, [0, -1]], labels[:, :, [0, -1]])


def test_a_map_is_bent_smoothly():
    steps = displacements(height=128, width=128, share=0.05)

    assert max(steps.diff(dim=axis).abs().max() for axis in (1, 2)) == 1


def test_edges_are_bent_with_their_labels():
    labels = random_labels(2, 24, 40, classes=2)

    made, edges = bent(labels, labels[:, None], share=0.1, generators=generators())

    assert torch.equal(edges[:, 0], made)


def test_an_edge_from_top_to_bottom_is_still_one():
    labels = (torch.arange(64) >= 30).to(torch.uint8).expand(1, 64, 64)

    for seed in range(10):
        _, edges = bent(labels, find_edges(labels), share=0.05, generators=generators(1, seed=seed))
        assert edges.any(dim=3).all()


def test_each_map_is_bent_in_its_own_way():
    labels = random_labels(1, 24, 40).expand(2, 24, 40)

    first, second = bent(labels, None, share=0.1, generators=generators())[0]

    assert not torch.equal(first, second)


def test_how_a_map_is_bent_depends_on_its_own_generator_alone():
    labels = random_labels(2, 24, 40)

    both, _ = bent(labels, None, share=0.1, generators=generators())
    second, _ = bent(labels[1:], None, share=0.1, generators=generators()[1:])

    assert torch.equal(both[1:], second)


def test_maps_without_a_generator_each_are_refused():
    with pytest.raises(RuntimeError):
        bent(random_labels(2, 24, 40), None, share=0.1, generators=generators(1))


# Shifts and holes.


def test_a_map_is_shifted_down_and_right():
    labels, _ = Changes(shifts=((1, 2),)).maps(MAP[None], None, unknown=UNKNOWN)

    assert labels.tolist() == [[[9, 9, 9, 9], [9, 9, 1, 2], [9, 9, 5, 6], [9, 9, 1, 2]]]


def test_a_map_is_shifted_up_and_left():
    labels, _ = Changes(shifts=((-2, -1),)).maps(MAP[None], None, unknown=UNKNOWN)

    assert labels.tolist() == [[[2, 3, 4, 9], [6, 7, 8, 9], [9, 9, 9, 9], [9, 9, 9, 9]]]


def test_a_hole_is_unknown_and_may_lie_partly_outside():
    changes = Changes(holes=((1, 3, 1, 3), (-1, 1, 3, 5)))

    labels, _ = changes.maps(MAP.expand(2, 4, 4), None, unknown=UNKNOWN)

    assert labels[0].tolist() == [[1, 2, 3, 4], [5, 9, 9, 8], [1, 9, 9, 4], [5, 6, 7, 8]]
    assert labels[1].tolist() == [[1, 2, 3, 9], [5, 6, 7, 8], [1, 2, 3, 4], [5, 6, 7, 8]]


def test_there_are_no_edges_in_a_hole_or_beyond_the_border():
    changes = Changes(shifts=((0, 1),), holes=((0, 2, 0, 2),))

    _, edges = changes.maps(MAP[None, :2], torch.ones(1, 1, 2, 4, dtype=torch.uint8), unknown=UNKNOWN)

    assert edges.tolist() == [[[[0, 0, 1, 1], [0, 0, 1, 1]]]]


def test_a_picture_is_mid_grey_where_nothing_is_left():
    changes = Changes(shifts=((1, 0),), holes=((0, 2, 2, 3),))

    assert changes.picture(torch.ones(1, 3, 2, 3))[0, 0].tolist() == [[0, 0, 0], [1, 1, 0]]


def test_picture_photo_labels_and_edges_are_shifted_and_cut_alike():
    labels = 1 + random_labels(2, 12, 20, classes=8)
    shown = labels[:, None].float().expand(2, 3, 12, 20)
    changes = draw_changes(Augmentation(translation=0.25, cutout=0.5), generators=generators(), size=(12, 20))

    picture, photo = changes.picture(torch.cat([shown, shown])).chunk(2)
    moved, edges = changes.maps(labels, labels[:, None], unknown=0)

    assert torch.equal(picture, photo)
    assert torch.equal(picture, moved[:, None].float().expand_as(picture))
    assert torch.equal(edges[:, 0], moved)
    assert (moved == 0).any()


def test_maps_and_pictures_keep_shape_and_type():
    labels, edges = random_labels(2, 12, 20), random_labels(2, 1, 12, 20, classes=2).float()
    image = random_image(6, 3, 12, 20).bfloat16()
    changes = draw_changes(EVERYTHING, generators=generators(), size=(12, 20))

    picture, (moved, moved_edges) = changes.picture(image), changes.maps(labels, edges, unknown=UNKNOWN)

    assert (picture.shape, picture.dtype) == (image.shape, image.dtype)
    assert (moved.shape, moved.dtype) == (labels.shape, labels.dtype)
    assert (moved_edges.shape, moved_edges.dtype) == (edges.shape, edges.dtype)


# Colours.


def test_brightness_is_added():
    image = Changes(colours=((0.25, 1, 1),)).picture(torch.tensor([0.0, 0.5, -0.5]).view(1, 3, 1, 1))

    torch.testing.assert_close(image.flatten(), torch.tensor([0.25, 0.75, -0.25]))


def test_without_saturation_every_pixel_is_the_grey_of_its_colours():
    image = torch.tensor([[0.0, 1.0], [0.3, 1.0], [0.6, -0.5]]).view(1, 3, 1, 2)

    grey = Changes(colours=((0, 0, 1),)).picture(image)

    torch.testing.assert_close(grey[0, :, 0], torch.tensor([[0.3, 0.5]] * 3))


def test_contrast_stretches_each_picture_around_its_own_mean():
    image = torch.tensor([[0.0, 0.4], [0.6, 0.8]]).view(2, 1, 1, 2).expand(2, 3, 1, 2)

    stretched = Changes(colours=((0, 1, 1.5), (0, 1, 1.5))).picture(image)

    torch.testing.assert_close(stretched[:, 0, 0], torch.tensor([[-0.1, 0.5], [0.55, 0.85]]))


def test_picture_and_photo_of_a_map_change_colours_alike():
    image = random_image(2, 3, 6, 10)
    changes = draw_changes(Augmentation(colour=True), generators=generators(), size=(6, 10))

    picture, photo = changes.picture(torch.cat([image, image])).chunk(2)

    assert torch.equal(picture, photo)


def test_pictures_of_different_maps_change_colours_differently():
    changes = draw_changes(Augmentation(colour=True), generators=generators(), size=(6, 10))

    first, second = changes.picture(random_image(1, 3, 6, 10).expand(2, 3, 6, 10))

    assert not torch.allclose(first, second)


# Gradients.


def test_gradients_reach_what_is_still_seen_and_nothing_that_was_cut_out():
    image = random_image(2, 3, 4, 6).requires_grad_()

    Changes(shifts=((0, 2),), holes=((0, 2, 2, 4),)).picture(image).sum().backward()

    seen = torch.tensor([[0, 0, 1, 1, 0, 0]] * 2 + [[1, 1, 1, 1, 0, 0]] * 2)
    assert torch.equal(image.grad, seen.expand(2, 3, 4, 6).float())


def test_gradients_are_those_of_the_changes():
    image = random_image(2, 3, 4, 6).double().requires_grad_()
    changes = draw_changes(EVERYTHING, generators=generators(1), size=(4, 6))

    assert torch.autograd.gradcheck(changes.picture, image)


# Drawing.


def test_nothing_switched_on_returns_what_was_given():
    image, labels, edges = random_image(2, 3, 4, 6), random_labels(2, 4, 6), random_labels(2, 1, 4, 6, classes=2)
    changes = draw_changes(Augmentation(), generators=generators(), size=(4, 6))

    made = changes.maps(labels, edges, unknown=UNKNOWN)

    assert changes.picture(image) is image
    assert made[0] is labels
    assert made[1] is edges


def test_colours_alone_leave_maps_as_they_are():
    labels, edges = random_labels(2, 4, 6), random_labels(2, 1, 4, 6, classes=2)
    changes = draw_changes(Augmentation(colour=True), generators=generators(), size=(4, 6))

    made = changes.maps(labels, edges, unknown=UNKNOWN)

    assert made[0] is labels
    assert made[1] is edges


def test_the_same_generators_draw_the_same_changes():
    first, second = (draw_changes(EVERYTHING, generators=generators(), size=(12, 20)) for _ in range(2))

    assert first == second


def test_other_generators_draw_other_changes():
    first, second = (draw_changes(EVERYTHING, generators=generators(seed=s), size=(12, 20)) for s in (0, 1))

    assert first != second


def test_a_change_is_drawn_alike_whatever_else_is_switched_on():
    everything = draw_changes(EVERYTHING, generators=generators(), size=(12, 20))
    alone = draw_changes(Augmentation(cutout=0.5), generators=generators(), size=(12, 20))

    assert alone == Changes(holes=everything.holes)


def test_shifts_take_every_whole_pixel_up_to_the_share_of_each_side():
    drawn = draw_changes(Augmentation(translation=0.25), generators=generators(500), size=(12, 20)).shifts

    assert {down for down, _ in drawn} == set(range(-3, 4))
    assert {right for _, right in drawn} == set(range(-5, 6))


def test_the_middle_of_a_hole_is_anywhere_in_the_picture():
    # Rows: 3 of 6, around any of 6 pixels. Columns: 4 of 8, around any of the 9 lines before, between and after pixels.
    drawn = draw_changes(Augmentation(cutout=0.5), generators=generators(500), size=(6, 8)).holes

    assert {hole[:2] for hole in drawn} == {(middle - 1, middle + 2) for middle in range(6)}
    assert {hole[2:] for hole in drawn} == {(middle - 2, middle + 2) for middle in range(9)}


def test_colours_are_drawn_from_their_whole_ranges():
    drawn = torch.tensor(draw_changes(Augmentation(colour=True), generators=generators(500), size=(4, 4)).colours)

    torch.testing.assert_close(drawn.amin(0), torch.tensor([-0.5, 0.0, 0.5]), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.amax(0), torch.tensor([0.5, 2.0, 1.5]), atol=0.05, rtol=0)
