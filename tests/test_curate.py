"""Groups of near-duplicates and splits: who is with whom, and that adding photos moves nobody else."""

import io
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pipeline import images
from pipeline.curate import SPLITS, look_alikes, settle
from pipeline.rows import FAILED, OK, REJECTED, Row

ZERO = bytes(32).hex()


def with_bits(bits: int) -> str:
    """The hash whose first bits are set."""
    return ((1 << 256) - (1 << (256 - bits))).to_bytes(32, "big").hex()


def a_row(id: str, dhash: str = "", *, mirror: str = "", added: int = 1, **cells) -> Row:
    return Row(id=id, file_name="a.jpg", status=OK, dhash=dhash, dhash_mirror=mirror or dhash, added=added, **cells)


def random_rows(count: int, *, seed: int, added: int = 1) -> list[Row]:
    """Rows with random hashes, so that no two resemble each other."""
    rng = np.random.default_rng(seed)
    ids = [f"g{rng.bytes(8).hex()}" for _ in range(count)]
    return [a_row(id, rng.bytes(32).hex(), mirror=rng.bytes(32).hex(), added=added) for id in ids]


def settled(rows: list[Row], *, seed: int = 0) -> list[Row]:
    """All the rows, in their order, after settling."""
    changed = {row.id: row for row in settle(rows, seed=seed)}
    return [changed.get(row.id, row) for row in rows]


def groups_of(rows: list[Row]) -> list[str]:
    return [row.group for row in settled(rows)]


def hashed(id: str, photo: np.ndarray, *, added: int = 1) -> Row:
    dhash, dhash_mirror = images.dhash(photo)
    return a_row(id, dhash, mirror=dhash_mirror, added=added)


# Who is with whom


@pytest.mark.parametrize(("bits", "is_near"), [(0, True), (1, True), (40, True), (41, False)])
def test_photos_are_near_up_to_forty_bits(bits, is_near):
    found = list(look_alikes([a_row("ga", ZERO), a_row("gb", with_bits(bits))]))

    assert bool(found) == is_near


@pytest.mark.parametrize("bits", [40, 41])
def test_a_photo_is_near_the_mirror_image_of_another(bits):
    photo = a_row("ga", with_bits(256), mirror=with_bits(bits))

    found = list(look_alikes([photo, a_row("gb", ZERO, mirror=with_bits(128))]))

    assert bool(found) == (bits == 40)


def test_a_photo_without_a_hash_is_near_nobody():
    assert list(look_alikes([a_row("ga"), a_row("gb"), a_row("gc", ZERO)])) == []


def test_the_same_picture_many_times_is_one_group():
    settled = settle([a_row(f"g{number:04}", ZERO, added=number) for number in range(1500)], seed=0)

    assert {row.group for row in settled} == {"g0000"}


def test_photos_that_have_groups_are_not_compared():
    assert list(look_alikes([a_row("ga", ZERO, group="ga"), a_row("gb", ZERO, group="gb")])) == []


@pytest.mark.parametrize("block", [1, 7, 1024])
def test_look_alikes_are_those_of_a_plain_loop(block):
    rng = np.random.default_rng(0)
    rows = random_rows(30, seed=1)
    for row in rows[:20]:
        numbers = [int.from_bytes(bytes.fromhex(text), "big") for text in (row.dhash, row.dhash_mirror)]
        flipped = sum(1 << int(bit) for bit in rng.choice(256, rng.integers(30, 50), replace=False))
        near = (numbers[rng.integers(2)] ^ flipped).to_bytes(32, "big").hex()
        group = f"g{len(rows)}" if rng.random() < 0.3 else ""
        rows.append(a_row(f"g{len(rows)}", near, mirror=rng.bytes(32).hex(), group=group))

    pairs = {tuple(sorted((new, other))) for new, others in look_alikes(rows, block=block) for other in others.tolist()}

    assert pairs == {
        (one, other)
        for one in range(len(rows))
        for other in range(one + 1, len(rows))
        if _is_near(rows[one], rows[other])
    }


def _is_near(one: Row, other: Row) -> bool:
    """Bit by bit: a new photo, or its mirror image, against the other photo."""
    for new, known in ((one, other), (other, one)):
        for text in (new.dhash, new.dhash_mirror):
            differing = sum(
                bin(left ^ right).count("1")
                for left, right in zip(bytes.fromhex(text), bytes.fromhex(known.dhash), strict=True)
            )
            if not new.group and differing <= 40:
                return True
    return False


def test_a_group_is_named_after_its_oldest_row():
    rows = [a_row("ga", ZERO, added=2), a_row("gb", ZERO, added=1), a_row("gc", ZERO, added=3)]

    assert groups_of(rows) == ["gb", "gb", "gb"]


def test_of_rows_of_the_same_age_the_first_id_names_the_group():
    assert groups_of([a_row("gb", ZERO), a_row("ga", ZERO)]) == ["ga", "ga"]


def test_photos_are_in_a_group_when_others_lie_between_them():
    rows = [a_row("ga", with_bits(0)), a_row("gb", with_bits(40)), a_row("gc", with_bits(80))]

    assert groups_of(rows) == ["ga", "ga", "ga"]


def test_photos_that_resemble_nobody_are_groups_of_one():
    rows = random_rows(50, seed=0)

    assert groups_of(rows) == [row.id for row in rows]


def test_a_row_without_a_photo_has_no_group():
    rows = [Row(id="ga", status=FAILED), Row(id="gb", status=REJECTED), a_row("gc", ZERO)]

    assert groups_of(rows) == ["", "", "gc"]


