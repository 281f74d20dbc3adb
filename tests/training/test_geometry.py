import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from training.geometry import (
    EARTH_RADIUS_KM,
    at_local_km,
    centre_of,
    centres_of,
    check_positions,
    destination,
    distances_km,
    haversine_km,
    local_km,
    positions_of,
    torch_distances_km,
    torch_unit_vectors,
    unit_vectors,
)

LATITUDES = st.floats(-90, 90) | st.sampled_from([-90.0, -45.0, 0.0, 90.0])
LONGITUDES = st.floats(-180, 180) | st.sampled_from([-180.0, 0.0, 90.0, 180.0])
Position = tuple[float, float]
POSITIONS = st.tuples(LATITUDES, LONGITUDES)
POLES, DATE_LINE = [(90.0, 0.0), (-90.0, 33.0)], [(0.0, 180.0), (10.0, -180.0)]


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Position, Position]:
    """Points far apart, equal, opposite, and within a few metres of either."""
    one = draw(POSITIONS)
    opposite = (-one[0], one[1] - 180 if one[1] > 0 else one[1] + 180)
    other = draw(st.sampled_from([one, opposite]) | POSITIONS)
    nudge = draw(st.sampled_from([0.0, 0.0, 1e-7, 1e-5, 1e-3]))
    return one, (float(np.clip(other[0] + nudge, -90, 90)), other[1])


def _reference_km(one: Position, other: Position) -> float:
    """Vincenty's formula for a sphere with 50 digits."""
    with mpmath.workdps(50):
        degree = mpmath.pi / 180
        p, a, q, b = (mpmath.mpf(x) * degree for x in (*one, *other))
        cos, sin = mpmath.cos, mpmath.sin
        y = mpmath.hypot(cos(q) * sin(b - a), cos(p) * sin(q) - sin(p) * cos(q) * cos(b - a))
        x = sin(p) * sin(q) + cos(p) * cos(q) * cos(b - a)
        return float(EARTH_RADIUS_KM * mpmath.atan2(y, x))


def test_known_distances() -> None:
    quarter = EARTH_RADIUS_KM * math.pi / 2
    assert haversine_km(0, 0, 0, 90) == pytest.approx(quarter)
    assert haversine_km(90, 0, -90, 123) == pytest.approx(2 * quarter)
    assert haversine_km(0, 179.5, 0, -179.5) == pytest.approx(EARTH_RADIUS_KM * math.radians(1))
    # Berlin to Tokyo on a sphere of this radius.
    assert haversine_km(52.52, 13.405, 35.6895, 139.6917) == pytest.approx(8918, abs=2)


