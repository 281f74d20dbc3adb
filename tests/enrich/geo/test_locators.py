"""The report's methods of labelling, and that no label contradicts another."""

import numpy as np
import pytest

from enrich.geo.locators import (
    CountryMethod,
    Labels,
    Midpoints,
    NearestCity,
    Polygons,
    RegionMethod,
    make_locator,
)
from enrich.geo.regions import load_region_table
from enrich.geo.sphere import angle_between, unit_vectors
from enrich.geo.towns import load_towns

TABLE = load_region_table()
METHODS = [(country, region) for country in CountryMethod for region in RegionMethod]


def globe(points: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    lat = np.degrees(np.arcsin(random.uniform(-1, 1, points)))
    return lat, random.uniform(-180, 180, points)


def at(
    lat: float, lon: float, country: CountryMethod, region: RegionMethod
) -> tuple[str | None, str]:
    labels = make_locator(TABLE, country, region).locate(np.array([lat]), np.array([lon]))
    index = int(labels.regions[0])
    return labels.countries[0], TABLE.ids[index] if index >= 0 else ""


@pytest.mark.parametrize(("country", "region"), METHODS)
def test_region_and_country_never_contradict_each_other(
    country: CountryMethod, region: RegionMethod
) -> None:
    labels = make_locator(TABLE, country, region).locate(*globe(20_000))
    for code, index in zip(labels.countries, labels.regions.tolist(), strict=True):
        assert index < 0 or TABLE.country_codes[index] == code


def test_the_default_is_the_polygons() -> None:
    lat, lon = globe(2_000)
    regions, distances = TABLE.locate(lat, lon)
    labels = make_locator(TABLE).locate(lat, lon)
    assert np.array_equal(labels.regions, regions)
    assert np.array_equal(labels.distances_km, distances)
    near = make_locator(TABLE, limit_km=1).locate(np.array([55.57]), np.array([12.85]))
    assert near.countries == [None]


def test_midpoints_are_the_nearest_by_brute_force() -> None:
    lat, lon = globe(300)
    midpoints = unit_vectors(*TABLE.midpoints.T)
    points = unit_vectors(lat, lon)
    nearest = [int(angle_between(midpoints, point).argmin()) for point in points]
    labels = Midpoints(TABLE).locate(lat, lon)
    assert labels.regions.tolist() == nearest
    assert labels.countries == [TABLE.country_codes[index] for index in nearest]
    assert np.isnan(labels.distances_km).all()


def test_nearest_city_without_a_fitting_region() -> None:
    city, polygons = CountryMethod.NEAREST_CITY, RegionMethod.POLYGONS
    lat, lon = globe(3_000)
    towns = load_towns()
    labels = NearestCity(TABLE, towns, Polygons(TABLE)).locate(lat, lon)
    truth = Polygons(TABLE).locate(lat, lon)
    codes = towns.country_codes(towns.nearest_in_degrees(lat, lon)).tolist()
    assert labels.countries == codes
    fits = np.array([a == b for a, b in zip(codes, truth.countries, strict=True)])
    assert 0 < fits.mean() < 1
    assert np.array_equal(labels.regions, np.where(fits, truth.regions, -1))
    assert at(55.70, 13.19, city, polygons) == ("SE", "SWE-3429")


def test_kosovo_has_its_code_by_every_method() -> None:
    for country, region in METHODS:
        assert at(42.66, 21.16, country, region)[0] == "XK"


def test_the_reports_methods_know_no_limit() -> None:
    lat, lon = np.array([-30.0]), np.array([-120.0])
    assert Polygons(TABLE).locate(lat, lon).countries == [None]
    assert Midpoints(TABLE).locate(lat, lon).countries == ["PN"]


def test_no_points() -> None:
    none = np.empty(0)
    for country, region in METHODS:
        labels: Labels = make_locator(TABLE, country, region).locate(none, none)
        assert (labels.countries, len(labels.regions), len(labels.distances_km)) == ([], 0, 0)
