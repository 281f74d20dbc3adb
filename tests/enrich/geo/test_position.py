"""Positions come out exactly as written, or not at all."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from enrich.geo.position import Position, parse_position
from enrich.rejection import Rejection
from shards.schema import Reason


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_every_position_survives_as_text(lat: float, lon: float) -> None:
    assume((lat, lon) != (0, 0))
    assert parse_position(repr(lat), f" {lon!r} ") == Position(lat, lon)


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_a_position_or_a_rejection_or_nothing(lat: str, lon: str) -> None:
    found = parse_position(lat, lon)
    if isinstance(found, Position):
        assert math.isfinite(found.lat)
        assert math.isfinite(found.lon)
    elif found is None:
        assert not (lat + lon).strip()
    else:
        assert found.reason == Reason.INVALID_POSITION
        assert found.detail


@pytest.mark.parametrize(
    ("lat", "lon", "detail"),
    [
        ("91,200", "13", "latitude '91,200' is not a decimal number"),
        ("55,7", "13,2", "latitude '55,7' is not"),
        ("91200", "13", "latitude '91200' is outside -90 to 90"),
        ("90.0000001", "0", "outside -90 to 90"),
        ("55.7", "-180.01", "longitude '-180.01' is outside -180 to 180"),
        ("nan", "13", "is not a decimal number"),
        ("13", "inf", "is not a decimal number"),
        ("1e999", "1", "is not a decimal number|outside"),
        ("1_0", "1", "is not a decimal number"),
        ("\u0661", "1", "is not a decimal number"),
        ("55.7 N", "13", "is not a decimal number"),
        ("", "13.2", "the latitude is missing"),
        ("55.7", " ", "the longitude is missing"),
        ("0", "0", "0, 0 stands for an unknown position"),
        ("-0.0", "0e5", "0, 0 stands for an unknown position"),
        ("9" * 500, "1", "outside"),
    ],
)
def test_what_is_no_position(lat: str, lon: str, detail: str) -> None:
    found = parse_position(lat, lon)
    assert isinstance(found, Rejection)
    assert found.reason == Reason.INVALID_POSITION
    assert any(part in found.detail for part in detail.split("|"))
    assert len(found.detail) < 120


def test_the_edges_of_the_globe_are_positions() -> None:
    assert parse_position("-90", "180") == Position(-90, 180)
    assert parse_position("+90.0", "-1.8E2") == Position(90, -180)
    assert parse_position("0", "1e-9") == Position(0, 1e-9)
    assert parse_position("", " ") is None
