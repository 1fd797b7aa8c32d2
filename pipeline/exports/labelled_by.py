"""What labelled the photos, in words for cards: name, licence, digest, and the errors it is known for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.about import About
from pipeline.exports.markdown import as_code, table
from pipeline.exports.origins import most_first
from pipeline.rows import Row
from pipeline.segmenters import choices

EMBEDDED_CARD = choices.EMBEDDED_WEIGHTS.parent / "CARD.md"
TOLD = ("What it says", "How good it is", "How often each class is right", "What it cannot do")
"""The parts of that card that a user of the labels has to know."""
GIVEN = "the maps came with the photos; no network of ours made them"


def describe_models(rows: Sequence[Row], about: About) -> list[str]:
    """Markdown lines: a table of what labelled how many photos, then what is known of each network's errors."""
    lines = models_table(rows, about)
    for name in sorted({row.label_model or "unknown" for row in rows}):
        lines += _known_errors(name)
    return lines


def models_table(rows: Sequence[Row], about: About) -> list[str]:
    """Markdown lines: what labelled how many photos, most first."""
    counts = Counter(row.label_model or "unknown" for row in rows)
    cells = []
    for name, number in most_first(counts):
        confidences = [row.label_confidence for row in rows if (row.label_model or "unknown") == name]
        known = [value for value in confidences if value is not None]
        mean = f"{sum(known) / len(known):.3f}" if known else ""
        said = about.models.get(name, {})
        what = "; ".join(filter(None, (_what(name), f"digest {said['digest']}" if said.get("digest") else "")))
        cells.append((name, f"{number:,}", mean, what, _license(name, said)))
    head = ("labelled by", "photos", "mean confidence", "what it is", "licence of its weights")
    return table(head, cells, code=[0])


def _choice(name: str) -> choices.Choice | None:
    """The line of the segmenters that a name in the column label_model belongs to."""
    under = name.removesuffix(choices.OVERLAY)
    kind, colon, _ = under.partition(":")
    for one in choices.CHOICES:
        if one.family != "overlay" and (one.spec == under or (colon and one.spec.startswith(f"{kind}:"))):
            return one
    return None


def _what(name: str) -> str:
    choice = _choice(name)
    if choice is None or choice.family == "maps":
        return GIVEN
    overlaid = ", with the things that Mask R-CNN found pasted over" if name.endswith(choices.OVERLAY) else ""
    return choice.what + overlaid


def _license(name: str, said: Mapping[str, str]) -> str:
    choice = _choice(name)
    if choice is None or choice.family == "maps":
        return ""
    return said.get("license") or choice.license


def _known_errors(name: str) -> list[str]:
    choice = _choice(name)
    if choice is None or choice.family == "maps":
        return []
    if choice.spec == choices.DEFAULT:
        return ["", f"### Known errors of {as_code(name)}", "", *_told(EMBEDDED_CARD)]
    tried = "It was never run on its real weights where gauganpipe was made, and nobody measured it there."
    seen = "Nobody has measured it on photos like these where gauganpipe was made."
    return ["", f"### Known errors of {as_code(name)}", "", seen if choice.proven else tried]


def _told(card: Path) -> list[str]:
    """The told parts of a model's card, as parts of a part."""
    lines: list[str] = []
    is_told = False
    for line in card.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            is_told = line.removeprefix("## ") in TOLD
        if is_told:
            lines.append(f"##{line}" if line.startswith("## ") else line)
    return "\n".join(lines).strip().splitlines()
