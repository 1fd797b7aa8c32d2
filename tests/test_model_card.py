"""The model card: a head that the hub takes, and what one should know of the model."""

import json
from pathlib import Path

import pytest

from gaugan import checkpoint
from pipeline import model_card
from pipeline.model_exports.facts import facts_of
from pipeline.model_exports.formats import open_format
from pipeline.model_exports.history import read_history
from pipeline.workspace import Workspace
from tests.exported import fill
from tests.exported_runs import make_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(fill(Workspace(root=tmp_path / "workspace")), "0001-spade")


def card_of(run: Path) -> str:
    best = checkpoint.best(run)
    facts = facts_of(run, best, checkpoint.read_about(best))
    history = read_history(run, images_shown=facts.images_shown)
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


def test_what_was_measured_is_told_of_this_checkpoint_alone(run):
    said = {"metric": "kid", "class": "", "value": 0.02, "low": 0.01, "high": 0.03, "of": "0001-spade"}
    said |= {"split": "test", "style": "prior", "pictures": 200, "width": 64, "height": 64, "checkpoint": 16}
    lines = [said, {**said, "value": 9.9, "checkpoint": 8}, {**said, "metric": "iou", "class": "sky"}]
    (run / "evaluation").mkdir()
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run / "evaluation" / "metrics.jsonl").write_text(text + '{"metric": "torn')

    told = part(card_of(run), "Scores")

    assert "| `kid` | 0.02 | 0.01 to 0.03 | test | prior | 200 | 64x64 |" in told
    assert "9.9" not in told and "iou" not in told


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


def test_no_line_of_code_is_wider_than_a_page(run):
    code = card_of(run).split("```python\n")[1].split("```")[0]

    assert max(map(len, code.splitlines())) <= 120
