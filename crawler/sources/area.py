"""Where photographs are wanted: boxes or a country, and the squares that spread them evenly."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Self

from shards.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import shapely
    from numpy.typing import NDArray

DEGREE = 10_000_000
"""Units of a box in one degree: 1 cm on the ground, and the precision of most sources."""
EARTH_RADIUS_KM = 6371.0088
_ROWS = round(math.pi * EARTH_RADIUS_KM)


class Box(NamedTuple):
    """Whole units of 1e-7 degrees, so that halving never drifts; borders belong to both sides.

    west <= east: a box over the antimeridian is two of them.
    """

    west: int
    south: int
    east: int
    north: int

    @classmethod
    def around(cls, west: float, south: float, east: float, north: float) -> Self:
        """The smallest box that holds one in degrees, within the world."""
        return cls(
            max(math.floor(west * DEGREE), -180 * DEGREE),
            max(math.floor(south * DEGREE), -90 * DEGREE),
            min(math.ceil(east * DEGREE), 180 * DEGREE),
            min(math.ceil(north * DEGREE), 90 * DEGREE),
        )

    @property
    def degrees(self) -> tuple[float, float, float, float]:
        """(west, south, east, north); each is the double nearest to its decimal text."""
        west, south, east, north = (units / DEGREE for units in self)
        return west, south, east, north

    @property
    def text(self) -> str:
        """`w,s,e,n` in exact decimal degrees, as most sources want it."""
        return ",".join(decimal_degrees(units) for units in self)

    @property
    def centre(self) -> tuple[float, float]:
        """(lat, lon) in degrees."""
        west, south, east, north = self
        return (south + north) / 2 / DEGREE, (west + east) / 2 / DEGREE

    @property
    def radius_km(self) -> float:
        """Of a circle around the centre that holds the box, where it is less than a hemisphere."""
        lat, lon = self.centre
        west, south, east, north = self.degrees
        corners = [(edge, side) for edge in (south, north) for side in (west, east)]
        return max(distance_km(lat, lon, *corner) for corner in corners)

    def contains(self, lat: float, lon: float) -> bool:
        west, south, east, north = self.degrees
        return west <= lon <= east and south <= lat <= north


WORLD = Box(-180 * DEGREE, -90 * DEGREE, 180 * DEGREE, 90 * DEGREE)


@dataclass(frozen=True, slots=True)
class Area:
    """Some boxes, or the polygons of one country. Small and picklable."""

    boxes: tuple[Box, ...] = (WORLD,)
    country: str = ""
    """ISO 3166-1 alpha-2; empty for the boxes themselves."""

    @classmethod
    def from_bbox(cls, text: str) -> Self:
        """`w,s,e,n` in degrees; w > e goes over the antimeridian. Raises UsageError."""
        try:
            west, south, east, north = (
                int((Decimal(part) * DEGREE).to_integral_value()) for part in text.split(",")
            )
        except (ValueError, InvalidOperation, OverflowError):
            raise UsageError(f"--bbox {text}: give west,south,east,north in degrees") from None
        if not -90 * DEGREE <= south <= north <= 90 * DEGREE:
            raise UsageError(f"--bbox {text}: south and north must be ordered, within -90 to 90")
        if max(abs(west), abs(east)) > 180 * DEGREE:
            raise UsageError(f"--bbox {text}: west and east must be within -180 to 180")
        if west <= east:
            return cls((Box(west, south, east, north),))
        return cls(
            (Box(west, south, WORLD.east, north), Box(WORLD.west, south, east, north)),
        )

    @classmethod
    def of_country(cls, text: str) -> Self:
        """The regions of a country given by code or name. Raises UsageError."""
        from enrich.geo.countries import find_country, match_country

        code = find_country(text)
        if code is None:
            near = match_country(text)
            like = f"{near.code} if you meant {near.name.title()}" if near else "NL"
            raise UsageError(f"--country {text}: not known; give a two-letter code like {like}")
        parts, _ = _country_parts(code)
        if not len(parts):
            raise UsageError(f"--country {code}: the region table has no polygon of it; use --bbox")
        import shapely

        return cls((Box.around(*shapely.total_bounds(parts)),), code)

    def contains(self, points: Sequence[tuple[float, float]]) -> list[bool]:
        """For each (lat, lon) in degrees whether it lies inside or on the border."""
        if self.country:
            return _in_country(self.country, points)
        return [any(box.contains(lat, lon) for box in self.boxes) for lat, lon in points]

    def touches(self, box: Box) -> bool:
        """Whether any of the box belongs to the area."""
        if not any(_overlap(box, own) for own in self.boxes):
            return False
        if not self.country:
            return True
        import shapely

        _, tree = _country_parts(self.country)
        return len(tree.query(shapely.box(*box.degrees), predicate="intersects")) > 0


def square_km(lat: float, lon: float) -> str:
    """The square of about 1 km² that holds a point: a bucket of `--max-per-km2`.

    The globe is cut into rows 1 km high, each row into as many equal columns as it has km²; so
    all squares of a row have one area, within half a column of 1 km², and none is a sliver.
    """
    row = _row(lat)
    columns = _columns(row)
    return f"{row}/{_column(lon, columns) % columns}"


def squares_in(box: Box, most: int) -> set[str]:
    """The squares that a box touches; none when they are more than `most`."""
    west, south, east, north = box.degrees
    squares: set[str] = set()
    for row in range(_row(south), _row(north) + 1):
        columns = _columns(row)
        first, last = _column(west, columns), _column(east, columns)
        if len(squares) + last - first + 1 > most:
            return set()
        squares |= {f"{row}/{column % columns}" for column in range(first, last + 1)}
    return squares


def _row(lat: float) -> int:
    return min(int((lat + 90) / 180 * _ROWS), _ROWS - 1)


def _column(lon: float, columns: int) -> int:
    return int((lon + 180) / 360 * columns)


def _columns(row: int) -> int:
    south, north = (math.radians(180 * edge / _ROWS - 90) for edge in (row, row + 1))
    area = 2 * math.pi * EARTH_RADIUS_KM**2 * (math.sin(north) - math.sin(south))
    return max(round(area), 1)


def distance_km(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Great-circle distance by the haversine formula; degrees in."""
    a, b = math.radians(lat), math.radians(other_lat)
    turn = math.radians(other_lon - lon)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(turn / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(half, 1.0)))


