"""Memory that is left, and the sentence when it has come to its end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gaugan import memory
from gaugan.config import load_settings
from gaugan.errors import OutOfMemoryError
from gaugan.memory import explained_memory, free_bytes, remedies

CPU = torch.device("cpu")
ROOT = Path(__file__).parent.parent


def test_a_real_end_of_memory_is_a_sentence_with_the_settings_to_lower():
    settings = load_settings("spade", ["batch_size=8"])

    with (
        pytest.raises(
            OutOfMemoryError, match=r"batch of 8 images at 256 px.*accumulate=2.*precision=bf16.*crop_size=128"
        ),
        explained_memory(settings),
    ):
        torch.empty(2**50)


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="must match the size"), explained_memory(load_settings()):
        torch.zeros(2) + torch.zeros(3)


def test_the_least_harm_is_named_first_and_splits_the_batch_evenly():
    assert "--set accumulate=3;" in remedies(load_settings("spade", ["batch_size=9"]))


def test_a_single_image_is_not_split():
    assert "accumulate" not in remedies(load_settings("spade", ["batch_size=1"]))


def test_a_container_may_have_less_memory_than_its_machine(tmp_path, monkeypatch):
    (tmp_path / "max").write_text("1000000\n")
    (tmp_path / "current").write_text("400000\n")
    monkeypatch.setattr(memory, "LIMITS_OF_A_GROUP", ((tmp_path / "max", tmp_path / "current"),))

    assert free_bytes(CPU) == 600_000


def test_a_container_without_a_limit_has_what_the_machine_has(tmp_path, monkeypatch):
    (tmp_path / "max").write_text("max\n")
    (tmp_path / "current").write_text("400000\n")
    monkeypatch.setattr(memory, "LIMITS_OF_A_GROUP", ((tmp_path / "max", tmp_path / "current"),))

    assert free_bytes(CPU) > 600_000


def limited(what, megabytes, folder):
    command = [sys.executable, "-m", "tests.limited", what, str(megabytes), str(folder)]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_a_run_that_needs_more_than_a_process_may_have_ends_with_a_sentence(tmp_path):
    assert "the memory does not suffice for a batch of 256 images at 64 px" in limited("train", 700, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")
def test_the_batch_that_is_found_fits_what_a_process_may_have(tmp_path):
    assert 2 <= int(limited("auto", 1500, tmp_path)) <= 64
