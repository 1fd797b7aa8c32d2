"""Memory is kept where glibc can be told to, and nothing else changes."""

import platform
import sys

import pytest

from gaugan import allocator
from gaugan.allocator import keep_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_glibc_is_told_and_can_be_told_again():
    assert keep_memory()
    assert keep_memory()


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_left_alone(monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    assert not keep_memory()


def test_a_library_without_the_call_is_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: object())
    assert not keep_memory()
