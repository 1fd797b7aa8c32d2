"""Charts as SVG that stands in the page: its colours and letters are those of the page, by day and by night."""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.report_page.facts import ClassFact, Together

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN = 5.2
INK, RULE, ACCENT = "#010203", "#010204", "#010205"
"""Colours that stand for those of the page while a chart is drawn."""
THEME = {INK: "currentColor", RULE: "var(--rule)", ACCENT: "var(--accent)"}
MARKS = {"val": "D", "test": "o"}
MOST_CLASSES = 40
SIZE_STEP_PX = 64
"""Sizes that differ by less are one dot."""


def class_shares(classes: Sequence[ClassFact]) -> str:
    """A bar a class in its own colour: its mean share in train; and a mark for val and for test."""
    shown = classes[:MOST_CLASSES]
    figure, axes = _figure("classes", height_in=0.5 + 0.27 * len(shown))
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
        axes.legend(loc="lower right", frameon=False)
    return _as_svg(figure, "classes")


def together(found: Together) -> str:
    """A square for each pair of classes, the darker the more of the photos with one class show the other."""
    count = len(found.names)
    figure, axes = _figure("together", height_in=0.9 + 0.29 * count)
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
    return _as_svg(figure, "together")


def confidences(numbers: Sequence[float]) -> str:
    """How many label maps have which confidence."""
    figure, axes = _figure("confidence", height_in=2.3)
    axes.hist(numbers, bins=[step / 25 for step in range(26)], color=ACCENT, alpha=0.85)
    axes.set_xlim(0, 1)
    _percent(axes.xaxis)
    axes.set_xlabel("confidence of the label map")
    axes.set_ylabel("photos")
    axes.yaxis.get_major_locator().set_params(integer=True)
    return _as_svg(figure, "confidence")


def sizes(pixels: Sequence[tuple[int, int]]) -> str:
    """A dot for the photos of about one width and height; its area is how many they are."""
    counts: dict[tuple[int, int], int] = {}
    for width, height in pixels:
        place = tuple(round(side / SIZE_STEP_PX) * SIZE_STEP_PX for side in (width, height))
        counts[place] = counts.get(place, 0) + 1
    figure, axes = _figure("sizes", height_in=3.4)
    places, numbers = list(counts), list(counts.values())
    areas = [max(10.0, 700 * number / max(numbers)) for number in numbers]
    axes.scatter(*zip(*places, strict=True), s=areas, color=ACCENT, alpha=0.45, linewidths=0)
    axes.grid(visible=True, axis="both", color=RULE, linewidth=0.7)
    longest = 1.12 * max(max(place) for place in places)
    axes.set_xlim(0, longest)
    axes.set_ylim(0, max(1.2 * max(height for _, height in places), 0.5 * longest))
    axes.set_xlabel("width, pixels")
    axes.set_ylabel("height, pixels")
    return _as_svg(figure, "sizes")


def _figure(name: str, *, height_in: float) -> tuple["Figure", "Axes"]:
    import matplotlib
    from matplotlib.figure import Figure

    said = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": 10,
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), INK),
        **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), RULE),
    }
    with matplotlib.rc_context(said):
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        axes = figure.subplots()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis="x", color=RULE, linewidth=0.7)
    return figure, axes


def _square(x: float, y: float, strength: float):
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, facecolor=ACCENT, alpha=0.08 + 0.72 * strength, linewidth=0)


def _percent(axis) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, decimals=None))


def _as_svg(figure: "Figure", name: str) -> str:
    """The drawing alone, in the page's colours and letters; its inner names are its own, so that none occurs twice."""
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", svg)
    for colour, meaning in THEME.items():
        svg = svg.replace(colour, meaning)
    # The page says how wide it is; a drawing is no picture to those who hear the page, the words below it are.
    return re.sub(r'^<svg[^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', svg, count=1)
