"""One fetched sample: its image and its JSON, cut out of the bytes of a tar and checked."""

import json
import tarfile
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from shards.keys import is_key
from shards.members import JSON
from shards.sample import SAMPLE_FIELDS, UNKNOWN_NUMBER, UNKNOWN_TEXT
from shards.segment import MAX_JSON_BYTES
from shards.tar import BLOCK, Member, padded

_TYPES = {str: pa.string(), float: pa.float64(), int: pa.int64()}
_MOMENTS = ("captured_at",)


@dataclass(frozen=True, slots=True)
class Fetched:
    key: str
    image: bytes
    record: dict[str, Any]
    """The fields of SAMPLE_FIELDS, with None for what is unknown."""


def json_extent(data: bytes, size: int) -> tuple[str, int, int]:
    """Key, offset and length of the JSON member behind an image of `size` bytes that begins `data`.

    Raises ValueError when no header of a JSON member stands there.
    """
    start = padded(size)
    try:
        member = Member.frombuf(data[start : start + BLOCK], "ascii", "replace")
    except tarfile.HeaderError as error:
        raise ValueError(f"no tar header behind the image ({error})") from None
    key, _, extension = member.name.partition(".")
    if not (is_key(key) and extension == JSON and 0 < member.size <= MAX_JSON_BYTES):
        raise ValueError(f"behind the image stands {member.name[:80]!r}")
    return key, start + BLOCK, member.size


def read_sample(data: bytes, size: int) -> Fetched:
    """A sample from the bytes of its image up to the end of its JSON. Raises ValueError."""
    key, start, length = json_extent(data, size)
    record = json.loads(data[start : start + length])
    if not isinstance(record, dict) or record.get("key") != key:
        raise ValueError(f"the JSON of {key} is another sample's")
    return Fetched(key, data[:size], {name: _known(record.get(name), kind) for name, kind in SAMPLE_FIELDS.items()})


def _known(value: Any, kind: type) -> Any:
    if type(value) is not kind or value in (UNKNOWN_NUMBER, UNKNOWN_TEXT):
        return None
    return value


def table_of(records: list[dict[str, Any]], more: pa.Schema) -> pa.Table:
    """Records as a table: SAMPLE_FIELDS with their types, and the columns of `more`."""
    fields = [(name, _TYPES[kind]) for name, kind in SAMPLE_FIELDS.items()]
    moments = [(name, pa.timestamp("ms", tz="UTC")) for name in _MOMENTS]
    schema = pa.schema([*(dict(fields) | dict(moments)).items(), *more])
    rows = [record | {name: _moment(record[name]) for name in _MOMENTS} for record in records]
    return pa.Table.from_pylist(rows, schema=schema)


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
