"""Photo: records validated one by one, everything as found."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crawler.sources.photo import Photo, Zone, plain, read_each, read_json, utc_from_ms

RECORD: dict[str, Any] = {
    "id": "a1",
    "lat": Decimal("52.3700"),
    "lon": Decimal("4.9"),
    "image_url": "https://example.org/a1.jpg",
    "source_page": "https://example.org/a1",
    "license": "CC-BY-SA-4.0",
    "license_url": "https://example.org/licence",
    "attribution": "Ada, CC BY-SA 4.0",
    "author": "Ada",
    "captured_at": "2024-05-01T12:00:00+02:00",
}


def photo(**changes: Any) -> Photo:
    return Photo(**{**RECORD, **changes})


def test_a_capture_has_everything_as_found() -> None:
    found = photo(heading=12.5, is_panorama=True, width=100, extra={"camera": "X"}, group_id=7)
    capture = found.to_capture("panoramax")
    assert capture.key == "panoramax-a1"
    assert (capture.lat, capture.lon) == ("52.3700", "4.9")
    assert capture.captured_at == "2024-05-01T12:00:00+02:00"
    assert capture.source_url == "https://example.org/a1"
    assert capture.group_id == "7"
    assert json.loads(capture.extra) == {
        "author": "Ada",
        "camera": "X",
        "heading": 12.5,
        "is_panorama": True,
        "width": 100,
    }


def test_what_is_known_of_the_zone_is_kept() -> None:
    local = photo(captured_at="2024-05-01T12:00:00", zone=Zone.LOCAL).to_capture("s")
    assert local.captured_at == ""
    assert json.loads(local.extra)["local_time"] == "2024-05-01T12:00:00"
    assumed = photo(captured_at="2024-05-01T12:00:00", zone=Zone.ASSUMED_UTC).to_capture("s")
    assert assumed.captured_at == "2024-05-01T12:00:00Z"
    assert json.loads(assumed.extra)["time_zone"] == "assumed_utc"
    known = photo(captured_at="2024-05-01T12:00:00+02:00").moment
    assert known is not None
    assert known.isoformat() == "2024-05-01T10:00:00+00:00"
    assert photo(captured_at="in spring").moment is None


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"id": None},
        {"lat": "91"},
        {"lat": "north"},
        {"lat": True},
        {"lon": "nan"},
        {"lon": "1e999"},
        {"image_url": "file:///etc/passwd"},
        {"source_page": ""},
        {"license": " "},
        {"attribution": ""},
        {"unknown": 1},
    ],
)
def test_what_is_no_photograph_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        photo(**changes)


def test_a_bad_record_stops_no_other() -> None:
    records = [
        {"id": "good", "at": [1, 2]},
        {"id": "short", "at": [1]},
        {"id": "far", "at": [1, 200]},
        {"id": 7},
        None,
        "text",
        {"id": "skipped", "at": None},
    ]

    def read(record: Any) -> Photo | None:
        at = record["at"]
        return None if at is None else photo(id=record["id"], lon=at[0], lat=at[1])

    photos, bad = read_each(records, read)
    assert [one.id for one in photos] == ["good"]
    assert [one.id for one in bad] == ["short", "far", "7", "", ""]
    assert bad[1].detail.startswith("lat: ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(json_values)
def test_any_value_as_a_record_is_only_counted(value: Any) -> None:
    photos, bad = read_each([value], lambda record: Photo(**record))
    assert len(photos) + len(bad) == 1


@given(st.dictionaries(st.text(max_size=3), json_values))
def test_extra_values_are_always_json(values: dict[str, Any]) -> None:
    capture = photo(extra=values).to_capture("s")
    extra = json.loads(capture.extra, parse_constant=pytest.fail)
    # What is none or empty is left out; nothing else is.
    kept = {name for name, value in values.items() if value not in (None, "")}
    assert kept <= set(extra)


def test_json_keeps_every_digit() -> None:
    value = read_json(b'{"x": 4.90000000000000000001, "n": 3}')
    assert str(value["x"]) == "4.90000000000000000001"
    assert plain(value) == {"x": 4.9, "n": 3}
    with pytest.raises(ValueError, match="nested"):
        read_json(b"[" * 100_000)


def test_milliseconds_as_utc() -> None:
    assert utc_from_ms(1_700_000_000_123) == "2023-11-14T22:13:20.123+00:00"
    with pytest.raises(ValueError, match="ms"):
        utc_from_ms(1e30)
