"""What a workspace is told once and keeps: sizes of photos, taxonomy, segmenter, how it labels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.classes import entries_of, load_taxonomy
from pipeline.console import Console
from pipeline.errors import SegmenterError, WorkspaceError
from pipeline.images import read_photo
from pipeline.ingest import MAX_SIDE_PX, MIN_SIDE_PX
from pipeline.manifest import About, Manifest
from pipeline.rows import GIVEN, Row
from pipeline.segmenters.numerics import fastest_numerics
from pipeline.segmenters.registry import DEFAULT, from_any_folder, is_here, open_segmenter
from pipeline.segmenters.segmenter import QUALITIES, Options, Segmenter
from pipeline.segmenters.weights import OnBytes

MEASURED_PHOTOS = 3
"""Photos on which the quickest way of computing is found."""

DEFAULTS: Mapping[str, Any] = {
    "min_side_px": MIN_SIDE_PX,
    "max_side_px": MAX_SIDE_PX,
    "quality": Options.quality,
    "unknown_below": Options.unknown_below,
    "smallest_share": Options.smallest_share,
    "refine": Options.refine,
    "instances": "",
    "keep_confidences": Options.keep_confidences,
    "keep_raw": Options.keep_raw,
    "keep_all": False,
}
"""What holds where neither this command nor an earlier one said anything."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What `label` is asked for beside its source. None, or nothing, means what the workspace was told last.

    segmenter: how the registry names it.    taxonomy: the name of one that ships, or a CSV file.
    min_side_px, max_side_px: photos that are shorter are rejected, those that are longer are shrunk.
    keep_all: no rule rejects a photo.    instances: beside the maps of `maps:`.
    accept_license: weights may be used that are for non-commercial use only.
    redo, only_failed, limit: which rows are labelled: done ones too, only those that failed, so many at most.
    The rest is explained with `Options`.
    """

    segmenter: str = ""
    taxonomy: str = ""
    min_side_px: int | None = None
    max_side_px: int | None = None
    quality: str | None = None
    unknown_below: float | None = None
    smallest_share: float | None = None
    refine: bool | None = None
    instances: str | None = None
    keep_confidences: bool | None = None
    keep_raw: bool | None = None
    keep_all: bool | None = None
    accept_license: bool = False
    redo: bool = False
    only_failed: bool = False
    limit: int | None = None


def decide(about: About, asked: Asked) -> About:
    """What the workspace says after this command.

    Raises: SegmenterError when the quality is none; GauganpipeError when the taxonomy is none.
    """
    if asked.quality is not None and asked.quality not in QUALITIES:
        raise SegmenterError(f"there is no quality '{asked.quality}'. Take one of {', '.join(QUALITIES)}")
    said = {name: getattr(asked, name) for name in DEFAULTS if getattr(asked, name) is not None}
    if asked.instances:
        said["instances"] = str(Path(asked.instances).expanduser().resolve())
    kept = {**about.parameters.get("label", {}), **{name: str(value) for name, value in said.items()}}
    segmenter = from_any_folder(asked.segmenter) if asked.segmenter else about.segmenter
    about = replace(about, segmenter=segmenter, parameters={**about.parameters, "label": kept})
    if not asked.taxonomy:
        return about
    taxonomy = load_taxonomy(asked.taxonomy)
    return replace(about, taxonomy=taxonomy.name, classes=entries_of(taxonomy))


def value(about: About, name: str) -> Any:
    """One of DEFAULTS as the workspace says it, else the default."""
    default, said = DEFAULTS[name], about.parameters.get("label", {}).get(name)
    if said is None:
        return default
    return said == "True" if isinstance(default, bool) else type(default)(said)


def options(about: About) -> Options:
    instances = value(about, "instances")
    names = ("quality", "unknown_below", "smallest_share", "refine", "keep_confidences", "keep_raw")
    return Options(instances=Path(instances) if instances else None, **{name: value(about, name) for name in names})


def open_chosen(manifest: Manifest, asked: Asked, console: Console, *, brings_photos: bool) -> Segmenter | None:
    """The segmenter that is named, or the workspace's own, or the default; None where no photo waits for one.

    Opened before any photo is taken in, so that a wrong name costs no time.
    brings_photos: whether the source has photos without label maps.
    """
    is_needed = brings_photos or any(is_waiting(row) for row in manifest.rows.values())
    is_first = not manifest.about.segmenter
    if is_first and not is_needed:
        return None
    try:
        with console.transfer() as on_bytes:
            segmenter = _open(manifest, asked, on_bytes)
    except SegmenterError as error:
        if is_needed or asked.segmenter or asked.redo:
            raise
        console.note(f"{error}. No photo waits for it, so the label maps stay as they are")
        return None
    if is_first:
        console.note(f"labelling with {DEFAULT}, which works everywhere. Others know more: gauganpipe segmenters")
    said = {"digest": segmenter.digest, "license": segmenter.license}
    spec = manifest.about.segmenter or DEFAULT
    manifest.choose(segmenter=spec, models={**manifest.about.models, segmenter.name: said})
    missing = [name for name in manifest.taxonomy.names if name not in segmenter.reached]
    if missing:
        console.note(f"{segmenter.name} knows no {', '.join(missing)}: no pixel will be labelled so")
    return segmenter


def open_without_download(manifest: Manifest, asked: Asked) -> Segmenter | None:
    """The same segmenter as it would label now; None when its weights are not here yet. Writes nothing."""
    if not is_here(manifest.about.segmenter or DEFAULT, manifest.workspace.weights):
        return None
    segmenter = _open(manifest, asked)
    numerics = _kept_numerics(manifest.about, segmenter)
    return segmenter.computing(numerics) if numerics else segmenter


def with_numerics(manifest: Manifest, segmenter: Segmenter, console: Console) -> Segmenter:
    """The segmenter computing in the way that is the quickest here: measured once, then kept."""
    if not segmenter.numerics_choices:
        return segmenter
    numerics = _kept_numerics(manifest.about, segmenter)
    if not numerics:
        rows = sorted((row for row in manifest.rows.values() if row.file_name), key=lambda row: row.id)
        paths = [manifest.workspace.resolve(row.file_name) for row in rows[:MEASURED_PHOTOS]]
        if not paths:
            return segmenter
        numerics = fastest_numerics(segmenter, [read_photo(path) for path in paths])
        console.note(f"{segmenter.name} computes in {numerics} here")
        kept = {**manifest.about.parameters.get("numerics", {}), _weights_of(segmenter): numerics}
        manifest.choose(parameters={**manifest.about.parameters, "numerics": kept})
    return segmenter.computing(numerics)


def _open(manifest: Manifest, asked: Asked, on_bytes: OnBytes | None = None) -> Segmenter:
    return open_segmenter(
        manifest.about.segmenter or DEFAULT,
        taxonomy=manifest.taxonomy,
        weights_folder=manifest.workspace.weights,
        on_bytes=on_bytes,
        options=options(manifest.about),
        accept_license=asked.accept_license,
    )


def _kept_numerics(about: About, segmenter: Segmenter) -> str:
    """How a segmenter was found to compute here; "" when nobody has measured it."""
    kept = about.parameters.get("numerics", {}).get(_weights_of(segmenter), "")
    return kept if kept in segmenter.numerics_choices else ""


def _weights_of(segmenter: Segmenter) -> str:
    return f"{segmenter.name} {segmenter.digest}".strip()


def is_waiting(row: Row) -> bool:
    """Whether a row has a photo that a segmenter should label."""
    return bool(row.file_name) and row.keep != "no" and not row.label_file_name


def refuse_other_classes(manifest: Manifest, about: About) -> None:
    """Raises: WorkspaceError when label maps came with their photos, in other classes than those that are asked for."""
    given = sum(row.keys.get("label") == GIVEN for row in manifest.rows.values())
    if given and about.taxonomy != manifest.about.taxonomy:
        raise WorkspaceError(
            f"{given:,} label maps came with their photos and speak {manifest.about.taxonomy}, so the taxonomy cannot "
            f"become {about.taxonomy}. Begin another workspace with -C"
        )
