"""Makes docs/strip.png, the picture of the README, from a workspace that `make demo` made.

python docs/strip.py demo
"""

import sys
from pathlib import Path

import numpy as np

from pipeline import images, sheets
from pipeline.classes import load_taxonomy
from pipeline.manifest import read, rows_of_splits
from pipeline.run_folders import newest_run
from pipeline.workspace import Workspace

SHOWN = 8
"""Landscapes on the strip, two a row, of the validation split in the order of their ids."""


def main() -> None:
    workspace = Workspace(root=Path(sys.argv[1]))
    palette, pictures = load_taxonomy().palette, newest_run(workspace) / "pictures"
    tiles = []
    for row in sorted(rows_of_splits(read(workspace), "val"), key=lambda row: row.id)[:SHOWN]:
        labels = images.read_labels(workspace.resolve(row.label_file_name))
        edges = images.read_edges(workspace.resolve(row.edge_file_name))
        painted = images.decode_photo((pictures / f"{row.id}.png").read_bytes()).pixels
        photo = images.read_photo(workspace.resolve(row.file_name))
        tiles.append([photo, images.colourise(labels, palette), np.repeat(edges[..., None], 3, axis=2), painted])
    half = len(tiles) // 2
    rows = [left + right for left, right in zip(tiles[:half], tiles[half:], strict=False)]
    titles = ("photo", "labels", "edges", "generated") * 2
    images.write_picture(Path(__file__).with_name("strip.png"), sheets.contact_sheet(rows, titles=titles, tile_px=160))


if __name__ == "__main__":
    main()
