"""Which region, and so which country, a point lies in.

The polygon that contains the point, else the nearest one within a limit, by great-circle distance.
A point on a border belongs to the region with the smallest id.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import shapely

from enrich.geo.borders import DE_FACTO, find_view
from enrich.geo.cells import OUTSIDE, UNDECIDED, Cells
from enrich.geo.nearest import Borders
from enrich.geo.region_file import Regions, read_regions
from enrich.geo.sphere import Floats, Ints

REGIONS_FILE = Path(__file__).parents[1] / "data" / "regions.parquet"

NEAREST_LIMIT_KM = 25.0
"""How far outside every polygon a point may lie: the territorial sea (12 nautical miles, 22.2 km)
and a margin for the generalised coastline. Piers, ferries, bridges and islets are inside it."""


def load_region_table(borders: str = DE_FACTO) -> "RegionTable":
    """The table of all 4,596 regions in a view of `enrich.geo.borders`; read once per process.

    Raises UsageError for a view that does not exist.
    """
    return _load(borders)


@cache
def _load(borders: str) -> "RegionTable":
    view = find_view(borders)
    regions = read_regions(REGIONS_FILE)
    codes = view.country_codes(regions.ids, regions.country_codes)
    return RegionTable(replace(regions, country_codes=codes), view.countries)


class RegionTable:
    """Regions sorted by id; their positions in that order are the region indices."""

    def __init__(
        self, regions: Regions, absorbed: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.ids = regions.ids
        self.names = regions.names
        self.country_codes = regions.country_codes
        self.midpoints = regions.midpoints
        """(n, 2): lat, lon in degrees of the centre of mass on the sphere."""
        self.representatives = regions.representatives
        """(n, 2): lat, lon in degrees of a point inside: the midpoint itself where it is."""
        self.polygons = regions.polygons
        self._absorbed = absorbed

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def index(self) -> dict[str, int]:
        """Region index by id."""
        return {region_id: position for position, region_id in enumerate(self.ids)}

    def country(self, code: str) -> str:
        """The code under which this table has a country: another one where it is no country."""
        return self._absorbed.get(code, code)

    @cached_property
    def geometries(self) -> npt.NDArray[np.object_]:
        """(n,): shapely multipolygons in (lon, lat) degrees. Looking up points needs none."""
        return self.polygons.geometries()

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
        outside = np.flatnonzero(inside == OUTSIDE)
        if len(outside):
            nearest = self._borders.nearest(lats[outside], lons[outside], limit_km)
            result[valid[outside]], distances[valid[outside]] = nearest
        return result, distances

    def _containing(self, lats: Floats, lons: Floats) -> Ints:
        """Index of the first region that contains or touches each point, OUTSIDE for none."""
        found = self._cells.region_at(lats, lons)
        unsure = np.flatnonzero(found == UNDECIDED)
        if len(unsure):
            found[unsure] = self._containing_exactly(lats[unsure], lons[unsure])
        return found

    def _containing_exactly(self, lats: Floats, lons: Floats) -> Ints:
        """The same by the polygons themselves, for the few points on a border."""
        parts, owners = self.polygons.parts, self.polygons.part_regions
        point, part = self._tree.query(shapely.points(lons, lats))
        hit = shapely.intersects_xy(parts[part], lons[point], lats[point])
        best = np.full(len(lats), len(self), dtype=np.int64)
        np.minimum.at(best, point[hit], owners[part[hit]])
        return np.where(best < len(self), best, OUTSIDE)

    @cached_property
    def _cells(self) -> Cells:
        return Cells(self.polygons)

    @cached_property
    def _borders(self) -> Borders:
        return Borders(self._cells)

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.polygons.parts)


def _wrapped(lon: Floats) -> Floats:
    """Longitudes in [-180, 180]; those already there keep every bit."""
    return np.where(np.abs(lon) <= 180, lon, (lon + 180) % 360 - 180)
