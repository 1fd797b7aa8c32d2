"""The model card: a head that the hub takes, and what one should know of the model."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gaugan import checkpoint
from pipeline import model_card
from pipeline.evaluation import references
from pipeline.manifest import writing
from pipeline.model_exports import scores
from pipeline.model_exports.facts import facts_of
from pipeline.model_exports.formats import open_format
from pipeline.model_exports.history import read_history
from pipeline.run_ancestry import write_ancestry
from pipeline.workspace import Workspace
from tests.exported import fill, row_of
from tests.exported_runs import make_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(fill(Workspace(root=tmp_path / "workspace")), "0001-spade")


def card_of(run: Path) -> str:
    best = checkpoint.best(run)
    facts = facts_of(run, best, checkpoint.read_about(best))
    history = read_history(run, facts, runs=run.parent)
    return model_card.as_markdown(facts, history, open_format("safetensors")).decode()


def part(card: str, heading: str) -> str:
    return card.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def test_the_hub_reads_the_head(run):
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

    said = hub.ModelCard(card_of(run)).data.to_dict()

    assert (said["license"], said["library_name"], said["pipeline_tag"]) == ("unknown", "gauganpipe", "image-to-image")


def test_the_same_model_has_the_same_card(run):
    assert card_of(run) == card_of(run)


def test_the_photos_are_counted_by_licence_and_source(run):
    said = part(card_of(run), "Data")

    assert "It learned from 4 photos, and was judged meanwhile by 1 others." in said
    assert "| CC-BY-4.0 | 1 |  |" in said and "| unknown | 3 |  |" in said
    assert "4 may be handed on, 0 may not, and of 0 nobody wrote it down." in said


def test_the_segmenter_is_named(run):
    assert "| `embedded` | 4 | 0.750 |" in part(card_of(run), "Data")


def test_training_is_told_with_its_hours(run):
    said = part(card_of(run), "Training")

    assert "The preset `spade`" in said and "16 images shown, in 90 s." in said


def test_a_class_says_how_many_photos_show_it_and_which_nobody_saw(run):
    card = card_of(run)

    assert "| 5 | rock | `#956432` | thing |" in card
    assert part(card, "Classes").count("| 4 |\n") >= 2
    assert "No photo showed these classes, so it cannot paint them: clouds, fog," in part(card, "Limits")


def test_the_score_of_training_is_told(run):
    assert "`kernel_distance_patches` 0.0125" in part(card_of(run), "Scores")


def test_the_score_of_training_says_on_how_many_photos_it_was_taken(run):
    score = {"images_shown": 16, "score/patch_distance": 0.5, "photos": 256}
    (run / "stats.jsonl").write_text(json.dumps(score) + "\n")

    assert "In training, on 256 photos by which this checkpoint was chosen" in part(card_of(run), "Scores")


KID = {
    "metric": "kid",
    "class": "",
    "value": 0.02,
    "low": 0.01,
    "high": 0.03,
    "of": "0001-spade",
    "split": "test",
    "style": "prior",
    "pictures": 200,
    "photos": 200,
    "width": 64,
    "height": 64,
    "checkpoint": 16,
    "seed": 7,
    "judge_digest": "cafe",
}


def measured(folder: Path, *lines: dict[str, Any], torn: str = "") -> None:
    folder.mkdir()
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + torn)


def test_what_was_measured_is_told_of_this_checkpoint_alone(run):
    others = {**KID, "value": 9.9, "checkpoint": 8}, {**KID, "metric": "iou", "class": "sky"}
    measured(run / "evaluation", KID, *others, torn='{"metric": "torn')

    told = part(card_of(run), "Scores")

    assert "on 200 photos of test at 64x64\npixels, with styles of the seed 7." in told
    assert "| `kid` | 0.02 | 0.01 to 0.03 |  | prior | 200 | cafe |" in told
    assert "9.9" not in told and "iou" not in told


@pytest.mark.parametrize(
    "newer",
    [
        {"pictures": 20, "photos": 20},
        {"width": 32, "height": 32},
        {"split": "val", "pictures": 900, "photos": 900},
        {"split": "train", "pictures": 900, "photos": 900},
    ],
)
def test_the_card_tells_of_one_evaluation_and_mixes_no_other_in(run, newer):
    fewer = {**KID, **newer, "value": 9.9}
    measured(run / "evaluation", KID, fewer, {**fewer, "metric": "fid"})

    told = part(card_of(run), "Scores")

    assert "| `kid` | 0.02 |" in told and "9.9" not in told


def test_of_equal_evaluations_the_newest_is_told_and_judges_of_one_name_both(run):
    measured(run / "evaluation", KID, {**KID, "seed": 8, "value": 0.5}, {**KID, "seed": 8, "judge_digest": "beef"})

    told = part(card_of(run), "Scores")

    assert "seed 8" in told and "| 0.5 | 0.01 to 0.03 |  | prior | 200 | cafe |" in told
    assert "| 0.02 | 0.01 to 0.03 |  | prior | 200 | beef |" in told


def test_how_much_pictures_of_one_map_differ_belongs_to_the_evaluation(run):
    diversity = {**KID, "metric": "diversity_net", "pictures": 192, "photos": 0, "value": 0.25}
    measured(run / "evaluation", KID, diversity, {**diversity, "pictures": 80, "value": 9.9})

    told = part(card_of(run), "Scores")

    assert "| `diversity_net` | 0.25 |" in told and "9.9" not in told


def test_scores_stand_beside_what_real_photos_have(run):
    read = {**KID, "metric": "self_consistency_mean_iou", "value": 0.4}
    real = {"of": references.REAL, "style": "", "checkpoint": None}
    measured(run / "evaluation", KID, read)
    measured(
        run.parent / "references",
        {**KID, **real, "pictures": 100, "photos": 100, "value": 0.001},
        {**read, **real, "value": 0.7},
        {**read, **real, "split": "val", "value": 9.9},
        {**read, **real, "pictures": 20, "photos": 20, "value": 9.9},
        {**read, **real, "judge_digest": "beef", "value": 9.9},
        {**read, **real, "of": references.CLASS_MEANS, "value": 9.9},
    )

    told = part(card_of(run), "Scores")

    assert scores.REAL == references.REAL
    assert "| `kid` | 0.02 | 0.01 to 0.03 | 0.001 | prior |" in told
    assert "| `self_consistency_mean_iou` | 0.4 | 0.01 to 0.03 | 0.7 | prior |" in told
    assert "9.9" not in told


def test_a_run_without_a_record_has_a_card_all_the_same(run):
    for name in ("log.txt", "stats.jsonl"):
        (run / name).unlink()

    card = card_of(run)

    assert "16 images shown." in part(card, "Training") and "Nothing else was measured." in part(card, "Scores")


def test_weights_of_the_reference_carry_their_licence(run):
    (run / "imported.json").write_text(json.dumps({"files": {"generator": {"name": "G.pth", "sha256": "0"}}}))

    card = card_of(run)

    assert 'license: "cc-by-nc-sa-4.0"' in card and "not for commercial use" in card
    assert "imported from `G.pth`" in part(card, "Training")
    assert "nothing is known here" in part(card, "Data")


def test_the_licence_stays_with_weights_that_were_trained_on(run):
    child, grandchild = (make_run(Workspace(root=run.parent.parent), name) for name in ("0002-spade", "0003-spade"))
    (run / "imported.json").write_text(json.dumps({"files": {"generator": {"name": "G.pth", "sha256": "0"}}}))
    write_ancestry(child, run)
    write_ancestry(grandchild, child)
    shutil.rmtree(run)
    shutil.rmtree(child)

    card = card_of(grandchild)

    assert 'license: "cc-by-nc-sa-4.0"' in card and "not for commercial use" in card
    assert "- `0002-spade`, trained here on 4 photos\n- `0001-spade`, imported from `G.pth`" in part(card, "Training")
    assert "What `0001-spade` learned from before that, nobody knows here." in part(card, "Data")


def test_photos_of_the_run_before_are_counted_once_and_under_their_licences(run, tmp_path):
    elsewhere = Workspace(root=tmp_path / "elsewhere")
    with writing(elsewhere) as manifest:
        manifest.record(row_of(elsewhere, "g0a", 0))
        manifest.record(row_of(elsewhere, "g9a", 9, license="CC-BY-NC-4.0", redistributable="no"))
    child = make_run(elsewhere, "0002-spade")
    write_ancestry(child, run)

    said = part(card_of(child), "Data")

    assert "It learned from 5 photos, and was judged meanwhile by 1 others. Of these, 3 were learned from only" in said
    assert "| CC-BY-NC-4.0 | 1 |  |" in said and "| CC-BY-4.0 | 1 |  |" in said
    assert "4 may be handed on, 1 may not, and of 0 nobody wrote it down." in said


def test_no_line_of_code_is_wider_than_a_page(run):
    code = card_of(run).split("```python\n")[1].split("```")[0]

    assert max(map(len, code.splitlines())) <= 120
