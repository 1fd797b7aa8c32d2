"""Door to gaugan: a model that was trained elsewhere -> a run that paints."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.classes import Taxonomy, entries_of, load_taxonomy, plain_taxonomy
from pipeline.console import Console
from pipeline.errors import GauganpipeError, RunError
from pipeline.manifest import Manifest
from pipeline.run_folders import ORIGIN, explained_runs, is_imported, new_run_folder, write_beginning, write_log
from pipeline.segmenters.weights import sha256_of
from pipeline.workspace import Workspace, write_atomically

if TYPE_CHECKING:
    from gaugan.spade.reference import Assembled
    from gaugan.spade.reference_files import Weights

NAME = "imported"


@dataclass(frozen=True, kw_only=True)
class Importing:
    """What `model import` is asked for.

    files: of the reference: a generator and, where there are, its discriminator and style encoder.
    crop_size, aspect: width of its pictures in pixels, and width by height.
    upsampling: normal, more or most; empty means what the files say. edges: its last channel stands for edges.
    unknown, unknown_first: its last channel but edges, or its first, stands for unknown pixels.
    classes: a taxonomy's name, or a CSV file; empty gives plain names.
    """

    files: tuple[Path, ...]
    crop_size: int
    aspect: float = 1.0
    upsampling: str = ""
    edges: bool = False
    unknown: bool = False
    unknown_first: bool = False
    classes: str = ""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A run as `model import` leaves it. network: what it is, by the words of the settings."""

    folder: Path
    was_there: bool
    network: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Model:
    """What the files hold.    origin: what is written down of where it comes from."""

    assembled: "Assembled"
    taxonomy: Taxonomy
    origin: dict[str, Any]


@explained_runs()
def import_model(workspace: Workspace, asked: Importing, *, console: Console) -> Imported:
    """Makes a run of files of the reference; a run that was made of the same stays the only one.

    Raises: GauganpipeError when the files do not fit, and then nothing is written.
    """
    model = _read(asked)
    console.note(_sentence(model))
    for line in _remarks(model, asked):
        console.note(line)
    folder = _same_run(workspace, model)
    if folder:
        console.note(f"{folder} is this model already")
    written = folder or new_run_folder(workspace, NAME, lambda part: _write(part, model))
    paint = f"gauganpipe generate MAP.png --run {shlex.quote(str(written))}" + " --instances DIR" * asked.edges
    console.note(f"next: {workspace.from_here(paint)}")
    return Imported(folder=written, was_there=folder is not None, network=_facts(model))


@explained_runs()
def plan(workspace: Workspace, asked: Importing) -> list[str]:
    """What `import_model` would make, one fact a line; writes nothing."""
    model = _read(asked)
    known = _same_run(workspace, model)
    what = f"would make nothing, {known} is this model already" if known else f"would make a run in {workspace.runs}"
    return [what, *(f"{name} = {value!r}" for name, value in _facts(model).items()), *_remarks(model, asked)]


def _read(asked: Importing) -> _Model:
    """The model in the files, and its classes. Raises: GauganpipeError."""
    from gaugan.spade import reference, reference_files

    unknown = "first" if asked.unknown_first else "last" if asked.unknown else "none"
    files = reference_files.read_networks(asked.files)
    assembled = reference.assemble(
        files,
        reference.Asked(
            crop_size=asked.crop_size,
            aspect=asked.aspect,
            upsampling=asked.upsampling or None,
            unknown=unknown,
            edges=asked.edges,
        ),
    )
    taxonomy = _taxonomy(asked, files["generator"], assembled.about.classes)
    named = {kind: {"name": one.path.name, "sha256": sha256_of(one.path)} for kind, one in files.items()}
    return _Model(assembled=assembled, taxonomy=taxonomy, origin={"files": named, "unknown": unknown})


def _taxonomy(asked: Importing, generator: "Weights", classes: int) -> Taxonomy:
    if not asked.classes:
        return plain_taxonomy(classes)
    taxonomy = load_taxonomy(asked.classes)
    if len(taxonomy) != classes:
        told = {"unknown": asked.unknown or asked.unknown_first, "edges": asked.edges}
        others = [word for word, is_told in told.items() if is_told]
        beside = f", beside {' and '.join(others)}" if others else ""
        raise GauganpipeError(
            f"{asked.classes} has {len(taxonomy)} classes, and {generator.path} has {classes}{beside}. "
            "Name its own table, or say with --unknown and --edges what its last channels are"
        )
    return taxonomy


