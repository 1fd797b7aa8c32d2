"""TorchScript: one file that PyTorch runs in Python and in C++, on any device, without a line of ours."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pipeline.model_exports.formats import METADATA

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.spade.dense import DensePainter

NAME = "torchscript"
FILE = "model.pt"
LIBRARY = "pytorch"
NEEDS = ()
MOST_BYTES = None

IMPORTS = "import torch"
OPEN = 'model = torch.jit.load("model.pt")'
PAINT = (
    "picture = model(**{name: torch.from_numpy(x) for name, x in inputs.items()})[0].numpy()  # (3, H, W) in -1 to 1"
)


def pack(network: "DensePainter", inputs: Mapping[str, "Tensor"], told: str) -> bytes:
    """Traced: sizes are computed from those of the inputs by operations, which a trace keeps."""
    import torch

    file = io.BytesIO()
    with without_farewells():
        traced = torch.jit.trace(network, example_kwarg_inputs=dict(inputs), check_trace=False)
        torch.jit.save(traced, file, _extra_files={METADATA: told})
    return file.getvalue()


def paint(data: bytes, inputs: Mapping[str, "Tensor"]) -> "Tensor":
    import torch

    with without_farewells():
        network = torch.jit.load(io.BytesIO(data))
    return network(**inputs)


@contextlib.contextmanager
def without_farewells() -> Iterator[None]:
    """PyTorch announces at every use of torch.jit that it is to go; files that were written are read all the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"`torch\.jit\.\w+` is (deprecated|not supported)")
        yield
