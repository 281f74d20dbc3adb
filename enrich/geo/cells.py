"""The regions' borders in a grid of cells, most of which tell the region of a point by themselves.

The grid has square cells of 0.1 degrees. Every cell knows the region of one reference point in it
(scan conversion of the polygons along one parallel per row of cells), and which pieces of border
touch it. A point in a cell without borders lies in the region of the reference point. Else the
way from the reference point to it crosses the borders of each region in the cell an even number of
times, and both lie on the same side, or an odd number of times, and they do not. Where borders
touch a cell whose reference point lies in several regions, its points are left to exact arithmetic.
"""

import numpy as np
import numpy.typing as npt

from enrich.geo.region_file import Polygons
from enrich.geo.sphere import Floats, Ints

Complex = npt.NDArray[np.complex128]

CELLS_PER_DEGREE = 10
COLUMNS, ROWS = 360 * CELLS_PER_DEGREE, 180 * CELLS_PER_DEGREE
_CORNER = np.array([-180, -90])
OUTSIDE = -1
UNDECIDED = -2

_MAX_PIECE_DEGREES = 0.9 / CELLS_PER_DEGREE
"""Shorter than a cell, so that a piece of border touches at most two rows and two columns."""
_MARGIN = 1e-8
"""In cells (0.1 mm): more than the rounding of a coordinate's place in the grid."""
_REFERENCE = np.array([0.5 + 2e-7 * np.pi, 0.5 + 2e-7 * np.e])
"""Where in its cell (column, row) the reference point lies: beside every five-decimal vertex."""
_UNCLEAR = 1e-12
"""In square degrees: cross products below this are left to exact arithmetic. Their rounding error
is below 1e-14; a point 1 mm off a border of 10 m is clear."""
_MIXED = 10_000
"""Taken from the region of a cell's reference point when borders touch the cell; more than there
are regions."""
_PIECES_PER_STEP = 1 << 17
_STRETCHES_PER_STEP = 1 << 14
_POINTS_PER_STEP = 1 << 15
_MIXED_PER_STEP = 1 << 10


