"""Labels a photo that is dropped on the page, as the workspace labels its own."""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.about import read_about
from pipeline.classes import Taxonomy
from pipeline.segmenters.choices import CHOICES, DEFAULT, filled_in
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.segmenters.segmenter import Segmenter


class PhotoLabeller:
    """The workspace's segmenter, or the default one, in the classes of a run; opened when the first photo comes."""

    def __init__(self, workspace: Workspace, taxonomy: Taxonomy) -> None:
        self._workspace, self._taxonomy = workspace, taxonomy
        self._about, _ = read_about(workspace.dataset_json)
        self._spec = self._choose()
        self._segmenter: Segmenter | None = None

    @property
    def is_here(self) -> bool:
        """Whether there is a segmenter here, without a download, that finds some class of the run."""
        return bool(self._spec)

    def label(self, photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """The label map of a photo, (height, width) uint8.    photo: (H, W, 3) uint8 RGB, of the shape of the map."""
        if self._segmenter is None:
            self._segmenter = self._open()
        return self._segmenter.finish(self._segmenter.run(self._segmenter.prepare(photo, "", size))).ids

    def _choose(self) -> str:
        """The first that is here and finds some class of the run; or ""."""
        known = {choice.spec: choice for choice in CHOICES if choice.family not in ("maps", "overlay")}
        for spec in dict.fromkeys((self._about.segmenter, DEFAULT)):
            if spec in known:
                found = filled_in(known[spec], self._workspace.weights, self._taxonomy)
                if found.here and found.reached and not found.non_commercial:
                    return spec
        return ""

    def _open(self) -> "Segmenter":
        from pipeline import preferences
        from pipeline.labeller import with_kept_numerics
        from pipeline.segmenters.registry import open_segmenter

        segmenter = open_segmenter(
            self._spec,
            taxonomy=self._taxonomy,
            weights_folder=self._workspace.weights,
            options=preferences.options(self._about),
        )
        return with_kept_numerics(self._about, segmenter)
