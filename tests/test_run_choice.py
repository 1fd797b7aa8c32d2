"""Which run a command means: by its words or its settings, with what is chosen for whoever does not want to choose."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gaugan import recommend
from gaugan.config import load_settings
from gaugan.errors import SettingsError
from gaugan.settings import Settings
from pipeline.console import Console
from pipeline.errors import RunError
from pipeline.manifest import Manifest
from pipeline.run_choice import Training, find, is_for_cpu, is_unfinished, recommended, refuse_unsettable
from pipeline.run_folders import new_run_folder, write_beginning
from pipeline.run_words import settings_of, write_words
from pipeline.workspace import Workspace

TINY = Training(preset="tiny")


def begin(workspace: Workspace, asked: Training, settings: Settings | None = None) -> Path:
    """A run of these words, with nothing trained."""
    settings = settings or load_settings(asked.preset, asked.assignments)

    def write(part: Path) -> None:
        write_beginning(part, settings, Manifest(workspace))
        write_words(part, asked.words(workspace))

    return new_run_folder(workspace, Path(asked.preset).stem, write)


def choice_of(workspace: Workspace, asked: Training) -> Settings:
    return recommended(workspace, Manifest(workspace), asked)[2]


def test_the_run_to_begin_from_is_named_from_the_workspace_on(workspace: Workspace) -> None:
    folder = begin(workspace, TINY)

    for path in (folder, Path("0001-tiny"), Path("runs/0001-tiny")):
        assert replace(TINY, init_from=path).words(workspace)["init_from"] == "runs/0001-tiny"


def test_a_run_to_begin_from_that_is_gone_keeps_its_name(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.root.mkdir()
    monkeypatch.chdir(workspace.root)

    for path in ("runs/0001-tiny", str(workspace.runs / "0001-tiny")):
        assert replace(TINY, init_from=Path(path)).words(workspace)["init_from"] == "runs/0001-tiny"


def test_a_run_is_found_when_the_one_that_it_began_from_is_gone(workspace: Workspace) -> None:
    asked = replace(TINY, init_from=Path("runs/0009-gone"))
    folder = begin(workspace, asked)

    assert find(workspace, asked)[0] == folder
    assert find(workspace, replace(TINY, init_from=Path("runs/0008-gone")))[0] is None


@pytest.mark.parametrize(
    ("told", "options"),
    [
        ({"preset": "tiny"}, "--preset"),
        ({"batch": "4"}, "--batch"),
        ({"new": True}, "--new"),
        ({"init_from": Path("x"), "continues": ("a=b",)}, "--init-from and --continues"),
    ],
)
def test_what_would_be_left_out_beside_a_named_run_is_refused(workspace: Workspace, told, options) -> None:
    folder = begin(workspace, TINY)

    with pytest.raises(RunError, match=f"by its own settings. Leave out {options}$"):
        find(workspace, Training(run=folder, **told))


def test_classes_of_a_run_to_begin_from_need_that_run(workspace: Workspace) -> None:
    with pytest.raises(RunError, match=r"--continues hill=mountain .* Name it: --init-from RUN"):
        find(workspace, replace(TINY, continues=("hill=mountain",)))


def test_how_a_named_run_is_computed_can_be_set(workspace: Workspace) -> None:
    folder = begin(workspace, TINY)
    given = ("accumulate=2", "training.device=cpu", "keep_checkpoints=5", "workers=1", "cache_mb=0")

    found, settings = find(workspace, Training(run=folder, assignments=given))

    assert found == folder
    assert settings == load_settings("tiny", given)
    assert settings_of(folder) == load_settings("tiny")


def test_what_a_named_run_becomes_cannot_be_set(workspace: Workspace) -> None:
    folder = begin(workspace, TINY)

    with pytest.raises(
        RunError, match=r"so model\.width stays as it is\. What can be set for it: training\.accumulate"
    ):
        find(workspace, Training(run=folder, assignments=("model.width=4",)))


@pytest.mark.parametrize("file", ["config.toml", "asked.json"])
def test_a_run_that_cannot_be_read_is_passed_over_and_named(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    good, bad = begin(workspace, TINY), begin(workspace, TINY)
    (bad / file).write_text("{ no")

    assert find(workspace, TINY, console=Console())[0] == good
    assert f"passing over {bad}: {bad / file} cannot be read" in capsys.readouterr().err


def test_a_named_run_that_cannot_be_read_is_an_error(workspace: Workspace) -> None:
    folder = begin(workspace, TINY)
    (folder / "config.toml").write_text("[model]\nwidth = 'wide'\n")

    with pytest.raises(RunError, match=r"config\.toml cannot be read: model\.width is 'wide', expected an integer"):
        find(workspace, Training(run=folder))


def test_a_chosen_batch_does_not_hide_that_a_preset_was_edited(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[model]\nwidth = 4\n")
    asked = Training(preset=str(file), batch="auto")
    folder = begin(workspace, asked, load_settings(file, ("batch_size=64",)))

    assert find(workspace, asked)[0] == folder
    file.write_text("[model]\nwidth = 8\n")
    assert find(workspace, asked)[0] is None


def test_a_run_with_a_batch_of_its_own_is_not_the_one_with_a_chosen_batch(workspace: Workspace) -> None:
    begin(workspace, TINY)

    assert find(workspace, replace(TINY, batch="auto"))[0] is None


def test_settings_that_are_older_than_a_name_keep_what_it_meant(workspace: Workspace) -> None:
    folder = begin(workspace, TINY)
    lines = (folder / "config.toml").read_text().splitlines(keepends=True)
    old = [line for line in lines if not line.startswith(("perceptual_normalise", "unknown_teaches"))]
    (folder / "config.toml").write_text("".join(old))

    losses = settings_of(folder).losses

    assert (losses.perceptual_normalise, losses.unknown_teaches) == (False, True)


def test_settings_that_say_a_name_mean_it(workspace: Workspace) -> None:
    folder = begin(workspace, TINY, load_settings("tiny", ("perceptual_normalise=true", "unknown_teaches=false")))

    losses = settings_of(folder).losses

    assert (losses.perceptual_normalise, losses.unknown_teaches) == (True, False)


def test_assignments_need_only_suit_the_preset_that_is_chosen(workspace: Workspace) -> None:
    asked = Training(assignments=("perceptual_weights=segmenter", "device=cpu"))

    assert find(workspace, asked) == (None, None)
    assert choice_of(workspace, asked).losses.perceptual_weights == "segmenter"


def test_before_there_are_photos_assignments_must_suit_one_of_the_presets() -> None:
    refuse_unsettable(Training(assignments=("perceptual_weights=segmenter",)))
    refuse_unsettable(Training(assignments=("score_weights=segmenter",)))

    with pytest.raises(SettingsError, match=r"training\.batch_size is 'many'"):
        refuse_unsettable(Training(batch="many"))


@pytest.mark.parametrize("asked", [Training(batch="2"), Training(assignments=("training.batch_size=2",))])
def test_a_batch_that_is_given_is_not_learned_in_the_parts_of_another(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, asked: Training
) -> None:
    found = recommend.Recommendation(preset="small", assignments=("batch_size=8", "accumulate=4"), reason="a small GPU")
    monkeypatch.setattr(recommend, "recommend", lambda **_: found)

    training = choice_of(workspace, asked).training

    assert (training.batch_size, training.accumulate) == (2, 1)


def test_what_is_chosen_has_the_networks_of_the_run_to_begin_from(workspace: Workspace) -> None:
    origin = begin(workspace, replace(TINY, assignments=("width=12", "kernel_size=1", "crop_size=96")))
    asked = Training(init_from=origin, assignments=("device=cpu",))

    _, reason, settings = recommended(workspace, Manifest(workspace), asked)

    assert settings.model == settings_of(origin).model
    assert settings.data.crop_size == 64
    assert reason.endswith(f"; with the networks of {origin}")


def test_what_begins_with_styles_has_the_crop_that_they_were_drawn_from(workspace: Workspace) -> None:
    origin = begin(workspace, replace(TINY, assignments=("style_encoder=true", "crop_size=96", "aspect=1.5")))

    settings = choice_of(workspace, Training(init_from=origin, assignments=("device=cpu",)))

    assert settings.data.crop == (64, 96)


def test_what_is_given_beats_the_networks_of_the_run_to_begin_from(workspace: Workspace) -> None:
    origin = begin(workspace, TINY)

    settings = choice_of(workspace, Training(init_from=origin, assignments=("device=cpu", "noise_size=4")))

    assert settings.model.noise_size == 4


def test_the_device_is_known_however_it_is_named(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[training]\ndevice = 'cpu'\n")
    folder = begin(workspace, replace(TINY, assignments=("device=cpu",)))

    assert is_for_cpu(workspace, Training(run=folder))
    assert is_for_cpu(workspace, Training(preset=str(tmp_path / "mine.toml")))
    for preset in ("auto", "spade"):
        assert is_for_cpu(workspace, Training(preset=preset, assignments=('device = "cpu"',)))
        assert not is_for_cpu(workspace, Training(preset=preset))


def test_what_is_wrong_with_a_command_is_not_said_while_processes_meet(workspace: Workspace) -> None:
    assert is_for_cpu(workspace, Training(preset="tinny"))


def test_a_run_is_unfinished_until_all_images_are_shown(workspace: Workspace) -> None:
    folder = begin(workspace, replace(TINY, assignments=("images=12",)))

    assert is_unfinished(folder)
    checkpoint = folder / "checkpoints" / "000000012"
    checkpoint.mkdir(parents=True)
    (checkpoint / "progress.json").write_text(json.dumps({}))
    assert not is_unfinished(folder)


def test_of_a_run_that_cannot_be_read_nobody_says_that_it_is_unfinished(workspace: Workspace) -> None:
    folder = begin(workspace, TINY)
    (folder / "config.toml").write_text("no")

    assert not is_unfinished(folder)
