"""`gauganpipe manifest stats`: classes, licences, sizes and confidence, of all photos and of each split."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

from pipeline.manifest import Manifest
from pipeline.rows import SPLITS
from pipeline.shares import IS_SEEN

if TYPE_CHECKING:
    import numpy as np

WIDTH = 12
"""Letters of a column of numbers."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """How numbers spread: the least, the first quarter, the middle, the third quarter, the most, and the mean."""

    least: float
    quarter: float
    middle: float
    three_quarters: float
    most: float
    mean: float


@dataclass(frozen=True, kw_only=True)
class ClassPart:
    """A class: its mean share of the labelled photos, and in how many of them it is seen."""

    share: float
    photos: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """Photos that can be used, all of them or those of one split.

    classes: by name, in the order of the taxonomy.    unknown: mean share of no class.    width, height: pixels.
    confidence: mean probability of the winning class.    A spread is None where there are no numbers.
    """

    photos: int
    labelled: int
    reviewed: int
    groups: int
    licenses: dict[str, int]
    restricted: int
    classes: dict[str, ClassPart]
    unknown: float
    width: Spread | None
    height: Spread | None
    confidence: Spread | None


@dataclass(frozen=True, kw_only=True)
class Stats:
    """The same facts of all the photos that can be used, and of those of each split."""

    all: Part
    splits: dict[str, Part]

    def lines(self) -> list[str]:
        """A line a fact, a column a split."""
        parts = [self.all, *self.splits.values()]
        lines = [_line("", ["all", *self.splits])]
        for name in ("photos", "labelled", "reviewed", "groups"):
            lines.append(_line(name, [f"{getattr(part, name):,}" for part in parts]))
        lines += ["", _line("licences", [""] * len(parts))]
        lines += [
            _line(f"  {name}", [f"{part.licenses.get(name, 0):,}" for part in parts]) for name in self.all.licenses
        ]
        lines.append(_line("  not handed on", [f"{part.restricted:,}" for part in parts]))
        lines += ["", _line("sizes, pixels", [""] * len(parts))]
        for name in ("width", "height"):
            spreads = [getattr(part, name) for part in parts]
            lines.append(_line(f"  {name}, middle", [_number(one, "middle", "{:,.0f}") for one in spreads]))
            ends = [f"{one.least:,.0f}-{one.most:,.0f}" if one else "-" for one in spreads]
            lines.append(_line(f"  {name}, from-to", ends))
        lines += ["", _line("confidence", [""] * len(parts))]
        for word, name in (("mean", "mean"), ("lowest", "least"), ("lowest quarter", "quarter")):
            lines.append(_line(f"  {word}", [_number(part.confidence, name, "{:.3f}") for part in parts]))
        lines += ["", _line("classes, share and photos", [""] * len(parts))]
        for name in sorted(self.all.classes, key=lambda name: -self.all.classes[name].share):
            found = [part.classes.get(name, ClassPart(share=0.0, photos=0)) for part in parts]
            lines.append(_line(f"  {name}", [f"{one.share:.1%} {one.photos:>6,}" for one in found]))
        return [*lines, _line("  unknown", [f"{part.unknown:.1%} {'':>6}" for part in parts])]


def measure(manifest: Manifest) -> Stats:
    """Counts the photos that can be used: taken in, rejected by no rule, and not turned down by the user."""
    usable = manifest.usable() & manifest.filled("file_name")
    parts = {name: _part(manifest, usable & manifest.says("split", name)) for name in SPLITS}
    return Stats(all=_part(manifest, usable), splits=parts)


def _part(manifest: Manifest, chosen: "np.ndarray") -> Part:
    import numpy as np

    is_chosen = chosen.tolist()

    def cells(name: str) -> list[str]:
        return [*compress(manifest.column(name), is_chosen)]

    ids, labels = cells("id"), cells("label_file_name")
    labelled = {id for id, name in zip(ids, labels, strict=True) if name}
    lines = manifest.shares().of(labelled)
    sums, count = lines.sums(), max(len(labelled), 1)
    seen = np.bincount(lines.kinds[lines.values >= IS_SEEN], minlength=len(lines.classes)).tolist()
    photos = dict(zip(lines.classes, seen, strict=True))
    order = [name for name in manifest.taxonomy.names if name in sums]
    return Part(
        photos=len(ids),
        labelled=len(labelled),
        reviewed=cells("label_reviewed").count("yes"),
        groups=len({*cells("group")} - {""}),
        licenses=dict(Counter(name or "unknown" for name in cells("license")).most_common()),
        restricted=cells("redistributable").count("no"),
        classes={name: ClassPart(share=sums[name][0] / count, photos=photos[name]) for name in order},
        unknown=sum(_numbers(cells("label_unknown"))) / count,
        width=_spread(_numbers(cells("width"))),
        height=_spread(_numbers(cells("height"))),
        confidence=_spread(_numbers(cells("label_confidence"))),
    )


def _numbers(cells: Sequence[str]) -> list[float]:
    return [float(cell) for cell in cells if cell]


def _spread(numbers: Sequence[float]) -> Spread | None:
    import numpy as np

    if not numbers:
        return None
    least, quarter, middle, three_quarters, most = np.quantile(numbers, (0, 0.25, 0.5, 0.75, 1)).tolist()
    said = {"least": least, "quarter": quarter, "middle": middle, "three_quarters": three_quarters, "most": most}
    return Spread(**said, mean=float(np.mean(numbers)))


def _number(spread: Spread | None, name: str, form: str) -> str:
    return form.format(getattr(spread, name)) if spread else "-"


def _line(title: str, cells: Sequence[str]) -> str:
    return (f"{title:<26}" + "".join(f"{cell:>{WIDTH + 2}}" for cell in cells)).rstrip()
