"""Which pictures may be copies of each other, by their hashes: new parts against all, once.

The hash of every window is searched among one hash of the other pictures (which one says
`enrich.duplicates.windows`); of the windows by which a pair is found the nearest counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from enrich.duplicates.fingerprint import NO_HASH
from enrich.duplicates.hamming import Hashes, Near, near_between, near_within
from enrich.duplicates.store import (
    PAIRS_SCHEMA,
    WINDOW_COLUMNS,
    Part,
    pairs_mark,
    write_marked,
)
from enrich.duplicates.windows import CENTRE, REGIONS, TURNED_CENTRES, WHOLE, WINDOWS, Window

REGION_STRICTER = 2
"""Bits less for a region that is compared with itself: captions leave it as it is."""
_COLUMNS_AT_ONCE = 8
_WAITING = 1 << 20
"""Pairs that are collected before they are put in order."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What a run had to do."""

    parts: int
    """New parts, compared with all."""
    comparisons: int
    """Pairs of pictures that were compared by their hashes."""
    candidates: int
    """Of these, the ones that are near."""


def compare_new_parts(parts: Sequence[Part], distance: int, *, threads: int = 1) -> Compared:
    """Writes the pairs file of every part that has none.

    Memory is about 300 bytes for each picture of the dataset, and 20 for each candidate.
    """
    new = [part for part in parts if not part.pairs.exists()]
    if not new:
        return Compared(0, 0, 0)
    pictures = _Pictures(parts)
    found = _find(pictures, distance, threads)
    _write(pictures, new, found, distance)
    fresh = int(pictures.new.sum())
    comparisons = fresh * (fresh - 1) // 2 + fresh * (len(pictures.new) - fresh)
    return Compared(len(new), comparisons, len(found))


_FOUND = np.dtype([("part", "i4"), ("whole", "i4"), ("window", "i1"), ("distance", "u1")])
Found = npt.NDArray[np.void]
"""Indices of pictures; `window` is the window of `whole` that looks like all of `part`."""


