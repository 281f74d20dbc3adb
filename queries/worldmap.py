"""The world map as inline SVG. Colours come from the page's style sheet, by class."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

from shards.world.outlines import outlines
from shards.world.projection import ASPECT, project

MAP_WIDTH = 1000.0
_SHADES = 5


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
    height = MAP_WIDTH / ASPECT
    most = max((samples for _, samples in countries.values()), default=0)
    land = [_land(code, path, *countries.get(code, ("", 0)), most) for code, path in _outlines()]
    return (
        f'<svg class="map" viewBox="0 0 {MAP_WIDTH:.0f} {height:.0f}" role="img"'
        ' aria-label="World map of the samples">'
        f'<path class="sea" d="{_sphere()}"/><path class="graticule" d="{_graticule()}"/>'
        f"<g>{''.join(land)}</g><g>{''.join(_dots(list(cells)))}</g></svg>"
    )


def _land(code: str, path: str, name: str, samples: int, most: int) -> str:
    if not samples:
        return f'<path class="land" d="{path}"/>'
    # Logarithmic, because counts of countries span orders of magnitude.
    shade = 1 + int((_SHADES - 1) * math.log1p(samples) / math.log1p(most))
    title = f"<title>{escape(name or code)}: {samples:,}</title>"
    return f'<path class="land shade-{shade}" d="{path}">{title}</path>'


def _dots(cells: list[Cell]) -> Iterable[str]:
    most = max((cell.samples for cell in cells), default=1)
    # Large ones first, so that small neighbours stay visible.
    for cell in sorted(cells, key=lambda cell: (-cell.samples, cell.lat, cell.lon)):
        x, y = project(cell.lat, cell.lon, MAP_WIDTH)
        radius = 1.6 + 8 * math.sqrt(cell.samples / most)
        yield (
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">'
            f"<title>{cell.samples:,} near {cell.lat:.1f}, {cell.lon:.1f}</title></circle>"
        )


@cache
def _outlines() -> tuple[tuple[str, str], ...]:
    """(country code, path) of every country."""
    return tuple((code, "".join(map(_ring, rings))) for code, rings in outlines().items())


def _ring(ring: Sequence[Sequence[float]]) -> str:
    return _line((lat, lon) for lon, lat in ring) + "Z"


def _line(points: Iterable[tuple[float, float]]) -> str:
    """The path through (lat, lon) points, to a tenth of a pixel."""
    steps = []
    last = ""
    for lat, lon in points:
        x, y = project(lat, lon, MAP_WIDTH)
        step = f"{x:.1f} {y:.1f}"
        if step != last:
            steps.append(step)
            last = step
    return "M" + "L".join(steps)


def _sphere() -> str:
    east = [(lat, 180.0) for lat in range(-90, 91, 5)]
    west = [(lat, -180.0) for lat in range(90, -91, -5)]
    return _line(east + west) + "Z"


def _graticule() -> str:
    meridians = (_line((lat, lon) for lat in range(-90, 91, 5)) for lon in range(-150, 180, 30))
    parallels = (_line(((lat, -180), (lat, 180))) for lat in range(-60, 90, 30))
    return "".join((*meridians, *parallels))