class Cells:
    """The pieces of all borders, by the cells that they touch."""

    def __init__(self, polygons: Polygons) -> None:
        assert len(polygons.region_offsets) < _MIXED + UNDECIDED
        self.vertices, self.first, self.owners = _pieces(polygons)
        """(n, 2) lon, lat of the pieces' ends; per piece its first end's index, and its region."""
        cells, pieces = _touched(self.vertices, self.first)
        order = np.lexsort((self.owners[pieces], cells))
        self.pieces = pieces[order]
        """Pieces in the order of the cells that they touch."""
        self._mixed, starts = np.unique(cells[order], return_index=True)
        self._starts = np.append(starts, len(cells)).astype(np.int32)
        self._grid, shared = _scan(self.vertices, self.first, self.owners)
        self._grid[self._mixed] -= _MIXED
        self._grid[self._mixed[shared[self._mixed]]] = UNDECIDED

    def region_at(self, lats: Floats, lons: Floats) -> Ints:
        """Smallest index of the regions that contain each point, OUTSIDE, or UNDECIDED.

        Points that lie on a border, within rounding, are undecided. Longitudes in [-180, 180].
        """
        found = np.empty(len(lats), dtype=np.int64)
        for start in range(0, len(lats), _POINTS_PER_STEP):
            step = slice(start, start + _POINTS_PER_STEP)
            found[step] = self._region_at(np.column_stack([lons[step], lats[step]]))
        return found

    def _region_at(self, points: Floats) -> Ints:
        columns, rows = _places(points).T
        cells = rows * COLUMNS + columns
        found = self._grid[cells].astype(np.int64)
        mixed = np.flatnonzero(found < UNDECIDED)
        for start in range(0, len(mixed), _MIXED_PER_STEP):
            at = mixed[start : start + _MIXED_PER_STEP]
            found[at] = self._by_crossings(points[at], cells[at], found[at] + _MIXED)
        return np.asarray(found)

    def _by_crossings(self, points: Floats, cells: Ints, regions: Ints) -> Ints:
        """Regions of points in cells with borders; `regions` are those of the reference points."""
        slot = np.searchsorted(self._mixed, cells.astype(np.int32))
        point, entry = expand(self._starts[slot], self._starts[slot + 1])
        piece = self.pieces[entry]
        references = np.column_stack([cells % COLUMNS, cells // COLUMNS]) + _REFERENCE
        references = references / CELLS_PER_DEGREE + _CORNER
        crossed, unclear = _crossings(
            _complex(points - references)[point],
            _complex(self.vertices)[self.first[piece]] - _complex(references)[point],
            _complex(self.vertices)[self.first[piece] + 1] - _complex(references)[point],
        )
        owner = self.owners[piece]
        # Within a cell the pieces stand in the order of their regions.
        group = np.flatnonzero(np.diff(point * _MIXED + owner, prepend=-1))
        odd = group[np.add.reduceat(crossed, group, dtype=np.int64) % 2 == 1]
        nobody = len(self.owners)
        best = np.where(regions >= 0, regions, nobody)
        left = owner[odd] == regions[point[odd]]
        best[point[odd[left]]] = nobody
        entered = odd[~left]
        np.minimum.at(best, point[entered], owner[entered])
        best[best == nobody] = OUTSIDE
        best[point[unclear]] = UNDECIDED
        return best

    def entries_in(self, rows: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
        """Ranges of `pieces` for the stretches of cells `first[i]` to `last[i]` of `rows[i]`."""
        begin = (rows * COLUMNS + first).astype(np.int32)
        end = (rows * COLUMNS + last).astype(np.int32)
        low = np.searchsorted(self._mixed, begin)
        high = np.searchsorted(self._mixed, end, side="right")
        return self._starts[low].astype(np.int64), self._starts[high].astype(np.int64)


def expand(starts: npt.NDArray[np.integer], ends: npt.NDArray[np.integer]) -> tuple[Ints, Ints]:
    """Pairs (i, j) for every j of range(starts[i], ends[i])."""
    lengths = (ends - starts).astype(np.int64)
    before = np.cumsum(lengths) - lengths
    owner = np.repeat(np.arange(len(starts)), lengths)
    return owner, np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def _places(points: Floats) -> Ints:
    """(column, row) of the cell of each (lon, lat)."""
    places = np.floor((points - _CORNER) * CELLS_PER_DEGREE).astype(np.int64)
    return np.asarray(np.minimum(places, (COLUMNS - 1, ROWS - 1)))


def _complex(points: Floats) -> Complex:
    """The same (x, y) pairs as complex numbers, which numpy gathers and subtracts at one go."""
    return points.view(np.complex128)[:, 0]


def _crossings(
    ways: Complex, starts: Complex, ends: Complex
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether the ways from the origin to `ways` cross the edges, and where rounding may decide."""
    to_start, to_end = _cross(ways, starts), _cross(ways, ends)
    at_origin = _cross(starts, ends)
    at_point = at_origin + to_start - to_end
    crossed = ((to_start > 0) != (to_end > 0)) & ((at_origin > 0) != (at_point > 0))
    smallest = np.abs(to_start)
    for other in (to_end, at_origin, at_point):
        np.minimum(smallest, np.abs(other), out=smallest)
    return crossed, smallest < _UNCLEAR


def _cross(a: Complex, b: Complex) -> Floats:
    return a.real * b.imag - a.imag * b.real


def _pieces(polygons: Polygons) -> tuple[Floats, npt.NDArray[np.int32], npt.NDArray[np.int16]]:
    """All edges, long ones cut: vertices, first vertex of each piece, region of each piece."""
    degrees = polygons.degrees
    regions = np.repeat(polygons.ring_regions.astype(np.int16), np.diff(polygons.ring_offsets))
    starts = np.ones(len(degrees), dtype=bool)  # every vertex but the last of its ring
    starts[polygons.ring_offsets[1:] - 1] = False
    lengths = np.abs(np.diff(degrees, axis=0)).max(axis=1)
    too_long = np.flatnonzero(starts[:-1] & (lengths > _MAX_PIECE_DEGREES))
    starts[too_long] = False
    # The cut edges follow the others, each with vertices of its own.
    counts = np.ceil(lengths[too_long] / _MAX_PIECE_DEGREES).astype(np.int64)
    edge, cut = expand(np.zeros_like(counts), counts + 1)
    way = degrees[too_long + 1] - degrees[too_long]
    cuts = degrees[too_long][edge] + way[edge] * (cut / counts[edge])[:, None]
    cut_starts = len(degrees) + np.flatnonzero(cut < counts[edge])
    first = np.append(np.flatnonzero(starts), cut_starts).astype(np.int32)
    regions = np.append(regions, regions[too_long][edge])
    return np.concatenate([degrees, cuts]), first, regions[first]


def _touched(
    vertices: Floats, first: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Pairs (cell, piece): every cell that a piece touches, and perhaps a neighbour of it."""
    cells, pieces = [], []
    for start in range(0, len(first), _PIECES_PER_STEP):
        at = first[start : start + _PIECES_PER_STEP]
        ends = np.stack([vertices[at], vertices[at + 1]])
        margin = _MARGIN / CELLS_PER_DEGREE
        low = np.maximum(_places(ends.min(axis=0) - margin), 0)
        high = _places(ends.max(axis=0) + margin)
        for right, up in ((0, 0), (1, 0), (0, 1), (1, 1)):
            shift = np.array([right, up])
            new = np.flatnonzero((low + shift <= high).all(axis=1) | (right + up == 0))
            columns, rows = (low[new] + shift).T
            cells.append((rows * COLUMNS + columns).astype(np.int32))
            pieces.append((start + new).astype(np.int32))
    return np.concatenate(cells), np.concatenate(pieces)


def _scan(
    vertices: Floats, first: npt.NDArray[np.int32], owners: npt.NDArray[np.int16]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.bool_]]:
    """Per cell the smallest region at its reference point, or OUTSIDE; and if there are others."""
    column, row = _REFERENCE
    # Parallels below a vertex, counted from the south pole's row: the same for all its edges.
    below = np.floor((vertices[:, 1] + 90) * CELLS_PER_DEGREE - row).astype(np.int32)
    crossing = np.flatnonzero(below[first] != below[first + 1])
    at, owner = first[crossing], owners[crossing]
    line = np.maximum(below[at], below[at + 1])
    (lon, lat), (to_lon, to_lat) = vertices[at].T, vertices[at + 1].T
    parallel = (line + row) / CELLS_PER_DEGREE - 90
    meridian = lon + (parallel - lat) * ((to_lon - lon) / (to_lat - lat))
    order = np.lexsort((meridian, owner, line))
    # Along a parallel a region begins and ends in turn.
    entry = (meridian[order] + 180) * CELLS_PER_DEGREE - column
    inside_from = np.ceil(entry[0::2]).astype(np.int64)
    inside_to = np.ceil(entry[1::2]).astype(np.int64)
    begin = line[order[0::2]].astype(np.int64) * COLUMNS
    owner = owner[order[0::2]]
    nobody = np.iinfo(np.int16).max
    grid = np.full(ROWS * COLUMNS, nobody, dtype=np.int16)
    counts = np.zeros(ROWS * COLUMNS, dtype=np.uint8)
    for start in range(0, len(owner), _STRETCHES_PER_STEP):
        step = slice(start, start + _STRETCHES_PER_STEP)
        stretch, cell = expand((begin + inside_from)[step], (begin + inside_to)[step])
        np.minimum.at(grid, cell, owner[step][stretch])
        np.add.at(counts, cell, 1)
    grid[grid == nobody] = OUTSIDE
    return grid, counts > 1
