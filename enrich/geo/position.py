"""Text to a position. What is not plainly a latitude and a longitude is refused, never repaired."""

import math
import re
from dataclasses import dataclass

from enrich.rejection import Rejection
from shards.schema import Reason

# Python's float() also takes "1_0", "nan", "infinity" and digits of other scripts.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Position:
    """Degrees, WGS 84."""

    lat: float
    lon: float


def parse_position(lat: str, lon: str) -> Position | Rejection | None:
    """None when both texts are empty; a rejection when they are not a position on the globe."""
    lat, lon = lat.strip(), lon.strip()
    if not lat and not lon:
        return None
    for name, text in (("latitude", lat), ("longitude", lon)):
        if not text:
            return _invalid(f"the {name} is missing")
        if not _NUMBER.fullmatch(text):
            return _invalid(f"{name} {_shown(text)} is not a decimal number")
    position = Position(float(lat), float(lon))
    if not (math.isfinite(position.lat) and abs(position.lat) <= 90):
        return _invalid(f"latitude {_shown(lat)} is outside -90 to 90")
    if not (math.isfinite(position.lon) and abs(position.lon) <= 180):
        return _invalid(f"longitude {_shown(lon)} is outside -180 to 180")
    if position == Position(0.0, 0.0):
        return _invalid("0, 0 stands for an unknown position")
    return position


def _invalid(detail: str) -> Rejection:
    return Rejection(Reason.INVALID_POSITION, detail)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…")
