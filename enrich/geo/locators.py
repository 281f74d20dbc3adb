"""Coordinates to country and region: by the polygons, or by the two methods of the report.

The report took the country of the nearest town and the region with the nearest midpoint. They are
here so that its data can be made again; `lostfound labels` shows how often they are wrong. They
know no limit: somewhere on the globe there is always a nearest one.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from enrich.geo.regions import NEAREST_LIMIT_KM, RegionTable
from enrich.geo.sphere import Floats, Ints, unit_vectors
from enrich.geo.towns import Towns, load_towns


class CountryMethod(StrEnum):
    POLYGONS = "polygons"
    """The country that the region belongs to."""
    NEAREST_CITY = "nearest-city"
    """The country of the town that `reverse_geocoder` gives."""


class RegionMethod(StrEnum):
    POLYGONS = "polygons"
    """The region that contains the point, else the nearest one within the limit."""
    MIDPOINT = "midpoint"
    """The region whose midpoint is nearest."""


@dataclass(frozen=True, slots=True)
class Labels:
    """One entry for each point. Where there are both, the region lies in the country."""

    countries: list[str | None]
    regions: Ints
    """Indices into the region table; -1 for none."""
    distances_km: Floats
    """To the region's polygon, 0 inside; not finite where that is not known."""


class Locator(Protocol):
    @property
    def table(self) -> RegionTable:
        """What the region indices point into."""

    def locate(self, lat: Floats, lon: Floats) -> Labels:
        """The labels of points in degrees, of shape (n,)."""


@dataclass(frozen=True)
class Polygons:
    """The region that contains a point, else the nearest one within a limit, and its country."""

    table: RegionTable
    limit_km: float = NEAREST_LIMIT_KM

    def locate(self, lat: Floats, lon: Floats) -> Labels:
        regions, distances = self.table.locate(lat, lon, limit_km=self.limit_km)
        return Labels(_countries(self.table, regions), regions, distances)


@dataclass(frozen=True)
class Midpoints:
    """The region with the nearest midpoint by great-circle distance, and its country."""

    table: RegionTable

    def locate(self, lat: Floats, lon: Floats) -> Labels:
        _, nearest = self._tree.query(unit_vectors(lat, lon))
        regions = np.asarray(nearest, dtype=np.int64)
        return Labels(_countries(self.table, regions), regions, np.full(len(regions), np.nan))

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(unit_vectors(*self.table.midpoints.T))


@dataclass(frozen=True)
class NearestCity:
    """The country of the town that `reverse_geocoder` gives.

    Regions come from another locator, and are left out where they lie in another country.
    """

    table: RegionTable
    towns: Towns
    regions: Locator

    def locate(self, lat: Floats, lon: Floats) -> Labels:
        codes = self.towns.country_codes(self.towns.nearest_in_degrees(lat, lon)).tolist()
        countries = [self.table.country(code) for code in codes]
        found = self.regions.locate(lat, lon)
        agree = np.array([a == b for a, b in zip(countries, found.countries, strict=True)], bool)
        return Labels(
            list(countries),
            np.where(agree, found.regions, -1),
            np.where(agree, found.distances_km, np.nan),
        )


def make_locator(
    table: RegionTable,
    countries: CountryMethod = CountryMethod.POLYGONS,
    regions: RegionMethod = RegionMethod.POLYGONS,
    limit_km: float = NEAREST_LIMIT_KM,
) -> Locator:
    locator: Locator = Polygons(table, limit_km)
    if regions is RegionMethod.MIDPOINT:
        locator = Midpoints(table)
    if countries is CountryMethod.NEAREST_CITY:
        return NearestCity(table, load_towns(), locator)
    return locator


def _countries(table: RegionTable, regions: Ints) -> list[str | None]:
    codes = table.country_codes
    return [codes[region] if region >= 0 else None for region in regions.tolist()]
