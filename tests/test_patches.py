"""The distance of small patches: nothing for the same pictures, more the more they are spoiled."""

import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from gaugan.patches import DIRECTIONS, PATCHES_A_PICTURE, Slices, describe, pyramid


def drawn(seed, *, side=32, number=6):
    """Smooth pictures with some grain."""
    random = torch.Generator().manual_seed(seed)
    smooth = interpolate(torch.rand(number, 3, 4, 4, generator=random) * 2 - 1, size=side, mode="bicubic")
    return (smooth + 0.1 * torch.randn(number, 3, side, side, generator=random)).clamp(-1, 1)


def distance(pictures, others):
    scales = zip(describe([pictures], seed=0), describe([others], seed=0), strict=True)
    return sum(Slices(x, seed=0).distance(y) for x, y in scales)


def test_the_same_pictures_are_no_distance_apart():
    assert distance(drawn(1), drawn(1)) == 0


def test_pictures_of_one_kind_are_nearer_than_blurred_ones():
    blurred = interpolate(avg_pool2d(drawn(2), 2), size=32, mode="bilinear")

    assert distance(drawn(1), drawn(2)) < distance(drawn(1), blurred)


def test_vectors_that_are_moved_in_every_direction_are_as_far_apart_as_they_were_moved():
    random = torch.Generator().manual_seed(0)
    x = torch.randn(20_000, 2, generator=random)

    # Moved by one deviation along the first axis: in a random direction of the plane that is |cos|, 2/pi in the mean.
    moved = x + torch.tensor([1.0, 0.0])
    assert Slices(x, seed=0).distance(moved) == pytest.approx(2 / torch.pi, abs=2 / DIRECTIONS**0.5)


def test_all_scales_together_are_the_picture():
    picture = drawn(3, side=64)
    fine, middle, coarse = pyramid(picture)

    half = middle + interpolate(coarse, size=32, mode="bilinear", align_corners=False)
    assert torch.allclose(fine + interpolate(half, size=64, mode="bilinear", align_corners=False), picture, atol=1e-6)


def test_pictures_may_be_wider_than_high():
    (coarse,) = describe([torch.zeros(2, 3, 20, 50)], seed=0)

    assert coarse.shape == (2 * PATCHES_A_PICTURE, 3 * 7 * 7)


def test_batches_make_no_difference():
    whole, parts = (describe(batches, seed=0) for batches in ([drawn(1)], drawn(1).split(2)))

    assert all(torch.equal(x, y) for x, y in zip(whole, parts, strict=True))


def test_sets_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match="expected one shape"):
        Slices(torch.zeros(3, 2), seed=0).distance(torch.zeros(4, 2))


def test_a_set_is_compared_again_and_again_with_the_same_result():
    x, y = (describe([drawn(seed)], seed=0)[0] for seed in (1, 2))
    slices = Slices(x, seed=0)

    assert slices.distance(y) == slices.distance(y) == Slices(x, seed=0).distance(y) > 0


def test_every_entry_counts_alike_whatever_its_unit():
    random = torch.Generator().manual_seed(0)
    x, y = (torch.randn(50, 3, generator=random) for _ in range(2))
    unit = torch.tensor([1.0, 1000.0, 0.001])

    assert Slices(x * unit + 5, seed=0).distance(y * unit + 5) == pytest.approx(Slices(x, seed=0).distance(y), rel=1e-2)
