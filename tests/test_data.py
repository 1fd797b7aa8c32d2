"""Files to batches: what is decoded, what is cut, in which order, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from gaugan import cache
from gaugan.data import Crops, Positions, batches, have_instances
from gaugan.errors import DataError
from gaugan.randomness import generator
from gaugan.reading import Sample, covering_size, read_instances, read_labels
from gaugan.settings import Data
from gaugan.spade.conditions import edges

CPU = torch.device("cpu")
SMALL = Data(crop_size=16, crop_margin=0.5, workers=0)


def draw_sample(folder, name="a", *, height=40, width=60, seed=0):
    """A photo that shows its own labels: class k is grey 20 * k; instances are the columns' thirds."""
    random = np.random.default_rng(seed)
    labels = np.kron(random.integers(0, 5, (height // 10, width // 10)), np.ones((10, 10))).astype(np.uint8)
    photo = np.repeat(20 * labels[..., None], 3, axis=2)
    instances = np.broadcast_to(np.arange(width) // (width // 3), labels.shape).astype(np.uint16) * 300
    paths = [folder / f"{name}.{end}" for end in ("jpg", "png", "ids.png")]
    Image.fromarray(photo).save(paths[0], quality=98, subsampling=0)
    Image.fromarray(labels).save(paths[1])
    Image.fromarray(instances).save(paths[2])
    return Sample(image=paths[0], labels=paths[1], instances=paths[2])


def crops_of(samples, *, settings=SMALL, classes=5, seed=0, **options):
    return Crops(samples, settings=settings, classes=classes, seed=seed, **options)


def shore(folder, name="a"):
    """A photo of 40 x 60 whose upper quarter is sky, class 0, over water, class 1; scaled to 24 x 36 by SMALL."""
    sample = draw_sample(folder, name)
    save_labels(sample.labels, np.repeat([0, 1], [10, 30])[:, None].repeat(60, axis=1))
    return sample


def save_labels(path, values, *, bits=8, is_palette=False):
    image = Image.fromarray(np.array(values, dtype=np.uint8))
    if is_palette:
        indices = np.array(values, dtype=np.uint8)
        image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
        image.putpalette([(7 * i + 90) % 256 for i in range(3 * 2**bits)])
    image.save(path, bits=bits)
    return path


def test_grey_labels_are_read_as_they_are(tmp_path):
    labels = read_labels(save_labels(tmp_path / "l.png", [[0, 1], [4, 255]]), classes=5)

    assert labels.tolist() == [[0, 1], [4, 255]]


def test_palette_labels_are_read_as_indices(tmp_path):
    labels = read_labels(save_labels(tmp_path / "l.png", [[0, 1], [4, 255]], is_palette=True), classes=5)

    assert labels.tolist() == [[0, 1], [4, 255]]


def test_instances_of_sixteen_bits_are_read_as_they_are(tmp_path):
    Image.fromarray(np.array([[0, 256], [40000, 65535]], dtype=np.uint16)).save(tmp_path / "i.png")

    assert read_instances(tmp_path / "i.png").tolist() == [[0, 256], [40000, 65535]]


def test_a_class_out_of_range_names_file_and_value(tmp_path):
    path = save_labels(tmp_path / "l.png", [[0, 7]])

    with pytest.raises(DataError, match=r"l\.png holds class 7, expected 0 to 4, or 255 for unknown"):
        read_labels(path, classes=5)


def test_labels_in_colour_are_refused(tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "l.png")

    with pytest.raises(DataError, match=r"l\.png is a colour picture"):
        read_labels(tmp_path / "l.png", classes=5)


def test_labels_of_four_bits_are_refused(tmp_path):
    path = save_labels(tmp_path / "l.png", [[0, 1]], is_palette=True, bits=4)

    with pytest.raises(DataError, match=r"l\.png has 4 bits a pixel, expected 8"):
        read_labels(path, classes=5)


def test_a_missing_photo_is_named(tmp_path):
    sample = draw_sample(tmp_path)
    sample.image.unlink()

    with pytest.raises(DataError, match=r"a\.jpg cannot be read: No such file"):
        crops_of([sample])[0]


def test_a_torn_photo_is_named(tmp_path):
    sample = draw_sample(tmp_path)
    sample.image.write_bytes(sample.image.read_bytes()[:40])

    with pytest.raises(DataError, match=r"a\.jpg cannot be decoded"):
        crops_of([sample])[0]


def test_labels_of_another_size_are_refused(tmp_path):
    sample = draw_sample(tmp_path)
    save_labels(sample.labels, np.zeros((4, 6)))

    with pytest.raises(DataError, match=r"a\.png is 6x4, its photo .*a\.jpg is 60x40"):
        crops_of([sample])[0]


def test_instances_for_some_samples_only_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"b\.png has no instances, though others have"):
        have_instances([draw_sample(tmp_path), Sample(image=tmp_path / "b.jpg", labels=tmp_path / "b.png")])


def test_a_photo_is_scaled_in_its_own_proportions_to_cover_the_crop():
    assert covering_size((240, 320), crop=(64, 64), margin=0) == (64, 85)


def test_a_wide_crop_is_covered_too():
    assert covering_size((240, 320), crop=(32, 64), margin=0.25) == (60, 80)


def test_shapes_and_types_of_a_batch(tmp_path):
    crops = crops_of([draw_sample(tmp_path)], settings=Data(crop_size=32, aspect=2.0, workers=0), find_edges=edges)

    batch = next(batches(crops, Positions(start=0, stop=3, batch_size=3), device=CPU))

    assert (batch.image.shape, batch.image.dtype) == ((3, 3, 16, 32), torch.float32)
    assert (batch.labels.shape, batch.labels.dtype) == ((3, 16, 32), torch.uint8)
    assert (batch.edges.shape, batch.edges.dtype) == ((3, 1, 16, 32), torch.uint8)
    assert batch.positions == (0, 1, 2)


def test_photos_reach_from_minus_one_to_one(tmp_path):
    sample = draw_sample(tmp_path)
    Image.fromarray(np.kron([[0, 255]], np.ones((40, 30))).astype(np.uint8)).convert("RGB").save(sample.image)

    image = crops_of([sample]).middle(0).image

    assert (image.min(), image.max()) == (-1, 1)


def test_unknown_pixels_get_the_number_after_the_classes(tmp_path):
    sample = draw_sample(tmp_path)
    save_labels(sample.labels, np.full((40, 60), 255))

    assert crops_of([sample], classes=5)[0].labels.unique().tolist() == [5]


def test_photo_and_labels_are_cut_and_mirrored_together(tmp_path):
    crops = crops_of([draw_sample(tmp_path)])

    for position in range(8):
        batch = crops[position]
        grey = (batch.image.mean(1) + 1) * 127.5
        inner = (grey - 20 * batch.labels).abs()
        assert inner.median() < 2


def test_a_crop_is_mirrored_about_every_other_time(tmp_path):
    sample = draw_sample(tmp_path)
    save_labels(sample.labels, np.kron([[0, 1]], np.ones((40, 30))))
    crops = crops_of([sample], settings=Data(crop_size=40, crop_margin=0, aspect=1.5, workers=0))

    mirrored = [bool(crops[position].labels[0, 0, 0] == 1) for position in range(100)]

    assert 30 < sum(mirrored) < 70


def test_without_flip_nothing_is_mirrored(tmp_path):
    sample = draw_sample(tmp_path)
    save_labels(sample.labels, np.kron([[0, 1]], np.ones((40, 30))))
    crops = crops_of([sample], settings=Data(crop_size=40, crop_margin=0, aspect=1.5, workers=0, flip=False))

    assert {int(crops[position].labels[0, 0, 0]) for position in range(20)} == {0}


def test_edges_are_those_of_the_cropped_ids(tmp_path):
    crops = crops_of([draw_sample(tmp_path)], settings=Data(crop_size=40, crop_margin=0, workers=0), find_edges=edges)

    marked = crops.middle(0).edges[0, 0]

    assert marked.sum(1).unique().tolist() == [4]


def test_every_photo_is_shown_once_an_epoch(tmp_path):
    crops = crops_of([draw_sample(tmp_path, str(k), seed=k) for k in range(5)])

    shown = []
    for position in range(10):
        crops[position]
        shown.append(crops.order[position % 5])

    assert sorted(shown[:5]) == sorted(shown[5:]) == [0, 1, 2, 3, 4]
    assert shown[:5] != shown[5:]


def test_an_image_depends_on_its_position_alone(tmp_path):
    samples = [draw_sample(tmp_path, str(k), seed=k) for k in range(3)]
    walked, jumped = crops_of(samples), crops_of(samples)

    images = [walked[position].image for position in range(8)]

    assert torch.equal(jumped[7].image, images[7])


def test_a_photo_is_cut_elsewhere_in_the_next_epoch(tmp_path):
    crops = crops_of([draw_sample(tmp_path)])

    assert not torch.equal(crops[0].image, crops[1].image)


def test_another_seed_gives_other_crops(tmp_path):
    sample = draw_sample(tmp_path)

    assert not torch.equal(crops_of([sample], seed=0)[0].image, crops_of([sample], seed=1)[0].image)


def test_a_crop_is_where_its_own_generator_says(tmp_path):
    sample = draw_sample(tmp_path)
    crops = crops_of([sample], settings=SMALL.model_copy(update={"flip": False}), seed=3)
    down, right, _ = torch.rand(3, generator=generator(3, "crop", 0, 0), dtype=torch.float64).tolist()
    top, left = int(8 * down + 0.5), int(20 * right + 0.5)

    expected = crops.scaled(0).labels[top : top + 16, left : left + 16]

    assert torch.equal(crops[0].labels[0], expected)


def test_factors_all_alike_change_no_crop(tmp_path):
    samples = [draw_sample(tmp_path, str(k), seed=k) for k in range(3)]
    plain, alike = crops_of(samples), crops_of(samples, factors=[2.0, 2.0, 2.0])

    assert all(torch.equal(plain[k].image, alike[k].image) for k in range(9))


def test_a_photo_with_a_larger_factor_is_shown_more_often(tmp_path):
    crops = crops_of([draw_sample(tmp_path, str(k), seed=k) for k in range(4)], factors=[3.0, 1.0, 1.0, 1.0])

    crops[0]

    assert sorted(crops.order).count(0) == 2


def test_a_photo_shown_twice_in_an_epoch_is_cut_twice(tmp_path):
    crops = crops_of([draw_sample(tmp_path, str(k), seed=k) for k in range(4)], factors=[3.0, 1.0, 1.0, 1.0])
    images = [crops[k].image for k in range(4)]

    first, second = (images[k] for k in range(4) if crops.order[k] == 0)

    assert not torch.equal(first, second)


def test_factors_for_some_samples_only_are_refused(tmp_path):
    with pytest.raises(ValueError, match="there are 1 factors, expected one for each of 2 samples"):
        crops_of([draw_sample(tmp_path, str(k)) for k in range(2)], factors=[1.0])


EVERYTHING = {
    "settings": SMALL.model_copy(update={"zoom": 1.0, "keep_horizon": True}),
    "factors": [3.0, 1.0, 1.0, 1.0],
    "sky": frozenset({0}),
}


def test_workers_give_the_same_batches_however_they_are_cut(tmp_path):
    samples = [shore(tmp_path, str(k)) if k % 2 else draw_sample(tmp_path, str(k), seed=k) for k in range(4)]
    shared = EVERYTHING | {"settings": EVERYTHING["settings"].model_copy(update={"workers": 2})}
    positions = Positions(start=2, stop=14, batch_size=3)

    one, two = (list(batches(crops_of(samples, **how), positions, device=CPU)) for how in (EVERYTHING, shared))

    assert all(torch.equal(a.image, b.image) and torch.equal(a.labels, b.labels) for a, b in zip(one, two, strict=True))


def test_ranks_together_give_the_same_images(tmp_path):
    samples = [shore(tmp_path, str(k)) if k % 2 else draw_sample(tmp_path, str(k), seed=k) for k in range(4)]
    alone = crops_of(samples, **EVERYTHING)

    for rank in (0, 1):
        positions = Positions(start=0, stop=8, batch_size=4, rank=rank, ranks=2)
        for batch in batches(crops_of(samples, **EVERYTHING), positions, device=CPU):
            assert torch.equal(batch.image, torch.cat([alone[position].image for position in batch.positions]))


def test_workers_give_the_same_batches(tmp_path):
    samples = [draw_sample(tmp_path, str(k), seed=k) for k in range(3)]
    positions = Positions(start=4, stop=12, batch_size=2)

    alone = list(batches(crops_of(samples), positions, device=CPU))
    shared = list(batches(crops_of(samples, settings=SMALL.model_copy(update={"workers": 2})), positions, device=CPU))

    assert all(torch.equal(a.image, b.image) and a.positions == b.positions for a, b in zip(alone, shared, strict=True))


def test_photos_kept_decoded_are_the_same_photos(tmp_path):
    samples = [draw_sample(tmp_path, name=name) for name in "abc"]
    read = crops_of(samples)
    photos = cache.open_cache(tmp_path / "photos.cache", cache.plan(samples, settings=SMALL))
    kept = crops_of(samples, cache=photos)
    for _ in range(2):  # decoded, then kept
        for k in range(3):
            assert torch.equal(kept[k].image, read[k].image)
            assert torch.equal(kept[k].labels, read[k].labels)


def test_ranks_share_every_batch():
    ranks = [list(Positions(start=0, stop=8, batch_size=4, rank=rank, ranks=2)) for rank in (0, 1)]

    assert [list(positions) for positions in ranks[0]] == [[0, 2], [4, 6]]
    assert [list(positions) for positions in ranks[1]] == [[1, 3], [5, 7]]


def test_the_global_generator_is_left_alone(tmp_path):
    crops = crops_of([draw_sample(tmp_path)])
    before = torch.get_rng_state()

    next(batches(crops, Positions(start=0, stop=1, batch_size=1), device=CPU))

    assert torch.equal(torch.get_rng_state(), before)
