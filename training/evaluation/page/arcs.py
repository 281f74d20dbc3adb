"""Errors on a map: great circles from where photographs were taken to where the model put them."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from shards.keys import order_hash
from shards.pages.worldmap import line_path
from training.evaluation.page.predictions import Predictions
from training.geometry import Floats, positions_of, unit_vectors

MAX_ARCS = 1500
"""More would be a blot, and a large file."""
STEP_DEGREES = 4.0
NEAR_KM, FAR_KM = 200.0, 2500.0
Point = tuple[float, float]


def error_lines(predictions: Predictions, most: int = MAX_ARCS) -> tuple[str, int]:
    """SVG of at most `most` errors, chosen by the hash of their keys, and how many they are.

    A dot where the photograph was taken, a line to the model's answer; classes `near` (up to 200
    km), `middle` and `far` (more than 2,500 km). Far ones first, so that near ones stay visible.
    """
    known = np.flatnonzero(~np.isnan(predictions.distance_km))
    keys = predictions.keys
    chosen = sorted(known.tolist(), key=lambda row: (order_hash(0, keys[row]), keys[row]))[:most]
    chosen.sort(key=lambda row: (-predictions.distance_km[row], keys[row]))
    return "".join(_error(predictions, row) for row in chosen), len(chosen)


def _error(predictions: Predictions, row: int) -> str:
    km = float(predictions.distance_km[row])
    kind = "near" if km <= NEAR_KM else "middle" if km <= FAR_KM else "far"
    true, answer = predictions.true[row], predictions.answer[row]
    lines = "".join(line_path(piece) for piece in cut(great_circle(true, answer)))
    dot = line_path([(float(true[0]), float(true[1]))]) + "h0"
    return f'<path class="error {kind}" d="{lines}"/><path class="truth {kind}" d="{dot}"/>'


def great_circle(start: Floats, end: Floats) -> list[Point]:
    """Points (lat, lon) in degrees of the shorter arc, `STEP_DEGREES` apart, both ends included.

    Between antipodes, where every great circle is as short, it goes over the north pole (and along
    the equator's meridian 90 between the poles).
    """
    here, there = unit_vectors(*start), unit_vectors(*end)
    across = there - here * (here @ there)
    angle = float(np.arctan2(np.linalg.norm(across), here @ there))
    if np.linalg.norm(across) < 1e-9:
        north = np.array([0.0, 0.0, 1.0]) if abs(here[2]) < 0.999 else np.array([0.0, 1.0, 0.0])
        across = north - here * (here @ north)
    across = across / np.linalg.norm(across)
    steps = max(1, int(np.ceil(np.degrees(angle) / STEP_DEGREES)))
    turns = np.linspace(0, angle, steps + 1)[:, None]
    inner = positions_of(here * np.cos(turns) + across * np.sin(turns))[1:-1]
    ends = [(float(start[0]), float(start[1])), (float(end[0]), float(end[1]))]
    return [ends[0], *((float(lat), float(lon)) for lat, lon in inner), ends[1]]


def cut(points: Sequence[Point]) -> Iterable[list[Point]]:
    """The line in pieces that do not cross the antimeridian; each ends and begins on it."""
    piece = [points[0]]
    for here, there in pairwise(points):
        if abs(there[1] - here[1]) > 180:
            edge = 180.0 if here[1] > 0 else -180.0
            middle = _latitude_at_antimeridian(here, there)
            yield [*piece, (middle, edge)]
            piece = [(middle, -edge)]
        piece.append(there)
    yield piece


def _latitude_at_antimeridian(here: Point, there: Point) -> float:
    """Where the great circle between two points crosses it: where its chord has no y."""
    one, other = unit_vectors(*here), unit_vectors(*there)
    across = one[1] - other[1]
    crossing = one + (other - one) * (one[1] / across if across else 0.0)
    return float(np.degrees(np.arctan2(crossing[2], np.hypot(crossing[0], crossing[1]))))
