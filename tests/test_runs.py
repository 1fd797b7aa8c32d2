"""Run folders: begun whole, gone on with after a crash, recognised by their settings, held by one process."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gaugan import measure, processes
from gaugan import train as loop
from gaugan.errors import OutOfMemoryError
from pipeline import flow, paint, runs
from pipeline.console import Console
from pipeline.errors import GauganpipeError, RunError, WorkspaceError
from pipeline.manifest import read, writing
from pipeline.record import Record
from pipeline.run_ancestry import ancestry_of
from pipeline.run_checks import find_parent, in_parts
from pipeline.run_choice import choose
from pipeline.run_folders import newest_run
from pipeline.run_words import settings_of
from pipeline.workspace import Workspace, hold

QUIET = Console(quiet=True)
SMALL = (
    *("images=12", "batch_size=2", "checkpoint_every_images=4", "sample_every_images=6"),
    *("model.width=4", "discriminator_width=4", "data.workers=0"),
)
ASKED = runs.Training(preset="tiny", assignments=SMALL)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Six drawn landscapes with edges."""
    workspace = Workspace(root=tmp_path_factory.mktemp("dataset"))
    flow.label(workspace, "drawn:6", flow.Asked(), workers=0, console=QUIET)
    flow.build_edges(workspace, flow.Which(), workers=0, console=QUIET)
    return workspace


@pytest.fixture
def workspace(dataset: Workspace, tmp_path: Path) -> Workspace:
    """The same six, in a place of their own."""
    shutil.copytree(dataset.root, tmp_path / "workspace")
    return Workspace(root=tmp_path / "workspace")


