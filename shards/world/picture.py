"""Where samples lie, as a PNG: density on country outlines, for places that show no SVG.

The same samples give the same pixels; the bytes are those of the locked version of Pillow. Around
the globe it is transparent, so that it looks right on light and on dark pages.
"""

import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from shards.world.outlines import outlines
from shards.world.projection import ASPECT, project_all

WIDTH = 1280
CELL = 4
"""Pixels: samples nearer to one another than that are one dot."""
_SHARP = 2  # drawn this much larger and scaled down, for smooth edges
_SEA, _GRID = (233, 239, 240), (218, 226, 227)
_LAND, _BORDER = (207, 213, 206), (244, 246, 243)
_FEW, _SOME, _MANY = (242, 170, 84), (206, 74, 38), (94, 14, 52)
_COLOURS = 255
_HANDFUL = 50
_SMALLEST, _LARGEST = 2.5, 4.5  # radii of dots, pixels

Point = tuple[float, float]


def world_picture(samples: Iterable[tuple[float, float, int]]) -> bytes:
    """A PNG, `WIDTH` wide, of (lat, lon, number of samples) in degrees.

    A dot's colour, from orange to dark red, and its size follow the logarithm of its samples.
    """
    image = _world().copy()
    _draw_dots(ImageDraw.Draw(image), _cells(samples))
    out = io.BytesIO()
    # A palette, for a third of the bytes.
    image.reduce(_SHARP).quantize(_COLOURS, Image.Quantize.FASTOCTREE).save(out, "PNG")
    return out.getvalue()


@cache
def _world() -> Image.Image:
    """The globe without samples."""
    image = Image.new("RGBA", (WIDTH * _SHARP, round(WIDTH / ASPECT) * _SHARP), (*_SEA, 0))
    draw = ImageDraw.Draw(image)
    draw.polygon(_sphere(), fill=_SEA)
    for line in _graticule():
        draw.line(line, fill=_GRID, width=_SHARP)
    for rings in outlines().values():
        for ring in rings:
            points = _pixels((lat, lon) for lon, lat in ring)
            draw.polygon(points, fill=_LAND)
            draw.line([*points, points[0]], fill=_BORDER, width=_SHARP)
    return image


def _cells(samples: Iterable[tuple[float, float, int]]) -> Counter[tuple[int, int]]:
    """Samples by the cell of the picture that they fall into."""
    places = np.array(list(samples), float).reshape(-1, 3)
    columns, rows = (
        (pixels / CELL).astype(int).tolist()
        for pixels in project_all(places[:, 0], places[:, 1], WIDTH)
    )
    cells: Counter[tuple[int, int]] = Counter()
    for column, row, count in zip(columns, rows, places[:, 2].tolist(), strict=True):
        cells[column, row] += int(count)
    return cells


def _draw_dots(draw: ImageDraw.ImageDraw, cells: Counter[tuple[int, int]]) -> None:
    most = math.log1p(max(cells.values(), default=1))
    uneven = len(set(cells.values())) > 1
    # A handful would get lost.
    grow = 2 if len(cells) < _HANDFUL else 1
    # Many last, so that they are not hidden.
    for (column, row), count in sorted(cells.items(), key=lambda item: (item[1], item[0])):
        share = math.log1p(count) / most if uneven else 0.5
        radius = (_SMALLEST + (_LARGEST - _SMALLEST) * share) * _SHARP * grow
        x, y = ((place + 0.5) * CELL * _SHARP for place in (column, row))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour(share))


def _colour(share: float) -> tuple[int, int, int]:
    """From few (0) through some to many (1)."""
    low, high, part = (_FEW, _SOME, 2 * share) if share < 0.5 else (_SOME, _MANY, 2 * share - 1)
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(low, high, strict=True))
    return red, green, blue


def _pixels(places: Iterable[Point]) -> list[Point]:
    """Where (lat, lon) in degrees are drawn."""
    lats, lons = np.array(list(places), float).T
    x, y = project_all(lats, lons, WIDTH * _SHARP)
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _sphere() -> list[Point]:
    east = [(lat, 180.0) for lat in range(-90, 91, 2)]
    west = [(lat, -180.0) for lat in range(90, -91, -2)]
    return _pixels(east + west)


def _graticule() -> Iterable[Sequence[Point]]:
    for lon in range(-150, 180, 30):
        yield _pixels((lat, lon) for lat in range(-90, 91, 2))
    for lat in range(-60, 90, 30):
        yield _pixels([(lat, -180), (lat, 180)])
