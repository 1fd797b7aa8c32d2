"""What the numbers are called, which way is better, and how they are written: on the console and the page."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.evaluation.references import REAL
from pipeline.evaluation.results import Measured
from pipeline.evaluation.segmenting import SELF_CONSISTENCY

LOWER, HIGHER, ONE, NEITHER = "lower is better", "higher is better", "1 where alike", ""
FID_PICTURES = 2000
"""Of fewer pictures the Frechet distance says more of their number than of their worth."""
DIGEST_DIGITS = 6
"""So many tell apart the few networks of one command."""
DECIMALS = ((100, 1), (10, 2), (0.1, 3))
"""From this size on, so many decimals are written; of smaller numbers four."""
WORDS = (
    ("kid", "KID (Inception)", LOWER),
    ("kernel_distance_(.+)", r"kernel distance (\1)", LOWER),
    ("fid", "FID (Inception)", LOWER),
    ("frechet_distance_(.+)", r"Frechet distance (\1)", LOWER),
    ("precision_(.+)", r"precision (\1)", HIGHER),
    ("recall_(.+)", r"recall (\1)", HIGHER),
    ("density_(.+)", r"density (\1)", ONE),
    ("coverage_(.+)", r"coverage (\1)", HIGHER),
    (f"{SELF_CONSISTENCY}_mean_iou", "self-consistency, mIoU", HIGHER),
    (f"{SELF_CONSISTENCY}_pixel_accuracy", "self-consistency, pixel accuracy", HIGHER),
    (f"{SELF_CONSISTENCY}_frequency_weighted_iou", "self-consistency, fwIoU", HIGHER),
    ("read_by_(.+)_mean_iou", r"mIoU by \1", HIGHER),
    ("read_by_(.+)_pixel_accuracy", r"pixel accuracy by \1", HIGHER),
    ("read_by_(.+)_frequency_weighted_iou", r"fwIoU by \1", HIGHER),
    ("diversity_(.+)", r"diversity (\1)", NEITHER),
    ("distance_to_own_photo_(.+)", r"to own photo (\1)", LOWER),
    ("psnr", "PSNR, dB", HIGHER),
    ("ssim", "SSIM", HIGHER),
    ("distance_to_nearest_trained_(.+)", r"to nearest training photo (\1)", NEITHER),
    ("photos_to_nearest_trained_(.+)", r"real photos to nearest training photo (\1)", NEITHER),
)
"""Name of a metric -> what people read, and which way is better; in the order of tables."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a table: one metric of every subject that has it."""

    metric: str
    words: str
    better: str
    cells: dict[str, Measured]


DIFFERENCE = "difference_of_"


def lines_of(measured: Iterable[Measured]) -> list[Line]:
    """The numbers that speak of all classes, a line a metric, in the order of WORDS."""
    cells: dict[str, dict[str, Measured]] = {}
    for one in measured:
        if not one.of_class and not one.metric.startswith(DIFFERENCE):
            cells.setdefault(one.metric, {})[column_of(one)] = one
    lines = [
        Line(metric=metric, words=words_of(metric)[0], better=words_of(metric)[1], cells=found)
        for metric, found in cells.items()
    ]
    return sorted(lines, key=lambda line: _place(line.metric))


def told_apart(measured: Sequence[Measured]) -> list[Measured]:
    """The same, with the digests of the networks in the names of metrics and judges that several networks share."""
    judges: dict[str, set[str]] = {}
    for one in measured:
        judges.setdefault(one.metric, set()).add(one.judge_digest)
    return [
        replace(one, metric=_with_digest(one.metric, one), judge=_with_digest(one.judge, one))
        if len(judges[one.metric]) > 1
        else one
        for one in measured
    ]


def _with_digest(name: str, one: Measured) -> str:
    return f"{name}-{one.judge_digest[:DIGEST_DIGITS]}"


def column(of: str, style: str) -> str:
    """Whose numbers; a run in its photos' own styles is a column of its own."""
    return f"{of}, own style" if style == "self" else of


def column_of(one: Measured) -> str:
    """The column that a number stands in."""
    return column(one.of, one.style)


