"""Groups of near-duplicates and bursts, and splits: who is with whom, and that adding photos moves nobody else."""

import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import images
from pipeline.curate import MOST_AT_ONCE, Groups, bursts, look_alikes, settle, thin
from pipeline.rows import FAILED, OK, REJECTED, SPLITS, Row, from_cells, to_cells
from pipeline.rules import ONE_A_GROUP

ZERO = bytes(32).hex()
DATA = Path(__file__).parents[2] / "shared" / "data"
MAKE, MODEL, EXIF, SHOT, SHOT_ZONE, SERIAL = 0x010F, 0x0110, 0x8769, 0x9003, 0x9011, 0xA431


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


def pairs_of(photos: list[Row]) -> list[tuple[int, ...]]:
    """The places of each pair of look-alikes."""
    return [tuple(pair) for pairs in look_alikes(photos) for pair in pairs.tolist()]


def groups_of(rows: list[Row]) -> list[str]:
    return [row.group for row in settled(rows)]


def hashed(id: str, photo: np.ndarray, *, added: int = 1) -> Row:
    dhash, dhash_mirror = images.dhash(photo)
    return a_row(id, dhash, mirror=dhash_mirror, added=added)


# Who is with whom


@pytest.mark.parametrize(("bits", "is_near"), [(0, True), (1, True), (40, True), (41, False)])
def test_photos_are_near_up_to_forty_bits(bits, is_near):
    found = pairs_of([a_row("ga", ZERO), a_row("gb", with_bits(bits))])

    assert bool(found) == is_near


@pytest.mark.parametrize("bits", [40, 41])
def test_a_photo_is_near_the_mirror_image_of_another(bits):
    photo = a_row("ga", with_bits(256), mirror=with_bits(bits))

    found = pairs_of([photo, a_row("gb", ZERO, mirror=with_bits(128))])

    assert bool(found) == (bits == 40)


def test_a_photo_without_a_hash_is_near_nobody():
    assert pairs_of([a_row("ga"), a_row("gb"), a_row("gc", ZERO)]) == []


def test_the_same_picture_many_times_is_one_group():
    settled = settle([a_row(f"g{number:04}", ZERO, added=number) for number in range(1500)], seed=0)

    assert {row.group for row in settled} == {"g0000"}


def test_frames_of_a_camera_that_does_not_move_are_one_group():
    rng = np.random.default_rng(0)
    frames = [a_row(f"g{number:04}", with_bits(int(bits))) for number, bits in enumerate(rng.integers(0, 120, 1500))]
    others = random_rows(500, seed=0, added=2)

    assert groups_of([*frames, *others]) == ["g0000"] * 1500 + [row.id for row in others]


def test_groups_that_were_joined_have_one_number():
    groups = Groups(7)

    groups.join(np.array([[1, 0], [3, 2], [5, 4]]))
    groups.join(np.array([[1, 2], [3, 0], [3, 1], [6, 6]]))

    assert sorted(map(sorted, groups.members.values())) == [[0, 1, 2, 3], [4, 5], [6]]
    assert all({groups.number[place] for place in places} == {number} for number, places in groups.members.items())


def test_photos_that_have_groups_are_not_compared():
    assert pairs_of([a_row("ga", ZERO, group="ga"), a_row("gb", ZERO, group="gb")]) == []


def test_a_new_photo_is_compared_with_every_group_that_has_its_hash():
    old = [a_row("ga", ZERO, group="ga"), a_row("gb", ZERO, group="gb")]

    assert sorted(pairs_of([*old, a_row("gc", ZERO)])) == [(2, 0), (2, 1)]


def test_photos_that_lost_their_groups_are_compared_though_they_are_older_than_others():
    old = [
        a_row("ga", ZERO),
        a_row("gb", with_bits(20)),
        *(replace(row, group=row.id) for row in random_rows(2, seed=0)),
    ]

    assert sorted(pairs_of(old)) == [(1, 0)]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_the_places_of_look_alikes_are_those_of_the_photos(order):
    photos = [a_row("ga", ZERO, group="ga"), a_row("gb", with_bits(128)), a_row("gc", with_bits(20)), a_row("gd")]
    photos = [photos[place] for place in order]

    found = [{photos[place].id for place in pair} for pair in pairs_of(photos)]

    assert found == [{"ga", "gc"}]


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


