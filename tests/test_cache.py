"""Photos stay decoded in a file, as many as fit, for every process, and leave nothing behind."""

import errno
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from gaugan import cache
from gaugan.errors import DataError
from gaugan.reading import Sample, Scaled
from gaugan.settings import Data

SMALL = Data(crop_size=16, aspect=1.0, crop_margin=0.5, workers=0)  # 40 x 60 becomes 24 x 36
PIXELS = 24 * 36


def samples(folder, count):
    found = []
    for k in range(count):
        Image.fromarray(np.zeros((40, 60), np.uint8)).save(folder / f"{k}.png")
        found.append(Sample(image=folder / f"{k}.jpg", labels=folder / f"{k}.png"))
    return found


def scaled(seed, *, instances=True, size=(24, 36)):
    random = torch.Generator().manual_seed(seed)
    return Scaled(
        image=torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=random),
        labels=torch.randint(0, 256, size, dtype=torch.uint8, generator=random),
        instances=torch.randint(0, 65536, size, dtype=torch.int32, generator=random) if instances else None,
    )


def assert_same(one, other):
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.labels, other.labels)
    assert (one.instances is None) == (other.instances is None)
    assert one.instances is None or torch.equal(one.instances, other.instances)


@pytest.mark.parametrize("instances", [True, False])
def test_what_is_put_is_got(tmp_path, instances):
    plan = cache.plan(samples(tmp_path, 3), settings=SMALL)
    photos = cache.open_cache(tmp_path / "photos.cache", plan)
    for k in (2, 0):
        photos.put(k, scaled(k, instances=instances))
    assert photos.get(1) is None
    for k in (2, 0):
        assert_same(photos.get(k), scaled(k, instances=instances))


def test_another_process_sees_what_this_one_put(tmp_path):
    plan = cache.plan(samples(tmp_path, 2), settings=SMALL)
    photos = cache.open_cache(tmp_path / "photos.cache", plan)
    other = pickle.loads(pickle.dumps(photos))
    photos.put(1, scaled(1))
    assert_same(other.get(1), scaled(1))
    assert other.get(0) is None


def test_only_as_many_are_planned_as_fit(tmp_path):
    found = samples(tmp_path, 200)
    plan = cache.plan(found, settings=SMALL.model_copy(update={"cache_mb": 1}))
    assert len(plan.sizes) == 2**20 // (8 * PIXELS + 1)
    assert plan.bytes <= 2**20
    photos = cache.open_cache(tmp_path / "photos.cache", plan)
    assert (tmp_path / "photos.cache").stat().st_size == plan.bytes
    photos.put(199, scaled(0))
    assert photos.get(199) is None


def test_a_planned_size_is_that_of_the_scaled_photo(tmp_path):
    assert cache.plan(samples(tmp_path, 1), settings=SMALL).sizes == ((24, 36),)


def test_a_sample_of_another_size_is_not_kept(tmp_path):
    plan = cache.plan(samples(tmp_path, 1), settings=SMALL)
    photos = cache.open_cache(tmp_path / "photos.cache", plan)
    photos.put(0, scaled(0, size=(24, 30)))
    assert photos.get(0) is None


def test_the_file_is_gone_afterwards(tmp_path):
    plan = cache.plan(samples(tmp_path, 1), settings=SMALL)
    photos = cache.open_cache(tmp_path / "photos.cache", plan)
    photos.put(0, scaled(0))
    cache.remove(photos.path)
    assert not (tmp_path / "photos.cache").exists()


def test_a_file_left_by_a_process_that_was_killed_is_made_anew(tmp_path):
    plan = cache.plan(samples(tmp_path, 1), settings=SMALL)
    (tmp_path / "photos.cache").write_bytes(b"\x01" * plan.bytes)
    photos = cache.open_cache(tmp_path / "photos.cache", plan)
    assert photos.get(0) is None


def test_none_is_kept_when_there_is_no_room(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    plan = cache.plan(samples(tmp_path, 1), settings=SMALL)
    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    photos = cache.open_cache(tmp_path / "photos.cache", plan)
    assert photos is None
    assert not (tmp_path / "photos.cache").exists()


def test_zero_megabytes_keep_none(tmp_path):
    plan = cache.plan(samples(tmp_path, 1), settings=SMALL.model_copy(update={"cache_mb": 0}))
    photos = cache.open_cache(tmp_path / "photos.cache", plan)
    assert photos is None


def test_a_label_map_that_is_none_is_named(tmp_path):
    (tmp_path / "l.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"l\.png is no PNG"):
        cache.plan([Sample(image=tmp_path / "i.jpg", labels=tmp_path / "l.png")], settings=SMALL)
