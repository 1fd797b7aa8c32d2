"""Which preset is recommended for which photos and device."""

import pytest

from gaugan.config import load_settings
from gaugan.recommend import PRESETS, recommend


@pytest.mark.parametrize(
    ("photos", "device", "gigabytes", "preset"),
    [
        (100, "cpu", 16, "small"),
        (50_000, "cpu", 500, "small"),
        (1000, "cuda", 4, "small"),
        (1000, "cuda", 80, "small"),
        (41_000, "cuda", 12, "small"),
        (41_000, "cuda", 80, "spade"),
    ],
)
def test_photos_and_device_decide(photos, device, gigabytes, preset):
    assert recommend(photos=photos, device=device, memory_bytes=gigabytes * 10**9).preset == preset


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
@pytest.mark.parametrize("gigabytes", [2, 8, 24])
@pytest.mark.parametrize("photos", [1, 50_000])
def test_every_recommendation_can_be_trained(device, gigabytes, photos):
    found = recommend(photos=photos, device=device, memory_bytes=gigabytes * 10**9)

    assert load_settings(found.preset, found.assignments)
    assert found.preset in PRESETS


def test_a_small_gpu_learns_the_batch_of_the_preset_in_parts():
    small = recommend(photos=1000, device="cuda", memory_bytes=4 * 10**9)

    training = load_settings(small.preset, small.assignments).training
    assert training.accumulate > 1
    assert training.batch_size == load_settings(small.preset).training.batch_size


def test_the_reason_names_what_it_comes_from():
    assert recommend(photos=1, device="cpu", memory_bytes=1).reason.startswith("1 photo and no GPU")
    assert "1,200 photos and a GPU with 24 GB" in recommend(photos=1200, device="cuda", memory_bytes=24 * 10**9).reason
