"""Memory and time of a training step, measured before a run begins."""

import pytest
import torch

from gaugan import measure as measure_module
from gaugan.allocator import keep_memory
from gaugan.config import load_settings
from gaugan.measure import Cost, measure
from gaugan.settings import Training

SMALL = ("batch_size=2", "crop_size=64", "model.width=4", "discriminator_width=4", "device=cpu")


def test_a_step_is_measured_without_a_trace():
    cost = measure(load_settings("tiny", SMALL), classes=3, edges=True)

    assert cost.device == "cpu"
    assert 0 < cost.seconds_per_image < 60
    assert 0 < cost.needed_bytes(load_settings("tiny", SMALL).training) < cost.free_bytes


def test_memory_that_was_used_before_and_kept_hides_nothing(monkeypatch):
    keep_memory()
    monkeypatch.setattr(measure_module, "SECONDS_BETWEEN_LOOKS", 0.001)
    torch.ones(300_000_000, dtype=torch.uint8).sum()  # takes 2.7 GB, the peak of this process from now on

    with measure_module._Memory(torch.device("cpu")) as memory:
        kept = [torch.ones(10_000_000, dtype=torch.uint8) for _ in range(10)]
        for _ in range(200):
            kept[0].sum()

    assert 50_000_000 < memory.grown_bytes < 1_000_000_000  # a sum of bytes is one of eight-byte numbers


def cost(*, free_bytes, processes=1):
    return Cost(
        seconds_per_image=1,
        bytes_per_image=10,
        fixed_bytes=100,
        free_bytes=free_bytes,
        device="cpu",
        processes=processes,
    )


@pytest.mark.parametrize(
    ("free_bytes", "processes", "photos", "batch_size"),
    [
        (1000, 1, 500, 64),  # 800 to spend, 700 of it for images
        (1000, 1, 50, 32),  # no more than there are photos
        (50, 1, 500, 1),  # what cannot fit is left to be refused
        (1000, 3, 500, 192),  # each process has memory of its own
        (10**9, 1, 10**9, 256),
    ],
)
def test_the_largest_batch_is_a_power_of_two_a_process(free_bytes, processes, photos, batch_size):
    assert cost(free_bytes=free_bytes, processes=processes).largest_batch(photos=photos) == batch_size


def test_a_batch_in_parts_needs_the_memory_of_a_part():
    plan = Training(batch_size=8, accumulate=2)

    assert cost(free_bytes=1000).needed_bytes(plan) == 140
    assert cost(free_bytes=1000, processes=2).needed_bytes(plan) == 120
