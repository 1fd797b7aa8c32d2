"""The segmenters that can be asked for, and the one place that opens them."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.classes import Taxonomy, load_taxonomy, vocabulary_names
from pipeline.errors import SegmenterError
from pipeline.segmenters import choices, hub, weights
from pipeline.segmenters.choices import CHOICES, DEFAULT, OVERLAY, Choice
from pipeline.segmenters.names import NAMES_FILE
from pipeline.segmenters.segmenter import Options, Segmenter

if TYPE_CHECKING:
    from pipeline.segmenters.looks import Look
    from pipeline.segmenters.network import Network

PATHS = ("torch", "maps", "smp", "hf")
"""What may stand before a colon; after it stands a path, or for `HUBS` a repository."""
HUBS = {"smp": "smp", "hf": "transformers"}
"""Those that mean a folder or a repository of the hub -> the family that opens it."""
FILES = {"smp": hub.SMP_FILES, "hf": hub.TRANSFORMERS_FILES}
EXTRA_NEEDS = {"segmenters": ("transformers", "scipy")}
COLUMNS = "{:<25}{:<12}{:<12}{:<29}{:>8}  {}"
MOST_MISSING = 12
"""So many of the classes that a segmenter cannot find are listed by name."""


def describe(weights_folder: Path | None = None, *, taxonomy: Taxonomy | None = None) -> list[Choice]:
    """The choices, each with the classes of the taxonomy that it finds and whether its weights are in the folder.

    taxonomy: `landscape` if None.
    """
    taxonomy = taxonomy or load_taxonomy()
    return [choices.filled_in(choice, weights_folder, taxonomy) for choice in CHOICES]


def as_lines(described: Sequence[Choice]) -> list[str]:
    """The choices as a person reads them, in less than 100 columns."""
    lines = [COLUMNS.format("name", "classes", "instances", "licence of the weights", "size", "here")]
    for one in described:
        known = len(one.reached)
        size = f"{one.size_mb} MB" if one.size_mb else "-"
        classes = "its own" if one.is_open else f"{known} of {known + len(one.missing)}"
        here = "yes" if one.here else "no"
        lines.append(COLUMNS.format(one.spec, classes, one.instances, one.license, size, here))
        said = [one.what]
        if one.family != "maps":
            said.append("run on its real weights" if one.proven else "never run on its real weights")
        if not one.is_open and not known:
            said.append("finds no class of these" if one.here or one.size_mb else "its weights are missing here")
        elif one.missing:
            more = f" and {len(one.missing) - MOST_MISSING} more" if len(one.missing) > MOST_MISSING else ""
            said.append(f"finds no {', '.join(one.missing[:MOST_MISSING])}{more}")
        if one.extra:
            said.append(f"needs pip install 'gauganpipe[{one.extra}]'")
        lines += textwrap.wrap("; ".join(said), 98, initial_indent="    ", subsequent_indent="    ")
    return lines


def open_segmenter(
    spec: str,
    *,
    taxonomy: Taxonomy,
    weights_folder: Path,
    on_bytes: Callable[[str, int, int | None], None] | None = None,
    options: Options = Options(),  # noqa: B008
    accept_license: bool = False,
) -> Segmenter:
    """The segmenter that a spec names, ready to run: on CUDA if there is a GPU, else on the CPU.

    weights_folder: where downloaded weights are kept.
    on_bytes: called while weights are downloaded: the file's name, the bytes here, and how many there will be or None.
    accept_license: whether weights that may not be used for commerce are fine.

    Raises: SegmenterError when there is none of that name or it cannot be used; WorkspaceError when the disk is full.
    """
    demand_known(spec)
    under, overlaid = _without_overlay(spec)
    kind, colon, rest = under.partition(":")
    if kind == "maps" and colon:
        from pipeline.segmenters.maps import open_maps

        segmenter = open_maps(rest, taxonomy=taxonomy, options=options)
    elif kind == "torch" and colon:
        from pipeline.segmenters.torch_file import open_file

        path = Path(rest).expanduser()
        segmenter = open_file(path, taxonomy=taxonomy, device=_device(), options=options)
    elif kind in HUBS and colon:
        said = {"taxonomy": taxonomy, "options": options, "accept_license": accept_license}
        segmenter = _open_named(under, weights_folder, on_bytes, **said)
    else:
        choice = next(choice for choice in CHOICES if choice.spec == under)
        said = {"taxonomy": taxonomy, "options": options, "accept_license": accept_license}
        segmenter = _open_choice(choice, weights_folder, on_bytes, **said)
    return _overlay(segmenter, weights_folder, on_bytes, taxonomy=taxonomy) if overlaid else segmenter


def demand_known(spec: str) -> None:
    """Raises: SegmenterError when there is no segmenter of that name, no such file or folder, or no such extra."""
    under, _ = _without_overlay(spec)
    kind, colon, rest = under.partition(":")
    if colon and not rest and kind in PATHS:
        shown = next(choice.spec for choice in CHOICES if choice.spec.startswith(under))
        raise SegmenterError(f"the segmenter '{spec}' names nothing after its colon. Write it as {shown}")
    if kind in PATHS and rest:
        path, _ = _split(kind, rest)
        if not path.exists() and not (kind in HUBS and hub.is_name(rest)):
            raise SegmenterError(f"there is nothing at {path}. Check the path after {kind}:")
        family = next(choice for choice in CHOICES if choice.spec.startswith(f"{kind}:"))
    else:
        family = next((choice for choice in CHOICES if choice.spec == under and choice.family != "overlay"), None)
    if family is None:
        raise SegmenterError(f"there is no segmenter '{spec}'. {_nearest(under)}see gauganpipe segmenters")
    _demand_extra(family.extra, spec)


def from_any_folder(spec: str) -> str:
    """The spec with its path made absolute, so that it means the same wherever a later command is typed."""
    under, overlaid = _without_overlay(spec)
    kind, _, rest = under.partition(":")
    if kind not in PATHS or not rest:
        return spec
    path, rule = _split(kind, rest)
    if kind in HUBS and not path.exists() and hub.is_name(rest):
        return spec
    return f"{kind}:{path.resolve()}{rule}{OVERLAY if overlaid else ''}"


def takes_instances(spec: str) -> bool:
    """Whether things that the user has told apart can be given with it: they belong to label maps of the user's."""
    return _without_overlay(spec)[0].startswith("maps:")


