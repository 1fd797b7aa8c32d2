"""Label maps looked through before training: what they hold, which is wrong, and that it is done once."""

import os
import time

import numpy as np
import pytest
import torch
from PIL import Image

from gaugan.errors import DataError
from gaugan.reading import Sample
from gaugan.scan import load_shares, save_shares, scan


def label_map(folder, name, values):
    Image.fromarray(np.array(values, dtype=np.uint8)).save(folder / f"{name}.png")
    return Sample(image=folder / f"{name}.jpg", labels=folder / f"{name}.png")


@pytest.fixture
def samples(tmp_path):
    """Three label maps: a is all class 0, b all class 1, c all class 2."""
    return [label_map(tmp_path, name, np.full((4, 6), k)) for k, name in enumerate("abc")]


@pytest.fixture
def kept(tmp_path, samples):
    """Shares of the three, in a file."""
    save_shares(tmp_path / "labels.safetensors", scan(samples, classes=3), samples)
    return tmp_path / "labels.safetensors"


def test_shares_are_of_each_class_and_last_of_unknown(tmp_path):
    shares = scan([label_map(tmp_path, "a", [[0, 0, 0, 0], [2, 2, 2, 255]])], classes=3)

    assert shares.tolist() == [[0.5, 0, 0.375, 0.125]]
    assert shares.dtype == torch.float32


def test_a_large_map_is_counted_to_its_end(tmp_path):
    values = np.zeros((300, 400))
    values[-75:] = 1

    assert scan([label_map(tmp_path, "a", values)], classes=2).tolist() == [[0.75, 0.25, 0]]


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_rows_are_in_the_order_of_samples(samples, monkeypatch, workers):
    monkeypatch.setattr("gaugan.scan.AT_ONCE", 2)

    assert scan(samples, classes=3, workers=workers).argmax(1).tolist() == [0, 1, 2]


def test_a_wrong_class_names_file_pixel_and_value(tmp_path):
    values = np.zeros((9, 16))
    values[5, 12] = 77

    with pytest.raises(
        DataError, match=r"a\.png holds class 77, expected 0 to 22, or 255 .*: look at column 12, row 5"
    ):
        scan([label_map(tmp_path, "a", values)], classes=23)


def test_of_several_wrong_maps_the_first_is_named(tmp_path):
    large, small = np.zeros((900, 1200)), np.full((1, 1), 78)
    large[-1, -1] = 77
    samples = [label_map(tmp_path, "a", [[0]]), label_map(tmp_path, "b", large), label_map(tmp_path, "c", small)]

    with pytest.raises(DataError, match=r"b\.png holds class 77"):
        scan(samples, classes=23, workers=3)


def test_a_missing_map_is_named(samples):
    samples[1].labels.unlink()

    with pytest.raises(DataError, match=r"b\.png cannot be read: No such file"):
        scan(samples, classes=3)


def test_every_map_is_told_of(samples):
    told = []

    scan(samples, classes=3, on_item=lambda: told.append(1))

    assert len(told) == 3


def test_an_interrupted_scan_reads_no_further(samples, monkeypatch):
    read = []

    def slowly(path, *, classes):
        read.append(path)
        time.sleep(0.01)
        return torch.zeros(classes + 1)

    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr("gaugan.scan.read_shares", slowly)
    with pytest.raises(KeyboardInterrupt):
        scan(300 * samples, classes=3, workers=2, on_item=interrupt)

    assert len(read) < 450


def test_what_is_kept_is_found_again(kept, samples):
    assert torch.equal(load_shares(kept, samples), torch.eye(4)[:3])


def test_nothing_is_left_beside(kept, tmp_path):
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "c.png", kept.name]


def test_a_folder_is_made_for_what_is_kept(tmp_path, samples):
    save_shares(tmp_path / "runs" / "1" / "labels.safetensors", torch.eye(4)[:3], samples)

    assert load_shares(tmp_path / "runs" / "1" / "labels.safetensors", samples) is not None


def test_keeping_again_replaces_what_was_kept(kept, samples):
    save_shares(kept, torch.full((3, 4), 0.25), samples)

    assert load_shares(kept, samples).unique().tolist() == [0.25]


def test_where_nothing_is_kept_nothing_is_found(tmp_path, samples):
    assert load_shares(tmp_path / "labels.safetensors", samples) is None


def test_shares_of_other_samples_are_not_found(kept, samples):
    assert load_shares(kept, samples[:2]) is None


def test_shares_of_samples_in_another_order_are_not_found(kept, samples):
    assert load_shares(kept, samples[::-1]) is None


def test_a_map_written_again_is_scanned_again(kept, samples):
    before = samples[1].labels.stat()

    os.utime(samples[1].labels, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))

    assert load_shares(kept, samples) is None


def test_a_map_of_another_size_is_scanned_again(kept, samples):
    before = samples[1].labels.stat()
    samples[1].labels.write_bytes(samples[1].labels.read_bytes() + b"\0")

    os.utime(samples[1].labels, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert load_shares(kept, samples) is None


def test_a_map_that_went_missing_is_scanned_again(kept, samples):
    samples[2].labels.unlink()

    assert load_shares(kept, samples) is None


@pytest.mark.parametrize(
    "damage",
    [lambda held: b"", lambda held: b"no tensors", lambda held: held[:-4], lambda held: held[:-1] + b"\x55"],
    ids=["empty", "another file", "cut short", "a byte changed"],
)
def test_a_damaged_file_is_scanned_again(kept, samples, damage):
    kept.write_bytes(damage(kept.read_bytes()))

    assert load_shares(kept, samples) is None


def test_a_changed_share_is_noticed(kept, samples):
    held = kept.read_bytes()
    one = np.float32(1).tobytes()
    kept.write_bytes(held.replace(one, np.float32(0.5).tobytes(), 1))

    assert load_shares(kept, samples) is None
