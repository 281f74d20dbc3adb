"""The projection of every map: its published extent, and that it keeps areas."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shards.world.projection import ASPECT, project


def test_equal_earth_against_its_published_extent() -> None:
    """The paper gives an aspect of 2.05458 and pole lines 0.59247 as long as the equator."""
    assert pytest.approx(2.05458, abs=1e-4) == ASPECT
    (west, _), (east, _) = project(90, -180, 2.0), project(90, 180, 2.0)
    assert (east - west) / 2 == pytest.approx(0.59247, abs=1e-4)
    assert project(0, 0, 2.0) == pytest.approx((1, 1 / ASPECT))


@given(st.floats(-85, 85), st.floats(-170, 170))
def test_equal_areas(lat: float, lon: float) -> None:
    """A small cell's area on the map over its area on the sphere is the same everywhere."""
    d = 1e-4
    (x0, y0), (x1, y1) = project(lat, lon, 1e6), project(lat, lon + d, 1e6)
    x2, y2 = project(lat + d, lon, 1e6)
    area = abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)) / math.cos(math.radians(lat))
    (a0, b0), (a1, b1) = project(0, 0, 1e6), project(0, d, 1e6)
    a2, b2 = project(d, 0, 1e6)
    assert area == pytest.approx(abs((a1 - a0) * (b2 - b0) - (a2 - a0) * (b1 - b0)), rel=1e-2)
