"""One capture's metadata row, put together from what the other modules found out about it."""

import hashlib
from dataclasses import asdict
from typing import Any

from enrich.captured_at import parse_time
from enrich.geo.countries import country_name
from enrich.geo.places import Place
from enrich.images.decode import Header
from enrich.images.heading import parse_heading
from enrich.images.pictures import View
from enrich.rejection import Rejection
from enrich.scores.quality import Scores
from shards.capture import Capture
from shards.keys import view_key
from shards.schema import METADATA_SCHEMA, Status
from shards.segment import RawSample

Row = dict[str, Any]
_EMPTY: Row = dict.fromkeys(METADATA_SCHEMA.names)
NOT_STORED: Row = dict.fromkeys(
    ("width", "height", "tar", "tar_offset", "tar_size", "original_offset", "original_size")
)
"""The columns of a stored image, for a row without one."""
_COPIED = (
    "source",
    "source_id",
    "group_id",
    "license",
    "license_url",
    "attribution",
    "source_url",
    "extra",
)


def capture_columns(sample: RawSample, capture: Capture, segment: str) -> Row:
    """A whole row with what the source said; everything else is None."""
    return _EMPTY | {
        "key": clean_text(sample.key),
        "captured_at": parse_time(capture.captured_at),
        "raw_segment": segment,
        "raw_offset": sample.image_offset,
        "raw_size": sample.image_size,
        "view": 0,
        "heading": parse_heading(capture.extra),
        "country_text": clean_text(capture.country) or None,
        **{name: clean_text(getattr(capture, name)) for name in _COPIED},
    }


def place_columns(place: Place) -> Row:
    position, code = place.position, place.country_code
    return {
        "lat": position.lat if position else None,
        "lon": position.lon if position else None,
        "country_code": code,
        "country_name": country_name(code) if code else None,
        "country_from": place.country_from,
        "region_id": place.region_id,
        "region_name": place.region_name,
        "region_distance_km": place.region_distance_km,
        "place_name": place.place_name,
        "place_distance_km": place.place_distance_km,
    }


def image_columns(data: bytes, header: Header | None) -> Row:
    """What the captured bytes say."""
    return {
        "sha256": hashlib.sha256(data).hexdigest() if data else None,
        "format": header.format if header else None,
        "source_width": header.width if header else None,
        "source_height": header.height if header else None,
    }


def view_columns(row: Row, view: View) -> Row:
    """What tells the views of one panorama apart, and what keeps them together."""
    return {
        "key": view_key(row["key"], view.number),
        "group_id": row["group_id"] or row["key"],
        "view": view.number,
        "heading": view.heading,
    }


def picture_columns(scores: Scores | None, blurred: str | None) -> Row:
    """What was found in a picture at the working size."""
    return {"blurred": blurred, **(asdict(scores) if scores else {})}


def kept_columns(width: int, height: int, tar: str, offset: int, size: int) -> Row:
    return {
        "status": Status.KEPT,
        "width": width,
        "height": height,
        "tar": tar,
        "tar_offset": offset,
        "tar_size": size,
    }


def original_columns(offset: int, size: int) -> Row:
    return {"original_offset": offset, "original_size": size}


def rejected_columns(rejection: Rejection) -> Row:
    return {
        "status": Status.REJECTED,
        "reason": rejection.reason,
        "detail": clean_text(rejection.detail),
    }


def clean_text(text: str) -> str:
    """Text that can be stored: JSON and tar names may smuggle in lone surrogates."""
    return text.encode("utf-8", "replace").decode("utf-8")
