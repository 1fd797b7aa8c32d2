"""Charts as SVG that stands in a page: its colours and letters are those of the page, by day and by night."""

import io
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN = 5.2
INK, RULE, ACCENT = "#010203", "#010204", "#010205"
"""Colours that stand for those of the page while a chart is drawn."""
THEME = {INK: "currentColor", RULE: "var(--rule)", ACCENT: "var(--accent)"}


def figure_of(name: str, *, height_in: float) -> tuple["Figure", "Axes"]:
    """An empty chart as wide as a column of the page.    name: another for each chart of a page."""
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


def as_svg(figure: "Figure", name: str) -> str:
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
