"""Rules: what each turns down, whose word beats them, and that judging twice changes nothing."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from pipeline.classes import load_taxonomy
from pipeline.engine import pending, walk
from pipeline.ingest import Ingest
from pipeline.manifest import read, writing
from pipeline.rows import FAILED, OK, REJECTED, Row, from_cells, to_cells
from pipeline.rules import (
    AIR,
    BUILT,
    GROUND,
    MIN_SIDE,
    ONE_A_GROUP,
    RULES,
    Rule,
    explain,
    find_numbers,
    find_verdict,
    judge,
)
from pipeline.sources.catalogue import open_source
from pipeline.stages.edges import Edges
from pipeline.stages.order import earlier

LANDSCAPE = load_taxonomy()
PIXELS = {
    "sharpness": 0.6,
    "colourfulness": 30.0,
    "flatness": 0.05,
    "layers": 0.6,
    "icy": 0.2,
    "border": 0.0,
    "lettering": 0.0,
}
LAKE = {"sky": 0.4, "mountain": 0.2, "water": 0.3, "tree": 0.1}


def photo(shares: Mapping[str, float] = LAKE, **cells) -> Row:
    """A labelled row; what no share speaks of is unknown."""
    labels = {
        "label_file_name": "g1.png",
        "label_unknown": round(1 - sum(shares.values()), 4),
        "label_confidence": 0.9,
        "shares": shares,
    }
    known = {"status": OK, "file_name": "g1.jpg", "width": 640, "height": 480, "keys": {"ingest": "a", "label": "b"}}
    return Row(**{"id": "g1", **known, **PIXELS, **labels, **cells})


def judged(row: Row, *, keep_all: bool = False) -> Row:
    """The row after it was judged, changed or not."""
    return next(iter(judge([row], LANDSCAPE, keep_all=keep_all)), row)


# What is turned down


@pytest.mark.parametrize(
    ("row", "rule", "value"),
    [
        (photo(width=2000, height=400), "aspect", 5),
        (photo(width=400, height=2000), "aspect", 5),
        (photo(border=0.2), "border", 0.2),
        (photo(sharpness=0.12), "blur", 0.12),
        (photo(colourfulness=0.5), "grey", 0.5),
        (photo(flatness=0.9), "flat", 0.9),
        (photo(lettering=0.2), "text", 0.2),
        (photo({"sky": 0.3, "grass": 0.4}), "unknown", 0.3),
        (photo({}, icy=0.0), "unknown", 1),
        (photo({"sky": 0.5, "tree": 0.1, "building": 0.3, "structure": 0.1}), "built", 0.4),
        (photo({"sky": 0.3, "tree": 0.2, "road": 0.5}), "natural", 0.5),
        (photo({"sky": 0.9, "clouds": 0.05, "sea": 0.05}), "ground", 0.05),
        (photo(layers=0.1), "layers", 0.1),
        (photo({"bush": 0.3, "flower": 0.5, "tree": 0.2}), "close_up", 0.8),
        (photo({"grass": 1.0}), "one_class", 1),
        (photo(label_confidence=0.3), "confidence", 0.3),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_rejected_row_says_which_rule_and_the_number(row, rule, value):
    after = judged(row)

    assert (after.status, after.rule, after.rule_value) == (REJECTED, rule, value)


def test_a_landscape_passes_every_rule():
    assert judge([photo()], LANDSCAPE, keep_all=False) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_number_at_its_threshold_is_kept(rule):
    assert not rule.is_broken_by(rule.limit)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_with_another_threshold_is_broken_beyond_it_on_the_same_side(rule):
    other = rule.limited_to(7.0)
    beyond = 6.9 if rule.least is not None else 7.1

    assert (other.limit, other.is_broken_by(7.0), other.is_broken_by(beyond)) == (7.0, False, True)


@pytest.mark.parametrize("name", ["building", "structure"])
def test_a_photo_is_not_thrown_away_for_one_pixel(name):
    assert judged(photo({**LAKE, "sky": 0.4 - 1e-6, name: 1e-6})).status == OK


def test_a_forest_without_a_sky_needs_no_layers():
    assert judged(photo({"tree": 0.7, "grass": 0.3}, layers=0.05)).status == OK


def test_a_glacier_that_the_segmenter_has_no_class_for_is_a_landscape():
    assert judged(photo({"sky": 0.2, "water": 0.2}, icy=0.7)).status == OK


def test_the_colours_of_the_sky_are_not_taken_for_ice():
    after = judged(photo({"sky": 0.5, "water": 0.1}, icy=0.5))

    assert (after.rule, after.rule_value) == ("unknown", 0.4)


def test_a_walker_in_the_landscape_is_no_reason():
    assert judged(photo({"sky": 0.4, "mountain": 0.2, "water": 0.3})).status == OK


def test_every_rule_has_one_threshold_and_a_name_of_its_own():
    assert all((rule.least is None) != (rule.most is None) for rule in RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_every_class_of_landscape_is_air_ground_built_or_a_road():
    assert {*AIR, *GROUND, *BUILT, "road"} == set(LANDSCAPE.names)


def test_a_rejected_row_keeps_its_files_label_cells_and_keys():
    row = photo({"building": 1.0})

    after = judged(row)

    assert replace(after, status=OK, stage="", rule="", rule_value=None) == row


# What has no say


@pytest.mark.parametrize(
    "measure",
    [
        *("sharpness", "colourfulness", "flatness", "layers", "icy"),
        *("border", "lettering", "width", "label_confidence"),
    ],
)
def test_what_was_not_measured_has_no_say(measure):
    assert judged(photo(**{measure: None})).status == OK


def test_a_photo_without_labels_is_judged_by_its_pixels_only():
    row = photo({}, label_file_name="", label_unknown=None, label_confidence=None)

    assert (judged(row).status, judged(replace(row, sharpness=0.1)).rule) == (OK, "blur")


@pytest.mark.parametrize(
    "row",
    [
        photo({"building": 1.0}, keep="yes"),
        photo({"building": 1.0}, keep="no"),
        photo({"building": 1.0}, status=FAILED, stage="edges", error="g1 is gone"),
        photo({"building": 1.0}, file_name=""),
        photo(status=REJECTED, stage="ingest", rule="min_side", rule_value=40.0, keep="yes"),
        photo(status=REJECTED, stage="curate", rule="copy", rule_value=3.0),
    ],
    ids=["kept", "turned down by the user", "failed", "without a file", "too small", "another's"],
)
def test_a_row_is_left_as_it_is(row):
    assert judge([row], LANDSCAPE, keep_all=False) == []


def test_the_smallest_side_is_left_to_ingest():
    assert judged(photo(width=32, height=32)).status == OK


# What comes back


def test_judging_twice_changes_nothing():
    rows = [photo(), photo({"building": 1.0}), photo(sharpness=0.1), photo({"sky": 1.0})]

    once = [judged(row) for row in rows]

    assert judge(once, LANDSCAPE, keep_all=False) == []


def test_a_row_that_was_written_and_read_is_judged_the_same():
    parts = np.random.default_rng(0).dirichlet(np.ones(len(LANDSCAPE)) / 4, size=400)
    rows = [photo(dict(zip(LANDSCAPE.names, map(float, part), strict=True))) for part in parts]
    once = [judged(row) for row in rows]

    again = [
        replace(from_cells(to_cells(row)), shares={name: float(f"{share:.6f}") for name, share in row.shares.items()})
        for row in once
    ]

    assert judge(again, LANDSCAPE, keep_all=False) == []


@pytest.mark.parametrize("change", [{"keep": "yes"}, {"shares": LAKE, "label_unknown": 0.0}])
def test_a_row_that_no_rule_rejects_any_more_comes_back(change):
    row = judged(photo({"building": 1.0}))

    after = judged(replace(row, **change))

    assert (after.status, after.stage, after.rule, after.rule_value) == (OK, "", "", None)


def test_another_threshold_brings_a_row_back():
    row = judged(photo({"building": 0.3, "sky": 0.4, "tree": 0.3}))
    [built] = [rule for rule in RULES if rule.name == "built"]

    [after] = judge([row], LANDSCAPE, keep_all=False, rules=(replace(built, most=0.4),))

    assert (row.rule, after.status) == ("built", OK)


def test_a_row_changes_from_one_rule_to_another():
    row = replace(judged(photo({"building": 1.0})), sharpness=0.1)

    assert judged(row).rule == "blur"


def test_keeping_all_brings_every_row_back():
    row = judged(photo({"building": 1.0}))

    assert judged(row, keep_all=True).status == OK


def test_keeping_all_rejects_nothing():
    assert judge([photo({"building": 1.0}, sharpness=0.1)], LANDSCAPE, keep_all=True) == []


def test_a_photo_that_the_user_turned_down_after_a_rule_stays_rejected():
    row = replace(judged(photo({"building": 1.0})), keep="no")

    assert judge([row], LANDSCAPE, keep_all=True) == []


def one_of_a_group(**cells) -> Row:
    return photo(**{"status": REJECTED, "stage": "ingest", "rule": ONE_A_GROUP, "rule_value": 3.0, **cells})


@pytest.mark.parametrize("keep", ["", "yes"])
def test_what_was_rejected_for_another_of_its_group_comes_back_by_no_rule(keep):
    assert judge([one_of_a_group(keep=keep)], LANDSCAPE, keep_all=False) == []


def test_what_was_rejected_for_another_of_its_group_is_rejected_by_a_rule_that_it_breaks():
    assert judged(one_of_a_group(sharpness=0.1)).rule == "blur"


def test_every_number_of_a_row_can_be_asked_for():
    numbers = find_numbers(photo(), LANDSCAPE)

    assert (numbers["natural"], numbers["aspect"], numbers["unknown"]) == (1, 1.3333, 0)
    assert set(numbers) == {rule.name for rule in RULES}


# In words


def test_a_rule_is_explained_with_its_threshold():
    assert explain("built", min_side_px=64) == "share of buildings must be at most 0.25"


def test_the_rule_of_ingest_is_explained_with_the_size_that_the_workspace_asks_for():
    assert explain(MIN_SIDE.name, min_side_px=100) == "pixels of the shorter side must be at least 100"


def test_the_rejection_of_all_but_one_of_a_group_is_explained():
    assert explain(ONE_A_GROUP, min_side_px=64) == "another photo of its group is kept"


def test_a_rule_that_there_is_not_has_no_explanation():
    assert explain("copy", min_side_px=64) == ""


# Other taxonomies


@pytest.mark.parametrize(
    ("taxonomy", "shares"),
    [
        ("cocostuff", {"sky-other": 0.4, "mountain": 0.3, "grass": 0.3}),
        ("ade20k", {"sky": 0.4, "mountain": 0.3, "grass": 0.3}),
        ("gaugan12", {"sky-other": 0.4, "mountain": 0.3, "grass": 0.3}),
    ],
)
def test_a_landscape_passes_in_another_taxonomy(taxonomy, shares):
    assert judge([photo(shares)], load_taxonomy(taxonomy), keep_all=False) == []


@pytest.mark.parametrize(
    ("taxonomy", "shares", "rule"),
    [
        ("cocostuff", {"sky-other": 0.4, "person": 0.3, "grass": 0.3}, "people"),
        ("cocostuff", {"sky-other": 0.4, "car": 0.3, "grass": 0.3}, "unknown"),
        ("ade20k", {"sky": 0.4, "building": 0.3, "grass": 0.3}, "built"),
    ],
)
def test_another_taxonomy_is_understood(taxonomy, shares, rule):
    [after] = judge([photo(shares)], load_taxonomy(taxonomy), keep_all=False)

    assert after.rule == rule


# Among the stages


def test_no_later_stage_touches_a_rejected_row(workspace):
    stage = Edges(workspace=workspace, taxonomy=LANDSCAPE)
    rows = [judged(photo({"building": 1.0})), judged(photo(sharpness=0.1))]

    assert pending(stage, rows, earlier("edges")) == []


def test_drawn_landscapes_pass(workspace):
    with writing(workspace) as manifest:
        stage = Ingest(workspace=workspace, taxonomy=LANDSCAPE, known={})
        walk(stage, list(open_source("drawn:40")), manifest, workers=0)

    assert judge(read(workspace).rows.values(), LANDSCAPE, keep_all=False) == []


def test_the_first_rule_that_is_broken_speaks():
    rules = tuple(
        Rule(name=name, text="the width", stage="ingest", of=lambda seen: seen.row.width, most=most)
        for name, most in [("a", 1000), ("b", 500), ("c", 400)]
    )

    assert find_verdict(photo(), LANDSCAPE, rules=rules).rule.name == "b"