def is_here(spec: str, weights_folder: Path) -> bool:
    """Whether a segmenter can be opened without a download."""
    under, overlaid = _without_overlay(spec)
    kind, colon, rest = under.partition(":")
    if overlaid and not (weights_folder / choices.MASKRCNN.file_name).is_file():
        return False
    if kind in HUBS and colon and not Path(rest).expanduser().exists():
        return hub.is_name(rest) and hub.is_here(hub.parse(rest, FILES[kind]), weights_folder)
    return all(choices.is_here(choice, weights_folder) for choice in CHOICES if choice.spec == under)


def _open_choice(
    choice: Choice,
    weights_folder: Path,
    on_bytes: weights.OnBytes | None,
    *,
    taxonomy: Taxonomy,
    options: Options,
    accept_license: bool,
) -> Segmenter:
    """One of the choices that names its weights itself."""
    if choice.repository:
        choices.refuse_unlicensed(choice.spec, choice.repository.id, is_accepted=accept_license)
    names = vocabulary_names(choice.vocabulary) if choice.vocabulary else choices.embedded_names()
    said = {"name": choice.spec, "license": choice.license, "taxonomy": taxonomy, "options": options}
    if choice.family in ("embedded", "torch"):
        from pipeline.segmenters.torch_file import open_file

        path = weights.fetch(choice.pin, weights_folder, on_bytes) if choice.pin else _embedded_weights()
        return open_file(path, names=names, device=_device(), **said)
    if choice.family == "torchvision":
        from pipeline.segmenters.torchvision_models import open_deeplabv3

        _demand_classes(choice, taxonomy)
        path = weights.fetch(choice.pin, weights_folder, on_bytes)
        network = open_deeplabv3(choice.spec, path, names=names, look=choice.look)
        return _ready(network, choice.look, where=choice.spec, digest=weights.sha256_of(path)[:16], **said)
    folder = hub.fetch(choice.repository, weights_folder, on_bytes)
    said |= {"where": choice.spec, "digest": hub.digest(folder, choice.repository.files)}
    said |= {"look": choice.look, "tells_things_apart": choice.instances == "panoptic"}
    return _open_folder(choice.family, folder, names=names, **said)


def _open_named(
    spec: str,
    weights_folder: Path,
    on_bytes: weights.OnBytes | None,
    *,
    taxonomy: Taxonomy,
    options: Options,
    accept_license: bool,
) -> Segmenter:
    """A network in a folder of the user's, or in a repository of the hub that the user names."""
    kind, _, rest = spec.partition(":")
    files = FILES[kind]
    folder = Path(rest).expanduser()
    name = f"{kind}:{folder.resolve().name}"
    if not folder.exists():
        repository = hub.parse(rest, files)
        choices.refuse_unlicensed(spec, repository.id, is_accepted=accept_license)
        folder, name = hub.fetch(repository, weights_folder, on_bytes), spec
    said = {"name": name, "license": "unknown", "taxonomy": taxonomy, "options": options, "where": str(folder)}
    said |= {"digest": hub.digest(folder, (*files, NAMES_FILE))}
    is_panoptic = kind == "hf" and "panoptic" in name.lower()
    return _open_folder(HUBS[kind], folder, tells_things_apart=is_panoptic, **said)


