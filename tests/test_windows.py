"""The distinct windows of maps are found, each once."""

import itertools

import pytest
import torch

from gaugan.spade import windows
from gaugan.spade.windows import find_windows, shifted


def slowly(numbers: torch.Tensor, kernel_size: int, outside: int) -> list[tuple[int, ...]]:
    """What stands in the window around every pixel, pixel by pixel."""
    batch, height, width = numbers.shape
    reach = kernel_size // 2
    found = []
    for b, y, x in itertools.product(range(batch), range(height), range(width)):
        places = itertools.product(range(y - reach, y + reach + 1), range(x - reach, x + reach + 1))
        found.append(
            tuple(numbers[b, v, u].item() if 0 <= v < height and 0 <= u < width else outside for v, u in places)
        )
    return found


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
def test_every_pixel_finds_its_own_window(kernel_size):
    numbers = torch.randint(0, 3, (2, 6, 9), generator=torch.Generator().manual_seed(0))
    found = find_windows(numbers, kernel_size=kernel_size, outside=3)
    assert [tuple(row) for row in found.rows[found.index.flatten()].tolist()] == slowly(numbers, kernel_size, 3)
    assert len(set(map(tuple, found.rows.tolist()))) == found.count


def test_many_different_numbers_are_told_apart_as_well():
    numbers = torch.randint(0, 5000, (2, 9, 7), generator=torch.Generator().manual_seed(0))
    found = find_windows(numbers, kernel_size=3, outside=5000)
    assert [tuple(row) for row in found.rows[found.index.flatten()].tolist()] == slowly(numbers, 3, 5000)


def test_a_map_of_one_class_has_nine_windows():
    # In the middle, along four sides, in four corners.
    found = find_windows(torch.zeros(1, 8, 8).long(), kernel_size=3, outside=1)
    assert found.count == 9
    assert found.share == 9 / 64


def test_windows_of_a_batch_share_one_table():
    numbers = torch.randint(0, 4, (1, 8, 8), generator=torch.Generator().manual_seed(0))
    alone, twice = (find_windows(numbers.expand(n, 8, 8), kernel_size=3, outside=4) for n in (1, 2))
    assert alone.count == twice.count
    assert torch.equal(twice.index[0], twice.index[1])


def test_windows_of_one_sum_are_still_told_apart(monkeypatch):
    monkeypatch.setattr(windows, "odd_numbers", lambda count: [1] * count)
    numbers = torch.randint(0, 1000, (1, 6, 9), generator=torch.Generator().manual_seed(0)) // 500
    found = find_windows(numbers, kernel_size=3, outside=1000)
    assert [tuple(row) for row in found.rows[found.index.flatten()].tolist()] == slowly(numbers, 3, 1000)


def test_a_sliding_window_can_take_steps():
    numbers = torch.arange(20).view(1, 4, 5)
    views = shifted(numbers, kernel_size=4, outside=99, stride=2, padding=2)
    assert [tuple(view.shape) for view in views] == [(1, 3, 3)] * 16
    assert torch.stack(views, dim=-1)[0, 1, 1].tolist() == numbers[0, :4, :4].flatten().tolist()
    assert torch.stack(views, dim=-1)[0, 0, 0].tolist() == [99] * 8 + [99, 99, 0, 1, 99, 99, 5, 6]
