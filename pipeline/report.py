"""What is in a manifest: what is there, what is missing, what failed and why, and the next command."""

from collections import Counter
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

from pipeline.garbage import uncollected
from pipeline.manifest import Manifest
from pipeline.preferences import kept, rules_of
from pipeline.presence import find_missing
from pipeline.rows import FAILED, GIVEN, OK, REJECTED, SPLITS
from pipeline.rules import explain
from pipeline.stages.order import earlier, stages

if TYPE_CHECKING:
    import numpy as np

STAGE_COMMANDS = {"label": "gauganpipe label", "edges": "gauganpipe build-edges"}
INGEST_COMMAND = "gauganpipe label ./photos"
LINES_A_REASON = 10


@dataclass(frozen=True, kw_only=True)
class Filling:
    """How far one column is: rows that have it, rows that could get it now, rows that failed before they had it."""

    column: str
    stage: str
    filled: int
    pending: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """A rule that rejected photos: how many, and what it asks of a photo, "" where there is no such rule any more."""

    rule: str
    photos: int
    asks: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """The state of a workspace. `shares` are means over the labelled photos, in parts of 1.

    ok, rejected, failed: all rows.    kept_out: those of `ok` that the user turned down by keep = no.
    licenses: id of a licence -> photos that can be used, most first.
    reviewed: label maps that a person has looked at.    doubts: what is doubted of the others -> photos.
    """

    rows: int
    ok: int
    rejected: int
    failed: int
    kept_out: int
    columns: list[Filling]
    splits: dict[str, int]
    groups: int
    licenses: dict[str, int]
    segmenter: str
    reviewed: int
    doubts: dict[str, int]
    shares: dict[str, float]
    unknown: float
    failures: list[str]
    rejections: list[Rejection]
    missing_files: list[str]
    runs: list[str]
    next: str


def report(manifest: Manifest) -> Report:
    """Counts what is in the manifest, and looks whether the files are there.

    Raises: WorkspaceError when a row names a file outside the workspace.
    """
    is_usable, columns = manifest.usable(), _columns(manifest)
    counts = {word: int(manifest.says("status", word).sum()) for word in (OK, REJECTED, FAILED)}
    names = zip(*(manifest.column(filling.column) for filling in columns), strict=True)
    with uncollected():
        missing = find_missing(manifest.workspace, [name for row in names for name in row if name])
    shares, unknown = _mean_shares(manifest, is_usable)
    splits = _count(manifest, "split", is_usable)
    return Report(
        rows=len(manifest),
        ok=counts[OK],
        rejected=counts[REJECTED],
        failed=counts[FAILED],
        kept_out=counts[OK] - int(is_usable.sum()),
        columns=columns,
        splits={name: splits[name] for name in SPLITS},
        groups=len(_count(manifest, "group", is_usable)),
        licenses=_licenses(manifest, is_usable),
        segmenter=manifest.about.segmenter,
        reviewed=int((manifest.says("label_reviewed", "yes") & is_usable).sum()),
        doubts=_doubts(manifest, is_usable),
        shares=shares,
        unknown=unknown,
        failures=sorted(_count(manifest, "error", manifest.says("status", FAILED)).elements()),
        rejections=_rejections(manifest),
        missing_files=missing,
        runs=[manifest.workspace.relative(folder) for folder in manifest.workspace.run_folders()],
        next=_next_command(manifest, columns, {*missing}),
    )


def next_command(manifest: Manifest, *, missing_files: Collection[str] = ()) -> str:
    """The command that a person would type now.    missing_files: cells of the manifest that name no file."""
    return _next_command(manifest, _columns(manifest), {*missing_files})


def as_lines(report: Report) -> list[str]:
    """The report as a person reads it, one fact a line."""
    others = {"rejected": report.rejected, "failed": report.failed}
    counts = [f"{report.ok:,} ok" + f" ({report.kept_out:,} kept out by keep=no)" * bool(report.kept_out)]
    counts += [f"{number:,} {word}" for word, number in others.items() if number]
    lines = [f"{'photos':<20}{report.rows:,}: {', '.join(counts)}", ""]
    lines.append(f"{'column':<20}{'filled':>8}{'pending':>9}{'failed':>8}")
    lines += [f"{c.column:<20}{c.filled:>8,}{c.pending:>9,}{c.failed:>8,}" for c in report.columns]
    lines += ["", f"{'splits':<20}{_in_words(report.splits)} ({report.groups:,} groups)"]
    if report.licenses:
        lines.append(f"{'licences':<20}{_in_words(report.licenses)}")
    if report.segmenter:
        lines.append(f"{'segmenter':<20}{report.segmenter}")
    if report.reviewed:
        lines.append(f"{'reviewed':<20}{report.reviewed:,}")
    if report.doubts:
        lines.append(f"{'doubts':<20}{_in_words(report.doubts)}")
    if report.shares:
        shares = sorted(report.shares.items(), key=lambda pair: -pair[1])
        words = [f"{name} {share:.1%}" for name, share in shares if share >= 0.0005]
        lines.append(f"{'classes':<20}" + ", ".join([*words, f"unknown {report.unknown:.1%}"]))
    reasons = [f"{one.photos:,} by the rule {one.rule}" + f": {one.asks}" * bool(one.asks) for one in report.rejections]
    lines += _list_of("rejected", reasons)
    lines += _list_of("failed", report.failures)
    lines += _list_of("missing files", report.missing_files)
    lines += _list_of("runs", report.runs)
    return [*lines, "", f"{'next':<20}{report.next}"]


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items())


