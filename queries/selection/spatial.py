"""Splits by place: blocks of the map go to splits, and a buffer keeps the splits apart.

A row's split is decided by its own block alone, so more data never moves a row to another split;
it may only drop one. Pure functions over arrays; angles in degrees, lengths in km.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from enrich.geo.sphere import EARTH_RADIUS_KM, unit_vectors
from queries.selection.splits import Shares, Split, bounds, hash_split

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int8]
"""Positions in `Split`."""

_MARGIN_KM = 1e-6
"""So that a distance that is printed to a millimetre is never below the buffer."""


class Grid:
    """The sphere in blocks of exactly equal area, about `block_km` wide and high.

    Bands of latitude, each cut into equal lengths of longitude. A first division into bands of
    equal height says how many blocks each gets; then the bands are shifted so that the area of
    each is its number of blocks. Compare P. Leopardi, "A partition of the unit sphere into
    regions of equal area and small diameter" (2006).
    """

    def __init__(self, block_km: float) -> None:
        half = math.pi * EARTH_RADIUS_KM / 2
        rows = max(1, round(half / block_km))
        middles = np.sin((np.arange(rows) + 0.5) / rows * np.pi / 2)
        # From a pole to the equator; both halves alike.
        around = 2 * np.pi * EARTH_RADIUS_KM * middles / block_km
        cells = np.maximum(1, np.round(around)).astype(np.int64)
        self.cells = np.concatenate([cells, cells[::-1]])
        """Blocks of each band, from south to north."""
        self.first = np.concatenate([[0], np.cumsum(self.cells)])
        """The number of each band's first block, and at the end that of all blocks."""
        heights = 2 * self.first[1:-1] / self.first[-1] - 1
        # Rounded, so that another machine's arc sine gives the same edges.
        self.edges = np.round(np.degrees(np.arcsin(heights)), 9)
        """Latitudes between the bands, ascending; a point on one lies north of it."""

    def blocks(self, lat: Floats, lon: Floats) -> Ints:
        """The number of the block of each point; longitudes may be any turn of the circle."""
        band = np.searchsorted(self.edges, lat, side="right")
        column = np.floor((lon + 180.0) * self.cells[band] / 360.0).astype(np.int64)
        return np.asarray(self.first[band] + column % self.cells[band])


@dataclass(frozen=True, slots=True)
class Placed:
    """What became of each row."""

    split: Codes
    buffer: npt.NDArray[np.bool_]
    """Rows that are dropped because they are too near to another split."""
    straddling: npt.NDArray[np.bool_]
    """Rows that are dropped because most of their group is in another split."""

    @property
    def kept(self) -> npt.NDArray[np.bool_]:
        return np.asarray(~(self.buffer | self.straddling))


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The rows. Those without a position have NaN; `unit` is their unit's hash with the seed."""

    lat: Floats
    lon: Floats
    unit: Ints


def place(rows: Places, *, seed: int, shares: Shares, block_km: float, buffer_km: float) -> Placed:
    """Gives every row a split, and drops what would tie two splits together.

    The block of a row decides; without a position its unit does. A unit whose rows then lie in
    several splits keeps those of the split that has most of them, of equal ones the later (test
    before validation before train). Then validation gives way to test, and train to both: what
    lies nearer than `buffer_km` to a sample there is dropped.
    """
    placed = np.isfinite(rows.lat) & np.isfinite(rows.lon)
    split = np.searchsorted(bounds(shares)[:-1], rows.unit, side="right").astype(np.int8)
    split[placed] = block_splits(rows.lat[placed], rows.lon[placed], seed, shares, block_km)
    straddling = ~with_most_of_unit(rows.unit, split)
    buffer = np.zeros(len(split), bool)
    buffer[placed] = too_near(
        rows.lat[placed],
        rows.lon[placed],
        np.where(straddling[placed], -1, split[placed]).astype(np.int8),
        buffer_km,
    )
    return Placed(split, buffer, straddling)


def block_splits(lat: Floats, lon: Floats, seed: int, shares: Shares, block_km: float) -> Codes:
    """The split of each point's block."""
    numbers, inverse = np.unique(Grid(block_km).blocks(lat, lon), return_inverse=True)
    order = list(Split)
    codes = [
        order.index(hash_split(seed, f"block:{block_km!r}:{number}", shares)) for number in numbers
    ]
    return np.array(codes, dtype=np.int8)[inverse]


def with_most_of_unit(unit: Ints, split: Codes) -> npt.NDArray[np.bool_]:
    """Which rows are in the split that has most rows of their unit, the later of equal ones."""
    units, inverse = np.unique(unit, return_inverse=True)
    count = len(Split)
    rows = np.bincount(inverse * count + split, minlength=len(units) * count)
    # argmax takes the first of equal ones.
    best = count - 1 - rows.reshape(-1, count)[:, ::-1].argmax(axis=1)
    return np.asarray(split == best[inverse])


def too_near(lat: Floats, lon: Floats, split: Codes, buffer_km: float) -> npt.NDArray[np.bool_]:
    """Which points give way to those of a later split; a split of -1 takes no part."""
    dropped = np.zeros(len(split), bool)
    if buffer_km <= 0:
        return dropped
    points = np.stack([lat, lon], axis=-1)
    for code in range(len(Split) - 2, -1, -1):
        mine = np.flatnonzero(split == code)
        others = np.flatnonzero((split > code) & ~dropped)
        dropped[mine] = within_km(points[mine], points[others], buffer_km)
    return dropped


def within_km(points: Floats, others: Floats, km: float) -> npt.NDArray[np.bool_]:
    """Which points have one of `others` nearer than `km`; both (lat, lon), shape (n, 2)."""
    if not len(points) or not len(others):
        return np.zeros(len(points), bool)
    chord = 2 * math.sin(min((km + _MARGIN_KM) / (2 * EARTH_RADIUS_KM), math.pi / 2))
    tree = cKDTree(unit_vectors(others[:, 0], others[:, 1]))
    vectors = unit_vectors(points[:, 0], points[:, 1])
    chords, _ = tree.query(vectors, distance_upper_bound=chord, workers=-1)
    return np.asarray(np.isfinite(chords))
