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
    most = max((samples for _, samples in countries.values()), default=0)
    # Logarithmic, because counts of countries span orders of magnitude.
    land = {
        code: (math.log1p(samples) / math.log1p(most), f"{name or code}: {samples:,}")
        for code, (name, samples) in countries.items()
        if samples
    }
    return draw_world(land, "".join(_dots(list(cells))), "World map of the samples")


def draw_world(land: Mapping[str, tuple[float, str]], over: str, label: str) -> str:
    """`land`: country code to its shade, 0 to 1, and what it says when it is pointed at.

    `over`: SVG that stands on top, in the map's units.
    """
    height = MAP_UNITS / ASPECT
    shapes = "".join(_land(code, path, land.get(code)) for code, path in _outlines())
    return (
        f'<svg class="map" viewBox="0 0 {MAP_UNITS} {height:.0f}" role="img"'
        f' aria-label="{escape(label)}">'
        f'<path class="sea" d="{_sphere()}"/><path class="graticule" d="{_graticule()}"/>'
        f"<g>{shapes}</g><g>{over}</g></svg>"
    )


def _land(code: str, path: str, shown: tuple[float, str] | None) -> str:
    if shown is None:
        return f'<path class="land" data-code="{code}" d="{path}"/>'
    shade, title = 1 + int((_SHADES - 1) * shown[0]), f"<title>{escape(shown[1])}</title>"
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
    return line_path([(lat, lon) for lon, lat in ring]) + "z"


def line_path(points: Sequence[tuple[float, float]]) -> str:
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
    return line_path(east + west) + "z"


def _graticule() -> str:
    meridians = (
        line_path([(lat, lon) for lat in range(-90, 91, 2)]) for lon in range(-150, 180, 30)
    )
    parallels = (line_path([(lat, -180), (lat, 180)]) for lat in range(-60, 90, 30))
    return "".join((*meridians, *parallels))
