"""The search for photos that look alike: it finds what a plain loop over all pairs finds, whatever the hashes are."""

import numpy as np
import pytest

from pipeline import look_alikes
from pipeline.look_alikes import EARLY, NEAR_BITS, find_pairs


def mirrored(hashes: np.ndarray) -> np.ndarray:
    """Where no two cells are equally bright: every bit turned over, every row of 16 the other way round."""
    bits = np.unpackbits(hashes, axis=1).reshape(-1, 16, 16)
    return np.packbits(1 - bits[:, :, ::-1], axis=2).reshape(-1, 32)


def random_hashes(count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (count, 32), dtype=np.uint8)


def flipped(hashes: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
    """Each with so many random bits turned over."""
    turned = rng.permuted(np.tile(np.arange(256) < bits, (len(hashes), 1)), axis=1)
    return hashes ^ np.packbits(turned, axis=1)


def found(hashes: np.ndarray, mirrors: np.ndarray, *, known: int = 0) -> list[tuple[int, int]]:
    return [tuple(pair) for pairs in find_pairs(hashes, mirrors, known=known) for pair in pairs.tolist()]


def plainly_found(hashes: np.ndarray, mirrors: np.ndarray, *, known: int = 0) -> list[tuple[int, int]]:
    """Every pair, bit by bit."""

    def distance(one: np.ndarray, other: np.ndarray) -> int:
        return sum((left ^ right).bit_count() for left, right in zip(one.tolist(), other.tolist(), strict=True))

    pairs = []
    for one in range(known, len(hashes)):
        for other in range(one):
            ways = ((hashes, hashes), (mirrors, hashes), (hashes, mirrors))
            if any(distance(left[one], right[other]) <= NEAR_BITS for left, right in ways):
                pairs.append((one, other))
    return pairs


def family(rng: np.random.Generator) -> np.ndarray:
    """Hashes of which many are near one another, upright or mirrored, and many only just not."""
    own = random_hashes(12, rng)
    copies = [flipped(own, bits, rng) for bits in (0, 1, 20, 39, 40, 41, 42, 60)]
    hashes = np.concatenate([own, *copies, mirrored(own), flipped(mirrored(own), 40, rng)])
    return hashes[rng.permutation(len(hashes))]


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_what_a_plain_loop_finds(seed):
    hashes = family(np.random.default_rng(seed))

    assert sorted(found(hashes, mirrored(hashes))) == plainly_found(hashes, mirrored(hashes))


@pytest.mark.parametrize("seed", range(4))
def test_it_finds_them_where_cells_are_equally_bright(seed):
    rng = np.random.default_rng(seed)
    hashes = family(rng)
    mirrors = np.where(rng.random((len(hashes), 1)) < 0.5, mirrored(hashes), flipped(mirrored(hashes), 25, rng))

    assert sorted(found(hashes, mirrors)) == plainly_found(hashes, mirrors)


def test_it_finds_them_where_the_mirror_images_have_nothing_to_do_with_the_photos():
    rng = np.random.default_rng(0)
    hashes = family(rng)
    mirrors = flipped(hashes[rng.permutation(len(hashes))], 38, rng)

    assert sorted(found(hashes, mirrors)) == plainly_found(hashes, mirrors)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 7), (5, 64), (200, 200)])
def test_the_size_of_the_blocks_does_not_matter(monkeypatch, rows, columns):
    hashes = family(np.random.default_rng(5))
    monkeypatch.setattr(look_alikes, "ROWS", rows)
    monkeypatch.setattr(look_alikes, "COLUMNS", columns)

    assert sorted(found(hashes, mirrored(hashes))) == plainly_found(hashes, mirrored(hashes))


@pytest.mark.parametrize("known", [1, 50, 131, 132])
def test_what_is_known_is_not_compared_with_what_is_known(known):
    hashes = family(np.random.default_rng(6))

    assert sorted(found(hashes, mirrored(hashes), known=known)) == plainly_found(hashes, mirrored(hashes), known=known)


@pytest.mark.parametrize("crowd", [0, 3, 10**9])
def test_what_counts_as_a_crowd_does_not_matter(monkeypatch, crowd):
    rng = np.random.default_rng(8)
    hashes = family(rng)
    mirrors = np.where(rng.random((len(hashes), 1)) < 0.5, mirrored(hashes), flipped(mirrored(hashes), 25, rng))
    monkeypatch.setattr(look_alikes, "CROWD", crowd)

    assert sorted(found(hashes, mirrors)) == plainly_found(hashes, mirrors)


def test_photos_of_one_group_are_not_compared():
    hashes = family(np.random.default_rng(6))
    groups = np.arange(len(hashes)) % 3

    pairs = find_pairs(hashes, mirrored(hashes), group_of=lambda places: groups[places])

    assert sorted(tuple(pair) for some in pairs for pair in some.tolist()) == [
        (one, other) for one, other in plainly_found(hashes, mirrored(hashes)) if groups[one] != groups[other]
    ]


def test_where_all_are_alike_and_joined_as_they_come_few_pairs_come():
    hashes = np.zeros((3000, 32), np.uint8)
    groups = np.arange(3000)

    count = 0
    for pairs in find_pairs(hashes, hashes, group_of=lambda places: groups[places]):
        count += len(pairs)
        groups[pairs.max() :: -1] = 0

    assert count < 3000 * 3000 / EARLY and not groups.any()


LEFT = np.arange(256).reshape(16, 16)[:, :8].ravel()
ORDERS = {
    "spread": np.random.default_rng(1).permutation(256),
    "at the top": np.arange(256),
    "at the bottom": np.arange(256)[::-1],
    "on the left": np.append(LEFT, np.setdiff1d(np.arange(256), LEFT)),
    "across the middle": np.stack([LEFT, LEFT // 16 * 16 + 15 - LEFT % 16], axis=1).ravel(),
}
"""In which order the bits of a hash are turned over; two that lie across the middle cancel in its fold."""


@pytest.mark.parametrize(("bits", "is_near"), [(0, True), (39, True), (40, True), (41, False), (256, False)])
@pytest.mark.parametrize("where", ORDERS)
def test_forty_bits_are_near_wherever_they_lie(bits, is_near, where):
    hashes = random_hashes(2, np.random.default_rng(2))
    turned = np.zeros(256, np.uint8)
    turned[ORDERS[where][:bits]] = 1
    hashes[1] = hashes[0] ^ np.packbits(turned)

    assert found(hashes, mirrored(hashes)) == ([(1, 0)] if is_near else [])


@pytest.mark.parametrize("fill", [0, 255])
def test_hashes_that_are_all_the_same_are_all_pairs(fill):
    hashes = np.full((70, 32), fill, np.uint8)

    assert sorted(found(hashes, hashes)) == [(one, other) for one in range(70) for other in range(one)]


def test_a_pair_that_is_near_in_several_ways_comes_once():
    hashes = np.zeros((2, 32), np.uint8)
    mirrors = np.array([[0] * 32, [1] + [0] * 31], np.uint8)

    assert found(hashes, mirrors) == [(1, 0)]


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_photos_are_no_pair(count):
    hashes = np.zeros((count, 32), np.uint8)

    assert found(hashes, hashes) == []


def test_among_thousands_the_pairs_are_those_that_were_planted():
    rng = np.random.default_rng(7)
    hashes = random_hashes(6000, rng)
    hashes[5000:5040] = flipped(hashes[:40], 40, rng)
    hashes[5040:5080] = flipped(mirrored(hashes[40:80]), 40, rng)

    assert sorted(found(hashes, mirrored(hashes))) == [(5000 + place, place) for place in range(80)]
