"""What a workspace is told once and keeps: sizes of photos, taxonomy, segmenter, how it labels, which rules hold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from pipeline.classes import entries_of, load_taxonomy
from pipeline.console import count
from pipeline.errors import GauganpipeError, ManifestError, SegmenterError, WorkspaceError
from pipeline.ingest import MAX_SIDE_PX, MIN_SIDE_PX
from pipeline.manifest import About, Manifest
from pipeline.rows import GIVEN
from pipeline.rules import MIN_SIDE, ONE_A_GROUP, RULES, Rule
from pipeline.segmenters.registry import DEFAULT, from_any_folder, takes_instances
from pipeline.segmenters.segmenter import QUALITIES, Options

PLACE, RULES_PLACE = "label", "curate"
"""Where `About.parameters` keeps it: how photos are taken in and labelled; the rules that were changed."""
OFF, DEFAULT_LIMIT = "off", "default"
"""What a rule can be told instead of a number."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a workspace keeps of how its photos are taken in and labelled; the defaults hold where nobody said anything.

    min_side_px, max_side_px: photos that are shorter are rejected, those that are longer are shrunk.
    keep_all: no rule rejects a photo.    instances: absolute path of what belongs to the maps of `maps:`, "" for none.
    The rest is explained with `Options`.
    """

    min_side_px: int = MIN_SIDE_PX
    max_side_px: int = MAX_SIDE_PX
    quality: str = Options.quality
    unknown_below: float = Options.unknown_below
    smallest_share: float = Options.smallest_share
    refine: bool = Options.refine
    instances: str = ""
    keep_confidences: bool = Options.keep_confidences
    keep_raw: bool = Options.keep_raw
    keep_all: bool = False


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What `label` is told of the workspace, as `Kept` explains it; None, or nothing, means what it was told last.

    segmenter: how the registry names it.    taxonomy: the name of one that ships, or a CSV file.
    accept_license: weights may be used that are for non-commercial use only; this is not kept.
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


def decide(about: About, asked: Asked) -> About:
    """What the workspace says after this command.

    Raises: SegmenterError when the quality is none; GauganpipeError when the taxonomy is none, or when instances are
    named for a segmenter that takes none.
    """
    if asked.quality is not None and asked.quality not in QUALITIES:
        raise SegmenterError(f"there is no quality '{asked.quality}'. Take one of {', '.join(QUALITIES)}")
    segmenter = from_any_folder(asked.segmenter) if asked.segmenter else about.segmenter
    if asked.instances and not takes_instances(segmenter or DEFAULT):
        raise GauganpipeError(
            f"{segmenter or DEFAULT} takes no instances of yours: name the label maps that they belong to, as "
            "--segmenter maps:FOLDER, or leave out --instances"
        )
    said = {one.name: getattr(asked, one.name) for one in fields(Kept)}
    if asked.instances:
        said["instances"] = str(Path(asked.instances).expanduser().resolve())
    now = {name: str(value) for name, value in said.items() if value is not None}
    parameters = {**about.parameters, PLACE: {**about.parameters.get(PLACE, {}), **now}}
    about = replace(about, segmenter=segmenter, parameters=parameters)
    if not asked.taxonomy:
        return about
    taxonomy = load_taxonomy(asked.taxonomy)
    return replace(about, taxonomy=taxonomy.name, classes=entries_of(taxonomy))


def kept(about: About) -> Kept:
    """Raises: ManifestError when dataset.json keeps something that nobody can have said."""
    said = about.parameters.get(PLACE, {})
    return Kept(**{one.name: _read(one.name, said[one.name], one.default) for one in fields(Kept) if one.name in said})


def options(about: About) -> Options:
    """How the workspace's segmenter labels; instances of the user's are for `maps:` alone."""
    now = kept(about)
    said = {one.name: getattr(now, one.name) for one in fields(Options)}
    is_for_maps = takes_instances(about.segmenter or DEFAULT)
    return Options(**{**said, "instances": Path(now.instances) if now.instances and is_for_maps else None})


def decide_rules(about: About, said: Sequence[str], *, one_a_group: bool | None = None) -> About:
    """What the workspace says after a command that changes rules.

    said: of each rule its threshold, as blur=0.3, blur=off or blur=default.
    one_a_group: whether of every group one photo alone is kept; None for what was said last.

    Raises: GauganpipeError where there is no such rule, or no such threshold.
    """
    changed = dict(about.parameters.get(RULES_PLACE, {}))
    for assignment in said:
        name, limit = _read_assignment(assignment)
        changed.pop(name, None)
        if limit != DEFAULT_LIMIT:
            changed[name] = limit
    if one_a_group is not None:
        changed[ONE_A_GROUP] = str(one_a_group)
    others = {place: kept for place, kept in about.parameters.items() if place != RULES_PLACE}
    return replace(about, parameters={**others, RULES_PLACE: changed} if changed else others)


def rules_of(about: About) -> tuple[Rule, ...]:
    """The rules that hold in a workspace, with its own thresholds.

    Raises: ManifestError when dataset.json keeps a threshold that nobody can have said.
    """
    changed = about.parameters.get(RULES_PLACE, {})
    rules = []
    for rule in RULES:
        limit = changed.get(rule.name, DEFAULT_LIMIT)
        if limit == DEFAULT_LIMIT:
            rules.append(rule)
        elif limit != OFF:
            if not _is_limit(limit):
                what = f"{rule.name} of {RULES_PLACE} is '{limit}', expected a number or {OFF}"
                raise ManifestError(f"manifests/dataset.json: {what}")
            rules.append(rule.limited_to(float(limit)))
    return tuple(rules)


def keeps_one_a_group(about: About) -> bool:
    """Whether of near-duplicates and bursts one photo alone is kept."""
    return about.parameters.get(RULES_PLACE, {}).get(ONE_A_GROUP) == str(True)


def refuse_other_classes(manifest: Manifest, about: About) -> None:
    """Label maps that came with their photos, or from a person, keep their ids.

    Raises: WorkspaceError when these would come to mean other classes.
    """
    given = sum(row.keys.get("label") == GIVEN or row.label_reviewed == "yes" for row in manifest.rows.values())
    before, after = manifest.about.as_taxonomy(), about.as_taxonomy()
    if given and after.names[: len(before)] != before.names:
        other = f"another {after.name}" if after.name == before.name else after.name
        raise WorkspaceError(
            f"{count(given, 'label map')} came with the photos or from a person, in the classes of {before.name}, "
            f"so the taxonomy cannot become {other}. Begin another workspace with -C"
        )


def _read_assignment(assignment: str) -> tuple[str, str]:
    """The name of a rule and what it is told."""
    name, sign, limit = (part.strip() for part in assignment.partition("="))
    names = [rule.name for rule in RULES if rule is not MIN_SIDE]
    if name == MIN_SIDE.name:
        raise GauganpipeError(f"the rule {name} is told with --min-side PX of gauganpipe label, not with --rule")
    if name not in names:
        raise GauganpipeError(f"there is no rule '{name}'. The rules are {', '.join(names)}")
    if not sign or not (_is_limit(limit) or limit in (OFF, DEFAULT_LIMIT)):
        said = f"'{limit}'" if limit else "nothing"
        raise GauganpipeError(
            f"the rule {name} is told {said}. Say a number, {OFF} or {DEFAULT_LIMIT}, as --rule {name}=0.5"
        )
    return name, limit


def _is_limit(text: str) -> bool:
    try:
        return math.isfinite(number := float(text)) and number >= 0
    except ValueError:
        return False


def _read(name: str, text: str, default: Any) -> Any:
    """A cell of dataset.json as the type of its default."""
    kind = type(default)
    try:
        value = {"True": True, "False": False}[text] if kind is bool else kind(text)
    except (KeyError, ValueError):
        value = None
    if value is None or (name == "quality" and value not in QUALITIES):
        expected = {bool: "True or False", str: f"one of {', '.join(QUALITIES)}"}.get(kind, "a number")
        raise ManifestError(f"manifests/dataset.json: {name} of {PLACE} is '{text}', expected {expected}")
    return value
