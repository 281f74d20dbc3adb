"""Photographs that stand too close together."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.duplicates.spacing import RADIUS_M, angle, too_close

DEGREE = math.pi * RADIUS_M / 180
"""Metres of one degree of latitude."""


def gone(places: list[tuple[float, float]], metres: float, **values: list[float]) -> dict[int, int]:
    lat, lon = zip(*places, strict=True)
    group = [int(one) for one in values.get("group", [0] * len(places))]
    found = too_close(lat, lon, group, values.get("heading"), metres, 20)
    return {one.row: one.stays for one in found}


def test_the_first_stays_and_distance_counts_from_what_stays() -> None:
    # 0, 6, 12 and 18 m along a meridian, nothing nearer than 10 m.
    line = [(metres / DEGREE, 7.0) for metres in (0, 6, 12, 18)]
    assert gone(line, 10) == {1: 0, 3: 2}
    assert gone(line[::-1], 10) == {1: 0, 3: 2}
    assert gone(line, 5.9) == {}


def test_the_distance_is_in_metres() -> None:
    [one] = too_close([60, 60 + 7 / DEGREE], [10, 10], [0, 0], None, 10, 0)
    assert (one.row, one.stays, one.metres) == (1, 0, pytest.approx(7, abs=1e-3))


@pytest.mark.parametrize(
    "places",
    [
        [(0, 180), (0, -180 + 5 / DEGREE)],
        [(90 - 2 / DEGREE, 0), (90 - 2 / DEGREE, 180)],
        [(-90, 17), (-90 + 5 / DEGREE, -100)],
        [(60, 0), (60, 9 / (DEGREE / 2))],
    ],
)
def test_everywhere_on_the_globe(places: list[tuple[float, float]]) -> None:
    assert gone(places, 10) == {1: 0}


def test_only_the_same_direction() -> None:
    here = [(50.0, 5.0)] * 4
    assert gone(here, 10, heading=[350, 8, 11, 180]) == {1: 0}
    assert gone(here, 10, heading=[350, 9.9, 10.1, 29]) == {1: 0, 3: 2}


def test_only_the_same_group() -> None:
    assert gone([(50.0, 5.0)] * 4, 10, group=[1, 2, 1, 2]) == {2: 0, 3: 1}


def test_angles_go_round() -> None:
    assert [angle(350, 10), angle(10, 350), angle(0, 180), angle(90, 90)] == [20, 20, 180, 0]


@given(st.integers(0, 2**32), st.integers(1, 60), st.floats(1, 40))
@settings(max_examples=80, deadline=None)
def test_what_stays_is_apart_and_what_goes_is_near(seed: int, count: int, metres: float) -> None:
    chance = random.Random(seed)
    places = [
        (chance.uniform(0, 80) / DEGREE, 179.9999 + chance.uniform(0, 80) / DEGREE)
        for _ in range(count)
    ]
    found = gone(places, metres)
    stay = [row for row in range(count) if row not in found]

    def away(one: int, other: int) -> float:
        return math.dist(places[one], places[other]) * DEGREE  # flat enough at the equator

    assert all(away(a, b) > metres - 1e-3 for a in stay for b in stay if a < b)
    for row, kept in found.items():
        near = [other for other in stay if other < row and away(row, other) < metres - 1e-3]
        assert kept < row
        assert kept in stay
        assert away(row, kept) < metres + 1e-3
        assert kept <= min(near, default=kept)
