"""Every JSON member has the same keys and types, whatever the row lacks."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shards.sample import RECORD_SQL, SAMPLE_FIELDS, sample_records
from shards.schema import SHARD_SCHEMA

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STRATEGIES = {
    str: st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    float: st.none() | st.floats(),
    int: st.none() | st.integers(-1, 5000),
}
times = st.none() | st.integers(-(10**12), 4 * 10**12).map(
    lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds)
)
rows = st.fixed_dictionaries(
    {name: STRATEGIES[kind] for name, kind in SAMPLE_FIELDS.items()} | {"captured_at": times}
)
SENTINELS = {str: "", float: -999.0, int: -1}


def records(*found: dict[str, Any]) -> list[bytes]:
    return sample_records(pa.Table.from_pylist(list(found), schema=SHARD_SCHEMA))


@settings(deadline=None)
@given(st.lists(rows, min_size=1, max_size=4))
def test_values_come_back_and_gaps_are_sentinels(found: list[dict[str, Any]]) -> None:
    for row, text in zip(found, records(*found), strict=True):
        record = json.loads(text.decode("utf-8"))
        assert list(record) == list(SAMPLE_FIELDS)
        moment = record.pop("captured_at")
        if row["captured_at"] is None:
            assert moment == ""
        else:
            assert moment.endswith("Z")
            assert datetime.fromisoformat(moment) == row["captured_at"]
        for name, value in record.items():
            kind = SAMPLE_FIELDS[name]
            unknown = row[name] is None or (kind is float and not math.isfinite(row[name]))
            assert type(value) is kind
            assert value == (SENTINELS[kind] if unknown else row[name])


def test_the_text_is_compact_and_as_it_was_written() -> None:
    row = dict.fromkeys(SAMPLE_FIELDS) | {
        "key": "k",
        "lat": 55.7,
        "lon": -0.0,
        "region_distance_km": 1e-7,
        "heading": 1e22,
        "license": 'a "b" / \\ Ö \n\t\x01\x7f',
        "width": 7,
        "captured_at": datetime(2024, 5, 1, 12, 0, 3, 250_000, UTC),
    }
    assert records(row)[0].decode() == (
        '{"key":"k","split":"","lat":55.7,"lon":-0.0,"country_code":"","country_name":"",'
        '"country_index":-1,"region_id":"","region_name":"","region_index":-1,'
        '"region_distance_km":1e-7,"heading":1e22,"captured_at":"2024-05-01T12:00:03.250000Z",'
        '"width":7,"height":-1,"source":"","source_id":"","group_id":"","view":-1,'
        '"license":"a \\"b\\" / \\\\ Ö \\n\\t\\u0001\x7f","license_url":"","attribution":"",'
        '"source_url":"","sha256":""}'
    )


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC"])
def test_times_are_utc_whatever_the_zone_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    row = dict.fromkeys(SAMPLE_FIELDS) | {"captured_at": datetime(2024, 5, 1, 12, 0, 3, 0, UTC)}
    assert json.loads(records(row)[0])["captured_at"] == "2024-05-01T12:00:03Z"


def test_sql_counts_the_same_bytes() -> None:
    found = pa.Table.from_pylist([{"key": "k", "license": 'Ö "'}], schema=SHARD_SCHEMA)
    sizes = duckdb.sql(f"SELECT strlen({RECORD_SQL}) FROM found").fetchall()
    assert sizes == [(len(sample_records(found)[0]),)]
