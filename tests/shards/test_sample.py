"""Every JSON member has the same keys and types, whatever the row lacks."""

import json
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from shards.sample import (
    NUMBERS_AND_NAMES_BYTES,
    SAMPLE_FIELDS,
    TEXT_FIELDS,
    sample_json,
    text_bytes_sql,
)
from shards.schema import SHARD_SCHEMA
from tests.shards.datasets import metadata_row

STRATEGIES = {
    str: st.none() | st.text(max_size=20),
    float: st.none() | st.floats(),
    int: st.none() | st.integers(-1, 5000),
}
rows = st.fixed_dictionaries({name: STRATEGIES[kind] for name, kind in SAMPLE_FIELDS.items()})


@given(rows)
def test_constant_keys_and_types_and_no_nulls(row: dict[str, Any]) -> None:
    record = json.loads(sample_json(row))
    assert {name: type(value) for name, value in record.items()} == SAMPLE_FIELDS
    assert list(record) == list(SAMPLE_FIELDS)


def test_sentinels() -> None:
    record = json.loads(sample_json(dict.fromkeys(SAMPLE_FIELDS)))
    assert (record["lat"], record["region_index"], record["license"]) == (-999.0, -1, "")


def test_times_are_utc_text() -> None:
    row = dict.fromkeys(SAMPLE_FIELDS) | {"captured_at": metadata_row(3)["captured_at"]}
    assert json.loads(sample_json(row))["captured_at"] == "2024-05-01T12:00:03Z"


def test_the_size_that_the_plan_counts_with_is_close() -> None:
    full = [
        metadata_row(n) | {"split": "train", "country_index": 1, "region_index": 100}
        for n in range(5)
    ]
    rows_of_a_shard = pa.Table.from_pylist(full, schema=SHARD_SCHEMA)
    sizes = duckdb.sql(f"SELECT {text_bytes_sql()} FROM rows_of_a_shard").fetchall()
    for row, (text,) in zip(rows_of_a_shard.to_pylist(), sizes, strict=True):
        actual = len(sample_json(row))
        assert 0 <= text + NUMBERS_AND_NAMES_BYTES - actual < 200
    assert "captured_at" in TEXT_FIELDS
