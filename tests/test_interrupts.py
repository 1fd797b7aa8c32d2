"""Ctrl-C and the end of a process: they wait for the end of a step, and then they are an interrupt."""

import signal
import threading

import pytest

from gaugan.interrupts import hold_interrupt, terminating


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
