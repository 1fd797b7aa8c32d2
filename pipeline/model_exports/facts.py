"""What is told of an exported model, in its file and on its card: what it is, what it paints, what it was made from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.classes import UNKNOWN, entries_of
from pipeline.errors import RunError
from pipeline.manifest import Manifest
from pipeline.run_choice import AUTO
from pipeline.run_folders import is_imported
from pipeline.run_words import words_of
from pipeline.segmenters.weights import sha256_of
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from gaugan.checkpoint import About

CLASSES = "classes.json"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A model, told to programs.

    version: of gauganpipe.    images_shown: in training.    width, height: pixels of the pictures trained on.
    multiple: to which sides are continued inside.    classes: as dataset.json keeps them.    unknown: the number of
    pixels without a class, or None.    edges: whether it sees them.    style_size: numbers that make a style, or 0.
    settings: of the run, as TOML, its spectral norm folded.    weights_sha256: of the checkpoint's averaged weights.
    """

    version: str
    run: str
    preset: str
    images_shown: int
    width: int
    height: int
    multiple: int
    classes: list[Mapping[str, Any]]
    unknown: int | None
    edges: bool
    style_size: int
    settings: str
    weights_sha256: str

    def as_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    def class_table(self) -> bytes:
        """What stands in CLASSES: what the ids of a label map mean."""
        said = {"unknown": self.unknown, "classes": self.classes}
        return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()


def facts_of(run: Path, best: Path, about: "About") -> Facts:
    """best: the checkpoint that is exported.

    Raises: RunError when the run's class table is not that of its network; ManifestError when it is damaged.
    """
    from gaugan import checkpoint
    from gaugan.config import dumps
    from gaugan.settings import DOUBLINGS

    taxonomy = Manifest(Workspace(root=run)).taxonomy
    if len(taxonomy) != about.classes:
        raise RunError(
            f"{run} has a table of {len(taxonomy)} classes and a network of {about.classes}. Put back the "
            f"{Path('manifests') / 'dataset.json'} that it was trained with"
        )
    model, (height, width) = about.settings.model, about.settings.data.crop
    folded = about.settings.model_copy(update={"model": model.model_copy(update={"spectral": False})})
    return Facts(
        version=version("gauganpipe"),
        run=run.resolve().name,
        preset=_preset(run),
        images_shown=about.images_shown,
        width=width,
        height=height,
        multiple=2 ** DOUBLINGS[model.upsampling],
        classes=entries_of(taxonomy),
        unknown=UNKNOWN if about.unknown else None,
        edges=about.edges,
        style_size=model.style_size if model.style_encoder else model.noise_size,
        settings=dumps(folded),
        weights_sha256=sha256_of(best / checkpoint.AVERAGED),
    )


def _preset(run: Path) -> str:
    """The name that was typed or, where that was left to us, the one that was chosen, after which the run is called."""
    if is_imported(run):
        return ""
    typed = words_of(run).get("preset", AUTO)
    return run.resolve().name.partition("-")[2] if typed == AUTO else Path(typed).stem
