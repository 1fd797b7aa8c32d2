"""The report: what is there, what is missing, what failed, and the command that comes next."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pipeline.manifest import Manifest, read, writing
from pipeline.report import Filling, Rejection, Report, as_lines, report
from pipeline.rows import FAILED, GIVEN, OK, REJECTED, Row
from pipeline.workspace import Workspace, write_atomically

FILES = {
    "file_name": "images",
    "label_file_name": "labels",
    "instance_file_name": "instances",
    "edge_file_name": "edges",
}
INGESTED = ("file_name",)
LABELLED = ("file_name", "label_file_name")
BUILT = tuple(FILES)


def a_row(workspace: Workspace, id: str, columns: tuple[str, ...] = (), **cells) -> Row:
    """A row whose files in these columns are there."""
    paths = {column: workspace.made(FILES[column], id) for column in columns}
    for path in paths.values():
        write_atomically(path, b"bytes")
    names = {column: workspace.relative(path) for column, path in paths.items()}
    return Row(id=id, **{"original_name": f"{id}.jpg", "status": OK, "split": "train", "group": id, **names, **cells})


def report_of(workspace: Workspace, *rows: Row, segmenter: str = "") -> Report:
    with writing(workspace) as manifest:
        manifest.choose(segmenter=segmenter)
        for row in rows:
            manifest.record(row)
    return report(read(workspace))


def next_of(workspace: Workspace, *rows: Row) -> str:
    """The next command, without the folder to type it in."""
    return report_of(workspace, *rows).next.removesuffix(f" -C {workspace.root}")


def lines_of(found: Report, title: str) -> list[str]:
    """What stands behind a title, one line after another until the next title."""
    lines = as_lines(found)
    first = next(number for number, line in enumerate(lines) if line.startswith(title))
    rest = [lines[first][20:]]
    for line in lines[first + 1 :]:
        if not line.startswith(" " * 20):
            break
        rest.append(line[20:])
    return rest


# What is counted


def test_rows_are_counted_by_how_far_they_got(workspace):
    found = report_of(
        workspace,
        a_row(workspace, "ga", INGESTED),
        a_row(workspace, "gb", status=REJECTED, stage="ingest", rule="min_side", rule_value=20.0),
        a_row(workspace, "gc", status=FAILED, stage="ingest", error="gc.jpg is empty: 0 bytes"),
        a_row(workspace, "gd", status=FAILED, stage="ingest", error="gd.jpg is a GIF"),
    )

    assert (found.rows, found.ok, found.rejected, found.failed) == (4, 1, 1, 2)


def test_rows_that_the_user_turned_down_are_counted_beside_the_others(workspace):
    found = report_of(workspace, a_row(workspace, "ga", INGESTED), a_row(workspace, "gb", INGESTED, keep="no"))

    assert (found.ok, found.kept_out) == (2, 1)
    assert as_lines(found)[0] == f"{'photos':<20}2: 2 ok (1 kept out by keep=no)"


def test_every_column_of_files_says_how_full_it_is(workspace):
    found = report_of(
        workspace,
        a_row(workspace, "ga", BUILT),
        a_row(workspace, "gb", LABELLED),
        a_row(workspace, "gc", INGESTED),
        a_row(workspace, "gd", INGESTED, status=FAILED, stage="label", error="gd.jpg shows nothing"),
        a_row(workspace, "ge", status=FAILED, stage="ingest", error="ge.jpg is empty: 0 bytes"),
        a_row(workspace, "gf", INGESTED, keep="no"),
    )

    assert found.columns == [
        Filling(column="file_name", stage="ingest", filled=5, pending=0, failed=1),
        Filling(column="label_file_name", stage="label", filled=2, pending=1, failed=2),
        Filling(column="instance_file_name", stage="edges", filled=1, pending=1, failed=2),
        Filling(column="edge_file_name", stage="edges", filled=1, pending=1, failed=2),
    ]


def test_splits_and_groups_are_counted_of_the_photos_that_can_be_used(workspace):
    found = report_of(
        workspace,
        a_row(workspace, "ga", INGESTED),
        a_row(workspace, "gb", INGESTED, group="ga"),
        a_row(workspace, "gc", INGESTED, split="val"),
        a_row(workspace, "gd", INGESTED, split="val", keep="no"),
        a_row(workspace, "ge", INGESTED, split="test", status=FAILED, stage="label", error="ge.jpg shows nothing"),
    )

    assert (found.splits, found.groups) == ({"train": 2, "val": 1, "test": 0}, 2)


def test_photos_that_have_no_group_yet_are_no_group(workspace):
    found = report_of(workspace, a_row(workspace, "ga", INGESTED, group="", split=""))

    assert found.groups == 0


def test_shares_are_means_over_the_labelled_photos(workspace):
    found = report_of(
        workspace,
        a_row(workspace, "ga", LABELLED, shares={"sky": 1.0}, label_unknown=0.0),
        a_row(workspace, "gb", LABELLED, shares={"sky": 0.25, "water": 0.25}, label_unknown=0.5),
        a_row(workspace, "gc", INGESTED),
        a_row(workspace, "gd", LABELLED, shares={"sea": 1.0}, keep="no"),
    )

    assert (found.shares, found.unknown) == ({"sky": 0.625, "water": 0.125}, 0.25)


def test_failures_are_told_in_their_sentences(workspace):
    found = report_of(workspace, a_row(workspace, "ga", status=FAILED, stage="ingest", error="ga.jpg is a GIF"))

    assert found.failures == ["ga.jpg is a GIF"]


def test_failures_stand_in_the_order_of_their_sentences(workspace):
    failed = {"status": FAILED, "stage": "ingest"}

    found = report_of(
        workspace, a_row(workspace, "ga", error="b", **failed), a_row(workspace, "gb", error="a", **failed)
    )

    assert found.failures == ["a", "b"]


def test_rejections_are_counted_by_rule_and_say_what_the_rule_asks(workspace):
    rules = {"ga": "built", "gb": "min_side", "gc": "min_side", "gd": "one_of_yesterday"}

    found = report_of(workspace, *(a_row(workspace, id, status=REJECTED, rule=rule) for id, rule in rules.items()))

    assert found.rejections == [
        Rejection(rule="min_side", photos=2, asks="pixels of the shorter side must be at least 64"),
        Rejection(rule="built", photos=1, asks="share of buildings must be at most 0.25"),
        Rejection(rule="one_of_yesterday", photos=1, asks=""),
    ]
    assert lines_of(found, "rejected") == [
        "2 by the rule min_side: pixels of the shorter side must be at least 64",
        "1 by the rule built: share of buildings must be at most 0.25",
        "1 by the rule one_of_yesterday",
    ]


def test_a_rejection_by_size_names_the_size_that_the_workspace_asks_for(workspace):
    with writing(workspace) as manifest:
        manifest.choose(parameters={"label": {"min_side_px": "100"}})

    found = report_of(workspace, a_row(workspace, "ga", status=REJECTED, rule="min_side"))

    assert lines_of(found, "rejected") == ["1 by the rule min_side: pixels of the shorter side must be at least 100"]


def test_reviewed_label_maps_are_counted_and_doubts_of_the_others(workspace):
    found = report_of(
        workspace,
        a_row(workspace, "ga", LABELLED, flags="little_sky no_tree"),
        a_row(workspace, "gb", LABELLED, flags="little_sky"),
        a_row(workspace, "gc", LABELLED, flags="little_sky", label_reviewed="yes"),
        a_row(workspace, "gd", LABELLED, flags="no_tree", keep="no"),
    )

    assert (found.reviewed, found.doubts) == (1, {"little_sky": 2, "no_tree": 1})
    assert lines_of(found, "reviewed") == ["1"]
    assert lines_of(found, "doubts") == ["little_sky 2, no_tree 1"]


def test_rows_that_are_only_in_the_journal_count(workspace):
    report_of(workspace, a_row(workspace, "ga", LABELLED, shares={"sky": 1.0}))
    manifest = Manifest(workspace)
    manifest.record(a_row(workspace, "gb", LABELLED, shares={"sea": 1.0}, split="val"))
    manifest.close()

    found = report(read(workspace))

    assert (found.rows, found.splits, found.shares) == (2, {"train": 1, "val": 1, "test": 0}, {"sky": 0.5, "sea": 0.5})


@pytest.mark.parametrize("column", FILES)
def test_a_file_that_is_gone_is_named(workspace, column):
    row = a_row(workspace, "gab", BUILT)
    workspace.resolve(getattr(row, column)).unlink()

    assert report_of(workspace, row).missing_files == [getattr(row, column)]


def test_a_file_outside_the_workspace_is_none_of_it_and_the_others_are_looked_at(workspace, tmp_path):
    row = a_row(workspace, "gab", INGESTED)
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    workspace.resolve(row.file_name).unlink()
    (workspace.root / row.file_name).symlink_to(tmp_path / "secret.jpg")

    assert report_of(workspace, row, a_row(workspace, "gbc", INGESTED)).missing_files == [row.file_name]


def test_runs_are_named(workspace):
    (workspace.runs / "0001-tiny").mkdir(parents=True)
    (workspace.runs / "0001-tiny" / "config.toml").touch()

    assert report_of(workspace).runs == ["runs/0001-tiny"]


# What comes next


def test_in_the_workspace_itself_the_next_command_names_no_folder(workspace, monkeypatch):
    workspace.root.mkdir()
    monkeypatch.chdir(workspace.root)

    assert report_of(Workspace(root=Path())).next == "gauganpipe label ./photos"


@pytest.mark.parametrize(
    ("columns", "cells", "command"),
    [
        ((), {"status": FAILED, "stage": "ingest", "error": "is empty"}, "gauganpipe label ./photos"),
        ((), {"status": REJECTED, "stage": "ingest", "rule": "min_side"}, "gauganpipe label ./photos"),
        (INGESTED, {}, "gauganpipe label"),
        (LABELLED, {}, "gauganpipe build-edges"),
        (LABELLED, {"keep": "no"}, "gauganpipe label ./photos"),
        (LABELLED, {"status": FAILED, "stage": "edges", "error": "is odd"}, "gauganpipe label ./photos"),
        (BUILT, {"status": REJECTED, "stage": "label", "rule": "built"}, "gauganpipe label ./photos"),
        (BUILT, {}, "gauganpipe train"),
    ],
)
def test_the_next_command_makes_what_is_not_there(workspace, columns, cells, command):
    row = a_row(workspace, "gab", columns, **cells)

    assert next_of(workspace, row) == command


def test_without_rows_the_next_command_brings_photos(workspace):
    assert next_of(workspace) == "gauganpipe label ./photos"


def test_after_a_run_the_next_command_paints_a_split_that_has_photos(workspace):
    (workspace.runs / "0001-tiny").mkdir(parents=True)
    (workspace.runs / "0001-tiny" / "config.toml").touch()

    assert next_of(workspace, a_row(workspace, "gab", BUILT)) == "gauganpipe generate --split train"


def test_labels_come_before_edges(workspace):
    rows = (a_row(workspace, "ga", LABELLED), a_row(workspace, "gb", INGESTED))

    assert next_of(workspace, *rows) == "gauganpipe label"


@pytest.mark.parametrize(
    ("column", "command"),
    [
        ("file_name", "gauganpipe label ./photos"),
        ("label_file_name", "gauganpipe label"),
        ("instance_file_name", "gauganpipe build-edges"),
        ("edge_file_name", "gauganpipe build-edges"),
    ],
)
def test_a_file_that_is_gone_is_made_again_by_the_next_command(workspace, column, command):
    row = a_row(workspace, "gab", BUILT)
    workspace.resolve(getattr(row, column)).unlink()

    assert next_of(workspace, row) == command


def test_a_photo_that_is_gone_comes_back_before_it_is_labelled(workspace):
    row = a_row(workspace, "gab", INGESTED)
    workspace.resolve(row.file_name).unlink()

    assert next_of(workspace, row) == "gauganpipe label ./photos"


def test_a_label_map_that_was_given_comes_back_with_its_photo(workspace):
    row = a_row(workspace, "gab", BUILT, keys={"label": GIVEN})
    workspace.resolve(row.label_file_name).unlink()

    assert next_of(workspace, row) == "gauganpipe label ./photos"


@pytest.mark.parametrize("cells", [{"keep": "no"}, {"status": FAILED, "stage": "label", "error": "shows nothing"}])
def test_no_command_is_named_that_would_make_nothing(workspace, cells):
    row = a_row(workspace, "gab", BUILT, **cells)
    workspace.resolve(row.label_file_name).unlink()

    assert next_of(workspace, row, a_row(workspace, "gac", BUILT)) == "gauganpipe train"


# As lines


def test_a_finished_workspace_reads_like_this(workspace):
    shares = {"sky": 0.5, "water": 0.375, "rock": 0.0001}
    rows = [a_row(workspace, "ga", BUILT, shares=shares, label_unknown=0.1249), a_row(workspace, "gb", BUILT)]
    rows[1] = replace(rows[1], split="val", shares=shares, label_unknown=0.1249)

    assert as_lines(report_of(workspace, *rows, segmenter="maps:./maps")) == [
        "photos              2: 2 ok",
        "",
        "column                filled  pending  failed",
        "file_name                  2        0       0",
        "label_file_name            2        0       0",
        "instance_file_name         2        0       0",
        "edge_file_name             2        0       0",
        "",
        "splits              train 1, val 1, test 0 (2 groups)",
        "licences            unknown 2",
        "segmenter           maps:./maps",
        "classes             sky 50.0%, water 37.5%, unknown 12.5%",
        "",
        f"next                gauganpipe train -C {workspace.root}",
    ]


def test_rejected_and_failed_rows_are_named_in_the_first_line(workspace):
    found = report_of(
        workspace,
        a_row(workspace, "gb", status=REJECTED, stage="ingest", rule="min_side", rule_value=20.0),
        a_row(workspace, "gc", status=FAILED, stage="ingest", error="gc.jpg is empty: 0 bytes"),
    )

    assert lines_of(found, "photos") == ["2: 0 ok, 1 rejected, 1 failed"]
    assert lines_of(found, "rejected") == ["1 by the rule min_side: pixels of the shorter side must be at least 64"]
    assert lines_of(found, "failed") == ["gc.jpg is empty: 0 bytes"]


def test_of_many_failures_the_first_ten_are_shown_and_the_rest_counted(workspace):
    rows = [a_row(workspace, f"g{n:02d}", status=FAILED, stage="ingest", error=f"{n:02d} is a GIF") for n in range(13)]

    assert lines_of(report_of(workspace, *rows), "failed") == [*(f"{n:02d} is a GIF" for n in range(10)), "and 3 more"]


def test_every_failure_is_in_the_json(workspace):
    rows = [a_row(workspace, f"g{n:02d}", status=FAILED, stage="ingest", error=f"{n:02d} is a GIF") for n in range(13)]

    assert len(asdict(report_of(workspace, *rows))["failures"]) == 13
