"""Rules that turn down photos which are no landscapes: one table of thresholds, and the table function that applies it.

A photo is never turned down for one pixel: the rules look at shares of the whole label map, and at what was measured
on the photo when it was taken in. All that they look at stands in the row, so another threshold needs no pixels.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from pipeline.classes import UNKNOWN, Taxonomy, fold, load_taxonomy, translate_classes
from pipeline.rows import OK, REJECTED, Row

ONE_A_GROUP = "one_a_group"
"""What rejects the others of a group of which one photo alone is kept; it looks at the whole table, not at a row."""
INGEST, LABEL = "ingest", "label"
"""The stages that make what a rule looks at; a photo that one turns down goes through no later stage."""

AIR = ("sky", "clouds", "fog")
GROUND = (
    *("mountain", "hill", "rock", "sand", "dirt", "gravel", "snow", "water", "sea", "river"),
    *("tree", "bush", "grass", "flower"),
)
"""Natural classes of `landscape` that one can stand before; with AIR all the natural ones."""
SKY = 0.15
"""Share of AIR from which on a photo has a sky."""
BUILT = ("building", "structure")
FOREST = "tree"
"""The one class that may fill a photo: in a forest."""
CLOSE = ("bush", "flower")
"""What fills a photo only when the camera is near."""
PEOPLE = ("person", "people")
"""What other taxonomies call people; `landscape` has no class for them, and counts them as unknown."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A row as the rules look at it.

    shares: class of `landscape` -> share of the photo; empty while there is no label map, and then only rules of INGEST
    look at it. unknown: share of no class, less the ice. ice: share that may be snow or ice, though it has no class.
    """

    row: Row
    shares: Mapping[str, float]
    people: float
    unknown: float
    ice: float

    def share(self, *names: str) -> float:
        return sum(self.shares.get(name, 0.0) for name in names)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One line of the table: a number of a row, and the least or the most that it may be.

    of: the number, None where it is not known; then the rule has no say. text: what the number is.
    """

    name: str
    text: str
    stage: str
    of: Callable[[Seen], float | None]
    least: float | None = None
    most: float | None = None

    @property
    def threshold(self) -> str:
        return f"at least {self.least:g}" if self.least is not None else f"at most {self.most:g}"

    @property
    def limit(self) -> float:
        return self.least if self.least is not None else self.most

    @property
    def sentence(self) -> str:
        return f"{self.text} must be {self.threshold}"

    def limited_to(self, limit: float) -> "Rule":
        """The same rule with another threshold."""
        return replace(self, least=limit) if self.least is not None else replace(self, most=limit)

    def is_broken_by(self, value: float) -> bool:
        too_little = self.least is not None and value < self.least
        return too_little or (self.most is not None and value > self.most)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The rule that turns a photo down, and the number that it looked at."""

    rule: Rule
    value: float


def _shorter_side(seen: Seen) -> float | None:
    sides = (seen.row.width, seen.row.height)
    return None if None in sides else min(sides)


def _aspect(seen: Seen) -> float | None:
    sides = (seen.row.width, seen.row.height)
    return max(sides) / min(sides) if all(sides) else None


def _layers(seen: Seen) -> float | None:
    """Of photos with a sky; in a forest, trunks may stand side by side."""
    return seen.row.layers if seen.share(*AIR) >= SKY else None


def _largest(seen: Seen) -> float:
    return max((share for name, share in seen.shares.items() if name != FOREST), default=0.0)


MIN_SIDE = Rule(name="min_side", text="pixels of the shorter side", stage=INGEST, of=_shorter_side, least=64)
"""Applied by ingest, which keeps no file of such a photo; 64 is the crop of the smallest training preset."""

RULES: tuple[Rule, ...] = (
    MIN_SIDE,
    Rule(name="aspect", text="longer side over shorter side", stage=INGEST, of=_aspect, most=4),
    Rule(name="border", text="share in a frame or bars", stage=INGEST, of=lambda seen: seen.row.border, most=0.02),
    Rule(name="blur", text="sharpness of the edges", stage=INGEST, of=lambda seen: seen.row.sharpness, least=0.2),
    Rule(name="grey", text="colourfulness", stage=INGEST, of=lambda seen: seen.row.colourfulness, least=3),
    Rule(name="flat", text="share without any grain", stage=INGEST, of=lambda seen: seen.row.flatness, most=0.65),
    Rule(name="text", text="share under lines of text", stage=INGEST, of=lambda seen: seen.row.lettering, most=0.015),
    Rule(name="people", text="share of people", stage=LABEL, of=lambda seen: seen.people, most=0.15),
    Rule(name="unknown", text="share of no class of landscapes", stage=LABEL, of=lambda seen: seen.unknown, most=0.25),
    Rule(name="built", text="share of buildings", stage=LABEL, of=lambda seen: seen.share(*BUILT), most=0.25),
    Rule(
        name="natural",
        text="share of nature",
        stage=LABEL,
        of=lambda seen: seen.share(*AIR, *GROUND) + seen.ice,
        least=0.6,
    ),
    Rule(
        name="ground",
        text="share of land and water",
        stage=LABEL,
        of=lambda seen: seen.share(*GROUND) + seen.ice,
        least=0.1,
    ),
    Rule(name="layers", text="share of colour laid out by height", stage=LABEL, of=_layers, least=0.15),
    Rule(name="close_up", text="share of near plants", stage=LABEL, of=lambda seen: seen.share(*CLOSE), most=0.5),
    Rule(
        name="one_class",
        text="share of the largest class but trees",
        stage=LABEL,
        of=_largest,
        most=0.995,
    ),
    Rule(
        name="confidence",
        text="confidence of the labels",
        stage=LABEL,
        of=lambda seen: seen.row.label_confidence,
        least=0.55,
    ),
)
"""All thresholds. A photo is turned down by the first rule that its number breaks."""


def judge(rows: Iterable[Row], taxonomy: Taxonomy, *, keep_all: bool, rules: Sequence[Rule] = RULES) -> list[Row]:
    """The rows that change when the rules are applied: newly rejected ones, and ones that no rule rejects any more.

    A rejected row keeps its files and its label cells. What the user keeps is kept, and what the user turned down, what
    failed and what ingest rejected is left as it is. What was rejected for another photo of its group comes back by no
    rule, but may be rejected by one. Applied to its own result it changes nothing.

    taxonomy: of the rows' label maps.    keep_all: no rule rejects anything.
    """
    judged = [(row, _judged(row, taxonomy, keep_all=keep_all, rules=rules)) for row in rows]
    return [after for before, after in judged if after != before]


def find_verdict(row: Row, taxonomy: Taxonomy, *, rules: Sequence[Rule] = RULES) -> Verdict | None:
    """The first rule that the row breaks, whatever the user says of it; None when there is none.

    Ingest's own rule is left out: the size that it asks for may be another one.
    """
    numbers = find_numbers(row, taxonomy, rules=rules)
    for rule in rules:
        if rule is not MIN_SIDE and rule.name in numbers and rule.is_broken_by(numbers[rule.name]):
            return Verdict(rule=rule, value=numbers[rule.name])
    return None


def find_numbers(row: Row, taxonomy: Taxonomy, *, rules: Sequence[Rule] = RULES) -> dict[str, float]:
    """Name of a rule -> what it looks at, for those rules that have a say of the row."""
    seen = _look(row, taxonomy)
    is_labelled = bool(row.label_file_name) and row.label_unknown is not None
    values = {rule.name: rule.of(seen) for rule in rules if is_labelled or rule.stage != LABEL}
    # Rounded as it stands in the row, so that verdict and number agree.
    return {name: round(value, 4) for name, value in values.items() if value is not None}


def explain(name: str, *, min_side_px: float, rules: Sequence[Rule] = RULES) -> str:
    """What the rule of this name asks of a photo, in a few words; "" when there is no such rule.

    min_side_px: the size that ingest asks for here.
    """
    if name == ONE_A_GROUP:
        return "another photo of its group is kept"
    found = next((rule for rule in rules if rule.name == name), None)
    if found is None:
        return ""
    return (replace(found, least=min_side_px) if found is MIN_SIDE else found).sentence


def _judged(row: Row, taxonomy: Taxonomy, *, keep_all: bool, rules: Sequence[Rule]) -> Row:
    is_ours = row.status == OK or (row.status == REJECTED and row.rule in [ONE_A_GROUP, *(one.name for one in RULES)])
    if not is_ours or not row.file_name or row.keep == "no" or row.rule == MIN_SIDE.name:
        return row
    is_kept = keep_all or row.keep == "yes"
    if not is_kept and (verdict := find_verdict(row, taxonomy, rules=rules)):
        cells = {"stage": verdict.rule.stage, "rule": verdict.rule.name, "rule_value": verdict.value}
        return replace(row, status=REJECTED, error="", **cells)
    if row.status == OK or row.rule == ONE_A_GROUP:
        return row
    return replace(row, status=OK, stage="", rule="", rule_value=None)


def _look(row: Row, taxonomy: Taxonomy) -> Seen:
    meanings = _meanings(taxonomy)
    # Six digits are what classes.csv keeps: a row says the same before and after it was written.
    own = {name: round(share, 6) for name, share in row.shares.items()}
    shares: dict[str, float] = {}
    for name, share in own.items():
        if meaning := meanings.get(name, ""):
            shares[meaning] = shares.get(meaning, 0.0) + share
    people = sum(share for name, share in own.items() if fold(name) in PEOPLE)
    # Many networks have no class for snow and ice: it may be what others that are pale leave over of their colours.
    pale, unknown = sum(shares.get(name, 0.0) for name in (*AIR, *BUILT, "road")), 1 - sum(shares.values())
    ice = min(unknown, max((row.icy or 0.0) - pale, 0.0))
    return Seen(row=row, shares=shares, people=people, unknown=unknown - ice, ice=ice)


@cache
def _meanings(taxonomy: Taxonomy) -> dict[str, str]:
    """Class of the taxonomy -> class of `landscape`, "" for none."""
    landscape = load_taxonomy()
    ids = translate_classes(taxonomy, landscape)
    return {name: "" if id == UNKNOWN else landscape.names[id] for name, id in zip(taxonomy.names, ids, strict=True)}
