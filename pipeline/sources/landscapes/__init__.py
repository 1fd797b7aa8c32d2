"""Landscapes painted by code, with exact label and instance maps."""

from pipeline.sources.landscapes.drawing import Drawing, describe, draw

__all__ = ["Drawing", "describe", "draw"]
