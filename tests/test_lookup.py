"""Rows of a table are added, or put over features, with the gradients that written-out arithmetic has."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gaugan.spade import lookup
from gaugan.spade.lookup import modulate, multiply_by_place, sum_rows


def written_out(x: Tensor, table: Tensor, index: Tensor, *, repeats: int, slope: float) -> Tensor:
    x = x.repeat_interleave(repeats, 2).repeat_interleave(repeats, 3)
    scale, shift = table[index].permute(0, 3, 1, 2).chunk(2, dim=1)
    return F.leaky_relu(x * scale + shift, slope)


def test_rows_are_summed():
    table = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    assert sum_rows(table, torch.tensor([[0, 1], [2, 2]])).tolist() == [[3.0, 30.0], [8.0, 80.0]]


def test_features_are_multiplied_for_each_place_of_a_kernel():
    torch.manual_seed(0)
    hidden = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    weights = [torch.randn(n, 4, 3, 3, dtype=torch.float64, requires_grad=True) for n in (2, 3)]
    expected = torch.einsum("ui,oikl->uklo", hidden, torch.cat(weights)).reshape(45, 5)
    assert torch.allclose(multiply_by_place(hidden, weights), expected, rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(lambda h, *w: multiply_by_place(h, w), (hidden, *weights))


def test_the_gradient_of_a_row_is_summed_over_its_uses():
    table = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    rows = torch.tensor([[0, 1, 1], [4, 0, 3]])
    assert torch.autograd.gradcheck(lambda t: sum_rows(t, rows), table)


@pytest.mark.parametrize("chunk_numbers", [1, 100, 2**19])
@pytest.mark.parametrize("repeats", [1, 2])
@pytest.mark.parametrize("slope", [0.2, 1.0])
def test_features_are_modulated_as_written_out(monkeypatch, chunk_numbers, repeats, slope):
    monkeypatch.setattr(lookup, "CHUNK_NUMBERS", chunk_numbers)
    torch.manual_seed(0)
    x, table = torch.randn(2, 4, 3, 5, dtype=torch.float64), torch.randn(6, 8, dtype=torch.float64)
    index = torch.randint(0, 6, (2, 3 * repeats, 5 * repeats))
    ours, plain = ([t.clone().requires_grad_() for t in (x, table)] for _ in range(2))

    made = modulate(*ours, index, repeats=repeats, slope=slope)
    expected = written_out(*plain, index, repeats=repeats, slope=slope)
    assert torch.allclose(made, expected, rtol=0, atol=1e-12)

    weights = torch.randn_like(expected)
    (made * weights).sum().backward()
    (expected * weights).sum().backward()
    for a, b in zip(ours, plain, strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=0, atol=1e-12)


def test_without_an_index_every_pixel_has_its_own_row():
    torch.manual_seed(0)
    x, table = torch.randn(2, 4, 3, 5, dtype=torch.float64), torch.randn(120, 8, dtype=torch.float64)
    index = torch.arange(120).view(2, 6, 10)
    ours, plain = ([t.clone().requires_grad_() for t in (x, table)] for _ in range(2))
    made = modulate(*ours, None, repeats=2, slope=0.2)
    expected = written_out(*plain, index, repeats=2, slope=0.2)
    assert torch.allclose(made, expected, rtol=0, atol=1e-12)
    made.square().sum().backward()
    expected.square().sum().backward()
    for a, b in zip(ours, plain, strict=True):
        assert torch.allclose(a.grad, b.grad, rtol=0, atol=1e-11)


def test_a_result_can_be_of_half_precision():
    torch.manual_seed(0)
    x, table, index = torch.randn(1, 4, 3, 5, requires_grad=True), torch.randn(6, 8), torch.randint(0, 6, (1, 3, 5))
    made = modulate(x, table, index, repeats=1, slope=0.2, dtype=torch.bfloat16)
    assert made.dtype == torch.bfloat16
    assert torch.equal(made, written_out(x, table, index, repeats=1, slope=0.2).bfloat16())
    made.float().sum().backward()
    assert x.grad.dtype == torch.float32


def test_the_result_lies_in_memory_as_convolutions_like_it():
    made = modulate(torch.randn(1, 4, 3, 5), torch.randn(6, 8), torch.zeros(1, 3, 5).long(), repeats=1, slope=0.2)
    assert made.is_contiguous(memory_format=torch.channels_last)
