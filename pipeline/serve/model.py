"""The run that is painted with: what the page is told of it, and what it makes of maps, photos and styles."""

import base64
import binascii
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline import images
from pipeline.about import read_about
from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.drawings import Meaning
from pipeline.errors import PhotoError, RunError
from pipeline.painting.painters import open_painter
from pipeline.run_folders import explained_runs, is_imported
from pipeline.serve.photo_labeller import PhotoLabeller
from pipeline.serve.sizes import demand_size, middle, nearest
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.generate import Painter

CANVAS_PX = 256
"""What a canvas has at least on its longer side when the page opens."""
KEPT_BYTES = 512 * 2**20
"""Of the tables that are kept between strokes."""
SAME_LEVELS = 1
"""How many grey levels a quicker way of painting may be off to be taken."""
WORTH = 1.1
"""How many times as quick it must be."""
MEASURED, MEASURED_SECONDS = 3, 3
"""Pictures painted in each way when the quicker one is looked for, the first warms up; none is begun after so long."""


@dataclass(frozen=True, kw_only=True)
class Style:
    """What a picture is to look like: the vector of a photo, that of a seed, or some share of the way to another.

    style, to: `seed:N` or `vector:` and the base64url of little-endian float32 numbers; `to` may be "".
    """

    style: str = "seed:0"
    to: str = ""
    share: float = 0.0


