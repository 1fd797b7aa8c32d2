"""Which layouts there are, by name."""

from importlib import import_module

from pipeline.errors import GauganpipeError
from pipeline.exports.layout import Layout

LAYOUTS = {
    "spade": "spade",
    "hf": "hf",
    "webdataset": "webdataset",
    "coco-panoptic": "coco_panoptic",
    "mmseg": "mmseg",
    "fiftyone": "fiftyone",
    "croissant": "croissant",
}
"""Name of a layout -> the module of this package that knows it."""
READ_BACK = ("spade", "hf")
"""Those that are read back into a workspace: the others keep less than it had."""


def open_layout(name: str) -> Layout:
    """Raises: GauganpipeError when there is none of that name."""
    if name not in LAYOUTS:
        raise GauganpipeError(f"there is no layout '{name}'. Choose one of: {', '.join(LAYOUTS)}")
    return import_module(f"pipeline.exports.{LAYOUTS[name]}")


def described() -> dict[str, str]:
    """Name of a layout -> what it is, in a line."""
    return {name: open_layout(name).TEXT for name in LAYOUTS}
