"""Rows that come from another workspace find their groups among those that are here, so that no split leaks."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from pipeline import curate, splits
from pipeline.manifest import Manifest
from pipeline.rows import Row


def settle_newcomers(manifest: Manifest, groups: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Gives the rows without a group one, and with it a split; what was one group elsewhere is one here.

    Photos that look alike belong together. The oldest row of a group gives it its split, and its name too, unless all
    of its rows come from one group elsewhere, whose name is free here.

    groups: ids of rows, and the group of each elsewhere; those of rows that are not here are passed over.
    Returns: names of the photos that moved -> their split, where they had another one before.
    """
    before = {id: row.split for id, row in manifest.rows.items()}
    newcomers = {id for id, row in manifest.rows.items() if not row.group}
    for row in curate.settle(manifest.rows.values(), seed=manifest.about.seed, splits=splits.kept(manifest.about)):
        # A split that a row brings along is not drawn anew to fill one that is empty.
        manifest.record(replace(row, split=before.get(row.group) or row.split))
    _join(manifest, groups, newcomers)
    moved = [row for id, row in manifest.rows.items() if before.get(id) and before[id] != row.split]
    return {row.original_name: row.split for row in sorted(moved, key=lambda row: row.original_name)}


def _join(manifest: Manifest, groups: Iterable[tuple[str, str]], newcomers: set[str]) -> None:
    rows = manifest.rows
    members: dict[str, list[Row]] = defaultdict(list)
    for row in rows.values():
        if row.group:
            members[row.group].append(row)
    here_of: dict[str, set[str]] = defaultdict(set)
    elsewhere_of: dict[str, set[str]] = defaultdict(set)
    for id, elsewhere in groups:
        # The row that a group is named after belonged to it, though it may not have come along.
        for here in {rows[one].group for one in (id, elsewhere) if elsewhere and one in rows} - {""}:
            here_of[elsewhere].add(here)
            elsewhere_of[here].add(elsewhere)

    for names in _connected(here_of.values()):
        joined = [row for name in names for row in members[name]]
        oldest = min(joined, key=lambda row: (row.added or 0, row.id))
        name, (theirs, *others) = oldest.group, sorted(set().union(*(elsewhere_of[name] for name in names)))
        is_free = theirs in names or theirs not in members
        if is_free and not others and newcomers.issuperset(row.id for row in joined):
            name = theirs
        for row in joined:
            if (row.group, row.split) != (name, oldest.split):
                manifest.record(replace(row, group=name, split=oldest.split))


def _connected(sets: Iterable[set[str]]) -> list[set[str]]:
    """Names that stand in one set, or in sets that share a name."""
    whole: dict[str, set[str]] = {}
    for one in sets:
        joined = one.union(*(whole[name] for name in one if name in whole))
        whole.update(dict.fromkeys(joined, joined))
    return list({id(names): names for names in whole.values()}.values())
