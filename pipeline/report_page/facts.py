"""What the page says, read off the rows: numbers, and which photos are shown."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.findings import find_groups
from pipeline.manifest import Manifest
from pipeline.preferences import kept, rules_of
from pipeline.rows import FAILED, OK, REJECTED, SPLITS, Row
from pipeline.rules import explain
from pipeline.shares import IS_SEEN

TOGETHER = 14
"""So many classes, the most frequent ones, are looked at in pairs."""
SAMPLES, WORST = 12, 18
GROUPS, IN_A_GROUP = 8, 6
OF_A_RULE = 8
"""So many photos of a rule are shown,"""
REASONS = 30
"""and so many sentences of why photos failed."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of the flow: rows that came through, and why others did not: a word and how many."""

    name: str
    photos: int
    lost: list[tuple[str, int]]

    @property
    def before(self) -> int:
        return self.photos + sum(number for _, number in self.lost)


@dataclass(frozen=True, kw_only=True)
class ClassFact:
    """A class: its mean share of the labelled photos, of those of each split, and in how many photos it is seen."""

    name: str
    colour: str
    share: float
    by_split: dict[str, float]
    photos: int


@dataclass(frozen=True, kw_only=True)
class Together:
    """Of the photos that show one class, how many show another: shares of 1, a line a class."""

    names: list[str]
    shares: list[list[float]]


@dataclass(frozen=True, kw_only=True)
class Licence:
    name: str
    photos: int
    share: float
    refused: int
    """How many of them may not be handed on."""