class _Pictures:
    """All pictures of the dataset, numbered by part and place; only what every search needs."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        counts = [pq.read_metadata(part.fingerprints).num_rows for part in parts]
        self.starts = np.concatenate([[0], np.cumsum(counts)])
        self.new = np.repeat([not part.pairs.exists() for part in parts], counts)
        names = ["content", "raw_offset", "view"]
        self._content, self.offset, self.view = self.columns(names)
        self.part = np.repeat(np.arange(len(parts)), counts)

    def columns(self, names: list[str]) -> list[Hashes]:
        """Columns of all fingerprints, as unsigned numbers."""
        columns: list[list[Hashes]] = [[] for _ in names]
        for part in self.parts:
            table = pq.read_table(part.fingerprints, columns=names)
            for column, name in zip(columns, names, strict=True):
                column.append(table[name].to_numpy().astype(np.int64).view(np.uint64))
        return [np.concatenate(column) for column in columns]

    def comparable(
        self, one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        """False for the views of one capture, and for equal bytes, which need no look."""
        different = self.part[one] != self.part[other]
        different |= self.offset[one] != self.offset[other]
        return np.asarray(different & (self._content[one] != self._content[other]))


def _find(pictures: _Pictures, distance: int, threads: int) -> Found:
    """The candidates of the new pictures, each pair once, with its nearest window."""
    stricter = max(0, distance - REGION_STRICTER)
    search = _Search(pictures, threads)
    anchors: dict[Window, Hashes] = {}
    for begin in range(0, len(WINDOWS), _COLUMNS_AT_ONCE):
        names = WINDOW_COLUMNS[begin : begin + _COLUMNS_AT_ONCE]
        for number, hashes in enumerate(pictures.columns(names), begin):
            window = WINDOWS[number]
            if window in (WHOLE, CENTRE):
                anchors[window] = hashes
            if window == WHOLE:
                search.alike(hashes, number, distance)
            elif window in REGIONS:
                search.alike(hashes, number, stricter)
            else:
                anchor = CENTRE if window in TURNED_CENTRES else WHOLE
                search.inside(anchors[anchor], hashes, number, distance)
    return search.found()


class _Search:
    """Collects pairs over all windows."""

    def __init__(self, pictures: _Pictures, threads: int) -> None:
        self._pictures, self._threads = pictures, threads
        self._found: Found = np.empty(0, _FOUND)
        self._waiting: list[Found] = []

    def found(self) -> Found:
        """Each pair once, with the least distance, then the first window."""
        every = np.concatenate([self._found, *self._waiting])
        low = np.minimum(every["part"], every["whole"])
        high = np.maximum(every["part"], every["whole"])
        order = np.lexsort((every["part"], every["window"], every["distance"], high, low))
        low, high = low[order], high[order]
        first = np.ones(len(order), bool)
        first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
        self._found, self._waiting = every[order][first], []
        return self._found

    def alike(self, hashes: Hashes, window: int, distance: int) -> None:
        """Pairs whose hashes of the same window are near."""
        new, old = self._split(hashes)
        for near in near_within(hashes[new], distance, threads=self._threads):
            self._add(new[near.left], new[near.right], near, window)
        for near in near_between(hashes[new], hashes[old], distance, threads=self._threads):
            self._add(new[near.left], old[near.right], near, window)

    def inside(self, anchors: Hashes, hashes: Hashes, window: int, distance: int) -> None:
        """Pairs where the hash of one is near that of a window of the other."""
        new, old = self._split(anchors)
        inside_new, inside_old = self._split(hashes)
        inside_all = np.concatenate([inside_new, inside_old])
        for parts, wholes in ((new, inside_all), (old, inside_new)):
            for near in near_between(
                anchors[parts], hashes[wholes], distance, threads=self._threads
            ):
                self._add(parts[near.left], wholes[near.right], near, window)

    def _split(self, hashes: Hashes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The new and the old pictures that have this hash."""
        there = hashes != NO_HASH
        return np.flatnonzero(there & self._pictures.new), np.flatnonzero(
            there & ~self._pictures.new
        )

    def _add(
        self, part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64], near: Near, window: int
    ) -> None:
        kept = self._pictures.comparable(part, whole)
        fresh = np.empty(int(kept.sum()), _FOUND)
        fresh["part"], fresh["whole"] = part[kept], whole[kept]
        fresh["window"], fresh["distance"] = window, near.distance[kept]
        if WINDOWS[window] in (WHOLE, *REGIONS):
            # Neither lies in the other: the one that stands first is the part.
            low = np.minimum(fresh["part"], fresh["whole"])
            fresh["whole"] = np.maximum(fresh["part"], fresh["whole"])
            fresh["part"] = low
        self._waiting.append(fresh)
        if sum(map(len, self._waiting)) > max(_WAITING, len(self._found)):
            self.found()


def _write(pictures: _Pictures, new: list[Part], found: Found, distance: int) -> None:
    """Each pair goes to the part that is new; of two, to the one with the greater path.

    The files are written in the order of their paths: a run that is killed has then written no
    pair that the next one finds again.
    """
    one, other = pictures.part[found["part"]], pictures.part[found["whole"]]
    fresh_one, fresh_other = pictures.new[found["part"]], pictures.new[found["whole"]]
    owner = np.where(
        fresh_one & fresh_other, np.maximum(one, other), np.where(fresh_one, one, other)
    )
    others = np.where(owner == one, other, one)
    order = np.argsort(owner, kind="stable")
    numbers = {part.rows: number for number, part in enumerate(pictures.parts)}
    for part in new:
        low, high = np.searchsorted(owner[order], [numbers[part.rows], numbers[part.rows] + 1])
        mine = order[low:high]
        table = _table(pictures, found[mine], others[mine])
        write_marked(part.pairs, table, pairs_mark(part, distance))


def _table(pictures: _Pictures, found: Found, others: npt.NDArray[np.int64]) -> pa.Table:
    columns: dict[str, Any] = {
        "window": found["window"],
        "distance": found["distance"],
        "other": [pictures.parts[number].digest for number in others],
        "agreement": pa.nulls(len(found), pa.float64()),
        "overlap": pa.nulls(len(found), pa.float64()),
        "map": pa.nulls(len(found), pa.list_(pa.float64())),
    }
    for side in ("part", "whole"):
        rows = found[side]
        columns |= {
            f"{side}_segment": [pictures.parts[number].segment for number in pictures.part[rows]],
            f"{side}_offset": pictures.offset[rows].view(np.int64),
            f"{side}_view": pictures.view[rows].view(np.int64),
        }
    return pa.table({name: pa.array(columns[name]) for name in PAIRS_SCHEMA.names}).cast(
        PAIRS_SCHEMA
    )
