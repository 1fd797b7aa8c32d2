"""Which photos of a workspace are exported, and what took the others out."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from pipeline import preferences
from pipeline.exports.dataset import Dataset
from pipeline.exports.layout import Layout
from pipeline.manifest import Manifest
from pipeline.rows import FAILED, OK, REJECTED
from pipeline.rules import ONE_A_GROUP, RULES, explain

OF_LABELLING = ("min_side_px", "max_side_px", "quality", "unknown_below", "smallest_share", "refine", "keep_all")
"""What a workspace keeps of its labelling and goes with the photos; paths on this computer do not."""
OF_RULES = (*(rule.name for rule in RULES), ONE_A_GROUP)
IMPORTED = "imported"
"""Where `About.parameters` keeps what had taken photos out of a data set before it was imported."""
MAPS = {"label_file_name": "label map", "instance_file_name": "instance map"}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The photos that go out, and how many of their splits stay behind.

    not_redistributable: because they may not be handed on.    unfinished: because they are without a map.
    without: what those are without, in words.    unsplit: all photos that could go out and are in no split.
    """

    dataset: Dataset
    not_redistributable: int
    unfinished: int
    without: str
    unsplit: int


def travelling(parameters: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Of what a workspace keeps, what goes with its photos into an export, and comes with them out of one."""
    named = {preferences.PLACE: OF_LABELLING, preferences.RULES_PLACE: sorted(OF_RULES)}
    said = {
        place: {name: parameters[place][name] for name in names if name in parameters.get(place, {})}
        for place, names in named.items()
    }
    return {place: kept for place, kept in said.items() if kept}


def choose(manifest: Manifest, layout: Layout, splits: Collection[str], *, with_restricted: bool) -> Choice:
    """Rejected and failed rows and those with keep = no stay out.

    with_restricted: photos that may not be handed on go out too.
    """
    usable = [row for _, row in sorted(manifest.rows.items()) if row.is_usable]
    allowed = [row for row in usable if with_restricted or row.redistributable != "no"]
    finished = [row for row in allowed if all(getattr(row, column) for column in layout.NEEDS)]
    rows = [row for row in finished if row.split in splits]
    unsplit = sum(not row.split for row in finished)
    without = " or ".join(words for column, words in MAPS.items() if column in layout.NEEDS)
    removed = _removed(manifest)
    removed["may not be handed on"] += len(usable) - len(allowed)
    removed[f"without {without}"] += len(allowed) - len(finished)
    removed["without a split"] += unsplit
    removed["in other splits"] += len(finished) - len(rows) - unsplit
    return Choice(
        dataset=Dataset(
            workspace=manifest.workspace,
            about=manifest.about,
            taxonomy=manifest.taxonomy,
            rows=tuple(rows),
            removed={reason: number for reason, number in sorted(removed.items(), key=_most_first) if number},
            restricted=sum(row.redistributable == "no" for row in rows),
        ),
        not_redistributable=sum(row.split in splits for row in usable) - sum(row.split in splits for row in allowed),
        unfinished=sum(row.split in splits for row in allowed) - len(rows),
        without=without,
        unsplit=unsplit,
    )


def _removed(manifest: Manifest) -> Counter[str]:
    """What took photos out before anyone thought of an export, in words -> how many."""
    rows = manifest.rows.values()
    removed = Counter({reason: int(number) for reason, number in manifest.about.parameters.get(IMPORTED, {}).items()})
    rules, min_side_px = preferences.rules_of(manifest.about), preferences.kept(manifest.about).min_side_px
    for rule, number in Counter(row.rule for row in rows if row.status == REJECTED).items():
        removed[_in_words(rule, explain(rule, min_side_px=min_side_px, rules=rules))] += number
    removed["could not be read or labelled"] += sum(row.status == FAILED for row in rows)
    removed["turned down by hand"] += sum(row.status == OK and row.keep == "no" for row in rows)
    removed["the same file under another name"] += sum(len(row.other_names) for row in rows)
    return removed


def _in_words(rule: str, asks: str) -> str:
    return f"rejected by the rule {rule}" + f": {asks}" * bool(asks)


def _most_first(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]
