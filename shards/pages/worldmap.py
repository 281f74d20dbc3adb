"""The world map as inline SVG. Colours come from the page's style sheet, by class.

It is the whole map where no script runs; `templates/map.js` draws the same outlines when one does.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

import numpy as np

from shards.world.outlines import outlines
from shards.world.projection import ASPECT, project, project_all

MAP_UNITS = 100_000
"""Width of the map in units of its own; the outlines stand on whole ones, 0.34 km on average."""
_SHADES = 5
_DOT, _DOT_MORE = 160.0, 800.0
"""Radius in units of a cell without samples, and by how much that of the fullest is larger."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The samples around one point of the map."""

    lat: float
    lon: float
    samples: int


def world_map(cells: Iterable[Cell], countries: Mapping[str, tuple[str, int]]) -> str:
    """Countries shaded by their samples, with a dot for each cell; area in proportion.

    `countries`: code to (name, samples).
    """
    height = MAP_UNITS / ASPECT
    most = max((samples for _, samples in countries.values()), default=0)
    land = [_land(code, path, *countries.get(code, ("", 0)), most) for code, path in _outlines()]
    return (
        f'<svg class="map" viewBox="0 0 {MAP_UNITS} {height:.0f}" role="img"'
        ' aria-label="World map of the samples">'
        f'<path class="sea" d="{_sphere()}"/><path class="graticule" d="{_graticule()}"/>'
        f"<g>{''.join(land)}</g><g>{''.join(_dots(list(cells)))}</g></svg>"
    )


def _land(code: str, path: str, name: str, samples: int, most: int) -> str:
    if not samples:
        return f'<path class="land" data-code="{code}" d="{path}"/>'
    # Logarithmic, because counts of countries span orders of magnitude.
    shade = 1 + int((_SHADES - 1) * math.log1p(samples) / math.log1p(most))
    title = f"<title>{escape(name or code)}: {samples:,}</title>"
    return f'<path class="land shade-{shade}" data-code="{code}" d="{path}">{title}</path>'


def _dots(cells: list[Cell]) -> Iterable[str]:
    most = max((cell.samples for cell in cells), default=1)
    # Large ones first, so that small neighbours stay visible.
    for cell in sorted(cells, key=lambda cell: (-cell.samples, cell.lat, cell.lon)):
        x, y = project(cell.lat, cell.lon, MAP_UNITS)
        radius = _DOT + _DOT_MORE * math.sqrt(cell.samples / most)
        yield (
            f'<circle class="dot" cx="{x:.0f}" cy="{y:.0f}" r="{radius:.0f}">'
            f"<title>{cell.samples:,} near {cell.lat:.1f}, {cell.lon:.1f}</title></circle>"
        )


@cache
def _outlines() -> tuple[tuple[str, str], ...]:
    """(country code, path) of every country."""
    return tuple((code, "".join(map(_ring, rings))) for code, rings in outlines().items())


def _ring(ring: Sequence[Sequence[float]]) -> str:
    return _line([(lat, lon) for lon, lat in ring]) + "z"


def _line(points: Sequence[tuple[float, float]]) -> str:
    """The path through (lat, lon) points on whole units: the first one, then the steps."""
    lats, lons = np.array(points, np.float64).T
    at = np.rint(project_all(lats, lons, MAP_UNITS)).astype(np.int64).T
    steps = np.diff(at, axis=0)
    steps = steps[steps.any(axis=1)]
    path = " ".join(f"{x} {y}" for x, y in steps.tolist())
    return f"M{at[0, 0]} {at[0, 1]}" + (f"l{path}" if path else "")


def _sphere() -> str:
    east = [(lat, 180.0) for lat in range(-90, 91, 2)]
    west = [(lat, -180.0) for lat in range(90, -91, -2)]
    return _line(east + west) + "z"


def _graticule() -> str:
    meridians = (_line([(lat, lon) for lat in range(-90, 91, 2)]) for lon in range(-150, 180, 30))
    parallels = (_line([(lat, -180), (lat, 180)]) for lat in range(-60, 90, 30))
    return "".join((*meridians, *parallels))
