"""Ctrl-C and the end of a process: they wait for the end of a step, and then they are an interrupt."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gaugan.interrupts import hold_interrupt, terminating

ROOT = Path(__file__).parent.parent


@pytest.fixture
def ctrl_c_interrupts():
    """A shell that runs tests in the background has them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_waits_for_the_end_of_a_step(ctrl_c_interrupts):
    done = []
    with pytest.raises(KeyboardInterrupt), hold_interrupt():
        signal.raise_signal(signal.SIGINT)
        done.append("step")

    assert done == ["step"]


def test_a_second_ctrl_c_does_not_wait(ctrl_c_interrupts):
    done = []
    with pytest.raises(KeyboardInterrupt), hold_interrupt():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("step")

    assert done == []


def test_the_signal_that_ends_a_process_interrupts():
    with pytest.raises(KeyboardInterrupt), terminating():
        signal.raise_signal(signal.SIGTERM)


def test_the_signal_that_ends_a_process_waits_for_the_end_of_a_step():
    done = []
    with pytest.raises(KeyboardInterrupt), terminating(), hold_interrupt():
        signal.raise_signal(signal.SIGTERM)
        done.append("step")

    assert done == ["step"]


def test_afterwards_signals_do_what_they_did_before():
    before = signal.getsignal(signal.SIGTERM)
    with terminating(), hold_interrupt():
        pass

    assert signal.getsignal(signal.SIGTERM) == before


def test_a_thread_is_left_alone():
    done = []

    def work():
        with terminating(), hold_interrupt():
            done.append("step")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert done == ["step"]


READ = """
import os, signal, sys, time
from pathlib import Path

import torch

from gaugan.data import Positions, batches
from gaugan.interrupts import hold_interrupt, terminating
from tests.test_data import SMALL, crops_of, draw_sample

signal.signal(signal.SIGINT, signal.default_int_handler)
crops = crops_of([draw_sample(Path(sys.argv[1]))], settings=SMALL.model_copy(update={"workers": 1}))
shown = batches(crops, Positions(start=0, stop=40, batch_size=1), device=torch.device("cpu"))
next(shown)
for name in ("SIGTERM", "SIGINT"):
    try:
        with terminating(), hold_interrupt():
            os.killpg(0, getattr(signal, name))
            time.sleep(0.5)
            print(name, len([next(shown) for _ in range(10)]))
    except KeyboardInterrupt:
        print("interrupted")
"""
"""A process that reads with a worker while its whole group is told to end, and at its end still holds the reading."""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What it says, line by line."""
    command = [sys.executable, "-c", READ, str(tmp_path_factory.mktemp("photos"))]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=ROOT, env=environment, start_new_session=True
    )
    assert (process.returncode, process.stderr) == (0, "")
    return process.stdout.splitlines()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals to groups")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_worker_goes_on_when_the_whole_group_is_told_to_end(said, name):
    assert f"{name} 10" in said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals to groups")
def test_the_process_itself_is_interrupted_and_no_worker_keeps_it_from_its_end(said):
    assert said[1::2] == ["interrupted", "interrupted"]
