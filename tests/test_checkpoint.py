"""Checkpoints: whole or absent, found again, exact, refused with a sentence; and averaged weights."""

import math

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from gaugan.checkpoint import (
    AVERAGED,
    NETWORKS,
    PROGRESS,
    About,
    Progress,
    average,
    half_life_keep,
    images_shown,
    latest,
    load,
    load_averaged,
    read_about,
    read_progress,
    save,
)
from gaugan.config import load_settings
from gaugan.errors import CheckpointError


def about(images=8, *, classes=3, edges=False, **assignments):
    settings = load_settings("spade", [f"{name}={value}" for name, value in assignments.items()])
    return About(settings=settings, classes=classes, unknown=True, edges=edges, images_shown=images)


def state(*, width=2, seed=0, steps=1):
    """Networks that have learned a little."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network, averaged = nn.Linear(3, width), nn.Linear(3, width)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
        for _ in range(steps):
            network(torch.randn(4, 3)).square().sum().backward()
            optimizer.step()
    return {"networks": {"generator": network}, "optimizers": {"generator": optimizer}, "averaged": averaged}


def save_one(folder, *, images=8, keep=2, **kwargs):
    return save(folder, about=about(images), keep=keep, **(kwargs or state()))


def test_no_checkpoint_is_none(tmp_path):
    assert latest(tmp_path) is None


def test_the_newest_checkpoint_is_found(tmp_path):
    for images in (8, 100, 24):
        save_one(tmp_path, images=images, keep=3)

    assert images_shown(latest(tmp_path)) == 100


def test_only_the_newest_are_kept(tmp_path):
    for images in (8, 16, 24):
        save_one(tmp_path, images=images, keep=2)

    assert [path.name for path in sorted((tmp_path / "checkpoints").iterdir())] == ["000000016", "000000024"]


def test_a_checkpoint_that_was_never_finished_is_not_found(tmp_path):
    (tmp_path / "checkpoints" / ".000000099.part").mkdir(parents=True)
    save_one(tmp_path)

    assert images_shown(latest(tmp_path)) == 8


def test_a_failed_save_leaves_the_older_one(tmp_path, monkeypatch):
    save_one(tmp_path, images=8)

    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr("gaugan.checkpoint.save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_one(tmp_path, images=16)

    assert images_shown(latest(tmp_path)) == 8


def test_weights_come_back_exactly(tmp_path):
    before, after = state(seed=0), state(seed=1)
    folder = save_one(tmp_path, **before)

    load(folder, about=about(), **after)

    assert torch.equal(after["networks"]["generator"].weight, before["networks"]["generator"].weight)
    assert torch.equal(after["averaged"].weight, before["averaged"].weight)


def test_optimizers_come_back_exactly(tmp_path):
    before, after = state(seed=0, steps=3), state(seed=1, steps=0)
    folder = save_one(tmp_path, **before)

    load(folder, about=about(), **after)

    memories = [s["optimizers"]["generator"].state_dict()["state"] for s in (before, after)]
    assert all(torch.equal(memories[0][i][key], memories[1][i][key]) for i in (0, 1) for key in memories[0][i])
    assert memories[1][0]["step"] == 3


def test_the_learning_rate_is_that_of_the_settings(tmp_path):
    folder, after = save_one(tmp_path), state()
    after["optimizers"]["generator"].param_groups[0]["lr"] = 0.5

    load(folder, about=about(), **after)

    assert after["optimizers"]["generator"].param_groups[0]["lr"] == 0.5


def test_a_checkpoint_says_what_it_was_made_with(tmp_path):
    made = about(classes=7, edges=True, width=32)

    folder = save(tmp_path, about=made, keep=1, **state())

    assert read_about(folder) == made


def test_the_averaged_weights_stand_alone(tmp_path):
    folder = save_one(tmp_path)
    (folder / NETWORKS).unlink()

    network = load_averaged(folder, lambda about: nn.Linear(3, 2))

    assert torch.equal(network.weight, load_file(folder / AVERAGED)["weight"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 32}, "was trained with model.width = 64, now it is 32"),
        ({"crop_size": 128}, "was trained with data.crop_size = 256, now it is 128"),
        ({"classes": 4}, "was trained with classes = 3, now it is 4"),
        ({"edges": True}, "was trained with edges = False, now it is True"),
    ],
)
def test_other_networks_are_refused(tmp_path, change, message):
    folder = save_one(tmp_path)

    with pytest.raises(CheckpointError, match=message):
        load(folder, about=about(**change), **state())


def test_a_weight_of_another_shape_is_named(tmp_path):
    folder = save_one(tmp_path)

    with pytest.raises(CheckpointError, match=r"weight is \[2, 3\], expected \[5, 3\]"):
        load(folder, about=about(), **state(width=5))


def test_a_checkpoint_that_does_not_fit_changes_nothing(tmp_path):
    folder, after = save_one(tmp_path), state(seed=1)
    after["averaged"] = nn.Linear(3, 9)
    before = after["networks"]["generator"].weight.clone()

    with pytest.raises(CheckpointError):
        load(folder, about=about(), **after)

    assert torch.equal(after["networks"]["generator"].weight, before)


def test_a_damaged_file_is_named(tmp_path):
    folder = save_one(tmp_path)
    (folder / NETWORKS).write_bytes((folder / NETWORKS).read_bytes()[:20])

    with pytest.raises(CheckpointError, match=r"networks\.safetensors cannot be read"):
        load(folder, about=about(), **state())


@pytest.mark.parametrize("name", [NETWORKS, PROGRESS])
def test_a_damaged_file_is_named_with_the_checkpoint_before(tmp_path, name):
    before, folder = save_one(tmp_path, images=8), save_one(tmp_path, images=16)
    (folder / name).write_bytes((folder / name).read_bytes()[:20])

    with pytest.raises(CheckpointError) as raised:
        read_progress(folder)
        load(folder, about=about(), **state())

    assert str(raised.value).endswith(f"Remove {folder}, and the run goes on from {before}")


def test_without_a_checkpoint_before_a_run_begins_anew(tmp_path):
    folder = save_one(tmp_path)
    (folder / AVERAGED).unlink()

    with pytest.raises(CheckpointError, match=r"Remove .*000000008, and the run begins anew"):
        read_about(folder)


def test_a_file_that_the_disk_does_not_give_is_no_reason_to_remove_it(tmp_path, monkeypatch):
    folder = save_one(tmp_path)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("gaugan.checkpoint.load_file", refuse)
    with pytest.raises(CheckpointError, match=r"cannot be read: \[Errno 13\] Permission denied$"):
        load(folder, about=about(), **state())


def test_a_missing_file_is_named(tmp_path):
    folder = save_one(tmp_path)
    (folder / AVERAGED).unlink()

    with pytest.raises(CheckpointError, match=r"averaged\.safetensors cannot be read"):
        read_about(folder)


def test_a_score_that_is_no_number_is_never_the_best():
    progress = Progress().scored(math.nan, images_shown=8, patience=0)

    assert (progress.best_score, progress.best_at, progress.worse_in_a_row) == (None, None, 1)


def test_a_score_that_is_no_number_is_worse_than_the_best():
    progress = Progress(best_score=0.5, best_at=8).scored(math.nan, images_shown=16, patience=1)

    assert (progress.best_score, progress.best_at, progress.ended_early) == (0.5, 8, True)


def test_an_average_moves_by_the_share_it_does_not_keep():
    mean, now = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.constant_(mean.weight, 0.0)
    nn.init.constant_(now.weight, 1.0)

    average(mean, now, keep=0.75)

    assert mean.weight.item() == 0.25


def test_an_average_takes_the_newest_buffers():
    mean, now = nn.BatchNorm2d(1), nn.BatchNorm2d(1)
    now.running_mean.fill_(3)

    average(mean, now, keep=0.75)

    assert mean.running_mean.item() == 3


def test_half_is_kept_over_a_half_life():
    assert half_life_keep(images=100, images_shown=10**9, half_life_images=100, rampup=0.05) == 0.5


def test_the_half_life_is_short_at_the_start():
    assert half_life_keep(images=5, images_shown=100, half_life_images=10**6, rampup=0.05) == 0.5


def test_no_half_life_keeps_nothing():
    assert half_life_keep(images=8, images_shown=100, half_life_images=0, rampup=0.05) == 0
