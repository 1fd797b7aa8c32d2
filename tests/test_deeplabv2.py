"""DeepLabV2: the published file's entries, the sizes inside, the fusion of three scales."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.classes import load_taxonomy
from pipeline.errors import SegmenterError
from pipeline.segmenters import deeplabv2, registry
from pipeline.segmenters.network import NetworkSegmenter
from pipeline.segmenters.torch_file import open_file

LANDSCAPE = load_taxonomy()
FILE_NAME = "deeplabv2_resnet101_msc-cocostuff164k-100000.pth"
STAGES = ("layer2", "layer3", "layer4", "layer5")
SKY_OTHER, DOOR, STREET_SIGN = 156, 70, 11


def published_state(classes: int = 182) -> dict[str, Tensor]:
    """The entries of the published file, listed by hand; every number is zero and takes no memory."""
    shapes: dict[str, tuple[int, ...]] = {}

    def add(name: str, inputs: int, outputs: int, kernel: int) -> None:
        shapes[f"{name}.conv.weight"] = (outputs, inputs, kernel, kernel)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.bn.{part}"] = (outputs,)
        shapes[f"{name}.bn.num_batches_tracked"] = ()

    add("base.layer1.conv1", 3, 64, 7)
    channels = 64
    for layer, blocks, hidden in (("layer2", 3, 64), ("layer3", 4, 128), ("layer4", 23, 256), ("layer5", 3, 512)):
        for block in range(1, blocks + 1):
            name = f"base.{layer}.block{block}"
            add(f"{name}.reduce", channels, hidden, 1)
            add(f"{name}.conv3x3", hidden, hidden, 3)
            add(f"{name}.increase", hidden, 4 * hidden, 1)
            if block == 1:
                add(f"{name}.shortcut", channels, 4 * hidden, 1)
            channels = 4 * hidden
    for index in range(4):
        shapes[f"base.aspp.c{index}.weight"] = (classes, 2048, 3, 3)
        shapes[f"base.aspp.c{index}.bias"] = (classes,)
    return {
        name: torch.zeros((), dtype=torch.int64 if name.endswith("tracked") else torch.float32).expand(shape)
        for name, shape in shapes.items()
    }


def renamed(state: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {new + name.removeprefix(old): values for name, values in state.items()}


def test_the_published_file_has_632_entries_and_56_million_numbers():
    state = published_state()

    assert len(state) == 632
    assert round(sum(values.numel() for values in state.values()) / 1e6, 1) == 56.0


def test_the_published_file_fits():
    network = deeplabv2.build(published_state())

    assert set(network.state_dict()) == set(published_state())


@pytest.mark.parametrize("prefix", ["", "module.", "module.base."])
def test_the_prefixes_of_the_entries_do_not_matter(prefix: str):
    state = renamed(published_state(classes=21), "base.", prefix)

    assert deeplabv2.is_state_of_it(state)
    assert deeplabv2.build(state).base.aspp.c0.out_channels == 21


def test_counts_of_batches_may_be_missing():
    state = {name: values for name, values in published_state(classes=21).items() if not name.endswith("tracked")}

    assert not any(values.is_meta for values in deeplabv2.build(state).state_dict().values())


def test_a_missing_entry_is_an_error():
    state = published_state(classes=21)
    del state["base.layer4.block23.increase.bn.weight"]

    with pytest.raises(RuntimeError, match=r"layer4\.block23\.increase\.bn\.weight"):
        deeplabv2.build(state)


def test_an_entry_too_many_is_an_error():
    state = published_state(classes=21) | {"base.layer2.block1.extra.conv.weight": torch.zeros(1)}

    with pytest.raises(RuntimeError, match=r"layer2\.block1\.extra"):
        deeplabv2.build(state)


def test_where_holes_and_strides_are():
    network = deeplabv2.build(published_state(classes=21)).base
    convs = {name: layer for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d)}

    assert {name: conv.stride for name, conv in convs.items() if conv.stride != (1, 1)} == {
        "layer1.conv1.conv": (2, 2),
        "layer3.block1.reduce.conv": (2, 2),
        "layer3.block1.shortcut.conv": (2, 2),
    }
    assert [network.get_submodule(f"{layer}.block3.conv3x3.conv").dilation[0] for layer in STAGES] == [1, 1, 2, 4]
    assert [convs[f"aspp.c{index}"].dilation[0] for index in range(4)] == [6, 12, 18, 24]
    assert all(conv.padding == conv.dilation for name, conv in convs.items() if conv.kernel_size == (3, 3))


@pytest.mark.parametrize(("size", "strided"), [((65, 97), (9, 13)), ((64, 72), (9, 10))])
def test_pooling_rounds_sizes_up(size: tuple[int, int], strided: tuple[int, int]):
    network = deeplabv2.build(published_state(classes=21))

    assert network.base(torch.zeros(1, 3, *size)).shape == (1, 21, *strided)


def test_the_aspp_sums_four_convolutions_with_holes():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        aspp = deeplabv2.Aspp(3, 2).requires_grad_(False)
    x = torch.zeros(1, 3, 49, 49)
    x[0, :, 24, 24] = 1

    difference = aspp(x)[0, 0] - aspp(torch.zeros_like(x))[0, 0]

    touched = {(row, column) for row, column in (difference.abs() > 1e-6).nonzero().tolist()}
    holes = {(y * width, x * width) for width in (6, 12, 18, 24) for y in (-1, 0, 1) for x in (-1, 0, 1)}
    assert touched == {(24 + y, 24 + x) for y, x in holes}


def test_every_parameter_of_a_block_matters():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        block = deeplabv2.Bottleneck(8, 4, stride=2, dilation=2, has_shortcut=True).eval()

    block(torch.rand(1, 8, 12, 10, generator=torch.Generator().manual_seed(0))).sum().backward()

    assert [name for name, values in block.named_parameters() if not values.grad.any()] == []


def slow_resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, pixel by pixel, the corners of the pictures upon each other.    image: (C, H, W)."""
    out = np.zeros((len(image), height, width))
    for row in range(height):
        for column in range(width):
            y = min(max((row + 0.5) * image.shape[1] / height - 0.5, 0), image.shape[1] - 1)
            x = min(max((column + 0.5) * image.shape[2] / width - 0.5, 0), image.shape[2] - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, image.shape[1] - 1), min(left + 1, image.shape[2] - 1)
            above = image[:, top, left] * (1 - x + left) + image[:, top, right] * (x - left)
            below = image[:, bottom, left] * (1 - x + left) + image[:, bottom, right] * (x - left)
            out[:, row, column] = above * (1 - y + top) + below * (y - top)
    return out