@pytest.fixture(scope="module")
def finished(dataset: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The same six, and the run that ASKED makes of them."""
    workspace = Workspace(root=tmp_path_factory.mktemp("finished") / "workspace")
    shutil.copytree(dataset.root, workspace.root)
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(loop, "SETTLE_IMAGES", 4)
        runs.train(workspace, ASKED, console=QUIET)
    return workspace


@pytest.fixture
def trained(finished: Workspace, tmp_path: Path) -> Workspace:
    """The same, in a place of their own."""
    shutil.copytree(finished.root, tmp_path / "workspace")
    return Workspace(root=tmp_path / "workspace")


@pytest.fixture(autouse=True)
def settle_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SETTLE_IMAGES", 4)


class Crash(Exception):
    """Stands for a power cut."""


def test_a_run_that_crashed_goes_on_and_ends_like_one_that_did_not(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    [whole] = trained.run_folders()
    on_step = Record.on_step

    def crash_at_10(record: Record, step: object) -> None:
        on_step(record, step)
        if step.images_shown == 10:
            raise Crash

    with monkeypatch.context() as broken, pytest.raises(Crash):
        broken.setattr(Record, "on_step", crash_at_10)
        runs.train(trained, replace(ASKED, new=True), console=QUIET)

    torn = runs.train(trained, ASKED, console=QUIET).folder

    assert torn.name == "0002-tiny"
    newest = "checkpoints/000000012"
    for name in ("averaged.safetensors", "networks.safetensors", "optimizers.safetensors"):
        assert (torn / newest / name).read_bytes() == (whole / newest / name).read_bytes()
    assert [_without_rates(line) for line in _statistics(torn)] == [_without_rates(line) for line in _statistics(whole)]
    assert (torn / "samples/000000012.png").read_bytes() == (whole / "samples/000000012.png").read_bytes()


def test_statistics_begin_with_the_first_images_and_end_with_the_last(trained: Workspace) -> None:
    [folder] = trained.run_folders()

    lines = [line for line in _statistics(folder) if "learning_rate" in line]
    assert [line["images_shown"] for line in lines] == [2, 4, 6, 8, 10, 12]


def test_the_log_says_when_the_run_began_and_ended(trained: Workspace) -> None:
    [folder] = trained.run_folders()

    first, *_, last = (folder / "log.txt").read_text().splitlines()
    assert "begins: 12 images in all, on cpu, with edges" in first
    assert last.endswith("finished at 12 images")


def test_rows_that_come_later_do_not_change_a_run_that_has_begun(trained: Workspace) -> None:
    [folder] = trained.run_folders()
    before = (folder / "manifests/dataset.csv").read_bytes()

    flow.label(trained, "drawn:9", flow.Asked(), workers=0, console=QUIET)

    assert runs.train(trained, ASKED, console=QUIET).was_finished
    assert (folder / "manifests/dataset.csv").read_bytes() == before


def test_other_settings_are_another_run(trained: Workspace) -> None:
    [first] = trained.run_folders()

    second = runs.train(trained, replace(ASKED, assignments=(*SMALL, "seed=1")), console=QUIET)

    assert (first.name, second.folder.name) == ("0001-tiny", "0002-tiny")


def test_a_run_named_goes_on_by_its_own_settings(trained: Workspace) -> None:
    [folder] = trained.run_folders()

    again = runs.train(trained, runs.Training(run=folder), console=QUIET)

    assert again.was_finished and again.folder == folder


def test_a_folder_that_is_no_run_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no run at"):
        runs.train(workspace, runs.Training(run=tmp_path), console=QUIET)


def test_two_processes_do_not_train_one_run(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(record: Record, start: object) -> None:
        raise Crash

    with monkeypatch.context() as broken, pytest.raises(Crash):
        broken.setattr(Record, "on_start", crash)
        runs.train(workspace, ASKED, console=QUIET)
    [folder] = workspace.run_folders()

    with hold(folder, "the run"), pytest.raises(WorkspaceError, match="the run 0001-tiny is being written by process"):
        runs.train(workspace, ASKED, console=QUIET)


def test_training_holds_no_lock_on_the_manifest(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def label_meanwhile(record: Record, start: object) -> None:
        with writing(workspace) as manifest:
            assert manifest.rows
        raise Crash

    monkeypatch.setattr(Record, "on_start", label_meanwhile)

    with pytest.raises(Crash):
        runs.train(workspace, ASKED, console=QUIET)


def test_a_workspace_without_label_maps_is_told_how_to_get_some(workspace: Workspace) -> None:
    with writing(workspace) as manifest:
        for row in list(manifest.rows.values()):
            manifest.record(replace(row, label_file_name=""))

    with pytest.raises(RunError, match=r"no labelled photo to train on\. Make some: gauganpipe label"):
        runs.train(workspace, ASKED, console=QUIET)
    assert not workspace.run_folders()


def test_rows_that_the_user_turned_down_are_not_trained_on(workspace: Workspace) -> None:
    rows = [row for row in read(workspace).rows.values() if row.split == "train"]
    with writing(workspace) as manifest:
        manifest.record(replace(rows[0], keep="no"))

    assert f"on {len(rows) - 1} photo" in runs.plan(workspace, ASKED)[0]


def test_without_instance_maps_the_run_has_no_edges_and_says_so(workspace: Workspace) -> None:
    with writing(workspace) as manifest:
        for row in list(manifest.rows.values()):
            manifest.record(replace(row, instance_file_name="", edge_file_name=""))

    folder = runs.train(workspace, ASKED, console=QUIET).folder

    assert "without edges" in (folder / "log.txt").read_text()


def cost(bytes_per_image: int, free_bytes: int, processes: int = 1) -> measure.Cost:
    return measure.Cost(
        seconds_per_image=1,
        bytes_per_image=bytes_per_image,
        fixed_bytes=0,
        free_bytes=free_bytes,
        device="cpu",
        processes=processes,
    )


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step costs next to nothing, and nobody takes the time to find out."""
    monkeypatch.setattr(measure, "measure", lambda *_, **__: cost(1, 10**9))


def begun(workspace: Workspace, asked: runs.Training) -> Path:
    """A run without a checkpoint, as a crash in its first step leaves it."""

    def crash(record: Record, start: object) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as broken, pytest.raises(Crash):
        broken.setattr(Record, "on_start", crash)
        runs.train(workspace, asked, console=QUIET)
    return workspace.run_folders()[-1]


def test_a_batch_that_does_not_fit_the_memory_is_refused_with_what_to_lower(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "measure", lambda *_, **__: cost(2_000_000_000, 8_000_000_000))

    with pytest.raises(RunError, match=r"32 images at 256 px needs about 64.0 GB .* 8.0 GB are free.*accumulate=2"):
        runs.train(workspace, runs.Training(preset="spade"), console=QUIET)
    assert workspace.run_folders() == []


def test_a_batch_learned_in_parts_needs_the_memory_of_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "measure", lambda *_, **__: cost(4_000_000_000, 8_000_000_000))
    asked = replace(ASKED, assignments=(*ASKED.assignments, "batch_size=4", "accumulate=2"))

    assert runs.train(workspace, asked, console=QUIET).images_shown == 12