@given(_pairs())
@example(((90.0, 0.0), (90.0, 77.0)))
@example(((12.0, 180.0), (12.0, -180.0)))
def test_distance_equals_the_reference(pair: tuple[Position, Position]) -> None:
    """To 1e-6, and to a hundredth of a millimetre where that is less."""
    expected = _reference_km(*pair)
    (a, b), (c, d) = pair
    assert haversine_km(a, b, c, d) == pytest.approx(expected, rel=1e-6, abs=1e-8)
    points = torch_unit_vectors(torch.tensor(pair, dtype=torch.float64))
    found = torch_distances_km(points[:1], points[1:])
    assert found.item() == pytest.approx(expected, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("one", [*POLES, *DATE_LINE, (47.0, 8.0)])
@pytest.mark.parametrize("kind", ["same", "opposite", "near", "far"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite(one: Position, kind: str, dtype: torch.dtype) -> None:
    other = {
        "same": one,
        "opposite": (-one[0], one[1] - 180 if one[1] > 0 else one[1] + 180),
        "near": (one[0] * 0.999999, one[1]),
        "far": (12.0, 34.0),
    }[kind]
    points = torch.tensor([one, other], dtype=dtype, requires_grad=True)
    vectors = torch_unit_vectors(points)
    torch_distances_km(vectors[:1], vectors[1:]).sum().backward()
    assert points.grad is not None
    assert points.grad.isfinite().all()
    if kind == "near" and abs(one[0]) == 47:
        # A degree of latitude is 111 km.
        degree = EARTH_RADIUS_KM * math.pi / 180
        assert points.grad[:, 0].tolist() == pytest.approx([degree, -degree], rel=1e-2)


@given(_pairs())
@example(((90.0, 0.0), (90.0, 77.0)))
@example(((12.0, 180.0), (12.0, -180.0)))
def test_gradients_are_finite_everywhere(pair: tuple[Position, Position]) -> None:
    """And no steeper than the sphere: a degree is never more than 111 km."""
    steepest = EARTH_RADIUS_KM * math.pi / 180
    points = torch.tensor(pair, dtype=torch.float64, requires_grad=True)
    vectors = torch_unit_vectors(points)
    torch_distances_km(vectors[:1], vectors[1:]).sum().backward()
    assert points.grad is not None
    assert (points.grad.abs() <= steepest * (1 + 1e-6)).all()


@given(st.floats(-89.9, 89.9), LONGITUDES)
def test_vectors_and_back(lat: float, lon: float) -> None:
    found = positions_of(3 * unit_vectors(lat, lon))
    assert haversine_km(lat, lon, *found) < 1e-6
    assert np.allclose(
        torch_unit_vectors(torch.tensor([lat, lon], dtype=torch.float64)).numpy(),
        unit_vectors(lat, lon),
        atol=1e-12,
    )


def test_centre_crosses_the_date_line() -> None:
    assert np.allclose(centre_of([0, 0], [179, -177]), [0, -179])


def test_no_centre() -> None:
    assert np.isnan(centre_of([], [])).all()
    assert np.isnan(centre_of([0, 0], [0, 180])).all()


def test_centres_of_groups() -> None:
    points = np.array([[0.0, 179], [0, -177], [50, 8], [np.nan, 1], [1, 1], [7, 7]])
    found = centres_of(points, np.array([2, 2, 0, 0, -1, 3]), 5)
    assert np.allclose(found[[0, 2, 3]], [[50, 8], [0, -179], [7, 7]])
    assert np.isnan(found[[1, 4]]).all()


def test_nan_stays_nan() -> None:
    assert np.isnan(haversine_km(np.nan, 0, 0, 0))


@given(POSITIONS, st.floats(0, 360), st.floats(0, 20_000))
def test_a_destination_is_that_far(here: Position, bearing: float, km: float) -> None:
    assert haversine_km(*here, *destination(*here, bearing, km)) == pytest.approx(km, abs=1e-3)


def test_known_destinations() -> None:
    degree = EARTH_RADIUS_KM * math.pi / 180
    assert np.allclose(destination(0, 179.5, 90, degree), [0, -179.5])
    assert np.allclose(destination(89.5, 10, 0, degree), [89.5, -170])
    assert np.allclose(destination([50, 50], 8, [0, 180], degree), [[51, 8], [49, 8]])
    # Williams' Aviation Formulary: from Los Angeles 100 nautical miles on a course of 66 degrees.
    miles_100 = EARTH_RADIUS_KM * math.pi / 180 * 100 / 60
    found = destination(33 + 57 / 60, -(118 + 24 / 60), 66, miles_100)
    assert np.allclose(found, [34 + 37 / 60, -(116 + 33 / 60)], atol=1 / 60)


@given(_pairs())
def test_local_coordinates_and_back(pair: tuple[Position, Position]) -> None:
    (a, b), (c, d) = pair
    local = local_km(a, b, c, d)
    distance = float(haversine_km(a, b, c, d))
    assert np.isfinite(local).all()
    if distance < 19_000:  # every direction leads to the antipode
        assert np.hypot(*local) == pytest.approx(distance, abs=1e-5)
        assert haversine_km(c, d, *at_local_km(a, b, local)) < 1e-4


def test_east_comes_first() -> None:
    degree = EARTH_RADIUS_KM * math.pi / 180
    assert np.allclose(local_km(0, 179.5, [0, 1], [-179.5, 179.5]), [[degree, 0], [0, degree]])


def test_all_pairs() -> None:
    one, other = np.array([[0.0, 0], [0, 90]]), np.array([[0.0, 0], [90, 0], [0, 180]])
    quarters = distances_km(one, other) / (EARTH_RADIUS_KM * math.pi / 2)
    assert np.allclose(quarters, [[0, 1, 2], [1, 1, 1]])


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        (unit_vectors([1.0], [2.0]), "3 columns"),
        (np.array([[139.7, 35.7], [13.4, 52.5]]), "latitude"),
        (np.array([[12.0, 4000.0]]), "longitude"),
    ],
)
def test_other_coordinates_are_refused(positions: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_positions(positions)
    fine = np.array([[np.nan, np.nan], [35.7, 139.7]])
    assert check_positions(fine) is fine
    check_positions(np.empty((0, 2)))
