"""Areas: boxes, countries, and squares of 1 km²."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sources.area import (
    DEGREE,
    EARTH_RADIUS_KM,
    WORLD,
    Area,
    Box,
    decimal_degrees,
    distance_km,
    square_km,
    squares_in,
)
from shards.errors import UsageError


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "a,b,c,d", "0,5,1,4", "0,-91,1,0", "181,0,182,1", "nan,0,1,1", "1e99,0,1,1"],
)
def test_a_malformed_bbox_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--bbox"):
        Area.from_bbox(text)


def test_a_bbox_contains_its_borders() -> None:
    area = Area.from_bbox("4.123456789,52,4.2,52.1")
    assert area.boxes[0].text == "4.1234568,52,4.2,52.1"
    points = [(52.0, 4.2), (52.1, 4.15), (52.1000001, 4.15), (51.9, 4.15)]
    assert area.contains(points) == [True, True, False, False]


def test_a_bbox_over_the_antimeridian_is_two_boxes() -> None:
    area = Area.from_bbox("170,-5,-170,5")
    assert area.contains([(0, 175), (0, -175), (0, 180), (0, -180), (0, 0)]) == [True] * 4 + [False]
    assert area.touches(Box(-175 * DEGREE, 0, -174 * DEGREE, DEGREE))
    assert not area.touches(Box(0, 0, DEGREE, DEGREE))


@given(st.integers(WORLD.west, WORLD.east))
def test_degrees_are_exact_decimals(units: int) -> None:
    text = decimal_degrees(units)
    assert round(float(text) * DEGREE) == units
    assert "e" not in text
    assert float(text) == units / DEGREE


def test_a_country_by_its_polygons() -> None:
    area = Area.of_country("netherlands")
    assert area.country == "NL"
    amsterdam, paris, bonaire = (52.37, 4.9), (48.85, 2.35), (12.15, -68.27)
    assert area.contains([amsterdam, paris]) == [True, False]
    assert area.contains([]) == []
    assert area.touches(Box(*(round(x * DEGREE) for x in (4, 52, 5, 53))))
    assert not area.touches(Box(*(round(x * DEGREE) for x in (1, 48, 2, 49))))
    assert pickle.loads(pickle.dumps(area)).contains([bonaire]) == area.contains([bonaire])


def test_a_country_on_both_sides_of_the_antimeridian() -> None:
    fiji = Area.of_country("FJ")
    assert fiji.contains([(-17.8, 178.0), (-16.8, -179.95), (0.0, 0.0)]) == [True, True, False]


@pytest.mark.parametrize("text", ["ZZ", "nowhere", ""])
def test_an_unknown_country_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--country"):
        Area.of_country(text)


def test_a_misspelt_country_is_a_question_not_a_crawl() -> None:
    with pytest.raises(UsageError, match="DE if you meant Germany"):
        Area.of_country("Germny")


def test_distance_and_radius() -> None:
    assert distance_km(0, 0, 0, 180) == pytest.approx(math.pi * EARTH_RADIUS_KM)
    box = Box(0, 0, DEGREE, DEGREE)
    lat, lon = box.centre
    assert box.radius_km == pytest.approx(78.6, abs=0.2)
    assert all(
        distance_km(lat, lon, *corner) <= box.radius_km for corner in [(0, 0), (1, 1), (0, 1)]
    )


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_point_has_a_square(lat: float, lon: float) -> None:
    row, column = map(int, square_km(lat, lon).split("/"))
    assert 0 <= row < 20015
    assert column >= 0
    assert square_km(lat, -180.0) == square_km(lat, 180.0)


@given(
    st.floats(-90, 89.9),
    st.floats(-180, 179.9),
    st.floats(0, 0.05),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_squares_of_a_box_hold_every_point_of_it(
    south: float, west: float, size: float, x: float, y: float
) -> None:
    box = Box.around(west, south, west + size, south + size)
    squares = squares_in(box, 1_000_000)
    left, low, right, high = box.degrees
    point = min(low + y * (high - low), high), min(left + x * (right - left), right)
    assert square_km(*point) in squares
    assert squares_in(box, len(squares)) == squares
    assert squares_in(box, len(squares) - 1) == set()


@pytest.mark.parametrize("lat", [0, 30, 52.37, 70, 85, -89.9])
def test_squares_have_one_square_kilometre(lat: float) -> None:
    """Counted: how many squares the points of a fine grid over a known area fall into."""
    height = 0.2
    width = height / math.cos(math.radians(lat))
    steps = 150
    squares = {
        square_km(lat + height * i / steps, (-180 + width * j / steps + 180) % 360 - 180)
        for i in range(steps)
        for j in range(steps)
    }
    low, high = (math.sin(math.radians(edge)) for edge in (lat, lat + height))
    km2 = EARTH_RADIUS_KM**2 * math.radians(min(width, 360)) * abs(high - low)
    assert len(squares) == pytest.approx(km2, rel=0.12)
