"""The JSON member of a sample: what a training loop wants to know beside the pixels.

Every sample has the same keys and the same types and no null, because Hugging Face `datasets`
takes its features from the first samples of the first shard. What is unknown is a sentinel:
-999.0 for coordinates, distances and headings, -1 for label indexes, the empty text elsewhere.
Real nulls, scores and hashes stand in the Parquet beside the shards.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

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

TEXT_FIELDS = tuple(name for name, kind in SAMPLE_FIELDS.items() if kind is str)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_SENTINELS: dict[type, Any] = {str: UNKNOWN_TEXT, float: UNKNOWN_NUMBER, int: UNKNOWN_INDEX}


def sample_json(row: Mapping[str, Any]) -> bytes:
    """The JSON member of a metadata row: compact UTF-8, keys in the order of SAMPLE_FIELDS."""
    record = {name: _value(row[name], kind) for name, kind in SAMPLE_FIELDS.items()}
    return _ENCODER.encode(record).encode("utf-8", "replace")


def _value(value: Any, kind: type) -> Any:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return _SENTINELS[kind]
    if isinstance(value, datetime):
        return utc_text(value)
    return kind(value)


def utc_text(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z, to the second unless there are fractions."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


NUMBERS_AND_NAMES_BYTES = len(
    sample_json(
        {
            name: "" if kind is str else kind(-(10**9) - 0.123456)
            for name, kind in SAMPLE_FIELDS.items()
        }
    )
)
"""About what a JSON member has beside its texts; the plan of shards counts with it."""


def text_bytes_sql() -> str:
    """The DuckDB expression for the UTF-8 bytes of a row's texts in its JSON member."""
    return " + ".join(f"coalesce(strlen({name}::VARCHAR), 0)" for name in TEXT_FIELDS)
