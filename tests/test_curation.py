"""`gauganpipe curate`: what it finds, what it rejects and takes back, what it keeps, and what it leaves alone."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import preferences
from pipeline.classes import load_taxonomy
from pipeline.console import Console
from pipeline.curation import Curated, Curating, curate, plan
from pipeline.engine import walk
from pipeline.errors import GauganpipeError, ManifestError
from pipeline.findings import ACROSS, CAPTION_LETTERS, SHOWN, TILE_PX
from pipeline.images import encode_photo
from pipeline.ingest import Ingest
from pipeline.manifest import About, read, writing
from pipeline.preferences import decide_rules, keeps_one_a_group, rules_of
from pipeline.rows import FAILED, OK, REJECTED, Row
from pipeline.rules import MIN_SIDE, ONE_A_GROUP, RULES
from pipeline.sources.catalogue import open_source
from pipeline.workspace import Workspace, write_atomically

QUIET = Console(quiet=True)
GOOD = {
    "sharpness": 0.6,
    "colourfulness": 30.0,
    "flatness": 0.05,
    "layers": 0.6,
    "icy": 0.2,
    "border": 0.0,
    "lettering": 0.0,
}


def a_photo(id: str, **cells) -> Row:
    """A row that breaks no rule, of a photo that resembles no other."""
    bits = np.random.default_rng(list(id.encode())).bytes(64).hex()
    known = {"original_name": f"{id}.jpg", "file_name": f"data/images/{id[1:3]}/{id}.jpg", "status": OK}
    measured = {"width": 640, "height": 480, "dhash": bits[:64], "dhash_mirror": bits[64:], "added": 1, **GOOD}
    return Row(id=id, **{**known, **measured, **cells})


def filled(workspace: Workspace, *rows: Row) -> Workspace:
    with writing(workspace) as manifest:
        for row in rows:
            manifest.record(row)
    return workspace


def files_of(workspace: Workspace) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(workspace.root.rglob("*")) if path.is_file()}


def broken(found: Curated, rule: str):
    return next(one for one in found.rules if one.rule == rule)


def rows_of(workspace: Workspace) -> dict[str, Row]:
    return read(workspace).rows


# What is found


def test_a_dry_run_tells_how_many_photos_break_each_rule_and_names_the_three_worst(workspace):
    blurred = [a_photo(f"gb{number}", sharpness=0.1 + number / 100) for number in range(5)]
    filled(workspace, a_photo("ga"), *blurred, a_photo("gc", border=0.5))

    found = plan(workspace, Curating(), console=QUIET)

    assert (broken(found, "blur").photos, broken(found, "border").photos, broken(found, "text").photos) == (5, 1, 0)
    assert [(one.name, one.value) for one in broken(found, "blur").worst] == [
        ("gb0.jpg", 0.1),
        ("gb1.jpg", 0.11),
        ("gb2.jpg", 0.12),
    ]
    assert (found.photos, found.rejected, found.newly_rejected) == (7, 6, 6)


def test_of_a_rule_with_a_highest_number_the_highest_is_the_worst(workspace):
    filled(workspace, a_photo("ga", border=0.1), a_photo("gb", border=0.4))

    worst = broken(plan(workspace, Curating(), console=QUIET), "border").worst

    assert [one.id for one in worst] == ["gb", "ga"]


def test_a_photo_counts_for_every_rule_that_it_breaks_and_is_rejected_once(workspace):
    filled(workspace, a_photo("ga", sharpness=0.1, border=0.4), a_photo("gb"))

    found = plan(workspace, Curating(), console=QUIET)

    assert (broken(found, "blur").photos, broken(found, "border").photos, found.rejected) == (1, 1, 1)


def test_all_rules_but_that_of_ingest_are_told_with_what_they_ask(workspace):
    found = plan(filled(workspace, a_photo("ga")), Curating(), console=QUIET)

    assert [(one.rule, one.asks, one.limit) for one in found.rules] == [
        (rule.name, rule.sentence, rule.limit) for rule in RULES if rule is not MIN_SIDE
    ]


def test_groups_are_told_the_largest_first_with_the_photo_that_would_stay(workspace):
    same = a_photo("ga").dhash
    filled(
        workspace,
        a_photo("ga"),
        *(a_photo(f"gb{number}", dhash=same, width=641 + number) for number in range(2)),
        a_photo("gc"),
        a_photo("gd", dhash=a_photo("gc").dhash),
    )

    found = plan(workspace, Curating(), console=QUIET)

    assert [(group.photos, group.stays) for group in found.groups] == [(3, "gb1.jpg"), (2, "gc.jpg")]


def test_a_dry_run_writes_nothing(workspace):
    filled(workspace, a_photo("ga", sharpness=0.1), a_photo("gb"))
    before = files_of(workspace)

    plan(workspace, Curating(rules=("blur=0.9",), one_a_group=True, keep_all=False), console=QUIET)

    assert files_of(workspace) == before


def test_a_dry_run_tells_what_curating_then_does(workspace):
    same = a_photo("ga").dhash
    filled(workspace, a_photo("ga"), a_photo("gb", dhash=same), a_photo("gc", sharpness=0.1), a_photo("gd"))
    asked = Curating(one_a_group=True)

    told, done = plan(workspace, asked, console=QUIET), curate(workspace, asked, console=QUIET)

    assert replace(told, is_dry_run=False, next="") == replace(done, next="")


def test_the_command_that_does_it_comes_next(workspace):
    asked = Curating(rules=("blur=0.3",), keep_all=False, one_a_group=True)

    found = plan(filled(workspace, a_photo("ga")), asked, console=QUIET)

    expected = f"gauganpipe curate --rule blur=0.3 --use-rules --one-a-group -C {workspace.root}"
    assert found.next == expected


def test_lines_say_what_a_person_asks(workspace):
    same = a_photo("ga").dhash
    filled(workspace, a_photo("ga"), a_photo("gb", dhash=same), a_photo("gc", sharpness=0.1))

    lines = plan(workspace, Curating(rules=("text=off",)), console=QUIET).lines()

    assert "blur                         1  sharpness of the edges must be at least 0.2" in lines
    assert "                                0.1 gc.jpg" in lines
    assert "text                       off  share under lines of text must be at most 0.015" in lines
    assert "groups                       1  of 2 photos that belong together" in lines
    assert "                                2, the best is ga.jpg" in lines
    assert "would reject 1 of 3 photos: 1 newly, 0 taken back" in lines


def test_what_is_found_is_one_json_object(workspace, capsys):
    found = plan(filled(workspace, a_photo("ga", sharpness=0.1)), Curating(sheets=workspace.root), console=QUIET)

    Console(as_json=True).show_json(found)

    said = json.loads(capsys.readouterr().out)
    assert set(said) == set(asdict(found))
    assert said["rules"][2]["worst"] == [{"id": "ga", "name": "ga.jpg", "value": 0.1}]


# What is done


def test_curating_rejects_what_breaks_a_rule_and_groups_the_others(workspace):
    filled(workspace, a_photo("ga", sharpness=0.1), a_photo("gb"), a_photo("gc", dhash=a_photo("gb").dhash))

    done = curate(workspace, Curating(), console=QUIET)

    rows = rows_of(workspace)
    assert (rows["ga"].status, rows["ga"].rule, rows["ga"].rule_value) == (REJECTED, "blur", 0.1)
    assert (rows["gb"].group, rows["gc"].group) == ("gb", "gb")
    assert (done.newly_rejected, done.rejected) == (1, 1)


@pytest.mark.parametrize(
    "asked", [Curating(), Curating(rules=("blur=0.7",), one_a_group=True), Curating(keep_all=True)]
)
def test_a_second_run_changes_nothing(workspace, asked):
    same = a_photo("ga").dhash
    filled(workspace, a_photo("ga"), a_photo("gb", dhash=same, sharpness=0.9), a_photo("gc", border=0.4), a_photo("gd"))
    curate(workspace, asked, console=QUIET)
    before = files_of(workspace)

    again = curate(workspace, Curating(), console=QUIET)

    assert files_of(workspace) == before
    assert (again.newly_rejected, again.taken_back, again.moved) == (0, 0, [])


def test_a_threshold_is_kept_until_another_is_said(workspace):
    filled(workspace, a_photo("ga", sharpness=0.25), a_photo("gb", sharpness=0.5))
    curate(workspace, Curating(rules=("blur=0.3",)), console=QUIET)
    assert rows_of(workspace)["ga"].rule == "blur"

    curate(workspace, Curating(rules=("border=0.5",)), console=QUIET)
    assert rows_of(workspace)["ga"].rule == "blur"

    done = curate(workspace, Curating(rules=("blur=default",)), console=QUIET)
    assert (rows_of(workspace)["ga"].status, done.taken_back) == (OK, 1)


def test_a_rule_that_is_off_rejects_nothing(workspace):
    filled(workspace, a_photo("ga", lettering=0.4))

    done = curate(workspace, Curating(rules=("text=off",)), console=QUIET)

    assert (rows_of(workspace)["ga"].status, broken(done, "text").limit) == (OK, None)


def test_keeping_all_rejects_nothing_and_still_tells_what_breaks_the_rules(workspace):
    filled(workspace, a_photo("ga", sharpness=0.1))

    done = curate(workspace, Curating(keep_all=True), console=QUIET)

    assert (done.rejected, broken(done, "blur").photos) == (0, 1)
    assert done.lines()[-1] == "rejected 0 of 1 photo: 0 newly, 0 taken back, none by a rule, as --keep-all was said"
    assert curate(workspace, Curating(keep_all=False), console=QUIET).rejected == 1


@pytest.mark.parametrize("keep", ["yes", "no"])
def test_what_the_user_has_decided_is_left_alone(workspace, keep):
    one = a_photo("ga", sharpness=0.1, keep=keep, group="ga", split="train")
    filled(workspace, one, a_photo("gb", dhash=one.dhash, group="ga", split="train"))

    done = curate(workspace, Curating(one_a_group=True), console=QUIET)

    assert rows_of(workspace)["ga"] == one
    assert done.photos == 1


@pytest.mark.parametrize(
    "cells",
    [
        {"status": FAILED, "stage": "edges", "error": "ga is gone", "sharpness": 0.1},
        {"status": REJECTED, "stage": "ingest", "rule": MIN_SIDE.name, "rule_value": 40.0, "file_name": ""},
    ],
    ids=["failed", "too small"],
)
def test_what_failed_or_was_too_small_is_left_alone(workspace, cells):
    filled(workspace, a_photo("ga", group="ga", split="train", **cells), a_photo("gb"))

    done = curate(workspace, Curating(), console=QUIET)

    assert (done.photos, rows_of(workspace)["ga"]) == (1, a_photo("ga", group="ga", split="train", **cells))


def test_one_a_group_keeps_the_best_until_all_are_wanted_again(workspace):
    same = a_photo("ga").dhash
    filled(workspace, a_photo("ga"), a_photo("gb", dhash=same, width=900), a_photo("gc"))

    curate(workspace, Curating(one_a_group=True), console=QUIET)
    assert {id: row.rule for id, row in rows_of(workspace).items()} == {"ga": ONE_A_GROUP, "gb": "", "gc": ""}

    curate(workspace, Curating(), console=QUIET)
    assert rows_of(workspace)["ga"].rule == ONE_A_GROUP

    done = curate(workspace, Curating(one_a_group=False), console=QUIET)
    assert ({row.status for row in rows_of(workspace).values()}, done.taken_back) == ({OK}, 1)


def test_when_the_best_of_a_group_breaks_a_rule_the_next_one_takes_its_place(workspace):
    same = a_photo("ga").dhash
    filled(workspace, a_photo("ga"), a_photo("gb", dhash=same, width=900, sharpness=0.3), a_photo("gc"))
    curate(workspace, Curating(one_a_group=True), console=QUIET)

    curate(workspace, Curating(rules=("blur=0.5",)), console=QUIET)

    assert {id: row.rule for id, row in rows_of(workspace).items()} == {"ga": "", "gb": "blur", "gc": ""}


def test_a_photo_that_moves_to_another_split_is_told(workspace):
    old = [a_photo("ga", group="ga", split="train"), a_photo("gb", group="gb", split="val", added=2)]
    moment = {"camera": "Acme One", "captured_at": "2019-07-04T12:00:10"}
    filled(workspace, *(replace(row, **moment) for row in old), a_photo("gc", added=3, **moment))

    done = curate(workspace, Curating(), console=QUIET)

    assert done.moved == ["gb.jpg"]
    assert "moved gb.jpg: a new photo joined two groups" in done.lines()


@pytest.mark.parametrize("function", [curate, plan])
def test_without_a_manifest_it_says_how_to_make_one(workspace, function):
    with pytest.raises(ManifestError, match="Make one: gauganpipe label"):
        function(workspace, Curating(), console=QUIET)

    assert not workspace.root.exists()


# What it is told


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("blurr=0.3", r"there is no rule 'blurr'. The rules are aspect, border, blur, "),
        ("=0.3", "there is no rule ''"),
        ("blur", "the rule blur is told nothing. Say a number, off or default, as --rule blur=0.5"),
        ("blur=", "the rule blur is told nothing"),
        ("blur=soft", "the rule blur is told 'soft'"),
        ("blur=nan", "the rule blur is told 'nan'"),
        ("blur=-1", "the rule blur is told '-1'"),
        ("min_side=40", "min_side is told with --min-side PX of gauganpipe label"),
    ],
)
def test_what_is_no_rule_or_no_number_is_refused_and_changes_nothing(workspace, said, answer):
    filled(workspace, a_photo("ga"))
    before = files_of(workspace)

    with pytest.raises(GauganpipeError, match=answer):
        curate(workspace, Curating(rules=("border=0.5", said)), console=QUIET)

    after = files_of(workspace)
    assert {path: after[path] for path in before} == before


def test_where_nothing_was_said_the_rules_are_those_of_the_table():
    assert rules_of(About()) == RULES
    assert decide_rules(About(), ()) == About()
    assert not keeps_one_a_group(About())


def test_what_was_said_of_rules_does_not_touch_what_was_said_of_labelling():
    about = preferences.decide(About(), preferences.Asked(quality="best"))

    told = decide_rules(decide_rules(about, ["blur=0.3", "text = off"]), ["blur=default"], one_a_group=True)

    assert preferences.kept(told) == preferences.kept(about)
    assert [rule.name for rule in RULES if rule not in rules_of(told)] == ["text"]
    assert keeps_one_a_group(told)


def test_a_threshold_that_somebody_has_spoilt_in_the_file_is_named():
    about = About(parameters={"curate": {"blur": "soft"}})

    with pytest.raises(ManifestError, match="blur of curate is 'soft', expected a number or off"):
        rules_of(about)


def test_a_rule_of_another_version_is_overlooked():
    assert rules_of(About(parameters={"curate": {"smell": "0.5"}})) == RULES


# Contact sheets


def with_pictures(workspace: Workspace, *rows: Row) -> Workspace:
    for number, row in enumerate(rows):
        pixels = np.full((30, 40, 3), (20 + number) % 256, np.uint8)
        write_atomically(workspace.root / row.file_name, encode_photo(pixels))
    return filled(workspace, *rows)


def test_every_broken_rule_gets_a_sheet_the_worst_first(workspace, tmp_path):
    rows = [a_photo(f"g{number:03}", sharpness=0.1 - number / 1000) for number in range(SHOWN + 5)]
    with_pictures(workspace, *rows, a_photo("gz"))

    found = plan(workspace, Curating(sheets=tmp_path / "sheets"), console=QUIET)

    [sheet] = found.sheets
    assert (sheet.name, f"sheet {sheet}" in found.lines()) == ("blur.jpg", True)
    with Image.open(sheet) as image:
        # Lines of pictures 3 to 4, each with a caption an eighth as high as the tile is wide.
        lines = SHOWN // ACROSS
        assert image.width > ACROSS * TILE_PX
        assert lines * TILE_PX * 3 // 4 < image.height < lines * TILE_PX
        first = image.getpixel((TILE_PX // 2, TILE_PX // 2))
    assert first[0] == pytest.approx(20 + SHOWN + 4, abs=3)


def test_groups_get_a_sheet_with_a_line_each(workspace, tmp_path):
    rows = [a_photo(f"g{name}{copy}", dhash=a_photo(f"g{name}").dhash) for name in "ab" for copy in "123"]
    with_pictures(workspace, *rows)

    [sheet] = plan(workspace, Curating(sheets=tmp_path / "sheets"), console=QUIET).sheets

    assert sheet.name == "groups.jpg"
    with Image.open(sheet) as image:
        assert 2 * TILE_PX * 3 // 4 < image.height < 2 * TILE_PX


def test_a_photo_that_cannot_be_shown_is_told_and_left_out(workspace, tmp_path, capsys):
    with_pictures(workspace, a_photo("ga", sharpness=0.1))
    filled(workspace, a_photo("gb", sharpness=0.05))

    found = plan(workspace, Curating(sheets=tmp_path / "sheets"), console=Console())

    assert [sheet.name for sheet in found.sheets] == ["blur.jpg"]
    assert "gb.jpg cannot be used: gb.jpg is not there" in capsys.readouterr().err


def test_long_names_and_names_of_other_scripts_have_captions(workspace, tmp_path):
    name = "湖/" + "x" * 10 * CAPTION_LETTERS + ".jpg"
    with_pictures(workspace, a_photo("ga", sharpness=0.1, original_name=name))

    assert plan(workspace, Curating(sheets=tmp_path / "sheets"), console=QUIET).sheets


def test_nothing_broken_gets_no_sheet(workspace, tmp_path):
    with_pictures(workspace, a_photo("ga"))

    assert plan(workspace, Curating(sheets=tmp_path / "sheets"), console=QUIET).sheets == []
    assert not (tmp_path / "sheets").exists()


# From files on


def test_photos_that_were_taken_in_are_curated(workspace, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, candidate in enumerate(open_source("drawn:3")):
        (photos / f"{number}.jpg").write_bytes(candidate.read())
    with Image.open(photos / "0.jpg") as photo:
        photo.resize((photo.width // 2, photo.height // 2)).save(photos / "copy.jpg", quality=70)
        photo.convert("L").convert("RGB").save(photos / "grey.png")
    with writing(workspace) as manifest:
        stage = Ingest(workspace=workspace, taxonomy=load_taxonomy(), known={})
        walk(stage, list(open_source(str(photos))), manifest, workers=0)

    done = curate(workspace, Curating(one_a_group=True), console=QUIET)

    rules = {Path(row.original_name).name: row.rule for row in rows_of(workspace).values()}
    assert rules == {"0.jpg": "", "1.jpg": "", "2.jpg": "", "copy.jpg": ONE_A_GROUP, "grey.png": "grey"}
    assert (done.photos, done.rejected) == (5, 2)
