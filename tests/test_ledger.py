"""The ledger: what the files say and what was recorded since are seen as one table, whichever way one looks."""

from dataclasses import replace

import pytest

from pipeline.csv_files import FILES
from pipeline.errors import ManifestError
from pipeline.ledger import Ledger
from pipeline.manifest import Manifest, read, writing
from pipeline.rows import Row, cells_of

IDS = ("ga", "gb", "gc")


def a_row(id: str, **cells) -> Row:
    said = {"original_name": f"{id}.jpg", "title": "a, b", "width": 640, "status": "ok", "sha256": id * 4}
    return Row(id=id, **{**said, "shares": {"sky": 0.25, "sea": 0.5}, "keys": {"ingest": "k"}, **cells})


@pytest.fixture
def written(workspace):
    with writing(workspace) as manifest:
        for id in IDS:
            manifest.record(a_row(id))
    return workspace


def change(manifest: Manifest) -> None:
    """One of everything that can be recorded."""
    manifest.record(replace(manifest.rows["ga"], title="new", shares={"rock": 1.0}))
    manifest.drop("gb")
    manifest.record(a_row("gd", extras={"stars": "3"}))
    manifest.record(a_row("gb", title="again", shares={}))
    manifest.drop("gc")


@pytest.fixture
def journalled(written):
    """The same changes, left in the journal by a command that was killed."""
    manifest = Manifest(written)
    change(manifest)
    manifest.close()
    return written


def test_columns_are_those_of_the_rows_with_a_journal_over_them(journalled):
    lazy, made = read(journalled), read(journalled)
    rows = list(made.rows.values())

    for name in (*lazy.names, "sha256", "keys"):
        assert lazy.column(name) == cells_of(rows, name) == made.column(name)


def test_what_was_dropped_and_came_again_says_nothing_of_before(journalled):
    row = read(journalled).rows["gb"]

    assert (row.title, dict(row.shares), row.id) == ("again", {}, "gb")


def test_shares_are_those_of_the_rows_with_a_journal_over_them(journalled):
    lazy, made = read(journalled), read(journalled)
    expected = {(row.id, name, share) for row in made.rows.values() for name, share in row.shares.items()}

    assert {*lazy.shares()} == {*made.shares()} == expected


def test_arrow_says_what_the_columns_say(journalled):
    manifest = read(journalled)

    for name in manifest.names:
        assert manifest.arrow("dataset")[name].to_pylist() == manifest.column(name)
    assert manifest.arrow("provenance")["id"].to_pylist() == manifest.column("id")
    assert [*manifest.arrow("classes")["share"].to_pylist()] == ["1.000000", "0.250000", "0.500000"]


@pytest.mark.parametrize("makes_rows", [True, False])
def test_the_files_are_the_same_whether_rows_were_made_or_not(journalled, makes_rows):
    manifest = read(journalled)
    expected = read(journalled).rows
    if makes_rows:
        assert manifest.rows

    with writing(journalled):
        pass

    assert read(journalled).rows == expected
    assert [line[:2] for line in journalled.dataset_csv.read_text().splitlines()[1:]] == ["ga", "gb", "gd"]


def test_a_column_that_was_recorded_becomes_one_of_the_users_own(written):
    with writing(written) as manifest:
        manifest.record(replace(manifest.rows["ga"], extras={"stars": "3"}))

    assert (read(written).column("stars"), read(written).names[-1]) == (["3", "", ""], "stars")


def test_many_cells_are_written_at_once(written):
    with writing(written) as manifest:
        manifest.amend({"ga": {"split": "val"}, "gc": {"split": "test", "stars": "5"}})

        assert manifest.column("split") == ["val", "", "test"]

    rows = read(written).rows
    assert [rows[id].split for id in IDS] == ["val", "", "test"]
    assert rows["gc"] == a_row("gc", split="test", extras={"stars": "5"})


def test_cells_that_are_written_at_once_reach_rows_that_were_made_before(written):
    with writing(written) as manifest:
        assert manifest.rows["ga"].split == ""
        manifest.amend({"ga": {"split": "val"}})

        assert manifest.rows["ga"] == a_row("ga", split="val")


def test_a_file_of_which_nothing_changed_is_not_written(written):
    before = {kind: path.stat().st_mtime_ns for kind, path in paths(written).items()}

    with writing(written) as manifest:
        manifest.amend({"ga": {"split": "val"}})

    after = {kind: path.stat().st_mtime_ns for kind, path in paths(written).items()}
    assert [kind for kind in FILES if before[kind] != after[kind]] == ["dataset"]


