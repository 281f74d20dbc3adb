"""Distances, places, cells, continents and shares, against numbers from elsewhere."""

import math
from typing import Any

import duckdb
import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enrich.geo import sphere
from enrich.geo.continents import CONTINENTS, continents
from enrich.geo.countries import country_names
from queries.views.macros import EARTH_RADIUS_KM, SIGNATURES, add_macros

_CONNECTION = duckdb.connect(":memory:")
add_macros(_CONNECTION)
LAT, LON = st.floats(-90, 90), st.floats(-180, 180)
MOST_LATS = st.floats(-80, 80)


def one(expression: str, *values: Any) -> Any:
    found = _CONNECTION.execute(f"SELECT {expression}", list(values)).fetchone()
    assert found
    return found[0]


def test_the_radius_is_that_of_geocoding() -> None:
    assert EARTH_RADIUS_KM == sphere.EARTH_RADIUS_KM


def test_every_macro_is_named() -> None:
    rows = _CONNECTION.execute(
        "SELECT function_name, parameters FROM duckdb_functions() WHERE NOT internal"
    ).fetchall()
    made = {f"{name}({', '.join(p)})" for name, p in rows if not name.startswith("_")}
    assert made == set(SIGNATURES)


QUARTER = math.pi / 2 * 6371.0088


@pytest.mark.parametrize(
    ("places", "km"),
    [
        ((0, 0, 0, 0), 0.0),
        ((0, 0, 0, 90), QUARTER),
        ((0, 0, 90, 123), QUARTER),
        ((90, 0, -90, 0), 2 * QUARTER),
        ((0, 0, 0, 180), 2 * QUARTER),
        ((0, 179.5, 0, -179.5), QUARTER / 90),
        ((60, 0, 60, 180), QUARTER * 2 / 3),  # over the pole: 30 degrees twice
        # By the spherical law of cosines: Berlin to Paris.
        (
            (52.52, 13.405, 48.8566, 2.3522),
            6371.0088
            * math.acos(
                math.sin(math.radians(52.52)) * math.sin(math.radians(48.8566))
                + math.cos(math.radians(52.52))
                * math.cos(math.radians(48.8566))
                * math.cos(math.radians(13.405 - 2.3522))
            ),
        ),
    ],
)
def test_haversine(places: tuple[float, ...], km: float) -> None:
    assert one("haversine_km(?, ?, ?, ?)", *places) == pytest.approx(km, abs=1e-6)


@pytest.mark.parametrize(
    ("start", "bearing", "km", "end"),
    [
        ((0, 0), 0, QUARTER, (90, None)),
        ((0, 0), 90, QUARTER, (0, 90)),
        ((0, 0), 90, 3 * QUARTER, (0, -90)),
        ((0, 179), 90, QUARTER / 45, (0, -179)),
        ((10, 20), 180, QUARTER / 9, (0, 20)),
        ((10, 20), 33, 0, (10, 20)),
        ((90, 0), 180, QUARTER, (0, 0)),
    ],
)
def test_destination(
    start: tuple[float, float], bearing: float, km: float, end: tuple[float, float | None]
) -> None:
    found = one("destination(?, ?, ?, ?)", *start, bearing, km)
    assert found["lat"] == pytest.approx(end[0], abs=1e-6)
    if end[1] is not None:
        assert found["lon"] == pytest.approx(end[1], abs=1e-6)


@given(MOST_LATS, LON, st.floats(0, 360), st.floats(0, 20_000))
def test_a_destination_is_as_far_as_it_should(
    lat: float, lon: float, bearing: float, km: float
) -> None:
    end = one("destination(?, ?, ?, ?)", lat, lon, bearing, km)
    assert -180 <= end["lon"] < 180
    assert one("haversine_km(?, ?, ?, ?)", lat, lon, end["lat"], end["lon"]) == pytest.approx(
        km, abs=1e-3
    )


