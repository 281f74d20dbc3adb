import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.geometry import (
    EARTH_RADIUS_KM,
    centre_of,
    haversine_km,
    positions_of,
    unit_vectors,
)

LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)


def test_known_distances() -> None:
    quarter = EARTH_RADIUS_KM * math.pi / 2
    assert haversine_km(0, 0, 0, 90) == pytest.approx(quarter)
    assert haversine_km(90, 0, -90, 123) == pytest.approx(2 * quarter)
    assert haversine_km(0, 179.5, 0, -179.5) == pytest.approx(EARTH_RADIUS_KM * math.radians(1))
    # Berlin to Tokyo on a sphere of this radius.
    assert haversine_km(52.52, 13.405, 35.6895, 139.6917) == pytest.approx(8918, abs=2)


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_distance_equals_the_angle_of_vectors(a: float, b: float, c: float, d: float) -> None:
    u, v = unit_vectors(a, b), unit_vectors(c, d)
    angle = math.atan2(float(np.linalg.norm(np.cross(u, v))), float(u @ v))
    # Half of the digits are lost near antipodes: 1e-8 rad are 0.1 m.
    assert haversine_km(a, b, c, d) == pytest.approx(EARTH_RADIUS_KM * angle, abs=1e-3)


@given(st.floats(-89.9, 89.9), LONGITUDES)
def test_vectors_and_back(lat: float, lon: float) -> None:
    found = positions_of(3 * unit_vectors(lat, lon))
    assert haversine_km(lat, lon, *found) < 1e-6


def test_centre_crosses_the_date_line() -> None:
    assert np.allclose(centre_of([0, 0], [179, -177]), [0, -179])


def test_no_centre() -> None:
    assert np.isnan(centre_of([], [])).all()
    assert np.isnan(centre_of([0, 0], [0, 180])).all()


def test_nan_stays_nan() -> None:
    assert np.isnan(haversine_km(np.nan, 0, 0, 0))
