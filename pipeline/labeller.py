"""The segmenter that a workspace labels with: opened, and computing in the way that is the quickest here."""

import contextlib
from dataclasses import replace
from typing import Any

from pipeline import preferences
from pipeline.console import Console
from pipeline.errors import PhotoError, SegmenterError
from pipeline.manifest import About, Manifest
from pipeline.preferences import Asked
from pipeline.segmenters.numerics import fastest_numerics
from pipeline.segmenters.registry import DEFAULT, open_segmenter
from pipeline.segmenters.segmenter import Segmenter
from pipeline.stages.label import Label
from pipeline.workspace import Workspace

MEASURED_PHOTOS = 3
"""Photos on which the quickest way of computing is found."""


def open_chosen(
    workspace: Workspace, about: About, asked: Asked, console: Console, *, is_needed: bool
) -> Segmenter | None:
    """The segmenter that `about` names, or else the default; its weights are downloaded if they are not here.

    is_needed: whether a photo waits for it. Where none does, the default that nobody chose is None; so is, with a note,
    one that cannot be opened and was not asked for by name just now.

    Raises: SegmenterError when there is none of that name or it cannot be used; WorkspaceError when the disk is full.
    """
    if not is_needed and not about.segmenter:
        return None
    try:
        segmenter = _open(workspace, about, asked, console)
    except SegmenterError as error:
        if is_needed or asked.segmenter:
            raise
        console.note(f"{error}. No photo waits for it, so the label maps stay as they are")
        return None
    if not about.segmenter:
        console.note(f"labelling with {DEFAULT}, which works everywhere. Others know more: gauganpipe segmenters")
    missing = [name for name in about.as_taxonomy().names if name not in segmenter.reached]
    if missing:
        console.note(f"{segmenter.name} knows no {', '.join(missing)}: no pixel will be labelled so")
    return segmenter


def named(about: About, segmenter: Segmenter) -> About:
    """What the workspace says once this segmenter is the one that labels its photos."""
    said = {"digest": segmenter.digest, "license": segmenter.license}
    return replace(about, segmenter=about.segmenter or DEFAULT, models={**about.models, segmenter.name: said})


def with_kept_numerics(about: About, segmenter: Segmenter) -> Segmenter:
    """The segmenter computing as it was found to be the quickest here; as it is where nobody has measured it."""
    numerics = _kept_numerics(about, segmenter)
    return segmenter.computing(numerics) if numerics else segmenter


def with_numerics(manifest: Manifest, segmenter: Segmenter, console: Console) -> Segmenter:
    """The segmenter computing in the way that is the quickest here: measured once, then kept.

    Where there is no photo to measure it on, it stays as it is, and the next command measures.
    """
    if segmenter.numerics_choices and not _kept_numerics(manifest.about, segmenter):
        prepared = _prepare_few(manifest, segmenter)
        if prepared:
            numerics = fastest_numerics(segmenter, prepared)
            console.note(f"{segmenter.name} computes in {numerics} here")
            kept = {**manifest.about.parameters.get("numerics", {}), _weights_of(segmenter): numerics}
            manifest.choose(parameters={**manifest.about.parameters, "numerics": kept})
    return with_kept_numerics(manifest.about, segmenter)


def _open(workspace: Workspace, about: About, asked: Asked, console: Console) -> Segmenter:
    with console.transfer() as on_bytes:
        return open_segmenter(
            about.segmenter or DEFAULT,
            taxonomy=about.as_taxonomy(),
            weights_folder=workspace.weights,
            on_bytes=on_bytes,
            options=preferences.options(about),
            accept_license=asked.accept_license,
        )


def _prepare_few(manifest: Manifest, segmenter: Segmenter) -> list[Any]:
    """A few photos as the label stage hands them to the segmenter.

    Those that cannot be labelled are passed over: when their turn comes, the stage says why.
    """
    stage = Label(workspace=manifest.workspace, taxonomy=manifest.taxonomy, segmenter=segmenter)
    prepared: list[Any] = []
    for row in sorted(manifest.rows.values(), key=lambda row: row.id):
        if row.file_name and len(prepared) < MEASURED_PHOTOS:
            with contextlib.suppress(PhotoError):
                prepared.append(stage.read(row))
    return prepared


def _kept_numerics(about: About, segmenter: Segmenter) -> str:
    """How a segmenter was found to compute here; "" when nobody has measured it."""
    kept = about.parameters.get("numerics", {}).get(_weights_of(segmenter), "")
    return kept if kept in segmenter.numerics_choices else ""


def _weights_of(segmenter: Segmenter) -> str:
    return f"{segmenter.name} {segmenter.digest}".strip()
