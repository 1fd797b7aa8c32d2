"""The record of a run: what is told in the loop stands in its files, and what goes wrong is said, but not too often."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from gaugan.config import load_settings
from gaugan.diagnosis import Signs
from gaugan.reports import Samples, Scored, Start, Step
from pipeline.classes import load_taxonomy
from pipeline.console import Console
from pipeline.record import Record

IMAGES_IN_ALL = 20_000
WELL = Signs(images_shown=0, verdict_real=0.4, verdict_fake=-0.6, saturated=0.0, spread=0.7, waited=0.0, skipped=False)
SLOW = replace(WELL, waited=0.9)
SCORED = Scored(images_shown=400, name="kernel_distance_segmenter", value=0.12345, floor=0.456, photos=30, is_best=True)


@pytest.fixture(autouse=True)
def nobody_else_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_PROJECT", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "0001-tiny"
    folder.mkdir()
    return folder


@pytest.fixture
def record(folder: Path) -> Iterator[Record]:
    with Console().bar("train", unit="image", total=IMAGES_IN_ALL) as bar, record_in(folder, bar) as record:
        record.on_start(start())
        yield record


def record_in(folder: Path, bar: Any) -> Record:
    return Record(folder=folder, taxonomy=load_taxonomy(), settings=load_settings("tiny", ()), bar=bar)


def start(images_shown: int = 0, **other: Any) -> Start:
    told = {
        "images_shown": images_shown,
        "images_in_all": IMAGES_IN_ALL,
        "parameters": {"generator": 4_500_000},
        "edges": True,
        "device": "cpu",
        "processes": 1,
        "photos": 5,
        "photos_kept": 5,
        "perceptual": None,
        "scored_on": 0,
        "begun_from": None,
    }
    return Start(**told | other)


def step(images_shown: int, *, signs: Signs = WELL, **losses: float) -> Step:
    return Step(
        images_shown=images_shown,
        images_in_all=IMAGES_IN_ALL,
        losses=losses,
        signs=replace(signs, images_shown=images_shown),
        seconds=0.5,
        images_per_second=20.0,
        peak_memory_bytes=1_000_000,
        learning_rate=1e-4,
        skipped_steps=0,
    )


def samples(images_shown: int) -> Samples:
    pictures = torch.zeros(2, 16, 16, 3, dtype=torch.uint8)
    labels = torch.full((2, 16, 16), 255, dtype=torch.uint8)
    return Samples(images_shown=images_shown, labels=labels, photos=pictures, generated=pictures + 9)


def statistics(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def log_of(folder: Path) -> list[str]:
    """The lines of the log without the time of day."""
    return [line.partition(" ")[2] for line in (folder / "log.txt").read_text().splitlines()]


def test_losses_are_means_over_the_steps_between_two_lines(folder: Path, record: Record) -> None:
    for images_shown, real in ((5, 1.0), (10, 2.0), (20, 4.0)):
        record.on_step(step(images_shown, real=real))

    assert [(line["images_shown"], line["loss/real"]) for line in statistics(folder)] == [(10, 1.5), (20, 4.0)]


def test_a_step_that_was_skipped_has_no_part_in_the_means(folder: Path, record: Record) -> None:
    record.on_step(step(4, real=1.0))
    record.on_step(step(8))
    record.on_step(step(10, real=2.0))
    record.on_step(step(20))

    first, second = statistics(folder)
    assert first["loss/real"] == 1.5
    assert "loss/real" not in second


def test_the_log_says_what_is_trained(folder: Path, record: Record) -> None:
    assert log_of(folder) == [
        "begins: 20,000 images in all, on cpu, with edges; weights: generator 4.5 M; 5 of 5 photos kept decoded; "
        "no perceptual loss; not scored"
    ]


def test_the_log_says_on_how_many_devices_by_what_and_from_what(folder: Path) -> None:
    with Console().bar("train", unit="image", total=IMAGES_IN_ALL) as bar, record_in(folder, bar) as record:
        record.on_start(start(processes=2, perceptual="vgg19", scored_on=12, begun_from="generator of runs/0001-tiny"))

    [line] = log_of(folder)
    assert ", on 2 x cpu, " in line
    assert line.endswith("perceptual loss by vgg19; scored on 12 photos; begins with generator of runs/0001-tiny")


def test_a_score_is_a_line_of_the_statistics_and_of_the_log(folder: Path, record: Record) -> None:
    record.on_score(SCORED)

    assert statistics(folder) == [{"images_shown": 400, "score/kernel_distance_segmenter": 0.12345, "photos": 30}]
    assert log_of(folder)[-1] == (
        "score kernel_distance_segmenter 0.1235 (best so far; the classes' mean colours have 0.456)"
    )


def test_a_score_is_said_on_the_console_too(record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record.on_score(SCORED)

    assert "score kernel_distance_segmenter 0.1235 (best so far" in capsys.readouterr().err


def test_a_number_that_is_not_finite_is_null(folder: Path, record: Record) -> None:
    record.on_score(replace(SCORED, value=float("nan")))
    record.on_step(step(10, real=float("inf"), fake=0.5))

    scored, shown = statistics(folder)
    assert scored == {"images_shown": 400, "score/kernel_distance_segmenter": None, "photos": 30}
    assert (shown["loss/real"], shown["loss/fake"]) == (None, 0.5)


def test_a_score_that_is_not_the_best_is_not_called_so(folder: Path, record: Record) -> None:
    record.on_score(replace(SCORED, is_best=False))

    assert log_of(folder)[-1].endswith("0.1235 (the classes' mean colours have 0.456)")


def test_numbers_are_events_of_tensorboard_too(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Console().bar("train", unit="image", total=IMAGES_IN_ALL) as bar, record_in(folder, bar) as record:
        record.on_start(start())
        record.on_step(step(10, real=0.5))
        record.on_score(SCORED)

    events = EventAccumulator(str(folder / "events"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss/real")] == [(10, 0.5)]
    assert [event.step for event in events.Scalars("score/kernel_distance_segmenter")] == [400]


def test_what_came_after_the_checkpoint_is_written_again(folder: Path) -> None:
    for begun_at, shown in ((0, (10, 20, 30)), (20, (30, 40))):
        with Console().bar("train", unit="image", total=IMAGES_IN_ALL) as bar, record_in(folder, bar) as record:
            record.on_start(start(begun_at))
            for images_shown in shown:
                record.on_step(step(images_shown, real=1.0))

    assert [line["images_shown"] for line in statistics(folder)] == [10, 20, 30, 40]
    assert [line.split(":")[0] for line in log_of(folder)] == ["begins", "goes on at 20"]


def test_what_goes_wrong_is_said_on_the_console_and_in_the_log(
    folder: Path, record: Record, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(1, 401):
        record.on_step(step(4 * number, signs=SLOW))

    said = [line for line in capsys.readouterr().err.splitlines() if "waiting for photos" in line]
    assert len(said) == 1 and said[0].startswith("at 1,600 images: more than 30% of the time")
    assert log_of(folder)[-1] == said[0]


def test_what_was_said_is_not_said_again_before_a_tenth_of_the_run(folder: Path, record: Record) -> None:
    for number in range(1, 1001):
        record.on_step(step(4 * number, signs=SLOW))

    said = [line.split(":")[0] for line in log_of(folder) if "waiting for photos" in line]
    assert said == ["at 1,600 images", "at 3,600 images"]


def test_something_else_that_goes_wrong_is_said_at_once(folder: Path, record: Record) -> None:
    for number in range(1, 701):
        spread = 0.7 if number <= 400 else 0.0
        record.on_step(step(number, signs=replace(SLOW, spread=spread)))

    assert [line.split(":")[0] for line in log_of(folder)[1:]] == ["at 400 images", "at 700 images"]


def test_the_samples_are_animated_at_the_end(folder: Path, record: Record) -> None:
    for images_shown in (0, 400, 800):
        record.on_samples(samples(images_shown))
    (folder / "samples" / "mine.png").write_bytes(b"no sheet")

    record.on_end(800)

    with Image.open(folder / "samples" / "progress.gif") as animation:
        assert animation.n_frames == 3


def test_the_log_says_at_the_end_that_all_images_were_shown(folder: Path, record: Record) -> None:
    record.on_end(IMAGES_IN_ALL)

    assert log_of(folder)[-1] == "finished at 20,000 images"


def test_a_run_that_ends_early_says_why(folder: Path, record: Record, capsys: pytest.CaptureFixture[str]) -> None:
    record.on_end(800)

    assert log_of(folder)[-1] == "ended at 800 images, as its score got no better"
    assert "ended at 800 images" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (KeyboardInterrupt(), "interrupted at 40 images"),
        (RuntimeError("no more memory\nat line 7"), "stopped: no more memory"),
        (AssertionError(), "stopped: AssertionError"),
    ],
)
def test_what_stops_a_sitting_is_its_last_line(folder: Path, error: BaseException, line: str) -> None:
    bar = Console().bar("train", unit="image", total=IMAGES_IN_ALL)
    with pytest.raises(type(error)), bar as shown, record_in(folder, shown) as record:
        record.on_start(start())
        record.on_step(step(40, real=1.0))
        raise error

    assert log_of(folder)[-1] == line


def test_an_interruption_counts_what_the_last_checkpoint_has(folder: Path) -> None:
    (folder / "checkpoints" / "000000060").mkdir(parents=True)
    bar = Console().bar("train", unit="image", total=IMAGES_IN_ALL)
    with pytest.raises(KeyboardInterrupt), bar as shown, record_in(folder, shown) as record:
        record.on_start(start())
        record.on_step(step(40, real=1.0))
        raise KeyboardInterrupt

    assert log_of(folder)[-1] == "interrupted at 60 images"


def test_a_torn_sheet_is_left_out_and_named_in_the_log(folder: Path, record: Record) -> None:
    for images_shown in (0, 400, 800):
        record.on_samples(samples(images_shown))
    torn = folder / "samples" / "000000400.png"
    torn.write_bytes(torn.read_bytes()[:70])

    record.on_end(800)

    with Image.open(folder / "samples" / "progress.gif") as animation:
        assert animation.n_frames == 2
    assert log_of(folder)[1] == "samples/000000400.png cannot be read, so progress.gif is without it"


def test_a_run_without_samples_has_no_animation(folder: Path, record: Record) -> None:
    record.on_end(800)

    assert not list((folder / "samples").iterdir())


def test_weights_and_biases_gets_the_same_numbers_and_sheets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[dict[str, Any]] = []
    ended: list[int] = []
    run = SimpleNamespace(
        define_metric=lambda *_, **__: None, log=logged.append, finish=lambda exit_code: ended.append(exit_code)
    )
    wandb = ModuleType("wandb")
    wandb.init, wandb.Image = lambda **told: logged.append(told) or run, Path
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setenv("WANDB_PROJECT", "landscapes")

    with Console().bar("train", unit="image", total=IMAGES_IN_ALL) as bar, record_in(folder, bar) as record:
        record.on_start(start())
        record.on_samples(samples(0))
        record.on_step(step(10, real=0.5))
        record.on_score(SCORED)

    begun, *told = logged
    assert begun["config"]["data"]["crop_size"] == 64
    assert told[0] == {"images_shown": 0, "samples": folder / "samples" / "000000000.png"}
    assert told[1:] == statistics(folder)
    assert ended == [0]


def test_where_weights_and_biases_is_missing_the_log_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_PROJECT", "landscapes")
    monkeypatch.setitem(sys.modules, "wandb", None)

    with Console().bar("train", unit="image", total=IMAGES_IN_ALL) as bar, record_in(folder, bar) as record:
        record.on_start(start())
        record.on_step(step(10, real=0.5))

    assert log_of(folder)[1].startswith("WANDB_PROJECT is set, but there is no wandb")
    assert len(statistics(folder)) == 1