def test_three_scales_are_fused_by_the_greatest_logit():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        base = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    x = torch.randn(1, 3, 21, 14, generator=torch.Generator().manual_seed(0))

    with torch.inference_mode():
        fused = deeplabv2.MultiScale(base)(x)[0].numpy()
        scales = [base(x)[0].numpy()]
        for height, width in ((10, 7), (15, 10)):
            smaller = torch.from_numpy(slow_resize(x[0].numpy(), height, width)).float()
            scales.append(slow_resize(base(smaller[None])[0].numpy(), 11, 7))

    assert fused.shape == (4, 11, 7)
    assert np.allclose(fused, np.max(scales, axis=0), atol=1e-5)
    assert {int(winner) for winner in np.unique(np.argmax(scales, axis=0))} == {0, 1, 2}


def test_the_longer_side_becomes_513():
    assert deeplabv2.to_input(np.zeros((768, 1024, 3), dtype=np.uint8)).shape == (1, 3, 385, 513)


def test_the_input_is_blue_green_red_less_the_mean():
    photo = np.zeros((513, 513, 3), dtype=np.uint8)
    photo[:, :] = (200, 100, 50)

    x = deeplabv2.to_input(photo)

    assert x[0, :, 256, 256].tolist() == pytest.approx([50 - 104.008, 100 - 116.669, 200 - 122.675], abs=1e-4)


@pytest.fixture(scope="module")
def published_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that says sky-other everywhere, and door and street sign still louder."""
    path = tmp_path_factory.mktemp("weights") / FILE_NAME
    bias = torch.zeros(182)
    bias[[SKY_OTHER, DOOR, STREET_SIGN]] = torch.tensor([10.0, 20.0, 30.0])
    torch.save(published_state() | {"base.aspp.c1.bias": bias}, path)
    return path


@pytest.fixture(scope="module")
def segmenter(published_file: Path) -> NetworkSegmenter:
    """The same, as the registry opens it; a file of class names beside it must not be looked at."""
    published_file.with_suffix(".json").write_text('["sky"]', encoding="utf-8")
    folder = published_file.parent
    return registry.open_segmenter("deeplabv2-cocostuff164k", taxonomy=LANDSCAPE, weights_folder=folder)


def test_the_registry_knows_it_by_name(segmenter: NetworkSegmenter):
    assert segmenter.name == "deeplabv2-cocostuff164k"
    assert segmenter.license == "MIT"
    assert segmenter.parameters["names"] == ""


def test_it_reaches_every_class_of_landscape(segmenter: NetworkSegmenter):
    assert segmenter.reached == LANDSCAPE.names


def test_eleven_things_are_masked(segmenter: NetworkSegmenter):
    assert len(segmenter.masked) == 11


def test_things_that_were_never_trained_win_nowhere(segmenter: NetworkSegmenter, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(deeplabv2, "LONGER_SIDE_PX", 33)
    photo = np.zeros((40, 50, 3), dtype=np.uint8)

    labelling = segmenter.finish(segmenter.run(segmenter.prepare(photo, "lake.jpg", photo.shape[:2])))

    assert np.unique(labelling.ids).tolist() == [LANDSCAPE.id_of("sky")]
    assert labelling.ids.shape == (40, 50)


def test_a_file_of_other_classes_needs_their_names(tmp_path: Path):
    torch.save(published_state(classes=3), tmp_path / "mine.pth")

    with pytest.raises(SegmenterError, match="has 3 outputs, and nothing beside it says what they mean"):
        open_file(tmp_path / "mine.pth", taxonomy=LANDSCAPE, device="cpu")


def test_no_output_of_other_classes_is_masked(tmp_path: Path):
    torch.save(published_state(classes=3), tmp_path / "mine.pth")
    (tmp_path / "mine.json").write_text('["sky-other", "door", "sea"]', encoding="utf-8")

    assert open_file(tmp_path / "mine.pth", taxonomy=LANDSCAPE, device="cpu").masked == ()
