"""Whose weights a run has: kept in it from its beginning, for as many runs as there were before."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import RunError
from pipeline.manifest import writing
from pipeline.run_ancestry import ancestry_of, write_ancestry
from pipeline.run_words import write_words
from pipeline.workspace import Workspace
from tests.exported import fill
from tests.exported_runs import make_run

IMPORTED = json.dumps({"files": {"generator": {"name": "G.pth", "sha256": "0"}}, "unknown": "none"})


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return fill(Workspace(root=tmp_path / "workspace"))


def test_a_run_that_began_from_nothing_knows_its_own_photos(place):
    ancestry = ancestry_of(make_run(place, "0001-spade"))

    assert [row.id for row in ancestry.trained_on] == ["g0a", "g1a", "g2a", "g4a"]
    assert [row.id for row in ancestry.validated_on] == ["g3a"]
    assert (ancestry.license, ancestry.files, ancestry.before) == ("", (), ())


def test_an_imported_run_is_under_the_licence_of_the_reference(place):
    run = make_run(place, "0001-imported")
    (run / "imported.json").write_text(IMPORTED)

    ancestry = ancestry_of(run)

    assert (ancestry.license, ancestry.files) == ("CC-BY-NC-SA-4.0", ("G.pth",))
    assert ancestry.trained_on == ancestry.validated_on == ()


def test_what_was_known_of_the_runs_before_outlives_them(place):
    first, second, third = (make_run(place, f"000{number}-spade") for number in (1, 2, 3))
    (first / "imported.json").write_text(IMPORTED)
    with writing(place) as manifest:
        manifest.record(replace(manifest.rows["g1a"], split="test", group="regrouped"))
    last = make_run(place, "0004-spade")
    for parent, child in ((first, second), (second, third), (third, last)):
        write_ancestry(child, parent)
        shutil.rmtree(parent)

    ancestry = ancestry_of(last)

    assert [one.run for one in ancestry.runs] == ["0004-spade", "0003-spade", "0002-spade", "0001-spade"]
    assert (ancestry.license, ancestry.files) == ("CC-BY-NC-SA-4.0", ("G.pth",))
    assert "g1a" not in {row.id for row in ancestry.runs[0].trained_on}
    assert ("g1a", "g1a", "CC-BY-4.0") in {(row.id, row.group, row.license) for row in ancestry.trained_on}
    assert [row.id for row in ancestry.before[0].validated_on] == ["g3a"]


def test_a_run_without_that_file_asks_the_run_that_its_words_name(place):
    parent, child = make_run(place, "0001-spade"), make_run(place, "0002-spade")
    write_words(child, {"init_from": "runs/0001-spade"})

    assert [one.run for one in ancestry_of(child).runs] == ["0002-spade", "0001-spade"]

    shutil.rmtree(parent)
    assert ancestry_of(child).license == "unknown"


@pytest.mark.parametrize("text", ["{", "[]", '{"runs": [{"run": "0001-spade"}]}'])
def test_a_damaged_ancestry_is_a_sentence(place, text):
    run = make_run(place, "0001-spade")
    (run / "ancestry.json").write_text(text)

    with pytest.raises(RunError, match=r"ancestry\.json is damaged"):
        ancestry_of(run)