# Bursts


def a_shot(id: str, second: str, *, camera: str = "Acme One 1a2b3c4d", **cells) -> Row:
    """A row that resembles no other, taken at 12:00:SECOND of a day."""
    bits = np.random.default_rng(list(id.encode())).bytes(64)
    return a_row(
        id, bits[:32].hex(), mirror=bits[32:].hex(), captured_at=f"2019-07-04T12:00:{second}", camera=camera, **cells
    )


def test_photos_that_a_camera_took_within_two_seconds_are_a_group():
    assert groups_of([a_shot("ga", "10"), a_shot("gb", "12"), a_shot("gc", "15")]) == ["ga", "ga", "gc"]


def test_a_burst_is_as_long_as_one_photo_follows_another():
    rows = [a_shot(f"g{second:02}", f"{second:02}") for second in range(0, 60, 2)]

    assert set(groups_of(rows)) == {"g00"}


def test_a_photo_of_a_burst_is_paired_no_further_than_with_the_last_one_that_had_no_group():
    grouped = {"group": "gz"}
    rows = [a_shot("ga", "10", **grouped), a_shot("gb", "10"), a_shot("gc", "11", **grouped), a_shot("gd", "11")]

    assert sorted(bursts(rows)) == [(1, 0), (2, 1), (3, 1), (3, 2)]


@pytest.mark.parametrize("seed", range(5))
def test_a_burst_joins_what_all_its_pairs_would(seed):
    rng = np.random.default_rng(seed)
    groups = rng.choice(["", "", "ga", "gb", "gc", "gd"], 60).tolist()
    moments = np.sort(rng.integers(0, 60, 60)).tolist()
    rows = [
        a_shot(f"h{number:02}", f"{moment:02}", group=group)
        for number, (moment, group) in enumerate(zip(moments, groups, strict=True))
    ]
    ours, plain = Groups(60), Groups(60)

    ours.join(np.array(list(bursts(rows))))
    near = [(one, other) for one in range(60) for other in range(one) if moments[one] - moments[other] <= 2]
    plain.join(np.array([pair for pair in near if not all(groups[place] for place in pair)]))

    assert sorted(map(sorted, ours.members.values())) == sorted(map(sorted, plain.members.values()))


@pytest.mark.parametrize(
    "cells",
    [{"camera": "Acme One 99999999"}, {"camera": ""}, {"captured_at": ""}],
    ids=["another camera", "no camera", "no time"],
)
def test_a_photo_of_which_nobody_knows_whether_it_belongs_to_a_burst_is_alone(cells):
    other = replace(a_shot("gb", "10"), **cells)

    assert groups_of([a_shot("ga", "10"), other]) == ["ga", "gb"]


def test_photos_of_no_known_camera_are_no_burst():
    assert groups_of([a_shot("ga", "10", camera=""), a_shot("gb", "10", camera="")]) == ["ga", "gb"]


@pytest.mark.parametrize("moment", ["2019-07-04", "4 July 2019, T", "2019-07-04T99:00:00"])
def test_what_is_no_time_of_day_makes_no_burst(moment):
    rows = [replace(a_shot(id, "10"), captured_at=moment) for id in ("ga", "gb")]

    assert groups_of(rows) == ["ga", "gb"]


@pytest.mark.parametrize(
    ("one", "other", "are_together"),
    [
        ("2019-07-04T12:00:10+02:00", "2019-07-04T10:00:11+00:00", True),
        ("2019-07-04T12:00:10+02:00", "2019-07-04T12:00:11+00:00", False),
        ("2019-07-04T12:00:10+02:00", "2019-07-04T12:00:11", False),
        ("2019-07-04T23:59:59", "2019-07-05T00:00:01", True),
    ],
)
def test_times_are_compared_where_both_have_a_zone_or_neither(one, other, are_together):
    rows = [replace(a_shot("ga", "10"), captured_at=one), replace(a_shot("gb", "10"), captured_at=other)]

    assert groups_of(rows) == ["ga", "ga" if are_together else "gb"]


