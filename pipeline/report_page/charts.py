"""The charts of the report: shares of classes, what stands together, confidence, sizes."""

from collections.abc import Sequence

from pipeline.report_page.facts import ClassFact, Together
from pipeline.report_page.svg import ACCENT, INK, RULE, as_svg, figure_of

MARKS = {"val": "D", "test": "o"}
MOST_CLASSES = 40
SIZE_STEP_PX = 64
"""Sizes that differ by less are one dot."""


def class_shares(classes: Sequence[ClassFact]) -> str:
    """A bar a class in its own colour: its mean share in train; and a mark for val and for test."""
    shown = classes[:MOST_CLASSES]
    figure, axes = figure_of("classes", height_in=0.5 + 0.27 * len(shown))
    places = range(len(shown))
    bars = [one.by_split.get("train", one.share) for one in shown]
    axes.barh(places, bars, color=[one.colour for one in shown], edgecolor=INK, linewidth=0.4, height=0.72)
    for split, mark in MARKS.items():
        found = [(place, one.by_split[split]) for place, one in enumerate(shown) if split in one.by_split]
        if found:
            y, x = zip(*found, strict=True)
            axes.plot(
                x, y, mark, markersize=4.5, markerfacecolor="none", markeredgecolor=INK, label=split, clip_on=False
            )
    axes.set_yticks(places, [one.name for one in shown])
    axes.invert_yaxis()
    axes.set_ylim(len(shown) - 0.4, -0.6)
    _percent(axes.xaxis)
    if any(split in one.by_split for one in shown for split in MARKS):
        axes.legend(loc="lower right", frameon=False, labelcolor=INK)
    return as_svg(figure, "classes")


def together(found: Together) -> str:
    """A square for each pair of classes, the darker the more of the photos with one class show the other."""
    count = len(found.names)
    figure, axes = figure_of("together", height_in=0.9 + 0.29 * count)
    for row, shares in enumerate(found.shares):
        for column, share in enumerate(shares):
            if row != column and share >= 0.005:
                axes.add_patch(_square(column, row, share))
                strength = 0.95 if share >= 0.1 else 0.55
                text = f"{100 * share:.0f}"
                axes.text(column, row, text, ha="center", va="center_baseline", fontsize=7, alpha=strength)
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_xticks(range(count), found.names, rotation=60, ha="left", rotation_mode="anchor")
    axes.set_yticks(range(count), found.names)
    axes.xaxis.tick_top()
    axes.grid(visible=False)
    return as_svg(figure, "together")


def confidences(numbers: Sequence[float]) -> str:
    """How many label maps have which confidence."""
    figure, axes = figure_of("confidence", height_in=2.3)
    axes.hist(numbers, bins=[step / 25 for step in range(26)], color=ACCENT, alpha=0.85)
    axes.set_xlim(0, 1)
    _percent(axes.xaxis)
    axes.set_xlabel("confidence of the label map")
    axes.set_ylabel("photos")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return as_svg(figure, "confidence")


def sizes(pixels: Sequence[tuple[int, int]]) -> str:
    """A dot for the photos of about one width and height; its area is how many they are."""
    counts: dict[tuple[int, int], int] = {}
    for width, height in pixels:
        place = tuple(round(side / SIZE_STEP_PX) * SIZE_STEP_PX for side in (width, height))
        counts[place] = counts.get(place, 0) + 1
    figure, axes = figure_of("sizes", height_in=3.4)
    places, numbers = list(counts), list(counts.values())
    areas = [max(10.0, 700 * number / max(numbers)) for number in numbers]
    axes.scatter(*zip(*places, strict=True), s=areas, color=ACCENT, alpha=0.45, linewidths=0)
    axes.grid(visible=True, axis="both", color=RULE, linewidth=0.7)
    longest = 1.12 * max(max(place) for place in places)
    axes.set_xlim(0, longest)
    axes.set_ylim(0, max(1.2 * max(height for _, height in places), 0.5 * longest))
    axes.set_xlabel("width, pixels")
    axes.set_ylabel("height, pixels")
    return as_svg(figure, "sizes")


def _square(x: float, y: float, strength: float):
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, facecolor=ACCENT, alpha=0.08 + 0.72 * strength, linewidth=0)


def _percent(axis) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, decimals=None))
