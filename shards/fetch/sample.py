"""One fetched sample: its image and its JSON, cut out of the bytes of a tar and checked."""

import hashlib
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
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
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


def read_sample(data: bytes, size: int, *, captured: bool) -> Fetched:
    """A sample from the bytes of its image up to the end of its JSON.

    `captured`: the image is the captured file, whose SHA-256 the JSON tells. Raises ValueError.
    """
    key, start, length = json_extent(data, size)
    found = json.loads(data[start : start + length])
    if not isinstance(found, dict) or found.get("key") != key:
        raise ValueError(f"the JSON of {key} is another sample's")
    image = data[:size]
    record = {name: _known(found.get(name), kind) for name, kind in SAMPLE_FIELDS.items()}
    if captured:
        right = hashlib.sha256(image).hexdigest() == record["sha256"]
    else:
        right = image.startswith(JPEG_START) and image.endswith(JPEG_END)
    if not right:
        raise ValueError(f"the image of {key} is damaged")
    return Fetched(key, image, record)


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
