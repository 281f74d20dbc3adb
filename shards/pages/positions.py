"""The samples' positions for the map of a page, in few bytes.

A position is a cell of the projected map: `2**BITS` steps across its width, two metres each on
average, as far as there are no more than `MAX_POINTS` cells with samples in them; else the cells
are doubled until there are no more. Cells stand along a Morton curve, so that those of one square
of any power of two follow each other: the script clusters them in one pass.
"""

import base64
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shards.world.projection import MEAN_WIDTH_KM, project_all

BITS = 24
MAX_POINTS = 150_000
NO_COUNTRY = 255
_COUNTRY_BITS = 8

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Positions:
    """Cells with samples, along the curve."""

    codes: Ints
    """Of each cell its place on the Morton curve of `2**BITS` cells a side."""
    countries: Ints
    """Index into the list of countries, or `NO_COUNTRY`."""
    samples: Ints
    doubled: int
    """How often the cells were doubled."""

    @property
    def cell_km(self) -> float:
        """Width of a cell, on average over the Earth."""
        return float(MEAN_WIDTH_KM * 2.0 ** (self.doubled - BITS))

    def xy(self) -> tuple[Ints, Ints]:
        """The middles of the cells, in steps from the left and from the top."""
        half = (1 << self.doubled) >> 1
        return _every_second_bit(self.codes) + half, _every_second_bit(self.codes >> 1) + half

    def index(self, lat: float, lon: float) -> int | None:
        """Which cell holds a position; None where no sample is."""
        code = morton_codes(np.array([lat]), np.array([lon]))[0] >> (2 * self.doubled)
        at = int(np.searchsorted(self.codes, code << (2 * self.doubled)))
        found = at < len(self.codes) and self.codes[at] >> (2 * self.doubled) == code
        return at if found else None

    def packed(self) -> str:
        """Base64 of four columns: x and y as zigzag steps from the cell before and the samples,
        all three as LEB128 integers, then one byte for each country."""
        x, y = self.xy()
        columns = [_leb128(_zigzag(np.diff(axis, prepend=0))) for axis in (x, y)]
        countries = self.countries.astype(np.uint8).tobytes()
        return base64.b64encode(b"".join((*columns, _leb128(self.samples), countries))).decode()


def gather_positions(batches: Iterable[tuple[Ints, Ints]], most: int = MAX_POINTS) -> Positions:
    """The cells of all samples: `batches` of their Morton codes and their countries' indices."""
    keys, counts, doubled = np.empty(0, np.int64), np.empty(0, np.int64), 0
    for codes, owners in batches:
        new = _doubled(codes << _COUNTRY_BITS | owners, doubled)
        keys, counts = _sums(np.r_[keys, new], np.r_[counts, np.ones(len(new), np.int64)])
        while len(keys) > most and doubled < BITS:
            doubled += 1
            keys, counts = _sums(_doubled(keys, doubled), counts)
    return Positions(keys >> _COUNTRY_BITS, keys & NO_COUNTRY, counts, doubled)


def morton_codes(lats: npt.NDArray[np.float64], lons: npt.NDArray[np.float64]) -> Ints:
    """The cell of each position, given in degrees: bits of x and y in turn, x the lowest."""
    x, y = project_all(lats, lons, float(1 << BITS))
    highest = (1 << BITS) - 1
    return _spread(np.clip(x.astype(np.int64), 0, highest)) | (
        _spread(np.clip(y.astype(np.int64), 0, highest)) << 1
    )


def _doubled(keys: Ints, times: int) -> Ints:
    """Keys of the larger cells: the lowest bits of the codes are 0."""
    low = ((1 << (2 * times)) - 1) << _COUNTRY_BITS
    return keys & ~np.int64(low)


def _sums(keys: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """The different keys, sorted, with the sum of their counts."""
    if not len(keys):
        return keys, counts
    order = np.argsort(keys, kind="stable")
    keys, counts = keys[order], counts[order]
    starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
    return keys[starts], np.add.reduceat(counts, starts)


_STEPS = ((16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF), (4, 0x0F0F0F0F0F0F0F0F))
_SPREAD = (*_STEPS, (2, 0x3333333333333333), (1, 0x5555555555555555))


def _spread(values: Ints) -> Ints:
    """Each of the lowest 32 bits moved to twice its place."""
    for shift, mask in _SPREAD:
        values = (values | values << shift) & mask
    return values


def _every_second_bit(values: Ints) -> Ints:
    """What `_spread` spread."""
    values = values & _SPREAD[-1][1]
    masks = [mask for _, mask in _SPREAD[-2::-1]] + [0x00000000FFFFFFFF]
    for (shift, _), mask in zip(reversed(_SPREAD), masks, strict=True):
        values = (values | values >> shift) & mask
    return values


def _zigzag(values: Ints) -> Ints:
    """0, -1, 1, -2, … as 0, 1, 2, 3, …"""
    return values << 1 ^ values >> 63


def _leb128(values: Ints) -> bytes:
    """Seven bits a byte, the lowest first; the high bit says that more follow."""
    groups = 10
    places = np.arange(groups)
    lengths = 1 + np.sum(values[:, None] >> 7 * np.arange(1, groups - 1) > 0, axis=1)
    bytes_ = values[:, None] >> np.minimum(7 * places, 63) & 127
    bytes_ |= (places < lengths[:, None] - 1) * 128
    return bytes(bytes_[places < lengths[:, None]].astype(np.uint8))