def test_batch_auto_takes_the_largest_that_fits_and_is_kept_by_the_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "measure", lambda *_, **__: cost(1_000_000_000, 6_000_000_000))
    asked = replace(ASKED, batch="auto")

    first = runs.train(workspace, asked, console=QUIET)
    monkeypatch.setattr(measure, "measure", lambda *_, **__: cost(1_000_000_000, 60_000_000_000))
    again = runs.train(workspace, asked, console=QUIET)

    assert "batch_size = 4\n" in (first.folder / "config.toml").read_text()
    assert again.was_finished and again.folder == first.folder


def test_a_batch_can_be_said_without_its_long_name(workspace: Workspace) -> None:
    lines = runs.plan(workspace, replace(ASKED, batch="3"))

    assert "training.batch_size = 3" in lines


def test_a_batch_that_is_no_number_is_a_sentence(workspace: Workspace) -> None:
    with pytest.raises(RunError, match=r"training\.batch_size is 'many', expected an integer"):
        runs.plan(workspace, replace(ASKED, batch="many"))


def test_without_a_preset_one_is_chosen_and_the_reason_said(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    small = (*SMALL, "data.crop_size=64", "score_weights=patches", "perceptual=0", "device=cpu")
    asked = runs.Training(assignments=small)

    done = runs.train(workspace, asked, console=Console())
    again = runs.train(workspace, asked, console=Console())

    assert "preset small, for 4 photos and no GPU" in capsys.readouterr().err
    assert done.folder.name == "0001-small"
    assert again.was_finished


def test_a_run_begins_with_the_weights_of_another_by_the_names_of_its_classes(
    trained: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    [first] = trained.run_folders()
    asked = replace(ASKED, assignments=(*SMALL, "images=2"), init_from=first, continues=("hill=mountain",))

    second = runs.train(trained, asked, console=QUIET).folder

    assert "begins with generator and discriminator of" in (second / "log.txt").read_text()
    assert json.loads((second / "asked.json").read_text())["init_from"] == "runs/0001-tiny"
    assert runs.train(trained, asked, console=QUIET).was_finished


def test_a_class_that_is_none_cannot_continue_another(trained: Workspace) -> None:
    [first] = trained.run_folders()
    asked = replace(ASKED, assignments=(*SMALL, "images=2"), init_from=first, continues=("hill=volcano",))

    with pytest.raises(RunError, match=r"hill=volcano: the run to begin from has no class 'volcano'. It has sky"):
        runs.train(trained, asked, console=QUIET)


def test_the_run_to_begin_from_must_be_one(workspace: Workspace) -> None:
    with pytest.raises(RunError, match="there is no run at nowhere"):
        runs.train(workspace, replace(ASKED, init_from=Path("nowhere")), console=QUIET)


@pytest.mark.usefixtures("unmeasured")
def test_a_run_goes_on_without_the_one_that_it_began_from(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = runs.train(workspace, replace(ASKED, assignments=(*SMALL, "images=2")), console=QUIET).folder
    asked = replace(ASKED, init_from=Path("runs/0001-tiny"))
    on_step = Record.on_step

    def crash_at_6(record: Record, step: object) -> None:
        on_step(record, step)
        if step.images_shown == 6:
            raise Crash

    with monkeypatch.context() as broken, pytest.raises(Crash):
        broken.setattr(Record, "on_step", crash_at_6)
        runs.train(workspace, asked, console=QUIET)
    shutil.rmtree(first)

    trained = runs.train(workspace, asked, console=QUIET)

    assert (trained.folder.name, trained.images_shown) == ("0002-tiny", 12)
    assert [one.run for one in ancestry_of(trained.folder).runs] == ["0002-tiny", "0001-tiny"]
    assert ancestry_of(trained.folder).before[0].trained_on


@pytest.mark.usefixtures("unmeasured")
def test_a_run_begins_from_the_one_in_its_workspace_wherever_the_user_stands(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = runs.train(workspace, replace(ASKED, assignments=(*SMALL, "images=2")), console=QUIET).folder
    folder = begun(workspace, replace(ASKED, init_from=first))
    shutil.copytree(first, tmp_path / "elsewhere" / "runs" / "0001-tiny")
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = runs.Training(run=folder)

    assert find_parent(workspace, again, choose(workspace, again, console=QUIET)) == first


def test_a_dry_run_names_the_run_to_begin_from_or_misses_it(workspace: Workspace) -> None:
    with pytest.raises(RunError, match="there is no run at nowhere"):
        runs.plan(workspace, replace(ASKED, init_from=Path("nowhere")))
    with pytest.raises(RunError, match="there is no run at nowhere"):
        runs.check(workspace, replace(ASKED, init_from=Path("nowhere")))


def spoil_labels(workspace: Workspace) -> None:
    from pipeline import images

    for row in read(workspace).rows.values():
        path = workspace.resolve(row.label_file_name)
        ids = images.read_labels(path)
        ids[0, 0] = 77
        path.write_bytes(images.encode_labels(ids, bytes(768)))


def test_a_label_out_of_range_names_file_and_value_before_a_run_is_made(workspace: Workspace) -> None:
    spoil_labels(workspace)

    with pytest.raises(GauganpipeError, match=r"\.png holds class 77, expected 0 to 19"):
        runs.train(workspace, ASKED, console=QUIET)
    assert not workspace.run_folders()


@pytest.mark.usefixtures("unmeasured")
def test_what_cannot_begin_from_another_run_is_refused_before_a_run_is_made(workspace: Workspace) -> None:
    first = runs.train(workspace, replace(ASKED, assignments=(*SMALL, "images=2")), console=QUIET).folder

    with pytest.raises(RunError, match="--continues hill=mountian: the run to begin from has no class 'mountian'"):
        runs.train(workspace, replace(ASKED, init_from=first, continues=("hill=mountian",)), console=QUIET)
    with pytest.raises(RunError, match=r"model\.width"):
        other = (*SMALL, "model.width=8")
        runs.train(workspace, replace(ASKED, assignments=other, init_from=first), console=QUIET)
    assert workspace.run_folders() == [first]


@pytest.mark.usefixtures("unmeasured")
def test_scores_in_features_of_no_file_are_refused_before_a_run_is_made(workspace: Workspace) -> None:
    with pytest.raises(RunError, match=r"training\.score_weights"):
        runs.train(workspace, replace(ASKED, assignments=(*SMALL, "score_weights=none.pth")), console=QUIET)
    assert not workspace.run_folders()


def test_a_batch_that_processes_cannot_share_is_refused_before_a_run_is_made(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "measure", lambda *_, **__: cost(1, 10**9, processes=2))

    with pytest.raises(RunError, match=r"training\.batch_size is 3, expected a multiple of 2"):
        runs.train(workspace, replace(ASKED, batch="3"), console=QUIET)
    assert not workspace.run_folders()


@pytest.mark.usefixtures("unmeasured")
def test_label_maps_are_looked_through_once(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = begun(workspace, ASKED)
    monkeypatch.setattr("gaugan.scan.scan", lambda *_, **__: pytest.fail("looked through again"))

    assert runs.train(workspace, ASKED, console=QUIET).folder == folder


def test_what_was_chosen_and_does_not_fit_is_learned_in_parts(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure, "measure", lambda *_, **__: cost(2_000_000_000, 5_000_000_000))
    small = (*SMALL, "batch_size=4", "images=4", "crop_size=64", "perceptual=0")

    folder = runs.train(workspace, runs.Training(assignments=small), console=Console()).folder

    assert "each batch is learned in 2 parts" in capsys.readouterr().err
    assert settings_of(folder).training.accumulate == 2


def test_a_begun_run_that_does_not_fit_names_the_command_that_does(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(ASKED, batch="4")
    monkeypatch.setattr(measure, "measure", lambda *_, **__: cost(1, 10**9))
    folder = begun(workspace, asked)
    monkeypatch.setattr(measure, "measure", lambda *_, **__: cost(2_000_000_000, 5_000_000_000))

    with pytest.raises(RunError, match=rf"8\.0 GB .* gauganpipe train --run {folder} --set accumulate=2"):
        runs.train(workspace, asked, console=QUIET)
    parted = runs.Training(run=folder, assignments=("accumulate=2",))

    assert runs.train(workspace, parted, console=QUIET).images_shown == 12
    assert settings_of(folder).training.accumulate == 1
    assert "set for this sitting: accumulate=2" in (folder / "log.txt").read_text()


@pytest.mark.usefixtures("unmeasured")
def test_the_end_of_the_memory_names_the_command_that_needs_less(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: object, **__: object) -> int:
        raise OutOfMemoryError("no more")

    monkeypatch.setattr(loop, "train", end)

    with pytest.raises(RunError, match=r"does not suffice for a batch of 2 .*0001-tiny --set accumulate=2") as error:
        runs.train(workspace, ASKED, console=QUIET)
    assert str(error.value) in (workspace.runs / "0001-tiny" / "log.txt").read_text()


def test_parts_are_shared_by_all_processes() -> None:
    from gaugan.config import load_settings

    parted = in_parts(load_settings("spade", ("batch_size=12",)), processes=2)

    assert [one.training.accumulate for one in parted] == [2, 3, 6]


def test_parts_never_leave_a_single_pixel_to_be_normalised() -> None:
    from gaugan.config import load_settings

    parted = in_parts(load_settings("small", ("batch_size=4", "crop_size=32")), processes=1)

    assert [one.training.accumulate for one in parted] == [2]


@pytest.mark.usefixtures("unmeasured")
def test_a_run_that_is_left_for_another_is_named(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    begun(workspace, ASKED)
    begun(workspace, replace(ASKED, assignments=(*SMALL, "seed=1")))
    capsys.readouterr()

    runs.train(workspace, replace(ASKED, assignments=(*SMALL, "images=2")), console=Console())

    said = capsys.readouterr().err
    assert "0002-tiny is unfinished. To go on with it: gauganpipe train --run" in said
    assert "0001-tiny is unfinished" not in said


@pytest.mark.usefixtures("unmeasured")
def test_a_finished_run_keeps_no_decoded_photos(workspace: Workspace) -> None:
    asked = replace(ASKED, assignments=(*SMALL, "images=2"))
    left = runs.train(workspace, asked, console=QUIET).folder / "photos-3.cache"
    left.touch()

    assert runs.train(workspace, asked, console=QUIET).was_finished
    assert not left.exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("perceptual=0", "no perceptual loss: losses.perceptual is 0"),
        ("perceptual=1", "no perceptual loss: losses.perceptual_weights names no network"),
    ],
)
@pytest.mark.usefixtures("unmeasured")
def test_why_there_is_no_perceptual_loss_is_said(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], given: str, said: str
) -> None:
    runs.train(workspace, replace(ASKED, assignments=(*SMALL, "images=2", given)), console=Console())

    assert said in capsys.readouterr().err


def test_where_the_first_process_refuses_the_others_end_without_a_word(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processes, "meet", lambda cpu: 1)
    monkeypatch.setattr(processes, "shared", lambda fact: (None, True))

    with pytest.raises(SystemExit) as end:
        runs.train(workspace, ASKED, console=Console())

    assert end.value.code == 1
    assert capsys.readouterr().err == ""


def test_a_run_that_leaves_the_gpu_alone_meets_without_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meet(*, cpu: bool) -> int:
        assert cpu
        raise Crash

    monkeypatch.setattr(processes, "meet", meet)

    with pytest.raises(Crash):
        runs.train(workspace, replace(ASKED, assignments=(*SMALL, 'device="cpu"')), console=QUIET)


def test_a_style_encoder_can_be_trained_and_paints_in_styles(workspace: Workspace, tmp_path: Path) -> None:
    asked = runs.Training(preset="tiny", assignments=(*SMALL, "style_encoder=true"))
    runs.train(workspace, asked, console=QUIET)

    painting = paint.Painting(styles=2, split="train", out=tmp_path)
    paths = paint.generate(workspace, painting, console=QUIET).pictures

    assert len({path.read_bytes() for path in paths}) == len(paths)


def test_a_damaged_label_map_is_a_sentence_from_a_worker_too(workspace: Workspace) -> None:
    for row in read(workspace).rows.values():
        if row.split == "train":
            path = workspace.resolve(row.label_file_name)
            path.write_bytes(path.read_bytes()[:60])

    with pytest.raises(RunError, match=r"^\S+\.png cannot be decoded") as error:
        runs.train(workspace, replace(ASKED, assignments=(*SMALL, "data.workers=1", "seed=2")), console=QUIET)
    assert "Traceback" not in str(error.value)


def test_photos_without_edges_among_others_with_are_named(workspace: Workspace) -> None:
    flow.label(workspace, "drawn:9", flow.Asked(), workers=0, console=QUIET)

    with pytest.raises(RunError, match="3 photos of 9 have no edges yet"):
        runs.train(workspace, ASKED, console=QUIET)


def test_a_run_without_a_checkpoint_is_not_painted_with(trained: Workspace) -> None:
    [folder] = trained.run_folders()
    begun = trained.runs / "0002-tiny"
    begun.mkdir()
    shutil.copy(folder / "config.toml", begun)
    (trained.runs / "2024-holiday").mkdir()

    assert newest_run(trained) == folder


def _statistics(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def _without_rates(line: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in line.items() if name not in ("images_per_second", "peak_memory_bytes")}
