"""Training curves of several runs, as inline SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import escape

from shards.pages.scatter import short, ticks
from training.compare.entries import Entry

COLOURS = 8
"""Classes `s0` to `s7` of the style sheet."""
MAX_POINTS = 400
_CURVES = (
    ("loss", "training loss"),
    ("validation.loss", "validation loss"),
    ("validation.country.top1", "validation, right country"),
    ("validation.distance_km.median", "validation, median km"),
)
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _FLOOR = 420.0, 240.0, 48.0, 10.0, 14.0, 208.0
Points = list[tuple[float, float]]


def curves(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Title and SVG of each curve that at least one run has."""
    found = []
    for path, title in _CURVES:
        lines = [points_of(entry.epochs, path) for entry in entries]
        if any(len(line) > 1 for line in lines):
            found.append((title, _chart(title, lines, [entry.name for entry in entries])))
    return found


def points_of(epochs: Sequence[Mapping[str, Any]], path: str) -> Points:
    """(epoch, value) wherever there is a number; losses of several heads are added up."""
    found: Points = []
    for row in epochs:
        value: Any = row
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            value = sum(value.values())
        if isinstance(value, int | float):
            found.append((float(row["epoch"]) + 1, float(value)))
    step = max(1, -(-len(found) // MAX_POINTS))
    return found[::step]


def _chart(title: str, lines: Sequence[Points], names: Sequence[str]) -> str:
    every = [point for line in lines for point in line]
    last = max(x for x, _ in every)
    high, low = max(y for _, y in every), min(0.0, min(y for _, y in every))
    tall = (high - low) or 1.0

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * value / last

    def y(value: float) -> float:
        return _FLOOR - (_FLOOR - _TOP) * (value - low) / tall

    box = f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}"
    parts = [f'<svg class="curves" viewBox="{box}" role="img" aria-label="{escape(title)}">']
    for value in ticks(high, 4):
        at = y(value)
        parts += [
            f'<path class="axis" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>',
            f'<text class="tick end" x="{_LEFT - 6}" y="{at + 4:.1f}">{short(value)}</text>',
        ]
    parts += [
        f'<text class="tick" x="{x(value):.1f}" y="{_FLOOR + 16}">{short(value)}</text>'
        for value in ticks(last, 5)
    ]
    for number, (line, name) in enumerate(zip(lines, names, strict=True)):
        if line:
            path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in line)
            parts.append(
                f'<path class="line s{number % COLOURS}" d="M{path}"><title>{escape(name)}</title>'
                "</path>"
            )
    end = f'<text class="tick end" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 2}">epoch</text></svg>'
    return "".join(parts) + end
