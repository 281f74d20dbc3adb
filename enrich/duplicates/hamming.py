"""All pairs of 64-bit hashes within a Hamming distance, by banding.

The bits are cut into b bands. Hashes within distance D differ in at most D bands, so they agree in
at least b - D of them: for every choice of k = b - D bands, the hashes are sorted by those bands
and only neighbours with equal ones are compared. Nothing within D is missed, whatever the data.
Memory is a few copies of the hashes. See Manku, Jain, Das Sarma, "Detecting near-duplicates for web
crawling" (2007).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import comb

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.int64]

BITS = 64
MAX_DISTANCE = 12
_BLOCK = 1 << 16
"""Hashes that are compared at a time: their arrays stay in the processor's cache."""
_EXPANDED = 1 << 20
"""Pairs of rows that are made of pairs of values at a time."""


@dataclass(frozen=True, slots=True)
class Near:
    """Pairs of rows, as indices into the two arrays that were compared."""

    left: Indices
    right: Indices
    distance: npt.NDArray[np.uint8]


def near_within(hashes: Hashes, distance: int, *, threads: int = 1) -> Iterator[Near]:
    """Every pair of positions i < j with hashes at most `distance` bits apart, once.

    The pairs come in batches. The pairs of equal hashes among them are as many as there are:
    a million equal hashes are half a billion pairs.
    """
    values = _Groups(hashes)
    for lower, upper, apart in _value_pairs(values.unique, None, distance, threads):
        for near in _pairs_of_rows(values, lower, values, upper, apart):
            pair = near.left, near.right
            yield Near(np.minimum(*pair), np.maximum(*pair), near.distance)
    repeated = np.flatnonzero(values.counts > 1)
    zeros = np.zeros(len(repeated), np.uint8)
    for near in _pairs_of_rows(values, repeated, values, repeated, zeros):
        once = near.left < near.right
        yield Near(near.left[once], near.right[once], near.distance[once])


def near_between(left: Hashes, right: Hashes, distance: int, *, threads: int = 1) -> Iterator[Near]:
    """Every pair (i, j) with `left[i]` and `right[j]` at most `distance` bits apart, once."""
    lefts, rights = _Groups(left), _Groups(right)
    for one, other, apart in _value_pairs(lefts.unique, rights.unique, distance, threads):
        yield from _pairs_of_rows(lefts, one, rights, other, apart)


class _Groups:
    """The distinct hashes, sorted, and which rows have each."""

    def __init__(self, hashes: Hashes) -> None:
        self.order = np.argsort(hashes, kind="stable")
        ordered = hashes[self.order]
        first = np.ones(len(hashes), bool)
        np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
        self.starts = np.flatnonzero(first)
        self.counts = np.diff(np.append(self.starts, len(hashes)))
        self.unique = ordered[self.starts]


