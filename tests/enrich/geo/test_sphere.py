"""Distances to arcs and centres of mass, against sampling and against known figures."""

import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from enrich.geo.sphere import (
    EARTH_RADIUS_KM,
    angle_between,
    chord_distances_km,
    distance_to_edges_km,
    midpoint,
    representative,
    to_lat_lon,
    unit_vectors,
)

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)
places = st.tuples(latitudes, longitudes)


def vector(lat: float, lon: float) -> np.ndarray:
    return unit_vectors(np.array([lat]), np.array([lon]))


@given(latitudes, longitudes)
def test_unit_vectors_come_back(lat: float, lon: float) -> None:
    again = vector(*to_lat_lon(vector(lat, lon))[0])
    assert angle_between(again, vector(lat, lon))[0] < 1e-14


@given(places, places, places)
def test_distance_to_an_arc_is_the_smallest_to_any_of_its_points(
    point_at: tuple[float, float], start_at: tuple[float, float], end_at: tuple[float, float]
) -> None:
    point, start, end = vector(*point_at), vector(*start_at), vector(*end_at)
    assume(angle_between(start, end)[0] < 3.0)  # no single shortest arc between antipodes
    steps = np.linspace(0, 1, 2001)[:, None]
    chord = start * (1 - steps) + end * steps
    arc = chord / np.linalg.norm(chord, axis=1, keepdims=True)
    sampled = EARTH_RADIUS_KM * angle_between(arc, point).min()
    found = distance_to_edges_km(point, start, end)[0]
    largest_step = EARTH_RADIUS_KM * angle_between(arc[:-1], arc[1:]).max()
    assert found <= sampled + 1e-6
    assert sampled - found <= largest_step


def test_hand_made_distances() -> None:
    equator = vector(0, -1), vector(0, 1)
    degree = EARTH_RADIUS_KM * np.pi / 180
    assert distance_to_edges_km(vector(1, 0), *equator)[0] == pytest.approx(degree)
    assert distance_to_edges_km(vector(0, 3), *equator)[0] == pytest.approx(2 * degree)
    assert distance_to_edges_km(vector(0, 0.5), *equator)[0] == pytest.approx(0, abs=1e-9)
    assert distance_to_edges_km(vector(0, 179), *equator)[0] == pytest.approx(178 * degree)
    nowhere = vector(10, 10)
    assert distance_to_edges_km(vector(11, 10), nowhere, nowhere)[0] == pytest.approx(degree)


def test_midpoint_of_boxes() -> None:
    assert midpoint(shapely.box(10, -5, 20, 5)) == pytest.approx((0, 15), abs=1e-9)
    clockwise = shapely.Polygon([(10, -5), (10, 5), (20, 5), (20, -5)])
    assert midpoint(clockwise) == pytest.approx((0, 15), abs=1e-9)


def test_midpoint_across_the_antimeridian_and_at_a_pole() -> None:
    fiji = shapely.MultiPolygon(
        [shapely.box(178, -18, 180, -16), shapely.box(-180, -18, -178, -16)]
    )
    lat, lon = midpoint(fiji)
    assert lat == pytest.approx(-17, abs=0.01)
    assert abs(lon) == pytest.approx(180)
    cap = shapely.box(-180, -90, 180, -70)
    assert midpoint(cap)[0] == pytest.approx(-90)


def test_midpoint_of_a_zone_matches_the_integral() -> None:
    # Between two parallels over a narrow range of longitudes, z averages to the mean of the sines.
    lat, lon = midpoint(shapely.box(-0.01, 20, 0.01, 60))
    phi = np.linspace(np.radians(20), np.radians(60), 100_001)
    z = np.trapezoid(np.sin(phi) * np.cos(phi), phi)
    x = np.trapezoid(np.cos(phi) * np.cos(phi), phi)
    assert lat == pytest.approx(np.degrees(np.arctan2(z, x)), abs=1e-6)
    assert lon == pytest.approx(0, abs=1e-9)


def test_holes_count_negative() -> None:
    whole = shapely.box(0, -1, 4, 1)
    holed = whole.difference(shapely.box(2, -0.9, 3.9, 0.9))
    assert midpoint(holed)[1] < 1.5


def test_chords_near_by_are_nearly_arcs() -> None:
    random = np.random.default_rng(0)
    lat, lon = random.uniform(-89, 89, 1000), random.uniform(-180, 180, 1000)
    off = random.normal(0, 0.1, (4, 1000))
    point, start = unit_vectors(lat, lon), unit_vectors(lat + off[0], lon + off[1])
    end = unit_vectors(lat + off[0] + off[2] / 3, lon + off[1] + off[3] / 3)
    arcs = distance_to_edges_km(point, start, end)
    assert np.abs(arcs - chord_distances_km(point, start, end)).max() < 0.01
    assert chord_distances_km(point, point, end).max() == 0


def test_representatives() -> None:
    ring = shapely.box(0, 0, 4, 4).difference(shapely.box(1, 1, 3.5, 3.5))
    lat, lon = representative(ring, midpoint(ring))
    assert shapely.contains_xy(ring, lon, lat)
    assert min(lat, lon) == pytest.approx(0.5, abs=0.1)  # in the widest corner
    square = shapely.box(10, -5, 20, 5)
    assert representative(square, midpoint(square)) == (0, 15)
    # Near the pole a degree of longitude is short: the southern part is the larger one.
    north, south = shapely.box(0, 84, 10, 86), shapely.box(100, 0, 103, 3)
    both = shapely.MultiPolygon([north, south])
    assert representative(both, midpoint(both)) == pytest.approx((1.5, 101.5), abs=0.1)
    fiji = shapely.MultiPolygon(
        [shapely.box(179, -18, 180, -16), shapely.box(-180, -18, -178, -16)]
    )
    assert representative(fiji, midpoint(fiji)) == pytest.approx((-17, -179.5), abs=0.2)