def test_a_clock_that_stands_still_makes_no_burst():
    rows = [a_shot(f"g{number:03}", "00") for number in range(MOST_AT_ONCE + 1)]

    assert (len(set(groups_of(rows))), len(set(groups_of(rows[1:])))) == (MOST_AT_ONCE + 1, 1)


def test_a_photo_that_joins_a_burst_takes_its_split():
    old = a_shot("gz", "10", group="gz", split="test")

    [new] = settle([old, a_shot("ga", "11", added=2)], seed=0)

    assert (new.id, new.group, new.split) == ("ga", "gz", "test")


def test_a_photo_between_two_bursts_makes_them_one_and_the_older_one_wins():
    old = [
        a_shot("gd", "10", added=1, group="gd", split="test"),
        a_shot("ga", "14", added=2, group="ga", split="train"),
    ]

    rows = settled([*old, a_shot("ge", "12", added=3)])

    assert [(row.group, row.split) for row in rows] == [("gd", "test")] * 3


def test_a_photo_joins_all_that_were_taken_within_two_seconds_of_it():
    old = [a_shot(f"g{name}", "10", group=f"g{name}", split="train") for name in "abc"]

    assert groups_of([*old, a_shot("gd", "11", added=2)]) == ["ga"] * 4


def test_bursts_of_photos_that_have_groups_are_left_as_they_are():
    old = [a_shot("ga", "10", group="ga", split="val"), a_shot("gb", "10", group="gb", split="train")]

    assert {row.id for row in settle([*old, a_shot("gc", "30")], seed=0)} == {"gc"}


def test_a_photo_is_in_a_group_through_a_burst_and_a_look_alike():
    rows = [a_shot("ga", "10"), a_shot("gb", "11"), a_row("gc", a_shot("gb", "11").dhash)]

    assert groups_of(rows) == ["ga", "ga", "ga"]


def taken(photo: np.ndarray, moment: str, *, zone: str = "", **tags: str) -> images.Photo:
    """A photo as it comes out of a JPEG in which a camera has written this."""
    exif = Image.Exif()
    exif.update({tag: tags[name] for name, tag in (("make", MAKE), ("model", MODEL)) if name in tags})
    details = {SHOT: moment, SHOT_ZONE: zone, SERIAL: tags.get("serial", "")}
    exif.get_ifd(EXIF).update({tag: value for tag, value in details.items() if value})
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", exif=exif)
    return images.decode_photo(file.getvalue())


def test_a_burst_is_known_by_what_the_camera_wrote(photo_of):
    said = {"make": "Acme", "model": "One", "serial": "0042"}
    shots = [
        taken(photo_of(0), "2019:07:04 12:00:00", **said),
        taken(photo_of(1), "2019:07:04 12:00:01", **said),
        taken(photo_of(2), "2019:07:04 12:00:01", **{**said, "serial": "0043"}),
        taken(photo_of(3), "2019:07:04 12:00:09", **said),
    ]
    rows = [
        replace(hashed(id, shot.pixels), captured_at=shot.captured_at, camera=shot.camera)
        for id, shot in zip(("ga", "gb", "gc", "gd"), shots, strict=True)
    ]

    assert groups_of(rows) == ["ga", "ga", "gc", "gd"]


@pytest.mark.parametrize(
    ("tags", "camera"),
    [
        ({"make": "Acme", "model": "One"}, "Acme One"),
        ({"make": "Acme\0 ", "model": " One \tB; \0"}, "Acme One B"),
        ({"model": "One", "serial": "0042"}, "One 1e20f383"),
        ({"serial": "0042"}, "1e20f383"),
        ({"make": "Acme"}, ""),
        ({"model": "x" * 500}, "x" * 60),
        ({}, ""),
    ],
)
def test_a_camera_is_its_make_its_model_and_a_digest_of_its_number(photo_of, tags, camera):
    assert taken(photo_of(0), "2019:07:04 12:00:00", **tags).camera == camera


# One of a group


def grouped(id: str, *, width: int = 640, sharpness: float = 0.5, group: str = "ga", **cells) -> Row:
    return a_row(id, group=group, width=width, height=480, sharpness=sharpness, **cells)


