"""`gauganpipe manifest split`: every group into the split that is drawn for it now, and so whatever comes later."""

from collections import Counter
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

from pipeline import splits
from pipeline.about import About
from pipeline.console import count
from pipeline.manifest import Manifest, demand, read, writing
from pipeline.rows import SPLITS
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

NAMED = 10
"""So many of the photos that move are named."""


@dataclass(frozen=True, kw_only=True)
class Splitting:
    """What `split` is told: photos in a hundred, and the seed of the draw; None for what was said last."""

    val: float | None = None
    test: float | None = None
    seed: int | None = None


@dataclass(frozen=True, kw_only=True)
class Move:
    """A photo that is in another split than before."""

    id: str
    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class Split:
    """What was done, or would be.    splits: name -> photos that can be used.    runs: trained on the splits before."""

    is_dry_run: bool
    val: float
    test: float
    seed: int
    splits: dict[str, int]
    moved: list[Move]
    runs: list[str]

    def lines(self) -> list[str]:
        """One fact a line."""
        photos = max(sum(self.splits.values()), 1)
        words = [f"{name} {number:,} ({number / photos:.1%})" for name, number in self.splits.items()]
        lines = [f"split {', '.join(words)}", f"seed {self.seed}"]
        ways = Counter((move.before or "no split", move.after) for move in self.moved)
        moved = "would move" if self.is_dry_run else "moved"
        if not self.moved:
            return [*lines, f"{moved} no photo"]
        lines += [f"{moved} {count(number, 'photo')} from {one} to {other}" for (one, other), number in ways.items()]
        lines += [f"{'':<4}{move.before or '-'} to {move.after}: {move.name}" for move in self.moved[:NAMED]]
        return lines + [f"{'':<4}and {len(self.moved) - NAMED:,} more"] * (len(self.moved) > NAMED)


def split(workspace: Workspace, asked: Splitting) -> Split:
    """Draws the split of every group anew, and keeps what was asked for, so that photos that come later follow.

    Groups stay whole. Nothing of a row changes but its split. At least one group of photos that can be used is for
    training and, given two, one for validation.

    Raises: ManifestError and WorkspaceError; GauganpipeError when no photos would be left to train on.
    """
    demand(workspace)
    with writing(workspace) as manifest:
        about = splits.decide(manifest.about, val=asked.val, test=asked.test, seed=asked.seed)
        after = draw(manifest, about)
        done = _told(manifest, about, after, is_dry_run=False)
        changes = {move.id: {"split": move.after} for move in done.moved}
        manifest.amend(changes, seed=about.seed, parameters=about.parameters)
        return done


def plan(workspace: Workspace, asked: Splitting) -> Split:
    """What `split` would do; writes nothing."""
    manifest = read(workspace)
    about = splits.decide(manifest.about, val=asked.val, test=asked.test, seed=asked.seed)
    return _told(manifest, about, draw(manifest, about), is_dry_run=True)


def draw(manifest: Manifest, about: About) -> list[str]:
    """The split of every row, in the order of `Manifest.column`; rows without a group keep theirs."""
    import numpy as np

    (groups, places), asked = manifest.coded("group"), splits.kept(about)
    drawn = {group: asked.draw(about.seed, group) for group in groups if group}
    usable = {groups[place] for place in np.unique(places[_usable(manifest)]).tolist()} - {""}
    for wanted, givers in (("train", ("test", "val")), ("val", ("test", "train"))):
        if wanted in {drawn[group] for group in usable}:
            continue
        of = {name: sorted(group for group in usable if drawn[group] == name) for name in SPLITS}
        # A run can do without test photos, and rather without val photos than without train photos.
        spare = [of[name] for name in givers if of[name] and (name != "train" or len(of[name]) > 1)]
        if spare:
            drawn[spare[0][0]] = wanted
    named = [drawn.get(group, "") for group in groups]
    return [named[place] or old for place, old in zip(places.tolist(), manifest.column("split"), strict=True)]


def _usable(manifest: Manifest) -> "np.ndarray":
    return manifest.usable() & manifest.filled("file_name")


def _told(manifest: Manifest, about: About, after: list[str], *, is_dry_run: bool) -> Split:
    said, photos = splits.kept(about), Counter(compress(after, _usable(manifest).tolist()))
    columns = (manifest.column(name) for name in ("id", "original_name", "split"))
    moved = [
        Move(id=id, name=name, before=old, after=new)
        for id, name, old, new in zip(*columns, after, strict=True)
        if old != new
    ]
    runs = [manifest.workspace.relative(run) for run in manifest.workspace.run_folders()] if moved else []
    return Split(
        is_dry_run=is_dry_run,
        val=said.val,
        test=said.test,
        seed=about.seed,
        splits={name: photos[name] for name in SPLITS},
        moved=moved,
        runs=runs,
    )
