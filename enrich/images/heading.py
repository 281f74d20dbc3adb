"""Which way the camera looked, where the source says so."""

import json
import math
import re

_NUMBER = re.compile(r"[+-]?\d{1,9}(\.\d{0,20})?", re.ASCII)


def parse_heading(extra: str) -> float | None:
    """Degrees clockwise from north, 0 to 360, from `Capture.extra`; None for anything else."""
    if '"heading"' not in extra:
        return None
    try:
        record = json.loads(extra)
    except (ValueError, RecursionError):
        return None
    heading = record.get("heading") if isinstance(record, dict) else None
    if isinstance(heading, bool) or not isinstance(heading, int | float | str):
        return None
    if isinstance(heading, str) and not _NUMBER.fullmatch(heading):  # as EXIF has it
        return None
    try:
        degrees = float(heading) % 360.0 % 360.0  # -1e-20 % 360 is 360 in floating point
    except OverflowError:  # an integer of hundreds of digits
        return None
    return degrees if math.isfinite(degrees) else None
