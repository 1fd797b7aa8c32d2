"""The report: what it counts is what is there, and it is one file that needs nothing else."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib", reason="there is no matplotlib to draw with")
pytest.importorskip("jinja2", reason="there is no jinja2 to write with")

from pipeline.console import Console
from pipeline.errors import GauganpipeError, ManifestError, WorkspaceError
from pipeline.manifest import read, writing
from pipeline.report_page.charts import class_shares
from pipeline.report_page.facts import WORST, ClassFact, Step, collect
from pipeline.report_page.page import plan, write_report
from pipeline.rows import FAILED, OK, REJECTED, Row
from tests.annotated import LANDSCAPE, fill
from tests.browser import NARROW, NEEDS_BROWSER, WIDE, opened_browser, opened_page

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def browser():
    with opened_browser() as browser:
        yield browser


@pytest.fixture
def labelled(workspace, photo_of):
    """Four photos in the data set."""
    return fill(workspace, photo_of, {"ga": 0.9, "gb": 0.6, "gc": 0.7, "gd": 0.8})


@pytest.fixture
def mixed(labelled):
    """The four, and others that something has stopped."""
    with writing(labelled) as manifest:
        base = manifest.rows["ga"]
        bare = {"shares": {}, "keys": {}, "digests": {}, "group": "", "split": ""}
        stopped = {
            "ge": {"status": FAILED, "stage": "ingest", "error": "ge.jpg is <b>broken</b>", "file_name": "", **bare},
            "gf": {
                "status": REJECTED,
                "stage": "ingest",
                "rule": "min_side",
                "rule_value": 20.0,
                "file_name": "",
                **bare,
            },
            "gg": {"status": REJECTED, "stage": "label", "rule": "built", "rule_value": 0.7},
            "gh": {"status": REJECTED, "stage": "label", "rule": "built", "rule_value": 0.9},
            "gi": {"label_file_name": "", "edge_file_name": "", "label_confidence": None, "shares": {}},
            "gj": {"keep": "no"},
        }
        for id, cells in stopped.items():
            manifest.record(replace(base, **{"id": id, "original_name": f"{id}.jpg", "group": id, **cells}))
        manifest.record(replace(manifest.rows["gb"], split="val", license="CC-BY-4.0", redistributable="no"))
        manifest.record(replace(manifest.rows["gc"], label_reviewed="yes"))
    return labelled


def facts_of(workspace):
    return collect(read(workspace))


def write(workspace, out: Path | None = None):
    return write_report(workspace, out, console=QUIET)


# What is counted


def test_the_flow_tells_where_rows_were_lost(mixed):
    assert facts_of(mixed).flow == [
        Step(name="found", photos=10, lost=[]),
        Step(name="taken in", photos=8, lost=[("rejected", 1), ("failed", 1)]),
        Step(name="labelled", photos=5, lost=[("rejected", 2), ("waiting", 1)]),
        Step(name="with edges", photos=5, lost=[]),
        Step(name="in the data set", photos=4, lost=[("turned down by you", 1)]),
    ]


def test_splits_licences_and_reviews_are_those_of_the_data_set(mixed):
    facts = facts_of(mixed)

    assert facts.splits == {"train": 4, "val": 1, "test": 0}
    assert [(one.name, one.photos, one.refused) for one in facts.licences] == [("CC0-1.0", 4, 0), ("CC-BY-4.0", 1, 1)]
    assert (facts.rows, facts.usable, facts.reviewed) == (10, 5, 1)


def test_shares_are_means_and_pairs_are_of_photos_that_show_both(workspace):
    with writing(workspace) as manifest:
        for id, split, shares in (
            ("ga", "train", {"sky": 0.5, "sea": 0.5}),
            ("gb", "train", {"sky": 1.0}),
            ("gc", "val", {"sky": 0.2, "tree": 0.79, "sea": 0.005}),
        ):
            cells = {"status": OK, "split": split, "file_name": "a.jpg", "label_file_name": "a.png", "shares": shares}
            manifest.record(Row(id=id, group=id, **cells))

    facts = facts_of(workspace)

    found = {one.name: one for one in facts.classes}
    assert list(found) == ["sky", "tree", "sea"]
    assert found["sky"].share == pytest.approx(1.7 / 3)
    assert found["sky"].by_split == pytest.approx({"train": 0.75, "val": 0.2})
    assert {name: one.photos for name, one in found.items()} == {"sky": 3, "tree": 1, "sea": 1}
    assert facts.together.names == ["sky", "sea", "tree"]
    assert facts.together.shares == [pytest.approx([1, 1 / 3, 1 / 3]), [1, 1, 0], [1, 0, 1]]


def test_the_worst_are_the_least_certain_that_nobody_has_looked_at(mixed):
    assert [row.id for row in facts_of(mixed).worst] == ["gb", "gd", "ga"]


def test_what_was_rejected_is_shown_by_rule_the_furthest_beyond_first(mixed):
    turned = {one.reason: one for one in facts_of(mixed).turned}

    assert list(turned) == ["built", "min_side", "you"]
    assert [row.id for row in turned["built"].shown] == ["gh", "gg"]
    assert turned["built"].asks == "share of buildings must be at most 0.25"
    assert (turned["min_side"].photos, turned["min_side"].shown) == (1, [])


def test_look_alikes_are_shown_together(labelled):
    with writing(labelled) as manifest:
        manifest.record(replace(manifest.rows["gb"], group="ga"))

    facts = facts_of(labelled)

    assert [[row.id for row in members] for members in facts.groups] == [["ga", "gb"]]
    assert facts.all_groups == 1
    assert [row.id for row in facts.samples] == ["ga", "gc", "gd"]


# The file


def test_all_that_is_counted_stands_in_the_page(mixed):
    done = write(mixed)
    text = done.file.read_text(encoding="utf-8")

    assert done.file == mixed.root / "report.html"
    assert done.lines()[0].startswith(f"written {done.file}: 10 photos, ")
    for said in ("share of buildings must be at most 0.25", "CC-BY-4.0", "2 rejected, 1 waiting", "photos/gb.jpg"):
        assert said in text
    assert len(re.findall('src="data:image/webp;base64,', text)) == 4 + 3 + 3


def test_nothing_in_it_comes_from_elsewhere_or_runs(mixed):
    text = write(mixed).file.read_text(encoding="utf-8")

    assert "<script" not in text
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in text
    addresses = re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', text) + re.findall(r"url\((?!#)([^)]*)\)", text)
    assert addresses == []


def test_what_a_photo_is_called_is_no_markup(labelled):
    with writing(labelled) as manifest:
        name = "<img src=x onerror=alert(1)>\"'.jpg"
        manifest.record(replace(manifest.rows["ga"], original_name=name, license="<script>"))

    text = write(labelled).file.read_text(encoding="utf-8")

    assert "<img src=x" not in text
    assert "<script" not in text
    assert "&lt;img src=x" in text


def test_no_name_within_the_drawings_occurs_twice(mixed):
    ids = re.findall(r'\bid="([^"]+)"', write(mixed).file.read_text(encoding="utf-8"))

    assert len(ids) == len(set(ids))


def test_a_second_run_is_idle_and_a_change_is_written(labelled):
    first = write(labelled)
    before = first.file.stat().st_mtime_ns

    assert write(labelled).unchanged
    assert first.file.stat().st_mtime_ns == before
    with writing(labelled) as manifest:
        manifest.record(replace(manifest.rows["ga"], keep="no"))
    assert not write(labelled).unchanged


def test_a_photo_that_cannot_be_read_is_said_and_the_page_is_written(labelled):
    labelled.made("images", "gb").write_bytes(b"torn")

    done = write(labelled)

    assert done.unreadable == ["photos/gb.jpg cannot be used: gb.jpg is no JPEG that can be read to its end"]
    assert "cannot be read" in done.file.read_text(encoding="utf-8")


def test_a_photo_that_is_a_link_out_of_the_workspace_is_said_and_the_page_is_written(labelled, tmp_path):
    photo = labelled.made("images", "gb")
    photo.rename(tmp_path / "elsewhere.jpg")
    photo.symlink_to(tmp_path / "elsewhere.jpg")

    [said] = write(labelled).unreadable

    assert said.startswith("photos/gb.jpg: data/images/b/gb.jpg leads out of the workspace.")


def test_a_table_of_photos_that_nobody_has_labelled_is_a_page_too(workspace):
    with writing(workspace) as manifest:
        manifest.record(Row(id="ga", original_name="a.jpg", status=FAILED, stage="ingest", error="a.jpg is empty"))

    text = write(workspace).file.read_text(encoding="utf-8")

    assert "No photo is labelled yet." in text
    assert "a.jpg is empty" in text


def test_five_thousand_photos_are_a_small_page(labelled, tmp_path):
    with writing(labelled) as manifest:
        base = manifest.rows["ga"]
        for number in range(5000):
            cells = {"id": f"h{number:04}", "group": f"h{number // 2:04}", "label_confidence": number / 5000}
            stopped = {"status": REJECTED, "stage": "label", "rule": f"rule{number % 12}", "rule_value": 1.0}
            manifest.record(replace(base, **cells, **(stopped if number % 3 == 0 else {})))

    done = write(labelled, tmp_path / "r.html")

    assert done.megabytes < 20
    assert len(facts_of(labelled).worst) == WORST


def test_a_file_of_the_users_is_not_written_over(labelled, tmp_path):
    (tmp_path / "mine.html").write_text("mine")

    for act in (write, plan):
        with pytest.raises(WorkspaceError, match=r"mine\.html is there and is no report of ours"):
            act(labelled, tmp_path / "mine.html")
    with pytest.raises(GauganpipeError, match="is a folder"):
        write(labelled, tmp_path)

    assert (tmp_path / "mine.html").read_text() == "mine"


def test_a_plan_writes_nothing(labelled):
    assert plan(labelled) == [f"would write {labelled.root / 'report.html'} of 4 photos"]
    assert not (labelled.root / "report.html").exists()


def test_without_a_manifest_there_is_nothing_to_report(workspace):
    with pytest.raises(ManifestError, match="no manifest at"):
        write(workspace)


def test_a_bar_has_the_colour_of_its_class():
    one = ClassFact(name="sky", colour="#9ceedd", share=0.5, by_split={"train": 0.5}, photos=3)

    svg = class_shares([one])

    assert svg.startswith('<svg viewBox="0 0 ')
    assert "#9ceedd" in svg
    assert ">sky<" in svg
    assert "currentColor" in svg and "var(--rule)" in svg


# In a browser


@NEEDS_BROWSER
@pytest.mark.parametrize(("size", "dark"), [(WIDE, False), (WIDE, True), (NARROW, False)])
def test_a_browser_opens_it_without_complaint_and_asks_for_nothing(browser, mixed, size, dark):
    file = write(mixed).file

    with opened_page(browser, size=size, dark=dark) as seen:
        seen.page.goto(file.as_uri())
        loaded = seen.page.evaluate("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        paper = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")

        assert loaded
        assert seen.page.evaluate("document.documentElement.scrollWidth") == size["width"]
        assert (sum(map(int, re.findall(r"\d+", paper)[:3])) < 200) == dark
        assert [one for one in seen.requests if not one.startswith("data:")] == [file.as_uri()]
        assert seen.errors == []


def test_every_class_of_the_workspace_has_its_own_colour(labelled):
    colours = {one.name: one.colour for one in facts_of(labelled).classes}

    assert colours == {name: f"#{bytes(LANDSCAPE.categories[LANDSCAPE.id_of(name)].colour).hex()}" for name in colours}
    assert np.unique(list(colours.values())).size == len(colours)