def _open_folder(
    family: str, folder: Path, *, names: Sequence[str] = (), look: "Look | None" = None, **said: object
) -> Segmenter:
    """A network that one of the two libraries has saved.

    names, look: what is known of it; else the folder says so, as the preprocessor of transformers always does.
    """
    if family == "smp":
        from pipeline.segmenters.smp_hub import open_folder

        network, look = open_folder(folder, names=names, look=look)
    else:
        from pipeline.segmenters.transformers_models import open_folder

        network, look = open_folder(folder, names=names)
    return _ready(network, look, **said)


def _ready(
    network: "Network", look: "Look", *, options: Options, tells_things_apart: bool = False, **said: object
) -> Segmenter:
    """A network as a segmenter.    tells_things_apart: whether each of its proposals of a thing is one."""
    from pipeline.segmenters.network import open_network

    if look.takes_one_size and options.quality == "best":
        # Larger and smaller photos would look the same to it.
        options = replace(options, quality="balanced")
    segmenter = open_network(network, device=_device(), options=options, **said)
    if not tells_things_apart:
        return segmenter
    from pipeline.segmenters.panoptic import PanopticSegmenter

    things = choices.coco_things()
    found = frozenset(index for index, name in enumerate(network.names) if name in things)
    return PanopticSegmenter(semantic=segmenter, thing_outputs=found)


def _overlay(
    under: Segmenter, weights_folder: Path, on_bytes: weights.OnBytes | None, *, taxonomy: Taxonomy
) -> Segmenter:
    from pipeline.segmenters.overlay import over
    from pipeline.segmenters.torchvision_models import maskrcnn_names, open_maskrcnn

    path = weights.fetch(choices.MASKRCNN, weights_folder, on_bytes)
    return over(
        under,
        open_maskrcnn(path),
        names=maskrcnn_names(),
        taxonomy=taxonomy,
        digest=weights.sha256_of(path)[:16],
        license=choices.MASKRCNN.license,
        device=_device(),
    )


def _split(kind: str, rest: str) -> tuple[Path, str]:
    """The path after the colon, and for maps what is said after it of their taxonomy, its file's path made absolute."""
    if kind != "maps":
        return Path(rest).expanduser(), ""
    from pipeline.segmenters.maps import OWN_TAXONOMY, split_spec

    path, taxonomy = split_spec(rest)
    if taxonomy.lower().endswith(".csv"):
        taxonomy = str(Path(taxonomy).expanduser().resolve())
    return path, f"{OWN_TAXONOMY}{taxonomy}" if taxonomy else ""


def _nearest(spec: str) -> str:
    """What a mistyped name may have meant, as the beginning of a sentence."""
    specs = [choice.spec for choice in CHOICES]
    near = [one for one in specs if spec and one.startswith(spec)] or get_close_matches(spec, specs)
    return f"Did you mean {' or '.join(near[:3])}? For all of them " if near else "For what there is "


def _without_overlay(spec: str) -> tuple[str, bool]:
    """What labels the photo, and whether things are pasted over it; a path may end like an overlay and be none."""
    kind, colon, rest = spec.partition(":")
    if not spec.endswith(OVERLAY) or (colon and kind in PATHS and Path(rest).expanduser().exists()):
        return spec, False
    return spec.removesuffix(OVERLAY), True


def _embedded_weights() -> Path:
    if not choices.EMBEDDED_WEIGHTS.is_file():
        raise SegmenterError(
            f"the weights of {DEFAULT} are missing at {choices.EMBEDDED_WEIGHTS}. "
            "Install gauganpipe again, or name another with --segmenter: gauganpipe segmenters"
        )
    return choices.EMBEDDED_WEIGHTS


def _demand_classes(choice: Choice, taxonomy: Taxonomy) -> None:
    """A network that finds nothing is not worth its download."""
    if not choices.filled_in(choice, None, taxonomy).reached:
        raise SegmenterError(
            f"{choice.spec} knows no class of {taxonomy.name}: it was trained on the 21 of Pascal VOC, "
            "which has no sky, water or mountain. Choose another: gauganpipe segmenters"
        )


def _demand_extra(extra: str, spec: str) -> None:
    missing = [name for name in EXTRA_NEEDS.get(extra, ()) if find_spec(name) is None]
    if missing:
        raise SegmenterError(
            f"{spec} needs {' and '.join(missing)}, which is not installed. Run pip install 'gauganpipe[{extra}]'"
        )


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"
