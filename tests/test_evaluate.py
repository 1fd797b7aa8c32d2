"""Runs are judged by photos: numbers stand beside floor and ceiling, nothing is made twice, faults are sentences."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas
import pytest
import torch
import torchvision
import typer
from typer.testing import CliRunner, Result

pytest.importorskip("matplotlib", reason="there is no matplotlib to draw with")
pytest.importorskip("torchmetrics", reason="there is no torchmetrics to measure with")

from gaugan import checkpoint
from pipeline import evaluation_commands, images
from pipeline.classes import entries_of, load_taxonomy
from pipeline.errors import GauganpipeError, RunError
from pipeline.evaluation import judging, segmenting
from pipeline.evaluation.judges import Judge
from pipeline.evaluation.painting import style_seed
from pipeline.manifest import writing
from pipeline.run_ancestry import write_ancestry
from pipeline.workspace import Workspace
from tests.browser import NARROW, NEEDS_BROWSER, WIDE, opened_browser, opened_page
from tests.judged import (
    TESTED,
    TRAINED,
    SkyAboveSea,
    everything_in,
    make_run,
    make_workspace,
    save_checkpoint,
    write_features,
)

app = typer.Typer()
app.command("evaluate")(evaluation_commands.evaluate)


class Crash(Exception):
    """Stands for a power cut."""


@pytest.fixture(scope="module", autouse=True)
def quick(tmp_path_factory: pytest.TempPathFactory):
    """No Inception, whatever lies on this computer; a segmenter that does not look; networks that are opened once."""
    opened, load = {}, Judge.load

    def load_once(judge: Judge) -> object:
        if judge.path not in opened:
            opened[judge.path] = load(judge)
        return opened[judge.path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Judge, "load", load_once)
        patch.setattr(segmenting, "open_segmenter", lambda spec, **_: SkyAboveSea())
        patch.delenv("GAUGANPIPE_INCEPTION", raising=False)
        patch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch")))
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a run without styles and one with, both judged already."""
    root = tmp_path_factory.mktemp("made") / "workspace"
    workspace = make_workspace(root)
    make_run(workspace, "0001-plain")
    make_run(workspace, "0002-styled", "style_encoder=true", "style_size=8")
    features = write_features(root / "squeezenet.pth")
    evaluate(root, "0001-plain", "0002-styled", "--style", "both", "--features", features, "--no-page")
    evaluate(root, "0002-styled", "--style", "both", "--features", features)
    return root


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    """The same in a place of its own."""
    shutil.copytree(made, tmp_path / "copied")
    return tmp_path / "copied"


@pytest.fixture
def fresh(made: Path, tmp_path: Path) -> Path:
    """The same in a place of its own, nothing judged yet."""
    shutil.copytree(made, tmp_path / "fresh", ignore=shutil.ignore_patterns("evaluation", "references", "compared"))
    return tmp_path / "fresh"


