"""Which stages there are, and in which order: found in this folder, sorted by what each needs and makes."""

import importlib
import pkgutil
from functools import cache
from graphlib import TopologicalSorter
from types import ModuleType

import pipeline.stages


@cache
def stages() -> tuple[ModuleType, ...]:
    """The modules of this folder that say NAME, NEEDS and MAKES, each after those that make what it needs."""
    names = sorted(module.name for module in pkgutil.iter_modules(pipeline.stages.__path__))
    modules = [importlib.import_module(f"pipeline.stages.{name}") for name in names if name != "order"]
    makers = {column: module for module in modules for column in module.MAKES}
    graph = {module: {makers[column] for column in module.NEEDS if column in makers} for module in modules}
    return tuple(TopologicalSorter(graph).static_order())


def earlier(name: str) -> tuple[str, ...]:
    """The names of all that happens to a row before a stage, ingest first."""
    names = ["ingest", *(stage.NAME for stage in stages())]
    return tuple(names[: names.index(name)])
