"""The painter of operations that every runtime knows paints what ours paints, for every kind of network."""

import pytest
import torch
from torch import Tensor

from gaugan.reading import UNKNOWN
from gaugan.spade.conditions import edges
from gaugan.spade.dense import DensePainter
from gaugan.spade.painter import SpadePainter, fold
from tests.exported_runs import painter_of

CLASSES = 5
KINDS = {
    "windows": (),
    "styles": ("style_encoder=true", "style_size=8"),
    "noise": ("noise_size=4",),
    "classes": ("modulation=classes", "norm=instance"),
    "classes and noise": ("modulation=classes", "noise_size=4"),
    "wide windows": ("kernel_size=5", "upsampling=more"),
    "no spectral norm": ("spectral=false",),
    "most upsampling": ("upsampling=most",),
}


def inputs(painter: SpadePainter, batch: int, height: int, width: int) -> dict[str, Tensor]:
    drawn = torch.Generator().manual_seed(height)
    coarse = torch.randint(0, CLASSES + 1, (batch, height // 8 + 1, width // 8 + 1), generator=drawn, dtype=torch.uint8)
    labels = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :height, :width].clone()
    labels[labels == CLASSES] = UNKNOWN
    given = {"labels": labels, "edges": edges(labels).byte() * 255}
    if size := painter.style_size or painter.noise_size:
        given["style"] = torch.randn(batch, size, generator=drawn)
    return given


def ours(painter: SpadePainter, given: dict[str, Tensor]) -> Tensor:
    labels = given["labels"].long().masked_fill(given["labels"] == UNKNOWN, CLASSES)
    return painter.paint_in(given.get("style"), labels, edges=given["edges"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 64, 96), (2, 75, 41)])
def test_it_paints_what_ours_paints(kind, size):
    painter = painter_of(*KINDS[kind], classes=CLASSES)
    fold(painter)
    given = inputs(painter, *size)

    picture = DensePainter(painter).eval()(**given)

    expected = ours(painter, given)
    assert expected.std() > 0.1
    assert torch.allclose(picture, expected, rtol=0, atol=1e-4)  # normalising few pixels makes much of rounding


def test_a_map_may_be_a_single_pixel():
    painter = painter_of(classes=CLASSES)
    given = inputs(painter, 1, 1, 1)

    assert torch.allclose(DensePainter(painter).eval()(**given), ours(painter, given), rtol=0, atol=1e-5)


def test_labels_may_be_of_any_integer_type():
    painter = painter_of(classes=CLASSES)
    given = inputs(painter, 1, 32, 32)

    wide = {**given, "labels": given["labels"].long()}

    assert torch.equal(DensePainter(painter).eval()(**given), DensePainter(painter).eval()(**wide))


def test_its_weights_have_the_names_of_ours():
    painter = painter_of("style_encoder=true", "style_size=8", classes=CLASSES)

    names = DensePainter(painter).state_dict().keys()

    assert names == {name for name in painter.state_dict() if name.startswith("generator.")}
