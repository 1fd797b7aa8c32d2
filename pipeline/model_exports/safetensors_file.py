"""safetensors: the weights alone, under our own names; gaugan builds the network that they belong to."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.model_exports.formats import METADATA

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.spade.dense import DensePainter

NAME = "safetensors"
FILE = "model.safetensors"
LIBRARY = "gauganpipe"
NEEDS = ()
MOST_BYTES = None

IMPORTS = """\
import json

import torch
from gaugan.config import loads
from gaugan.spade.dense import DensePainter
from gaugan.spade.painter import SpadePainter
from safetensors import safe_open"""
OPEN = """\
with safe_open("model.safetensors", framework="pt") as file:
    told = json.loads(file.metadata()["gauganpipe"])
    weights = {name: file.get_tensor(name) for name in file.keys()}
shape = {"classes": len(told["classes"]), "unknown": told["unknown"] is not None, "edges": told["edges"]}
model = DensePainter(SpadePainter(loads(told["settings"]), **shape)).eval().requires_grad_(False)
model.load_state_dict(weights)"""
PAINT = (
    "picture = model(**{name: torch.from_numpy(x) for name, x in inputs.items()})[0].numpy()  # (3, H, W) in -1 to 1"
)


def pack(network: "DensePainter", inputs: Mapping[str, "Tensor"], told: str) -> bytes:
    from safetensors.torch import save

    weights = {name: x.detach().contiguous() for name, x in network.state_dict().items()}
    return save(weights, metadata={METADATA: told})


def paint(data: bytes, inputs: Mapping[str, "Tensor"]) -> "Tensor":
    from safetensors.torch import load

    from gaugan.config import loads
    from gaugan.spade.dense import DensePainter
    from gaugan.spade.painter import SpadePainter

    length = int.from_bytes(data[:8], "little")
    told = json.loads(json.loads(data[8 : 8 + length])["__metadata__"][METADATA])
    shape = {"classes": len(told["classes"]), "unknown": told["unknown"] is not None, "edges": told["edges"]}
    network = DensePainter(SpadePainter(loads(told["settings"]), **shape)).eval().requires_grad_(False)
    network.load_state_dict(load(data))
    return network(**inputs)
