"""What the tests of several rooms start from: an empty workspace, and photos that resemble one another in nothing."""

import os
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.workspace import Workspace

# Several test processes share the cores; torch reads this when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    return Workspace(root=tmp_path / "workspace")


@pytest.fixture
def photo_of() -> Callable[[int], np.ndarray]:
    """Seed -> (96, 102, 3) uint8 RGB, a patchwork of 16 rows of 17 random colours."""

    def photo(seed: int) -> np.ndarray:
        patches = np.random.default_rng(seed).integers(0, 256, (16, 17, 3), dtype=np.uint8)
        return patches.repeat(6, axis=0).repeat(6, axis=1)

    return photo
