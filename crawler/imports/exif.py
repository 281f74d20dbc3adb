"""Photographs in a folder that carry their own position, time and author in EXIF.

Tags are those of Exif 2.32 (CIPA DC-008), GPS tags of its section 4.6.6. Bytes are kept exactly
as found: orientation is applied later, by whoever decodes.
"""

import io
import os
import re
import warnings
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

from crawler.imports.found import Found, Problem
from crawler.imports.magic import HEAD_BYTES, has_image_name, image_extension
from shards.capture import extra_text
from shards.paths import inside

ARTIST, COPYRIGHT = 0x013B, 0x8298
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
TIME_ORIGINAL, OFFSET_ORIGINAL = 0x9003, 0x9011
GPS_LAT_REF, GPS_LAT, GPS_LON_REF, GPS_LON = 1, 2, 3, 4
GPS_TIME, GPS_HEADING, GPS_DATE = 7, 17, 29


def walk(folder: Path) -> Iterator[Found]:
    """Every file below `folder`, sorted by path within each directory. Hidden names are left out.

    The folder of a photograph, when it is not `folder` itself, is its group: a trip or a
    sequence, whose pictures resemble each other and belong into one split.
    """
    for directory, subdirectories, names in os.walk(folder):
        subdirectories[:] = sorted(name for name in subdirectories if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield _look(folder, Path(directory) / name)


def _look(folder: Path, path: Path) -> Found:
    relative = path.relative_to(folder).as_posix()
    if inside(folder, relative) is None:
        return Found(relative, None, problem=Problem.OUTSIDE)
    if not path.is_file():
        # A socket or a pipe must not be opened; a broken link named like an image is reported.
        is_image = has_image_name(path.name)
        return Found(relative, None, problem=Problem.MISSING, is_image=is_image)
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return Found(relative, None, problem=Problem.UNREADABLE)
    is_image = has_image_name(path.name) or image_extension(head) is not None
    group = relative.rpartition("/")[0]
    return Found(relative, path, {"group_id": group}, is_image=is_image)


def exif_fields(image: bytes) -> dict[str, str]:
    """Capture fields from an image's EXIF; without or with damaged EXIF, none.

    Coordinates need a hemisphere reference: without one, half of the world would be mirrored.
    """
    tags, exif, gps = _read_tags(image)
    lat = _coordinate(gps.get(GPS_LAT), gps.get(GPS_LAT_REF), "NS")
    lon = _coordinate(gps.get(GPS_LON), gps.get(GPS_LON_REF), "EW")
    local_time, captured_at = _times(exif, gps)
    extra = {"local_time": local_time, "heading": _number(gps.get(GPS_HEADING))}
    fields = {
        "lat": lat if lon else "",
        "lon": lon if lat else "",
        "captured_at": captured_at,
        "attribution": _text(tags.get(ARTIST)) or _text(tags.get(COPYRIGHT)),
        "extra": extra_text({name: value for name, value in extra.items() if value}),
    }
    return {name: value for name, value in fields.items() if value}


def _read_tags(image: bytes) -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
    """The primary, Exif and GPS directories; empty ones when they cannot be read."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(image)) as opened:
                tags = opened.getexif()
                return dict(tags), dict(tags.get_ifd(EXIF_IFD)), dict(tags.get_ifd(GPS_IFD))
    except Exception:  # Pillow raises nearly anything for damaged files
        return {}, {}, {}


def _coordinate(parts: Any, reference: Any, signs: str) -> str:
    """Decimal degrees of degrees, minutes and seconds; "nan" when they are no numbers.

    Empty when there is no position: no parts, or no reference that says which hemisphere.
    """
    sign = _text(reference).upper()[:1]
    if parts is None or not sign or sign not in signs:
        return ""
    parts = parts if isinstance(parts, tuple) else (parts,)
    fractions = [_fraction(part) for part in parts[:3]]
    total = Fraction(0)
    for fraction, unit in zip(fractions, (1, 60, 3600), strict=False):
        if fraction is None:
            return "nan"
        total += fraction / unit
    return _text_of(-total if sign == signs[1] else total) if fractions else "nan"


def _fraction(value: Any) -> Fraction | None:
    try:
        if hasattr(value, "denominator"):
            return Fraction(int(value.numerator), int(value.denominator))
        return Fraction(value)
    except (ZeroDivisionError, ValueError, TypeError, OverflowError):
        return None


def _number(value: Any) -> str:
    fraction = None if value is None else _fraction(value)
    return "" if fraction is None else _text_of(fraction)


def _text_of(number: Fraction) -> str:
    """The shortest text that gives back the nearest double; "nan" beyond the largest one."""
    try:
        return repr(float(number))
    except OverflowError:
        return "nan"


def _times(exif: dict[int, Any], gps: dict[int, Any]) -> tuple[str, str]:
    """The camera's local time, and the instant when the tags determine one; else empty texts.

    A local time without an offset determines none. The GPS time stamps are in UTC.
    """
    local = _iso(_text(exif.get(TIME_ORIGINAL)))
    offset = _text(exif.get(OFFSET_ORIGINAL))
    if local and re.fullmatch(r"[+-]\d\d:\d\d", offset):
        return local, local + offset
    parts = gps.get(GPS_TIME)
    fractions = [_fraction(part) for part in parts] if isinstance(parts, tuple) else []
    if len(fractions) != 3 or None in fractions:
        return local, ""
    hour, minute, second = (int(fraction or 0) for fraction in fractions)
    stamp = _iso(f"{_text(gps.get(GPS_DATE))} {hour:02d}:{minute:02d}:{second:02d}")
    return local, stamp and f"{stamp}Z"


def _iso(text: str) -> str:
    """`2024:05:01 12:00:00` as `2024-05-01T12:00:00`; anything else, like a blank time, empty."""
    match = re.fullmatch(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d:\d\d:\d\d)", text)
    return f"{match[1]}-{match[2]}-{match[3]}T{match[4]}" if match else ""


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip("\0 \t\r\n") if isinstance(value, str) else ""