class Model:
    """A run, loaded once. Its methods are to be called from one thread.

    painter: of the run.    weights: the digest of what it paints with.    run: its folder.
    workspace: whose segmenter labels photos.
    """

    def __init__(self, painter: "Painter", *, weights: str, run: Path, workspace: Workspace) -> None:
        """Raises: RunError when the run says nothing, or something else, of its classes."""
        self.painter, self.weights, self.run, self.workspace = painter, weights, run, workspace
        self.taxonomy = read_about(Workspace(root=run).dataset_json)[0].as_taxonomy()
        if len(self.taxonomy) != painter.classes:
            raise RunError(
                f"{run} paints {painter.classes} classes and its manifest names {len(self.taxonomy)}. "
                "Its manifests/dataset.json is another run's; copy the right one back, or take another run"
            )
        self.precision = "float32"
        self.labeller = PhotoLabeller(workspace, self.taxonomy)

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of a canvas to begin with: what was trained on, enlarged by a whole number where small."""
        height, width = self.painter.settings.data.crop
        times = -(-CANVAS_PX // max(height, width))
        return times * height, times * width

    @property
    def advice(self) -> str:
        """What to do next, as a sentence; "" for nothing."""
        from gaugan import checkpoint

        images_in_all = self.painter.settings.training.images
        if not images_in_all or is_imported(self.run) or checkpoint.is_finished(self.run, images_in_all=images_in_all):
            return ""
        how = self.workspace.from_here("gauganpipe train")
        return f"{self.run.name} is not trained to its end, {images_in_all:,} images. Go on: {how}"

    def begin(self, demand_wanted: Callable[[], None]) -> None:
        """Makes ready for the first stroke: keeps tables, and finds the quicker of two ways that paint the same.

        demand_wanted: called between layers; what it raises ends the painting.
        """
        for layer in self.painter.network.modules():
            layer.register_forward_pre_hook(lambda *_: demand_wanted())
        self.painter.remember(KEPT_BYTES)
        patches = np.random.default_rng(0).integers(0, self.painter.classes, (8, 8), dtype=np.uint8)
        labels = nearest(patches, self.canvas)
        exact, exact_seconds = self._measure(labels, "float32")
        rough, rough_seconds = self._measure(labels, "bf16")
        is_same = np.abs(exact.astype(np.int16) - rough).max() <= SAME_LEVELS
        if is_same and exact_seconds > WORTH * rough_seconds:
            self.precision = "bf16"

    def paint(self, labels: np.ndarray, wanted: Style) -> bytes:
        """The picture as a PNG, of the size of the map.

        labels: (H, W) uint8.    Raises: RunError when map or style do not fit the run.
        """
        self._demand_classes(labels)
        with explained_runs():
            picture = self._paint(labels, self.style(wanted), self.precision)
        return images.encode_picture(picture)

    def style(self, wanted: Style) -> "Tensor | None":
        """(S,) float32, or None for a run without styles. Raises: RunError."""
        first = self._vector(wanted.style, "style")
        other = self._vector(wanted.to, "to") if wanted.to else None
        if first is None or other is None:
            return first
        from gaugan.styles import between

        return between(first, other, wanted.share)

    def style_of_seed(self, seed: int) -> str:
        """`vector:...`. Raises: RunError for a run without styles."""
        style = self._vector(f"seed:{seed}", "seed")
        if style is None:
            raise RunError(f"{self.run.name} has no styles: every seed paints the same picture")
        return _text(style)

    def style_of_photo(self, data: bytes) -> str:
        """`vector:...`. Raises: PhotoError when it cannot be read; RunError for a run that takes no photos."""
        import torch

        if not self.painter.takes_photos:
            raise RunError(f"{self.run.name} has no style encoder, so it takes no style photo")
        photo = _photo(data)
        with explained_runs():
            return _text(self.painter.style_of(torch.from_numpy(photo)))

    def label(self, data: bytes, size: tuple[int, int]) -> np.ndarray:
        """A label map of the middle of a photo, (height, width) uint8, by the workspace's segmenter.

        Raises: PhotoError when it cannot be read; RunError where nothing here finds classes of the run.
        """
        if not self.labeller.is_here:
            raise RunError(f"no segmenter here finds the classes of {self.run.name}. See gauganpipe segmenters")
        return self._as_paintable(self.labeller.label(middle(_photo(data), size), size))

    def read_map(self, data: bytes, size: tuple[int, int] | None) -> np.ndarray:
        """The ids of a label map in a PNG, of class ids or in the colours of the classes: (height, width) uint8.

        size: what is cut from its middle, None for all of it.    Raises: PhotoError.
        """
        palettes = tuple(dict.fromkeys((self.taxonomy, load_taxonomy("cocostuff"))))
        drawing = images.read_drawing(_Received(data))
        try:
            ids = Meaning(target=self.taxonomy, source=self.taxonomy, palettes=palettes).read(drawing)
        except PhotoError as error:
            raise PhotoError(f"the map {error}") from None
        demand_size(width=ids.shape[1], height=ids.shape[0])
        if size is not None and size != ids.shape:
            ids = nearest(middle(ids, size), size)
        return self._as_paintable(ids)

    def write_map(self, ids: np.ndarray, *, colours: bool) -> bytes:
        """The map as a PNG of class ids: grey, or indexed and shown in the colours of the classes.

        ids: (H, W) uint8.    Raises: RunError when it holds what is no class.
        """
        self._demand_classes(ids)
        return images.encode_labels(ids, self.taxonomy.palette) if colours else images.encode_grey(ids)

    def _measure(self, labels: np.ndarray, precision: str) -> tuple[np.ndarray, float]:
        """The picture, and the seconds that the quickest took."""
        seconds = []
        while len(seconds) < MEASURED and sum(seconds) < MEASURED_SECONDS:
            began = time.perf_counter()
            picture = self._paint(labels, None, precision)
            seconds.append(time.perf_counter() - began)
        return picture, min(seconds)

    def _paint(self, labels: np.ndarray, style: "Tensor | None", precision: str) -> np.ndarray:
        import torch

        maps = [(torch.from_numpy(labels.copy()), None)]
        (picture,) = self.painter.paint_all(maps, [style], precision=precision)
        return picture.numpy()

    def _vector(self, text: str, name: str) -> "Tensor | None":
        import torch

        from gaugan.generate import LARGEST_STYLE

        kind, _, rest = text.partition(":")
        if kind == "seed" and rest.isascii() and rest.isdigit() and len(rest) < 19:
            return self.painter.style(int(rest))
        if kind != "vector":
            raise RunError(f"{name} is '{text[:40]}', expected seed:N or vector:BASE64URL")
        like = self.painter.style()
        if like is None:
            raise RunError(f"{self.run.name} has no styles, so it takes no vector. Leave it out, or say seed:0")
        try:
            numbers = np.frombuffer(
                base64.b64decode(rest + "=" * (-len(rest) % 4), altchars=b"-_", validate=True), "<f4"
            )
        except (binascii.Error, ValueError):
            raise RunError(f"{name} is no base64url of float32 numbers. Take one that /api/style gave") from None
        if len(numbers) != len(like):
            raise RunError(f"{name} has {len(numbers)} numbers, expected {len(like)}")
        wrong = numbers[~(np.abs(numbers) <= LARGEST_STYLE)]  # whatever is no number among them
        if len(wrong):
            raise RunError(
                f"{name} holds {wrong[0]:g}, expected numbers from -{LARGEST_STYLE:,.0f} to {LARGEST_STYLE:,.0f}"
            )
        return torch.from_numpy(numbers.astype(np.float32))

    def _demand_classes(self, ids: np.ndarray) -> None:
        wrong = (ids >= self.painter.classes) & (ids != UNKNOWN)
        if wrong.any():
            y, x = divmod(int(wrong.argmax()), ids.shape[1])
            raise RunError(
                f"the map has the id {ids[y, x]} at x={x}, y={y}. The classes of {self.run.name} are "
                f"0..{self.painter.classes - 1}, and {UNKNOWN} is unknown"
            )

    def _as_paintable(self, ids: np.ndarray) -> np.ndarray:
        """Where the run knows no unknown pixels, these become the class that most others have."""
        is_unknown = ids == UNKNOWN
        if self.painter.unknown or not is_unknown.any():
            return ids
        counts = np.bincount(ids[~is_unknown], minlength=1)
        return np.where(is_unknown, np.uint8(counts.argmax()), ids)


def _text(style: "Tensor") -> str:
    return "vector:" + base64.urlsafe_b64encode(style.numpy().astype("<f4").tobytes()).decode().rstrip("=")


def _photo(data: bytes) -> np.ndarray:
    """(H, W, 3) uint8 RGB. Raises: PhotoError."""
    try:
        return images.decode_photo(data).pixels
    except PhotoError as error:
        raise PhotoError(f"the photo {error}") from None


@dataclass(frozen=True)
class _Received:
    """Bytes that were sent, read as a file is."""

    data: bytes
    name = "the map"

    def read_bytes(self) -> bytes:
        return self.data


def open_model(run: Path, workspace: Workspace) -> Model:
    """Loads a run. Raises: RunError when it has no checkpoint, or one that cannot be read."""
    painter, weights = open_painter(run)
    return Model(painter, weights=weights, run=run, workspace=workspace)