def _count(manifest: Manifest, column: str, chosen: "np.ndarray") -> Counter[str]:
    """What the chosen rows say in a column where they say anything -> how many say so, most first."""
    import numpy as np

    different, places = manifest.coded(column)
    numbers = np.bincount(places[chosen], minlength=len(different)).tolist()
    said = ((cell, number) for cell, number in zip(different, numbers, strict=True) if cell and number)
    return Counter(dict(sorted(said, key=lambda pair: -pair[1])))


def _columns(manifest: Manifest) -> list[Filling]:
    made = [(stage.NAME, stage.NEEDS, column) for stage in stages() for column in stage.MAKES]
    is_usable = manifest.usable()
    return [
        _filling(manifest, stage, needs, column, is_usable)
        for stage, needs, column in [("ingest", (), "file_name"), *made]
    ]


def _filling(manifest: Manifest, stage: str, needs: tuple[str, ...], column: str, is_usable: "np.ndarray") -> Filling:
    is_filled = manifest.filled(column)
    is_ready = is_usable & ~is_filled
    for name in needs:
        is_ready = is_ready & manifest.filled(name)
    return Filling(
        column=column,
        stage=stage,
        filled=int(is_filled.sum()),
        pending=int(is_ready.sum()),
        failed=int((manifest.says("status", FAILED) & ~is_filled).sum()),
    )


def _licenses(manifest: Manifest, is_usable: "np.ndarray") -> dict[str, int]:
    counts = _count(manifest, "license", is_usable)
    if unsaid := int((is_usable & ~manifest.filled("license")).sum()):
        counts["unknown"] += unsaid
    return dict(counts.most_common())


def _doubts(manifest: Manifest, is_usable: "np.ndarray") -> dict[str, int]:
    """What is doubted of label maps that nobody has reviewed -> photos, most first."""
    counts: Counter[str] = Counter()
    for flags, photos in _count(manifest, "flags", is_usable & ~manifest.says("label_reviewed", "yes")).items():
        counts.update(dict.fromkeys(flags.split(), photos))
    return dict(counts.most_common())


def _rejections(manifest: Manifest) -> list[Rejection]:
    """The rule that rejected most photos first."""
    counts = _count(manifest, "rule", manifest.says("status", REJECTED))
    min_side_px, rules = kept(manifest.about).min_side_px, rules_of(manifest.about)
    return [
        Rejection(rule=rule, photos=photos, asks=explain(rule, min_side_px=min_side_px, rules=rules))
        for rule, photos in counts.most_common()
    ]


def _list_of(title: str, lines: list[str]) -> list[str]:
    shown = lines[:LINES_A_REASON]
    more = [f"and {len(lines) - len(shown):,} more"] * (len(lines) > len(shown))
    return [f"{title if index == 0 else '':<20}{line}" for index, line in enumerate([*shown, *more])]


def _mean_shares(manifest: Manifest, is_usable: "np.ndarray") -> tuple[dict[str, float], float]:
    """Class -> its mean share over the labelled photos that can be used, and the share of no class."""
    import numpy as np

    is_labelled = is_usable & manifest.filled("label_file_name")
    photos = int(is_labelled.sum())
    if not photos:
        return {}, 0.0
    sums = manifest.shares().of({*compress(manifest.column("id"), is_labelled.tolist())}).sums()
    means = {name: sums[name][0] / photos for name in manifest.taxonomy.names if name in sums}
    different, places = manifest.coded("label_unknown")
    unknown = np.array([float(cell or 0) for cell in different])[places]
    return {name: mean for name, mean in means.items() if mean}, float(unknown[is_labelled].mean())


def _lost(manifest: Manifest, columns: list[Filling], missing: Set[str]) -> set[str]:
    """The stages that would make a missing file again; what was given with a photo comes back with the photo.

    A photo that is gone comes first, whatever else is.
    """
    lost: set[str] = set()
    words = [manifest.column(name) for name in ("status", "stage", "keep")]
    for filling in columns if missing else ():
        up_to_here = (*earlier(filling.stage), filling.stage)
        rows = enumerate(zip(manifest.column(filling.column), *words, strict=True))
        gone = (
            row
            for row, (name, status, stage, keep) in rows
            if name in missing and keep != "no" and (status == OK or stage not in up_to_here)
        )
        if filling.stage == "ingest":
            if any(True for _ in gone):
                return {"ingest"}
        elif places := [*gone]:
            keys, given = manifest.column("keys"), f"{filling.stage}={GIVEN}"
            lost |= {"ingest" if given in keys[place].split(" ") else filling.stage for place in places}
    return lost


def _next_command(manifest: Manifest, columns: list[Filling], missing: Set[str]) -> str:
    command = _next(columns, _lost(manifest, columns, missing), manifest)
    return manifest.workspace.from_here(command)


def _next(columns: list[Filling], lost: set[str], manifest: Manifest) -> str:
    is_usable = manifest.usable()
    if "ingest" in lost or not (is_usable.any() or lost):
        return INGEST_COMMAND
    if (is_usable & manifest.filled("file_name") & ~manifest.filled("split")).any():
        return STAGE_COMMANDS["label"]
    for filling in columns:
        if filling.stage in STAGE_COMMANDS and (filling.pending or filling.stage in lost):
            return STAGE_COMMANDS[filling.stage]
    if not manifest.workspace.run_folders():
        return "gauganpipe train"
    has_val = (is_usable & manifest.says("split", "val")).any()
    return f"gauganpipe generate --split {'val' if has_val else 'train'}"