def test_a_smaller_copy_saved_again_is_in_the_group_of_its_photo(photo_of):
    photo = photo_of(0)
    file = io.BytesIO()
    Image.fromarray(photo).resize((68, 64), Image.Resampling.LANCZOS).save(file, "JPEG", quality=60)
    copy = images.decode_photo(file.getvalue()).pixels

    assert groups_of([hashed("ga", photo), hashed("gb", copy), hashed("gc", photo_of(1))]) == ["ga", "ga", "gc"]


def test_a_mirrored_copy_is_in_the_group_of_its_photo(photo_of):
    photo = photo_of(0)

    assert groups_of([hashed("ga", photo), hashed("gb", photo[:, ::-1]), hashed("gc", photo_of(1))]) == [
        "ga",
        "ga",
        "gc",
    ]


# Which split


def test_the_splits_are_about_eighty_ten_and_ten_in_a_hundred():
    splits = Counter(row.split for row in settled(random_rows(2000, seed=0)))

    shares = {split: round(splits[split] / 2000, 1) for split, _ in SPLITS}
    assert shares == {"train": 0.8, "val": 0.1, "test": 0.1}


def test_the_same_seed_gives_the_same_splits():
    rows = random_rows(100, seed=0)

    assert settled(rows, seed=3) == settled(rows, seed=3)


def test_another_seed_gives_other_splits():
    rows = random_rows(100, seed=0)

    assert [row.split for row in settled(rows, seed=3)] != [row.split for row in settled(rows, seed=4)]


def test_the_order_of_the_rows_does_not_matter():
    rows = random_rows(100, seed=0)

    assert settled(rows[::-1]) == settled(rows)[::-1]


def test_settling_twice_changes_nothing():
    rows = settled(random_rows(100, seed=0))

    assert settle(rows, seed=0) == []


def test_adding_photos_moves_nobody():
    old = settled(random_rows(300, seed=0))

    changed = settle([*old, *random_rows(200, seed=1, added=2)], seed=0)

    assert {row.added for row in changed} == {2} and len(changed) == 200


def test_a_split_does_not_depend_on_when_the_photo_came():
    old, new = random_rows(300, seed=0), random_rows(200, seed=1, added=2)
    together = settled([*old, *new])

    assert settled([*settled(old), *new]) == together


def test_a_group_has_one_split():
    rows = random_rows(60, seed=0)
    copies = [replace(row, id=f"{row.id}{copy}") for row in rows for copy in "ab"]

    splits = {}
    for row in settled([*rows, *copies]):
        splits.setdefault(row.group, set()).add(row.split)

    assert (len(splits), {len(names) for names in splits.values()}) == (60, {1})


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_photo_that_joins_a_group_takes_its_split(split):
    old = a_row("gz", ZERO, group="gz", split=split)

    [new] = settle([old, a_row("ga", with_bits(10), added=2)], seed=0)

    assert (new.id, new.group, new.split) == ("ga", "gz", split)


def test_a_photo_that_joins_two_groups_makes_them_one_and_the_older_one_wins():
    old = [
        a_row("gd", with_bits(60), added=1, group="gd", split="test"),
        a_row("ga", with_bits(0), added=2, group="ga", split="train"),
        a_row("gb", with_bits(0), added=2, group="ga", split="train"),
        a_row("gc", with_bits(255), added=2, group="gc", split="val"),
    ]

    rows = settled([*old, a_row("ge", with_bits(30), added=3)])

    assert [(row.group, row.split) for row in rows] == [("gd", "test")] * 3 + [("gc", "val"), ("gd", "test")]


def test_only_the_rows_that_change_are_told():
    old = [
        a_row("gd", with_bits(60), added=1, group="gd", split="test"),
        a_row("ga", with_bits(0), added=2, group="ga", split="train"),
        a_row("gc", with_bits(255), added=2, group="gc", split="val"),
    ]

    changed = settle([*old, a_row("ge", with_bits(30), added=3)], seed=0)

    assert [row.id for row in changed] == ["ga", "ge"]


def test_a_split_that_the_user_wrote_stays():
    old = settled(random_rows(20, seed=0))
    old[0] = replace(old[0], split="test" if old[0].split != "test" else "val")

    changed = settle([*old, *random_rows(5, seed=1, added=2)], seed=0)

    assert old[0].id not in {row.id for row in changed}


# A few photos


@pytest.mark.parametrize("count", range(2, 13))
@pytest.mark.parametrize("seed", range(5))
def test_a_few_photos_have_one_for_training_and_one_for_validation(count, seed):
    splits = {row.split for row in settled(random_rows(count, seed=seed), seed=seed)}

    assert {"train", "val"} <= splits


@pytest.mark.parametrize("seed", range(30))
def test_a_single_photo_is_for_training(seed):
    [row] = settled(random_rows(1, seed=seed), seed=seed)

    assert row.split == "train"


@pytest.mark.parametrize("seed", range(10))
def test_photos_of_one_group_are_for_training(seed):
    rows = settled([a_row("ga", ZERO), a_row("gb", ZERO)], seed=seed)

    assert [row.split for row in rows] == ["train", "train"]


def test_a_second_photo_is_for_validation_when_none_was():
    old = settled(random_rows(1, seed=0))

    new = settled([*old, *random_rows(1, seed=1, added=2)])

    assert [row.split for row in new] == ["train", "val"]


def test_a_photo_that_cannot_be_used_is_not_the_one_for_validation():
    old = [replace(row, split="train", group=row.id) for row in random_rows(3, seed=0)]
    old.append(a_row("gz", with_bits(200), group="gz", split="val", keep="no"))

    rows = settled([*old, *random_rows(1, seed=1, added=2)])

    assert rows[-1].split == "val"


def test_no_photos_at_all_are_no_problem():
    assert settle([], seed=0) == []