def _facts(model: _Model) -> dict[str, Any]:
    """What the network is, as a person would check it."""
    about, settings = model.assembled.about, model.assembled.about.settings
    height, width = settings.data.crop
    said = {"classes": about.classes, "unknown": about.unknown, "edges": about.edges, "picture": f"{width}x{height}"}
    names = ["width", "upsampling", "norm", "kernel_size", "spectral", "style_encoder"]
    names += ["style_size"] * settings.model.style_encoder
    if model.assembled.discriminator is not None:
        names += ["discriminator_width", "discriminator_layers", "discriminator_norm", "scales"]
    return said | {name: getattr(settings.model, name) for name in names}


def _sentence(model: _Model) -> str:
    """What the network is, in a line."""
    facts, files = _facts(model), model.origin["files"]
    beside = [f", {word}" for word in ("unknown", "edges") if facts[word]]
    return (
        f"{', '.join(file['name'] for file in files.values())}: {facts['classes']} classes{''.join(beside)}; "
        f"pictures of {facts['picture']} px; width {facts['width']}, upsampling {facts['upsampling']}, "
        f"{facts['norm']} normalisation, {'a' if facts['style_encoder'] else 'no'} style"
    )


def _remarks(model: _Model, asked: Importing) -> list[str]:
    """What a person should know who did not ask."""
    about, files = model.assembled.about, model.origin["files"]
    (height, width), size = about.settings.data.crop, (round(asked.crop_size / asked.aspect), asked.crop_size)
    lines = []
    is_told = asked.upsampling or about.settings.model.style_encoder
    if not is_told and about.settings.model.upsampling == "normal":
        lines.append(
            "the files fit --upsampling normal and more alike; taken for normal, the reference's default. "
            "The wrong one paints nonsense"
        )
    if (height, width) != size:
        lines.append(f"such a network paints {width}x{height} px where its crops are {size[1]}x{size[0]}")
    if "encoder" in about.missing:
        lines.append("no style encoder (latest_net_E.pth) was named: styles are drawn, and no photo can give one")
    if "discriminator" in about.missing and "discriminator" in files:
        lines.append(
            f"{files['discriminator']['name']} is left out: spectral normalisation in one of generator and "
            "discriminator alone is nothing that can be trained here"
        )
    return lines


def _same_run(workspace: Workspace, model: _Model) -> Path | None:
    """The run that was made of the same files, told the same."""
    from gaugan import checkpoint, config

    settings, digests = config.dumps(model.assembled.about.settings), _digests(model.origin)
    for folder in filter(is_imported, workspace.run_folders()):
        is_same = (
            checkpoint.latest(folder) is not None
            and _digests(_read_origin(folder)) == digests
            and (folder / "config.toml").read_text(encoding="utf-8") == settings
        )
        if is_same and entries_of(Manifest(Workspace(root=folder)).taxonomy) == entries_of(model.taxonomy):
            return folder
    return None


def _read_origin(folder: Path) -> dict[str, Any]:
    """Raises: RunError when the file was damaged."""
    path = folder / ORIGIN
    try:
        origin = json.loads(path.read_text(encoding="utf-8"))
        _digests(origin)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RunError(f"{path} is damaged. Move {folder} away, and import it again") from None
    return origin


def _digests(origin: dict[str, Any]) -> Sequence[Any]:
    """An origin without the names of its files."""
    return origin["unknown"], {kind: file["sha256"] for kind, file in origin["files"].items()}


def _write(folder: Path, model: _Model) -> None:
    """The run: what every run begins with, where it comes from, and its one checkpoint."""
    from gaugan import checkpoint

    assembled = model.assembled
    manifest = Manifest(Workspace(root=folder))
    manifest.about = replace(manifest.about, taxonomy=model.taxonomy.name, classes=entries_of(model.taxonomy))
    write_beginning(folder, assembled.about.settings, manifest)
    write_atomically(folder / ORIGIN, (json.dumps(model.origin, indent=2) + "\n").encode())
    files = [f"{kind} {file['name']} (sha256 {file['sha256']})" for kind, file in model.origin["files"].items()]
    write_log(folder, f"imported from files of the reference implementation of SPADE: {', '.join(files)}")

    painter = assembled.painter
    networks = {"generator": painter.generator, "encoder": painter.encoder, "discriminator": assembled.discriminator}
    checkpoint.save(
        folder,
        about=assembled.about,
        networks={name: network for name, network in networks.items() if network is not None},
        optimizers={},  # the reference keeps no memory of them
        averaged=painter,
        keep=1,
    )
