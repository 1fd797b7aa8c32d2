"""The formats of models, one by one: they paint what we paint, at any size, and carry what is told."""

import io
import json

import pytest
import torch

from gaugan.reading import UNKNOWN
from gaugan.spade.conditions import edges
from gaugan.spade.dense import DensePainter
from gaugan.spade.painter import SpadePainter, fold
from pipeline.errors import RunError
from pipeline.model_exports import formats
from pipeline.model_exports.formats import FORMATS, METADATA, open_format
from tests.exported_runs import painter_of

CLASSES = 4
TOLD = json.dumps({"classes": ["a", "b"], "text": "Zoë"})
SIZES = [(1, 64, 64), (2, 77, 162), (3, 20, 33)]
KINDS = {
    "styles": ("style_encoder=true", "style_size=8"),
    "noise": ("noise_size=4",),
    "classes": ("modulation=classes", "norm=instance", "crop_size=256", "upsampling=more"),
    "wide windows": ("kernel_size=5",),
}


def inputs(painter: SpadePainter, batch: int, height: int, width: int) -> dict[str, torch.Tensor]:
    drawn = torch.Generator().manual_seed(height)
    labels = torch.randint(0, CLASSES + 1, (batch, 4, 4), generator=drawn, dtype=torch.uint8)
    labels = labels.repeat_interleave(48, 1).repeat_interleave(48, 2)[:, :height, :width].clone()
    labels[labels == CLASSES] = UNKNOWN
    given = {"labels": labels}
    if painter.edges:
        given["edges"] = edges(labels).byte()
    if size := painter.style_size or painter.noise_size:
        given["style"] = torch.randn(batch, size, generator=drawn)
    return given


def difference(painter: SpadePainter, picture: torch.Tensor, given: dict[str, torch.Tensor]) -> float:
    labels = given["labels"].long().masked_fill(given["labels"] == UNKNOWN, CLASSES)
    expected = painter.paint_in(given.get("style"), labels, edges=given.get("edges"))
    assert picture.shape == expected.shape and expected.std() > 0.1
    return (picture - expected).abs().max().item()


def packed(name: str, *assignments: str, has_edges: bool = True) -> tuple[SpadePainter, bytes]:
    painter = painter_of(*assignments, classes=CLASSES, has_edges=has_edges)
    fold(painter)
    network = DensePainter(painter).eval().requires_grad_(False)
    multiple = 2**painter.generator.doublings
    return painter, open_format(name).pack(network, inputs(painter, 2, multiple + 9, 2 * multiple - 5), TOLD)


@pytest.fixture(scope="module")
def torchscript_file() -> tuple[SpadePainter, bytes]:
    return packed("torchscript", "style_encoder=true", "style_size=8")


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("has_edges", [True, False])
def test_every_kind_of_network_becomes_onnx(kind, has_edges):
    painter, data = packed("onnx", *KINDS[kind], has_edges=has_edges)
    multiple = 2**painter.generator.doublings

    for size in ((1, 2 * multiple, 2 * multiple), (2, 77 + multiple, 162)):
        given = inputs(painter, *size)
        assert difference(painter, open_format("onnx").paint(data, given), given) < 1e-4


@pytest.mark.parametrize("size", SIZES)
def test_torchscript_paints_what_we_paint_at_any_size(torchscript_file, size):
    painter, data = torchscript_file
    given = inputs(painter, *size)

    assert difference(painter, open_format("torchscript").paint(data, given), given) < 1e-4


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_torchscript_file_carries_what_is_told(torchscript_file):
    extra = {METADATA: ""}
    torch.jit.load(io.BytesIO(torchscript_file[1]), _extra_files=extra)

    assert json.loads(extra[METADATA]) == json.loads(TOLD)


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_torchscript_file_is_bound_to_no_device(torchscript_file):
    graph = str(torch.jit.load(io.BytesIO(torchscript_file[1])).inlined_graph)

    assert "conv" in graph and "Device = prim::Constant[value=" not in graph


def test_a_safetensors_file_has_our_names_and_what_is_told(tmp_path):
    from safetensors import safe_open

    painter, data = packed("safetensors")
    (tmp_path / "model.safetensors").write_bytes(data)

    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert set(file.keys()) == {f"generator.{name}" for name in painter.generator.state_dict()}
        assert not any("weight_orig" in name for name in file.keys())  # noqa: SIM118
        assert file.metadata() == {METADATA: TOLD}


def test_a_file_made_twice_is_the_same_twice():
    assert packed("safetensors")[1] == packed("safetensors")[1]


def test_an_unknown_format_is_named_with_those_that_there_are():
    with pytest.raises(RunError, match=r"there is no format 'tflite'\. Choose one of: onnx, torchscript, safetensors"):
        open_format("tflite")


def test_missing_libraries_are_said_with_how_to_get_them(monkeypatch):
    monkeypatch.setattr(formats, "find_spec", lambda name: None if name.startswith("onnx") else object())

    with pytest.raises(
        RunError, match=r"needs onnx and onnxscript and onnxruntime, which are not installed.*\[export\]"
    ):
        open_format("onnx")


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_calls_its_file_and_its_code_the_same(name):
    form = open_format(name)

    assert (form.NAME, f'"{form.FILE}"' in form.OPEN) == (name, True)
