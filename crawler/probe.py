"""Looks at each capture as it is committed, cheaply, and counts what the health checks need."""

import hashlib
import io
import math
from collections import deque
from typing import Any

from crawler.stats import Quality
from shards.capture import Capture

BLANK_VARIANCE = 60.0
"""The largest variance of a channel below which a picture counts as one colour."""
REDUCTION = 8
MAX_PIXELS = 100_000_000
SEEN = 100_000
PIECE = 4096
MAX_PLACES = 1_000
OTHER_PLACE = "other"
CELL_DEGREES = 10


class Probe:
    """Counts into `quality`; `every` n-th picture is decoded to see whether it is blank."""

    def __init__(self, quality: Quality, *, every: int = 1) -> None:
        self.quality = quality
        self._every = every
        self._seen: set[bytes] = set()
        self._order: deque[bytes] = deque()

    def observe(self, capture: Capture, image: bytes) -> None:
        """Counts one capture that was committed, with the bytes of its picture."""
        quality = self.quality
        position = parse_position(capture.lat, capture.lon)
        quality.with_position += position is not None
        quality.with_country += bool(capture.country)
        quality.located += position is not None or bool(capture.country)
        place = capture.country[:64] or (cell(*position) if position else "")
        if place:
            known = place in quality.places or len(quality.places) < MAX_PLACES
            quality.places[place if known else OTHER_PLACE] += 1
        quality.repeated += self._repeats(fingerprint(image))
        if quality.captures % self._every == 0:
            quality.looked_at += 1
            quality.blank += is_blank(image)
        quality.captures += 1

    def _repeats(self, digest: bytes) -> bool:
        if digest in self._seen:
            return True
        self._seen.add(digest)
        self._order.append(digest)
        if len(self._order) > SEEN:
            self._seen.remove(self._order.popleft())
        return False


def fingerprint(image: bytes) -> bytes:
    """Equal for equal bytes. Of three pieces and the length, which tells photographs apart.

    A hash of all bytes would cost a fast download a tenth of its time.
    """
    middle = len(image) // 2
    pieces = (image[:PIECE], image[middle : middle + PIECE], image[-PIECE:])
    return hashlib.sha256(b"".join(pieces) + len(image).to_bytes(8, "big")).digest()[:8]


def parse_position(lat: str, lon: str) -> tuple[float, float] | None:
    """Degrees, or None for what is no place. (0, 0) is what a receiver without a fix says."""
    try:
        north, east = float(lat), float(lon)
    except ValueError:
        return None
    if not (math.isfinite(north) and math.isfinite(east)):
        return None
    if abs(north) > 90 or abs(east) > 180 or (north == 0 and east == 0):
        return None
    return north, east


def cell(lat: float, lon: float) -> str:
    """The cell of 10 degrees that holds the point, named by its south-west corner."""
    south, west = (CELL_DEGREES * math.floor(value / CELL_DEGREES) for value in (lat, lon))
    return f"{south:+d}{west:+d}"


def is_blank(image: bytes) -> bool:
    """One colour, or nothing that can be decoded. JPEG is decoded at an eighth of its size."""
    from PIL import Image, ImageStat

    try:
        with Image.open(io.BytesIO(image)) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                return False  # too dear to look at here; the enrich stage judges it
            picture.draft("RGB", (width // REDUCTION, height // REDUCTION))
            small: Any = picture.convert("RGB")
            if min(small.size) > REDUCTION and small.size == (width, height):
                small = small.reduce(REDUCTION)
            return bool(max(ImageStat.Stat(small).var) < BLANK_VARIANCE)
    except Exception:
        return True  # decoders raise whatever they like on damaged bytes
