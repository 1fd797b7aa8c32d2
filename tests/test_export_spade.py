"""The reference implementation finds in the folders what we put there."""

import numpy as np
import pytest

from pipeline import images
from pipeline.instances import find_edges
from pipeline.manifest import read
from pipeline.workspace import Workspace
from tests.exported import array, exported, fill, maps_of, opened


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return fill(Workspace(root=tmp_path_factory.mktemp("filled")))


@pytest.fixture(scope="module")
def maps(workspace):
    return maps_of(workspace)


@pytest.fixture(scope="module")
def folder(workspace, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "spade"
    exported(workspace, folder, "spade")
    return folder


def test_the_reference_finds_our_edges_in_the_exported_instances(workspace, folder):

    for row in read(workspace).rows.values():
        # As its data set does: Pillow, ToTensor, times 255, long; then both pixels of a pair of neighbours that differ.
        picture = opened(folder / f"{row.split}_inst" / f"{row.id}.png")
        ids = np.rint(array(picture).astype(np.float32) / 255 * 255).astype(np.int64)
        edges = np.zeros(ids.shape, dtype=bool)
        across, down = ids[:, 1:] != ids[:, :-1], ids[1:] != ids[:-1]
        edges[:, 1:] |= across
        edges[:, :-1] |= across
        edges[1:] |= down
        edges[:-1] |= down

        assert picture.mode == "L"
        assert np.array_equal(edges, images.read_edges(workspace.resolve(row.edge_file_name)) > 0)
        assert np.array_equal(edges, find_edges(images.read_instances(workspace.resolve(row.instance_file_name))) > 0)
