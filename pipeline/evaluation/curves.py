"""How a run was trained, from its stats.jsonl: its scores, and its losses; drawn for the page."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.report_page.svg import ACCENT, INK, as_svg, figure_of

POINTS = 200
"""Points of a curve, each the mean of what lies between it and the next."""
SCORE, LOSS = "score/", "loss/"
STROKES = ("-", "--", ":", "-.")

Curve = Sequence[tuple[float, float]]


def read_curves(run: Path) -> dict[str, Curve]:
    """Name -> points of images shown and value; nothing of a run that kept no statistics."""
    found: dict[str, list[tuple[float, float]]] = {}
    path = run / "stats.jsonl"
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            said = json.loads(line)
            for name, value in said.items():
                if name.startswith((SCORE, LOSS)) and isinstance(value, int | float):
                    found.setdefault(name, []).append((float(said["images_shown"]), float(value)))
    return {name: thinned(points, POINTS) for name, points in found.items()}


def thinned(points: Curve, most: int) -> Curve:
    """At most so many points, each the mean of its neighbourhood; a few are left as they are."""
    if len(points) <= most:
        return points
    thin = []
    for number in range(most):
        few = points[number * len(points) // most : (number + 1) * len(points) // most]
        thin.append((sum(x for x, _ in few) / len(few), sum(y for _, y in few) / len(few)))
    return thin


def draw_scores(curves: Mapping[str, Curve], *, checkpoint: int) -> str:
    """Every score on val against the images shown, and the checkpoint that is judged."""
    shown = {name.removeprefix(SCORE): points for name, points in curves.items() if name.startswith(SCORE)}
    if not any(len(points) > 1 for points in shown.values()):
        return ""
    figure, axes = figure_of("scores", height_in=2.8)
    for stroke, (name, points) in zip(STROKES, shown.items(), strict=False):
        x, y = zip(*points, strict=True)
        axes.plot(x, y, stroke, color=ACCENT, linewidth=1.6, marker="o", markersize=3, label=name.replace("_", " "))
        at = [value for place, value in points if place == checkpoint]
        if at:
            axes.plot(
                [checkpoint],
                at[:1],
                "o",
                markersize=9,
                markerfacecolor="none",
                markeredgecolor=INK,
                label="judged here",
            )
    axes.set_ylim(0, 1.1 * max(value for points in shown.values() for _, value in points))
    return _finished(figure, axes, "scores")


def draw_losses(curves: Mapping[str, Curve]) -> str:
    """Every loss against the images shown."""
    shown = {name.removeprefix(LOSS): points for name, points in curves.items() if name.startswith(LOSS)}
    shown = {name: points for name, points in shown.items() if len(points) > 1}
    if not shown:
        return ""
    figure, axes = figure_of("losses", height_in=2.8)
    for number, (name, points) in enumerate(shown.items()):
        x, y = zip(*points, strict=True)
        colour = ACCENT if number < len(STROKES) else INK
        axes.plot(x, y, STROKES[number % len(STROKES)], color=colour, linewidth=1.3, label=name)
    return _finished(figure, axes, "losses")


def _finished(figure: object, axes: object, name: str) -> str:
    axes.grid(visible=True, axis="y")
    axes.set_xlim(left=0)
    axes.set_xlabel("images shown")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return as_svg(figure, name)
