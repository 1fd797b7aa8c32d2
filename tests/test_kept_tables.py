"""Tables kept from picture to picture give the same pictures, compute what is new alone, and stay in bounds."""

import copy

import pytest
import torch
from torch import Tensor

from gaugan.spade.conditions import condition, edges
from gaugan.spade.generator import Generator
from gaugan.spade.initial import initialise
from gaugan.spade.kept_tables import KeptTables
from gaugan.spade.norm import SpadeNorm

CLASSES, SIDE = 9, 64
PLENTY = 2**30


def build(**settings) -> Generator:
    """A generator in float64, with weights that make a difference."""
    shape = {"condition_channels": CLASSES + 2, "width": 4, "crop_size": 64}
    network = Generator(**(shape | settings)).double()
    initialise(network, generator=torch.Generator().manual_seed(0))
    for name, weight in network.named_parameters():
        if "mlp" in name:
            torch.nn.init.normal_(weight, std=0.3, generator=torch.Generator().manual_seed(len(name)))
    return network.eval()


def drawing() -> Tensor:
    labels = torch.zeros(1, SIDE, SIDE, dtype=torch.int64)
    labels[:, 20:] = 3
    labels[:, 40:, 10:] = 5
    return labels


def stroke(labels: Tensor, category: int, top: int = 25) -> Tensor:
    labels = labels.clone()
    labels[:, top : top + 6, 30:50] = category
    return labels


def seen(labels: Tensor, noise: Tensor | None = None):
    made = condition(labels, classes=CLASSES, unknown=True, edges=edges(labels))
    return made if noise is None else made.with_noise(noise)


@torch.no_grad()
def paint(network: Generator, labels: Tensor, noise: Tensor | None = None) -> Tensor:
    return network(seen(labels, noise))


def made_rows(network: Generator, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows are made, call by call."""
    made, rows = [], SpadeNorm.rows

    def counted(layer, condition, once, twice):
        made.append(len(twice))
        return rows(layer, condition, once, twice)

    monkeypatch.setattr(SpadeNorm, "rows", counted)
    return made


@pytest.mark.parametrize("settings", [{}, {"norm": "instance"}, {"kernel_size": 5}, {"kernel_size": 1}])
def test_strokes_are_painted_as_if_nothing_were_kept(settings):
    plain = build(**settings)
    keeping = copy.deepcopy(plain)
    keeping.keep_tables(PLENTY)
    maps = [drawing(), stroke(drawing(), 7), stroke(stroke(drawing(), 7), CLASSES, 45), drawing().flip(1), drawing()]

    for labels in maps:
        assert torch.allclose(paint(keeping, labels), paint(plain, labels), rtol=0, atol=1e-12)


def test_maps_of_other_sizes_and_batches_share_what_is_kept():
    plain = build()
    keeping = copy.deepcopy(plain)
    keeping.keep_tables(PLENTY)

    for labels in (drawing(), drawing()[:, :33, :50], torch.cat([drawing(), stroke(drawing(), 2)])):
        assert torch.allclose(paint(keeping, labels), paint(plain, labels), rtol=0, atol=1e-12)


def test_a_map_of_noise_is_painted_too():
    labels = torch.randint(0, CLASSES, (1, SIDE, SIDE), generator=torch.Generator().manual_seed(1))
    plain = build()
    keeping = copy.deepcopy(plain)
    keeping.keep_tables(PLENTY)

    assert torch.allclose(paint(keeping, labels), paint(plain, labels), rtol=0, atol=1e-12)


def test_noise_beside_the_map_is_told_apart():
    plain = build(condition_channels=CLASSES + 2 + 3)
    keeping = copy.deepcopy(plain)
    keeping.keep_tables(PLENTY)

    for seed in (0, 1, 0):
        noise = torch.randn(1, 3, generator=torch.Generator().manual_seed(seed)).double()
        assert torch.allclose(paint(keeping, drawing(), noise), paint(plain, drawing(), noise), rtol=0, atol=1e-12)


def test_the_same_map_again_makes_no_row(monkeypatch):
    keeping = build()
    keeping.keep_tables(PLENTY)
    first = paint(keeping, drawing())
    made = made_rows(keeping, monkeypatch)

    again = paint(keeping, drawing())

    assert made == []
    assert torch.equal(first, again)


def test_after_a_stroke_windows_that_were_never_seen_make_rows_alone(monkeypatch):
    keeping, anew = build(), build()
    keeping.keep_tables(PLENTY)
    anew.keep_tables(PLENTY)
    paint(keeping, drawing())
    made = made_rows(keeping, monkeypatch)
    paint(keeping, stroke(drawing(), 5))
    after = sum(made)
    made.clear()

    paint(anew, stroke(drawing(), 5))

    assert 0 < after < sum(made) / 2


def test_what_is_kept_stays_within_its_bytes():
    plain = build()
    keeping = copy.deepcopy(plain)
    kept = keeping.keep_tables(400_000)

    for category in range(CLASSES):
        labels = stroke(drawing(), category, top=category)
        assert torch.allclose(paint(keeping, labels), paint(plain, labels), rtol=0, atol=1e-12)
        assert kept.bytes <= kept.most_bytes


def test_where_there_is_no_room_nothing_is_kept():
    plain = build()
    keeping = copy.deepcopy(plain)
    kept = keeping.keep_tables(1000)

    assert torch.allclose(paint(keeping, drawing()), paint(plain, drawing()), rtol=0, atol=1e-12)
    assert kept.bytes <= 1000


def test_what_is_forgotten_is_made_again():
    keeping = build()
    kept = keeping.keep_tables(PLENTY)
    first = paint(keeping, drawing())

    kept.forget()

    assert kept.bytes == 0
    assert torch.equal(paint(keeping, drawing()), first)


def test_nothing_is_kept_while_gradients_are_asked_for():
    keeping = build()
    kept = keeping.keep_tables(PLENTY)

    keeping(seen(drawing())).mean().backward()

    assert kept.bytes == 0
    assert all(weight.grad is not None for weight in keeping.parameters())


def test_nothing_is_kept_while_training():
    keeping = build().train()
    kept = keeping.keep_tables(PLENTY)

    paint(keeping, torch.cat([drawing(), drawing()]))

    assert kept.bytes == 0


def test_nothing_is_kept_unless_asked_for():
    assert all(layer.kept is None for layer in build().modules() if isinstance(layer, SpadeNorm))


def test_two_generators_keep_apart():
    one, other = build(), build()
    kept = one.keep_tables(PLENTY)
    other.keep_tables(PLENTY)

    paint(other, drawing())

    assert kept.bytes == 0


def test_windows_of_one_key_are_told_apart(monkeypatch):
    monkeypatch.setattr("gaugan.spade.kept_tables.odd_numbers", lambda count: [0] * count)
    plain = build()
    keeping = copy.deepcopy(plain)
    keeping.keep_tables(PLENTY)

    for labels in (drawing(), stroke(drawing(), 7), drawing()):
        assert torch.allclose(paint(keeping, labels), paint(plain, labels), rtol=0, atol=1e-12)


def test_a_generator_of_classes_has_nothing_to_keep():
    network = build(modulation="classes")
    kept = network.keep_tables(PLENTY)

    paint(network, drawing())

    assert (isinstance(kept, KeptTables), kept.bytes) == (True, 0)
