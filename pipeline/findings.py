"""Which photos break which rule, and which belong together: counted, named, and laid out on contact sheets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline import images
from pipeline.classes import Taxonomy
from pipeline.curate import belongs, rank
from pipeline.errors import PhotoError
from pipeline.rows import OK, REJECTED, Row
from pipeline.rules import MIN_SIDE, ONE_A_GROUP, RULES, Rule, find_numbers
from pipeline.sheets import contact_sheet
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

NAMED = 3
"""So many photos of a rule, the worst ones, are named."""
SHOWN, ACROSS, TILE_PX = 64, 8, 192
"""Photos on a contact sheet at most, and side by side; the side of each."""
CAPTION_LETTERS = 24
"""What fits above a photo; of a longer name the end is shown."""


@dataclass(frozen=True, kw_only=True)
class Breaking:
    """A photo that breaks a rule, and the number that the rule looked at."""

    row: Row
    value: float


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The same in words of the user's: what the photo is called."""

    id: str
    name: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A rule and how many photos break it, whatever others they break.    limit: None where it is switched off."""

    rule: str
    asks: str
    limit: float | None
    photos: int = 0
    worst: list[Shown] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Photos that belong together, and the name of the one that stays where one alone is kept."""

    group: str
    photos: int
    stays: str


def is_judged(row: Row) -> bool:
    """Whether the rules have a say: the photo is there, has not failed, and the user has said nothing of it."""
    rules = (ONE_A_GROUP, *(rule.name for rule in RULES if rule is not MIN_SIDE))
    return bool(row.file_name) and not row.keep and (row.status == OK or (row.status == REJECTED and row.rule in rules))


def find_breaking(rows: Iterable[Row], taxonomy: Taxonomy, rules: Sequence[Rule]) -> dict[str, list[Breaking]]:
    """Name of a rule -> the rows that break it, the worst first; ingest's own rule is left out."""
    breaking: dict[str, list[Breaking]] = {rule.name: [] for rule in rules if rule is not MIN_SIDE}
    for row in rows:
        numbers = find_numbers(row, taxonomy, rules=rules)
        for rule in rules:
            if rule.name in breaking and rule.name in numbers and rule.is_broken_by(numbers[rule.name]):
                breaking[rule.name].append(Breaking(row=row, value=numbers[rule.name]))
    return {rule.name: sorted(breaking[rule.name], key=_badness(rule)) for rule in rules if rule.name in breaking}


def find_groups(rows: Iterable[Row]) -> list[list[Row]]:
    """The groups of several photos, the largest first; in each, first the photo that stays where one alone is kept."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if belongs(row):
            groups.setdefault(row.group, []).append(row)
    several = [sorted(members, key=rank) for members in groups.values() if len(members) > 1]
    return sorted(several, key=lambda members: (-len(members), members[0].group))


def name_broken(breaking: Mapping[str, Sequence[Breaking]], rules: Sequence[Rule]) -> list[Broken]:
    """All the rules, in their order.    rules: those that hold; the others are switched off."""
    held = {rule.name: rule for rule in rules}
    broken = []
    for rule in RULES:
        if rule.name in breaking:
            found = breaking[rule.name]
            worst = [Shown(id=one.row.id, name=one.row.original_name, value=one.value) for one in found[:NAMED]]
            said = {"asks": held[rule.name].sentence, "limit": held[rule.name].limit}
            broken.append(Broken(rule=rule.name, **said, photos=len(found), worst=worst))
        elif rule is not MIN_SIDE:
            broken.append(Broken(rule=rule.name, asks=rule.sentence, limit=None))
    return broken


def write_sheets(
    workspace: Workspace,
    folder: Path,
    breaking: Mapping[str, Sequence[Breaking]],
    groups: Sequence[Sequence[Row]],
    *,
    on_unreadable: Callable[[str], None],
) -> list[Path]:
    """Writes RULE.jpg for each rule that is broken, the worst photos first, and groups.jpg, a line a group.

    on_unreadable: told in a sentence of a photo that cannot be shown.    Returns the files.
    """
    shown = {
        name: _in_lines([(f"{one.value:g}", one.row) for one in found[:SHOWN]]) for name, found in breaking.items()
    }
    shown["groups"] = [
        [("stays" if row is members[0] else "", row) for row in members[:ACROSS]]
        for members in groups[: SHOWN // ACROSS]
    ]
    paths = []
    for name, lines in shown.items():
        if sheet := [line for line in (_line(workspace, one, on_unreadable) for one in lines) if line is not None]:
            paths.append(folder / f"{name}.jpg")
            with explained_disk_errors():
                write_atomically(paths[-1], images.encode_photo(np.concatenate(sheet)))
    return paths


def _badness(rule: Rule) -> Callable[[Breaking], tuple[float, str]]:
    """What sorts the photos that break a rule, the worst first."""
    sign = 1 if rule.least is not None else -1
    return lambda one: (sign * one.value, one.row.id)


def _in_lines(captioned: list[tuple[str, Row]]) -> list[list[tuple[str, Row]]]:
    return [captioned[start : start + ACROSS] for start in range(0, len(captioned), ACROSS)]


def _line(
    workspace: Workspace, captioned: Sequence[tuple[str, Row]], on_unreadable: Callable[[str], None]
) -> np.ndarray | None:
    """Photos side by side with their captions, as wide as all other lines; None where no photo can be read."""
    pictures, captions = [], []
    for caption, row in captioned:
        try:
            pictures.append(images.read_photo_for(workspace.resolve(row.file_name), TILE_PX)[0])
        except PhotoError as error:
            on_unreadable(f"{row.original_name} {error}")
            continue
        room = CAPTION_LETTERS - len(caption) - 1
        name = row.original_name if len(row.original_name) <= room else f"…{row.original_name[1 - room :]}"
        captions.append(f"{caption} {name}")
    captions += [""] * (ACROSS - len(captions))
    return contact_sheet([pictures], titles=captions, tile_px=TILE_PX) if pictures else None
