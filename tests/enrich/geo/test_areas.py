"""Areas of hand-made polygons with known surfaces, and of countries against statistics."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from enrich.geo.areas import country_areas_km2, polygon_areas_km2, region_areas_km2
from enrich.geo.region_file import Polygons
from enrich.geo.regions import load_region_table

EARTH_KM2 = 510_065_622
"""The surface of the WGS 84 ellipsoid."""

KNOWN_KM2 = {
    # United Nations, Demographic Yearbook, table 3; France in Europe: INSEE.
    "AU": 7_692_024,
    "BR": 8_515_767,
    "CH": 41_291,
    "DE": 357_581,
    "ES": 505_944,
    "FR": 551_500,
    "IS": 103_000,
    "KE": 580_367,
    "NZ": 268_107,
    "PE": 1_285_216,
    "SE": 447_425,
    "ZA": 1_221_037,
}


def area(*geometries: shapely.MultiPolygon) -> list[float]:
    made = np.array(geometries, dtype=object)
    return polygon_areas_km2(Polygons.of(made)).tolist()


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return shapely.box(west, south, east, north)


def test_an_octant_is_an_eighth_of_the_earth() -> None:
    south = box(-180, -90, -90, 0)
    north = box(0, 0, 90, 90)
    both = shapely.MultiPolygon([south, north])
    expected = EARTH_KM2 / 8
    assert area(shapely.MultiPolygon([north]), both) == pytest.approx(
        [expected, 2 * expected], rel=1e-6
    )


def test_a_degree_at_the_equator_and_at_60_north() -> None:
    # Sides along parallels and meridians: M · N · cos(lat) · (pi / 180)², at the middle latitude.
    cells = [shapely.MultiPolygon([box(10, south, 11, south + 1)]) for south in (0, 60)]
    assert area(*cells) == pytest.approx([12_308.8, 6_124.3], rel=2e-4)


def test_holes_are_no_surface_and_directions_do_not_matter() -> None:
    outer, hole = box(0, 40, 10, 50), box(2, 42, 4, 44)
    ringed = shapely.Polygon(outer.exterior.coords, [hole.exterior.coords])
    whole, cut, reverse, missing = area(
        shapely.MultiPolygon([outer]),
        shapely.MultiPolygon([ringed]),
        shapely.MultiPolygon([shapely.reverse(ringed)]),
        shapely.MultiPolygon([hole]),
    )
    assert cut == reverse == pytest.approx(whole - missing)


@given(st.integers(-80, 70), st.integers(1, 10), st.integers(1, 20))
def test_parts_add_up(south: int, high: int, wide: int) -> None:
    parts = [box(0, south, wide, south + high / 2), box(0, south + high / 2, wide, south + high)]
    whole = area(shapely.MultiPolygon([box(0, south, wide, south + high)]))
    assert sum(area(*(shapely.MultiPolygon([part]) for part in parts))) == pytest.approx(whole[0])


def test_countries_are_as_large_as_their_statistics_say() -> None:
    areas = country_areas_km2()
    assert {code: areas[code] for code in KNOWN_KM2} == pytest.approx(KNOWN_KM2, rel=0.01)


def test_land_is_29_percent_of_the_earth() -> None:
    regions = region_areas_km2()
    assert len(regions) == len(load_region_table())
    assert min(regions.values()) > 0
    assert sum(regions.values()) == pytest.approx(sum(country_areas_km2().values()))
    assert sum(regions.values()) / EARTH_KM2 == pytest.approx(0.29, abs=0.005)


def test_countries_follow_the_view_of_borders() -> None:
    de_facto, iso = country_areas_km2(), country_areas_km2("iso")
    crimea = iso["UA"] - de_facto["UA"]
    assert crimea == pytest.approx(27_000, rel=0.02)
    assert de_facto["RU"] - iso["RU"] == pytest.approx(crimea)
    assert iso["RS"] == pytest.approx(de_facto["RS"] + de_facto["XK"])
    assert "XK" not in iso
