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
from gaugan.memory import explained_memory, free_bytes, is_end_of_memory, remedies

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


def test_nobody_is_told_to_do_what_was_done():
    settings = load_settings(
        "tiny", ["batch_size=4", "accumulate=2", "crop_size=32", "model.width=4", "precision=bf16"]
    )

    assert remedies(settings).startswith("There is nothing left to lower")


def test_a_batch_is_not_split_where_a_single_pixel_could_not_be_normalised():
    assert "accumulate=2;" in remedies(load_settings("tiny", ["batch_size=4", "crop_size=32"]))
    assert "accumulate" not in remedies(load_settings("tiny", ["batch_size=2", "crop_size=32"]))


def test_every_process_keeps_an_image_of_every_part(monkeypatch):
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)

    assert "accumulate=3;" in remedies(load_settings("spade", ["batch_size=6"]))
    assert "accumulate" not in remedies(load_settings("spade", ["batch_size=2"]))


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "std::bad_alloc",
    ],
)
def test_libraries_have_other_words_for_the_end_of_memory(message):
    assert is_end_of_memory(RuntimeError(message))


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Writes what Linux says: `own` is the file that names the groups of a process, others are of groups."""

    def write(own, **groups):
        (tmp_path / "own").write_text(own)
        for folder, values in groups.items():
            (tmp_path / "groups" / folder.replace("_", "/")).mkdir(parents=True, exist_ok=True)
            for name, value in values.items():
                (tmp_path / "groups" / folder.replace("_", "/") / f"memory.{name}").write_text(f"{value}\n")

    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "own")
    return write


def test_a_group_may_have_less_memory_than_its_machine(groups):
    groups("0::/slice/scope", slice_scope={"max": 1_000_000, "current": 400_000})

    assert free_bytes(CPU) == 600_000


def test_a_group_has_no_more_than_those_around_it(groups):
    groups(
        "0::/slice/scope",
        slice={"max": 1_000_000, "current": 900_000},
        slice_scope={"max": 1_000_000, "current": 400_000},
    )

    assert free_bytes(CPU) == 100_000


def test_files_that_are_kept_in_memory_can_go(groups):
    kept = "anon 100000\ninactive_file 200000\nactive_file 50000"
    groups("0::/slice", slice={"max": 1_000_000, "current": 400_000, "stat": kept})

    assert free_bytes(CPU) == 850_000


def test_a_container_sees_its_own_limit_at_the_root(groups):
    groups("0::/that/the/machine/knows", **{".": {"max": 1_000_000, "current": 400_000}})

    assert free_bytes(CPU) == 600_000


def test_older_groups_are_understood(groups):
    kept = "inactive_file 1\ntotal_inactive_file 200000\ntotal_active_file 0"
    values = {"limit_in_bytes": 1_000_000, "usage_in_bytes": 400_000, "stat": kept}
    groups("5:devices:/\n4:memory:/jobs\n0::/", memory_jobs=values)

    assert free_bytes(CPU) == 800_000


def test_a_group_without_a_limit_has_what_the_machine_has(groups):
    groups("0::/slice", slice={"max": "max", "current": 400_000})

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
