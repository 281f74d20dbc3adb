"""All pairs within a distance, against comparing every pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.bench.hashes import duckdb_band_join, measure, planted
from enrich.duplicates import hamming
from enrich.duplicates.hamming import Hashes, choose_bands, near_between, near_within

Found = list[tuple[int, int, int]]


def within(hashes: Hashes, distance: int, threads: int = 1) -> Found:
    return sorted(
        (int(one), int(other), int(apart))
        for near in near_within(hashes, distance, threads=threads)
        for one, other, apart in zip(near.left, near.right, near.distance, strict=True)
    )


def between(left: Hashes, right: Hashes, distance: int) -> Found:
    return sorted(
        (int(one), int(other), int(apart))
        for near in near_between(left, right, distance)
        for one, other, apart in zip(near.left, near.right, near.distance, strict=True)
    )


def every_pair(left: Hashes, right: Hashes, distance: int) -> Found:
    apart = np.bitwise_count(left[:, None] ^ right[None, :])
    return [(int(i), int(j), int(apart[i, j])) for i, j in np.argwhere(apart <= distance)]


@st.composite
def related(draw: st.DrawFn) -> Hashes:
    """Hashes of which many are near each other: a few bits of a few hashes flipped."""
    seeds = draw(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=4))
    bits = st.lists(st.integers(0, 63), max_size=9)
    made = draw(st.lists(st.tuples(st.sampled_from(seeds), bits), max_size=40))
    hashes = [seed ^ sum(1 << bit for bit in set(flipped)) for seed, flipped in made]
    return np.array(hashes, np.uint64)


@given(related(), st.integers(0, 10))
@settings(max_examples=150, deadline=None)
def test_nothing_is_missed_and_nothing_comes_twice(hashes: Hashes, distance: int) -> None:
    expected = [pair for pair in every_pair(hashes, hashes, distance) if pair[0] < pair[1]]
    assert within(hashes, distance) == expected


@given(related(), related(), st.integers(0, 10))
@settings(max_examples=150, deadline=None)
def test_between_two_arrays(left: Hashes, right: Hashes, distance: int) -> None:
    assert between(left, right, distance) == every_pair(left, right, distance)


def test_larger_arrays_go_through_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hamming, "_BLOCK", 64)
    monkeypatch.setattr(hamming, "_EXPANDED", 50)
    hashes = np.random.default_rng(1).integers(0, 2**64, 700, dtype=np.uint64)
    hashes[100:400] = hashes[0] ^ (np.arange(300) % 3).astype(np.uint64)
    expected = [pair for pair in every_pair(hashes, hashes, 3) if pair[0] < pair[1]]
    assert within(hashes, 3) == within(hashes, 3, threads=2) == expected
    assert len(expected) > 300 * 299 // 2
    assert between(hashes[:300], hashes[300:], 3) == every_pair(hashes[:300], hashes[300:], 3)


def test_a_distance_that_no_table_reaches_is_refused() -> None:
    with pytest.raises(ValueError, match="distance 13: 0 to 12"):
        list(near_within(np.arange(3, dtype=np.uint64), 13))


def test_more_hashes_need_more_equal_bits() -> None:
    # 64 / 7 = 9 equal bits for a few, 3 * 64 / 9 = 21 for ten million.
    assert choose_bands(1000, 1000, 6) == (7, 1)
    assert choose_bands(10_000_000, 10_000_000, 6) == (9, 3)
    # A few among many: sorting the many is what costs.
    assert choose_bands(1_000_000, 1000, 6) == (7, 1)


def test_planted_pairs_are_all_found() -> None:
    measured = measure(50_000, 6, 1)
    assert measured["recall"] == 1
    assert measured["pairs"] >= 50


def test_the_baseline_finds_the_same() -> None:
    hashes, _ = planted(20_000, 6)
    assert duckdb_band_join(hashes, 6, 1)[1] == len(within(hashes, 6))
