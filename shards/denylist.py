"""What must not be in a dataset: photographs, authors and places. Rules and matching, pure.

- `key`: the key of a sample.
- `id`: the source's own identifier; needs `source`.
- `group`: a sequence, album or game; needs `source`.
- `author`: a name, the author of the record or words of its attribution.
- `bbox`: west,south,east,north in degrees; west > east crosses the antimeridian.
- `circle`: lat,lon,radius in degrees and km.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from shards.capture import Capture
from shards.keys import is_key

EARTH_RADIUS_KM = 6371.0088
"""Mean radius R1 of the WGS 84 ellipsoid, (2a + b) / 3."""


class Kind(StrEnum):
    KEY = "key"
    ID = "id"
    GROUP = "group"
    AUTHOR = "author"
    BOX = "bbox"
    CIRCLE = "circle"


@dataclass(frozen=True, slots=True)
class Rule:
    """Raises ValueError, saying what is wrong, when it is no rule."""

    rule: Kind
    value: str
    source: str = ""
    """Empty: of every source."""
    reason: str = ""
    """For people."""
    added_at: str = ""
    """UTC, ISO 8601."""

    def __post_init__(self) -> None:
        if self.rule is Kind.KEY and not is_key(self.value):
            raise ValueError(f"{self.value!r} is not a key")
        if not self.value.strip():
            raise ValueError(f"a rule {self.rule} without a value")
        if self.rule in (Kind.ID, Kind.GROUP) and not self.source:
            raise ValueError(f"a rule {self.rule} needs the source that it speaks of")
        if self.rule is Kind.BOX:
            self.box()
        if self.rule is Kind.CIRCLE:
            self.circle()

    def box(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in degrees."""
        west, south, east, north = self._numbers(4)
        _check_position(south, west)
        _check_position(north, east)
        if south > north:
            raise ValueError(f"{self.value!r}: south is above north; give west,south,east,north")
        return west, south, east, north

    def circle(self) -> tuple[float, float, float]:
        """(lat, lon, radius) in degrees and km."""
        lat, lon, radius = self._numbers(3)
        _check_position(lat, lon)
        if radius <= 0:
            raise ValueError(f"{self.value!r}: the radius must be more than 0 km")
        return lat, lon, radius

    def identity(self) -> tuple[str, str, str]:
        """Two rules with the same one say the same."""
        return self.rule, self.value, self.source

    def _numbers(self, count: int) -> list[float]:
        try:
            numbers = [float(part) for part in self.value.split(",")]
        except ValueError:
            numbers = []
        if len(numbers) != count or not all(map(math.isfinite, numbers)):
            raise ValueError(f"{self.value!r}: a {self.rule} has {count} numbers")
        return numbers


@dataclass(frozen=True)
class DenyList:
    """All rules, in their order; the first one that matches counts."""

    rules: Sequence[Rule] = ()

    def refusal(self, capture: Capture) -> Rule | None:
        """The rule that refuses a capture, or None."""
        if not self.rules:
            return None
        exact = (
            (Kind.KEY, capture.key, ""),
            (Kind.KEY, capture.key, capture.source),
            (Kind.ID, capture.source_id, capture.source),
            (Kind.GROUP, capture.group_id, capture.source),
        )
        numbers = [
            *(self._exact.get(identity) for identity in exact),
            self.author_rule(capture.source, author_of(capture.extra), capture.attribution),
            self._area_rule(capture),
        ]
        first = min((number for number in numbers if number is not None), default=None)
        return None if first is None else self.rules[first]

    def author_rule(self, source: str, author: str, attribution: str) -> int | None:
        """The number of the first rule that names this author."""
        for number, source_of_rule, name, pattern in self._names:
            if source_of_rule in ("", source) and (
                _folded(author) == name or pattern.search(_folded(attribution))
            ):
                return number
        return None

    def _area_rule(self, capture: Capture) -> int | None:
        if not self.areas:
            return None
        try:
            lat, lon = float(capture.lat), float(capture.lon)
        except ValueError:
            return None
        for number in self.areas:
            rule = self.rules[number]
            if rule.source in ("", capture.source) and _holds(rule, lat, lon):
                return number
        return None

    @cached_property
    def areas(self) -> list[int]:
        """The numbers of the rules about places."""
        return [n for n, rule in enumerate(self.rules) if rule.rule in (Kind.BOX, Kind.CIRCLE)]

    @cached_property
    def _exact(self) -> dict[tuple[str, str, str], int]:
        numbered = list(enumerate(self.rules))
        return {rule.identity(): number for number, rule in reversed(numbered)}

    @cached_property
    def _names(self) -> list[tuple[int, str, str, re.Pattern[str]]]:
        """(number, source, name, pattern for the words of an attribution) of author rules."""
        found = []
        for number, rule in enumerate(self.rules):
            if rule.rule is Kind.AUTHOR:
                name = _folded(rule.value)
                pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
                found.append((number, rule.source, name, pattern))
        return found


def author_of(extra: str) -> str:
    """The author in `Capture.extra`; empty when there is none."""
    if '"author"' not in extra:
        return ""
    try:
        found = json.loads(extra)
    except (ValueError, RecursionError):
        return ""
    author = found.get("author") if isinstance(found, dict) else None
    return author if isinstance(author, str) else ""


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())


def _holds(rule: Rule, lat: float, lon: float) -> bool:
    """Whether a box or a circle has the position inside or on its border."""
    if rule.rule is Kind.BOX:
        west, south, east, north = rule.box()
        within = west <= lon <= east if west <= east else lon >= west or lon <= east
        return south <= lat <= north and within
    return distance_km(lat, lon, *rule.circle()[:2]) <= rule.circle()[2]


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Great-circle distance of two positions in degrees, by the haversine formula."""
    phi, other_phi = math.radians(lat), math.radians(other_lat)
    half = math.radians(lon - other_lon) / 2
    chord = (
        math.sin((phi - other_phi) / 2) ** 2
        + math.cos(phi) * math.cos(other_phi) * math.sin(half) ** 2
    )
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, chord)))


def _check_position(lat: float, lon: float) -> None:
    if not (abs(lat) <= 90 and abs(lon) <= 180):
        raise ValueError(f"{lat},{lon}: not within -90 to 90 and -180 to 180 degrees")
