"""Differences of two manifests, row by row and column by column."""

import json
from dataclasses import replace

import pytest

from pipeline.errors import ManifestError
from pipeline.inspection import differences
from pipeline.inspection.differences import Change, compare
from pipeline.manifest import Manifest, writing
from pipeline.rows import Row
from pipeline.workspace import Workspace


def a_row(id: str, **cells) -> Row:
    return Row(id=id, **{"original_name": f"{id}.jpg", "keep": "", **cells})


@pytest.fixture
def two(tmp_path) -> tuple[Workspace, Workspace]:
    """Two workspaces: the second lacks ga, has gd, keeps gb and calls gc otherwise, and has a column of its own."""
    one, other = Workspace(root=tmp_path / "one"), Workspace(root=tmp_path / "other")
    for workspace in (one, other):
        with writing(workspace) as manifest:
            for id in ("ga", "gb", "gc"):
                manifest.record(a_row(id))
    with writing(other) as manifest:
        manifest.drop("ga")
        manifest.record(a_row("gd"))
        manifest.record(a_row("gb", keep="yes", title="kept"))
        manifest.record(replace(manifest.rows["gc"], title="lake", extras={"stars": "3"}))
    return one, other


def test_rows_and_cells_that_differ_are_told(two):
    found = compare(two[0].root, two[1].root)

    assert (found.added, found.removed, found.rows) == (["gd"], ["ga"], 2)
    assert {name: [*changes] for name, changes in found.changed.items()} == {
        "keep": [Change(id="gb", before="", after="yes")],
        "title": [Change(id="gb", before="", after="kept"), Change(id="gc", before="", after="lake")],
    }
    assert (found.columns_added, found.columns_removed) == (["stars"], [])


def test_the_other_way_round_it_is_the_other_way_round(two):
    found = compare(two[1].root, two[0].root)

    assert (found.added, found.removed, found.columns_removed) == (["ga"], ["gd"], ["stars"])
    assert [*found.changed["keep"]] == [Change(id="gb", before="yes", after="")]


def test_it_reads_like_this(two):
    assert compare(two[0].root, two[1].root).lines() == [
        *("added 1 row", "    gd", "removed 1 row", "    ga", "added the column stars", "changed 2 rows"),
        *("  title: 2", "    gb  '' -> 'kept'", "    gc  '' -> 'lake'", "  keep: 1", "    gb  '' -> 'yes'"),
    ]


@pytest.mark.parametrize("at_a_time", [1, 10_000])
def test_as_json_every_change_is_told_piece_by_piece(two, monkeypatch, at_a_time):
    monkeypatch.setattr(differences, "AT_A_TIME", at_a_time)

    said = json.loads("".join(compare(two[0].root, two[1].root).json_pieces()))

    assert said == {
        "added": ["gd"],
        "removed": ["ga"],
        "rows": 2,
        "columns_added": ["stars"],
        "columns_removed": [],
        "changed": {
            "keep": [{"id": "gb", "before": "", "after": "yes"}],
            "title": [{"id": "gb", "before": "", "after": "kept"}, {"id": "gc", "before": "", "after": "lake"}],
        },
    }
    same = json.loads("".join(compare(two[0].root, two[0].root).json_pieces()))
    assert (same["changed"], same["rows"]) == ({}, 0)


def test_a_workspace_does_not_differ_from_its_own_csv_file_or_a_copy(two, tmp_path):
    copy = Workspace(root=tmp_path / "copy")
    Manifest(two[1]).write_copy(copy)

    for other in (two[1].dataset_csv, copy.root, two[1].root):
        assert compare(two[1].root, other).lines() == ["no difference"]


def test_order_does_not_matter(two, tmp_path):
    header, *lines = two[1].dataset_csv.read_text().splitlines(keepends=True)
    shuffled = tmp_path / "shuffled.csv"
    shuffled.write_text("".join([header, *reversed(lines)]))

    assert compare(two[1].root, shuffled).lines() == ["no difference"]


def test_what_only_the_journal_says_counts(two):
    manifest = Manifest(two[0])
    manifest.record(a_row("ga", title="late"))
    manifest.close()

    found = compare(two[1].root, two[0].root)

    assert found.added == ["ga"]
    late = compare(two[0].dataset_csv, two[0].root).changed
    assert (late.keys(), [*late["title"]]) == ({"title"}, [Change(id="ga", before="", after="late")])


def test_of_many_the_first_ten_are_shown(tmp_path):
    one, other = Workspace(root=tmp_path / "one"), Workspace(root=tmp_path / "other")
    for workspace, count in ((one, 0), (other, 30)):
        with writing(workspace) as manifest:
            for number in range(count):
                manifest.record(a_row(f"g{number:02d}"))

    lines = compare(one.root, other.root).lines()

    assert (lines[0], len(lines), lines[-1]) == ("added 30 rows", 12, "    and 20 more")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nothing", None, "there is no manifest at"),
        ("a.csv", "a,b\n1,2\n", "has no column 'id'"),
        ("folder", "", "no manifest at"),
    ],
)
def test_what_is_no_manifest_is_a_sentence(two, tmp_path, name, text, said):
    path = tmp_path / name
    if text:
        path.write_text(text)
    elif text is not None:
        path.mkdir()

    with pytest.raises(ManifestError, match=said):
        compare(two[0].root, path)
