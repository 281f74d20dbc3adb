"""Which region, and so which country, a point lies in.

The polygon that contains the point, else the nearest one within a limit, by great-circle distance.
A point on a border belongs to the region with the smallest id.
"""

from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely

from enrich.region_file import Regions, read_regions
from enrich.sphere import (
    EARTH_RADIUS_KM,
    MAX_EDGE_DEGREES,
    Floats,
    Ints,
    distance_to_edges_km,
    unit_vectors,
)

REGIONS_FILE = Path(__file__).parent / "data" / "regions.parquet"

NEAREST_LIMIT_KM = 25.0
"""How far outside every polygon a point may lie: the territorial sea (12 nautical miles, 22.2 km)
and a margin for the generalised coastline. Piers, ferries, bridges and islets are inside it."""

_EDGES_PER_CHUNK = 32
_POINTS_PER_BATCH = 256
_KM_DECIMALS = 6  # distances that differ by less than a millimetre are ties


@cache
def load_region_table() -> "RegionTable":
    """The table of all 4,596 regions; read once per process."""
    return RegionTable(read_regions(REGIONS_FILE))


class RegionTable:
    """Regions sorted by id; their positions in that order are the region indices."""

    def __init__(self, regions: Regions) -> None:
        self.ids = regions.ids
        self.names = regions.names
        self.country_codes = regions.country_codes
        self.midpoints = regions.midpoints
        """(n, 2): lat, lon in degrees of the centre of mass on the sphere."""
        self.geometries = regions.geometries
        # Single polygons have far smaller boxes than regions with islands, above all those that
        # the antimeridian cuts.
        self._parts, self._owners = shapely.get_parts(regions.geometries, return_index=True)
        self._tree = shapely.STRtree(self._parts)

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def index(self) -> dict[str, int]:
        """Region index by id."""
        return {region_id: position for position, region_id in enumerate(self.ids)}

    def locate(
        self,
        lat: npt.ArrayLike,
        lon: npt.ArrayLike,
        *,
        limit_km: float = NEAREST_LIMIT_KM,
    ) -> tuple[Ints, Floats]:
        """Region index and distance in km of each point; 0 km inside, (-1, inf) beyond the limit.

        `lat` and `lon` are degrees of shape (n,); any longitude is taken modulo 360. A point that
        is not finite or has |lat| > 90 gets (-1, inf).
        """
        latitudes = np.atleast_1d(np.asarray(lat, dtype=np.float64))
        longitudes = np.atleast_1d(np.asarray(lon, dtype=np.float64))
        result = np.full(len(latitudes), -1, dtype=np.int64)
        distances = np.full(len(latitudes), np.inf)
        possible = np.isfinite(longitudes) & (np.abs(latitudes) <= 90)
        valid = np.flatnonzero(possible)
        lats, lons = latitudes[valid], _wrapped(longitudes[valid])
        inside = self._containing(lats, lons)
        result[valid], distances[valid] = inside, np.where(inside >= 0, 0.0, np.inf)
        outside = np.flatnonzero(inside < 0)
        for start in range(0, len(outside), _POINTS_PER_BATCH):
            batch = outside[start : start + _POINTS_PER_BATCH]
            nearest = self._borders.nearest(lats[batch], lons[batch], limit_km)
            result[valid[batch]], distances[valid[batch]] = nearest
        return result, distances

    def _containing(self, lats: Floats, lons: Floats) -> Ints:
        """Index of the first region that contains or touches each point, -1 for none."""
        point, part = self._tree.query(shapely.points(lons, lats))
        shapely.prepare(self._parts[np.unique(part)])
        hit = shapely.intersects_xy(self._parts[part], lons[point], lats[point])
        best = np.full(len(lats), len(self.ids), dtype=np.int64)
        np.minimum.at(best, point[hit], self._owners[part[hit]])
        return np.where(best < len(self.ids), best, -1)

    @cached_property
    def _borders(self) -> "_Borders":
        return _Borders(self._parts, self._owners)


class _Borders:
    """All edges of all polygons in a spatial index, built when the first point lies outside."""

    def __init__(self, parts: npt.NDArray[np.object_], owners: Ints) -> None:
        rings, part = shapely.get_rings(parts, return_index=True)
        degrees, ring = shapely.get_coordinates(
            shapely.segmentize(rings, MAX_EDGE_DEGREES), return_index=True
        )
        self._vectors = unit_vectors(degrees[:, 1], degrees[:, 0])
        first = np.flatnonzero(ring[:-1] == ring[1:])  # an edge starts at each vertex but the last
        self._first = first
        self._owners = owners[part[ring[first]]]
        low = np.minimum(degrees[first], degrees[first + 1])
        high = np.maximum(degrees[first], degrees[first + 1])
        # Consecutive edges of one ring form a chunk; only its box goes into the tree.
        position = first - np.searchsorted(ring, ring[first])
        new = position % _EDGES_PER_CHUNK == 0
        self._chunk_starts = np.flatnonzero(new)
        self._chunk_lengths = np.diff(np.append(self._chunk_starts, len(first)))
        boxes = shapely.box(
            *np.minimum.reduceat(low, self._chunk_starts).T,
            *np.maximum.reduceat(high, self._chunk_starts).T,
        )
        self._tree = shapely.STRtree(boxes)

    def nearest(self, lats: Floats, lons: Floats, limit_km: float) -> tuple[Ints, Floats]:
        """Nearest region and its distance for points outside all regions; (-1, inf) for none."""
        point, edge = self._edges_near(lats, lons, limit_km)
        start = self._first[edge]
        distances = distance_to_edges_km(
            unit_vectors(lats, lons)[point], self._vectors[start], self._vectors[start + 1]
        )
        distances = np.round(distances, _KM_DECIMALS)
        owners = self._owners[edge]
        order = np.lexsort((owners, distances, point))
        order = order[distances[order] <= limit_km]
        found, position = np.unique(point[order], return_index=True)
        result = np.full(len(lats), -1, dtype=np.int64)
        result[found] = owners[order[position]]
        best = np.full(len(lats), np.inf)
        best[found] = distances[order[position]]
        return result, best

    def _edges_near(self, lats: Floats, lons: Floats, limit_km: float) -> tuple[Ints, Ints]:
        """Pairs (point, edge): at least all edges within the limit of each point."""
        reach = limit_km / EARTH_RADIUS_KM
        to_pole = np.radians(90 - np.abs(lats))
        # The widest meridian difference of a circle of that radius; all of them around a pole.
        sine = np.sin(reach) / np.maximum(np.cos(np.radians(lats)), 1e-12)
        width = np.where(to_pole > reach, np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))), 180.0)
        height = np.degrees(reach)
        pairs = [
            self._tree.query(
                shapely.box(lons + turn - width, lats - height, lons + turn + width, lats + height)
            )
            for turn in (-360.0, 0.0, 360.0)
        ]
        point, chunk = np.unique(np.concatenate(pairs, axis=1), axis=1)
        lengths = self._chunk_lengths[chunk]
        edge = np.arange(lengths.sum()) + np.repeat(
            self._chunk_starts[chunk] - (np.cumsum(lengths) - lengths), lengths
        )
        return np.repeat(point, lengths), edge


def _wrapped(lon: Floats) -> Floats:
    """Longitudes in [-180, 180]; those already there keep every bit."""
    return np.where(np.abs(lon) <= 180, lon, (lon + 180) % 360 - 180)
