"""ONNX: one file that onnxruntime and many others run, without PyTorch; pictures of any size, any number at once."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipeline.model_exports.formats import METADATA

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.spade.dense import DensePainter

NAME = "onnx"
FILE = "model.onnx"
LIBRARY = "onnx"
NEEDS = ("onnx", "onnxscript", "onnxruntime")
MOST_BYTES = 2**31 - 2**24
"""A file is one protocol buffer, which ends at 2 GiB; the graph takes the rest."""
PICTURE = "picture"

IMPORTS = "import onnxruntime"
OPEN = 'model = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])'
PAINT = "picture = model.run(None, inputs)[0][0]  # (3, H, W) in -1 to 1"


def pack(network: "DensePainter", inputs: Mapping[str, "Tensor"], told: str) -> bytes:
    import torch
    from torch.export import Dim

    # The sizes of the labels have names; those of the other inputs are found to be the same.
    sizes = {
        "labels": {0: Dim("batch"), 1: Dim("height"), 2: Dim("width")},
        "edges": {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},
        "style": {0: Dim.DYNAMIC},
    }
    with warnings.catch_warnings():
        # Before 2.14 it copies what it has itself deprecated.
        warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
        program = torch.onnx.export(
            network,
            kwargs=dict(inputs),
            input_names=list(inputs),
            output_names=[PICTURE],
            dynamic_shapes={name: sizes[name] for name in inputs},
            dynamo=True,
            verbose=False,
        )
    # The exporter calls the height of the picture the lesser of that of the map and that of the continued one.
    (picture,) = program.model.graph.outputs
    picture.shape = type(picture.shape)(["batch", 3, "height", "width"])
    program.model.metadata_props[METADATA] = told
    return program.model_proto.SerializeToString()


def paint(data: bytes, inputs: Mapping[str, "Tensor"]) -> "Tensor":
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (picture,) = session.run([PICTURE], {name: x.numpy() for name, x in inputs.items()})
    return torch.from_numpy(picture)
