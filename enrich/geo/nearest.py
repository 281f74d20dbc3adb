"""The region nearest to a point outside all of them, by great-circle distance to its border."""

import itertools
from collections.abc import Iterator

import numpy as np

from enrich.geo.cells import CELLS_PER_DEGREE, COLUMNS, ROWS, Cells, expand
from enrich.geo.sphere import (
    EARTH_RADIUS_KM,
    Floats,
    Ints,
    chord_distances_km,
    distance_to_edges_km,
    unit_vectors,
)

_SHARES_OF_LIMIT = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""Most coastal water is near the coast: small circles first."""
_KM_DECIMALS = 6  # distances that differ by less than a millimetre are ties
_CHORD_SLACK_KM = 0.02
"""More than twice what a piece of border rises above its chord, 4 m: chords this much longer than
the shortest may belong to the shortest way."""
_POINTS_PER_STEP = 1 << 13
_PAIRS_PER_STEP = 1 << 14


class Borders:
    """The pieces of all borders on the sphere."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._vectors = np.empty((len(cells.vertices), 3))
        for step in _slices(len(cells.vertices), _PAIRS_PER_STEP):
            lons, lats = cells.vertices[step].T
            self._vectors[step] = unit_vectors(lats, lons)

    def nearest(self, lats: Floats, lons: Floats, limit_km: float) -> tuple[Ints, Floats]:
        """Nearest region and its distance for points outside all regions; (-1, inf) for none.

        Of regions at the same distance, within a millimetre, the smallest.
        """
        found = np.full(len(lats), -1, dtype=np.int64)
        distances = np.full(len(lats), np.inf)
        for share in _SHARES_OF_LIMIT:
            left = np.flatnonzero(found < 0)
            for step in _slices(len(left), _POINTS_PER_STEP):
                at = left[step]
                found[at], distances[at] = self._within(lats[at], lons[at], share * limit_km)
        return found, distances

    def _within(self, lats: Floats, lons: Floats, limit_km: float) -> tuple[Ints, Floats]:
        found = np.full(len(lats), -1, dtype=np.int64)
        distances = np.full(len(lats), np.inf)
        vectors = unit_vectors(lats, lons)
        point, low, high = self._stretches(lats, lons, limit_km)
        for step in _batches(point, high - low):
            stretch, entry = expand(low[step], high[step])
            piece = self._cells.pieces[entry].astype(np.int64)
            near = self._nearest_pieces(vectors, point[step][stretch], piece, limit_km)
            found[near[0]], distances[near[0]] = near[1:]
        return found, distances

    def _nearest_pieces(
        self, vectors: Floats, point: Ints, piece: Ints, limit_km: float
    ) -> tuple[Ints, Ints, Floats]:
        """Of pairs (point, piece): each point with one in the limit, its region, the distance."""
        first = self._cells.first[piece]
        of_points, starts, ends = vectors[point], self._vectors[first], self._vectors[first + 1]
        chords = chord_distances_km(of_points, starts, ends)
        least = np.full(len(vectors), limit_km)
        np.minimum.at(least, point, chords)
        near = np.flatnonzero(chords <= _slack(least)[point])
        exact = distance_to_edges_km(of_points[near], starts[near], ends[near])
        exact = np.round(exact, _KM_DECIMALS)
        owner, point = self._cells.owners[piece[near]], point[near]
        order = np.lexsort((owner, exact, point))
        order = order[exact[order] <= limit_km]
        won, position = np.unique(point[order], return_index=True)
        return won, owner[order[position]].astype(np.int64), exact[order[position]]

    def _stretches(self, lats: Floats, lons: Floats, limit_km: float) -> tuple[Ints, Ints, Ints]:
        """Triples (point, low, high), in the order of the points: ranges of `cells.pieces`.

        They have at least all pieces within the limit of each point.
        """
        reach = limit_km / EARTH_RADIUS_KM + 1e-9
        to_pole = np.radians(90 - np.abs(lats))
        # The widest meridian difference of a circle of that radius; all of them around a pole.
        sine = np.sin(reach) / np.maximum(np.cos(np.radians(lats)), 1e-12)
        width = np.where(to_pole > reach, np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))), 180.0)
        height = np.degrees(reach)
        west, east = _cell(lons - width + 180), _cell(lons + width + 180)
        south = np.maximum(_cell(lats - height + 90), 0)
        north = np.minimum(_cell(lats + height + 90), ROWS - 1)
        found = []
        for up in range(int((north - south).max(initial=-1)) + 1):
            for turn in (-COLUMNS, 0, COLUMNS):  # across the antimeridian
                first = np.maximum(west + turn, 0)
                last = np.minimum(east + turn, COLUMNS - 1)
                point = np.flatnonzero((south + up <= north) & (first <= last))
                low, high = self._cells.entries_in(south[point] + up, first[point], last[point])
                found.append(np.stack([point, low, high])[:, low < high])
        triples = np.concatenate(found, axis=1) if found else np.empty((3, 0), dtype=np.int64)
        point, low, high = triples[:, np.argsort(triples[0], kind="stable")]
        return point, low, high


def _slack(chords_km: Floats) -> Floats:
    """Longer than the great-circle way that belongs to a chord of at most this length."""
    return np.asarray(chords_km * (1 + (chords_km / EARTH_RADIUS_KM) ** 2) + _CHORD_SLACK_KM)


def _batches(point: Ints, lengths: Ints) -> Iterator[slice]:
    """Slices of stretches: whole points each, with some `_PAIRS_PER_STEP` pairs."""
    starts = np.flatnonzero(np.diff(point, prepend=-1))
    batch = (np.cumsum(lengths) - lengths)[starts] // _PAIRS_PER_STEP
    bounds = starts[np.flatnonzero(np.diff(batch, prepend=-1))]
    return itertools.starmap(slice, itertools.pairwise([*bounds.tolist(), len(point)]))


def _slices(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))


def _cell(degrees: Floats) -> Ints:
    return np.floor(degrees * CELLS_PER_DEGREE).astype(np.int64)
