"""How large regions and countries are, from the polygons of the region table."""

from functools import cache

import numpy as np

from enrich.geo.borders import DE_FACTO
from enrich.geo.region_file import Polygons
from enrich.geo.regions import load_region_table
from enrich.geo.sphere import Floats

AUTHALIC_RADIUS_KM = 6371.0072
"""Of the sphere with the surface of the WGS 84 ellipsoid."""

_ECCENTRICITY = np.sqrt(0.00669437999014)  # of the WGS 84 ellipsoid


@cache
def region_areas_km2() -> dict[str, float]:
    """Area by region id, lakes included where the region includes them; do not change it."""
    table = load_region_table()
    return dict(zip(table.ids, polygon_areas_km2(table.polygons).tolist(), strict=True))


@cache
def country_areas_km2(borders: str = DE_FACTO) -> dict[str, float]:
    """Area by country code in a view of `enrich.geo.borders`, sorted by code; do not change it.

    Raises UsageError for a view that does not exist.
    """
    table = load_region_table(borders)
    regions = region_areas_km2()
    areas = dict.fromkeys(sorted(table.country_codes), 0.0)
    for region, country in zip(table.ids, table.country_codes, strict=True):
        areas[country] += regions[region]
    return areas


def polygon_areas_km2(polygons: Polygons) -> Floats:
    """The area of each region on the WGS 84 ellipsoid, its edges straight in (lon, lat).

    The area between an edge and the equator is R² times the integral of sin(latitude) over the
    longitude, with the authalic radius and latitude (Snyder, Map Projections, 1987, eq. 3-11).
    """
    lon = np.radians(polygons.degrees[:, 0])
    lat = _authalic(np.radians(polygons.degrees[:, 1]))
    half = np.diff(lat) / 2
    # The mean of the sine between a and b is sin((a + b) / 2) · sin(h) / h with h = (b - a) / 2.
    sines = np.sin(lat[:-1] + half) * np.sinc(half / np.pi)
    under_edges = np.append(np.diff(lon) * sines, 0.0)
    # The step from one ring's last vertex to the next ring's first is no edge.
    under_edges[polygons.ring_offsets[1:] - 1] = 0.0
    rings = np.abs(np.add.reduceat(under_edges, polygons.ring_offsets[:-1]))
    holes = np.ones(len(rings), dtype=bool)
    holes[polygons.polygon_offsets[:-1]] = False
    signed = np.where(holes, -rings, rings)
    areas = np.bincount(polygons.ring_regions, signed, len(polygons.region_offsets) - 1)
    return np.asarray(areas * AUTHALIC_RADIUS_KM**2)


def _authalic(lat: Floats) -> Floats:
    """The latitude on the sphere of equal surface, of geodetic latitudes; all in radians."""

    def surface(sine: Floats) -> Floats:
        scaled = _ECCENTRICITY * sine
        # Snyder's eq. 3-12, with the logarithm written as an inverse hyperbolic tangent.
        return np.asarray(sine / (1 - scaled**2) + np.arctanh(scaled) / _ECCENTRICITY)

    return np.asarray(np.arcsin(np.clip(surface(np.sin(lat)) / surface(np.ones(1)), -1, 1)))