@dataclass(frozen=True, kw_only=True)
class Turned:
    """Photos that were turned down for one reason; `asks` is what was asked of them."""

    reason: str
    asks: str
    photos: int
    shown: list[Row]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that the page says. The rows of `samples`, `worst`, `groups` and `turned` are shown as pictures.

    usable: those that the data set is made of.    groups: of look-alikes, the largest first; how many there are in all.
    """

    rows: int
    usable: int
    flow: list[Step]
    splits: dict[str, int]
    segmenter: str
    reviewed: int
    unknown: float
    confidence: float | None
    confidences: list[float]
    sizes: list[tuple[int, int]]
    classes: list[ClassFact]
    together: Together
    licences: list[Licence]
    samples: list[Row]
    worst: list[Row]
    groups: list[list[Row]]
    all_groups: int
    turned: list[Turned]
    failures: list[tuple[str, int]]


def collect(manifest: Manifest) -> Facts:
    """Counts, and chooses what is shown. The same rows always give the same facts."""
    rows = sorted(manifest.rows.values(), key=lambda row: row.id)
    usable = [row for row in rows if row.is_usable and row.file_name]
    labelled = [row for row in usable if row.label_file_name]
    confidences = [row.label_confidence for row in labelled if row.label_confidence is not None]
    groups = find_groups(rows)
    doubtful = [row for row in labelled if row.label_reviewed != "yes" and row.label_confidence is not None]
    return Facts(
        rows=len(rows),
        usable=len(usable),
        flow=_flow(rows),
        splits={split: sum(row.split == split for row in usable) for split in SPLITS},
        segmenter=manifest.about.segmenter,
        reviewed=sum(row.label_reviewed == "yes" for row in labelled),
        unknown=_mean(row.label_unknown or 0.0 for row in labelled),
        confidence=_mean(confidences) if confidences else None,
        confidences=confidences,
        sizes=[(row.width, row.height) for row in usable if row.width and row.height],
        classes=_classes(manifest, labelled),
        together=_together(labelled),
        licences=_licences(usable),
        samples=_spread(labelled, SAMPLES),
        worst=sorted(doubtful, key=lambda row: (row.label_confidence, row.id))[:WORST],
        groups=[members[:IN_A_GROUP] for members in groups[:GROUPS]],
        all_groups=len(groups),
        turned=_turned(manifest, rows),
        failures=Counter(row.error for row in rows if row.status == FAILED).most_common(REASONS),
    )


def _flow(rows: Sequence[Row]) -> list[Step]:
    """From what a source named to what the data set is made of."""
    steps = [Step(name="found", photos=len(rows), lost=[])]
    left = list(rows)
    for stage, name, column in (
        ("ingest", "taken in", "file_name"),
        ("label", "labelled", "label_file_name"),
        ("edges", "with edges", "edge_file_name"),
    ):
        came, left, counts = left, [], Counter()
        for row in came:
            if row.stage == stage and row.status != OK:
                counts[row.status] += 1
            elif not getattr(row, column):
                counts["waiting"] += 1
            else:
                left.append(row)
        lost = [(why, counts[why]) for why in (REJECTED, FAILED, "waiting")]
        steps.append(Step(name=name, photos=len(left), lost=[one for one in lost if one[1]]))
    wanted = [row for row in left if row.keep != "no"]
    lost = [("turned down by you", len(left) - len(wanted))] if len(wanted) < len(left) else []
    return [*steps, Step(name="in the data set", photos=len(wanted), lost=lost)]


def _classes(manifest: Manifest, labelled: Sequence[Row]) -> list[ClassFact]:
    """The most frequent first, those of no photo left out."""
    sums: dict[str, dict[str, float]] = {split: defaultdict(float) for split in SPLITS}
    photos, numbers = Counter(), Counter(row.split for row in labelled)
    for row in labelled:
        for name, share in row.shares.items():
            photos[name] += share >= IS_SEEN
            if row.split in sums:
                sums[row.split][name] += share
    found = []
    for one in manifest.taxonomy.categories:
        by_split = {split: sums[split][one.name] / numbers[split] for split in SPLITS if numbers[split]}
        total = sum(sums[split][one.name] for split in SPLITS)
        share = total / max(1, sum(numbers[split] for split in SPLITS))
        if share:
            colour = f"#{bytes(one.colour).hex()}"
            found.append(
                ClassFact(name=one.name, colour=colour, share=share, by_split=by_split, photos=photos[one.name])
            )
    return sorted(found, key=lambda one: -one.share)


def _together(labelled: Sequence[Row]) -> Together:
    seen = [{name for name, share in row.shares.items() if share >= IS_SEEN} for row in labelled]
    names = [name for name, _ in Counter(name for row in seen for name in row).most_common(TOGETHER)]
    pairs = Counter((one, other) for row in seen for one in names if one in row for other in names if other in row)
    shares = [[pairs[one, other] / pairs[one, one] for other in names] for one in names]
    return Together(names=names, shares=shares)


def _licences(usable: Sequence[Row]) -> list[Licence]:
    counts = Counter(row.license or "unknown" for row in usable)
    refused = Counter(row.license or "unknown" for row in usable if row.redistributable == "no")
    return [
        Licence(name=name, photos=photos, share=photos / len(usable), refused=refused[name])
        for name, photos in counts.most_common()
    ]


def _turned(manifest: Manifest, rows: Sequence[Row]) -> list[Turned]:
    """By each rule the photos furthest beyond its limit; then those that the user turned down."""
    by_rule: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.status == REJECTED:
            by_rule[row.rule].append(row)
    rules, min_side_px = rules_of(manifest.about), kept(manifest.about).min_side_px
    found = []
    for rule, members in sorted(by_rule.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        limit = next((one.limit for one in rules if one.name == rule), 0.0)
        members.sort(key=lambda row: (-abs((row.rule_value or 0.0) - limit), row.id))
        asks = explain(rule, min_side_px=min_side_px, rules=rules)
        shown = [row for row in members if row.file_name][:OF_A_RULE]
        found.append(Turned(reason=rule, asks=asks, photos=len(members), shown=shown))
    unwanted = [row for row in rows if row.keep == "no" and row.status != REJECTED]
    if unwanted:
        shown = [row for row in unwanted if row.file_name][:OF_A_RULE]
        found.append(Turned(reason="you", asks="keep is no", photos=len(unwanted), shown=shown))
    return found


def _spread(rows: Sequence[Row], most: int) -> list[Row]:
    """At most so many rows, one of a group, evenly spaced; ids are drawn by lot already."""
    firsts = list({row.group or row.id: row for row in reversed(rows)}.values())[::-1]
    return [firsts[index * len(firsts) // most] for index in range(most)] if len(firsts) > most else firsts


def _mean(numbers: Iterable[float]) -> float:
    found = list(numbers)
    return sum(found) / max(1, len(found))
