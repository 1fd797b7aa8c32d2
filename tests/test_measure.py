"""Memory and time of a training step, measured before a run begins."""

import torch

from gaugan import measure as measure_module
from gaugan.allocator import keep_memory
from gaugan.config import load_settings
from gaugan.measure import measure

SMALL = ("batch_size=2", "crop_size=64", "model.width=4", "discriminator_width=4", "device=cpu")


def test_a_step_is_measured_without_a_trace():
    cost = measure(load_settings("tiny", SMALL), classes=3, edges=True)

    assert cost.device == "cpu"
    assert 0 < cost.seconds_per_image < 60
    assert 0 < cost.needed_bytes < cost.free_bytes


def test_memory_that_was_used_before_and_kept_hides_nothing(monkeypatch):
    keep_memory()
    monkeypatch.setattr(measure_module, "SECONDS_BETWEEN_LOOKS", 0.001)
    torch.ones(300_000_000, dtype=torch.uint8).sum()  # takes 2.7 GB, the peak of this process from now on

    with measure_module._Memory(torch.device("cpu")) as memory:
        kept = [torch.ones(10_000_000, dtype=torch.uint8) for _ in range(10)]
        for _ in range(200):
            kept[0].sum()

    assert 50_000_000 < memory.grown_bytes < 1_000_000_000  # a sum of bytes is one of eight-byte numbers
