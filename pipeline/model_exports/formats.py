"""Which files a model is exported to, by name, and what each of them offers."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from pipeline.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.spade.dense import DensePainter

FORMATS = {"onnx": "onnx_file", "torchscript": "torchscript_file", "safetensors": "safetensors_file"}
"""Name of a format -> the module of this package that knows it."""
METADATA = "gauganpipe"
"""Under this name each file carries one JSON object: what pipeline.model_exports.facts tells."""


class Format(Protocol):
    """A module of this package.

    `inputs` are those of DensePainter, by name: labels (B, H, W) uint8, edges (B, 1, H, W) uint8 and style (B, S)
    float32 where the network has them.
    """

    NAME: str
    FILE: str
    LIBRARY: str
    """What the Hugging Face hub calls the library that opens it; "" for none."""
    NEEDS: tuple[str, ...]
    """Libraries of the extra `export`."""
    MOST_BYTES: int | None
    """What its weights may have at most."""
    IMPORTS: str
    """Lines of Python that open the file as `model` and paint `inputs`, NumPy arrays, as `picture` (3, H, W)."""
    OPEN: str
    PAINT: str

    def pack(self, network: "DensePainter", inputs: Mapping[str, "Tensor"], told: str) -> bytes:
        """The file.    inputs: an example; others may have other sizes.    told: the JSON object that it carries."""

    def paint(self, data: bytes, inputs: Mapping[str, "Tensor"]) -> "Tensor":
        """What a file's bytes paint, as others would run it: (B, 3, H, W) float32."""


def open_format(name: str) -> Format:
    """Raises: RunError when there is none of that name, or it needs libraries that are not installed."""
    if name not in FORMATS:
        raise RunError(f"there is no format '{name}'. Choose one of: {', '.join(FORMATS)}")
    module = import_module(f"pipeline.model_exports.{FORMATS[name]}")
    missing = [library for library in module.NEEDS if find_spec(library) is None]
    if missing:
        raise RunError(
            f"export to {name} needs {' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not "
            "installed. Run pip install 'gauganpipe[export]'"
        )
    return module