def decimal_degrees(units: int) -> str:
    """Units of 1e-7 degrees as a plain decimal: never an exponent, which some servers refuse."""
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), DEGREE)
    return f"{sign}{whole}.{part:07d}".rstrip("0").rstrip(".")


def _overlap(a: Box, b: Box) -> bool:
    return a.west <= b.east and b.west <= a.east and a.south <= b.north and b.south <= a.north


@cache
def _country_parts(code: str) -> "tuple[NDArray[np.object_], shapely.STRtree]":
    """The country's single polygons, prepared, and a tree of their boxes; once per process."""
    import numpy as np
    import shapely

    from enrich.geo.regions import load_region_table

    table = load_region_table()
    own = np.array([country == code for country in table.country_codes], dtype=bool)
    parts = shapely.get_parts(table.geometries[own])
    shapely.prepare(parts)
    return parts, shapely.STRtree(parts)


def _in_country(code: str, points: Sequence[tuple[float, float]]) -> list[bool]:
    import numpy as np
    import shapely

    if not points:
        return []
    lats, lons = np.array(points, dtype=np.float64).T
    parts, tree = _country_parts(code)
    point, part = tree.query(shapely.points(lons, lats))
    hit = shapely.intersects_xy(parts[part], lons[point], lats[point])
    inside = np.zeros(len(points), dtype=bool)
    inside[point[hit]] = True
    return [bool(one) for one in inside]
