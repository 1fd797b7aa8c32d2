"""What is in a manifest: what is there, what is missing, what failed and why, and the next command."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from pipeline.manifest import Manifest
from pipeline.preferences import kept
from pipeline.rows import FAILED, GIVEN, OK, REJECTED, Row
from pipeline.rules import explain
from pipeline.stages.order import earlier, stages

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
    """

    rows: int
    ok: int
    rejected: int
    failed: int
    kept_out: int
    columns: list[Filling]
    splits: dict[str, int]
    groups: int
    segmenter: str
    shares: dict[str, float]
    unknown: float
    failures: list[str]
    rejections: list[Rejection]
    missing_files: list[str]
    runs: list[str]
    next: str


def report(manifest: Manifest) -> Report:
    """Counts what is in the manifest, and looks whether the files are there."""
    rows = list(manifest.rows.values())
    status = Counter(row.status for row in rows)
    photos = [row for row in rows if row.status == OK and row.keep != "no"]
    labelled = [row for row in photos if row.label_file_name]
    missing = [name for row in rows for name in _files(row) if not manifest.workspace.resolve(name).is_file()]
    return Report(
        rows=len(rows),
        ok=status[OK],
        rejected=status[REJECTED],
        failed=status[FAILED],
        kept_out=sum(row.status == OK and row.keep == "no" for row in rows),
        columns=_columns(rows),
        splits={split: sum(row.split == split for row in photos) for split in ("train", "val", "test")},
        groups=len({row.group for row in photos if row.group}),
        segmenter=manifest.about.segmenter,
        shares=_mean_shares(manifest, labelled),
        unknown=sum(row.label_unknown or 0 for row in labelled) / max(len(labelled), 1),
        failures=sorted(row.error for row in rows if row.status == FAILED),
        rejections=_rejections(manifest, rows),
        missing_files=missing,
        runs=[manifest.workspace.relative(folder) for folder in manifest.workspace.run_folders()],
        next=next_command(manifest, missing_files=missing),
    )


def next_command(manifest: Manifest, *, missing_files: Collection[str] = ()) -> str:
    """The command that a person would type now.    missing_files: cells of the manifest that name no file."""
    rows = list(manifest.rows.values())
    columns = _columns(rows)
    command = _next(columns, _lost(rows, columns, set(missing_files)), manifest)
    return manifest.workspace.from_here(command)


def as_lines(report: Report) -> list[str]:
    """The report as a person reads it, one fact a line."""
    others = {"rejected": report.rejected, "failed": report.failed}
    counts = [f"{report.ok} ok" + f" ({report.kept_out} kept out by keep=no)" * bool(report.kept_out)]
    counts += [f"{number} {word}" for word, number in others.items() if number]
    lines = [f"{'photos':<20}{report.rows}: {', '.join(counts)}", ""]
    lines.append(f"{'column':<20}{'filled':>8}{'pending':>9}{'failed':>8}")
    lines += [f"{c.column:<20}{c.filled:>8}{c.pending:>9}{c.failed:>8}" for c in report.columns]
    splits = ", ".join(f"{name} {number}" for name, number in report.splits.items())
    lines += ["", f"{'splits':<20}{splits} ({report.groups} groups)"]
    if report.segmenter:
        lines.append(f"{'segmenter':<20}{report.segmenter}")
    if report.shares:
        shares = sorted(report.shares.items(), key=lambda pair: -pair[1])
        words = [f"{name} {share:.1%}" for name, share in shares if share >= 0.0005]
        lines.append(f"{'classes':<20}" + ", ".join([*words, f"unknown {report.unknown:.1%}"]))
    reasons = [f"{one.photos} by the rule {one.rule}" + f": {one.asks}" * bool(one.asks) for one in report.rejections]
    lines += _list_of("rejected", reasons)
    lines += _list_of("failed", report.failures)
    lines += _list_of("missing files", report.missing_files)
    lines += _list_of("runs", report.runs)
    return [*lines, "", f"{'next':<20}{report.next}"]


def _columns(rows: list[Row]) -> list[Filling]:
    made = [(stage.NAME, stage.NEEDS, column) for stage in stages() for column in stage.MAKES]
    return [_filling(rows, stage, needs, column) for stage, needs, column in [("ingest", (), "file_name"), *made]]


def _rejections(manifest: Manifest, rows: list[Row]) -> list[Rejection]:
    """The rule that rejected most photos first."""
    counts = Counter(row.rule for row in rows if row.status == REJECTED)
    min_side_px = kept(manifest.about).min_side_px
    return [
        Rejection(rule=rule, photos=photos, asks=explain(rule, min_side_px=min_side_px))
        for rule, photos in counts.most_common()
    ]


def _list_of(title: str, lines: list[str]) -> list[str]:
    shown = lines[:LINES_A_REASON]
    more = [f"and {len(lines) - len(shown)} more"] * (len(lines) > len(shown))
    return [f"{title if index == 0 else '':<20}{line}" for index, line in enumerate([*shown, *more])]


def _filling(rows: list[Row], stage: str, needs: tuple[str, ...], column: str) -> Filling:
    empty = [row for row in rows if not getattr(row, column)]
    ready = [row for row in empty if row.status == OK and row.keep != "no" and all(getattr(row, n) for n in needs)]
    failed = sum(row.status == FAILED for row in empty)
    return Filling(column=column, stage=stage, filled=len(rows) - len(empty), pending=len(ready), failed=failed)


def _files(row: Row) -> list[str]:
    names = (row.file_name, row.label_file_name, row.instance_file_name, row.edge_file_name)
    return [name for name in names if name]


def _mean_shares(manifest: Manifest, labelled: list[Row]) -> dict[str, float]:
    sums = {name: sum(row.shares.get(name, 0.0) for row in labelled) for name in manifest.taxonomy.names}
    return {name: total / len(labelled) for name, total in sums.items() if total}


def _lost(rows: list[Row], columns: list[Filling], missing: set[str]) -> set[str]:
    """The stages that would make a missing file again; what was given with a photo comes back with the photo."""
    lost = set()
    for filling in columns:
        up_to_here = (*earlier(filling.stage), filling.stage)
        for row in rows:
            is_able = row.keep != "no" and (row.status == OK or row.stage not in up_to_here)
            if is_able and getattr(row, filling.column) in missing:
                lost.add("ingest" if row.keys.get(filling.stage) == GIVEN else filling.stage)
    return lost


def _next(columns: list[Filling], lost: set[str], manifest: Manifest) -> str:
    photos = [row for row in manifest.rows.values() if row.status == OK and row.keep != "no"]
    if "ingest" in lost or not (photos or lost):
        return INGEST_COMMAND
    if any(row.file_name and not row.split for row in photos):
        return STAGE_COMMANDS["label"]
    for filling in columns:
        if filling.stage in STAGE_COMMANDS and (filling.pending or filling.stage in lost):
            return STAGE_COMMANDS[filling.stage]
    if not manifest.workspace.run_folders():
        return "gauganpipe train"
    return f"gauganpipe generate --split {'val' if any(row.split == 'val' for row in photos) else 'train'}"