def verdicts(measured: Iterable[Measured]) -> list[str]:
    """Which of two runs is nearer to the photos, as far as so many maps can tell."""
    said = []
    for one in measured:
        if one.metric.startswith(DIFFERENCE) and one.value is not None:
            other, _, first = one.of.partition(" - ")
            words, _ = words_of(one.metric.removeprefix(DIFFERENCE))
            nearer, farther = (other, first) if one.value < 0 else (first, other)
            is_told = one.low is not None and (one.low > 0 or one.high < 0)
            verdict = (
                f"{nearer} is nearer to the photos than {farther}"
                if is_told
                else f"{other} and {first} cannot be told apart"
            )
            interval = f"[{number(one.low)}, {number(one.high)}]"
            said.append(f"{words}: {verdict}, {number(one.value)} {interval} by {one.pictures} maps")
    return said


def words_of(metric: str) -> tuple[str, str]:
    """What people read, and which way is better."""
    for pattern, words, better in WORDS:
        match = re.fullmatch(pattern, metric)
        if match:
            return match.expand(words), better
    return metric, NEITHER


def number(value: float | None) -> str:
    """Three or four digits that say something; no number is a dash."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    decimals = next((decimals for limit, decimals in DECIMALS if abs(value) >= limit), 4)
    text = f"{value:.{decimals}f}"
    return text if float(text) else text.removeprefix("-")


def cell(one: Measured | None) -> str:
    """A number and how far its interval reaches to either side, or how many were compared where those are halves."""
    if one is None:
        return "–"
    if halves_of(one):
        return f"{number(one.value)} ({halves_of(one)})"
    return number(one.value) + (f" ±{number((one.high - one.low) / 2)}" if one.low is not None else "")


def halves_of(one: Measured) -> str:
    """How many were compared with how many, where those are halves of the photos; else nothing."""
    is_distance = re.match("kid|fid|kernel|frechet|precision|recall|density|coverage", one.metric)
    return f"{one.pictures} with {one.photos}" if one.of == REAL and is_distance else ""


def table(measured: Sequence[Measured], columns: Sequence[str]) -> list[str]:
    """The lines of a table for the console, as wide as what stands in it."""
    rows = [["", *columns]]
    for line in lines_of(measured):
        rows.append([line.words, *(cell(line.cells.get(column)) for column in columns)])
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns) + 1)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def warnings_of(measured: Sequence[Measured]) -> list[str]:
    """What must be known of these numbers before one believes them."""
    measured = [one for one in measured if not one.metric.startswith(DIFFERENCE)]
    runs = [one for one in measured if one.of != REAL and one.style]
    few = [one for one in runs if one.metric.startswith(("fid", "frechet")) and one.pictures < FID_PICTURES]
    said = []
    if few:
        said.append(
            f"FID and Frechet distances of {few[0].pictures} pictures are too large, by how much depends on their "
            "number: believe the kernel distances, and compare the others at equal numbers alone"
        )
    taught = sorted({one.judge for one in runs if one.learned_from})
    if taught:
        names = sorted({one.of for one in runs if one.learned_from})
        said.append(
            f"{' and '.join(names)} learned through the eyes of {' and '.join(taught)}, so what these say is too kind"
        )
    halves = [one for one in measured if one.of == REAL and one.metric.startswith(("kid", "kernel", "fid", "frechet"))]
    if halves:
        said.append(
            f"{REAL} are compared in two halves, {halves_of(halves[0])}: so far apart are sets of so few by chance"
        )
    ceiling = next(
        (one for one in measured if one.of == REAL and one.metric == f"{SELF_CONSISTENCY}_pixel_accuracy"), None
    )
    if ceiling:
        said.append(
            f"self-consistency is the word of {ceiling.judge}, which made the label maps. In the real photos at "
            f"{ceiling.width}x{ceiling.height} pixels it finds {ceiling.value:.0%} again: the ceiling"
        )
    return said


def _place(metric: str) -> int:
    return next((place for place, one in enumerate(WORDS) if re.fullmatch(one[0], metric)), len(WORDS))
