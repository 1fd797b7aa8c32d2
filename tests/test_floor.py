"""Label maps are painted in the colours that their classes have in training."""

import pytest
import torch
from torch import Tensor

from gaugan.floor import class_means, painted_in_class_means

RED, GREEN = (1.0, -1.0, -1.0), (-1.0, 0.5, -1.0)


def one_crop(colours: list[tuple[float, ...]], labels: list[int]) -> tuple[Tensor, Tensor]:
    """A crop of one row, (1, 3, 1, W) and (1, 1, W) uint8."""
    return torch.tensor(colours).T[None, :, None], torch.tensor(labels, dtype=torch.uint8)[None, None]


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_a_class_has_the_mean_colour_of_its_pixels():
    crop = one_crop([RED, GREEN, (0.0, 0.0, 0.0)], [0, 1, 0])
    means, _ = class_means([crop], classes=2)
    assert torch.allclose(means[:2], torch.tensor([(0.5, -0.5, -0.5), GREEN]))


def test_a_class_is_as_wide_as_its_pixels_are_apart():
    crop = one_crop([(0.1, 0.0, 0.4), (0.3, 0.0, 0.8)], [1, 1])
    _, deviations = class_means([crop], classes=2)
    assert torch.allclose(deviations[1], torch.tensor((0.1, 0.0, 0.2)), atol=1e-6)


def test_unknown_has_a_colour_of_its_own():
    means, _ = class_means([one_crop([RED, GREEN], [0, 2])], classes=2)
    assert means.shape == (3, 3)
    assert means[2].tolist() == list(GREEN)


def test_a_class_without_pixels_has_the_colour_of_all():
    means, deviations = class_means([one_crop([RED, GREEN], [0, 2])], classes=2)
    assert torch.allclose(means[1], torch.tensor((0.0, -0.25, -1.0)))
    assert torch.allclose(deviations[1], torch.tensor((1.0, 0.75, 0.0)))


def test_crops_count_alike_however_they_are_batched():
    random = torch.Generator().manual_seed(0)
    images = torch.rand(4, 3, 6, 8, generator=random) * 2 - 1
    labels = torch.randint(0, 3, (4, 6, 8), generator=random)
    whole = class_means([(images, labels)], classes=2)
    one_by_one = class_means(zip(images.split(1), labels.split(1), strict=True), classes=2)
    assert all(torch.allclose(a, b) for a, b in zip(whole, one_by_one, strict=True))


def test_no_crops_are_refused():
    with pytest.raises(ValueError, match="no crops to take colours from"):
        class_means([], classes=2)


def test_pixels_have_the_colour_of_their_class():
    labels = torch.tensor([[[0, 1, 1], [1, 0, 0]]], dtype=torch.uint8)
    pictures = painted_in_class_means(labels, torch.tensor([RED, GREEN]), torch.zeros(2, 3), generators=generators(0))
    assert pictures.shape == (1, 3, 2, 3)
    assert pictures[0, :, 0, 0].tolist() == list(RED)
    assert pictures[0, :, 1, 0].tolist() == list(GREEN)


def test_noise_is_as_wide_as_the_class():
    deviations = torch.tensor([(0.05, 0.1, 0.2)])
    picture = painted_in_class_means(
        torch.zeros(1, 100, 120, dtype=torch.uint8), torch.zeros(1, 3), deviations, generators=generators(0)
    )
    assert torch.allclose(picture.flatten(2).std(2), deviations, rtol=0.03)
    assert picture.mean((2, 3)).abs().max() < 0.01


def test_pictures_stay_in_range():
    labels = torch.zeros(1, 20, 20, dtype=torch.uint8)
    pictures = painted_in_class_means(labels, torch.ones(1, 3), torch.ones(1, 3), generators=generators(0))
    assert pictures.amin() >= -1
    assert pictures.amax() == 1


def test_a_picture_depends_on_its_own_generator_alone():
    labels = torch.zeros(2, 6, 8, dtype=torch.uint8)
    colours = torch.zeros(1, 3), torch.ones(1, 3) / 4
    both = painted_in_class_means(labels, *colours, generators=generators(5, 7))
    alone = painted_in_class_means(labels[1:], *colours, generators=generators(7))
    assert torch.equal(both[1:], alone)
    assert not torch.equal(both[0], both[1])


def test_a_map_without_its_generator_is_refused():
    colours = torch.zeros(1, 3), torch.ones(1, 3)
    with pytest.raises(ValueError, match="2 label maps and 1 generators"):
        painted_in_class_means(torch.zeros(2, 6, 8, dtype=torch.uint8), *colours, generators=generators(5))
