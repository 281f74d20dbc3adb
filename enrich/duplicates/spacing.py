"""Photographs that stand too close together: greedy, the best first.

A photograph goes when a better one that stays is nearer than the distance, in the same group and
the same direction. Positions become points of a sphere in space, in cubes as wide as the distance,
so that neighbours stand in neighbouring cubes everywhere, at the poles and the antimeridian too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import asin, cos, dist, radians, sin

from shards.denylist import EARTH_RADIUS_KM

RADIUS_M = EARTH_RADIUS_KM * 1000
_AROUND = list(product((-1, 0, 1), repeat=3))


@dataclass(frozen=True, slots=True)
class TooClose:
    """Positions in the given order: `row` goes, `stays` is a better one that does not."""

    row: int
    stays: int
    metres: float


def too_close(
    lat: Sequence[float],
    lon: Sequence[float],
    group: Sequence[int],
    heading: Sequence[float] | None,
    metres: float,
    tolerance: float,
) -> Iterator[TooClose]:
    """What goes, given rows from the best to the worst; degrees, and a number for each group.

    Only rows of one group are compared; with `heading`, only those whose headings differ by at
    most `tolerance`. Of several that would do, the best is named.
    """
    # A chord is a little shorter than its arc; at 10 km by a millimetre.
    reach = 2 * RADIUS_M * sin(metres / (2 * RADIUS_M))
    cubes: dict[tuple[int, int, int, int], list[int]] = {}
    points: dict[int, tuple[float, float, float]] = {}
    for row in range(len(lat)):
        point = _point(lat[row], lon[row])
        x, y, z = (int(value // reach) for value in point)
        nearest = None
        for step_x, step_y, step_z in _AROUND:
            for stays in cubes.get((group[row], x + step_x, y + step_y, z + step_z), ()):
                away = dist(point, points[stays])
                alike = heading is None or angle(heading[row], heading[stays]) <= tolerance
                if away < reach and alike and (nearest is None or stays < nearest[0]):
                    nearest = stays, away
        if nearest is None:
            cubes.setdefault((group[row], x, y, z), []).append(row)
            points[row] = point
        else:
            yield TooClose(row, nearest[0], 2 * RADIUS_M * asin(nearest[1] / (2 * RADIUS_M)))


def angle(one: float, other: float) -> float:
    """Between two headings, 0 to 180 degrees."""
    return abs((one - other + 180) % 360 - 180)


def _point(lat: float, lon: float) -> tuple[float, float, float]:
    """In metres from the centre of the sphere."""
    phi, lam = radians(lat), radians(lon)
    across = RADIUS_M * cos(phi)
    return across * cos(lam), across * sin(lam), RADIUS_M * sin(phi)
