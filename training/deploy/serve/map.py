"""The world as inline SVG, which the page's script shades and marks."""

from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np

from shards.world.outlines import outlines
from shards.world.projection import ASPECT, project_all

WIDTH = 10_000
"""Of the map in its own units: 3.4 km each, which is finer than the outlines are shown."""


@cache
def world_svg() -> str:
    """Equal Earth; a path with `data-code` for each country, and an empty group for marks."""
    height = round(WIDTH / ASPECT)
    land = "".join(
        f'<path class="land" data-code="{code}" d="{"".join(map(_ring, rings))}"/>'
        for code, rings in outlines().items()
    )
    edge = [(180.0, lat) for lat in range(-90, 91, 3)] + [
        (-180.0, lat) for lat in range(90, -91, -3)
    ]
    lines = [[(lon, lat) for lat in range(-90, 91, 3)] for lon in range(-150, 180, 30)]
    lines += [[(lon, lat) for lon in (-180, 180)] for lat in range(-60, 90, 30)]
    return (
        f'<svg id="map" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="World map">'
        f'<path class="sea" d="{_ring(edge)}"/>'
        f'<path class="graticule" d="{"".join(map(_line, lines))}"/>'
        f'<g id="countries">{land}</g><g id="marks"></g></svg>'
    )


def _ring(points: Iterable[Sequence[float]]) -> str:
    return _line(points) + "z"


def _line(points: Iterable[Sequence[float]]) -> str:
    """A path through (lon, lat) points in whole units; as steps, which are shorter to write."""
    lons, lats = np.array(list(points), np.float64).T
    at = np.rint(project_all(lats, lons, WIDTH)).astype(np.int64).T
    steps = np.diff(at, axis=0)
    rest = " ".join(f"{x} {y}" for x, y in steps[steps.any(axis=1)].tolist())
    return f"M{at[0, 0]} {at[0, 1]}" + (f"l{rest}" if rest else "")
