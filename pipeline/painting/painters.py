"""The painter of a run, and the digest of the very weights that it paints with."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.run_folders import explained_runs
from pipeline.segmenters.weights import sha256_of

if TYPE_CHECKING:
    from gaugan.generate import Painter


@explained_runs()
def open_painter(run: Path) -> "tuple[Painter, str]":
    """On the GPU if there is one. The digest is that of the file of averaged weights: 64 hex digits.

    Raises: RunError when the run has no checkpoint, or one that cannot be read.
    """
    import torch

    from gaugan import checkpoint
    from gaugan.generate import load_painter

    # Looked up once: while the run trains, another checkpoint may be the best a moment later.
    best = checkpoint.best(run)
    painter = load_painter(run, device="cuda" if torch.cuda.is_available() else "cpu", checkpoint=best)
    return painter, sha256_of(best / checkpoint.AVERAGED)
