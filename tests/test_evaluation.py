"""Parts of judging a run: numbers that are kept, words for them, floor and ceiling, and where Inception is found."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.console import Console
from pipeline.errors import RunError
from pipeline.evaluation import judges, words
from pipeline.evaluation.asked import Asked
from pipeline.evaluation.curves import read_curves, thinned
from pipeline.evaluation.photos import Pictures, dealt
from pipeline.evaluation.references import most_alike
from pipeline.evaluation.results import Found, Measured, Measurement, Outcome, Results
from pipeline.evaluation.scores import halves
from pipeline.segmenters import weights
from pipeline.workspace import Workspace

SAID: dict[str, Any] = {
    "of": "0001-small",
    "split": "test",
    "style": "prior",
    "pictures": 8,
    "photos": 8,
    "width": 64,
    "height": 64,
    "seed": 0,
    "judge_digest": "0123",
    "learned_from": False,
    "weights": "averaged",
    "weights_digest": "4567",
    "checkpoint": 16,
}


def measurement(key: str, *values: float, said: dict[str, Any] | None = None) -> Measurement:
    """One whose numbers are called a, b, and so on."""
    found = [Found(metric=metric, value=value) for metric, value in zip("abc", values, strict=False)]
    return Measurement(key=key, said={**SAID, **(said or {})}, measure=lambda: Outcome(found=found, judge="eye"))


def measured(metric: str, value: float, **said: Any) -> Measured:
    filled = {"version": "1", "commit": "", "seconds": 0.0, "at": "", "key": "k", "together": 1, "judge": "eye"}
    return Measured(metric=metric, value=value, **{**SAID, **filled, **said})


# Numbers that are kept


def test_numbers_are_known_again(tmp_path: Path) -> None:
    Results(tmp_path).take(measurement("one", 1.0, 2.0))

    again = Results(tmp_path)

    assert again.knows(measurement("one")) and not again.knows(measurement("other"))
    assert [(one.metric, one.value, one.judge) for one in again.of(measurement("one"))] == [
        *(("a", 1.0, "eye"), ("b", 2.0, "eye")),
    ]


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    Results(tmp_path).take(measurement("one", float("nan")))

    assert json.loads((tmp_path / "metrics.jsonl").read_text())["value"] is None
    assert Results(tmp_path).of(measurement("one"))[0].value is None


@pytest.mark.parametrize("kept", [1.0, 1.5])
def test_a_measurement_that_was_written_in_part_is_taken_again(tmp_path: Path, kept: float) -> None:
    Results(tmp_path).take(measurement("before", 5.0))
    before = (tmp_path / "metrics.jsonl").read_bytes()
    Results(tmp_path).take(measurement("torn", 1.0, 2.0))
    lines = (tmp_path / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    torn = lines[1] + lines[2][: int(len(lines[2]) * (kept - 1))]
    (tmp_path / "metrics.jsonl").write_bytes(before + torn)

    results = Results(tmp_path)
    assert results.knows(measurement("before")) and not results.knows(measurement("torn"))
    results.take(measurement("torn", 3.0, 4.0))

    said = [json.loads(line)["value"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert said == [5.0, 3.0, 4.0]


def test_a_line_of_somebody_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"loss": 1}\n')

    with pytest.raises(RunError, match=r"metrics\.jsonl, line 1: this is no number that was measured"):
        Results(tmp_path)


# Words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0.0, "0"),
        (-0.00001, "0.0000"),
        (0.0123, "0.0123"),
        (0.5, "0.500"),
        (29.7, "29.70"),
        (149.5, "149.5"),
    ],
)
def test_numbers_are_written_with_as_many_digits_as_say_something(value: float | None, said: str) -> None:
    assert words.number(value) == said


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ("kid", ("KID (Inception)", "lower is better")),
        ("kernel_distance_squeezenet1_0", ("kernel distance (squeezenet1_0)", "lower is better")),
        ("read_by_torch:mine_mean_iou", ("mIoU by torch:mine", "higher is better")),
        ("something", ("something", "")),
    ],
)
def test_metrics_have_words(metric: str, said: tuple[str, str]) -> None:
    assert words.words_of(metric) == said


def test_a_frechet_distance_of_few_pictures_comes_with_a_warning() -> None:
    few, many = (measured("frechet_distance_eye", 1.0, pictures=number) for number in (121, 5000))

    assert "121 pictures are too large" in words.warnings_of([few])[0]
    assert words.warnings_of([many]) == []


def test_a_network_that_taught_the_run_is_named() -> None:
    assert "through the eyes of eye" in words.warnings_of([measured("precision_eye", 1.0, learned_from=True)])[0]


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (0.2, 0.1, 0.3, "0001-one is nearer to the photos than 0002-other"),
        (-0.2, -0.3, -0.1, "0002-other is nearer to the photos than 0001-one"),
        (0.1, -0.1, 0.3, "0002-other and 0001-one cannot be told apart"),
    ],
)
def test_two_runs_are_told_apart_where_the_interval_does_not_hold_zero(
    value: float, low: float, high: float, said: str
) -> None:
    one = measured("difference_of_kernel_distance_eye", value, low=low, high=high, of="0002-other - 0001-one")

    assert said in words.verdicts([one])[0]


def test_two_networks_of_one_architecture_have_names_of_their_own() -> None:
    one = measured("kernel_distance_eye", 1.0, judge_digest="0123456789ab")
    other, psnr = replace(one, value=2.0, judge_digest="ba9876543210"), measured("psnr", 3.0)

    told = words.told_apart([one, other, psnr])

    assert [(line.words, *(cell.value for cell in line.cells.values())) for line in words.lines_of(told)] == [
        *(("kernel distance (eye-012345)", 1.0), ("kernel distance (eye-ba9876)", 2.0), ("PSNR, dB", 3.0)),
    ]
    assert told[0].judge == "eye-012345" and words.told_apart([one, psnr]) == [one, psnr]


# Floor and ceiling


def test_the_nearest_map_has_the_same_class_at_the_most_pixels() -> None:
    wanted = torch.tensor([[0, 0, 1, 1], [2, 2, 2, 3]])
    offered = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 2], [2, 2, 0, 0]])

    assert most_alike(wanted, offered, classes=3) == [1, 2]


def test_unknown_pixels_are_like_nothing() -> None:
    assert most_alike(torch.tensor([[0, 3, 3, 3]]), torch.tensor([[3, 3, 3, 3], [0, 1, 1, 1]]), classes=3) == [1]


class Eye:
    name = "eye"


def test_halves_are_every_other_photo() -> None:
    one, other = dealt(range(7))

    assert (one, other) == ([0, 2, 4, 6], [1, 3, 5])


def test_photos_of_one_group_are_in_one_half() -> None:
    one, other = dealt([0, 0, 1, 2, 0, 3])

    assert (one, other) == ([0, 1, 4], [2, 3, 5])


def test_halves_are_compared_with_each_other() -> None:
    found = {one.metric: one.value for one in halves(torch.zeros(8, 1), torch.ones(8, 1), Eye()).found}

    assert found["frechet_distance_eye"] == pytest.approx(1.0)


def test_pictures_come_in_batches_between_minus_one_and_one() -> None:
    few = Pictures(name="few", key="k", number=20, read=lambda place: torch.full((3, 2, 2), 255 * (place % 2)).byte())

    batches = list(few.batches())

    assert [len(batch) for batch in batches] == [16, 4]
    assert batches[0].min() == -1 and batches[0].max() == 1


def test_some_pictures_are_another_set() -> None:
    few = Pictures(name="few", key="k", number=4, read=lambda place: torch.full((3, 1, 1), place).byte())

    some = few.some([3, 1], name="some")

    assert [int(some.read(place)[0, 0, 0]) for place in range(len(some))] == [3, 1]
    assert some.key not in (few.key, few.some([1, 3], name="some").key)


# Inception


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace on a computer that has no Inception anywhere."""
    monkeypatch.delenv("GAUGANPIPE_INCEPTION", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return Workspace(root=tmp_path / "workspace")


FILE = "weights-inception-2015-12-05-6726825d.pth"


def write_file(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"weights")
    return path


def find(workspace: Workspace, **asked: Any) -> Path | None:
    return judges.find_inception(workspace, Asked(**asked), Console(quiet=False))


def test_without_inception_a_line_says_which_file_it_is_and_where_it_is_had(bare, capsys) -> None:
    assert find(bare) is None

    said = capsys.readouterr().err
    assert FILE in said and "https://github.com/toshas/torch-fidelity/" in said and "--download" in said
    assert len(said.splitlines()) == 1


def test_inception_is_found_where_it_is_kept(bare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch_fidelity", reason="there is no torch-fidelity")
    in_torch = write_file(tmp_path / "torch" / "hub" / "checkpoints" / FILE)
    assert find(bare) == in_torch

    in_workspace = write_file(bare.weights / FILE)
    assert find(bare) == in_workspace

    in_environment = write_file(tmp_path / "environment.pth")
    monkeypatch.setenv("GAUGANPIPE_INCEPTION", str(in_environment))
    assert find(bare) == in_environment

    named = write_file(tmp_path / "named.pth")
    assert find(bare, inception=named) == named


def test_inception_is_fetched_only_where_that_is_asked_for(bare, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch_fidelity", reason="there is no torch-fidelity")
    fetched: list[weights.Pin] = []
    monkeypatch.setattr(weights, "fetch", lambda pin, folder, on_bytes: fetched.append(pin) or folder / pin.file_name)

    assert find(bare) is None and not fetched
    assert find(bare, downloads=True) == bare.weights / FILE

    (pin,) = fetched
    assert (pin.sha256, pin.license) == ("6726825d", "Apache-2.0")


# Curves


def test_curves_are_read_from_the_statistics_as_far_as_they_can_be(tmp_path: Path) -> None:
    lines = [{"images_shown": 4, "loss/fake": 1.0}, {"images_shown": 8, "loss/fake": None, "score/x": 0.5}]
    (tmp_path / "stats.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"images_sh')

    assert read_curves(tmp_path) == {"loss/fake": [(4.0, 1.0)], "score/x": [(8.0, 0.5)]}
    assert read_curves(tmp_path / "nowhere") == {}


def test_many_points_become_the_means_of_their_neighbourhoods() -> None:
    assert thinned([(0, 1), (1, 3), (2, 5), (3, 7)], 2) == [(0.5, 2.0), (2.5, 6.0)]


def test_a_line_of_a_table_has_a_cell_for_everybody_who_has_that_number() -> None:
    one, other = measured("psnr", 20.0), measured("psnr", 30.0, of="0002-other", style="self")

    (line,) = words.lines_of([one, other, replace(one, of_class="sky")])

    assert list(line.cells) == ["0001-small", "0002-other, own style"]
