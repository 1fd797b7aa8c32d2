"""Between two styles the direction turns, and the length grows or shrinks evenly."""

import math

import pytest
import torch

from gaugan.styles import between

RIGHT, UP = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])


def test_the_ends_are_the_styles_themselves():
    a, b = torch.randn(2, 9, generator=torch.Generator().manual_seed(0))

    assert torch.equal(between(a, b, 0), a)
    assert torch.equal(between(a, b, 1), b)


def test_the_middle_of_a_right_angle_is_half_of_it_and_as_long_as_the_mean():
    middle = between(RIGHT, UP, 0.5)

    assert middle.tolist() == pytest.approx([1.5 * math.cos(math.pi / 4), 1.5 * math.sin(math.pi / 4)])


def test_a_third_of_the_way_is_a_third_of_the_angle():
    third = between(RIGHT, UP, 1 / 3)

    assert math.degrees(math.atan2(third[1], third[0])) == pytest.approx(30, abs=1e-4)


def test_styles_between_drawn_ones_are_as_long_as_they_are():
    a, b = torch.randn(2, 256, generator=torch.Generator().manual_seed(1))
    shortest = min(a.norm(), b.norm())

    assert all(between(a, b, step / 10).norm() >= shortest - 1e-4 for step in range(11))


def test_on_one_line_only_the_length_changes():
    assert between(RIGHT, 3 * RIGHT, 0.25).tolist() == pytest.approx([1.5, 0])


@pytest.mark.parametrize("size", [2, 3, 64])
def test_opposite_styles_are_gone_round_at_their_length(size):
    a = torch.arange(1.0, size + 1)

    middle = between(a, -a, 0.5)

    assert middle.norm() == pytest.approx(a.norm().item())
    assert (middle @ a).item() == pytest.approx(0, abs=1e-3)


def test_of_one_number_there_is_but_the_straight_line():
    assert between(torch.tensor([1.0]), torch.tensor([-3.0]), 0.5).tolist() == [-1]


def test_a_style_of_no_length_is_left_in_a_straight_line():
    assert between(torch.zeros(2), UP, 0.5).tolist() == [0, 1]


def test_the_way_back_is_the_same_way():
    a, b = torch.randn(2, 33, generator=torch.Generator().manual_seed(2))

    assert torch.allclose(between(a, b, 0.3), between(b, a, 0.7), atol=1e-6)


def test_the_type_stays():
    assert between(RIGHT, UP, 0.5).dtype == torch.float32


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="expected 0 to 1"):
        between(RIGHT, UP, share)


def test_styles_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="expected one length"):
        between(RIGHT, torch.zeros(3), 0.5)