def evaluate(root: Path, *words: str | Path) -> Result:
    """What it explains is raised."""
    done = CliRunner().invoke(app, [*map(str, words), "-C", str(root)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def numbers(root: Path, run: str = "0002-styled") -> pandas.DataFrame:
    return pandas.read_json(root / "runs" / run / "evaluation" / "metrics.jsonl", lines=True)


def references_in(root: Path) -> pandas.DataFrame:
    return pandas.read_json(root / "runs" / "references" / "metrics.jsonl", lines=True)


def record(root: Path, groups: dict[str, str]) -> None:
    """Puts photos into groups of look-alikes."""
    with writing(Workspace(root=root)) as manifest:
        for id, group in groups.items():
            manifest.record(replace(manifest.rows[id], group=group))


def trained_on_g013_alone(root: Path, run: str) -> None:
    """Makes a run one that has learned from a single photo."""
    with writing(Workspace(root=root / "runs" / run)) as manifest:
        for row in list(manifest.rows.values()):
            if row.split == "train" and row.id != "g013":
                manifest.record(replace(row, split="test"))


def before_it_writes(monkeypatch: pytest.MonkeyPatch, do: Callable[[], object]) -> None:
    """Has something done by others once `evaluate` has looked at what is there, before it holds a folder."""
    hold, done = judging.hold, []

    def hold_later(folder: Path, what: str) -> object:
        if not done:
            done.append(True)
            do()
        return hold(folder, what)

    monkeypatch.setattr(judging, "hold", hold_later)


def features_of(root: Path) -> tuple[str, Path]:
    return "--features", root / "squeezenet.pth"


# What is measured


def test_every_number_says_what_it_depends_on(made: Path) -> None:
    found = numbers(made)

    assert set(found.split) == {"test"} and set(found.width) == {32} and set(found.height) == {32}
    assert set(found.weights) == {"averaged"} and set(found.checkpoint) == {16} and set(found.seed) == {0}
    assert set(found["style"]) == {"prior", "self"}
    assert (found.weights_digest.str.len() == 16).all() and found.version.notna().all() and (found.seconds >= 0).all()
    named = found[found.metric.str.startswith("kernel_distance")]
    assert set(named.judge) == {"squeezenet1_1", "segmenter"} and (named.judge_digest.str.len() == 12).all()
    assert set(named.pictures) == set(named.photos) == {TESTED}


def test_no_distance_is_called_fid_without_inception(made: Path) -> None:
    metrics = set(numbers(made).metric)

    assert "frechet_distance_squeezenet1_1" in metrics and "kernel_distance_segmenter" in metrics
    assert not {"fid", "kid"} & metrics


def test_distances_have_an_interval_around_them(made: Path) -> None:
    found = numbers(made, "0001-plain").set_index("metric").loc["kernel_distance_squeezenet1_1"]

    assert found.low <= found.value <= found.high


def test_only_pictures_in_the_style_of_their_photo_are_compared_pixel_by_pixel(made: Path) -> None:
    found = numbers(made)

    assert set(found[found.metric == "psnr"]["style"]) == {"self"}
    assert set(found[found.metric == "ssim"]["style"]) == {"self"}


def test_a_run_without_styles_has_no_diversity_and_says_so(made: Path) -> None:
    assert not numbers(made, "0001-plain").metric.str.startswith("diversity").any()
    assert numbers(made).metric.str.startswith("diversity").any()

    done = evaluate(made, "0001-plain", *features_of(made), "--dry-run")
    assert "written" not in done.stdout


def test_the_labeller_s_word_is_called_self_consistency_and_a_ceiling_stands_beside_it(made: Path) -> None:
    beside = pandas.read_json(made / "runs" / "references" / "metrics.jsonl", lines=True)

    assert (numbers(made).metric == "self_consistency_mean_iou").any()
    assert set(beside[beside.metric == "self_consistency_mean_iou"].of) == {
        *("class means", "nearest map's photo", "real photos"),
    }


def test_real_photos_are_compared_in_halves(made: Path) -> None:
    beside = pandas.read_json(made / "runs" / "references" / "metrics.jsonl", lines=True)
    found = beside[(beside.of == "real photos") & (beside.metric == "kernel_distance_segmenter")]

    assert (list(found.pictures), list(found.photos)) == ([TESTED // 2], [TESTED // 2])


def test_pictures_are_compared_with_the_photos_that_were_trained_on(made: Path) -> None:
    found = numbers(made, "0001-plain").set_index("metric").loc["distance_to_nearest_trained_squeezenet1_1"]

    assert found.photos == TRAINED


def test_photos_that_a_run_has_learned_from_are_left_out(fresh: Path) -> None:
    with writing(Workspace(root=fresh)) as manifest:
        manifest.record(replace(manifest.rows["g013"], split="test"))

    done = evaluate(fresh, "0001-plain", *features_of(fresh), "--dry-run")

    assert f"by {TESTED} photos of test" in done.stdout


def test_look_alikes_of_photos_that_a_run_has_learned_from_are_left_out_since_they_are_known(fresh: Path) -> None:
    record(fresh, {"g003": "g013", "g004": "g013", "g013": "g013"})

    done = evaluate(fresh, "0001-plain", *features_of(fresh), "--dry-run")

    assert f"by {TESTED - 2} photos of test" in done.stdout


def test_photos_that_the_weights_had_learned_from_before_are_left_out(fresh: Path) -> None:
    write_ancestry(fresh / "runs" / "0002-styled", fresh / "runs" / "0001-plain")
    trained_on_g013_alone(fresh, "0002-styled")
    with writing(Workspace(root=fresh)) as manifest:
        for id in ("g014", "g015"):
            manifest.record(replace(manifest.rows[id], split="test"))

    done = evaluate(fresh, "0002-styled", *features_of(fresh), "--dry-run")

    assert f"by {TESTED} photos of test" in done.stdout


def test_look_alikes_do_not_count_as_photos_of_their_own(fresh: Path) -> None:
    record(fresh, {f"g{number:03d}": f"g{number - number % 4:03d}" for number in range(TESTED)})

    evaluate(fresh, "0001-plain", *features_of(fresh), "--no-page")

    # Three groups of four are too few for an interval, and two of them are in one half.
    assert numbers(fresh, "0001-plain").low.isna().all()
    halves = references_in(fresh).set_index("metric").loc["frechet_distance_segmenter"].set_index("of")
    assert (halves.pictures["real photos"], halves.photos["real photos"]) == (8, 4)


def test_a_photo_never_stands_in_for_its_own_picture(fresh: Path) -> None:
    done = evaluate(fresh, "0001-plain", *features_of(fresh), "--split", "train", "--no-page")
    assert "nearest map's photo" not in done.stdout and "class means" not in done.stdout

    done = evaluate(fresh, "0001-plain", *features_of(fresh), "--split", "train", "--limit", "3", "--no-page")
    assert "nearest map's photo" in done.stdout


def test_two_networks_of_one_architecture_are_two_lines(fresh: Path) -> None:
    torch.manual_seed(1)
    torch.save(torchvision.models.squeezenet1_1(weights=None).state_dict(), fresh / "other.pth")
    eyes = (*features_of(fresh), "--features", fresh / "other.pth")

    done = evaluate(fresh, "0001-plain", *eyes, "--limit", "4", "--no-page")

    lines = [line for line in done.stdout.splitlines() if line.startswith("kernel distance (squeezenet1_1-")]
    assert len(lines) == 2


def test_every_run_stands_beside_the_photos_that_it_has_learned_from(fresh: Path) -> None:
    trained_on_g013_alone(fresh, "0002-styled")

    done = evaluate(fresh, "0001-plain", "0002-styled", *features_of(fresh), "--json", "--no-page")

    found = {
        one["of"]: (one["value"], one["photos"])
        for one in json.loads(done.stdout)["numbers"]
        if one["metric"] == "photos_to_nearest_trained_squeezenet1_1"
    }
    assert found["0001-plain"][1] == TRAINED and found["0002-styled"][1] == 1
    assert found["0001-plain"][0] < found["0002-styled"][0]


def test_no_network_has_said_how_well_a_photo_is_painted_again(made: Path) -> None:
    found = numbers(made).set_index("metric").loc[["psnr", "ssim"]]

    assert set(found.judge) == set(found.judge_digest) == {""} and not found.learned_from.any()


def test_a_style_is_a_function_of_the_seed_and_the_map_alone() -> None:
    assert style_seed(0, "g001") == style_seed(0, "g001")
    assert len({style_seed(0, "g001"), style_seed(1, "g001"), style_seed(0, "g002"), style_seed(0, "g001", 1)}) == 4


# What is shown


def test_several_runs_stand_in_a_table_beside_floor_and_ceiling(made: Path) -> None:
    done = evaluate(made, "0001-plain", "0002-styled", "--style", "both", *features_of(made), "--no-page")

    head = next(line for line in done.stdout.splitlines() if "real photos" in line)
    places = [head.index(name) for name in ("0001-plain", "0002-styled", "class means", "nearest map", "real photos")]
    assert places == sorted(places)
    assert any(
        "0002-styled" in line and "0001-plain" in line and "by 12 maps" in line for line in done.stdout.splitlines()
    )


def test_a_sheet_shows_the_same_maps_of_every_run(made: Path) -> None:
    folder = made / "runs" / "compared" / "0001-plain+0002-styled"

    sheet = images.decode_photo((folder / "sheet.png").read_bytes()).pixels

    columns, rows = 7, 10
    assert sheet.shape[1] // 192 == columns and sheet.shape[0] // 192 >= rows
    assert "kernel_distance_segmenter,lower is better" in (folder / "table.csv").read_text()


def test_the_page_holds_all_that_it_shows(made: Path) -> None:
    page = (made / "runs" / "0002-styled" / "evaluation" / "evaluation.html").read_text()

    assert "self-consistency" in page and "One map, several styles" in page and "class means" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


@NEEDS_BROWSER
def test_the_page_fits_into_wide_and_narrow_windows_and_asks_nobody_for_anything(made: Path) -> None:
    address = (made / "runs" / "0002-styled" / "evaluation" / "evaluation.html").as_uri()
    with opened_browser() as browser:
        for size in (WIDE, NARROW):
            with opened_page(browser, size=size) as seen:
                seen.page.goto(address)

                assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
                assert (seen.errors, seen.requests) == ([], [address])


def test_json_is_one_object(made: Path) -> None:
    done = evaluate(made, "0001-plain", *features_of(made), "--json", "--no-page")

    found = json.loads(done.stdout)
    assert found["runs"] == ["0001-plain"] and found["unchanged"] is True and found["numbers"]


# What is kept


def test_a_second_run_makes_nothing(copied: Path) -> None:
    before = everything_in(copied)

    done = evaluate(copied, "0002-styled", "--style", "both", *features_of(copied))

    assert everything_in(copied) == before
    assert "unchanged" in done.stdout and "written" not in done.stdout


def test_a_dry_run_writes_nothing(fresh: Path) -> None:
    before = everything_in(fresh)

    done = evaluate(fresh, "0001-plain", *features_of(fresh), "--dry-run")

    assert everything_in(fresh) == before
    assert f"would paint {TESTED} pictures" in done.stdout


def test_a_command_that_was_killed_goes_on_and_paints_the_same(
    fresh: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = images.write_picture, []

    def stop_at_the_fifth(path: Path, pixels) -> None:
        if len(written) == 5:
            raise Crash
        written.append(path)
        write(path, pixels)

    monkeypatch.setattr(images, "write_picture", stop_at_the_fifth)
    with pytest.raises(Crash):
        evaluate(fresh, "0001-plain", *features_of(fresh), "--no-page")
    monkeypatch.setattr(images, "write_picture", lambda path, pixels: written.append(path) or write(path, pixels))
    evaluate(fresh, "0001-plain", *features_of(fresh), "--no-page")

    assert len(written) == len(set(written)) == TESTED
    pictures = [root / "runs" / "0001-plain" / "evaluation" / "pictures" for root in (fresh, made)]
    assert everything_in(pictures[0]) == everything_in(pictures[1])


@pytest.mark.parametrize("number", [2, 3])
def test_a_second_run_by_very_few_photos_makes_nothing(fresh: Path, number: int) -> None:
    words = "0001-plain", *features_of(fresh), "--limit", str(number), "--no-page"
    evaluate(fresh, *words)

    assert "written" not in evaluate(fresh, *words).stdout


def test_a_page_is_written_anew_when_the_run_has_gone_on_since(copied: Path) -> None:
    page = copied / "runs" / "0002-styled" / "evaluation" / "evaluation.html"
    lines = [{"images_shown": images, "loss/fake": 1.0} for images in (16, 32)]
    (copied / "runs" / "0002-styled" / "stats.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    done = evaluate(copied, "0002-styled", *features_of(copied))

    assert f"written {page}" in done.stdout and "Losses." in page.read_text()


def test_a_checkpoint_that_comes_meanwhile_is_not_painted_with(
    fresh: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = fresh / "runs" / "0001-plain"
    before_it_writes(monkeypatch, lambda: save_checkpoint(run, "training.seed=1", images_shown=32))

    evaluate(fresh, "0001-plain", *features_of(fresh), "--no-page")

    assert checkpoint.best(run).name == "000000032"
    pictures = [root / "runs" / "0001-plain" / "evaluation" / "pictures" for root in (fresh, made)]
    assert everything_in(pictures[0]) == everything_in(pictures[1])


def test_what_another_command_has_made_meanwhile_is_not_made_again(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, written = ("0001-plain", *features_of(fresh), "--limit", "4", "--no-page"), {}
    before_it_writes(monkeypatch, lambda: (evaluate(fresh, *words), written.update(everything_in(fresh))))

    done = evaluate(fresh, *words)

    assert everything_in(fresh) == written and "unchanged" in done.stdout


def test_another_seed_paints_and_measures_anew(copied: Path) -> None:
    before = len(numbers(copied))

    evaluate(copied, "0002-styled", *features_of(copied), "--seed", "1", "--limit", "4", "--no-page")

    assert len(numbers(copied)) > before and set(numbers(copied).seed) == {0, 1}


def test_everything_goes_where_out_points(fresh: Path, tmp_path: Path) -> None:
    before = everything_in(fresh)

    evaluate(fresh, "0001-plain", *features_of(fresh), "--out", tmp_path / "out", "--limit", "4")

    assert everything_in(fresh) == before
    assert (tmp_path / "out" / "0001-plain" / "evaluation.html").is_file()


# What is refused


def test_a_run_without_checkpoint_is_refused(fresh: Path) -> None:
    shutil.rmtree(fresh / "runs" / "0001-plain" / "checkpoints")

    with pytest.raises(RunError, match="0001-plain has no checkpoint yet"):
        evaluate(fresh, "0001-plain")


def test_a_run_that_is_half_written_is_refused(fresh: Path) -> None:
    weights = fresh / "runs" / "0001-plain" / "checkpoints" / "000000016" / "averaged.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])

    with pytest.raises(RunError, match=r"averaged\.safetensors cannot be read"):
        evaluate(fresh, "0001-plain")


def test_a_run_of_other_classes_is_refused(fresh: Path) -> None:
    with writing(Workspace(root=fresh)) as manifest:
        manifest.choose(taxonomy="gaugan12", classes=entries_of(load_taxonomy("gaugan12")))

    with pytest.raises(RunError, match="0001-plain paints 20 classes"):
        evaluate(fresh, "0001-plain")


def test_runs_of_different_sizes_are_compared_at_the_size_that_is_asked_for(fresh: Path) -> None:
    make_run(Workspace(root=fresh), "0003-large", "crop_size=64")

    with pytest.raises(RunError, match=r"0001-plain at 32x32 pixels and 0003-large at 64x64 pixels .* --size 32"):
        evaluate(fresh, "0001-plain", "0003-large")
    done = evaluate(fresh, "0001-plain", "0003-large", "--size", "32", "--dry-run")

    assert "at 32x32 pixels" in done.stdout


@pytest.mark.parametrize(("left", "said"), [(0, "no labelled photo"), (1, "one labelled photo")])
def test_a_split_of_fewer_than_two_photos_is_refused(fresh: Path, left: int, said: str) -> None:
    with writing(Workspace(root=fresh)) as manifest:
        for row in sorted(manifest.rows.values(), key=lambda row: row.id):
            if row.split == "test" and row.id >= f"g{left:03d}":
                manifest.record(replace(row, keep="no"))

    with pytest.raises(RunError, match=f"there is {said} to judge by in the split test.* --split val"):
        evaluate(fresh, "0001-plain")


def test_a_photo_that_is_gone_is_named(fresh: Path) -> None:
    Workspace(root=fresh).made("images", "g003").unlink()

    with pytest.raises(RunError, match=r"g003\.jpg cannot be read: No such file"):
        evaluate(fresh, "0001-plain")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--split", "tset"], "there is no split 'tset'"),
        (["--style", "mine"], "there is no style 'mine'"),
        (["--features", "nowhere.pth"], "there is no weights file nowhere.pth"),
        (["--inception", "nowhere.pth"], "there is no weights file nowhere.pth"),
        (["0009-none"], "there is no run at 0009-none"),
        (["0001-plain", "runs/0001-plain"], "two of the runs are called 0001-plain"),
        (["0001-plain", "--style", "self"], "0001-plain has no style encoder"),
        (["0001-plain", "--segmenter", "embeded"], "there is no segmenter 'embeded'"),
        (["0001-plain", "--segmenter", "dpt-large"], "the weights of dpt-large are not here"),
    ],
)
def test_a_word_that_makes_no_sense_is_explained(made: Path, words: list[str], said: str) -> None:
    with pytest.raises(GauganpipeError, match=said):
        evaluate(made, *words)


def test_weights_of_no_known_network_are_refused_before_anything_is_painted(fresh: Path) -> None:
    (fresh / "broken.pth").write_bytes(b"no weights")

    with pytest.raises(RunError, match=r"broken\.pth is no weights file"):
        evaluate(fresh, "0001-plain", "--features", fresh / "broken.pth")

    assert not list(fresh.rglob("evaluation/pictures"))


def test_a_run_that_was_begun_without_photos_of_its_own_is_judged_without_its_training_photos(fresh: Path) -> None:
    workspace = Workspace(root=fresh)
    folder = make_run(workspace, "0004-imported")
    (folder / "imported.json").write_text('{"files": {}}')

    done = evaluate(fresh, "0004-imported", *features_of(fresh), "--limit", "4", "--no-page")

    assert "class means" in done.stdout and "to nearest training photo" not in done.stdout


def test_the_help_ends_with_two_examples() -> None:
    done = CliRunner().invoke(app, ["--help"])

    assert done.stdout.count("gauganpipe evaluate") == 2
