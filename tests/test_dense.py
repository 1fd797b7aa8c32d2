"""By looking up windows, the networks make exactly what they make the dense way."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks import dense
from gaugan.reading import nearest, read_labels
from gaugan.spade import norm
from gaugan.spade.conditions import condition, edges
from gaugan.spade.discriminator import MultiscaleDiscriminator
from gaugan.spade.generator import Generator
from gaugan.spade.initial import initialise

COCO = Path(__file__).parents[2] / "shared" / "data" / "coco_stuff_sample"
CLASSES = 9


def blocks(batch: int, height: int, width: int) -> Tensor:
    coarse = torch.randint(0, CLASSES + 1, (batch, 1, 5, 4), generator=torch.Generator().manual_seed(4)).float()
    return F.interpolate(coarse, size=(height, width))[:, 0].long()


def noise(batch: int, height: int, width: int) -> Tensor:
    return torch.randint(0, CLASSES + 1, (batch, height, width), generator=torch.Generator().manual_seed(4))


def one_class(batch: int, height: int, width: int) -> Tensor:
    return torch.full((batch, height, width), 3)


def real(batch: int, height: int, width: int) -> Tensor:
    if not COCO.is_dir():
        pytest.skip(f"no {COCO}")
    maps = [read_labels(path, classes=182) for path in sorted(COCO.glob("*_label/*.png"))[:batch]]
    return torch.stack([nearest(one, (height, width)) for one in maps]).long() % (CLASSES + 1)


def build(**settings) -> Generator:
    shape = {"condition_channels": CLASSES + 2, "width": 2, "crop_size": 64}
    network = Generator(**(shape | settings)).double()
    initialise(network, generator=torch.Generator().manual_seed(0))
    for key, weight in network.named_parameters():
        if "mlp" in key:  # the weights of the start are too small to make a difference
            torch.nn.init.normal_(weight, std=0.3, generator=torch.Generator().manual_seed(len(key)))
    return network


def learned(network: torch.nn.Module) -> dict[str, Tensor]:
    """Gradients, but those of biases that a normalisation subtracts again, which are nothing but rounding."""
    return {key: p.grad for key, p in network.named_parameters()}


@pytest.mark.parametrize("draw", [blocks, noise, one_class, real])
@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, (32, 64)),
        ({"norm": "instance"}, (64, 32)),
        ({"kernel_size": 5}, (32, 64)),
        ({"kernel_size": 1}, (32, 64)),
        ({"style_size": 6, "upsampling": "more"}, (64, 128)),
    ],
)
@pytest.mark.parametrize("most_distinct", [0.0, 2.0])
def test_a_generator_paints_and_learns_as_the_dense_way_does(monkeypatch, draw, settings, size, most_distinct):
    monkeypatch.setattr(norm, "MOST_DISTINCT", most_distinct)
    labels = draw(2, *size)
    seen = condition(labels, classes=CLASSES, unknown=True, edges=edges(labels))
    ours, plain = build(**settings).train(), build(**settings).train()
    style = torch.randn(2, 6, generator=torch.Generator().manual_seed(1)).double() if "style_size" in settings else None

    painted, expected = ours(seen, style), dense.paint(plain, seen.one_hot(torch.float64), style)
    assert torch.allclose(painted, expected, rtol=0, atol=1e-12)

    target = torch.rand(expected.shape, generator=torch.Generator().manual_seed(2)).double()
    F.l1_loss(painted, target).backward()
    F.l1_loss(expected, target).backward()
    expected_gradients = learned(plain)
    assert all(g.abs().sum() > 0 for key, g in expected_gradients.items() if "mlp" in key)
    for key, gradient in learned(ours).items():
        assert torch.allclose(gradient, expected_gradients[key], rtol=0, atol=1e-10), key
    for key, value in plain.state_dict().items():
        assert torch.allclose(ours.state_dict()[key].double(), value.double(), rtol=0, atol=1e-12), key


@pytest.mark.parametrize("draw", [blocks, noise, one_class, real])
@pytest.mark.parametrize("size", [(64, 96), (45, 70)])
@pytest.mark.parametrize("norm_of", ["instance", "batch"])
def test_a_discriminator_judges_and_learns_as_the_dense_way_does(draw, size, norm_of):
    labels = draw(2, *size)
    seen = condition(labels, classes=CLASSES, unknown=True, edges=edges(labels))
    networks = [
        MultiscaleDiscriminator(condition_channels=CLASSES + 2, width=4, scales=3, norm=norm_of).double()
        for _ in range(2)
    ]
    for network in networks:
        initialise(network, generator=torch.Generator().manual_seed(0))
    images = [
        torch.rand((4, 3, *size), generator=torch.Generator().manual_seed(1)).double().requires_grad_() for _ in "ab"
    ]

    judged = networks[0](seen, images[0])
    one_hot = seen.one_hot(torch.float64)
    expected = dense.judge(networks[1], torch.cat([one_hot, one_hot]), images[1])

    for scale, expected_scale in zip(judged, expected, strict=True):
        for output, expected_output in zip(scale, expected_scale, strict=True):
            assert torch.allclose(output, expected_output, rtol=0, atol=1e-12)
    for outputs in (judged, expected):
        sum(output.square().mean() for scale in outputs for output in scale).backward()
    assert torch.allclose(images[0].grad, images[1].grad, rtol=0, atol=1e-12)
    expected_gradients = learned(networks[1])
    for key, gradient in learned(networks[0]).items():
        assert torch.allclose(gradient, expected_gradients[key], rtol=0, atol=1e-10), key
