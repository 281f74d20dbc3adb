"""Great circles: their ends, their length, their cuts, and how many of them a page shows."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.training.evaluation.page.evaluations import make_rows, write_evaluation
from training.evaluation.page.arcs import STEP_DEGREES, cut, error_lines, great_circle
from training.evaluation.page.predictions import read_predictions
from training.geometry import haversine_km

PLACES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


def length(points: list[tuple[float, float]]) -> float:
    lat, lon = np.array(points).T
    return float(haversine_km(lat[:-1], lon[:-1], lat[1:], lon[1:]).sum())


@given(PLACES, PLACES)
@example((0.0, 66.0), (3.0, -114.0))  # close by the pole
def test_the_line_is_the_shortest_and_stays_on_the_map(
    start: tuple[float, float], end: tuple[float, float]
) -> None:
    points = great_circle(np.array(start), np.array(end))
    assert (points[0], points[-1]) == (start, end)
    whole = float(haversine_km(*start, *end))
    assert length(points) == pytest.approx(whole, abs=1e-3)
    pieces = list(cut(points))
    assert sum(map(length, pieces)) == pytest.approx(whole, abs=1e-3)
    for piece in pieces:
        lons = [lon for _, lon in piece]
        assert all(abs(b - a) <= 180 for a, b in pairwise(lons))
        assert all(-180 <= lon <= 180 for lon in lons)


def test_over_the_antimeridian() -> None:
    fiji_to_samoa = list(cut([(-18.0, 178.0), (-14.0, -172.0)]))
    # y is 0.03319 and -0.13504: 0.1973 along the chord, at x = -0.95253 and z = -0.29578.
    assert fiji_to_samoa == [
        [(-18.0, 178.0), (pytest.approx(-17.2506, abs=1e-3), 180.0)],
        [(pytest.approx(-17.2506, abs=1e-3), -180.0), (-14.0, -172.0)],
    ]
    back = list(cut([(-14.0, -172.0), (-18.0, 178.0)]))
    assert [len(piece) for piece in back] == [2, 2]
    assert back[0][-1][1] == -180.0


@pytest.mark.parametrize(
    ("start", "end", "through"),
    [
        ((0, 0), (0, 180), (90, 0)),  # antipodes: over the north pole
        ((90, 0), (-90, 0), (0, 90)),
        ((0, -20), (0, 20), (0, 0)),
    ],
)
def test_known_circles(
    start: tuple[float, float], end: tuple[float, float], through: tuple[float, float]
) -> None:
    points = great_circle(np.array(start, float), np.array(end, float))
    km = [float(haversine_km(*point, *through)) for point in points]
    assert min(km) < STEP_DEGREES / 2 * 111.2


def test_identical_points_are_a_dot() -> None:
    assert great_circle(np.array([5.0, 6.0]), np.array([5.0, 6.0])) == [(5.0, 6.0), (5.0, 6.0)]


def test_many_errors_are_thinned_by_the_hash_of_their_keys(tmp_path: Path) -> None:
    rows = make_rows(50)
    rows[7] |= {"lat": None, "lon": None, "distance_km": None}
    one = read_predictions(write_evaluation(tmp_path / "a", rows))
    other = read_predictions(write_evaluation(tmp_path / "b", rows[::-1]))
    assert error_lines(one)[1] == 49
    assert error_lines(one, 10)[1] == 10
    assert error_lines(one, 10) == error_lines(other, 10)