def thinned(rows: list[Row], *, one_a_group: bool = True) -> list[str]:
    """The ids of the rows that can be used, after thinning."""
    changed = {row.id: row for row in thin(rows, one_a_group=one_a_group)}
    return [row.id for row in rows if changed.get(row.id, row).status == OK]


@pytest.mark.parametrize(
    "better", [{"width": 641}, {"sharpness": 0.6}, {"added": 0}], ids=["larger", "sharper", "older"]
)
def test_the_best_of_a_group_is_kept(better):
    assert thinned([grouped("ga"), grouped("gb", **better), grouped("gc")]) == ["gb"]


def test_what_is_rejected_says_of_how_many_it_was_one():
    [row] = thin([grouped("ga"), grouped("gb")], one_a_group=True)

    assert (row.id, row.status, row.rule, row.rule_value) == ("gb", REJECTED, ONE_A_GROUP, 2)


def test_groups_of_one_are_kept():
    assert thinned([grouped("ga"), grouped("gb", group="gb")]) == ["ga", "gb"]


def test_what_the_user_keeps_is_kept_and_the_others_are_not():
    assert thinned([grouped("ga", width=900), grouped("gb", keep="yes"), grouped("gc", keep="yes")]) == ["gb", "gc"]


def test_what_cannot_be_used_is_not_the_one_that_is_kept():
    rows = [
        grouped("ga", keep="no"),
        replace(grouped("gb"), status=FAILED),
        replace(grouped("gc"), status=REJECTED, rule="blur"),
        grouped("gd"),
    ]

    assert thin(rows, one_a_group=True) == []


def test_thinning_twice_changes_nothing():
    rows = [grouped("ga"), grouped("gb"), grouped("gc", width=900)]
    changed = {row.id: row for row in thin(rows, one_a_group=True)}
    once = [from_cells(to_cells(changed.get(row.id, row))) for row in rows]

    assert thin(once, one_a_group=True) == []


def test_all_of_a_group_come_back():
    rows = [grouped("ga"), grouped("gb")]
    [rejected] = thin(rows, one_a_group=True)

    assert thin([rows[0], rejected], one_a_group=False) == [rows[1]]


# Real photos


def real_pairs(*folders: str) -> set[tuple[str, ...]]:
    """The names of the photos of each group of several."""
    if not (DATA / folders[0]).is_dir():
        pytest.skip(f"no photos at {DATA / folders[0]}")
    paths = [path for folder in folders for path in sorted((DATA / folder).glob("*.jpg"))]
    rows = [hashed(f"g{number:04}", images.read_photo(path)) for number, path in enumerate(paths)]
    groups: dict[str, list[str]] = {}
    for path, group in zip(paths, groups_of(rows), strict=True):
        groups.setdefault(group, []).append(f"{path.parent.name}/{path.stem}")
    return {tuple(names) for names in groups.values() if len(names) > 1}


def test_every_copy_among_the_wallpapers_is_found_and_nothing_else():
    names = ("beacon-street-sunset", "canyon-wren", "perched-osprey", "roman-colosseum", "tea-gardens")

    assert real_pairs("cc0_wallpapers/photos", "cc0_wallpapers/near_duplicates") == {
        (f"photos/{name}", f"near_duplicates/{name}") for name in names
    }


def test_the_one_pair_among_the_landscapes_is_found_and_nothing_else():
    assert real_pairs("pixabay_landscapes") == {
        (
            "pixabay_landscapes/forest-forest-2179318__480",
            "pixabay_landscapes/forest-landscape-1858602__480",
        )
    }


def test_the_pairs_of_stanford_background_are_found_and_nothing_else():
    assert real_pairs("stanford_background/images") == {
        ("images/1000875", "images/9000875"),
        ("images/1001184", "images/9001184"),
        ("images/6000117", "images/6000324"),
    }


# Which split


def test_the_splits_are_about_eighty_ten_and_ten_in_a_hundred():
    splits = Counter(row.split for row in settled(random_rows(2000, seed=0)))

    shares = {split: round(splits[split] / 2000, 1) for split in SPLITS}
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
