"""Settings: layers, names, refusals, and the way through TOML."""

import re
import subprocess
import sys

import pytest

from gaugan.config import dumps, explain, load_settings, loads, presets, presets_folder
from gaugan.errors import SettingsError
from gaugan.settings import Settings


def test_an_assignment_overrules_the_preset():
    settings = load_settings("spade", ["model.width=32"])

    assert settings.model.width == 32


def test_a_preset_overrules_the_defaults(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[model]\nwidth = 24\n")

    settings = load_settings(file)

    assert (settings.model.width, settings.data.crop_size) == (24, Settings().data.crop_size)


def test_a_bare_name_is_enough_where_one_section_has_it():
    assert load_settings("spade", ["crop_size=128"]).data.crop_size == 128


def test_words_need_no_quotes():
    assert load_settings("spade", ["upsampling=more"]).model.upsampling == "more"


@pytest.mark.parametrize("preset", presets())
def test_settings_come_back_equal_from_toml(preset):
    settings = load_settings(preset)

    assert loads(dumps(settings)) == settings


@pytest.mark.parametrize("preset", presets())
def test_every_number_of_a_preset_has_its_reason(preset):
    lines = presets_folder().joinpath(f"{preset}.toml").read_text().splitlines()

    bare = [line for line in lines if re.search(r"= [\d.]", line) and "#" not in line]

    assert bare == []


def test_the_shipped_presets_are_known_by_name():
    assert {"spade", "tiny"} <= set(presets())


def test_every_setting_is_explained():
    assert [setting.name for setting in explain(Settings()) if not setting.description] == []


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("model.widht=3", "unknown setting 'model.widht'; did you mean model.width?"),
        ("crop_sise=3", "unknown setting 'crop_sise'; did you mean data.crop_size?"),
        ("width=wide", "model.width is 'wide', expected an integer"),
        ("width=true", "model.width is True, expected an integer"),
        ("width=2", "model.width is 2, expected a number greater than or equal to 4"),
        ("precision=fp8", "training.precision is 'fp8', expected 'float32' or 'bf16'"),
        ("epochs=nan", "training.epochs is nan, expected a finite number"),
        ("flip=maybe", "data.flip is 'maybe', expected true or false"),
        ("width", "'width' sets nothing. Write it as name=value"),
    ],
)
def test_a_wrong_assignment_is_one_sentence(assignment, message):
    with pytest.raises(SettingsError) as error:
        load_settings("spade", [assignment])

    assert str(error.value) == message


def test_a_run_without_end_is_refused():
    with pytest.raises(SettingsError, match=r"training\.images and training\.epochs are both 0"):
        load_settings("spade", ["images=0", "epochs=0"])


def test_a_crop_that_leaves_nothing_to_normalise_is_refused():
    with pytest.raises(SettingsError, match=r"data\.crop_size is 32, so the generator begins with a single pixel"):
        load_settings("spade", ["crop_size=32", "model.norm=instance"])


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(SettingsError, match=r"no preset 'tniy' .*; did you mean tiny"):
        load_settings("tniy")


def test_an_unknown_name_in_a_file_names_the_file(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[model]\nwidht = 24\n")

    with pytest.raises(SettingsError, match=r"mine\.toml: unknown setting 'model\.widht'; did you mean model\.width"):
        load_settings(file)


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[model\n")

    with pytest.raises(SettingsError, match=r"mine\.toml is no TOML"):
        load_settings(file)


def test_epochs_become_images_in_whole_batches():
    training = load_settings("spade", ["images=0", "epochs=2", "batch_size=8"]).training

    assert training.images_in_all(photos=10) == 24


def test_the_crop_is_height_and_width():
    assert load_settings("spade", ["crop_size=512", "aspect=2.0"]).data.crop == (256, 512)


def test_settings_do_not_import_torch():
    code = "import sys, gaugan.config; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
