"""Every preset trains on a CPU, at a size that a CPU can, and leaves a run that paints."""

from pathlib import Path

import pytest

from gaugan.config import presets
from pipeline import flow, images, paint, runs
from pipeline.console import Console
from pipeline.workspace import Workspace

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Twenty-four drawn landscapes with edges."""
    workspace = Workspace(root=tmp_path_factory.mktemp("dataset"))
    flow.label(workspace, "drawn:24", flow.Asked(), workers=2, console=QUIET)
    flow.build_edges(workspace, flow.Which(), workers=2, console=QUIET)
    return workspace


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("preset", presets())
def test_it_trains_two_hundred_images_and_paints(workspace: Workspace, tmp_path: Path, preset: str) -> None:
    small = ("images=200", "crop_size=64", "batch_size=8", "device=cpu", "score_every_images=100")
    trained = runs.train(workspace, runs.Training(preset=preset, assignments=small), console=QUIET)

    painting = paint.Painting(run=trained.folder, split="val", out=tmp_path)
    (picture, *_) = paint.generate(workspace, painting, console=QUIET).pictures

    assert trained.images_shown == 200
    assert images.decode_photo(picture.read_bytes()).pixels.std() > 5