def test_lines_of_other_rows_stay_as_they_stand(written):
    with writing(written) as manifest:
        manifest.record(replace(manifest.rows["gb"], title="new"))

    lines = written.dataset_csv.read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["id", *IDS]
    assert '"a, b"' in lines[1] and ",new," in lines[2]


def test_a_line_with_a_very_long_cell_is_changed(written):
    names = tuple(f"copy {number:05d} of a photo.jpg" for number in range(6000))
    with writing(written) as manifest:
        manifest.record(replace(manifest.rows["ga"], other_names=names))

    with writing(written) as manifest:
        manifest.amend({"ga": {"camera": "Acme"}})

    assert (read(written).rows["ga"].camera, read(written).rows["ga"].other_names) == ("Acme", names)


def test_a_row_that_the_user_wrote_in_by_hand_has_everything_else_empty(written):
    text = written.dataset_csv.read_text()
    written.dataset_csv.write_text(text + "gd" + "," * text.split("\n")[0].count(",") + "\n")

    with writing(written) as manifest:
        manifest.amend({"gd": {"split": "val", "sha256": "d"}})

    assert read(written).rows["gd"] == Row(id="gd", split="val", sha256="d")


def test_words_and_empty_cells_are_found_without_rows(journalled):
    manifest = read(journalled)

    assert manifest.says("title", "again").tolist() == [title == "again" for title in manifest.column("title")]
    assert manifest.filled("license").tolist() == [False] * len(manifest)
    assert manifest.usable().tolist() == [True] * len(manifest)


def test_a_column_that_nobody_has_is_no_column(written):
    with pytest.raises(KeyError):
        read(written).column("stars")


def test_lines_of_provenance_in_another_order_find_their_rows(written):
    header, *lines = written.provenance_csv.read_text().splitlines(keepends=True)
    written.provenance_csv.write_text("".join([header, *reversed(lines)]))

    assert read(written).column("sha256") == [id * 4 for id in IDS]


def test_a_reader_sees_the_moment_at_which_it_was_opened(written):
    looking, making = read(written), read(written)
    assert looking.column("title") == ["a, b"] * 3
    with writing(written) as manifest:
        manifest.record(replace(manifest.rows["ga"], title="late", sha256="late", shares={}))
        manifest.record(a_row("gz"))

    assert looking.column("sha256") == [id * 4 for id in IDS]
    assert {*looking.shares().ids} == {*IDS}
    assert [*making.rows.values()] == [a_row(id) for id in IDS]
    assert read(written).column("title") == ["late", *["a, b"] * 3]


def test_a_file_that_is_written_into_while_it_is_read_is_a_sentence(written):
    reader = read(written)
    written.provenance_csv.write_text(written.provenance_csv.read_text().replace("gagagaga", "gbgbgbgb"))

    with pytest.raises(ManifestError, match=r"provenance\.csv was changed while it was read\. Run the same command"):
        reader.column("sha256")


def test_many_cells_that_were_written_halfway_when_the_power_went_are_not_written(written):
    manifest = Manifest(written)
    manifest.amend({id: {"split": "val"} for id in IDS}, seed=7)
    manifest.close()
    whole = written.journal.read_bytes()

    for kept in range(0, len(whole), 7):
        written.journal.write_bytes(whole[:kept])
        assert (read(written).column("split"), read(written).about.seed) == (["", "", ""], 0)
    written.journal.write_bytes(whole)
    assert (read(written).column("split"), read(written).about.seed) == (["val"] * 3, 7)


def test_an_interruption_while_many_cells_are_written_leaves_all_of_them_or_none(written, monkeypatch):
    applied, apply = [], Ledger.apply

    def interrupted(ledger, entry, row=None):
        applied.append(entry)
        if len(applied) == 2:
            raise KeyboardInterrupt
        apply(ledger, entry, row)

    monkeypatch.setattr(Ledger, "apply", interrupted)
    with pytest.raises(KeyboardInterrupt), writing(written) as manifest:
        manifest.amend({id: {"split": "val"} for id in IDS}, seed=7)

    assert (read(written).column("split"), read(written).about.seed) == (["val"] * 3, 7)


def test_an_edit_while_many_cells_are_written_at_once_stays(written):
    with writing(written) as manifest:
        manifest.amend({"ga": {"split": "val"}})
        text = written.dataset_csv.read_text()
        written.dataset_csv.write_text(text.replace("gb.jpg", "renamed.jpg"))

    rows = read(written).rows
    assert (rows["ga"].split, rows["gb"].original_name) == ("val", "renamed.jpg")


def paths(workspace):
    return {"classes": workspace.classes_csv, "provenance": workspace.provenance_csv, "dataset": workspace.dataset_csv}