def _pairs_of_rows(
    lefts: _Groups, left: Indices, rights: _Groups, right: Indices, apart: npt.NDArray[np.uint8]
) -> Iterator[Near]:
    """Every row of a left value with every row of the right value beside it."""
    many = lefts.counts[left] * rights.counts[right]
    ends = np.cumsum(many)
    at = 0
    while at < len(left):
        begun = ends[at - 1] if at else 0
        stop = max(at + 1, int(np.searchsorted(ends, begun + _EXPANDED, side="right")))
        # A pair of values with very many rows is cut as well.
        for low in range(0, int(ends[stop - 1] - begun), _EXPANDED):
            numbers = np.arange(low, min(low + _EXPANDED, int(ends[stop - 1] - begun)))
            pair = at + np.searchsorted(ends[at:stop] - begun, numbers, side="right")
            inside = numbers - (ends[pair] - begun - many[pair])
            width = rights.counts[right[pair]]
            yield Near(
                lefts.order[lefts.starts[left[pair]] + inside // width],
                rights.order[rights.starts[right[pair]] + inside % width],
                apart[pair],
            )
        at = stop


def _value_pairs(
    left: Hashes, right: Hashes | None, distance: int, threads: int
) -> Iterator[tuple[Indices, Indices, npt.NDArray[np.uint8]]]:
    """Pairs of distinct hashes; with `right` None those within `left`, lower index first."""
    if not 0 <= distance <= MAX_DISTANCE:
        raise ValueError(f"distance {distance}: 0 to {MAX_DISTANCE}")
    if not len(left) or (right is not None and not len(right)):
        return
    bands = choose_bands(len(left), len(left if right is None else right), distance)
    tables = _Tables(left, right, distance, bands)
    with ThreadPoolExecutor(threads) as pool:
        for begin in range(0, len(tables.choices), threads):
            # No further ahead than there are threads: what is found waits in memory.
            numbers = range(begin, min(begin + threads, len(tables.choices)))
            for number, found in zip(numbers, pool.map(tables.pairs, numbers), strict=True):
                yield tables.first_seen(number, found)


def choose_bands(left: int, right: int, distance: int) -> tuple[int, int]:
    """(b, k): b bands of which k must be equal, the cheapest for so many hashes on either side.

    Sorting a table costs as much as some 30 comparisons per hash.
    """

    def cost(bands: int) -> float:
        equal_bits = BITS * (bands - distance) / bands
        return float(comb(bands, distance) * (30 * (left + right) + left * right / 2**equal_bits))

    bands = min(range(distance + 1, distance + 7), key=cost)
    return bands, bands - distance


class _Tables:
    """One table for each choice of k bands: the hashes with those bits on top, sorted."""

    def __init__(
        self, left: Hashes, right: Hashes | None, distance: int, bands: tuple[int, int]
    ) -> None:
        self._left, self._right, self._distance = left, right, distance
        count, equal = bands
        edges = [round(BITS * number / count) for number in range(count + 1)]
        self._masks = [np.uint64(((1 << (high - low)) - 1) << low) for low, high in pairwise(edges)]
        self._edges = edges
        self.choices = list(combinations(range(count), equal))

    def pairs(self, number: int) -> tuple[Hashes, Hashes]:
        """The values of all pairs within the distance that this table shows."""
        bands = self.choices[number]
        order = [*bands, *(band for band in range(len(self._masks)) if band not in bands)]
        free = BITS - sum(self._edges[band + 1] - self._edges[band] for band in bands)
        left = np.sort(self._permuted(self._left, order))
        right = left if self._right is None else np.sort(self._permuted(self._right, order))
        ones, others = [], []
        for begin in range(0, len(left), _BLOCK):
            block = left[begin : begin + _BLOCK]
            one, other = _bucket_pairs(
                block, right, free, self._distance, begin if self._right is None else None
            )
            ones.append(one)
            others.append(other)
        return (
            self._restored(np.concatenate(ones), order),
            self._restored(np.concatenate(others), order),
        )

    def first_seen(
        self, number: int, found: tuple[Hashes, Hashes]
    ) -> tuple[Indices, Indices, npt.NDArray[np.uint8]]:
        """As indices, without what an earlier table has shown already."""
        one, other = found
        differ = one ^ other
        # A pair shows in every choice of bands that are all equal; it counts in the first.
        equal = np.stack([(differ & mask) == 0 for mask in self._masks])
        seen = np.zeros(len(one), bool)
        for earlier in self.choices[:number]:
            seen |= equal[list(earlier)].all(axis=0)
        one, other, differ = one[~seen], other[~seen], differ[~seen]
        right = self._left if self._right is None else self._right
        lower, upper = np.searchsorted(self._left, one), np.searchsorted(right, other)
        if self._right is None:
            lower, upper = np.minimum(lower, upper), np.maximum(lower, upper)
        return lower, upper, np.bitwise_count(differ).astype(np.uint8)

    def _permuted(self, hashes: Hashes, order: list[int]) -> Hashes:
        """The hashes with their bands in another order, the first on top."""
        moved = np.zeros_like(hashes)
        top = BITS
        for band in order:
            low, high = self._edges[band], self._edges[band + 1]
            top -= high - low
            moved |= ((hashes & self._masks[band]) >> np.uint64(low)) << np.uint64(top)
        return moved

    def _restored(self, moved: Hashes, order: list[int]) -> Hashes:
        """Undoes `_permuted`."""
        hashes = np.zeros_like(moved)
        top = BITS
        for band in order:
            low, high = self._edges[band], self._edges[band + 1]
            top -= high - low
            hashes |= ((moved >> np.uint64(top)) << np.uint64(low)) & self._masks[band]
        return hashes


def _bucket_pairs(
    block: Hashes, right: Hashes, free: int, distance: int, begin: int | None
) -> tuple[Hashes, Hashes]:
    """Pairs of a block of sorted hashes with those of `right` that have the same upper bits.

    With `begin`, the block stands there in `right` itself, and pairs look upwards only.
    """
    low_bits = np.uint64((1 << free) - 1)
    ends = np.searchsorted(right, block | low_bits, side="right")
    if begin is None:
        starts = np.searchsorted(right, block & ~low_bits, side="left")
    else:
        starts = np.arange(begin + 1, begin + 1 + len(block))
    ones, others = [block[:0]], [block[:0]]
    active = np.flatnonzero(starts < ends)
    at, ends, block = starts[active], ends[active], block[active]
    while len(block):
        other = right[at]
        near = np.bitwise_count(block ^ other) <= distance
        if near.any():
            ones.append(block[near])
            others.append(other[near])
        at += 1
        more = at < ends
        if not more.all():
            at, ends, block = at[more], ends[more], block[more]
    return np.concatenate(ones), np.concatenate(others)