def test_cells_by_hand() -> None:
    # 180 rows of one degree: the equator begins row 90, which has round(360 · sinc) columns.
    size = 2 * QUARTER / 180
    assert one("_rows(?)", size) == 180
    assert one("_columns(90, ?)", size) == 360
    row, column = divmod(one("cell(0.5, 0.5, ?)", size), 1 << 32)
    assert (row, column) == (90, 180)
    assert one("cell_centre(cell(0.5, 0.5, $1), $1)", size) == {
        "lat": pytest.approx(0.5),
        "lon": pytest.approx(0.5),
    }
    assert one("cell(-90, -180, ?)", size) == 0
    assert divmod(one("cell(90, 0, ?)", size), 1 << 32)[0] == 179
    assert one("cell(12, 180, ?)", size) == one("cell(12, -180, ?)", size)
    assert one("cell(12, 375, ?)", size) == one("cell(12, 15, ?)", size)
    # One cell for the whole Earth.
    assert one("cell(45, 45, 1e6)") == one("cell(-45, -145, 1e6)") == 0


@pytest.mark.parametrize("size", [1000.0, 137.0])
def test_cells_are_of_equal_area(size: float) -> None:
    rows = int(one("_rows(?)", size))
    height = math.pi / rows
    total = 0
    for row in range(rows):
        columns = int(one("_columns(?, ?)", row, size))
        total += columns
        south = -math.pi / 2 + row * height
        band = 2 * math.pi * 6371.0088**2 * (math.sin(south + height) - math.sin(south))
        # Nearest whole number of columns: half a column off at most, in a row of `columns`.
        assert abs(band / columns / size**2 - 1) <= 0.5 / columns + 1e-9
    assert total == pytest.approx(4 * math.pi * 6371.0088**2 / size**2, rel=0.02)


@given(LAT, LON, st.sampled_from([0.05, 1.0, 30.0, 500.0, 9000.0]))
def test_a_cell_holds_its_centre(lat: float, lon: float, size: float) -> None:
    cell = one("cell(?, ?, ?)", lat, lon, size)
    centre = one("cell_centre(?, ?)", cell, size)
    assert one("cell(?, ?, ?)", centre["lat"], centre["lon"], size) == cell
    if abs(lat) < 80 and size <= 500:
        assert one("haversine_km(?, ?, ?, ?)", lat, lon, *centre.values()) < size


@pytest.mark.parametrize(
    "call",
    [
        "cell(NULL, 1, 10)",
        "cell(91, 1, 10)",
        "cell(1, 'nan'::DOUBLE, 10)",
        "cell_centre(NULL, 10)",
        "haversine_km(NULL, 1, 2, 3)",
        "destination(1, 2, NULL, 4)",
        "continent(NULL)",
        "continent('ZZ')",
    ],
)
def test_null_for_nothing(call: str) -> None:
    assert one(call) is None


def test_a_cell_has_a_size() -> None:
    with pytest.raises(duckdb.Error, match="above 0"):
        one("cell(1, 2, 0)")


def test_continents_are_complete() -> None:
    assert set(continents()) == {c.alpha_2 for c in pycountry.countries} | {"XK"}
    assert set(continents()) == set(country_names())
    # No code stands in two of them.
    assert sum(len(codes.split()) for codes in CONTINENTS.values()) == len(continents()) == 250
    rows = _CONNECTION.execute("SELECT c, continent(c) FROM unnest(?) AS t(c)", [[*continents()]])
    assert dict(rows.fetchall()) == continents()
    assert one("continent('se')") == "Europe"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("RU", "Europe"),
        ("TR", "Asia"),
        ("CY", "Asia"),
        ("EG", "Africa"),
        ("PA", "North America"),
        ("CO", "South America"),
        ("GL", "North America"),
        ("RE", "Africa"),
        ("TL", "Asia"),
        ("AQ", "Antarctica"),
    ],
)
def test_some_continents(code: str, name: str) -> None:
    assert one("continent(?)", code) == name


def test_share() -> None:
    rows = _CONNECTION.execute(
        """SELECT c, count(*) AS n, share(count(*)) FROM (VALUES ('a'), ('a'), ('a'), ('b')) AS t(c)
        GROUP BY c ORDER BY c"""
    ).fetchall()
    assert rows == [("a", 3, 0.75), ("b", 1, 0.25)]
    found = _CONNECTION.execute("SELECT n, share(n) FROM (VALUES (0), (0)) AS t(n)").fetchall()
    assert found == [(0, None), (0, None)]
