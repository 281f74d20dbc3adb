"""The JSON member of a sample: what a training loop wants to know beside the pixels.

Every sample has the same keys and the same types and no null, because Hugging Face `datasets`
takes its features from the first samples of the first shard. What is unknown is a sentinel:
-999.0 for coordinates, distances and headings, -1 for label indexes, the empty text elsewhere.
Real nulls, scores and hashes stand in the Parquet beside the shards.
"""

import duckdb
import pyarrow as pa

UNKNOWN_NUMBER = -999.0
UNKNOWN_INDEX = -1
UNKNOWN_TEXT = ""

SAMPLE_FIELDS: dict[str, type] = {
    "key": str,
    "split": str,
    "lat": float,
    "lon": float,
    "country_code": str,
    "country_name": str,
    "country_index": int,
    "region_id": str,
    "region_name": str,
    "region_index": int,
    "region_distance_km": float,
    "heading": float,
    "captured_at": str,
    "width": int,
    "height": int,
    "source": str,
    "source_id": str,
    "group_id": str,
    "view": int,
    "license": str,
    "license_url": str,
    "attribution": str,
    "source_url": str,
    "sha256": str,
}
"""Fields of the JSON member in their order, with their types."""


_SENTINELS: dict[type, str] = {
    str: f"'{UNKNOWN_TEXT}'",
    float: f"{UNKNOWN_NUMBER}::DOUBLE",
    int: str(UNKNOWN_INDEX),
}
# ISO 8601 with a Z, to the second unless there are fractions.
_TIME = (
    "strftime({0}, '%Y-%m-%dT%H:%M:%S')"
    " || CASE WHEN epoch_ms({0}) % 1000 = 0 THEN 'Z' ELSE strftime({0}, '.%fZ') END"
)


def _value_sql(name: str, kind: type) -> str:
    if kind is float:
        return f"CASE WHEN isfinite({name}) THEN {name} ELSE {_SENTINELS[kind]} END"
    value = _TIME.format(name) if name == "captured_at" else name
    return f"coalesce({value}, {_SENTINELS[kind]})"


RECORD_SQL = (
    "to_json({"
    + ", ".join(f"'{name}': {_value_sql(name, kind)}" for name, kind in SAMPLE_FIELDS.items())
    + "})::VARCHAR"
)
"""The JSON member of a row, for DuckDB in the time zone UTC: compact, keys in their order."""


def sample_records(rows: pa.Table) -> list[bytes]:
    """The JSON member of each row, with SHARD_SCHEMA."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("rows_of_a_shard", rows)
        records = connection.sql(f"SELECT {RECORD_SQL} AS record FROM rows_of_a_shard")  # noqa: S608
        column = records.to_arrow_table()["record"]
    return list(column.cast(pa.large_binary()).to_pylist())
