"""`gauganpipe curate`: what each rule would reject and which photos belong together; rejecting and grouping them."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import preferences, splits
from pipeline.console import Console, count
from pipeline.curate import settle, thin
from pipeline.findings import Broken, Group, find_breaking, find_groups, is_judged, name_broken, write_sheets
from pipeline.manifest import About, Manifest, demand, read, writing
from pipeline.report import next_command
from pipeline.rows import OK, REJECTED, Row
from pipeline.rules import judge
from pipeline.workspace import Workspace

GROUPS_NAMED = 3
"""So many groups, the largest ones, are named."""


@dataclass(frozen=True, kw_only=True)
class Curating:
    """What `curate` is told. The first three are kept in the workspace; () and None mean what was said last.

    rules: of a rule its threshold, as blur=0.3, blur=off or blur=default.    keep_all: no rule rejects a photo.
    one_a_group: of near-duplicates and bursts one photo alone is kept.
    sheets: folder for contact sheets of what breaks the rules, None for none. A dry run writes there too.
    """

    rules: Sequence[str] = ()
    keep_all: bool | None = None
    one_a_group: bool | None = None
    sheets: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Curated:
    """What `curate` found and did, or would do.

    photos: those that the rules judge: they are there, have not failed, and the user has said nothing of them.
    rejected: how many of these are, afterwards.    newly_rejected, taken_back: how many were not before, or no longer.
    groups: those of several photos, the largest first.    sheets: the files written.
    moved: names of photos that get another split than they had, because a new photo joined two groups.
    """

    is_dry_run: bool
    keep_all: bool
    one_a_group: bool
    photos: int
    rejected: int
    newly_rejected: int
    taken_back: int
    rules: list[Broken]
    groups: list[Group]
    moved: list[str]
    sheets: list[Path]
    next: str

    def lines(self) -> list[str]:
        """As a person reads it, one fact a line."""
        lines = [f"{'rule':<20}{'broken by':>10}"]
        for one in self.rules:
            lines.append(f"{one.rule:<20}{'off' if one.limit is None else f'{one.photos:,}':>10}  {one.asks}")
            lines += [f"{'':<30}  {shown.value:g} {shown.name}" for shown in one.worst]
        grouped = sum(group.photos for group in self.groups)
        lines += ["", f"{'groups':<20}{len(self.groups):>10,}  of {count(grouped, 'photo')} that belong together"]
        lines += [f"{'':<30}  {group.photos:,}, the best is {group.stays}" for group in self.groups[:GROUPS_NAMED]]
        would = "would move" if self.is_dry_run else "moved"
        lines += ["", self._verdict(), *(f"{would} {name}: a new photo joined two groups" for name in self.moved)]
        return lines + [f"sheet {path}" for path in self.sheets]

    def _verdict(self) -> str:
        would = "would reject" if self.is_dry_run else "rejected"
        facts = [f"{self.newly_rejected:,} newly", f"{self.taken_back:,} taken back"]
        facts += ["none by a rule, as --keep-all was said"] * self.keep_all
        facts += ["one of each group is kept"] * self.one_a_group
        return f"{would} {self.rejected:,} of {count(self.photos, 'photo')}: {', '.join(facts)}"


def curate(workspace: Workspace, asked: Curating, *, console: Console) -> Curated:
    """Rejects what the rules reject, takes back what they no longer do, and gives new photos their group and split.

    Raises: ManifestError and WorkspaceError; GauganpipeError where there is no such rule or threshold.
    """
    demand(workspace)
    with writing(workspace) as manifest:
        about, before = _told(manifest.about, asked), dict(manifest.rows)
        manifest.choose(**vars(about))
        after = _worked_out(before, about)
        for id, row in after.items():
            if row != before[id]:
                manifest.record(row)
    return _curated(manifest, before, after, asked, is_dry_run=False, console=console)


def plan(workspace: Workspace, asked: Curating, *, console: Console) -> Curated:
    """What `curate` would do; writes nothing but the contact sheets, where a folder is named for them.

    Raises: ManifestError; GauganpipeError where there is no such rule or threshold.
    """
    manifest = read(workspace)
    manifest.about = _told(manifest.about, asked)
    after = _worked_out(manifest.rows, manifest.about)
    return _curated(manifest, manifest.rows, after, asked, is_dry_run=True, console=console)


def _told(about: About, asked: Curating) -> About:
    if asked.keep_all is not None:
        about = preferences.decide(about, preferences.Asked(keep_all=asked.keep_all))
    return preferences.decide_rules(about, asked.rules, one_a_group=asked.one_a_group)


def _worked_out(rows: Mapping[str, Row], about: About) -> dict[str, Row]:
    """All the rows as they are afterwards; the splits come after the rules, so that every split gets photos."""
    after, rules, keep_all = dict(rows), preferences.rules_of(about), preferences.kept(about).keep_all
    for row in judge(after.values(), about.as_taxonomy(), keep_all=keep_all, rules=rules):
        after[row.id] = row
    for row in settle(after.values(), seed=about.seed, splits=splits.kept(about)):
        after[row.id] = row
    for row in thin(after.values(), one_a_group=preferences.keeps_one_a_group(about)):
        after[row.id] = row
    return after


def _curated(
    manifest: Manifest,
    before: Mapping[str, Row],
    after: Mapping[str, Row],
    asked: Curating,
    *,
    is_dry_run: bool,
    console: Console,
) -> Curated:
    about, rules = manifest.about, preferences.rules_of(manifest.about)
    photos = [row for row in after.values() if is_judged(row)]
    breaking, groups = find_breaking(photos, about.as_taxonomy(), rules), find_groups(after.values())
    sheets = []
    if asked.sheets is not None:
        sheets = write_sheets(manifest.workspace, asked.sheets, breaking, groups, on_unreadable=console.note)
    changed = [row.status for row in photos if row.status != before[row.id].status]
    return Curated(
        is_dry_run=is_dry_run,
        keep_all=preferences.kept(about).keep_all,
        one_a_group=preferences.keeps_one_a_group(about),
        photos=len(photos),
        rejected=sum(row.status == REJECTED for row in photos),
        newly_rejected=changed.count(REJECTED),
        taken_back=changed.count(OK),
        rules=name_broken(breaking, rules),
        groups=[Group(group=rows[0].group, photos=len(rows), stays=rows[0].original_name) for rows in groups],
        moved=sorted(row.original_name for row in after.values() if before[row.id].split not in ("", row.split)),
        sheets=sheets,
        next=manifest.workspace.from_here(_command(asked)) if is_dry_run else next_command(manifest),
    )


def _command(asked: Curating) -> str:
    """What does what a dry run was told of."""
    words = [part for assignment in asked.rules for part in ("--rule", assignment)]
    words += [] if asked.keep_all is None else ["--keep-all" if asked.keep_all else "--use-rules"]
    words += [] if asked.one_a_group is None else ["--one-a-group" if asked.one_a_group else "--all-of-a-group"]
    return shlex.join(["gauganpipe", "curate", *words])
